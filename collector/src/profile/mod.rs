//! The quality-of-service profile: how much of the time each activity worked, and what each
//! link measured. Every figure carries its count or says 'not enough data'.
//!
//! Read in this order: the model here; `columns` (one pass over the ledger), `share`,
//! `limits` and `trend` (activities); `series`, `trials`, `radio`, `link`, `steady`,
//! `delivered` and `frameworks` (links); `needs` (what the home says that it does);
//! `build`, which puts them together.

mod build;
pub(crate) mod columns;
mod delivered;
mod frameworks;
mod limits;
mod link;
mod needs;
mod radio;
mod series;
pub(crate) mod share;
mod steady;
#[cfg(test)]
mod tests;
mod trend;
pub(crate) mod trials;

use std::collections::BTreeMap;

use hearth_proto::{BudgetReport, Cause, Family, ProbeKind, Role, UnixMs};
use serde::{Deserialize, Serialize};

pub use build::Inputs;
pub use delivered::{Beside, BusyHour, DeliveredProfile, HourFigures};
pub(crate) use limits::evidence;
pub use limits::{Factor, LimitShare};
pub use needs::{Need, NeedVerdict, Needs};
pub use radio::{LayerProfile, RadioProfile, WifiProfile};
pub use share::LEAST_SHARE_MS;
pub use steady::SteadyProfile;
pub use trend::{Change, Direction, Previous, TREND_DAYS, Trend};
pub use trials::{LoadedProfile, SpeedProfile, TestsProfile};

use crate::ledger::{Counts, Limit};
use crate::qoe::confidence::Confidence as SampleConfidence;
use crate::qoe::parts::Part;
use crate::report::figure::Figure;
use crate::report::names::{ActivityRef, LinkRef};
use crate::report::wording::count;

/// A household's profile over a span.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Profile {
    /// Share of the household's slots in which any link gave evidence.
    pub coverage: Figure,
    /// Whole or part days, in local time, with evidence.
    pub days: u64,
    /// One per activity, in the catalogue's order.
    pub activities: Vec<ActivityProfile>,
    /// In the order the system prefers them.
    pub links: Vec<LinkProfile>,
    /// What the home says that it does, and whether it gets it.
    pub needs: Needs,
}

/// How well one activity worked.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ActivityProfile {
    /// Which.
    pub activity: ActivityRef,
    /// On the link in use; `None` without links.
    pub in_use: Option<Share>,
    /// On any link.
    pub anywhere: Share,
    /// On each link.
    pub links: Vec<LinkShare>,
    /// Share OK on the link in use, 20:00 to 22:00 local time: leisure's peak.
    pub peak_evening: Figure,
    /// Share OK on the link in use, 12:00 to 14:00 local time: business's peak.
    pub peak_midday: Figure,
    /// What kept the link in use from OK most often, if anything did.
    pub limiting: Option<Limit>,
    /// What decided the bad slots of the link in use, and how often.
    pub limits: Vec<LimitShare>,
    /// By the hours of the week.
    pub week: WeekProfile,
    /// Beside the period before.
    pub trend: Trend,
    /// How far to trust it.
    pub confidence: Confidence,
    /// Why not more, in plain words.
    pub confidence_why: Vec<String>,
}

/// How far to trust a verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Confidence {
    /// Under an hour of evidence, or under half of the time covered.
    Low,
    /// Under a day of evidence, under 90 % covered, or the throughput needed unproven.
    Medium,
    /// Otherwise.
    High,
}

/// One link's share.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LinkShare {
    /// Which.
    pub link: LinkRef,
    /// How well.
    pub share: Share,
}

/// A share of time, with what is not known kept apart.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Share {
    /// OK slots over slots with evidence.
    pub worked: Figure,
    /// Slots with evidence over slots not excluded.
    pub coverage: Figure,
    /// Slots by state.
    pub counts: Counts,
    /// Slots with evidence in which the throughput needed was not proven.
    pub unproven: u64,
    /// At the two peaks.
    pub peaks: Peaks,
}

