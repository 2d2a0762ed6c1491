//! Certificates, ciphers and protocols.
//!
//! A client times the TLS handshake as a part of the result, so there are only full
//! ones: no session is resumed, no ticket is given. What is sent is random, so the
//! fastest cipher is as good as any: AES of 128 bits, unless the client puts `ChaCha20`
//! first, as one does whose processor has no AES (most home routers'). ALPN offers
//! HTTP/2, then HTTP/1.1.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::ClientHello;
use rustls::server::NoServerSessionStorage;
use rustls::{CipherSuite, ServerConfig};

/// A certificate, with those between it and its authority, and its private key.
#[derive(Debug)]
pub struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

/// Why a certificate can't be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file that is not there or holds something else.
    #[error("{path} can't be read as a PEM {what}")]
    File {
        /// What it should hold.
        what: &'static str,
        /// Which file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: rustls::pki_types::pem::Error,
    },
    /// No certificate in the file.
    #[error("{0} holds no PEM certificate")]
    Empty(PathBuf),
    /// Certificate and key don't fit, or are not of a kind that is known.
    #[error("the certificate can't be used with its key")]
    Refused(#[source] rustls::Error),
    /// A certificate of our own can't be made.
    #[error("a certificate for {0:?} can't be made")]
    Made(Vec<String>, #[source] rcgen::Error),
}

impl Identity {
    /// From PEM files.
    ///
    /// # Errors
    /// When a file can't be read or holds something else.
    pub fn from_files(cert: &Path, key: &Path) -> Result<Self, TlsError> {
        let failed = |what, path: &Path| {
            let path = path.to_owned();
            move |source| TlsError::File { what, path, source }
        };
        let chain = CertificateDer::pem_file_iter(cert)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(failed("certificate", cert))?;
        if chain.is_empty() {
            return Err(TlsError::Empty(cert.to_owned()));
        }
        let key = PrivateKeyDer::from_pem_file(key).map_err(failed("private key", key))?;
        Ok(Self { chain, key })
    }

    /// A new one for `names` (DNS names and addresses), signed by an authority that
    /// signs nothing else: its key is forgotten here. Returns the authority's
    /// certificate in PEM too, for clients to trust.
    ///
    /// # Errors
    /// When a name can't stand in a certificate.
    pub fn self_signed(names: &[String]) -> Result<(Self, String), TlsError> {
        make(names).map_err(|source| TlsError::Made(names.to_vec(), source))
    }
}

fn make(names: &[String]) -> Result<(Identity, String), rcgen::Error> {
    let authority_key = KeyPair::generate()?;
    let mut authority = CertificateParams::new(Vec::new())?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    authority.distinguished_name.push(DnType::CommonName, "Hearth test server's own authority");
    let trusted = authority.self_signed(&authority_key)?.pem();
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name.push(DnType::CommonName, "Hearth test server");
    params.use_authority_key_identifier_extension = true;
    let cert = params.signed_by(&key, &Issuer::new(authority, authority_key))?;
    let identity = Identity {
        chain: vec![cert.der().clone()],
        key: PrivateKeyDer::Pkcs8(key.serialize_der().into()),
    };
    Ok((identity, trusted))
}

/// Names that a certificate of our own needs for clients of `listen`: loopback's, and
/// the addresses that are known.
pub fn names_for<'a>(
    name: Option<&str>,
    listen: impl IntoIterator<Item = &'a IpAddr>,
) -> Vec<String> {
    let mut names: Vec<String> = name.map(str::to_owned).into_iter().collect();
    names.extend(["localhost", "127.0.0.1", "::1"].map(str::to_owned));
    names.extend(listen.into_iter().filter(|ip| !ip.is_unspecified()).map(ToString::to_string));
    let mut seen = std::collections::HashSet::new();
    names.retain(|name| seen.insert(name.clone()));
    names
}

/// What the server shows and speaks, for each kind of client.
#[derive(Debug, Clone)]
pub struct ServerTls {
    aes_first: Arc<ServerConfig>,
    chacha_first: Arc<ServerConfig>,
}

impl ServerTls {
    /// With `identity` for all.
    ///
    /// # Errors
    /// When the certificate and its key don't fit.
    pub fn new(identity: &Identity) -> Result<Self, TlsError> {
        Ok(Self { aes_first: config(identity, false)?, chacha_first: config(identity, true)? })
    }

