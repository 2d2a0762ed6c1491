//! One link's task: it keeps the link's probers, judges the link by what they
//! say, and makes its slots.
//!
//! Read this file first (its life, and how slots close), then `probers` (which
//! probers it has), `ways` (what they can leave by no more), `hear` (what becomes of
//! what they say) and `traffic` (which way the household's takes).

mod hear;
mod probers;
mod traffic;
mod ways;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hearth_proto::{EventKind, LinkName, Technology, UnixMs};
use tokio::sync::{mpsc, watch};
use tokio::task::AbortHandle;
use tokio::time::MissedTickBehavior;

use super::desk::{Board, Desk, Forecast, Stand};
use super::dozing::Dozing;
use super::heavy::Testing;
use super::memory::Memory;
use super::path::Paths;
use super::plan::{Settings, Spec};
use super::prober::Report;
use super::progress::News;
use super::radio::Radio;
use super::recorder::Recorder;
use super::switch_over::SwitchOvers;
use super::timeline::{Break, Timeline};
use super::usage::{Usage, Used};
use crate::belief::{Baseline, Belief, State, TargetId, Transition};
use crate::clock;
use crate::config::Config;
use crate::link::bind::Binder;
use crate::link::discover::Link;
use crate::link::radio::follow::Radios;
use crate::link::spending::Spending;
use crate::probe::stamp;
use crate::slot::SlotMaker;
use ways::Ways;

/// Reports that may wait for the link's task; beyond, probers wait.
const REPORTS: usize = 256;
/// What is told to a link that it may not have taken yet.
const ORDERS: usize = 16;
/// How often what is known is put together.
const TICK: Duration = Duration::from_millis(200);

/// What the run tells a link's task.
#[derive(Debug)]
pub(super) enum Order {
    /// The link as it is now, and when that was noticed.
    Link(Box<Link>, Instant),
    /// Wall time goes on elsewhere.
    Timeline(Break),
    /// Close all slots and end.
    Stop,
}

/// All links' baselines, kept over restarts.
pub(super) type Baselines = Arc<Mutex<BTreeMap<LinkName, Baseline>>>;

/// What a link's task shares with the others.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) config: Arc<Config>,
    pub(super) stamp: Arc<stamp::Settings>,
    pub(super) recorder: Recorder,
    pub(super) binder: Binder,
    pub(super) baselines: Baselines,
    /// What the modems say, of all links.
    pub(super) radios: watch::Receiver<Radios>,
    pub(super) memory: Memory,
    pub(super) testing: Testing,
    /// Wall time as it goes on now.
    pub(super) wall: watch::Receiver<Timeline>,
    /// Which links the household's traffic takes.
    pub(super) switch_overs: Arc<Mutex<SwitchOvers>>,
}

struct Running {
    id: u32,
    spec: Spec,
    task: AbortHandle,
    target: Option<TargetId>,
}

/// A probe whose outcome is awaited.
struct Out {
    epoch: u32,
    at: UnixMs,
}

struct Task {
    shared: Shared,
    link: Link,
    timeline: Timeline,
    belief: Belief,
    /// The current one last; those before wait for their last outcomes.
    makers: VecDeque<(Timeline, SlotMaker)>,
    probers: Vec<Running>,
    ways: Ways,
    next_prober: u32,
    out: HashMap<(u32, u64), Out>,
    urgent: watch::Sender<bool>,
    reports: mpsc::Sender<Report>,
    usage: Usage,
    paths: Paths,
    radio: Radio,
    dozing: Arc<Dozing>,
    settings: watch::Receiver<Settings>,
    stand: watch::Sender<Stand>,
    board: Board,
    began: Instant,
}

/// A link's task as the run holds it.
pub(super) struct Started {
    pub(super) orders: mpsc::Sender<Order>,
    pub(super) task: tokio::task::JoinHandle<()>,
    pub(super) desk: Desk,
}

