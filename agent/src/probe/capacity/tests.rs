use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use http::{Response, StatusCode};
use tokio::net::TcpListener;
use tokio::sync::{Notify, watch};
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::link::spending::Spending;
use crate::probe::heavy::{Limits, TestServer};
use crate::probe::outlet::Outlet;
use crate::probe::test_tls;

/// How a server behaves.
#[derive(Clone, Copy, PartialEq)]
enum Manner {
    Good,
    /// It answers for the document, and sends nothing else.
    Mute,
    /// It has no document.
    NoDocument,
    /// It has no room: at the document, or at the upload.
    Full(&'static str),
    /// It dies once so many octets were uploaded.
    Dies(u64),
}

/// A test server that sends without end; its means, and what it received.
async fn server(manner: Manner) -> (Means, Arc<AtomicU64>, watch::Sender<bool>) {
    let (config, pem) = test_tls::server("localhost", rustls::ALL_VERSIONS, &[b"h2"]);
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let received = Arc::new(AtomicU64::new(0));
    let had = Arc::clone(&received);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, had) = (acceptor.clone(), Arc::clone(&had));
            tokio::spawn(async move {
                let stream = acceptor.accept(stream).await.ok()?;
                let mut connection = h2::server::handshake(stream).await.ok()?;
                let death = Arc::new(Notify::new());
                let until = death.notified();
                let serve = async {
                    while let Some(Ok((request, respond))) = connection.accept().await {
                        let death = Arc::clone(&death);
                        let had = Arc::clone(&had);
                        tokio::spawn(async move {
                            answer(request, respond, at, manner, &had).await;
                            if matches!(manner, Manner::Dies(at) if had.load(Ordering::Relaxed) >= at)
                            {
                                death.notify_one();
                            }
                        });
                    }
                };
                tokio::select! {
                    () = until => None,
                    () = serve => Some(()),
                }
            });
        }
    });
    let (keep, give_way) = watch::channel(false);
    let means = Means {
        outlet: Outlet::System,
        server: TestServer {
            url: format!("https://localhost:{}", at.port()).parse().unwrap(),
            ca_pem: Some(pem.into()),
            resolvers: Arc::default(),
        },
        family: Some(Family::V4),
        limits: Limits { bytes: BYTES, time: TIME },
        spending: Arc::<Spending>::default(),
        give_way,
    };
    (means, received, keep)
}

async fn answer(
    request: http::Request<h2::RecvStream>,
    mut respond: h2::server::SendResponse<Bytes>,
    at: SocketAddr,
    manner: Manner,
    had: &AtomicU64,
) -> Option<()> {
    let path = request.uri().path().to_owned();
    if matches!(manner, Manner::Full(at) if at == path) {
        let refused = Response::builder().status(StatusCode::TOO_MANY_REQUESTS);
        let refused = refused.header("retry-after", "61").body(()).ok()?;
        respond.send_response(refused, true).ok()?;
    } else if path == "/.well-known/nq" {
        if manner == Manner::NoDocument {
            let none = Response::builder().status(StatusCode::NOT_FOUND).body(()).ok()?;
            respond.send_response(none, true).ok()?;
            return Some(());
        }
        let host = format!("https://localhost:{}", at.port());
        let text = format!(
            r#"{{"version":1,"urls":{{"large_download_url":"{host}/large",
               "small_download_url":"{host}/small","upload_url":"{host}/up"}}}}"#
        );
        let mut body = respond.send_response(Response::new(()), false).ok()?;
        body.send_data(text.into(), true).ok()?;
    } else if manner == Manner::Mute {
        std::future::pending::<()>().await;
    } else if path == "/large" {
        let mut body = respond.send_response(Response::new(()), false).ok()?;
        loop {
            body.reserve_capacity(16_384);
            let room = std::future::poll_fn(|cx| body.poll_capacity(cx)).await?.ok()?;
            body.send_data(vec![7; room.min(16_384)].into(), false).ok()?;
        }
    } else {
        let mut body = request.into_body();
        while let Some(Ok(data)) = body.data().await {
            had.fetch_add(data.len() as u64, Ordering::Relaxed);
            body.flow_control().release_capacity(data.len()).ok()?;
        }
        respond.send_response(Response::new(()), true).ok()?;
    }
    Some(())
}