    pub(super) fn for_client(&self, hello: &ClientHello<'_>) -> Arc<ServerConfig> {
        let chosen = if prefers_chacha(hello.cipher_suites()) {
            &self.chacha_first
        } else {
            &self.aes_first
        };
        Arc::clone(chosen)
    }
}

/// Whether a client's list of cipher suites begins with `ChaCha20`, values that stand for
/// nothing (RFC 8701) aside.
fn prefers_chacha(suites: &[CipherSuite]) -> bool {
    let known = suites.iter().find(|suite| suite.as_str().is_some_and(|s| s.starts_with("TLS")));
    known.and_then(rustls::CipherSuite::as_str).is_some_and(is_chacha)
}

fn is_chacha(suite: &str) -> bool {
    suite.contains("CHACHA20")
}

fn config(identity: &Identity, chacha_first: bool) -> Result<Arc<ServerConfig>, TlsError> {
    let (chain, key) = (identity.chain.clone(), identity.key.clone_key());
    let mut config = ServerConfig::builder_with_provider(Arc::new(fastest(chacha_first)))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
        .map_err(TlsError::Refused)?;
    config.ignore_client_order = true;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(Arc::new(config))
}

/// The ciphers, the fastest first.
fn fastest(chacha_first: bool) -> CryptoProvider {
    let mut provider = ring::default_provider();
    provider.cipher_suites.sort_by_key(|suite| {
        let name = suite.suite().as_str().unwrap_or_default();
        match (is_chacha(name), name.contains("AES_128")) {
            (true, _) if chacha_first => 0,
            (false, true) => 1,
            (true, _) => 2,
            (false, false) => 3,
        }
    });
    provider
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_full_handshakes_and_the_fastest_cipher_first() {
        let (identity, trusted) = Identity::self_signed(&names_for(None, [])).unwrap();
        assert!(trusted.contains("BEGIN CERTIFICATE"));
        let tls = ServerTls::new(&identity).unwrap();
        for config in [&tls.aes_first, &tls.chacha_first] {
            assert_eq!(config.send_tls13_tickets, 0);
            assert!(!config.session_storage.can_cache() && !config.ticketer.enabled());
        }
        let first = |config: &ServerConfig| config.crypto_provider().cipher_suites[0].suite();
        assert_eq!(first(&tls.aes_first), CipherSuite::TLS13_AES_128_GCM_SHA256);
        assert_eq!(first(&tls.chacha_first), CipherSuite::TLS13_CHACHA20_POLY1305_SHA256);
    }

    #[test]
    fn the_client_knows_whether_its_processor_has_aes() {
        use CipherSuite as S;

        let grease = S::from(0x1a1a_u16);
        let chacha = S::TLS13_CHACHA20_POLY1305_SHA256;
        assert!(prefers_chacha(&[grease, chacha, S::TLS13_AES_128_GCM_SHA256]));
        assert!(!prefers_chacha(&[grease, S::TLS13_AES_256_GCM_SHA384, chacha]));
        assert!(!prefers_chacha(&[]));
    }

    #[test]
    fn names_are_those_that_clients_can_ask_for() {
        let listen: Vec<IpAddr> =
            ["0.0.0.0", "::", "::1", "192.0.2.7"].map(|ip| ip.parse().unwrap()).to_vec();
        let names = names_for(Some("nq.example.net"), &listen);
        assert_eq!(names, ["nq.example.net", "localhost", "127.0.0.1", "::1", "192.0.2.7"]);
    }

    #[test]
    fn a_wrong_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let (cert, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
        let e = Identity::from_files(&cert, &key).unwrap_err();
        assert!(e.to_string().contains("cert.pem can't be read as a PEM certificate"), "{e}");
        std::fs::write(&cert, "nothing of the kind").unwrap();
        let e = Identity::from_files(&cert, &key).unwrap_err();
        assert!(e.to_string().contains("holds no PEM certificate"), "{e}");
        let (_, trusted) = Identity::self_signed(&["localhost".into()]).unwrap();
        std::fs::write(&cert, trusted).unwrap();
        std::fs::write(&key, "nor this").unwrap();
        let e = Identity::from_files(&cert, &key).unwrap_err();
        assert!(e.to_string().contains("key.pem can't be read as a PEM private key"), "{e}");
    }
}
