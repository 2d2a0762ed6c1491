//! What a link carries, from when a short transfer's octets arrived. Pure.
//!
//! A transfer too short to reach a link's full rate still shows it. While a sender
//! in slow start waits for acknowledgements, its windows cross the bottleneck as
//! trains whose octets arrive at the bottleneck's rate, with silence between them
//! (packet-train dispersion, after Jain and Routhier, IEEE JSAC 1986, and RFC 5136
//! for the terms). Once no silence is left the link is full, and what arrives is
//! what it carries (RFC 6349's equilibrium). Each has its own test of whether it
//! can be relied on; where neither holds, what was seen is only the least.

use std::time::Duration;

use hearth_proto::Confidence;

use super::trains::{self, Run};

/// Octets that had arrived at an instant, all together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// Since any fixed instant.
    pub at: Duration,
    /// Octets so far.
    pub octets: u64,
}

/// What a link carries, as far as can be told.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The likeliest, in bit/s.
    pub bps: f64,
    /// The least.
    pub low_bps: f64,
    /// The most; `None`: it may be any more.
    pub high_bps: Option<f64>,
    /// How far `bps` can be relied on.
    pub confidence: Confidence,
    /// Octets that it rests on.
    pub octets: u64,
    /// The time that it holds for began then, by the marks' clock,
    pub from: Duration,
    /// and ended then.
    pub until: Duration,
}

/// Fewer octets say nothing.
const LEAST_OCTETS: u64 = 20_000;
/// Error of the two instants that bound a run: clocks, wake-ups, lumps.
const CLOCK_ERROR: f64 = 0.000_7;
/// The spread of blocks is taken so many times, since they are few and alike.
const SPREAD: f64 = 2.6;
/// Nothing is surer than this.
const FLOOR: f64 = 0.04;
/// What single trains add: they may be squeezed or stretched behind the bottleneck.
const TRAINS_FLOOR: f64 = 0.08;
/// A rate that grew by more from window to window was the sender's.
const GROWTH: f64 = 1.45;

/// The estimate from `marks`, rising in both, of a transfer whose least round trip
/// is `rtt`; `None` where they are too few.
pub fn estimate(marks: &[Mark], rtt: Duration) -> Option<Estimate> {
    let rtt = rtt.as_secs_f64().max(0.000_1);
    let points = trains::points(marks);
    let runs = trains::runs(&points, rtt);
    let all: f64 = runs.iter().map(Run::octets).sum();
    let last = runs.last()?;
    // A full link: no silence for longer than a round trip, over a good part.
    let full = last.seconds() >= 1.2 * rtt && last.octets() >= 0.3 * all;
    let found = if full && !is_growing(last, rtt) {
        of_full(&last.settled(rtt), rtt)
    } else {
        of_trains(&runs, full)
    }?;
    (found.octets >= LEAST_OCTETS).then_some(found)
}

/// Whether each round trip brought markedly more than the one before to the end:
/// a paced sender that still probes upwards.
fn is_growing(run: &Run, rtt: f64) -> bool {
    // Some packets each, or chance would have its way.
    let rates = run.rates_per(rtt.max(run.seconds() / 6.0));
    match rates[..] {
        [.., before, last] => last > GROWTH * before,
        _ => false,
    }
}

/// All that arrived while the link was full.
fn of_full(run: &Run, rtt: f64) -> Option<Estimate> {
    let bps = run.bps()?;
    // By time: what was held up and came in a lump is spread over its wait.
    let blocks = run.rates_per(run.seconds() / 8.0);
    let error = FLOOR + SPREAD * standard_error(&blocks) + CLOCK_ERROR / run.seconds();
    // What was lost or late is made up for in a lump: the best of it may be the
    // link's own rate.
    let best = upper(&blocks).max(bps);
    let long = run.seconds() >= 4.0 * rtt && run.seconds() > 0.1;
    let confidence = match error {
        e if e < 0.15 && long => Confidence::High,
        e if e < 0.35 => Confidence::Medium,
        _ => Confidence::Low,
    };
    let high = (bps * (1.0 + error)).max(best);
    Some(Estimate {
        bps,
        low_bps: bps * (1.0 - error).max(0.1),
        high_bps: (error < 1.0).then_some(high),
        confidence,
        octets: run.octets() as u64,
        from: Duration::from_secs_f64(run.from()),
        until: Duration::from_secs_f64(run.until()),
    })
}

/// The rate within trains: of the last and largest, which the bottleneck's queue
/// has squeezed together the most.
fn of_trains(runs: &[Run], growing: bool) -> Option<Estimate> {
    let all: f64 = runs.iter().map(Run::octets).sum();
    // From the last on, as many as make most of the octets.
    let (mut used, mut octets, mut seconds) = (Vec::new(), 0.0, 0.0);
    for run in runs.iter().rev().filter(|run| run.is_train()) {
        if octets > 0.6 * all {
            break;
        }
        octets += run.octets();
        seconds += run.seconds();
        used.push(run);
    }
    let last = used.first()?.bps()?;
    let bps = octets * 8.0 / seconds;
    // Trains of a paced sender grow in rate rather than in length.
    let before = used.get(1).and_then(|run| run.bps());
    let paced = growing || before.is_some_and(|before| last > GROWTH * before);
    let blocks: Vec<f64> = used.iter().flat_map(|run| run.block_rates(4)).collect();
    let error = TRAINS_FLOOR
        + SPREAD * standard_error(&blocks)
        + 2.0 * CLOCK_ERROR * (used.len() as f64).sqrt() / seconds;
    let lone = used.len() < 2;
    let (bps, error) = if paced { (last, error.max(0.2)) } else { (bps, error) };
    let bounded = !paced && error < 0.6;
    let confidence = match error {
        e if bounded && !lone && e < 0.25 => Confidence::Medium,
        _ => Confidence::Low,
    };
    Some(Estimate {
        bps,
        low_bps: bps * (1.0 - error).max(0.3),
        high_bps: bounded.then(|| (bps * (1.0 + error)).max(upper(&blocks))),
        confidence,
        octets: octets as u64,
        from: Duration::from_secs_f64(used.last()?.from()),
        until: Duration::from_secs_f64(used.first()?.until()),
    })
}

/// The standard error of the mean, as a share of it.
fn standard_error(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    if n < 2.0 {
        return 0.2;
    }
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0);
    (variance / n).sqrt() / mean
}

/// The upper quartile.
fn upper(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() * 3 / 4).copied().unwrap_or(0.0)
}

#[cfg(test)]
#[path = "estimate_tests.rs"]
mod tests;
