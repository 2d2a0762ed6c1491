//! One direction's load: the shell around the [`Engine`].

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hearth_proto::{Cause, DirectionFigures, Purpose};
use rand::rngs::SmallRng;
use rand::seq::IteratorRandom as _;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::super::connection::Ration;
use super::super::discovery::Document;
use super::super::heavy::{Direction, Limits, NotNow, Step, TestError};
use super::engine::{Engine, INTERVAL, MAX_FLOWS, Next, Probe};
use super::exchange::{ExchangeError, Route};
use super::load::{Burden, Flow, bear, foreign, own};
use crate::clock;

/// How often limits are looked at and probes sent.
const BEAT: Duration = Duration::from_millis(5);
/// How often the kernel is asked what that has cost: some system calls a connection.
const COUNT_EVERY: Duration = Duration::from_millis(10);
/// So long without an octet is a stall.
const STALL: Duration = Duration::from_secs(5);
/// Where a connection broke, another may still be told why within so long.
const A_WORD: Duration = Duration::from_millis(200);
/// Probes under way at once: beyond this the path is too slow for more.
const MOST_UNDER_WAY: usize = 64;

/// What stops a test early.
#[derive(Debug, Clone)]
pub(super) struct Signals {
    pub(super) give_way: watch::Receiver<bool>,
    pub(super) stop: watch::Receiver<bool>,
}

impl Signals {
    /// Completes when the household needs the line.
    pub(super) async fn give_way(&mut self) {
        turned(&mut self.give_way).await;
    }

    /// Completes when a person has had enough.
    pub(super) async fn stop(&mut self) {
        turned(&mut self.stop).await;
    }
}

/// Completes once all that may be moved was, if that is limited.
async fn used_up(ration: Option<&Ration>) {
    match ration {
        Some(ration) => ration.used_up().await,
        None => std::future::pending().await,
    }
}

async fn turned(signal: &mut watch::Receiver<bool>) {
    if signal.wait_for(|on| *on).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// What one direction needs.
pub(super) struct Course<'a> {
    pub(super) route: &'a Arc<Route>,
    pub(super) document: &'a Document,
    /// Where the load runs, apart from the probes' clock.
    pub(super) runtime: &'a Handle,
    pub(super) limits: Limits,
    pub(super) began: Instant,
    pub(super) steps: &'a mpsc::UnboundedSender<Step>,
}

/// Loads the link in one direction until that is stable, over, told to stop, or broken,
/// and says what was found until then: `None` if it was too short for a figure. When it
/// returns, every connection has been aborted.
pub(super) async fn run(
    course: &Course<'_>,
    direction: Direction,
    signals: &mut Signals,
) -> (Option<DirectionFigures>, Result<(), TestError>) {
    let mut load = Load::new(course, direction);
    let ended = load.until_the_end(signals).await;
    load.abort().await;
    ended
}

struct Load<'a> {
    course: &'a Course<'a>,
    burden: Burden,
    /// What the load may cost, where that is limited.
    ration: Option<Arc<Ration>>,
    tasks: JoinSet<Result<Infallible, ExchangeError>>,
    ready: (mpsc::Sender<Flow>, mpsc::Receiver<Flow>),
    flows: Vec<Flow>,
    /// How many bear load, each by one connection after the other.
    bearers: u32,
    /// Octets moved by flows that the server has ended.
    gone: u64,
    /// When any of those was last seen to carry more.
    last_gone: Option<Instant>,
    wanted: u32,
    probes: JoinSet<Result<Probe, ExchangeError>>,
    /// What the server said to a probe for which it had no room.
    refusal: Option<NotNow>,
    next_is_foreign: bool,
    random: SmallRng,
}