/// Starts a link's task. It ends by [`Order::Stop`], or when its sender goes.
pub(super) fn start(
    shared: Shared,
    link: Link,
    settings: watch::Receiver<Settings>,
    timeline: Timeline,
    noticed: Instant,
) -> Started {
    let (orders, inbox) = mpsc::channel(ORDERS);
    let (reports, outcomes) = mpsc::channel(REPORTS);
    let spending = Arc::<Spending>::default();
    let said = &shared.config.links;
    let technology = said.of(&link.interface).and_then(|link| link.technology);
    let metered = said.is_metered(&link.interface, technology.is_some_and(Technology::is_mobile));
    let (stand, seen) = watch::channel(Stand::new(link.clone(), metered));
    let board = Board::default();
    let desk = Desk {
        stand: seen,
        settings: settings.clone(),
        spending: Arc::clone(&spending),
        board: board.clone(),
        forecast: Forecast::default(),
    };
    let told = Told { settings, stand, board, spending };
    let task = Task::new(shared, link, timeline, reports, noticed, told);
    Started { orders, task: tokio::spawn(task.run(inbox, outcomes)), desk }
}

/// What a link's task is told by, and what it says itself by.
struct Told {
    settings: watch::Receiver<Settings>,
    stand: watch::Sender<Stand>,
    board: Board,
    spending: Arc<Spending>,
}

impl Task {
    fn new(
        shared: Shared,
        link: Link,
        timeline: Timeline,
        reports: mpsc::Sender<Report>,
        noticed: Instant,
        told: Told,
    ) -> Self {
        let round = shared.config.pace.stamp;
        let reply_if_up = lock(&shared.baselines)
            .get(&link.name)
            .map_or_else(|| Baseline::default().reply_if_up(), Baseline::reply_if_up);
        let begin = timeline.at(noticed);
        let maker = SlotMaker::new(link.name.clone(), shared.config.slot, begin, State::Unjudged);
        let now = clock::now();
        let dozing = Arc::new(Dozing::new(&link.interface));
        Self {
            belief: Belief::new(round.as_millis() as i64, reply_if_up),
            makers: VecDeque::from([(timeline, maker)]),
            probers: Vec::new(),
            ways: Ways::default(),
            next_prober: 0,
            out: HashMap::new(),
            urgent: watch::channel(false).0,
            paths: Paths::default(),
            radio: Radio::new(shared.radios.clone(), &link, now),
            usage: Usage::new(&link, told.spending, Arc::clone(&dozing), now),
            dozing,
            settings: told.settings,
            stand: told.stand,
            board: told.board,
            began: now,
            shared,
            link,
            timeline,
            reports,
        }
    }

    async fn run(mut self, mut orders: mpsc::Receiver<Order>, mut reports: mpsc::Receiver<Report>) {
        let begin = self.timeline.at(self.began);
        self.link_changed(begin).await;
        let mut ticks = tokio::time::interval(TICK);
        // Late is as good as on time: each tick looks at all there is.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut settings = self.settings.clone();
        let mut settled = true;
        loop {
            tokio::select! {
                biased;
                order = orders.recv() => match order {
                    Some(Order::Link(link, noticed)) => {
                        self.link = *link;
                        let at = self.timeline.at(noticed);
                        self.link_changed(at).await;
                    }
                    Some(Order::Timeline(broken)) => self.timeline_broken(broken),
                    Some(Order::Stop) | None => break,
                },
                changed = settings.changed(), if settled => {
                    settled = changed.is_ok();
                    let at = self.now();
                    self.link_changed(at).await;
                }
                Some(report) = reports.recv() => self.heard(report).await,
                _ = ticks.tick() => self.tick().await,
            }
        }
        self.stop(&mut reports).await;
    }

    async fn turned(&mut self, transition: Option<Transition>) {
        let Some(transition) = transition else { return };
        if let Some((_, maker)) = self.makers.back_mut() {
            maker.turned(transition);
        }
        let down = match transition.state {
            State::Up => None,
            State::Down(cause) => Some(cause),
            State::Unjudged => {
                self.stand.send_modify(|stand| (stand.down, stand.judged) = (None, false));
                self.follow_traffic(|all, epoch, link| all.stands(epoch, link, None)).await;
                return;
            }
        };
        self.stand.send_modify(|stand| (stand.down, stand.judged) = (down, true));
        let link = self.link.name.clone();
        self.shared.recorder.tell(News::State { link: link.clone(), down });
        self.shared.recorder.event(transition.at, EventKind::LinkState { link, down }).await;
        let since = down.map(|_| transition.at);
        self.follow_traffic(|all, epoch, link| all.stands(epoch, link, since)).await;
    }

