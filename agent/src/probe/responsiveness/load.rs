//! A connection that bears load, and the probes beside it.

use std::convert::Infallible;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::task::Poll;
use std::time::{Duration, Instant};

use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use h2::{Reason, RecvStream, SendStream};
use hearth_proto::load::MOST_FRAME;
use http::Method;
use reqwest::Url;
use tokio::sync::mpsc;

use super::super::connection::{Meter, Ration};
use super::super::heavy::Direction;
use super::engine::Probe;
use super::exchange::{Bears, ExchangeError, Route, TOO_LARGE, beside, check, get, request};
use crate::clock;

/// The shortest that uploads are made for a server that limits them: shorter ones would
/// measure its answers rather than the link.
const LEAST_UPLOAD: u64 = 256 * 1024;
/// What may be sent before a server says anything (RFC 9113, section 6.9.2).
const UNHEARD: u64 = 65_535;

/// A loaded connection, as the one who watches over it sees it.
#[derive(Debug)]
pub(super) struct Flow {
    send: SendRequest<Bytes>,
    meter: Arc<Meter>,
    /// Payload sent before the load.
    before: u64,
    state: Arc<State>,
    /// Whether it follows one that the server has ended.
    pub(super) follows: bool,
    /// Held by each self probe under way as well.
    probing: Arc<()>,
    direction: Direction,
    since: Instant,
    /// Octets carried when that last changed, and when.
    last: (u64, Instant),
}

/// What the one who bears the load says of a connection.
#[derive(Debug, Default)]
struct State {
    moved: AtomicU64,
    /// It takes no further request.
    closing: AtomicBool,
    ended: AtomicBool,
}

impl Flow {
    /// Whether it has carried nothing for so long; `None` while it is younger
    /// than that. To be asked often.
    pub(super) fn is_still(&mut self, now: Instant, within: Duration) -> Option<bool> {
        // Probes flow beside the load: only its own octets count.
        let carried = self.state.moved.load(Ordering::Relaxed);
        if carried != self.last.0 {
            self.last = (carried, now);
        }
        let still = now.saturating_duration_since(self.last.1) >= within;
        (now.saturating_duration_since(self.since) >= within).then_some(still)
    }

    /// Octets that would come still if it were aborted now.
    pub(super) fn under_way(&self) -> u64 {
        match self.direction {
            Direction::Down => self.meter.under_way(),
            Direction::Up => 0,
        }
    }

    /// When it was last seen to carry more than before, if it ever carried anything.
    pub(super) fn last_moved(&self) -> Option<Instant> {
        (self.last.0 > 0).then_some(self.last.1)
    }

    /// Payload octets moved so far. What was handed over for sending counts once
    /// the socket has it.
    pub(super) fn moved(&self) -> u64 {
        let moved = self.state.moved.load(Ordering::Relaxed);
        match self.direction {
            Direction::Down => moved,
            Direction::Up => moved.min(self.meter.payload().tx.saturating_sub(self.before)),
        }
    }

    /// Whether the server has ended it; its load goes on with a new one.
    pub(super) fn has_ended(&self) -> bool {
        self.state.ended.load(Ordering::Relaxed)
    }

    /// Whether the server allows nothing beside the load on it.
    pub(super) fn is_single(&self) -> bool {
        self.send.current_max_send_streams() < 2
    }

    /// What a self probe needs, if the server takes one beside the load now: one that
    /// had to wait for its turn would time that.
    pub(super) fn probe(&self) -> Option<Beside> {
        let under_way = Arc::strong_count(&self.probing);
        (under_way < self.send.current_max_send_streams()
            && !self.state.closing.load(Ordering::Relaxed))
        .then(|| Beside {
            send: self.send.clone(),
            state: Arc::clone(&self.state),
            _probing: Arc::clone(&self.probing),
        })
    }
}

/// A place for a self probe beside the load.
pub(super) struct Beside {
    send: SendRequest<Bytes>,
    state: Arc<State>,
    _probing: Arc<()>,
}

/// What connections bear.
#[derive(Debug, Clone)]
pub(super) struct Burden {
    pub(super) route: Arc<Route>,
    pub(super) direction: Direction,
    pub(super) url: Url,
    pub(super) data: Bytes,
    /// What the load may cost, where that is limited.
    ration: Option<Arc<Ration>>,
    /// The longest upload that the server may take, as far as is known.
    longest: Arc<AtomicU64>,
}

impl Burden {
    pub(super) fn new(
        route: Arc<Route>,
        direction: Direction,
        url: Url,
        ration: Option<Arc<Ration>>,
    ) -> Self {
        let longest = Arc::new(AtomicU64::new(u64::MAX));
        Self { route, direction, url, data: incompressible(), ration, longest }
    }

    /// Makes uploads shorter than one of `refused` octets; false where they would be
    /// too short.
    fn shorten(&self, refused: u64) -> bool {
        let longest = refused / 2;
        if longest < LEAST_UPLOAD {
            return false;
        }
        self.longest.fetch_min(longest, Ordering::Relaxed);
        tracing::debug!(refused, longest, "the server limits uploads: shorter ones from now on");
        true
    }
}

