//! Holds what was measured against what was true, with the tolerances stated
//! once. Pure.

use super::measured::{Measured, MeasuredLink, MeasuredOutage, MeasuredProbes};
use super::truth::{LinkTruth, OutageCause, OutageTruth, ProbesTruth, SlotState, Truth};

/// How far the figures of single probes may be off.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tolerance {
    /// A median RTT, in milliseconds: two packets wait for the emulator's thread
    /// to wake, which the ledger does not see.
    pub median_ms: f64,
    /// Probes lost: those of the run's edges.
    pub lost: u64,
}

impl Tolerance {
    /// With the machine to itself: as near as what Hearth promises.
    pub const ALONE: Self = Self { median_ms: 0.3, lost: 1 };
    /// Beside other work.
    pub const BUSY: Self = Self { median_ms: 0.5, lost: EDGE_PROBES };
}

/// Of a median: the width of the distribution's buckets.
const MEDIAN_RATIO: f64 = 0.002;
/// A 95th percentile, from the 94th to the 96th in truth, and generous, since it
/// holds the machine's own hiccups; but a full queue must show.
const TAIL_MS: f64 = 10.0;
const TAIL_RATIO: f64 = 0.05;
/// The busiest second's rate received, where there was some traffic. The rate
/// sent is what the home offered, which a queue may swallow: at least the truth.
const PEAK_RATIO: f64 = 0.1;
const PEAK_FROM_BPS: f64 = 1e6;
/// Probes at the edges of the run: under way when the agent began or ended, or
/// lost with a power cut.
const EDGE_PROBES: u64 = 3;
/// An outage's start or end, in milliseconds.
const OUTAGE_EDGE_MS: i64 = 2000;
/// The activity with the least needs: it works on every link that is up.
const EASIEST_ACTIVITY: &str = "alarm";

/// Everything in which the measurement deviates from the truth, one line each.
pub fn deviations(truth: &Truth, measured: &Measured, tolerance: Tolerance) -> Vec<String> {
    let mut out = Vec::new();
    for link in &truth.links {
        let Some(found) = measured.links.iter().find(|found| found.name == link.name) else {
            out.push(format!("{}: not measured at all", link.name));
            continue;
        };
        for (family, found, real) in
            [("v4", found.stamp_v4, &link.stamp_v4), ("v6", found.stamp_v6, &link.stamp_v6)]
        {
            if let Some(problem) = probes(truth, link, found, real, tolerance) {
                out.extend(problem.into_iter().map(|p| format!("{} {family}: {p}", link.name)));
            }
        }
        out.extend(peaks(link, found).into_iter().map(|p| format!("{}: {p}", link.name)));
        out.extend(outages(link, found).into_iter().map(|p| format!("{}: {p}", link.name)));
        out.extend(states(truth, link, found).into_iter().map(|p| format!("{}: {p}", link.name)));
    }
    out.extend(rescue(truth, measured));
    out
}

fn probes(
    truth: &Truth,
    link: &LinkTruth,
    found: Option<MeasuredProbes>,
    real: &ProbesTruth,
    tolerance: Tolerance,
) -> Option<Vec<String>> {
    let Some(found) = found else {
        return (real.sent > 0).then(|| vec![format!("{} probes, none reported", real.sent)]);
    };
    let mut out = Vec::new();
    // Probes that a dead gateway swallowed are in no ledger of the line; those
    // of the last moments before a power cut were never reported.
    let swallowed = link.outages.iter().any(|outage| outage.cause == OutageCause::Gateway);
    let powered = truth.power_off.is_empty();
    if found.sent > real.sent + EDGE_PROBES && !swallowed {
        out.push(format!("{} probes reported, {} sent", found.sent, real.sent));
    }
    if found.sent + EDGE_PROBES < real.sent && powered {
        out.push(format!("{} probes reported of {}", found.sent, real.sent));
    }
    if found.lost.abs_diff(real.lost()) > tolerance.lost && !swallowed && powered {
        out.push(format!("{} probes lost, {} in truth", found.lost, real.lost()));
    }
    if let Some(rtt) = real.rtt_ms {
        match found.rtt_p50_ms {
            None => out.push("no median RTT".into()),
            Some(p50) if (p50 - rtt.p50).abs() > tolerance.median_ms + rtt.p50 * MEDIAN_RATIO => {
                out.push(format!("median RTT {p50:.3} ms, {:.3} in truth", rtt.p50));
            }
            Some(_) => {}
        }
        let least = rtt.p94 * (1.0 - TAIL_RATIO) - TAIL_MS;
        let most = rtt.p96 * (1.0 + TAIL_RATIO) + TAIL_MS;
        match found.rtt_p95_ms {
            Some(p95) if !(least..=most).contains(&p95) => {
                out.push(format!("95th percentile of RTT {p95:.3} ms, {:.3} in truth", rtt.p95));
            }
            _ => {}
        }
    }
    Some(out)
}

