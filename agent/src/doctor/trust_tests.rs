//! The doctor at collectors whose TLS is wrong, each in its way.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::RootCertStore;
use rustls::pki_types::PrivateKeyDer;
use rustls::server::WebPkiClientVerifier;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::far::collector;
use super::{Finding, Level, Patient};
use crate::config;

/// An authority.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    fn new(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// A certificate and its key that it signs for `name`, valid in those years.
    fn sign(&self, name: &str, from: i32, until: i32) -> (rcgen::Certificate, KeyPair) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![name.into()]).unwrap();
        params.not_before = date_time_ymd(from, 1, 1);
        params.not_after = date_time_ymd(until, 1, 1);
        (params.signed_by(&key, &self.issuer).unwrap(), key)
    }
}

/// A collector with `own` certificate that trusts agents signed by `clients`, and
/// says at each request that it is there.
async fn serve(own: (rcgen::Certificate, KeyPair), clients: &Authority, date: &str) -> SocketAddr {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    roots
        .add(rustls::pki_types::pem::PemObject::from_pem_slice(clients.pem.as_bytes()).unwrap())
        .unwrap();
    let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), Arc::clone(&provider));
    let key = PrivateKeyDer::try_from(own.1.serialize_der()).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier.build().unwrap())
        .with_single_cert(vec![own.0.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let date = date.to_owned();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let _ = stream.read(&mut [0; 4096]).await;
            let text = format!("HTTP/1.1 200 OK\r\n{date}Content-Length: 0\r\n\r\n");
            let _ = stream.write_all(text.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    });
    at
}

/// What the doctor finds, with an agent's certificate by `mine` and a trust in `ca`.
async fn examine(
    at: SocketAddr,
    ca: &Authority,
    mine: (rcgen::Certificate, KeyPair),
    folder: &Path,
) -> Vec<Finding> {
    let file = |name: &str, text: String| {
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let (ca, cert) = (file("ca.pem", ca.pem.clone()), file("cert.pem", mine.0.pem()));
    let key = file("key.pem", mine.1.serialize_pem());
    let text = format!(
        "household = \"home-1\"\ncollector = \"https://localhost:{}\"\n[tls]\n\
         ca = {ca:?}\ncert = {cert:?}\nkey = {key:?}\n",
        at.port()
    );
    let path = folder.join("agent.toml");
    let config = config::parse(&text, &path, []).unwrap();
    let settings = config.links.clone();
    collector(Arc::new(Patient {
        path,
        config: Some(config),
        settings,
        machine: None,
        links: Vec::new(),
        binder: None,
        root: PathBuf::from("/"),
    }))
    .await
}

fn problem<'f>(findings: &'f [Finding], parts: &[&str]) -> &'f Finding {
    let found = findings.iter().find(|f| f.level == Level::Problem);
    let found = found.unwrap_or_else(|| panic!("no problem: {findings:?}"));
    let told = format!("{}: {} → {}", found.check, found.why, found.remedy).to_lowercase();
    for part in parts {
        assert!(told.contains(part), "{part:?} is not in: {told}");
    }
    found
}

#[tokio::test]
async fn a_collector_that_can_be_trusted_is_fine_and_its_clock_is_compared() {
    let folder = tempfile::tempdir().unwrap();
    let ca = Authority::new("ours");
    let at = serve(ca.sign("localhost", 2020, 2090), &ca, "").await;
    let found = examine(at, &ca, ca.sign("agent-1", 2020, 2090), folder.path()).await;
    assert!(found.iter().all(|f| f.level == Level::Ok), "{found:?}");
    assert!(found.iter().any(|f| f.check == "collector's certificate"), "{found:?}");

    let at =
        serve(ca.sign("localhost", 2020, 2090), &ca, "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n")
            .await;
    let found = examine(at, &ca, ca.sign("agent-1", 2020, 2090), folder.path()).await;
    problem(&found, &["ahead", "time service"]);
}

#[tokio::test]
async fn each_wrong_certificate_has_its_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let (ca, stranger) = (Authority::new("ours"), Authority::new("theirs"));
    let good = || ca.sign("agent-1", 2020, 2090);

    let expired = serve(ca.sign("localhost", 2020, 2021), &ca, "").await;
    problem(&examine(expired, &ca, good(), folder.path()).await, &["expired", "renew", "clock"]);

    // A clock that is behind: what is valid already seems to begin in the future.
    let future = serve(ca.sign("localhost", 2080, 2090), &ca, "").await;
    let found = examine(future, &ca, good(), folder.path()).await;
    problem(&found, &["not valid yet", "set this machine's clock"]);

    let other = serve(ca.sign("collector.example", 2020, 2090), &ca, "").await;
    let found = examine(other, &ca, good(), folder.path()).await;
    problem(&found, &["not valid for name", "must name localhost"]);

    let signed_by_another = serve(stranger.sign("localhost", 2020, 2090), &ca, "").await;
    let found = examine(signed_by_another, &ca, good(), folder.path()).await;
    problem(&found, &["unknownissuer", "authority that signed", "tls.ca"]);

    let anew = Authority::new("ours");
    let signed_anew = serve(anew.sign("localhost", 2020, 2090), &ca, "").await;
    let found = examine(signed_anew, &ca, good(), folder.path()).await;
    problem(&found, &["badsignature", "made anew", "tls.ca"]);
}

#[tokio::test]
async fn an_agents_certificate_that_is_refused_is_told_from_the_collectors() {
    let folder = tempfile::tempdir().unwrap();
    let (ca, stranger) = (Authority::new("ours"), Authority::new("theirs"));
    let at = serve(ca.sign("localhost", 2020, 2090), &ca, "").await;
    let found = examine(at, &ca, stranger.sign("agent-1", 2020, 2090), folder.path()).await;
    problem(&found, &["refuses this agent's certificate", "tls.cert"]);
    let found = examine(at, &ca, ca.sign("agent-1", 2020, 2021), folder.path()).await;
    problem(&found, &["agent's certificate", "expired", "tls.cert"]);
}
