//! What a run is doing, for whoever asks: plain figures, made on request.

use std::time::Duration;

use hearth_proto::{
    AgentId, BootId, BudgetReport, Cause, DownCause, Family, HouseholdId, LinkName, Own, Role,
    TestKind, TestOutcome, TestResult, UnixMs,
};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::desk::{Desk, Desks, Notes};
use super::memory::Memory;
use super::plan;
use super::timeline::Timeline;
use super::times::Times;
use crate::clock;
use crate::config::Config;
use crate::spool::{Spool, SpoolError};
use crate::uplink::UplinkState;

/// What a run is doing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunStatus {
    /// This agent.
    pub agent: AgentId,
    /// The home it measures.
    pub household: HouseholdId,
    /// This run.
    pub boot: BootId,
    /// The program's version.
    pub version: String,
    /// Wall time.
    pub now: UnixMs,
    /// Milliseconds since it started, by the monotonic clock.
    pub uptime_ms: u64,
    /// The version of the collector's plan that it measures by; `None`: it has none.
    pub plan: Option<u64>,
    /// All links seen since it started.
    pub links: Vec<LinkStatus>,
    /// The way to the collector.
    pub uplink: UplinkStatus,
    /// What waits for it.
    pub spool: SpoolStatus,
}

/// One link.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LinkStatus {
    /// Its name.
    pub link: LinkName,
    /// The system's interface.
    pub interface: String,
    /// Whether its data costs money.
    pub metered: bool,
    /// Whether it works: `None` where nobody could judge.
    pub up: Option<bool>,
    /// Why it is down, if it is.
    pub down: Option<DownCause>,
    /// Whether it roams, where its radio tells.
    pub roaming: Option<bool>,
    /// The month's costs, their bound, and the detail measured.
    pub budget: BudgetReport,
    /// Bytes left of the bound.
    pub budget_left_bytes: Option<u64>,
    /// Bytes that measuring it has cost since the agent started, those to the gateway
    /// too.
    pub own: Own,
    /// What its probes found last.
    pub probes: Vec<ProbeStatus>,
    /// The next test by itself.
    pub next_test: Option<NextTest>,
    /// The test that runs.
    pub testing: Option<TestKind>,
    /// What the last test of each kind found.
    pub tests: Vec<TestStatus>,
}

/// What one probe found last.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProbeStatus {
    /// Its kind, by its stable name.
    pub probe: String,
    /// Its target's role.
    pub role: Role,
    /// In which IP version.
    pub family: Family,
    /// Its target, where the role does not say it.
    pub target: String,
    /// When it was sent.
    pub at: UnixMs,
    /// Microseconds, where it was answered.
    pub us: Option<u64>,
    /// Why it failed, where it did.
    pub failed: Option<Cause>,
    /// How long they took since the start; for Prometheus alone.
    #[serde(skip)]
    pub times: Times,
}

/// A test to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct NextTest {
    /// Of which kind.
    pub kind: TestKind,
    /// Not earlier than that.
    pub due: UnixMs,
}

/// A test that ended, or was skipped.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TestStatus {
    /// Of which kind.
    pub kind: TestKind,
    /// When it began, or was due.
    pub start: UnixMs,
    /// How long it took.
    pub duration_ms: u32,
    /// What it cost.
    pub cost: Own,
    /// "done", "failed", or why it was skipped.
    pub outcome: String,
    /// More of it, for a person; empty where it is done.
    pub detail: String,
    /// Payload bit/s towards the home.
    pub down_bps: Option<u64>,
    /// Payload bit/s from the home.
    pub up_bps: Option<u64>,
    /// The worse direction's `rpm_draft09`.
    pub rpm: Option<u32>,
}

/// The way to the collector.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UplinkStatus {
    /// Whether it stands.
    pub connected: bool,
    /// Records acknowledged since the start.
    pub acknowledged: u64,
    /// Records refused since the start.
    pub refused: u64,
    /// The collector's clock less this system's at the last welcome.
    pub collector_ahead_ms: Option<i64>,
    /// Why it does not stand.
    pub trouble: Option<String>,
}

/// What waits to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpoolStatus {
    /// Slots.
    pub slots: u64,
    /// Events and tests.
    pub events: u64,
    /// Bytes.
    pub bytes: u64,
    /// The bound in bytes.
    pub max_bytes: u64,
    /// Slots let go since the start.
    pub dropped_slots: u64,
    /// Events let go since the start.
    pub dropped_events: u64,
}

