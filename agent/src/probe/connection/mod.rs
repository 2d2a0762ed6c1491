//! TCP and TLS connections by a link, each phase timed alone and every octet
//! counted.
//!
//! [`connect`] makes a TCP connection (`tcp_connect_ms`) whose [`Counted`] stream
//! ([`stream`]) counts into an [`Account`] ([`crate::link::meter`] says how). [`Tls`] is
//! whom to trust and which protocols to offer; [`Tls::handshake`] secures a stream
//! (`tls_handshake_ms`, with the round trips it took).
//!
//! ```no_run
//! # async fn example(outlet: hearth_agent::probe::outlet::Outlet) -> anyhow::Result<()> {
//! # use std::sync::Arc;
//! # use hearth_agent::probe::connection::{self, Account, Tls};
//! # use hearth_agent::link::spending::Spending;
//! # use hearth_proto::Purpose;
//! let account = Account { spending: Arc::new(Spending::default()), purpose: Purpose::Probes };
//! let tls = Tls::new(None, &[b"h2", b"http/1.1"])?;
//! let to = "192.0.2.1:443".parse()?;
//! let tcp = connection::connect(&outlet, to, account, connection::link_header(&outlet)).await?;
//! let secure = tls.handshake(tcp.stream, "probe.example").await?;
//! println!("{:?}, then {:?} in {} round trips", tcp.took, secure.took, secure.round_trips);
//! # Ok(())
//! # }
//! ```

mod ration;
mod stream;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hearth_proto::{Cause, Family};
use rustls::client::Resumption;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, InvalidDnsNameError, ServerName};
use rustls::{ClientConfig, HandshakeKind, ProtocolVersion};
use rustls_platform_verifier::Verifier;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

pub use crate::link::meter::{Account, Meter};
pub use ration::{Ration, UsedUp};
pub use stream::{Counted, TooMuch, USUALLY_ALLOWED};

use super::outlet::{Outlet, OutletError};
use crate::clock;
use crate::link::meter;

/// Octets of an answer's header fields.
pub const MOST_HEADERS: u32 = 16 * 1024;

/// The longest that each phase may take.
pub const PHASE_TIMEOUT: Duration = Duration::from_secs(10);

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Nothing leads there.
    #[error(transparent)]
    Outlet(#[from] OutletError),
    /// The far end or a router refused.
    #[error("can't connect to {to}")]
    Tcp {
        /// To whom.
        to: SocketAddr,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// No TLS came about: an untrusted certificate, another name on it, no
    /// common version, or no TLS at all.
    #[error("no TLS with {name}: {}", tls_words(name, error).unwrap_or_else(|| error.to_string()))]
    Tls {
        /// The name asked for.
        name: String,
        /// Why: told above in words, so no source.
        error: io::Error,
    },
    /// Nothing came back in time.
    #[error("{phase} took longer than {} s", PHASE_TIMEOUT.as_secs())]
    Timeout {
        /// "TCP" or "TLS".
        phase: &'static str,
    },
    /// A name that no certificate can bear.
    #[error("{name:?} is neither a host name nor an address")]
    Name {
        /// The name asked for.
        name: String,
        /// Why.
        #[source]
        source: InvalidDnsNameError,
    },
}

impl ConnectError {
    /// The cause under which a probe that met this error counts.
    pub fn cause(&self) -> Cause {
        match self {
            Self::Outlet(error) => error.cause(),
            Self::Tcp { source, .. } => super::tcp::cause(source),
            Self::Tls { error, .. } if error.raw_os_error().is_some() => super::tcp::cause(error),
            Self::Tls { .. } => Cause::Protocol,
            Self::Timeout { .. } => Cause::Timeout,
            Self::Name { .. } => Cause::Local,
        }
    }

    /// What is wrong with the server's certificate or its TLS, in words; `None` where it
    /// did not come so far.
    pub fn tls_words(&self) -> Option<String> {
        let Self::Tls { error, name } = self else { return None };
        tls_words(name, error)
    }

    /// What would help where the certificate is of an authority that nobody named.
    pub fn remedy(&self) -> &'static str {
        if !self.is_unknown_authority() {
            return "";
        }
        "; if the certificate is signed by an authority of your own, name its file as CA"
    }

    /// Whether naming a further authority could help.
    pub fn is_unknown_authority(&self) -> bool {
        use rustls::{CertificateError as Wrong, Error};
        let Self::Tls { error, .. } = self else { return false };
        matches!(
            error.get_ref().and_then(|error| error.downcast_ref::<Error>()),
            Some(Error::InvalidCertificate(Wrong::UnknownIssuer | Wrong::BadSignature))
        )
    }

    /// Whether the server speaks none of the application protocols offered
    /// (RFC 7301, `no_application_protocol`).
    pub fn is_no_protocol(&self) -> bool {
        let Self::Tls { error, .. } = self else { return false };
        let alert = error.get_ref().and_then(|e| e.downcast_ref::<rustls::Error>());
        matches!(
            alert,
            Some(rustls::Error::AlertReceived(rustls::AlertDescription::NoApplicationProtocol))
        )
    }
}

fn tls_words(name: &str, error: &io::Error) -> Option<String> {
    use rustls::{CertificateError as Wrong, Error};
    let error = error.get_ref()?.downcast_ref::<Error>()?;
    let Error::InvalidCertificate(wrong) = error else {
        return Some(error.to_string());
    };
    let why = match wrong {
        Wrong::UnknownIssuer => "no known authority has signed it".to_owned(),
        Wrong::BadSignature => {
            "an authority has signed it that has a known one's name, but another key".to_owned()
        }
        Wrong::Expired | Wrong::ExpiredContext { .. } => "it has expired".to_owned(),
        Wrong::NotValidYet | Wrong::NotValidYetContext { .. } => {
            "it is not valid yet, by this clock".to_owned()
        }
        Wrong::NotValidForName | Wrong::NotValidForNameContext { .. } => {
            format!("it is not for {name}")
        }
        // rustls has no name of its own for it. `openssl req -x509` makes such by default.
        Wrong::Other(other) if other.to_string().contains("CaUsedAsEndEntity") => {
            "it is an authority's (CA:TRUE), and not a server's".to_owned()
        }
        other => other.to_string(),
    };
    Some(format!("certificate not trusted: {why}"))
}