#[tokio::test]
async fn both_directions_are_measured_and_no_more_is_spent_than_allowed() {
    let (means, received, _keep) = server(Manner::Good).await;
    let mut steps = 0;
    let ended = measure(&means, &mut |_| steps += 1).await;
    assert_eq!(ended.family, Some(Family::V4));
    let share = Share::of(BYTES).unwrap();
    // TLS, headers and the upload's requests beside the payload.
    let Own { rx_bytes, tx_bytes } = ended.cost;
    assert!(rx_bytes > share.down && rx_bytes < share.down + 150_000, "{rx_bytes}");
    assert!(received.load(Ordering::Relaxed) <= share.up);
    assert!(tx_bytes > received.load(Ordering::Relaxed) && rx_bytes + tx_bytes < BYTES);
    assert!(steps > 0);
    let figures = ended.result.unwrap();
    for found in [figures.down, figures.up].into_iter().flatten() {
        assert!(found.low_bps.unwrap() <= found.goodput_bps, "{found:?}");
    }
}

#[tokio::test]
async fn it_gives_way_at_once() {
    let (means, _, keep) = server(Manner::Mute).await;
    let (mut steps, began) = (0, clock::now());
    let mut watch = |_| steps += 1;
    let running = measure(&means, &mut watch);
    let giving = async {
        // Until it has been asked for the load.
        while means.spending.of(Purpose::Capacity).rx_bytes < 1000 {
            tokio::task::yield_now().await;
        }
        keep.send_replace(true);
    };
    let (ended, ()) = tokio::join!(running, giving);
    assert_eq!(ended.result, Err(TestError::GaveWay));
    assert!(clock::now().saturating_duration_since(began) < Duration::from_secs(4));
}

#[tokio::test]
async fn a_server_that_refuses_is_not_a_failure_of_the_link() {
    for at in ["/.well-known/nq", "/large", "/up"] {
        let (means, _, _keep) = server(Manner::Full(at)).await;
        let Err(TestError::Refused(refusal)) = measure(&means, &mut |_| ()).await.result else {
            panic!("{at}: no refusal");
        };
        assert!(refusal.to_string().ends_with("(status 429); it says to come again in 61 s"));
    }
}

#[tokio::test]
async fn what_was_measured_before_the_server_died_is_kept_with_its_cost() {
    let (means, _, _keep) = server(Manner::Dies(100_000)).await;
    let mut transfers = Vec::new();
    let ended = measure_traced(&means, &mut |_| (), &mut transfers).await;
    let Err(TestError::Failed { why, .. }) = &ended.result else { panic!("{:?}", ended.result) };
    assert!(why.contains("can't upload to"), "{why}");
    let share = Share::of(BYTES).unwrap();
    let Own { rx_bytes, tx_bytes } = ended.cost;
    assert!(rx_bytes > share.down && tx_bytes > 100_000, "{:?}", ended.cost);
    let Partial { figures, broken } = ended.partial;
    assert_eq!(broken, Some(Direction::Up));
    assert_eq!(figures.idle_rtt.count(), 2);
    // So fast a link does not always tell enough for an estimate; what it tells is kept.
    let [down, up] = &transfers[..] else { panic!("{transfers:?}") };
    assert_eq!(figures.down.is_some(), down.estimate.is_some());
    assert_eq!(figures.up.is_some(), up.estimate.is_some());
    assert!(!up.marks.is_empty());
    assert!(figures.up.is_none_or(|up| up.confidence == Confidence::Low));
}

#[tokio::test]
async fn failures_say_at_which_step() {
    let (means, _, _keep) = server(Manner::NoDocument).await;
    let Err(TestError::Failed { cause, why }) = measure(&means, &mut |_| ()).await.result else {
        panic!("no failure");
    };
    assert_eq!(cause, Cause::Status);
    assert!(why.contains("discovery document") && why.contains("404"), "{why}");
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let mut means = means;
    means.server.url = format!("https://{closed}").parse().unwrap();
    let Err(TestError::Failed { cause, why }) = measure(&means, &mut |_| ()).await.result else {
        panic!("no failure");
    };
    assert_eq!(cause, Cause::Refused);
    assert!(why.contains("can't connect"), "{why}");
    means.limits.bytes = 50_000;
    let few = measure(&means, &mut |_| ()).await;
    assert_eq!(few.cost, Own::default());
    assert!(few.result.unwrap_err().to_string().contains("too few"));
}
