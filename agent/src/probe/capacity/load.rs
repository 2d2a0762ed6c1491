//! The two transfers, and when their octets arrived.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::stream::{FuturesUnordered, StreamExt};
use hearth_proto::Cause;
use http::Request;
use reqwest::Url;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;

use super::estimate::Mark;
use super::reach::Server;
use crate::chain::chain;
use crate::clock;
use crate::probe::connection::{Counted, Meter};
use crate::probe::heavy::{NotNow, TestError};

/// The octets that are let run before anything is known of the link's rate: at
/// the slowest link that is of any use they take 4 s.
pub(super) const FIRST_WINDOW: u64 = 128 * 1024;
/// One request of an upload.
const PIECE: u64 = 8 * 1024;
/// How often a person is told.
const TELL_EVERY: Duration = Duration::from_millis(200);
/// Longer without anything is a broken connection rather than a slow one.
const STALLED: Duration = Duration::from_secs(5);

/// What one direction may use.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) octets: u64,
    pub(super) time: Duration,
}

impl Limits {
    /// What may have been let run once `octets` took so long: all of it if the
    /// time will do, else what arrives in time, so that nothing is left under way.
    fn allowed(self, octets: u64, took: Duration) -> u64 {
        let left = self.time.saturating_sub(took).as_secs_f64();
        let rate = octets as f64 / took.as_secs_f64().max(1e-6);
        (octets + (rate * left) as u64).max(FIRST_WINDOW).min(self.octets)
    }
}

/// When octets arrived on a connection, TLS included.
#[derive(Debug, Clone, Default)]
pub(super) struct Arrivals(Arc<Mutex<Vec<(Instant, u64)>>>);

impl Arrivals {
    fn note(&self, octets: u64) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.last().is_none_or(|last| octets > last.1) {
            all.push((clock::now(), octets));
        }
    }

    /// Those after `from` as marks since then.
    fn since(&self, from: Instant) -> Vec<Mark> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = all.iter().rev().find(|(at, _)| *at < from).map_or(0, |(_, octets)| *octets);
        let after = all.iter().filter(|(at, _)| *at >= from);
        after
            .map(|(at, octets)| Mark {
                at: at.saturating_duration_since(from),
                octets: octets - before,
            })
            .collect()
    }
}

/// A secured stream that notes when the octets under it arrived.
#[derive(Debug)]
pub(super) struct Watched {
    inner: TlsStream<Counted>,
    meter: Arc<Meter>,
    arrivals: Arrivals,
}

impl Watched {
    pub(super) fn new(inner: TlsStream<Counted>, meter: Arc<Meter>, arrivals: Arrivals) -> Self {
        Self { inner, meter, arrivals }
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.inner).poll_read(cx, buffer);
        this.arrivals.note(this.meter.payload().rx);
        polled
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().inner).poll_write(cx, data)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_shutdown(cx)
    }
}

/// What came of a transfer.
pub(super) struct Transferred {
    /// Since when its marks count.
    pub(super) began: Instant,
    /// When its octets had arrived, until it ended.
    pub(super) marks: Vec<Mark>,
    /// Whether it ended as it should.
    pub(super) ended: Result<(), TestError>,
}

/// Downloads, and says when what arrived. The connection ends with it.
pub(super) async fn down(
    mut server: Server,
    url: &Url,
    limits: Limits,
    tell: &mut (dyn FnMut(u64) + Send),
) -> Transferred {
    let began = clock::now();
    let ended = download(&mut server, url, limits, tell).await;
    server.driver.abort_all();
    Transferred { began, marks: server.arrivals.since(began), ended }
}

async fn download(
    server: &mut Server,
    url: &Url,
    limits: Limits,
    tell: &mut (dyn FnMut(u64) + Send),
) -> Result<(), TestError> {
    let doing = format!("can't download {url}");
    let fail = |error: h2::Error| failed(&doing, &error);
    let request = Request::get(url.as_str()).body(()).map_err(|error| unasked(&doing, &error))?;
    let mut ready = timeout(STALLED, server.send.clone().ready())
        .await
        .map_err(|_| stalled(&doing))?
        .map_err(fail)?;
    let began = clock::now();
    let (response, _) = ready.send_request(request, true).map_err(fail)?;
    let response = timeout(STALLED, response).await.map_err(|_| stalled(&doing))?.map_err(fail)?;
    check(&response, &doing)?;
    let mut body = response.into_body();
    let (mut received, mut opened) = (0_u64, FIRST_WINDOW);
    let mut first = None;
    let mut told = Progress::new();
    loop {
        let spent = clock::now().saturating_duration_since(began);
        let left = limits.time.saturating_sub(spent);
        if received >= opened.min(limits.octets) || left.is_zero() {
            break;
        }
        let Ok(data) = timeout(left.min(STALLED), body.data()).await else { break };
        let Some(data) = data else { break };
        received += data.map_err(fail)?.len() as u64;
        let now = clock::now();
        let first = *first.get_or_insert(now);
        let allowed = limits.allowed(received, now.saturating_duration_since(first));
        // Few steps, since each has to be acknowledged.
        if allowed > opened + opened / 4 || (allowed == limits.octets && allowed > opened) {
            opened = allowed;
            server.opened.send_replace(opened);
        }
        if let Some(bps) = told.after(received, now) {
            tell(bps);
        }
    }
    // Flow control lets no more come.
    server.meter.expect_at_most(opened.saturating_sub(received));
    Ok(())
}