fn peaks(link: &LinkTruth, found: &MeasuredLink) -> Vec<String> {
    let mut out = Vec::new();
    let (down, up) = (link.down.peak_1s_bps, link.up.peak_1s_bps);
    let rx = found.rx_peak_bps.unwrap_or(0.0);
    if down > PEAK_FROM_BPS && (rx / down - 1.0).abs() > PEAK_RATIO {
        out.push(format!("peak rate down {rx:.0} bit/s, in truth {down:.0}"));
    }
    let tx = found.tx_peak_bps.unwrap_or(0.0);
    if up > PEAK_FROM_BPS && tx < up * (1.0 - PEAK_RATIO) {
        out.push(format!("peak rate up {tx:.0} bit/s, in truth {up:.0}"));
    }
    out
}

/// Every true outage is one reported outage, at its time and place.
fn outages(link: &LinkTruth, found: &MeasuredLink) -> Vec<String> {
    let mut out = Vec::new();
    if link.outages.len() != found.outages.len() {
        out.push(format!(
            "{} outages reported, {} in truth",
            found.outages.len(),
            link.outages.len()
        ));
    }
    for (real, found) in link.outages.iter().zip(&found.outages) {
        out.extend(outage(real, found));
    }
    out
}

fn outage(real: &OutageTruth, found: &MeasuredOutage) -> Option<String> {
    let (truth, seen) = (real.interval, found.interval);
    let starts = (truth.from_unix_ms - seen.from_unix_ms).abs() <= OUTAGE_EDGE_MS;
    let ends = (truth.until_unix_ms - seen.until_unix_ms).abs() <= OUTAGE_EDGE_MS;
    let segments: &[&str] = match real.cause {
        OutageCause::Gateway => &["home"],
        OutageCause::Line => &["access"],
        OutageCause::Core => &["core-or-service", "service"],
    };
    let placed = segments.contains(&found.segment.as_str());
    (!(starts && ends && placed)).then(|| {
        format!(
            "outage from {} to {} in {} ({}), in truth from {} to {} in {}",
            seen.from_unix_ms,
            seen.until_unix_ms,
            found.segment,
            found.evidence.join("; "),
            truth.from_unix_ms,
            truth.until_unix_ms,
            segments.join(" or ")
        )
    })
}

/// Down time only where the link was down; none of the time without power is
/// anything but unknown.
fn states(truth: &Truth, link: &LinkTruth, found: &MeasuredLink) -> Vec<String> {
    let mut out = Vec::new();
    let count = |state| link.slots.iter().filter(|slot| slot.state == state).count() as u64;
    let edges = 2 * link.outages.len() as u64;
    let edge_ms = edges * OUTAGE_EDGE_MS as u64;
    let (least, most) = (
        (count(SlotState::Down) * truth.slot_ms).saturating_sub(edge_ms),
        (count(SlotState::Down) + count(SlotState::Partly)) * truth.slot_ms + edge_ms,
    );
    if !(least..=most).contains(&found.down_ms) {
        out.push(format!("down for {} ms, in truth {least} to {most}", found.down_ms));
    }
    // The slot in which the power went or came back may hold some evidence.
    let unpowered = count(SlotState::Unpowered).saturating_sub(2 * truth.power_off.len() as u64);
    if found.unknown_ms < unpowered * truth.slot_ms {
        out.push(format!(
            "unknown for {} ms, without power for {}",
            found.unknown_ms,
            unpowered * truth.slot_ms
        ));
    }
    out
}

/// Saved and unsaved slots of the easiest activity match the script.
fn rescue(truth: &Truth, measured: &Measured) -> Option<String> {
    if truth.rescue == super::truth::RescueTruth::default() {
        return None;
    }
    let Some(found) = measured.activities.iter().find(|found| found.id == EASIEST_ACTIVITY) else {
        return Some(format!("activity {EASIEST_ACTIVITY:?} is not reported"));
    };
    // Each outage may begin and end two seconds off.
    let incidents = truth.links.iter().map(|link| link.outages.len()).sum::<usize>() as u64;
    let slack = incidents * 2 * (OUTAGE_EDGE_MS as u64).div_ceil(truth.slot_ms);
    let edge = truth.rescue.edge.len() as u64 + slack;
    let (saved, unsaved) = (truth.rescue.saved.len() as u64, truth.rescue.unsaved.len() as u64);
    let agrees = |found: u64, real: u64| (real.saturating_sub(edge)..=real + edge).contains(&found);
    (!agrees(found.saved, saved) || !agrees(found.unsaved, unsaved)).then(|| {
        format!(
            "{EASIEST_ACTIVITY}: {} slots saved and {} unsaved, in truth {saved} and {unsaved}, \
             each within {edge}",
            found.saved, found.unsaved
        )
    })
}
