//! What a link carries, from when a short transfer's octets arrived. Pure.
//!
//! A transfer too short to reach a link's full rate still shows it. While a sender
//! in slow start waits for acknowledgements, its windows cross the bottleneck as
//! trains whose octets arrive at the bottleneck's rate, with silence between them
//! (packet-train dispersion, after Jain and Routhier, IEEE JSAC 1986, and RFC 5136
//! for the terms). Once no silence is left the link is full, and what arrives is
//! what it carries (RFC 6349's equilibrium). Each has its own test of whether it
//! can be relied on; where neither holds, what was seen is only the least.
//!
//! The bounds: less than what arrived the link can't have carried; more it may have
//! where the sender left it idle, which losses and uneven arrivals tell of, and then
//! at most what arrived fastest over some milliseconds.

use std::time::Duration;

use hearth_proto::Confidence;

use super::trains::{self, Losses, Point, Run};

/// Octets that had arrived at an instant, all together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// Since any fixed instant.
    pub at: Duration,
    /// Octets so far.
    pub octets: u64,
}

/// What a link carried from [`Self::from`] to [`Self::until`], as far as can be told.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The likeliest, in bit/s.
    pub bps: f64,
    /// The least, and with the most in nine of ten cases right.
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
/// A full link that was seen for less time has no upper bound: a program that was slow for
/// some milliseconds looks the same.
const LEAST_FULL: f64 = 0.015;
/// The spread of blocks is taken so many times, since they are few and alike.
const SPREAD: f64 = 2.0;
/// Nothing is surer than this.
const FLOOR: f64 = 0.04;
/// What single trains add: they may be squeezed or stretched behind the bottleneck.
const TRAINS_FLOOR: f64 = 0.08;
/// A rate that grew by more from window to window was the sender's.
const GROWTH: f64 = 1.45;
/// Blocks that spread by more are uneven.
const UNEVEN: f64 = 0.03;
/// A rate before losses that was not more than so many times the whole's.
const SAME: f64 = 1.25;
/// Trains whose rates differ by more did not see one and the same rate.
const DIFFER: f64 = 1.4;
/// How far apart the bounds of a sure estimate may be, and of a fair one.
const SURE: f64 = 1.4;
const FAIR: f64 = 2.0;

/// The estimate from `marks`, rising in both, of a transfer whose least round trip
/// is `rtt`; `None` where they are too few.
pub fn estimate(marks: &[Mark], rtt: Duration) -> Option<Estimate> {
    let rtt = rtt.as_secs_f64().max(0.000_1);
    let points = trains::points(marks);
    let (runs, losses) = trains::runs(&points, rtt);
    let all: f64 = runs.iter().map(Run::octets).sum();
    let last = runs.last()?;
    // A full link: no silence for longer than a round trip, over a good part.
    let full = last.seconds() >= 1.2 * rtt && last.octets() >= 0.3 * all;
    let seen = Seen { rtt, losses, points: &points };
    let growing = is_growing(last, rtt) || seen.has_just_begun(last);
    let found =
        if full && !growing { seen.full(&last.settled(rtt)) } else { seen.trains(&runs, growing) }?;
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

/// What is known of the whole transfer.
struct Seen<'a> {
    rtt: f64,
    losses: Losses,
    points: &'a [Point],
}

