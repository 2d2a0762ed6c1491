//! The annex's figures: every link, and what was sold on it. Times in microseconds,
//! shares in millionths, rates in bit/s, so that nothing is a fraction.

use hearth_proto::{AgentId, Family, LinkName, ProbeKind, Role, SkipReason, Technology, TestKind};
use serde::{Deserialize, Serialize};

use super::ShareRange;
use crate::homes::SoldSpeed;
use crate::ledger::Counts;
use crate::promise::{Direction, Rule};

/// One link's figures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LinkPart {
    /// Its name.
    pub link: LinkName,
    /// Whose.
    pub agent: AgentId,
    /// Another agent of the household has a link of the same name.
    pub name_is_shared: bool,
    /// Its access technology.
    pub technology: Technology,
    /// Up, on evidence, in milliseconds.
    pub up_ms: u64,
    /// Down, on evidence, in milliseconds.
    pub down_ms: u64,
    /// Without evidence, in milliseconds.
    pub unknown_ms: u64,
    /// Excluded, in milliseconds.
    pub excluded_ms: u64,
    /// Outages.
    pub outages: u64,
    /// Per activity, in the order of the verdicts.
    pub activities: Vec<LinkActivity>,
    /// Round trips beyond the home.
    pub far: Vec<RttPart>,
    /// Round trips to the gateway and the first router beyond it.
    pub near: Vec<RttPart>,
    /// TCP connects beyond the home, sent, by family.
    pub connects: Vec<(Family, u64)>,
    /// Heavier tests.
    pub tests: TestsPart,
}

/// One activity on one link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkActivity {
    /// Slots by state.
    pub counts: Counts,
    /// The range of the share of time that it worked, where it has width.
    pub range: Option<ShareRange>,
}

/// Percentiles of round trips in microseconds; `None` where there are too few.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Percentiles {
    /// Least.
    pub min_us: Option<u64>,
    /// Median.
    pub p50_us: Option<u64>,
    /// 95th percentile.
    pub p95_us: Option<u64>,
    /// 99th percentile.
    pub p99_us: Option<u64>,
}

/// One series' round trips.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RttPart {
    /// How it was probed.
    pub probe: ProbeKind,
    /// What the target stands for.
    pub role: Role,
    /// The IP version.
    pub family: Family,
    /// The target; empty where the role says it all.
    pub target: String,
    /// Sent.
    pub sent: u64,
    /// Answered.
    pub answered: u64,
    /// Lost, those lost while the link was down included.
    pub lost: u64,
    /// Of them, lost while the link was down.
    pub lost_while_down: u64,
    /// Milliseconds from one probe to the next, on average.
    pub every_ms: u64,
    /// Its round trips.
    pub times: Percentiles,
    /// `loss` while the link was up, with its interval's ends.
    pub loss_ppm: Option<(u32, u32, u32)>,
    /// `ipdv_mean_v1`.
    pub ipdv_us: Option<u64>,
    /// `pdv_p95_v1`.
    pub pdv_us: Option<u64>,
}

/// Heavier tests of a link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestsPart {
    /// Run to their end.
    pub done: u64,
    /// Begun and failed.
    pub failed: u64,
    /// Not run, by reason.
    pub skipped: Vec<(SkipReason, u64)>,
    /// What they cost on the link in bytes.
    pub cost_bytes: u64,
    /// Goodput by kind of test.
    pub speeds: Vec<SpeedPart>,
    /// Under load: towards the home, and from it.
    pub loaded: [LoadedPart; 2],
}

/// Goodput over the tests of one kind: median and p5 in bit/s, and how many tests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpeedPart {
    /// Which kind.
    pub kind: TestKind,
    /// Towards the home.
    pub down: (Option<u64>, Option<u64>, u64),
    /// From the home.
    pub up: (Option<u64>, Option<u64>, u64),
}

/// One direction under load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadedPart {
    /// `rpm_draft09`, median over tests.
    pub rpm: Option<u64>,
    /// `loaded_rtt_*`: median.
    pub p50_us: Option<u64>,
    /// `loaded_rtt_*`: 95th percentile.
    pub p95_us: Option<u64>,
}

/// What was sold on a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PromisedWhat {
    /// Speed towards the home, in bit/s.
    Down(SoldSpeed),
    /// Speed from the home, in bit/s.
    Up(SoldSpeed),
    /// Round trip, in microseconds.
    Latency(u64),
}

/// What was sold on a link beside what was measured: bit/s for speeds,
/// microseconds for the round trip.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Promised {
    /// The link's place in `links`; `None`: no agent has told of it.
    pub link: Option<usize>,
    /// The link's name, as sold.
    pub name: String,
    /// The product's name, as the customer knows it.
    pub product: Option<String>,
    /// What was sold.
    pub what: PromisedWhat,
    /// The median measured; `None`: too few tests.
    pub median: Option<u64>,
    /// The unfavourable side: p5 of a speed, p95 of a round trip.
    pub worst: Option<u64>,
    /// How many tests, or round trips, that rests on.
    pub count: u64,
}

/// What a published rule says of what was sold on a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleVerdict {
    /// The link's place in `links`.
    pub link: usize,
    /// Which rule.
    pub rule: Rule,
    /// In which direction; `None`: of the link as a whole.
    pub direction: Option<Direction>,
    /// What was sold was delivered, by the rule.
    pub kept: bool,
    /// Of availability: what it is judged by.
    pub availability: Option<Availability>,
}

/// A share of the time without an outage, in parts per million.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Availability {
    /// As it was sold.
    pub sold_ppm: u32,
    /// As it was measured.
    pub delivered_ppm: u32,
}
