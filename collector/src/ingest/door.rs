//! Who may come in: on loopback anyone, elsewhere who has a certificate.

use std::fmt;
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;

use hearth_proto::AgentId;
use tonic::transport::{Certificate, Identity, ServerTlsConfig};

/// Where the collector listens and whom it lets in. Can't be built open to a
/// network by mistake.
#[derive(Clone)]
pub struct Door {
    addr: SocketAddr,
    tls: Option<ServerTlsConfig>,
}

/// The three files of mutual TLS, in PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The collector's certificate, and those between it and its authority.
    pub cert: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// The authority that signs the agents' certificates.
    pub client_ca: PathBuf,
}

/// Why a door is refused.
#[derive(Debug, thiserror::Error)]
pub enum DoorError {
    /// An open address without certificates.
    #[error(
        "listening on {0} without certificates is not accepted, since others could reach it: give \
         --tls-cert, --tls-key and --client-ca, or listen on 127.0.0.1 or [::1]"
    )]
    Open(SocketAddr),
    /// A certificate file that can't be read.
    #[error("{option} {path} can't be read")]
    File {
        /// Which option named it.
        option: &'static str,
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

impl Door {
    /// A door at `addr`, with mutual TLS where `tls` is given. Only loopback may
    /// go without.
    pub fn new(addr: SocketAddr, tls: Option<&TlsFiles>) -> Result<Self, DoorError> {
        let Some(files) = tls else {
            return if addr.ip().to_canonical().is_loopback() {
                Ok(Self { addr, tls: None })
            } else {
                Err(DoorError::Open(addr))
            };
        };
        let read = |option, path: &PathBuf| {
            fs::read(path).map_err(|source| DoorError::File { option, path: path.clone(), source })
        };
        let identity =
            Identity::from_pem(read("--tls-cert", &files.cert)?, read("--tls-key", &files.key)?);
        let ca = Certificate::from_pem(read("--client-ca", &files.client_ca)?);
        let tls = ServerTlsConfig::new()
            .identity(identity)
            .client_ca_root(ca)
            .timeout(std::time::Duration::from_secs(10));
        Ok(Self { addr, tls: Some(tls) })
    }

    /// A door without certificates on any address: for a lab's own network only.
    pub fn insecure(addr: SocketAddr) -> Self {
        Self { addr, tls: None }
    }

    /// Where to listen.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Whether both sides show certificates.
    pub fn is_mutual(&self) -> bool {
        self.tls.is_some()
    }

    pub(crate) fn tls(&self) -> Option<ServerTlsConfig> {
        self.tls.clone()
    }
}

impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Door")
            .field("addr", &self.addr)
            .field("mutual_tls", &self.is_mutual())
            .finish_non_exhaustive()
    }
}

/// Whether `agent` is among the DNS names of a certificate in DER, which the TLS
/// handshake has already verified.
pub(super) fn certificate_names(certificate: &[u8], agent: &AgentId) -> bool {
    let certificate = certificate.into();
    webpki::EndEntityCert::try_from(&certificate)
        .is_ok_and(|c| c.valid_dns_names().any(|name| name == agent.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_goes_without_certificates() {
        for open in ["0.0.0.0:1", "[::]:1", "192.0.2.1:1", "[::ffff:192.0.2.1]:1"] {
            let e = Door::new(open.parse().unwrap(), None).unwrap_err().to_string();
            assert!(e.contains("--client-ca") && e.contains(open), "{e}");
        }
        for closed in ["127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "[::ffff:127.0.0.1]:1"] {
            assert!(!Door::new(closed.parse().unwrap(), None).unwrap().is_mutual());
        }
    }

    #[test]
    fn a_missing_file_is_named() {
        let missing = PathBuf::from("/nonexistent/cert.pem");
        let files = TlsFiles { cert: missing.clone(), key: missing.clone(), client_ca: missing };
        let e = Door::new("0.0.0.0:1".parse().unwrap(), Some(&files)).unwrap_err();
        assert!(e.to_string().contains("--tls-cert /nonexistent/cert.pem"), "{e}");
    }

    #[test]
    fn a_certificate_names_exactly_its_agents() {
        let key = rcgen::KeyPair::generate().unwrap();
        let params =
            rcgen::CertificateParams::new(vec!["agent-1".into(), "*.home".into()]).unwrap();
        let cert = params.self_signed(&key).unwrap();
        let named = |agent: &str| certificate_names(cert.der(), &agent.parse().unwrap());
        assert!(named("agent-1"));
        assert!(!named("agent-2") && !named("agent") && !named("home"));
        assert!(!certificate_names(b"not DER", &"agent-1".parse().unwrap()));
    }
}
