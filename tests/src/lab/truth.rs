//! What was true in a run: from the emulator's ledger, and from the times at
//! which the script was really carried out. Pure.

use hearth_proto::link::Technology;
use serde::Serialize;

use super::emulator::flow::Flow;
use super::emulator::ledger::{Counts, Ledger, ProbeTruth, RateTruth};
use super::emulator::{Direction, MILLISECOND, Nanos, SECOND, to_ms};
use super::scenario::Scenario;

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

/// Draws up what was true. `start` and `end` are the script's, in ledger time.
pub fn draw(
    scenario: &Scenario,
    ledger: &Ledger,
    applied: &[Applied],
    start: Nanos,
    end: Nanos,
) -> Truth {
    let unix_ms = |at: Nanos| ((ledger.epoch_unix_ns + at) / MILLISECOND) as i64;
    let interval =
        |from, until| Interval { from_unix_ms: unix_ms(from), until_unix_ms: unix_ms(until) };
    let probes: Vec<Vec<ProbeTruth>> =
        (0..scenario.links.len()).map(|link| ledger.probes(link)).collect();
    let first = probes.iter().filter_map(|probes| probes.first()).map(|probe| probe.entered).min();
    // Reports are drawn up over whole slots of the wall clock: so is the truth.
    let slot = scenario.slot_ms * MILLISECOND;
    let past = |at: Nanos| (ledger.epoch_unix_ns + at) % slot;
    let first = first.unwrap_or(start).min(start);
    let first = first + (slot - past(first)) % slot;
    // What was sent in the last moments had no time to be known as lost.
    let known = end.saturating_sub(LOSS_TIMEOUT);
    let end_of_slots = known - past(known);
    let probes: Vec<Vec<ProbeTruth>> = probes
        .into_iter()
        .map(|all| all.into_iter().filter(|p| (first..end_of_slots).contains(&p.entered)).collect())
        .collect();
    let span = interval(first, end_of_slots);
    let when = |what: fn(AppliedKind) -> bool| -> Vec<Interval> {
        let those = applied.iter().filter(|applied| what(applied.what));
        those.map(|applied| interval(applied.from, applied.until)).collect()
    };
    let power_off = when(|what| what == AppliedKind::PowerOff);
    let links: Vec<LinkTruth> = scenario
        .links
        .iter()
        .zip(&probes)
        .enumerate()
        .map(|(index, (link, probes))| {
            let outages: Vec<(Nanos, Nanos, OutageTruth)> = applied
                .iter()
                .filter_map(|applied| match applied.what {
                    AppliedKind::Outage { link, cause } if link == index => {
                        let interval = interval(applied.from, applied.until);
                        Some((applied.from, applied.until, OutageTruth { interval, cause }))
                    }
                    _ => None,
                })
                .collect();
            let out =
                |at: Nanos| outages.iter().any(|(from, until, _)| (*from..*until).contains(&at));
            let direction = |direction| {
                DirectionTruth::new(
                    ledger.rate(index, direction, first, end_of_slots),
                    ledger.counts(index, direction, first, end_of_slots),
                )
            };
            let outages: Vec<OutageTruth> = outages.iter().map(|outage| outage.2).collect();
            let mute = applied.iter().filter(|a| a.what == AppliedKind::Mute { link: index });
            LinkTruth {
                name: link.name.clone(),
                technology: link.technology,
                stamp_v4: summarise(probes, 4, out),
                stamp_v6: summarise(probes, 6, out),
                up: direction(Direction::Up),
                down: direction(Direction::Down),
                slots: slots(scenario.slot_ms as i64, span, &outages, &power_off),
                gateway_mute: mute.map(|a| interval(a.from, a.until)).collect(),
                outages,
            }
        })
        .collect();
    Truth {
        scenario: scenario.name.clone(),
        seed: scenario.seed,
        slot_ms: scenario.slot_ms,
        span,
        script: interval(start, end),
        rescue: rescue(&links),
        links,
        power_off,
        collector_down: when(|what| what == AppliedKind::CollectorDown),
        emulator_late_ms: ledger.lateness().map(|(p50, p99)| (to_ms(p50), to_ms(p99))),
    }
}

fn summarise(probes: &[ProbeTruth], family: u8, out: impl Fn(Nanos) -> bool) -> ProbesTruth {
    let mut truth = ProbesTruth::default();
    let mut rtts = Vec::new();
    for probe in probes {
        if !matches!(probe.flow, Flow::Stamp { version, .. } if version == family) {
            continue;
        }
        truth.sent += 1;
        match (probe.rtt, probe.lost) {
            (Some(rtt), _) if rtt <= LOSS_TIMEOUT => {
                truth.answered += 1;
                rtts.push(to_ms(rtt));
                continue;
            }
            (Some(_), _) => truth.late += 1,
            (None, Some(Direction::Up)) => truth.lost_up += 1,
            (None, Some(Direction::Down)) => truth.lost_down += 1,
            (None, None) => truth.unanswered += 1,
        }
        truth.lost_while_out += u64::from(out(probe.entered));
    }
    truth.rtt_ms = Percentiles::of(rtts);
    truth
}

/// Slots on the wall clock's grid that lie wholly within the span.
fn slots(
    slot_ms: i64,
    span: Interval,
    outages: &[OutageTruth],
    power_off: &[Interval],
) -> Vec<SlotTruth> {
    let mut slots = Vec::new();
    let mut start = (span.from_unix_ms + slot_ms - 1).div_euclid(slot_ms) * slot_ms;
    while start + slot_ms <= span.until_unix_ms {
        let slot = Interval { from_unix_ms: start, until_unix_ms: start + slot_ms };
        let unpowered = power_off.iter().any(|off| off.overlap_ms(&slot) > 0);
        let down: i64 = outages.iter().map(|outage| outage.interval.overlap_ms(&slot)).sum();
        let state = if unpowered {
            SlotState::Unpowered
        } else if down == 0 {
            SlotState::Up
        } else if down >= slot_ms {
            SlotState::Down
        } else {
            SlotState::Partly
        };
        slots.push(SlotTruth { start_unix_ms: start, state });
        start += slot_ms;
    }
    slots
}

fn rescue(links: &[LinkTruth]) -> RescueTruth {
    let mut truth = RescueTruth::default();
    let Some(fixed) = links.iter().find(|link| !link.technology.is_mobile()) else {
        return truth;
    };
    let mobile: Vec<&LinkTruth> = links.iter().filter(|link| link.technology.is_mobile()).collect();
    for (index, slot) in fixed.slots.iter().enumerate() {
        let states: Vec<SlotState> = mobile.iter().map(|link| link.slots[index].state).collect();
        let list = match slot.state {
            SlotState::Up | SlotState::Unpowered => continue,
            SlotState::Partly => &mut truth.edge,
            SlotState::Down if states.contains(&SlotState::Up) => &mut truth.saved,
            SlotState::Down if states.contains(&SlotState::Partly) => &mut truth.edge,
            SlotState::Down => &mut truth.unsaved,
        };
        list.push(slot.start_unix_ms);
    }
    truth
}

#[cfg(test)]
#[path = "truth_tests.rs"]
mod tests;