/// Asks a run what it is doing, at any time while it runs.
#[derive(Clone)]
pub struct StatusReader {
    pub(super) agent: AgentId,
    pub(super) boot: BootId,
    pub(super) began: std::time::Instant,
    pub(super) config: std::sync::Arc<Config>,
    pub(super) wall: watch::Receiver<Timeline>,
    pub(super) memory: Memory,
    pub(super) desks: Desks,
    pub(super) uplink: watch::Receiver<UplinkState>,
    pub(super) spool: Spool,
}

impl StatusReader {
    /// What the run is doing now.
    ///
    /// # Errors
    /// [`SpoolError::Closed`] once it has ended.
    pub async fn read(&self) -> Result<RunStatus, SpoolError> {
        let spool = self.spool.stats().await?;
        let instant = clock::now();
        let now = self.wall.borrow().at(instant);
        let uplink = self.uplink.borrow().clone();
        Ok(RunStatus {
            agent: self.agent.clone(),
            household: self.config.household.clone(),
            boot: self.boot,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            now,
            uptime_ms: ms(instant.saturating_duration_since(self.began)),
            plan: self.memory.with(|kept| kept.plan.as_ref().map(|plan| plan.version)),
            links: self.desks.all().iter().map(|(name, desk)| self.link(name, desk, now)).collect(),
            uplink: UplinkStatus {
                connected: uplink.connected,
                acknowledged: uplink.acknowledged,
                refused: uplink.refused,
                collector_ahead_ms: uplink.collector_ahead_ms,
                trouble: uplink.trouble,
            },
            spool: SpoolStatus {
                slots: spool.slots,
                events: spool.events,
                bytes: spool.bytes,
                max_bytes: self.config.spool_max_bytes,
                dropped_slots: spool.dropped_slots,
                dropped_events: spool.dropped_events,
            },
        })
    }

    fn link(&self, name: &LinkName, desk: &Desk, now: UnixMs) -> LinkStatus {
        let stand = desk.stand.borrow().clone();
        let settings = *desk.settings.borrow();
        let limit = plan::budget(&self.config, &stand, &settings.measures);
        let (budget, left) = self.memory.with(|kept| {
            let account = kept.account(name);
            account.take(desk.spending.by_purpose(), now);
            (account.report(name.clone(), limit, now), account.left(limit, now))
        });
        let own = desk.spending.total();
        let notes = desk.board.notes();
        let down = stand.link.down_cause().or(stand.down);
        LinkStatus {
            link: name.clone(),
            interface: stand.link.interface.to_string(),
            metered: stand.metered,
            up: (stand.judged || down.is_some()).then_some(down.is_none()),
            down,
            roaming: stand.roams,
            budget,
            budget_left_bytes: left,
            own: Own { rx_bytes: own.rx, tx_bytes: own.tx },
            probes: probes(&notes),
            next_test: notes.next_test.map(|(kind, due)| NextTest { kind, due }),
            testing: notes.testing,
            tests: notes.tests.values().map(test).collect(),
        }
    }
}

fn probes(notes: &Notes) -> Vec<ProbeStatus> {
    let of = notes.probes.iter();
    of.map(|(key, probed)| ProbeStatus {
        probe: key.probe.to_string(),
        role: key.role,
        family: key.family,
        target: key.target.clone(),
        at: probed.at,
        us: probed.outcome.ok().map(|time| time.as_micros() as u64),
        failed: probed.outcome.err(),
        times: probed.times,
    })
    .collect()
}

fn test(result: &TestResult) -> TestStatus {
    let (outcome, detail, figures) = match &result.outcome {
        TestOutcome::Done(figures) => ("done", String::new(), Some(figures)),
        TestOutcome::Skipped { reason, detail } => (reason.name(), detail.clone(), None),
        TestOutcome::Failed { why, .. } => ("failed", why.clone(), None),
    };
    let (down, up) = figures.map_or((None, None), |f| (f.down.as_ref(), f.up.as_ref()));
    let rpm = [down, up].into_iter().flatten().filter_map(|d| d.rpm.map(|(rpm, _)| rpm)).min();
    TestStatus {
        kind: result.kind,
        start: result.start,
        duration_ms: result.duration_ms,
        cost: result.cost,
        outcome: outcome.to_owned(),
        detail,
        down_bps: down.map(|d| d.goodput_bps),
        up_bps: up.map(|d| d.goodput_bps),
        rpm,
    }
}

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
