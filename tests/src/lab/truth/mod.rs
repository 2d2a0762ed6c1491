//! What was true in a run: from the emulator's ledger, and from the times at
//! which the script was really carried out. Pure.
//!
//! This file says what there is to know; `draw` makes it.

mod draw;

pub use draw::draw;

use hearth_proto::link::Technology;
use serde::Serialize;

use super::emulator::ledger::{Counts, RateTruth};
use super::emulator::{Nanos, SECOND};

/// A probe is lost if its reply takes longer (method, section 1).
pub const LOSS_TIMEOUT: Nanos = 3 * SECOND;

/// A stretch of wall-clock time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Interval {
    /// Its start, milliseconds since 1970.
    pub from_unix_ms: i64,
    /// Its end.
    pub until_unix_ms: i64,
}

impl Interval {
    fn overlap_ms(&self, other: &Self) -> i64 {
        let from = self.from_unix_ms.max(other.from_unix_ms);
        (self.until_unix_ms.min(other.until_unix_ms) - from).max(0)
    }
}

/// Why a link did not work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum OutageCause {
    /// The emulated line.
    Line,
    /// The gateway before it.
    Gateway,
    /// The path behind the ISP hop.
    Core,
}

/// Something the script did, with the times it really took, in ledger time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Applied {
    /// What.
    pub what: AppliedKind,
    /// From when.
    pub from: Nanos,
    /// Until when; the run's end if it was not undone.
    pub until: Nanos,
}

/// What the script did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppliedKind {
    /// A link did not work.
    Outage {
        /// Index of the link.
        link: usize,
        /// Why.
        cause: OutageCause,
    },
    /// A gateway did not answer echo; its link worked.
    Mute {
        /// Index of the link.
        link: usize,
    },
    /// The agent had no power.
    PowerOff,
    /// The collector was not there.
    CollectorDown,
}

/// Everything true of a run.
#[derive(Clone, Debug, Serialize)]
pub struct Truth {
    /// The scenario's name.
    pub scenario: String,
    /// Its seed.
    pub seed: u64,
    /// Slot length.
    pub slot_ms: u64,
    /// From the first probe to the end of the run.
    pub span: Interval,
    /// The script's own time within it.
    pub script: Interval,
    /// In the scenario's order.
    pub links: Vec<LinkTruth>,
    /// When the agent had no power.
    pub power_off: Vec<Interval>,
    /// When the collector was not there.
    pub collector_down: Vec<Interval>,
    /// Slots by what backup did for the fixed link.
    pub rescue: RescueTruth,
    /// How late the emulator wrote packets, in milliseconds: median and 99th
    /// percentile.
    pub emulator_late_ms: Option<(f64, f64)>,
}

/// Whole slots with the first fixed link down, by whether a mobile link was up.
/// Starts of slots, milliseconds since 1970.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RescueTruth {
    /// Some mobile link was up all through.
    pub saved: Vec<i64>,
    /// Every mobile link was down all through, or there is none.
    pub unsaved: Vec<i64>,
    /// Some link was down for a part of the slot: it may count either way.
    pub edge: Vec<i64>,
}

/// One link.
#[derive(Clone, Debug, Serialize)]
pub struct LinkTruth {
    /// Its name.
    pub name: String,
    /// Its technology.
    pub technology: Technology,
    /// STAMP probes, IPv4.
    pub stamp_v4: ProbesTruth,
    /// STAMP probes, IPv6.
    pub stamp_v6: ProbesTruth,
    /// From home to core.
    pub up: DirectionTruth,
    /// From core to home.
    pub down: DirectionTruth,
    /// When it did not work.
    pub outages: Vec<OutageTruth>,
    /// When its gateway did not answer echo though the link worked.
    pub gateway_mute: Vec<Interval>,
    /// Slots that lie wholly within the span.
    pub slots: Vec<SlotTruth>,
}

/// A time when a link did not work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct OutageTruth {
    /// When.
    #[serde(flatten)]
    pub interval: Interval,
    /// Why.
    pub cause: OutageCause,
}

/// One slot of one link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct SlotTruth {
    /// Its start, milliseconds since 1970.
    pub start_unix_ms: i64,
    /// What was so.
    pub state: SlotState,
}

/// What a link was in a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SlotState {
    /// Working all through.
    Up,
    /// Not working all through.
    Down,
    /// Working for a part.
    Partly,
    /// The agent had no power for some of it: nobody could know.
    Unpowered,
}

/// Probes of one family on one link. Only those that reached the link: a
/// failed gateway swallows probes before it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ProbesTruth {
    /// Entered going up.
    pub sent: u64,
    /// Whose reply came back out in time.
    pub answered: u64,
    /// Dropped by the link going up.
    pub lost_up: u64,
    /// Dropped by the link coming back.
    pub lost_down: u64,
    /// Delivered to the far end, without a reply through the link.
    pub unanswered: u64,
    /// Whose reply came back out after [`LOSS_TIMEOUT`].
    pub late: u64,
    /// Of those lost, unanswered or late, sent while the link did not work.
    pub lost_while_out: u64,
    /// Time inside the link, both ways.
    pub rtt_ms: Option<Percentiles>,
}

impl ProbesTruth {
    /// Lost, by any cause.
    pub fn lost(&self) -> u64 {
        self.sent - self.answered
    }

    /// Loss ratio of the probes sent while the link worked.
    pub fn loss_while_up(&self) -> Option<f64> {
        let sent = self.sent - self.lost_while_out;
        (sent > 0).then(|| (self.lost() - self.lost_while_out) as f64 / sent as f64)
    }
}

/// Exact percentiles, nearest rank, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Percentiles {
    /// Least.
    pub min: f64,
    /// Median.
    pub p50: f64,
    /// 94th: with few samples on a steep slope, a rank off is much.
    pub p94: f64,
    /// 95th.
    pub p95: f64,
    /// 96th.
    pub p96: f64,
    /// 99th.
    pub p99: f64,
    /// Most.
    pub max: f64,
}

impl Percentiles {
    fn of(mut values: Vec<f64>) -> Option<Self> {
        values.sort_unstable_by(f64::total_cmp);
        let rank = |share: f64| {
            let rank = (share * values.len() as f64).ceil() as usize;
            values.get(rank.max(1) - 1).copied()
        };
        Some(Self {
            min: rank(0.0)?,
            p50: rank(0.5)?,
            p94: rank(0.94)?,
            p95: rank(0.95)?,
            p96: rank(0.96)?,
            p99: rank(0.99)?,
            max: rank(1.0)?,
        })
    }
}

/// One direction of one link over the span.
#[derive(Clone, Debug, Serialize)]
pub struct DirectionTruth {
    /// Mean of what was delivered, bit/s of IP packets.
    pub mean_bps: f64,
    /// Highest rate in a second.
    pub peak_1s_bps: f64,
    /// Packets that entered.
    pub entered: u64,
    /// Packets delivered.
    pub delivered: u64,
    /// Packets dropped, by cause.
    pub dropped: std::collections::BTreeMap<String, u64>,
}

impl DirectionTruth {
    fn new(rate: RateTruth, counts: Counts) -> Self {
        let dropped = counts
            .dropped
            .into_iter()
            .filter_map(|(cause, n)| Some((serde_json::to_value(cause).ok()?, n)))
            .map(|(cause, n)| (cause.as_str().unwrap_or_default().to_owned(), n))
            .collect();
        Self {
            mean_bps: rate.mean_bps,
            peak_1s_bps: rate.peak_1s_bps,
            entered: counts.entered,
            delivered: counts.delivered,
            dropped,
        }
    }
}

#[cfg(test)]
mod tests;