    async fn tick(&mut self) {
        let now = self.now();
        for transition in self.belief.advance(now) {
            self.turned(Some(transition)).await;
        }
        let urgent = self.belief.is_urgent(now);
        self.urgent.send_if_modified(|held| std::mem::replace(held, urgent) != urgent);
        if let Some(used) = self.usage.count(&self.timeline, self.shared.config.slot) {
            self.used(used);
        }
        if let Some(carried) = self.usage.carried(&self.timeline) {
            self.follow_traffic(|all, epoch, link| all.carried(epoch, link, carried)).await;
        }
        self.read_radio(now).await;
        if self.ways.moved_on(clock::now()) {
            self.link_changed(now).await;
        }
        self.learn(now);
        let settled = self.belief.settled_until(now);
        let current = self.timeline.epoch;
        let mut slots = 0;
        for (timeline, maker) in &mut self.makers {
            let closed = if timeline.epoch == current {
                maker.close(now, settled)
            } else {
                // What was held on an old timeline is final.
                maker.close(timeline.at(clock::now()), UnixMs(i64::MAX))
            };
            slots += closed.len();
            self.shared.recorder.slots(closed, timeline.epoch).await;
        }
        if slots > 0 {
            self.look_around(now).await;
        }
        self.makers.retain(|(of, maker)| of.epoch == current || !maker.is_done());
    }

    async fn read_radio(&mut self, now: UnixMs) {
        let roams = {
            let radios = self.shared.radios.borrow();
            // A reading that failed says nothing: what was known last holds.
            if radios.modems.is_ok() {
                radios.roaming(&self.link.interface)
            } else {
                self.stand.borrow().roams
            }
        };
        self.stand.send_if_modified(|stand| std::mem::replace(&mut stand.roams, roams) != roams);
        if let Some(sample) = self.radio.wifi()
            && let Some((_, maker)) = self.makers.back_mut()
        {
            maker.wifi(now, &sample);
        }
        let Some(read) = self.radio.modem(&self.link) else { return };
        // The modem may be the first to tell.
        if read.reading.is_some() && !self.dozing.is_mobile() && self.leads_to_mobile() {
            self.link_changed(now).await;
        }
        if let Some(reading) = &read.reading
            && let Some((_, maker)) = self.makers.back_mut()
        {
            maker.radio(now, reading);
        }
        if let Some(event) = read.event {
            self.shared.recorder.event(now, event).await;
        }
        for cannot in read.cannot {
            self.shared.recorder.cannot(now, cannot).await;
        }
    }

    fn used(&mut self, used: Used) {
        if let Some((_, maker)) = self.makers.back_mut() {
            maker.own(used.within, used.own);
            if let Some(busy) = used.busy {
                maker.busy(used.within, busy);
            }
        }
    }

    fn finish_use(&mut self) {
        let used = self.usage.finish(&self.timeline);
        self.used(used);
    }

    fn learn(&mut self, now: UnixMs) {
        let (answered, all) = self.belief.take_tally();
        if all == 0 {
            return;
        }
        let mut baselines = lock(&self.shared.baselines);
        let baseline = baselines.entry(self.link.name.clone()).or_default();
        baseline.record(now.0, answered, all);
        self.belief.set_reply_if_up(baseline.reply_if_up());
    }

    fn timeline_broken(&mut self, broken: Break) {
        self.finish_use();
        if let Some((_, maker)) = self.makers.back_mut() {
            maker.end(broken.ended);
        }
        self.timeline = broken.timeline;
        self.belief.clock_stepped();
        let maker = SlotMaker::new(
            self.link.name.clone(),
            self.shared.config.slot,
            self.now(),
            self.belief.state(),
        );
        self.makers.push_back((self.timeline, maker));
    }

    /// Ends the probers, takes what they said last, and closes all slots.
    async fn stop(mut self, reports: &mut mpsc::Receiver<Report>) {
        for prober in &self.probers {
            prober.task.abort();
        }
        while let Ok(report) = reports.try_recv() {
            self.heard(report).await;
        }
        let now = self.now();
        for transition in self.belief.advance(now) {
            self.turned(Some(transition)).await;
        }
        self.finish_use();
        self.learn(now);
        for (timeline, maker) in &mut self.makers {
            let now = timeline.at(clock::now());
            self.shared.recorder.slots(maker.flush(now), timeline.epoch).await;
        }
    }
}

pub(super) fn lock<T>(shared: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // What a task that panicked left is still whole: each change is one step.
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
