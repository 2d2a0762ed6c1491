//! One link's heavier tests: begun when they are due or ordered and the line is idle,
//! given up as soon as the household uses it, and recorded either way.
//!
//! Read in this order: this file (the task), `trial` (one test while it runs),
//! `waiting` (pure: whether a test is begun), `yielding` (pure: who uses the line),
//! `stripped` (pure: what is compared for that), `reasons` (what is said of one that was
//! not run), `orders` (pure: which orders are followed) and [`tester`] (what runs a test).

mod orders;
mod reasons;
mod stripped;
pub mod tester;
mod trial;
mod waiting;
mod yielding;

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hearth_proto::{
    Detail, LinkName, Order, Own, SkipReason, TestKind, TestOutcome, TestResult, UnixMs,
};
use rand::RngExt;
use rand::rngs::SmallRng;
use tokio::sync::{Semaphore, mpsc};

use super::desk::Desk;
use super::link::Shared;
use super::plan;
use super::undated::is_dated;
use crate::budget::Month;
use crate::budget::policy::spare;
use crate::clock;
use crate::link::counters::{Counters, Packets};
use crate::probe::heavy::{Limits, TestServer};
use crate::schedule::poisson;
pub(super) use orders::{AN_HOUR, Answer, Open, Orders};
pub(super) use reasons::late;
use reasons::{TOLD_TO_STOP, logged};
use tester::Tester;
use waiting::{Due, MAX_WAITING, ORDER_WINDOW, Stand, Verdict, WINDOW, judge};
use yielding::{Chatter, Idle};

/// While a test waits, the line is looked at so often.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Else the wall clock is: it may be set.
const CLOCK_EVERY: Duration = Duration::from_secs(30);
/// A responsiveness test may use so much where no budget bounds it,
const RESPONSIVENESS_BYTES: u64 = 2_500_000_000;
/// and this part of a month's budget where one does.
const BUDGET_SHARE: u64 = 20;
/// A capacity test's most.
const CAPACITY_BYTES: u64 = 2_000_000;
/// One direction's load.
const LOAD_TIME: Duration = Duration::from_secs(20);
/// With less a test would say nothing.
const LEAST_BYTES: u64 = 500_000;

/// What the tests of all links share.
#[derive(Clone)]
pub(super) struct Testing {
    pub(super) tester: Arc<dyn Tester>,
    pub(super) server: Option<TestServer>,
    /// One test at a time: two links may share a line, and do share this machine.
    pub(super) free: Arc<Semaphore>,
}

/// What a test of `kind` may use, within what is to `spare` of a budget `limit`. `None`:
/// it is not covered.
pub(super) fn limits(kind: TestKind, limit: Option<u64>, spare: Option<u64>) -> Option<Limits> {
    let most = match (kind, limit) {
        (TestKind::Capacity, _) => CAPACITY_BYTES,
        (TestKind::Responsiveness, Some(limit)) => (limit / BUDGET_SHARE).min(RESPONSIVENESS_BYTES),
        (TestKind::Responsiveness, None) => RESPONSIVENESS_BYTES,
    };
    let bytes = spare.map_or(most, |spare| spare.min(most));
    (bytes >= LEAST_BYTES).then_some(Limits { bytes, time: LOAD_TIME })
}

/// What a test of a kind costs where none was run yet.
pub(super) fn expected_cost(kind: TestKind, limit: Option<u64>) -> u64 {
    let most = limits(kind, limit, None).map_or(0, |limits| limits.bytes);
    if kind == TestKind::Capacity { most } else { most / 4 }
}

/// One link's task.
struct Heavy {
    shared: Shared,
    desk: Desk,
    orders: mpsc::Receiver<Order>,
    waiting: VecDeque<Due>,
    /// The next by itself: of which kind, how far apart they are, and when.
    next: Option<(TestKind, Duration, UnixMs)>,
    counters: Counters,
    packets: Packets,
    idle: Idle,
    began: Instant,
    chance: SmallRng,
    /// The timeline that `next` is on.
    epoch: u32,
    /// Nobody orders any more: the run ends.
    ends: bool,
}

