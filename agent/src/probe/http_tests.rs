use std::sync::Arc;

use hearth_proto::Purpose;
use http::Response;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::link::spending::Spending;
use crate::probe::test_tls;

fn account() -> Account {
    Account { spending: Arc::new(Spending::default()), purpose: Purpose::Probes }
}

/// Answers every connection with `response` after reading something.
async fn server(response: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut buffer = [0; 1024];
            let _ = stream.read(&mut buffer).await;
            let _ = stream.write_all(response).await;
        }
    });
    at
}

async fn ask(response: &'static [u8]) -> Attempt {
    let at = server(response).await;
    let url = Url::parse(&format!("http://home.example:{}/", at.port())).unwrap();
    Http::open(&Outlet::System, &url, at, account(), None).unwrap().ask().await
}

#[tokio::test]
async fn phases_are_told_apart() {
    let got = ask(b"HTTP/1.1 204 No Content\r\n\r\n").await;
    assert_eq!((got.status, got.tls), (Some(204), None));
    let phases: Vec<_> = got.phases().map(|(probe, phase)| (probe, phase.is_ok())).collect();
    assert_eq!(phases, [(ProbeKind::TcpConnect, true), (ProbeKind::HttpTtfb, true)]);
    assert_eq!(got.outcome(), got.ttfb.unwrap());
}

#[tokio::test]
async fn failures_count_by_cause_in_their_phase() {
    let failed = ask(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n").await;
    assert_eq!((failed.ttfb, failed.status), (Some(Err(Cause::Status)), Some(503)));
    assert!(failed.connect.is_ok());
    let rubbish = ask(b"220 mail.example\r\n").await;
    assert_eq!(rubbish.ttfb, Some(Err(Cause::Protocol)));
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let url = Url::parse("http://home.example/").unwrap();
    let failed = Http::open(&Outlet::System, &url, closed, account(), None).unwrap().ask().await;
    assert_eq!(failed, Attempt::ended(Err(Cause::Refused)));
    assert_eq!(failed.outcome(), Err(Cause::Refused));
}

#[tokio::test]
async fn each_request_connects_anew_and_is_paid_for() {
    let at = server(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    let url = Url::parse(&format!("http://{at}/")).unwrap();
    let account = account();
    let http = Http::open(&Outlet::System, &url, at, account.clone(), None).unwrap();
    for _ in 0..3 {
        assert!(http.ask().await.outcome().is_ok());
    }
    assert!(account.spending.of(Purpose::Probes).tx_bytes > 3 * 200);
}

/// An HTTPS server that offers `protocol`, and its certificate in PEM.
async fn secure(protocol: &[u8]) -> (SocketAddr, Tls) {
    let (config, pem) = test_tls::server("home.example", rustls::ALL_VERSIONS, &[protocol]);
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let second = protocol == HTTP2;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            tokio::spawn(async move {
                if second {
                    let mut connection = h2::server::handshake(stream).await.unwrap();
                    while let Some(Ok((request, mut respond))) = connection.accept().await {
                        assert_eq!(request.uri().path_and_query().unwrap(), "/a?b=c");
                        assert_eq!(request.uri().host(), Some("home.example"));
                        respond.send_response(Response::new(()), true).unwrap();
                    }
                } else {
                    let mut buffer = [0; 1024];
                    let n = stream.read(&mut buffer).await.unwrap();
                    let head = std::str::from_utf8(&buffer[..n]).unwrap();
                    assert!(head.starts_with("GET /a?b=c HTTP/1.1\r\n"), "{head}");
                    assert!(head.contains("host: home.example:"), "{head}");
                    stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
                    stream.shutdown().await.unwrap();
                }
            });
        }
    });
    let tls = Tls::new(Some(&pem), &[HTTP2, b"http/1.1"]).unwrap();
    (at, tls)
}

#[tokio::test]
async fn both_versions_are_spoken_over_tls_and_its_handshake_is_told_apart() {
    for protocol in [HTTP2, b"http/1.1"] {
        let (at, tls) = secure(protocol).await;
        let url = Url::parse(&format!("https://home.example:{}/a?b=c", at.port())).unwrap();
        let http = Http::with(&Outlet::System, &url, at, account(), Some(tls)).unwrap();
        let got = http.ask().await;
        assert_eq!(got.status, Some(200), "{got:?}");
        assert_eq!(got.phases().filter(|(_, phase)| phase.is_ok()).count(), 3);
    }
}

#[tokio::test]
async fn a_failed_handshake_ends_the_attempt() {
    let (at, _) = secure(HTTP2).await;
    let (_, stranger) = secure(HTTP2).await;
    let url = Url::parse(&format!("https://home.example:{}/", at.port())).unwrap();
    let http = Http::with(&Outlet::System, &url, at, account(), Some(stranger)).unwrap();
    let got = http.ask().await;
    assert!(got.connect.is_ok());
    assert_eq!((got.tls, got.ttfb), (Some(Err(Cause::Protocol)), None));
    assert_eq!(got.outcome(), Err(Cause::Protocol));
    let no_tls = got.no_tls.unwrap();
    assert!(
        no_tls.unknown_authority && no_tls.why.contains("certificate not trusted"),
        "{no_tls:?}"
    );
}

#[tokio::test]
async fn what_is_wrong_with_a_certificate_is_said() {
    let (config, pem) = test_tls::server("home.example", rustls::ALL_VERSIONS, &[HTTP2]);
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let _ = acceptor.accept(stream).await;
        }
    });
    let url = Url::parse(&format!("https://other.example:{}/", at.port())).unwrap();
    let http = Http::open(&Outlet::System, &url, at, account(), Some(&pem)).unwrap();
    let no_tls = http.ask().await.no_tls.unwrap();
    assert_eq!(no_tls.why, "certificate not trusted: it is not for other.example");
    assert!(!no_tls.unknown_authority);

    let plain = server(b"220 mail.example\r\n").await;
    let url = Url::parse(&format!("https://home.example:{}/", plain.port())).unwrap();
    let http = Http::open(&Outlet::System, &url, plain, account(), Some(&pem)).unwrap();
    let no_tls = http.ask().await.no_tls.unwrap();
    assert_eq!(no_tls.why, "received corrupt message of type InvalidContentType");
}

#[tokio::test]
async fn a_server_that_floods_costs_little_and_is_told_by_its_cause() {
    use crate::probe::connection::USUALLY_ALLOWED;
    use crate::probe::hostile::{Flood, server};
    for flood in Flood::HTTP2.into_iter().chain([Flood::Interim]) {
        let (at, pem, _) = server(flood).await;
        let url = Url::parse(&format!("https://localhost:{}/", at.port())).unwrap();
        let tls = Tls::new(Some(&pem), &[HTTP2, b"http/1.1"]).unwrap();
        let account = account();
        let http = Http::with(&Outlet::System, &url, at, account.clone(), Some(tls)).unwrap();
        let got = http.ask().await;
        let received = account.spending.of(Purpose::Probes).rx_bytes;
        assert!(received < 2 * USUALLY_ALLOWED, "{flood:?}: {received}");
        // A head may have come before the flood.
        let protocol = got.ttfb == Some(Err(Cause::Protocol));
        assert!(protocol || flood == Flood::Data, "{flood:?}: {got:?}");
    }
}
