//! Certificates, ciphers and protocols.
//!
//! A client times the TLS handshake as a part of the result, so there are only full
//! ones: no session is resumed, no ticket is given. What is sent is random, so of the
//! ciphers only the fast ones are offered; the client chooses, since it knows best
//! whether its processor has AES (most home routers' have not). ALPN offers HTTP/2,
//! then HTTP/1.1.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::NoServerSessionStorage;

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

/// What the server shows and speaks.
///
/// # Errors
/// When the certificate and its key don't fit.
pub fn server_config(identity: Identity) -> Result<Arc<ServerConfig>, TlsError> {
    let mut config = ServerConfig::builder_with_provider(Arc::new(fast()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| {
            builder.with_no_client_auth().with_single_cert(identity.chain, identity.key)
        })
        .map_err(TlsError::Refused)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(Arc::new(config))
}

/// Without the ciphers of 256-bit AES: they take longer, and nothing here is secret.
fn fast() -> CryptoProvider {
    use ring::cipher_suite as suite;

    let mut provider = ring::default_provider();
    let slow = [
        suite::TLS13_AES_256_GCM_SHA384,
        suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
        suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
    ];
    provider.cipher_suites.retain(|suite| !slow.contains(suite));
    provider
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_full_handshakes_and_fast_ciphers() {
        let (identity, trusted) = Identity::self_signed(&names_for(None, [])).unwrap();
        assert!(trusted.contains("BEGIN CERTIFICATE"));
        let config = server_config(identity).unwrap();
        assert_eq!(config.send_tls13_tickets, 0);
        assert!(!config.session_storage.can_cache() && !config.ticketer.enabled());
        assert!(!config.ignore_client_order, "the client knows what its processor can do");
        let suites = &config.crypto_provider().cipher_suites;
        assert!(suites.contains(&ring::cipher_suite::TLS13_AES_128_GCM_SHA256));
        assert!(suites.iter().all(|s| !format!("{s:?}").contains("AES_256")), "{suites:?}");
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