impl<'a> Load<'a> {
    fn new(course: &'a Course<'a>, direction: Direction) -> Self {
        let url = match direction {
            Direction::Down => &course.document.large,
            Direction::Up => &course.document.upload,
        };
        let ration = (course.limits.bytes < u64::MAX).then(|| {
            let spending = Arc::clone(&course.route.account.spending);
            Ration::of(course.limits.bytes, spending, Purpose::Responsiveness)
        });
        Self {
            course,
            burden: Burden::new(Arc::clone(course.route), direction, url.clone(), ration.clone()),
            ration,
            tasks: JoinSet::new(),
            ready: mpsc::channel(MAX_FLOWS as usize),
            flows: Vec::new(),
            bearers: 0,
            gone: 0,
            last_gone: None,
            wanted: 0,
            probes: JoinSet::new(),
            refusal: None,
            next_is_foreign: true,
            random: rand::make_rng(),
        }
    }

    async fn until_the_end(
        &mut self,
        signals: &mut Signals,
    ) -> (Option<DirectionFigures>, Result<(), TestError>) {
        let mut engine = Engine::new(self.course.limits.time);
        let began = clock::now();
        let ended = self.drive(&mut engine, began, signals).await;
        let mut until = clock::now();
        if ended.is_err() {
            // What came after the last octet says nothing of the link.
            let moved = self.flows.iter().filter_map(Flow::last_moved).max();
            until = moved.max(self.last_gone).unwrap_or(began);
            engine.cut(until.saturating_duration_since(began));
        }
        let took = until.saturating_duration_since(began);
        (engine.finish(took, self.moved(), self.bearers), ended)
    }

    async fn drive(
        &mut self,
        engine: &mut Engine,
        began: Instant,
        signals: &mut Signals,
    ) -> Result<(), TestError> {
        let mut next_tick = began + INTERVAL;
        let (mut next_probe, mut next_count) = (began, began);
        let mut gap = Duration::MAX;
        self.go(engine.first(), &mut gap);
        let spent_before = self.spent();
        let mut spent = spent_before;
        let mut beats = interval(BEAT);
        // A late beat is not made up for: the next looks at everything.
        beats.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let (mut stop, ration) = (signals.clone(), self.ration.clone());
        loop {
            tokio::select! {
                biased;
                () = signals.give_way() => return Err(TestError::GaveWay),
                () = stop.stop() => break,
                // Its connections break then.
                () = used_up(ration.as_deref()) => break,
                Some(ended) = self.tasks.join_next() => return Err(self.broke(ended).await),
                Some(flow) = self.ready.1.recv() => {
                    self.bearers += u32::from(!flow.follows);
                    self.flows.push(flow);
                }
                Some(probe) = self.probes.join_next() => match probe {
                    Ok(Ok(probe)) => engine.probe(probe),
                    Ok(Err(error)) => {
                        tracing::debug!(%error, "a probe beside the load failed");
                        self.refusal = self.refusal.or(error.refusal());
                    }
                    Err(_) => {}
                },
                _ = beats.tick() => {
                    let now = clock::now();
                    self.let_go();
                    if now >= next_count {
                        next_count = now + COUNT_EVERY;
                        let used = self.spent();
                        // As much again may come before the next look, and what is under way.
                        let under_way: u64 = self.flows.iter().map(Flow::under_way).sum();
                        let ahead = used + used.saturating_sub(spent) + under_way;
                        spent = used;
                        if ahead.saturating_sub(spent_before) >= self.course.limits.bytes {
                            break;
                        }
                    }
                    if now >= next_tick {
                        next_tick += INTERVAL;
                        let next = engine.tick(now - began, self.moved());
                        self.tell(engine);
                        match next {
                            Next::End => break,
                            Next::Go { .. } => self.go(next, &mut gap),
                        }
                    }
                    if self.stands_still(now) {
                        return Err(self.stalled());
                    }
                    if now >= next_probe && self.probe() {
                        next_probe = now + gap.saturating_sub(now - next_probe);
                    }
                }
            }
        }
        if !self.flows.is_empty() && self.flows.iter().all(Flow::is_single) {
            tracing::warn!(
                "the test server takes one request at a time on a connection: none could be timed \
                 beside the load, so there is no RPM; raise its limit of streams"
            );
        }
        Ok(())
    }

