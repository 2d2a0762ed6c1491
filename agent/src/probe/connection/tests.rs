use hearth_proto::Purpose;
use rustls::ServerConfig;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::link::counters::Bytes;
use crate::link::spending::Spending;
use crate::probe::test_tls;

/// An echo over TLS: its address and its certificate in PEM.
async fn server(
    name: &str,
    tune: impl FnOnce(&mut ServerConfig),
    versions: &[&'static rustls::SupportedProtocolVersion],
) -> (SocketAddr, Vec<u8>) {
    let (mut config, pem) = test_tls::server(name, versions, &[]);
    tune(&mut config);
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let mut stream = acceptor.accept(stream).await?;
                let mut buffer = vec![0; 4096];
                loop {
                    let n = stream.read(&mut buffer).await?;
                    if n == 0 {
                        break;
                    }
                    stream.write_all(&buffer[..n]).await?;
                    stream.flush().await?;
                }
                stream.shutdown().await
            });
        }
    });
    (at, pem)
}

fn account() -> Account {
    Account { spending: Arc::new(Spending::default()), purpose: Purpose::Probes }
}

async fn secure(to: SocketAddr, ca: &[u8], name: &str) -> Result<Secured, ConnectError> {
    let tls = Tls::new(Some(ca), &[b"h2", b"http/1.1"]).unwrap();
    let tcp = connect(&Outlet::System, to, account(), 14).await?;
    assert!(tcp.took > Duration::ZERO);
    tls.handshake(tcp.stream, name).await
}

#[tokio::test]
async fn round_trips_are_those_of_the_version_and_a_retry_adds_one() {
    let both = rustls::ALL_VERSIONS;
    let h2 = |c: &mut ServerConfig| c.alpn_protocols = vec![b"h2".to_vec()];
    let (to, ca) = server("probe.example", h2, both).await;
    let got = secure(to, &ca, "probe.example").await.unwrap();
    assert_eq!((got.round_trips, got.protocol.as_deref()), (1, Some(b"h2".as_slice())));
    assert!(got.took > Duration::ZERO);

    let (to, ca) = server("probe.example", |_| {}, &[&rustls::version::TLS12]).await;
    let got = secure(to, &ca, "probe.example").await.unwrap();
    assert_eq!((got.round_trips, got.protocol), (2, None));

    let another_group = |config: &mut ServerConfig| {
        let mut provider = rustls::crypto::ring::default_provider();
        provider.kx_groups = vec![rustls::crypto::ring::kx_group::SECP384R1];
        let fresh = ServerConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&config.cert_resolver));
        *config = fresh;
    };
    let (to, ca) = server("probe.example", another_group, both).await;
    assert_eq!(secure(to, &ca, "probe.example").await.unwrap().round_trips, 2);
}

#[tokio::test]
async fn failures_tell_their_cause_and_why() {
    let (to, ca) = server("probe.example", |_| {}, rustls::ALL_VERSIONS).await;
    let other = secure(to, &ca, "other.example").await.unwrap_err();
    assert_eq!(other.cause(), Cause::Protocol);
    let why = crate::chain::chain(&other);
    assert_eq!(
        why,
        "no TLS with other.example: certificate not trusted: it is not for other.example"
    );
    assert_eq!(other.remedy(), "");
    let (_, stranger) = server("probe.example", |_| {}, rustls::ALL_VERSIONS).await;
    let untrusted = secure(to, &stranger, "probe.example").await.unwrap_err();
    assert_eq!(untrusted.cause(), Cause::Protocol);
    assert!(untrusted.remedy().contains("name its file as CA"));
    let authority = rustls::Error::InvalidCertificate(rustls::CertificateError::Other(
        rustls::OtherError(Arc::new(io::Error::other("CaUsedAsEndEntity"))),
    ));
    let error = io::Error::new(io::ErrorKind::InvalidData, authority);
    let authority = ConnectError::Tls { name: "probe.example".into(), error };
    assert!(authority.to_string().ends_with("an authority's (CA:TRUE), and not a server's"));

    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let refused = secure(closed, &ca, "probe.example").await.unwrap_err();
    assert_eq!(refused.cause(), Cause::Refused);
    assert!(matches!(Tls::new(Some(b"nothing"), &[]), Err(TlsError::NoAuthority)));
}

#[tokio::test]
async fn every_octet_is_counted_whatever_the_reads() {
    let (to, ca) = server("probe.example", |_| {}, rustls::ALL_VERSIONS).await;
    let tls = Tls::new(Some(&ca), &[]).unwrap();
    for ahead in [0, 64 * 1024] {
        let account = account();
        let spending = Arc::clone(&account.spending);
        let mut tcp = connect(&Outlet::System, to, account, 14).await.unwrap();
        let meter = Arc::clone(tcp.stream.meter());
        assert_eq!(meter.payload(), Bytes::default());
        tcp.stream.read_ahead(ahead);
        let mut stream = tls.handshake(tcp.stream, "probe.example").await.unwrap().stream;
        let shaken = meter.payload();
        assert!(shaken.rx > 500 && shaken.tx > 200, "{shaken:?}");
        let sent = vec![7; 100_000];
        let (mut read, mut write) = tokio::io::split(&mut stream);
        let mut got = vec![0; sent.len()];
        let both = tokio::join!(
            async {
                write.write_all(&sent).await.unwrap();
                write.flush().await
            },
            read.read_exact(&mut got)
        );
        both.0.unwrap();
        both.1.unwrap();
        assert_eq!(got, sent);
        let payload = meter.payload();
        // Records cost 22 octets each.
        assert!((100_000..108_000).contains(&(payload.tx - shaken.tx)), "{payload:?}");
        assert!((100_000..108_000).contains(&(payload.rx - shaken.rx)), "{payload:?}");
        assert_eq!(spending.total(), meter.on_the_wire());
        assert!(spending.total().rx > payload.rx + 66);
    }
}