/// Bears load until it is dropped or breaks: on one connection, or on one after the
/// other where the server ends them.
pub(super) async fn bear(
    burden: Burden,
    ready: mpsc::Sender<Flow>,
) -> Result<Infallible, ExchangeError> {
    let mut follows = false;
    loop {
        let opened = burden.route.open(Bears::Load(burden.ration.as_ref())).await?;
        let state = Arc::<State>::default();
        let flow = Flow {
            send: opened.send.clone(),
            before: opened.meter.payload().tx,
            meter: opened.meter,
            state: Arc::clone(&state),
            follows,
            probing: Arc::default(),
            direction: burden.direction,
            since: clock::now(),
            last: (0, clock::now()),
        };
        // Whoever no longer listens drops this task next.
        let _ = ready.send(flow).await;
        let moved = &state.moved;
        // Octets when the last transfer ended.
        let whole = AtomicU64::new(0);
        let transfers = transfers(&burden, opened.send, &opened.frame, moved, &whole);
        let Err(error) = beside(opened.connection, transfers).await;
        state.ended.store(true, Ordering::Relaxed);
        let (moved, whole) = (moved.load(Ordering::Relaxed), whole.load(Ordering::Relaxed));
        // Some servers close without a word where one transfer has ended, or reset what
        // still comes once they have said that they take no more.
        let between = whole > 0 && moved - whole <= UNHEARD;
        let expected = between || state.closing.load(Ordering::Relaxed);
        if moved == 0 || !(error.is_goodbye() || expected && error.is_io()) {
            return Err(error);
        }
        follows = true;
    }
}

/// One transfer after the other.
async fn transfers(
    burden: &Burden,
    mut send: SendRequest<Bytes>,
    frame: &AtomicUsize,
    moved: &AtomicU64,
    whole: &AtomicU64,
) -> Result<Infallible, ExchangeError> {
    loop {
        let before = moved.load(Ordering::Relaxed);
        send = send.ready().await?;
        let so_far = || moved.load(Ordering::Relaxed) - before;
        match burden.direction {
            Direction::Down => {
                let (response, _) = send.send_request(request(&Method::GET, &burden.url), true)?;
                let response = response.await?;
                check(&response)?;
                match receive(response.into_body(), moved).await {
                    // It has no more of it.
                    Err(error) if so_far() > 0 && gave_up(&error) => {}
                    received => received?,
                }
            }
            Direction::Up => {
                let (response, stream) =
                    send.send_request(request(&Method::POST, &burden.url), false)?;
                match transmit(stream, response, burden, frame, moved).await {
                    Err(ExchangeError::Status(TOO_LARGE)) if burden.shorten(so_far()) => {}
                    transmitted => transmitted?,
                }
            }
        }
        if so_far() == 0 {
            return Err(ExchangeError::Nothing);
        }
        whole.store(moved.load(Ordering::Relaxed), Ordering::Relaxed);
    }
}

/// Whether a server stopped sending, as one does whose own source has ended early; not
/// that either side broke the protocol.
fn gave_up(error: &h2::Error) -> bool {
    let reasons = [Reason::NO_ERROR, Reason::INTERNAL_ERROR, Reason::CANCEL];
    error.is_reset()
        && error.is_remote()
        && error.reason().is_some_and(|reason| reasons.contains(&reason))
}

async fn receive(mut body: RecvStream, moved: &AtomicU64) -> Result<(), h2::Error> {
    while let Some(chunk) = body.data().await {
        let octets = chunk?.len();
        body.flow_control().release_capacity(octets)?;
        moved.fetch_add(octets as u64, Ordering::Relaxed);
    }
    Ok(())
}

/// Sends until the server answers, which it need not do before as much is sent as it
/// may take.
async fn transmit(
    mut stream: SendStream<Bytes>,
    mut response: ResponseFuture,
    burden: &Burden,
    frame: &AtomicUsize,
    moved: &AtomicU64,
) -> Result<(), ExchangeError> {
    let mut sent = 0;
    loop {
        let left = burden.longest.load(Ordering::Relaxed).saturating_sub(sent);
        if left == 0 {
            stream.send_data(Bytes::new(), true)?;
            return check(&response.await?);
        }
        // What is handed over at once is one frame.
        let most = frame.load(Ordering::Relaxed).min(burden.data.len());
        let most = most.min(usize::try_from(left).unwrap_or(usize::MAX));
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
                stream.send_data(burden.data.slice(..octets), false)?;
                sent += octets as u64;
                moved.fetch_add(octets as u64, Ordering::Relaxed);
            }
            // The stream was reset: the answer says why.
            Ok(None) => return check(&response.await?),
            Err(answer) => return check(&answer?),
        }
    }
}

/// What an upload consists of: nothing that could be compressed on the way.
fn incompressible() -> Bytes {
    use rand::RngExt;
    let mut octets = vec![0_u8; MOST_FRAME];
    rand::make_rng::<rand::rngs::SmallRng>().fill(&mut octets[..]);
    octets.into()
}

/// A probe on a connection of its own.
pub(super) async fn foreign(route: Arc<Route>, small: Url) -> Result<Probe, ExchangeError> {
    let opened = route.open(Bears::Exchanges).await?;
    let (tcp, tls) = (opened.tcp, opened.tls);
    let began = clock::now();
    beside(opened.connection, get(&opened.send, &small, 64)).await?;
    let http = clock::now().saturating_duration_since(began);
    Ok(Probe::Foreign { tcp, tls, http })
}

/// A probe on a loaded connection.
pub(super) async fn own(place: Beside, small: Url) -> Result<Probe, ExchangeError> {
    let began = clock::now();
    let got = get(&place.send, &small, 64).await;
    if got.as_ref().is_err_and(ExchangeError::is_goodbye) {
        // What is under way on it may go on for long.
        place.state.closing.store(true, Ordering::Relaxed);
    }
    got.map(|_| Probe::Own(clock::now().saturating_duration_since(began)))
}