impl Seen<'_> {
    /// Whether the last run is short, and faster than anything before it: a paced
    /// sender may have gone on upwards. One with a window shows a link's rate in its
    /// first trains.
    fn has_just_begun(&self, last: &Run) -> bool {
        let before = self.points.partition_point(|point| point.0 < last.from());
        let brisk = trains::brisk(&self.points[..before], 0.004, 0.1);
        let rate = last.bps().unwrap_or(0.0);
        last.seconds() < 2.5 * self.rtt && brisk > 0.0 && rate > SAME * brisk
    }

    /// What arrived fastest, which is what the link carries at least at times: the
    /// less even the arrivals, the finer it is looked for.
    fn brisk(&self, uneven: bool) -> f64 {
        let usual = trains::brisk(self.points, 0.008, if uneven { 0.02 } else { 0.1 });
        if self.losses.starved {
            return usual.max(trains::brisk(self.points, 0.002, 0.05));
        }
        usual
    }

    /// The rate before anything was lost, where the link was full then already and
    /// carried no more: what was lost then overran its queue.
    fn filled_before(&self, run: &Run, bps: f64) -> Option<f64> {
        let before = run.before(self.losses.first?);
        let long = before.seconds() > 4.0 * self.rtt && before.octets() > 24_000.0;
        let rate = trains::brisk(before.points(), 0.008, 0.1);
        (long && rate > 0.0 && rate < SAME * bps).then_some(rate)
    }

    /// Whether losses held the sender so low that no two arrivals of a round trip
    /// tell of the link.
    fn is_blind(&self, bps: f64) -> bool {
        let n = self.points.len() as f64;
        let each = self.points.last().map_or(0.0, |last| last.1) / n;
        self.losses.starved && bps / 8.0 * self.rtt < 3.0 * each
    }

    /// All that arrived while the link was full.
    fn full(&self, run: &Run) -> Option<Estimate> {
        let bps = run.bps()?;
        // By time: what was held up and came in a lump is spread over its wait.
        let blocks = run.rates_per(run.seconds() / 8.0);
        let spread = standard_error(&blocks);
        let held = self.losses.held / run.octets();
        let clock = FLOOR + CLOCK_ERROR / run.seconds();
        // The link carried what arrived. It may have carried more where the sender
        // did not fill it all the time: what came fastest tells how much.
        let (error, most) = match self.filled_before(run, bps) {
            Some(most) => (clock + 0.25 * held, Some(most)),
            None if self.is_blind(bps) => (clock + SPREAD * spread + held, None),
            None => {
                let most = self.brisk(spread > UNEVEN).max(upper(&blocks));
                (clock + SPREAD * spread + held, Some(most))
            }
        };
        let high = most
            .map(|most| most.max(bps * (1.0 + error)))
            .filter(|_| error < 1.0 && run.seconds() >= LEAST_FULL);
        let long = run.seconds() >= 4.0 * self.rtt && run.seconds() > 0.1;
        Some(Estimate {
            bps,
            low_bps: bps * (1.0 - error).max(0.1),
            high_bps: high,
            confidence: Confidence::Low,
            octets: run.octets() as u64,
            from: Duration::from_secs_f64(run.from()),
            until: Duration::from_secs_f64(run.until()),
        })
        .map(|found| found.judged(long && self.losses.held == 0.0))
    }

    /// The rate within trains: of the last and largest, which the bottleneck's queue
    /// has squeezed together the most.
    fn trains(&self, runs: &[Run], growing: bool) -> Option<Estimate> {
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
        let (from, until) = (used.last()?.from(), used.first()?.until());
        let bps = octets * 8.0 / seconds;
        // Trains of a paced sender grow in rate rather than in length.
        let before = used.get(1).and_then(|run| run.bps());
        let paced = growing || before.is_some_and(|before| last > GROWTH * before);
        let blocks: Vec<f64> = used.iter().flat_map(|run| run.block_rates(4)).collect();
        let error = TRAINS_FLOOR
            + SPREAD * standard_error(&blocks)
            + 2.0 * CLOCK_ERROR * (used.len() as f64).sqrt() / seconds
            + self.losses.held / octets;
        let (bps, error) = if paced { (last, error.max(0.2)) } else { (bps, error) };
        let rates: Vec<f64> = used.iter().filter_map(|run| run.bps()).collect();
        let (slowest, fastest) =
            rates.iter().fold((bps, bps), |(low, high), rate| (rate.min(low), rate.max(high)));
        let mut low = bps * (1.0 - error).max(0.3);
        if self.losses.held > 0.0 || fastest > DIFFER * slowest {
            // No one rate: sure is only what arrived, silences included.
            low = low
                .min((1.0 - FLOOR) * (octets - self.losses.held).max(0.0) * 8.0 / (until - from));
        }
        let bounded = !paced && error < 0.6 && !self.is_blind(bps);
        let high = (bps * (1.0 + error)).max(self.brisk(true)).max(fastest);
        Some(Estimate {
            bps,
            low_bps: low,
            high_bps: bounded.then_some(high),
            confidence: Confidence::Low,
            octets: octets as u64,
            from: Duration::from_secs_f64(from),
            until: Duration::from_secs_f64(until),
        })
        .map(|found| found.judged(false))
    }
}

impl Estimate {
    /// With the confidence that its bounds allow; the best only where `sure`.
    fn judged(self, sure: bool) -> Self {
        let apart = self.high_bps.map_or(f64::INFINITY, |high| high / self.low_bps);
        let confidence = match apart {
            apart if apart < SURE && sure => Confidence::High,
            apart if apart < FAIR => Confidence::Medium,
            _ => Confidence::Low,
        };
        Self { confidence, ..self }
    }
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