/// The two peaks of a day, in local time, on all days and from Monday to Friday.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Peaks {
    /// 20:00 to 22:00: leisure's.
    pub evening: PeakShare,
    /// The same from Monday to Friday; holidays are not known.
    pub evening_weekdays: PeakShare,
    /// 12:00 to 14:00: business's.
    pub midday: PeakShare,
    /// The same from Monday to Friday; holidays are not known.
    pub midday_weekdays: PeakShare,
}

/// A share of a peak's time.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PeakShare {
    /// OK slots over slots with evidence, of those that begin in the peak.
    pub worked: Figure,
    /// Slots with evidence over slots not excluded.
    pub coverage: Figure,
    /// Days with evidence within the peak.
    pub days: u64,
}

/// Shares by the hours of the week.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WeekProfile {
    /// On any link.
    pub anywhere: Week,
    /// On each link, in the profile's order.
    pub links: Vec<Week>,
}

/// 168 hours in local time, Monday from midnight to one first. A slot counts in the
/// hour that it starts in, so that a change of clocks loses none and doubles none.
/// Written without `worst` and `best` where they are `worked`, and without `slots` where
/// they are `known`: most weeks are, and there is one for each activity and link.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Week {
    /// Share OK of the slots with evidence, from 0 to 1, to a hundredth of a per
    /// cent; `None`: under 15 minutes of evidence.
    pub worked: Vec<Option<f64>>,
    /// The same in the worst of the hours that the cell stands for.
    pub worst: Vec<Option<f64>>,
    /// And in the best.
    pub best: Vec<Option<f64>>,
    /// Slots with evidence.
    pub known: Vec<u64>,
    /// Slots not excluded.
    pub slots: Vec<u64>,
}

/// What one link measured.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LinkProfile {
    /// Which.
    pub link: LinkRef,
    /// Its time, by what is known of it.
    pub time: LinkTime,
    /// Share of judged, not excluded time that it was up.
    pub uptime: Figure,
    /// Outages and their causes are in the gap report; this is how many.
    pub outages: u64,
    /// Round trips beyond the home: STAMP and ICMP, per family and target.
    pub rtt: Vec<RttProfile>,
    /// Round trips to the gateway and the first hop.
    pub near: Vec<RttProfile>,
    /// DNS, TCP, TLS and HTTP, each phase alone.
    pub phases: Vec<PhaseProfile>,
    /// How steady it was.
    pub steady: SteadyProfile,
    /// What it delivered, beside what was sold.
    pub delivered: DeliveredProfile,
    /// Its busy hours beside its quiet ones.
    pub busy_hour: BusyHour,
    /// The household's own use of it.
    pub busy: BusyProfile,
    /// `bufferbloat_ms_v1`: p95 loaded RTT, of the worse direction, − p50 idle RTT.
    pub bufferbloat_ms_v1: Figure,
    /// `rpm_draft09`: the median of the worse direction; never to be shown without
    /// the loaded RTT beside it.
    pub rpm_draft09: Figure,
    /// Heavier tests, and those that were skipped.
    pub tests: TestsProfile,
    /// The cellular radio under it, where it has one.
    pub radio: Option<RadioProfile>,
    /// The Wi-Fi under it, where it has one.
    pub wifi: Option<WifiProfile>,
    /// Bytes that the agent itself received.
    pub own_rx_bytes: u64,
    /// Bytes that the agent itself sent.
    pub own_tx_bytes: u64,
    /// What measuring has cost this month, as last told in the span.
    pub budget: Option<BudgetReport>,
    /// Scores by the published frameworks.
    pub frameworks: Vec<FrameworkScore>,
}

/// A link's time, in milliseconds where not said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct LinkTime {
    /// Up, on evidence.
    pub up_ms: u64,
    /// Down, on evidence.
    pub down_ms: u64,
    /// Without evidence.
    pub unknown_ms: u64,
    /// Excluded, whatever was found.
    pub excluded_ms: u64,
    /// Slots, of those up, in which a far target that was bad by itself was set aside.
    pub set_aside_slots: u64,
    /// Of them, those in which no other could speak in its place.
    pub set_aside_alone_slots: u64,
}