    /// As many connections as wanted, and the time between two probes.
    fn go(&mut self, next: Next, gap: &mut Duration) {
        let Next::Go { flows, pairs_per_second } = next else { return };
        *gap = Duration::from_secs_f64(0.5 / pairs_per_second);
        while self.wanted < flows {
            self.wanted += 1;
            let task = bear(self.burden.clone(), self.ready.0.clone());
            self.tasks.spawn_on(task, self.course.runtime);
        }
    }

    /// Sends the next probe, of the two kinds in turn; false while there is
    /// nothing to send it on.
    fn probe(&mut self) -> bool {
        if self.flows.is_empty() || self.probes.len() >= MOST_UNDER_WAY {
            return false;
        }
        let small = self.course.document.small.clone();
        if self.next_is_foreign {
            self.probes.spawn(foreign(Arc::clone(self.course.route), small));
        } else {
            // A turn is left out where the server takes no more on any.
            let places: Vec<_> = self.flows.iter().filter_map(Flow::probe).collect();
            if let Some(place) = places.into_iter().choose(&mut self.random) {
                self.probes.spawn(own(place, small));
            }
        }
        self.next_is_foreign = !self.next_is_foreign;
        true
    }

    /// Whether every connection old enough to tell has stood still: new ones that
    /// carry their first octets must not hide it.
    fn stands_still(&mut self, now: Instant) -> bool {
        let still: Vec<_> =
            self.flows.iter_mut().filter_map(|flow| flow.is_still(now, STALL)).collect();
        !still.is_empty() && still.into_iter().all(|still| still)
    }

    /// Lets go of the flows that the server has ended.
    fn let_go(&mut self) {
        let (gone, last_gone) = (&mut self.gone, &mut self.last_gone);
        self.flows.retain(|flow| {
            let ended = flow.has_ended();
            if ended {
                *gone += flow.moved();
                *last_gone = flow.last_moved().max(*last_gone);
            }
            !ended
        });
    }

    fn tell(&self, engine: &Engine) {
        // Nobody need look on.
        let _ = self.course.steps.send(Step {
            direction: Some(self.burden.direction),
            after: clock::now().saturating_duration_since(self.course.began),
            goodput_bps: engine.last_bps() as u64,
            flows: self.bearers,
            rpm: engine.rpm(),
        });
    }

    fn moved(&self) -> u64 {
        self.gone + self.flows.iter().map(Flow::moved).sum::<u64>()
    }

    fn spent(&self) -> u64 {
        let spending = &self.course.route.account.spending;
        spending.refresh();
        let own = spending.of(Purpose::Responsiveness);
        own.rx_bytes + own.tx_bytes
    }

    fn doing(&self) -> &'static str {
        match self.burden.direction {
            Direction::Down => "download",
            Direction::Up => "upload",
        }
    }

    /// A server that is full says so to some connections and closes others unheard: all of
    /// it is the one refusal.
    async fn broke(
        &mut self,
        ended: Result<Result<Infallible, ExchangeError>, tokio::task::JoinError>,
    ) -> TestError {
        let error = match ended {
            Ok(Err(error)) => error,
            _ => ExchangeError::Closed,
        };
        if self.refusal.is_none() && error.refusal().is_none() {
            let probes = &mut self.probes;
            let told = async {
                while let Some(probe) = probes.join_next().await {
                    let refusal = probe.ok().and_then(|probe| probe.err()?.refusal());
                    if refusal.is_some() {
                        return refusal;
                    }
                }
                None
            };
            self.refusal = timeout(A_WORD, told).await.ok().flatten();
        }
        if let Some(refusal) = self.refusal {
            return TestError::Refused(refusal);
        }
        let to = if self.doing() == "download" { "from" } else { "to" };
        error.at(&format!("{} {to} {}", self.doing(), self.burden.url))
    }

    fn stalled(&self) -> TestError {
        let why = format!(
            "can't {} further: nothing flowed for {} s; check the server's load and the link",
            self.doing(),
            STALL.as_secs()
        );
        TestError::Failed { cause: Cause::Timeout, why }
    }

    /// Aborts every connection, so that nothing queued is sent any more.
    async fn abort(mut self) {
        self.flows.clear();
        self.probes.shutdown().await;
        self.tasks.shutdown().await;
    }
}
