//! A TLS server's side for this room's tests.

use std::sync::Arc;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, SupportedProtocolVersion};

/// For a server named `name`, with a certificate of its own, which follows in PEM.
pub(crate) fn server(
    name: &str,
    versions: &[&'static SupportedProtocolVersion],
    alpn: &[&[u8]],
) -> (ServerConfig, Vec<u8>) {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed([name.into()]).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    config.alpn_protocols = alpn.iter().map(|protocol| protocol.to_vec()).collect();
    (config, cert.pem().into_bytes())
}