/// A TCP connection.
#[derive(Debug)]
pub struct Connected {
    /// Its stream.
    pub stream: Counted,
    /// `tcp_connect_ms`: from the SYN to the connection.
    pub took: Duration,
}

/// Connects to `to` and counts into `account`; `link_header` is the function's of
/// that name, read once for many connections.
///
/// # Errors
/// Why there is no connection.
pub async fn connect(
    outlet: &Outlet,
    to: SocketAddr,
    account: Account,
    link_header: u64,
) -> Result<Connected, ConnectError> {
    let family = if to.is_ipv4() { Family::V4 } else { Family::V6 };
    let (socket, to) = outlet.tcp(to).await?;
    let meter = Meter::new(account, family, link_header);
    let connected = timeout(PHASE_TIMEOUT, meter::connect(socket, to, &meter)).await;
    let (stream, took) = connected
        .map_err(|_| ConnectError::Timeout { phase: "TCP" })?
        .map_err(|source| ConnectError::Tcp { to, source })?;
    Ok(Connected { stream: Counted::new(stream, meter), took })
}

/// Octets of the link's own header by this way out: 14 on what looks like
/// Ethernet (the loopback device too), 0 on TUN, PPP and raw IP.
pub fn link_header(outlet: &Outlet) -> u64 {
    const ETHERNET: u64 = 14;
    const LIKE_ETHERNET: [&str; 2] = ["1", "772"];
    let Some(interface) = outlet.interface() else { return ETHERNET };
    match std::fs::read_to_string(format!("/sys/class/net/{interface}/type")) {
        Ok(kind) if !LIKE_ETHERNET.contains(&kind.trim()) => 0,
        _ => ETHERNET,
    }
}

/// Why TLS can't be used at all.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The further authority is not one.
    #[error("the further authority's certificate is not valid PEM")]
    Authority(#[source] rustls::pki_types::pem::Error),
    /// It has no certificate in it.
    #[error("there is no certificate in the further authority's PEM")]
    NoAuthority,
    /// Most often: the system has no root certificates.
    #[error("no certificates to trust: install the system's (ca-certificates) or name one")]
    Roots(#[source] rustls::Error),
}

/// Whom to trust and which application protocols to offer. Its clones share it.
#[derive(Debug, Clone)]
pub struct Tls(Arc<ClientConfig>);

/// A secured connection.
#[derive(Debug)]
pub struct Secured {
    /// Its stream.
    pub stream: TlsStream<Counted>,
    /// `tls_handshake_ms`: from the first octet until the stream can be used.
    pub took: Duration,
    /// How many round trips that was: 1 in TLS 1.3, 2 in TLS 1.2, and one more
    /// after a `HelloRetryRequest`.
    pub round_trips: u32,
    /// The application protocol agreed on (ALPN), if any.
    pub protocol: Option<Vec<u8>>,
}

impl Tls {
    /// Trusts the system's authorities and those in `ca_pem`, and offers these
    /// application protocols. Sessions are never resumed, so that every handshake
    /// is a whole one. Reads the system's certificates: make it once.
    ///
    /// # Errors
    /// When there is nobody to trust, or `ca_pem` holds no certificate.
    pub fn new(ca_pem: Option<&[u8]>, protocols: &[&[u8]]) -> Result<Self, TlsError> {
        let further: Vec<_> = match ca_pem {
            Some(pem) => CertificateDer::pem_slice_iter(pem)
                .collect::<Result<_, _>>()
                .map_err(TlsError::Authority)?,
            None => Vec::new(),
        };
        if ca_pem.is_some() && further.is_empty() {
            return Err(TlsError::NoAuthority);
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = Verifier::new_with_extra_roots(further, Arc::clone(&provider))
            .map_err(TlsError::Roots)?;
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Roots)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|p| p.to_vec()).collect();
        config.resumption = Resumption::disabled();
        Ok(Self(Arc::new(config)))
    }

    /// Secures a stream to the host `name`.
    ///
    /// # Errors
    /// Why no TLS came about.
    pub async fn handshake(&self, stream: Counted, name: &str) -> Result<Secured, ConnectError> {
        let bare = name.trim_start_matches('[').trim_end_matches(']');
        let server = ServerName::try_from(bare.to_owned())
            .map_err(|source| ConnectError::Name { name: name.to_owned(), source })?;
        let connecting = TlsConnector::from(Arc::clone(&self.0)).connect(server, stream);
        let began = clock::now();
        let stream = timeout(PHASE_TIMEOUT, connecting).await;
        let took = clock::now().saturating_duration_since(began);
        let stream = stream
            .map_err(|_| ConnectError::Timeout { phase: "TLS" })?
            .map_err(|error| ConnectError::Tls { name: name.to_owned(), error })?;
        let (_, session) = stream.get_ref();
        let once = if session.protocol_version() == Some(ProtocolVersion::TLSv1_3) { 1 } else { 2 };
        let again = session.handshake_kind() == Some(HandshakeKind::FullWithHelloRetryRequest);
        let protocol = session.alpn_protocol().map(<[u8]>::to_vec);
        Ok(Secured { round_trips: once + u32::from(again), protocol, took, stream })
    }
}

#[cfg(test)]
mod tests;