/// Uploads, and says when the server had what. The connection ends with it.
pub(super) async fn up(
    mut server: Server,
    url: &Url,
    limits: Limits,
    tell: &mut (dyn FnMut(u64) + Send),
) -> Transferred {
    let (began, mut marks) = (clock::now(), Vec::new());
    let ended = upload(&mut server, url, limits, tell, began, &mut marks).await;
    server.driver.abort_all();
    Transferred { began, marks, ended }
}

async fn upload(
    server: &mut Server,
    url: &Url,
    limits: Limits,
    tell: &mut (dyn FnMut(u64) + Send),
    began: Instant,
    marks: &mut Vec<Mark>,
) -> Result<(), TestError> {
    let doing = format!("can't upload to {url}");
    let fail = |error: h2::Error| failed(&doing, &error);
    let request = Request::post(url.as_str()).body(()).map_err(|error| unasked(&doing, &error))?;
    // Not all zeros: some links compress.
    let piece =
        Bytes::from((0..PIECE).map(|i| (i * 167 + (i >> 5) * 29) as u8).collect::<Vec<_>>());
    let (mut sent, mut had) = (0, 0);
    let mut first = None;
    let mut waiting = FuturesUnordered::new();
    let mut told = Progress::new();
    let mut send = server.send.clone();
    loop {
        let now = clock::now();
        let spent = now.saturating_duration_since(began);
        let left = limits.time.saturating_sub(spent);
        let since = now.saturating_duration_since(first.unwrap_or(now));
        let more = sent + PIECE <= limits.allowed(had, since);
        if left.is_zero() || (!more && waiting.is_empty()) {
            break;
        }
        let next = timeout(left.min(STALLED), async {
            tokio::select! {
                biased;
                Some(response) = waiting.next(), if !waiting.is_empty() => Next::Had(response),
                ready = std::future::poll_fn(|cx| send.poll_ready(cx)), if more => Next::Ready(ready),
            }
        });
        match next.await {
            Ok(Next::Had(response)) => {
                let response: http::Response<h2::RecvStream> = response.map_err(fail)?;
                check(&response, &doing)?;
                let now = clock::now();
                first.get_or_insert(now);
                had += PIECE;
                let at = now.saturating_duration_since(began);
                marks.push(Mark { at, octets: had });
                if let Some(bps) = told.after(had, now) {
                    tell(bps);
                }
            }
            Ok(Next::Ready(ready)) => {
                ready.map_err(fail)?;
                let (response, mut body) =
                    send.send_request(request.clone(), false).map_err(fail)?;
                body.send_data(piece.clone(), true).map_err(fail)?;
                sent += PIECE;
                waiting.push(response);
            }
            Err(_) => break,
        }
    }
    Ok(())
}

enum Next {
    Had(Result<http::Response<h2::RecvStream>, h2::Error>),
    Ready(Result<(), h2::Error>),
}

/// Goodput between two times that a person is told.
struct Progress(Option<(Instant, u64)>);

impl Progress {
    fn new() -> Self {
        Self(None)
    }

    fn after(&mut self, octets: u64, now: Instant) -> Option<u64> {
        let (at, before) = *self.0.get_or_insert((now, octets));
        let took = now.saturating_duration_since(at);
        if took < TELL_EVERY {
            return None;
        }
        self.0 = Some((now, octets));
        Some(((octets - before) as f64 * 8.0 / took.as_secs_f64()) as u64)
    }
}

/// The cause under which an HTTP/2 connection failed.
pub(super) fn cause(error: &h2::Error) -> Cause {
    match error.get_io() {
        Some(io) if io.raw_os_error().is_some() => crate::probe::tcp::cause(io),
        _ => Cause::Protocol,
    }
}

/// Whether what was asked for is given.
pub(super) fn check<T>(response: &http::Response<T>, doing: &str) -> Result<(), TestError> {
    if let Some(refusal) = NotNow::of(response) {
        return Err(refusal.into());
    }
    if response.status().is_success() {
        return Ok(());
    }
    let why = format!("{doing}: status {}", response.status());
    Err(TestError::Failed { cause: Cause::Status, why })
}

fn failed(doing: &str, error: &h2::Error) -> TestError {
    TestError::Failed { cause: cause(error), why: format!("{doing}: {}", chain(error)) }
}

fn unasked(doing: &str, error: &http::Error) -> TestError {
    TestError::Failed { cause: Cause::Local, why: format!("{doing}: {error}") }
}

fn stalled(doing: &str) -> TestError {
    let why = format!("{doing}: nothing came within {} s", STALLED.as_secs());
    TestError::Failed { cause: Cause::Timeout, why }
}
