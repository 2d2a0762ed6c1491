//! A connection that bears load, and the probes beside it.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::Poll;
use std::time::{Duration, Instant};

use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use h2::{RecvStream, SendStream};
use hearth_proto::load::MOST_FRAME;
use http::Method;
use reqwest::Url;
use tokio::sync::mpsc;

use super::super::connection::Meter;
use super::super::heavy::Direction;
use super::engine::Probe;
use super::exchange::{ExchangeError, Route, beside, check, get, request};
use crate::clock;

/// A loaded connection, as the one who watches over it sees it.
#[derive(Debug)]
pub(super) struct Flow {
    /// For self probes.
    pub(super) send: SendRequest<Bytes>,
    meter: Arc<Meter>,
    /// Payload sent before the load.
    before: u64,
    moved: Arc<AtomicU64>,
    direction: Direction,
    since: Instant,
    /// Octets carried when that last changed, and when.
    last: (u64, Instant),
}

impl Flow {
    /// Whether it has carried nothing for so long; `None` while it is younger
    /// than that. To be asked often.
    pub(super) fn is_still(&mut self, now: Instant, within: Duration) -> Option<bool> {
        // Probes flow beside the load: only its own octets count.
        let carried = self.moved.load(Ordering::Relaxed);
        if carried != self.last.0 {
            self.last = (carried, now);
        }
        let still = now.saturating_duration_since(self.last.1) >= within;
        (now.saturating_duration_since(self.since) >= within).then_some(still)
    }

    /// Payload octets moved so far. What was handed over for sending counts once
    /// the socket has it.
    pub(super) fn moved(&self) -> u64 {
        let moved = self.moved.load(Ordering::Relaxed);
        match self.direction {
            Direction::Down => moved,
            Direction::Up => moved.min(self.meter.payload().tx.saturating_sub(self.before)),
        }
    }
}

/// Connects and bears load until it is dropped or breaks.
pub(super) async fn bear(
    route: Arc<Route>,
    direction: Direction,
    url: Url,
    data: Bytes,
    ready: mpsc::Sender<Flow>,
) -> Result<(), ExchangeError> {
    let opened = route.open(true).await?;
    let moved = Arc::new(AtomicU64::new(0));
    let flow = Flow {
        send: opened.send.clone(),
        before: opened.meter.payload().tx,
        meter: opened.meter,
        moved: Arc::clone(&moved),
        direction,
        since: clock::now(),
        last: (0, clock::now()),
    };
    // Whoever no longer listens drops this task next.
    let _ = ready.send(flow).await;
    let mut send = opened.send;
    let transfer = async {
        loop {
            let before = moved.load(Ordering::Relaxed);
            send = send.ready().await?;
            match direction {
                Direction::Down => {
                    let (response, _) = send.send_request(request(&Method::GET, &url), true)?;
                    let response = response.await?;
                    check(&response)?;
                    receive(response.into_body(), &moved).await?;
                }
                Direction::Up => {
                    let (response, stream) =
                        send.send_request(request(&Method::POST, &url), false)?;
                    transmit(stream, response, &data, &opened.frame, &moved).await?;
                }
            }
            if moved.load(Ordering::Relaxed) == before {
                return Err(ExchangeError::Nothing);
            }
        }
    };
    beside(opened.connection, transfer).await
}

async fn receive(mut body: RecvStream, moved: &AtomicU64) -> Result<(), ExchangeError> {
    while let Some(chunk) = body.data().await {
        let octets = chunk?.len();
        body.flow_control().release_capacity(octets)?;
        moved.fetch_add(octets as u64, Ordering::Relaxed);
    }
    Ok(())
}

/// Sends until the server answers, which it need not do.
async fn transmit(
    mut stream: SendStream<Bytes>,
    mut response: ResponseFuture,
    data: &Bytes,
    frame: &AtomicUsize,
    moved: &AtomicU64,
) -> Result<(), ExchangeError> {
    loop {
        // What is handed over at once is one frame.
        let most = frame.load(Ordering::Relaxed).min(data.len());
        stream.reserve_capacity(most);
        let capacity = poll_fn(|cx| {
            if let Poll::Ready(answer) = std::pin::Pin::new(&mut response).poll(cx) {
                return Poll::Ready(Err(answer));
            }
            stream.poll_capacity(cx).map(Ok)
        })
        .await;
        match capacity {
            Ok(Some(capacity)) => {
                let octets = capacity?.min(most);
                stream.send_data(data.slice(..octets), false)?;
                moved.fetch_add(octets as u64, Ordering::Relaxed);
            }
            // The stream was reset: the answer says why.
            Ok(None) => return check(&response.await?),
            Err(answer) => return check(&answer?),
        }
    }
}

/// What an upload consists of: nothing that could be compressed on the way.
pub(super) fn incompressible() -> Bytes {
    use rand::RngExt;
    let mut octets = vec![0_u8; MOST_FRAME];
    rand::make_rng::<rand::rngs::SmallRng>().fill(&mut octets[..]);
    octets.into()
}

/// A probe on a connection of its own.
pub(super) async fn foreign(route: Arc<Route>, small: Url) -> Result<Probe, ExchangeError> {
    let opened = route.open(false).await?;
    let (tcp, tls) = (opened.tcp, opened.tls);
    let began = clock::now();
    beside(opened.connection, get(&opened.send, &small, 64)).await?;
    let http = clock::now().saturating_duration_since(began);
    Ok(Probe::Foreign { tcp, tls, http })
}

/// A probe on a loaded connection.
pub(super) async fn own(send: SendRequest<Bytes>, small: Url) -> Result<Probe, ExchangeError> {
    let began = clock::now();
    get(&send, &small, 64).await?;
    Ok(Probe::Own(clock::now().saturating_duration_since(began)))
}
