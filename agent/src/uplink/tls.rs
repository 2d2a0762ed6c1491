//! Certificates for an encrypted uplink.

use std::fmt;

use tonic::transport::{Certificate, ClientTlsConfig, Identity};

/// Whom the agent trusts and who it is. All in PEM.
#[derive(Clone)]
pub struct UplinkTls {
    /// The authority that signed the collector's certificate.
    pub ca: Vec<u8>,
    /// This agent's certificate, its id among the DNS names, and those between
    /// it and the authority.
    pub certificate: Vec<u8>,
    /// The certificate's private key.
    pub key: Vec<u8>,
    /// The name on the collector's certificate, where it is not the address's.
    pub server_name: Option<String>,
}

impl UplinkTls {
    pub(super) fn to_tonic(&self) -> ClientTlsConfig {
        let tls = ClientTlsConfig::new()
            .ca_certificate(Certificate::from_pem(&self.ca))
            .identity(Identity::from_pem(&self.certificate, &self.key));
        match &self.server_name {
            Some(name) => tls.domain_name(name),
            None => tls,
        }
    }
}

impl fmt::Debug for UplinkTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The key stays out of logs.
        f.debug_struct("UplinkTls").field("server_name", &self.server_name).finish_non_exhaustive()
    }
}