impl LinkTime {
    /// What was set aside, in plain words; `None` for nothing.
    pub fn set_aside_words(&self) -> Option<String> {
        let (all, alone) = (self.set_aside_slots, self.set_aside_alone_slots);
        (all > 0).then(|| {
            format!(
                "Slots in which one far target was bad by itself and was set aside: {}; those in \
                 which no other could speak in its place: {}.",
                count(all),
                count(alone)
            )
        })
    }
}

/// One series' round trips over the span.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RttProfile {
    /// How it was probed.
    pub probe: ProbeKind,
    /// What the target stands for.
    pub role: Role,
    /// The IP version.
    pub family: Family,
    /// The target; empty where the role says it all.
    pub target: String,
    /// Median RTT.
    pub rtt_p50: Figure,
    /// 95th percentile.
    pub rtt_p95: Figure,
    /// 99th percentile.
    pub rtt_p99: Figure,
    /// Least RTT.
    pub rtt_min: Figure,
    /// `loss`: lost over answered or lost, while the link was up.
    pub loss: Figure,
    /// `loss_forward`, where the far end is stateful.
    pub loss_forward: Figure,
    /// `loss_back`, where the far end is stateful.
    pub loss_back: Figure,
    /// `loss_burst`: the longest run of consecutive losses in any slot without
    /// down time, whose losses `loss` leaves out too.
    pub loss_burst: Figure,
    /// `ipdv_mean_v1`, weighted by pairs.
    pub ipdv_mean_v1: Figure,
    /// `pdv_p95_v1`: the median over slots of p95 RTT − least RTT.
    pub pdv_p95_v1: Figure,
    /// Probes sent.
    pub sent: u64,
    /// Probes answered.
    pub answered: u64,
    /// Probes lost, those lost while the link was down included.
    pub lost: u64,
    /// Of them, lost while the link was down.
    pub lost_while_down: u64,
    /// Failures by cause.
    pub failures: Vec<CauseCount>,
    /// Probes a second of the slots it was in; under 1, tails are optimistic.
    pub rate_hz: f64,
    /// The probe's payload in bytes.
    pub payload_bytes: u32,
    /// The first slot it was in.
    pub first_at: UnixMs,
    /// The end of the last slot it was in.
    pub last_at: UnixMs,
}

/// One phase's times over the span.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PhaseProfile {
    /// Which phase.
    pub probe: ProbeKind,
    /// What the target stands for.
    pub role: Role,
    /// The IP version.
    pub family: Family,
    /// The target; empty where the role says it all.
    pub target: String,
    /// Median.
    pub p50: Figure,
    /// 95th percentile.
    pub p95: Figure,
    /// Failed over sent, while the link was up.
    pub failed: Figure,
    /// Failures by cause, never folded into the time.
    pub failures: Vec<CauseCount>,
    /// Sent.
    pub sent: u64,
}

/// Failures of one cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct CauseCount {
    /// Why.
    pub cause: Cause,
    /// How many.
    pub count: u64,
}

/// The household's own traffic, the agent's subtracted.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BusyProfile {
    /// Received in the span.
    pub rx_bytes: Figure,
    /// Sent in the span.
    pub tx_bytes: Figure,
    /// The busiest second's rate. A floor for the link's speed, not its speed.
    pub rx_peak_bps: Figure,
    /// The busiest second's rate. A floor for the link's speed, not its speed.
    pub tx_peak_bps: Figure,
}

/// A published framework's score.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FrameworkScore {
    /// Name with version, such as `iqb@dbd7401`.
    pub framework: &'static str,
    /// What is scored, such as a codec or an experience.
    pub what: String,
    /// The score on the framework's own scale.
    pub score: Figure,
    /// The framework's own word for it, where it has one.
    pub grade: Option<String>,
    /// What it was computed from, and by which convention.
    pub inputs: String,
    /// What each input brings to the score; empty where there was not enough data.
    pub components: Vec<Part>,
    /// The input that decided; `None` where nothing held the score down.
    pub binding: Option<String>,
    /// How many samples are behind each input that was measured.
    pub samples: BTreeMap<&'static str, u64>,
    /// How far the fewest of them carry the score; `None` where there is none.
    pub confidence: Option<SampleConfidence>,
}
