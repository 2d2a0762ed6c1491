//! The run while it lasts: which links have a task, what the clocks do, what the
//! measuring costs, and how all of it ends.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hearth_proto::{EventKind, LinkName};
use nix::time::{ClockId, clock_gettime};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::costs::Costs;
use super::desk::Desks;
use super::link::{self, Order, Shared};
use super::plan::{self, Settings};
use super::progress::News;
use super::rightness::{Rightness, Welcome};
use super::timeline::{Reading, Timeline};
use super::{heavy, recorder, state, undated};
use crate::clock;
use crate::link::classify::{classify, read_facts, with_radio};
use crate::link::discover::{Link, LinkChange, Links, Watcher};
use crate::uplink::{Asked, UplinkError, UplinkState};

/// How long links may take to close their slots when the run ends.
const DRAIN_LINKS: Duration = Duration::from_secs(5);
/// How long tests may take to give way when the run ends.
const DRAIN_TESTS: Duration = Duration::from_secs(1);
/// How often what was learned is kept: the flash is spared. Soon after the start it is
/// kept at twice the time before: of a run that is killed no more is forgotten than was
/// kept, so that a machine which is cut off again and again can't spend unseen.
const KEEP_EVERY: Duration = Duration::from_secs(3600);
const KEEP_FIRST: Duration = Duration::from_secs(10);

/// How the uplink ended.
type UplinkEnd = Result<Result<UplinkState, UplinkError>, tokio::task::JoinError>;

pub(super) struct Running {
    pub(super) orders: mpsc::Sender<Order>,
    pub(super) task: JoinHandle<()>,
    pub(super) settings: watch::Sender<Settings>,
    pub(super) tests: mpsc::Sender<hearth_proto::Order>,
    pub(super) testing: JoinHandle<()>,
}

/// Who is told when the clock is set, and who knows whether it was right.
pub(super) struct Clocks {
    pub(super) uplink: watch::Receiver<UplinkState>,
    pub(super) wall: watch::Sender<Timeline>,
    pub(super) stepped: watch::Sender<i64>,
    pub(super) rightness: Rightness,
}

impl Clocks {
    fn welcome(&self) -> Option<Welcome> {
        let uplink = self.uplink.borrow();
        uplink.collector_ahead_ms.map(|ahead| (uplink.streams, ahead))
    }
}

pub(super) struct Run {
    pub(super) shared: Shared,
    pub(super) timeline: Timeline,
    pub(super) last: Reading,
    pub(super) tasks: BTreeMap<LinkName, Running>,
    pub(super) desks: Desks,
    pub(super) costs: Costs,
    pub(super) clocks: Clocks,
}

impl Run {
    pub(super) async fn begin(&mut self, links: impl Iterator<Item = &Link>) {
        let config = Arc::clone(&self.shared.config);
        let at = self.timeline.at(self.last.mono);
        let boot = EventKind::Boot {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            slot: config.slot,
            vantage: config.vantage,
        };
        self.shared.recorder.event(at, boot).await;
        if !undated::is_dated(at) {
            self.shared.recorder.cannot(at, undated::cannot_date()).await;
        }
        for cannot in plan::cannot_anywhere(&config) {
            self.shared.recorder.cannot(at, cannot).await;
        }
        let mut any = false;
        for link in links {
            any = true;
            self.appeared(link.clone(), self.last.mono).await;
        }
        if !any {
            let cannot = recorder::Cannot {
                link: None,
                what: "any link".into(),
                why: "no interface of this machine has a default route".into(),
                remedy: "connect one: it is measured as soon as it is there".into(),
            };
            self.shared.recorder.cannot(at, cannot).await;
        }
    }