/// Starts a link's. It ends when the sender of orders goes.
pub(super) fn start(
    shared: Shared,
    desk: Desk,
) -> (mpsc::Sender<Order>, tokio::task::JoinHandle<()>) {
    let (sender, orders) = mpsc::channel(MAX_WAITING);
    let interface = desk.stand.borrow().link.interface.clone();
    let heavy = Heavy {
        shared,
        desk,
        orders,
        waiting: VecDeque::new(),
        next: None,
        counters: Counters::new(Path::new("/sys"), &interface),
        packets: Packets::new(Path::new("/sys"), &interface),
        idle: Idle::default(),
        began: clock::now(),
        chance: rand::make_rng::<SmallRng>(),
        epoch: 0,
        ends: false,
    };
    (sender, tokio::spawn(heavy.run()))
}

impl Heavy {
    async fn run(mut self) {
        let mut settings = self.desk.settings.clone();
        let mut settled = true;
        while !self.ends {
            self.plan_next();
            let pause = self.pause();
            tokio::select! {
                order = self.orders.recv() => match order {
                    Some(order) => self.ordered(order).await,
                    None => break,
                },
                changed = settings.changed(), if settled => settled = changed.is_ok(),
                () = tokio::time::sleep(pause) => {}
            }
            self.come_due();
            if !self.waiting.is_empty() {
                self.look().await;
            }
        }
        // Somebody waits for the orders: they are told.
        for due in std::mem::take(&mut self.waiting) {
            if due.order.is_some() {
                self.skip(&due, SkipReason::Stopped, TOLD_TO_STOP).await;
            }
        }
    }

    fn now(&self) -> UnixMs {
        self.shared.wall.borrow().at(clock::now())
    }

    fn link(&self) -> LinkName {
        self.desk.stand.borrow().link.name.clone()
    }

    fn pause(&self) -> Duration {
        if !self.waiting.is_empty() {
            return LOOK_EVERY;
        }
        let until = self.next.map_or(i64::MAX, |(.., due)| due.since(self.now()).max(0));
        CLOCK_EVERY.min(Duration::from_millis(until.cast_unsigned()))
    }

    /// Sets when the next test is due by itself, where that is not set or the pace has
    /// changed. Without a date nothing is: nobody could say when the last one was.
    fn plan_next(&mut self) {
        let epoch = self.shared.wall.borrow().epoch;
        if epoch != self.epoch {
            // All homes whose clocks were set at once would else test at once.
            self.epoch = epoch;
            self.next = None;
        }
        let now = self.now();
        let settings = *self.desk.settings.borrow();
        let stand = self.desk.stand.borrow().clone();
        let kind = plan::test_kind(&stand);
        let mean = plan::test_mean(&self.shared.config, kind, &settings.measures)
            .filter(|_| is_dated(now));
        // A plan may call off what waits.
        self.waiting.retain(|due| due.order.is_some() || (mean.is_some() && due.kind == kind));
        let is_set = match (self.next, mean) {
            (Some((of, every, due)), Some(mean)) => {
                // One further than it can be was set by another clock.
                let most = mean.mul_f64(poisson::MOST).max(poisson::AFTER_START + poisson::SPREAD);
                let sane =
                    due.since(now) <= i64::try_from(most.as_millis()).unwrap_or(i64::MAX) + 600_000;
                (of, every) == (kind, mean) && sane
            }
            (None, None) => true,
            _ => false,
        };
        if is_set {
            return;
        }
        let last = self.shared.memory.with(|kept| {
            kept.began.get(&stand.link.name).and_then(|began| began.get(&kind)).copied()
        });
        let chance = [self.chance.random(), self.chance.random(), self.chance.random()];
        self.next = mean.map(|mean| (kind, mean, poisson::next(mean, last, now, chance)));
        self.desk.board.next_test(self.next.map(|(kind, _, due)| (kind, due)));
    }

    fn come_due(&mut self) {
        let Some((kind, _, due)) = self.next else { return };
        let scheduled = self.waiting.iter().any(|waits| waits.order.is_none());
        if self.now() >= due && !scheduled {
            let at = clock::now();
            self.waiting.push_back(Due { kind, order: None, at, until: at + WINDOW });
        }
    }

    async fn ordered(&mut self, order: Order) {
        let at = clock::now();
        let due = Due { kind: order.kind, order: Some(order), at, until: at + ORDER_WINDOW };
        if self.waiting.len() < MAX_WAITING {
            // Somebody waits for it.
            self.waiting.push_front(due);
        } else {
            self.skip(&due, SkipReason::Rate, &format!("{MAX_WAITING} tests wait already")).await;
        }
    }

    /// Looks at the line, and decides on all that wait.
    async fn look(&mut self) {
        let since = clock::now().saturating_duration_since(self.began);
        let own = self.desk.spending.total();
        let chatter = if let Ok(counted) = self.counters.read() {
            self.idle.reading(since, counted, own)
        } else {
            self.idle.unreadable();
            None
        };
        let mut place = 0;
        while let Some(due) = self.waiting.get(place).cloned() {
            match self.judge(&due, chatter) {
                Verdict::Wait => place += 1,
                Verdict::Skip(reason) => {
                    self.waiting.remove(place);
                    let why = self.why(&due, reason);
                    self.skip(&due, reason, &why).await;
                }
                Verdict::Begin => {
                    self.waiting.remove(place);
                    self.begin(due, chatter.unwrap_or_default()).await;
                    // The line has to be idle anew.
                    self.idle = Idle::default();
                    return;
                }
            }
        }
    }

    /// What a test of `kind` may use.
    fn limits(&self, kind: TestKind, ordered: bool) -> Option<Limits> {
        let settings = *self.desk.settings.borrow();
        let stand = self.desk.stand.borrow().clone();
        // What is ordered is not of the month's plan, but of what is left.
        if !ordered && !plan::affords(settings.detail, kind) {
            return None;
        }
        let limit = plan::budget(&self.shared.config, &stand, &settings.measures);
        let now = self.now();
        let left = self.shared.memory.with(|kept| {
            let account = kept.account(&stand.link.name);
            account.take(self.desk.spending.by_purpose(), now);
            account.left(limit, now)
        });
        // Of an order somebody knows what it costs; probes need not go on in full for it.
        let kept = if ordered { Detail::Alive } else { Detail::NoTests };
        let spare = spare(left, Month::of(now).left(now), &self.desk.forecast.rates(), kept);
        limits(kind, limit, spare)
    }

    fn judge(&self, due: &Due, chatter: Option<Chatter>) -> Verdict {
        let (roams, works) = {
            let stand = self.desk.stand.borrow();
            (stand.roams == Some(true), stand.works())
        };
        let now = self.now();
        let stand = Stand {
            has_server: self.shared.testing.server.is_some(),
            roams,
            covered: self.limits(due.kind, due.order.is_some()).is_some(),
            works,
            idle: chatter.is_some(),
            free: self.shared.testing.free.available_permits() > 0,
            expired: due.order.as_ref().is_some_and(|order| now > order.expires),
        };
        judge(due, stand, clock::now())
    }

    async fn skip(&mut self, due: &Due, reason: SkipReason, detail: &str) {
        let now = self.now();
        let link = self.link();
        self.shared.memory.with(|kept| {
            kept.account(&link).test_skipped(now);
            if due.order.is_none() {
                // The next is due as if it had been run.
                kept.began.entry(link.clone()).or_default().insert(due.kind, now);
            }
        });
        if due.order.is_none() {
            self.next = None;
        }
        let outcome = TestOutcome::Skipped { reason, detail: detail.to_owned() };
        self.record(due, due.at, Duration::ZERO, None, Own::default(), outcome).await;
    }

    async fn record(
        &self,
        due: &Due,
        start: Instant,
        took: Duration,
        family: Option<hearth_proto::Family>,
        cost: Own,
        outcome: TestOutcome,
    ) {
        let server = &self.shared.config.tests.server;
        let result = TestResult {
            link: self.link(),
            kind: due.kind,
            family,
            server: server.as_ref().map(ToString::to_string).unwrap_or_default(),
            start: self.shared.wall.borrow().at(start),
            start_boot_ms: self.shared.recorder.since_start_ms(start),
            duration_ms: u32::try_from(took.as_millis()).unwrap_or(u32::MAX),
            order: due.order.as_ref().map(|order| order.id),
            cost,
            outcome,
        };
        let by = due.order.as_ref().map(|order| order.by.as_str());
        let (outcome, why) = logged(&result.outcome);
        tracing::info!(link = %result.link, kind = %result.kind, by, outcome, why, "test");
        self.desk.board.tested(&result);
        self.shared.recorder.test(result).await;
        if let Some(order) = &due.order {
            // After its record: it is answered twice rather than never.
            self.shared.memory.with(|kept| kept.orders.answered(order.id));
            self.shared.memory.save().await;
        }
    }
}