    /// Until `shutdown`, or until the uplink ends by itself.
    pub(super) async fn follow(
        &mut self,
        mut watcher: Watcher,
        kept: &state::Kept,
        mut asked: mpsc::Receiver<Asked>,
        shutdown: impl Future<Output = ()>,
        uplink: &mut JoinHandle<Result<UplinkState, UplinkError>>,
    ) -> Option<UplinkEnd> {
        let mut seconds = interval(Duration::from_secs(1));
        // A late look at the clocks is as good as one on time.
        seconds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut kept_at, mut keep_in) = (clock::now(), KEEP_FIRST);
        let mut shutdown = std::pin::pin!(shutdown);
        loop {
            tokio::select! {
                () = &mut shutdown => return None,
                ended = &mut *uplink => return Some(ended),
                Some(update) = watcher.next() => {
                    self.routed(&update.links, update.noticed);
                    for change in once_per_link(update.changes) {
                        self.changed(change, update.noticed).await;
                    }
                }
                Some(ask) = asked.recv() => self.asked(ask).await,
                _ = seconds.tick() => {
                    self.check_clocks().await;
                    self.check_costs().await;
                    if kept_at.elapsed() >= keep_in {
                        (kept_at, keep_in) = (clock::now(), (2 * keep_in).min(KEEP_EVERY));
                        kept.save();
                        self.keep().await;
                    }
                }
            }
        }
    }

    /// Notes where the system's default route leads.
    pub(super) fn routed(&self, links: &Links, noticed: Instant) {
        let at = self.timeline.at(noticed);
        link::lock(&self.shared.switch_overs).routed(self.timeline.epoch, links, at);
    }

    async fn changed(&mut self, change: LinkChange, noticed: Instant) {
        let at = self.timeline.at(noticed);
        let link = change.link().clone();
        match change {
            LinkChange::Appeared(_) if !self.tasks.contains_key(&link.name) => {
                self.appeared(link, noticed).await;
                return;
            }
            LinkChange::Appeared(_) => {
                let info = self.info(&link);
                self.shared.recorder.tell(News::Link(info.clone()));
                self.shared.recorder.event(at, EventKind::LinkAppeared(info)).await;
            }
            LinkChange::Gone(_) => {
                self.shared.recorder.tell(News::Gone(link.name.clone()));
                let gone = EventKind::LinkGone { link: link.name.clone() };
                self.shared.recorder.event(at, gone).await;
            }
            _ => {
                let info = self.info(&link);
                self.shared.recorder.tell(News::Link(info.clone()));
                self.shared.recorder.event(at, EventKind::LinkChanged(info)).await;
            }
        }
        self.order(&link.name.clone(), Order::Link(Box::new(link), noticed)).await;
    }

    async fn appeared(&mut self, link: Link, noticed: Instant) {
        let info = self.info(&link);
        let at = self.timeline.at(noticed);
        self.shared.recorder.tell(News::Link(info.clone()));
        self.shared.recorder.event(at, EventKind::LinkAppeared(info)).await;
        let name = link.name.clone();
        let (measures, detail) =
            self.shared.memory.with(|kept| (kept.measures(&name), kept.account(&name).detail()));
        let (settings, told) = watch::channel(Settings { measures, detail, ..Settings::default() });
        let started = link::start(self.shared.clone(), link, told, self.timeline, noticed);
        self.desks.add(name.clone(), started.desk.clone());
        let (tests, testing) = heavy::start(self.shared.clone(), started.desk);
        let (orders, task) = (started.orders, started.task);
        self.tasks.insert(name, Running { orders, task, settings, tests, testing });
    }

    /// Takes what was spent into the ledger, and writes it.
    pub(super) async fn keep(&self) {
        let now = self.timeline.at(clock::now());
        for (name, desk) in self.desks.all() {
            let spent = desk.spending.by_purpose();
            self.shared.memory.with(|kept| kept.account(&name).take(spent, now));
        }
        self.shared.memory.save().await;
    }

    async fn check_costs(&mut self) {
        let (instant, config) = (clock::now(), Arc::clone(&self.shared.config));
        let now = self.timeline.at(instant);
        let changed = self.costs.tick(&config, &self.shared.recorder, instant, now).await;
        for (name, detail) in changed {
            if let Some(running) = self.tasks.get(&name) {
                running.settings.send_modify(|settings| settings.detail = detail);
            }
        }
    }

    fn info(&self, link: &Link) -> hearth_proto::LinkInfo {
        let facts = read_facts(Path::new("/sys"), &link.interface, link.kind.as_deref());
        let configured = self.shared.config.links.of(&link.interface).and_then(|c| c.technology);
        let radios = self.shared.radios.borrow();
        let verdict = classify(&facts, configured);
        link.info(&with_radio(verdict, configured, radios.of(&link.interface)))
    }

    pub(super) async fn order(&self, link: &LinkName, order: Order) {
        if let Some(running) = self.tasks.get(link)
            && running.orders.send(order).await.is_err()
        {
            tracing::error!(%link, "the link's task has ended");
        }
    }

    async fn check_clocks(&mut self) {
        let now = read_clocks();
        let broken = self.timeline.compare(&self.last, &now);
        self.last = now;
        let welcome = self.clocks.welcome();
        let Some(broken) = broken else {
            self.clocks.rightness.look(welcome, hearth_proto::stamp::clock::bound());
            return;
        };
        self.timeline = broken.timeline;
        if let Some(ms) = broken.slept_ms {
            tracing::info!(ms, "the machine slept");
        }
        self.clocks.wall.send_replace(self.timeline);
        let at = self.timeline.at(now.mono);
        let rightness = &mut self.clocks.rightness;
        let was_right = broken.stepped_ms.is_some_and(|by_ms| rightness.stepped(by_ms, welcome));
        self.shared.recorder.broken(&broken, at, was_right).await;
        if let Some(by_ms) = broken.stepped_ms {
            self.costs.clock_stepped(broken.ended, at);
            self.shared.recorder.event(at, EventKind::ClockStep { by_ms }).await;
        }
        for name in self.tasks.keys() {
            self.order(name, Order::Timeline(broken)).await;
        }
        // Last: what waited for it may be sent now.
        if let Some(by_ms) = broken.stepped_ms {
            self.clocks.stepped.send_modify(|sum| *sum += by_ms);
        }
    }

    /// Has all links close their slots, within a bound.
    pub(super) async fn finish(&mut self, kept: &state::Kept) {
        for (name, running) in &mut self.tasks {
            // Without its sender a test gives way, and the task ends.
            running.tests = mpsc::channel(1).0;
            if timeout(DRAIN_TESTS, &mut running.testing).await.is_err() {
                tracing::warn!(link = %name, "a test did not end in time");
                running.testing.abort();
            }
        }
        for (name, running) in &self.tasks {
            if running.orders.send(Order::Stop).await.is_err() {
                tracing::error!(link = %name, "the link's task has ended");
            }
        }
        let deadline = clock::now() + DRAIN_LINKS;
        for (name, running) in std::mem::take(&mut self.tasks) {
            let left = deadline.saturating_duration_since(clock::now());
            let abort = running.task.abort_handle();
            if timeout(left, running.task).await.is_err() {
                tracing::warn!(link = %name, "the link's last slots were not closed in time");
                abort.abort();
            }
        }
        kept.save();
        let at = self.timeline.at(clock::now());
        self.shared.recorder.event(at, EventKind::Shutdown).await;
        let (slots, events) = self.shared.recorder.never_dated();
        if slots > 0 || events > 0 {
            tracing::warn!(slots, events, "lost: the clock was never set");
        }
    }
}

/// All changes of one look carry the link as it is now: one of them is enough,
/// and that it came or went says the most.
fn once_per_link(changes: Vec<LinkChange>) -> Vec<LinkChange> {
    let mut kept: Vec<LinkChange> = Vec::new();
    for change in changes {
        let name = &change.link().name;
        match kept.iter_mut().find(|known| known.link().name == *name) {
            Some(known) if matches!(change, LinkChange::Appeared(_) | LinkChange::Gone(_)) => {
                *known = change;
            }
            Some(_) => {}
            None => kept.push(change),
        }
    }
    kept
}

/// All clocks at once.
pub(super) fn read_clocks() -> Reading {
    let mono = clock::now();
    let wall = clock::since_unix();
    // Without that clock, sleep would look like a step of the wall clock.
    let since_boot = clock_gettime(ClockId::CLOCK_BOOTTIME).map(Duration::from).unwrap_or_default();
    Reading { mono, since_boot, wall }
}
