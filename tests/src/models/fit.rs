//! Recordings to models: the fit, and how good it is.
//!
//! Capacity: quantiles by rank, correlation times by least squares on a grid,
//! outages by the moments of their logarithms. Round trips: a pattern search
//! over simulated ping summaries. Losses: maximum likelihood on a grid. All of
//! it repeats exactly: simulations have fixed seeds.

use super::capacity::{Capacity, Outage, PROBABILITIES};
use super::delay::{Loss, PathProcess, Rtt};
use super::random::Random;
use super::stats::{
    BURST_PROBES, Burst, Figures, autocorrelation, burst_figures, mean, normal_scores, quantile,
    rate_figures, runs, sorted,
};
use super::{Direction, Fit, Model};

/// A recording of rates.
#[derive(Debug, Clone)]
pub struct Rates {
    /// Bit/s, one per step.
    pub bps: Vec<f64>,
    /// The step.
    pub step_ms: u32,
    /// Under this a step delivers nothing to speak of.
    pub outage_bps: f64,
    /// A run of so many of them is an outage.
    pub outage_steps: usize,
}

/// Why there is no fit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FitError {
    /// Too little to fit to.
    #[error("{what} has {have}: at least {need} are needed")]
    TooShort {
        /// What there is too little of.
        what: &'static str,
        /// How much there is.
        have: usize,
        /// How much it takes.
        need: usize,
    },
}

/// Steps a recording must have.
pub const LEAST_STEPS: usize = 300;
/// Ping summaries a recording must have.
pub const LEAST_BURSTS: usize = 40;
/// Ping summaries come so far apart in the recordings of Raca et al.
const BURST_EVERY_S: u32 = 14;
/// A model is judged over so long that its own sampling error is small.
const FIGURES_MS: u32 = 36_000_000;

/// The capacity process of a recording.
pub fn capacity(rates: &Rates) -> Result<Capacity, FitError> {
    let is_down = |r: f64| r < rates.outage_bps;
    let mut service = Vec::with_capacity(rates.bps.len());
    for run in rates.bps.chunk_by(|a, b| is_down(*a) == is_down(*b)) {
        if !is_down(run[0]) || run.len() < rates.outage_steps {
            service.extend_from_slice(run);
        }
    }
    let have = service.len();
    if have < LEAST_STEPS {
        return Err(FitError::TooShort { what: "recording's service", have, need: LEAST_STEPS });
    }
    let by_size = sorted(&service);
    // Just over the outage's bound, so that a slow moment does not count as one.
    let least = rates.outage_bps * 1.05;
    let quantiles_bps =
        PROBABILITIES.iter().map(|p| quantile(&by_size, *p).max(least).round()).collect();
    let (slow_share, slow_ms, fast_ms) = correlation_times(&normal_scores(&service), rates.step_ms);
    let lengths: Vec<f64> = runs(&rates.bps, is_down)
        .into_iter()
        .filter(|n| *n >= rates.outage_steps)
        .map(|n| n as f64 * f64::from(rates.step_ms))
        .collect();
    let outage = (!lengths.is_empty()).then(|| {
        let logs: Vec<f64> = lengths.iter().map(|l| l.ln()).collect();
        let m = mean(&logs);
        let spread = mean(&logs.iter().map(|l| (l - m).powi(2)).collect::<Vec<_>>()).sqrt();
        let least_ms = rates.outage_steps as f64 * f64::from(rates.step_ms);
        Outage {
            between_ms: (have as f64 * f64::from(rates.step_ms) / lengths.len() as f64).round(),
            median_ms: m.exp().max(least_ms).round(),
            sigma: rounded(spread),
            least_ms,
        }
    });
    Ok(Capacity { step_ms: rates.step_ms, quantiles_bps, slow_share, slow_ms, fast_ms, outage })
}

/// (slow share, slow ms, fast ms) whose correlation is nearest to the scores'.
fn correlation_times(scores: &[f64], step_ms: u32) -> (f64, f64, f64) {
    let target: Vec<(f64, f64)> = [1, 2, 3, 5, 10, 20, 50, 100, 200]
        .into_iter()
        .filter(|lag| lag * 5 < scores.len())
        .map(|lag| (lag as f64 * f64::from(step_ms), autocorrelation(scores, lag)))
        .collect();
    let grid =
        |from: f64, to: f64| (0..=40).map(move |i| from * (to / from).powf(f64::from(i) / 40.0));
    let step = f64::from(step_ms);
    let mut best = (f64::INFINITY, 0.5, step, step);
    for fast in grid(step / 4.0, step * 20.0) {
        for slow in grid(step * 2.0, step * 500.0).filter(|s| *s > fast) {
            for share in (0..=20).map(|i| f64::from(i) / 20.0) {
                let miss: f64 = target
                    .iter()
                    .map(|(lag, seen)| {
                        let made =
                            share * (-lag / slow).exp() + (1.0 - share) * (-lag / fast).exp();
                        (made - seen).powi(2)
                    })
                    .sum();
                if miss < best.0 {
                    best = (miss, share, slow, fast);
                }
            }
        }
    }
    (best.1, best.2.round(), best.3.round().max(1.0))
}

/// The round trips of ping summaries.
pub fn rtt(bursts: &[Burst]) -> Result<Rtt, FitError> {
    let have = bursts.len();
    if have < LEAST_BURSTS {
        return Err(FitError::TooShort { what: "ping recording", have, need: LEAST_BURSTS });
    }
    let least = bursts.iter().map(|b| b.min_ms).fold(f64::INFINITY, f64::min);
    // Pings were written in whole milliseconds: the floor lies up to 1 ms lower.
    let base_us = (least - 0.5) * 1e3;
    let (wanted, wanted_lag) = (shape(bursts, base_us), lag_one(bursts));
    let build = |x: &[f64; 7]| Rtt {
        base_us,
        jitter_median_us: x[0].exp(),
        jitter_sigma: x[1].exp().min(3.0),
        slow_share: 1.0 / (1.0 + (-x[2]).exp()),
        slow_ms: x[3].exp().clamp(100.0, 1e6),
        spike_every_ms: x[4].exp().clamp(2e3, 1e9),
        spike_ms: x[5].exp().clamp(200.0, 6e4),
        spike_mean_us: x[6].exp().min(2e6),
    };
    let no_loss = Loss { bad_share: 0.0, bad_ms: 1000.0, lost_in_bad: 0.0 };
    let miss = |x: &[f64; 7]| {
        let made = simulate(&build(x), &no_loss, 3000, 1);
        let shapes = shape(&made, base_us);
        let apart: f64 = wanted.iter().zip(&shapes).map(|(a, b)| (a - b).powi(2)).sum();
        apart + 2.0 * (wanted_lag - lag_one(&made)).powi(2)
    };
    let middle = quantile(&sorted(&bursts.iter().map(|b| b.avg_ms).collect::<Vec<_>>()), 0.5);
    let start = ((middle * 1e3 - base_us).max(200.0)).ln();
    let x = [start, -0.7, 0.0, 10.0, 12.0, 7.0, 11.0];
    let mut fitted = build(&pattern_search(x, miss));
    for value in [
        &mut fitted.base_us,
        &mut fitted.jitter_median_us,
        &mut fitted.slow_ms,
        &mut fitted.spike_every_ms,
        &mut fitted.spike_ms,
        &mut fitted.spike_mean_us,
    ] {
        *value = value.round();
    }
    fitted.jitter_sigma = rounded(fitted.jitter_sigma);
    fitted.slow_share = rounded(fitted.slow_share);
    Ok(fitted)
}

/// Logarithms of the excess at ranks of min, avg and max.
fn shape(bursts: &[Burst], base_us: f64) -> Vec<f64> {
    let mut out = Vec::with_capacity(21);
    for pick in [|b: &Burst| b.min_ms, |b: &Burst| b.avg_ms, |b: &Burst| b.max_ms] {
        let excess = sorted(&bursts.iter().map(pick).collect::<Vec<_>>());
        for p in [0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.98] {
            out.push((quantile(&excess, p) - base_us / 1e3).max(0.2).ln());
        }
    }
    out
}

fn lag_one(bursts: &[Burst]) -> f64 {
    autocorrelation(&normal_scores(&bursts.iter().map(|b| b.avg_ms).collect::<Vec<_>>()), 1)
}

/// Steps along each axis in turn, halved where none is better.
fn pattern_search(mut x: [f64; 7], miss: impl Fn(&[f64; 7]) -> f64) -> [f64; 7] {
    let mut best = miss(&x);
    let mut step = 1.0;
    while step > 0.02 {
        let before = best;
        for axis in 0..x.len() {
            for sign in [1.0, -1.0] {
                let mut tried = x;
                tried[axis] += sign * step;
                let got = miss(&tried);
                if got < best {
                    (x, best) = (tried, got);
                    break;
                }
            }
        }
        if before - best < 1e-4 {
            step /= 2.0;
        }
    }
    x
}

/// Ping summaries as the recorder made them: five probes a second apart, in whole
/// milliseconds, every 14 s.
pub fn simulate(rtt: &Rtt, loss: &Loss, count: usize, seed: u64) -> Vec<Burst> {
    let mut path = PathProcess::new(rtt, loss, 1000, Random::new(seed, "bursts"));
    let mut out = Vec::with_capacity(count);
    for _ in 0..count {
        let (mut lost, mut sum, mut least, mut most) = (0, 0.0, f64::INFINITY, 0.0_f64);
        for _ in 0..BURST_PROBES {
            path.step();
            match path.probe() {
                Some(us) => {
                    let ms = (f64::from(us) / 1e3).round();
                    (sum, least, most) = (sum + ms, least.min(ms), most.max(ms));
                }
                None => lost += 1,
            }
        }
        for _ in BURST_PROBES..BURST_EVERY_S {
            path.step();
        }
        // A summary without an answer has no times: the recorder wrote none.
        if lost < BURST_PROBES {
            let avg_ms = (sum / f64::from(BURST_PROBES - lost)).round();
            out.push(Burst { avg_ms, min_ms: least, max_ms: most, lost });
        }
    }
    out
}

/// The losses of ping summaries. Without one, the mean ratio is one probe in
/// three times as many as were sent (the 'rule of three' bound's order).
pub fn loss(bursts: &[Burst]) -> Result<Loss, FitError> {
    let have = bursts.len();
    if have < LEAST_BURSTS {
        return Err(FitError::TooShort { what: "ping recording", have, need: LEAST_BURSTS });
    }
    let mut seen = [0_u32; BURST_PROBES as usize + 1];
    for b in bursts {
        seen[b.lost.min(BURST_PROBES) as usize] += 1;
    }
    if bursts.iter().all(|b| b.lost == 0) {
        let share = 1.0 / (3.0 * have as f64 * f64::from(BURST_PROBES));
        return Ok(Loss { bad_share: share, bad_ms: 1000.0, lost_in_bad: 1.0 });
    }
    let grid = |from: f64, to: f64, n: i32| {
        (0..=n).map(move |i| from * (to / from).powf(f64::from(i) / f64::from(n)))
    };
    let mut best = (f64::NEG_INFINITY, Loss { bad_share: 0.01, bad_ms: 1e3, lost_in_bad: 1.0 });
    for lost_in_bad in [0.25, 0.5, 0.75, 1.0] {
        for bad_ms in grid(100.0, 60e3, 40) {
            for bad_share in grid(1e-4, 0.3, 80) {
                let candidate = Loss { bad_share, bad_ms, lost_in_bad };
                let p = count_probabilities(&candidate);
                let answered = 1.0 - p[BURST_PROBES as usize];
                let likelihood: f64 = seen
                    .iter()
                    .zip(p)
                    .filter(|(n, _)| **n > 0)
                    .map(|(n, p)| f64::from(*n) * (p / answered).max(1e-300).ln())
                    .sum();
                if likelihood > best.0 {
                    best = (likelihood, candidate);
                }
            }
        }
    }
    let mut found = best.1;
    found.bad_share = (found.bad_share * 1e5).round() / 1e5;
    found.bad_ms = found.bad_ms.round();
    Ok(found)
}

/// The chances of 0, 1, … losses in one summary.
fn count_probabilities(loss: &Loss) -> [f64; BURST_PROBES as usize + 1] {
    let (enter, leave) = loss.moves(1000.0);
    let size = BURST_PROBES as usize + 1;
    let mut state = [[0.0; BURST_PROBES as usize + 1]; 2];
    (state[0][0], state[1][0]) = (1.0 - loss.bad_share, loss.bad_share);
    for _ in 0..BURST_PROBES {
        let [good, bad] = state;
        let mut next = [[0.0; BURST_PROBES as usize + 1]; 2];
        for lost in 0..size {
            let into_good = good[lost] * (1.0 - enter) + bad[lost] * leave;
            let into_bad = good[lost] * enter + bad[lost] * (1.0 - leave);
            next[0][lost] += into_good;
            next[1][lost] += into_bad * (1.0 - loss.lost_in_bad);
            if lost + 1 < size {
                next[1][lost + 1] += into_bad * loss.lost_in_bad;
            }
        }
        state = next;
    }
    std::array::from_fn(|i| state[0][i] + state[1][i])
}

/// Statistics of one direction of a model, over ten hours made with `seed`.
pub fn model_rate_figures(model: &Model, direction: Direction, seed: u64) -> Figures {
    let capacity = model.capacity(direction);
    let label = if direction == Direction::Down { "down" } else { "up" };
    let mut process = capacity.process(Random::new(seed, label));
    let steps = FIGURES_MS / capacity.step_ms;
    let rates: Vec<f64> = (0..steps).map(|_| process.next_bps()).collect();
    // No rate in service is lower than the first quantile.
    let outage_bps = capacity.quantiles_bps[0] / 1.01;
    let least = capacity.outage.as_ref().map_or(1.0, |o| o.least_ms) / f64::from(capacity.step_ms);
    rate_figures(&rates, capacity.step_ms, outage_bps, least.round().max(1.0) as usize)
}

/// Statistics of a model's ping summaries, over as many hours as it takes for
/// rare losses to show.
pub fn model_burst_figures(model: &Model, seed: u64) -> Figures {
    burst_figures(&simulate(&model.rtt, &model.loss, 20_000, seed))
}

/// Pairs a recording's statistics with the model's.
pub fn beside(prefix: &str, trace: &Figures, model: &Figures) -> Vec<Fit> {
    let rounded = |v: f64| (v * 1e4).round() / 1e4;
    trace
        .iter()
        .zip(model)
        .map(|((name, t), (_, m))| Fit {
            statistic: format!("{prefix}{name}"),
            trace: rounded(*t),
            model: rounded(*m),
        })
        .collect()
}

fn rounded(x: f64) -> f64 {
    (x * 1e3).round() / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_process_is_found_again() {
        let known = Capacity {
            step_ms: 100,
            quantiles_bps: (0..15).map(|i| 1e6 * 1.4_f64.powi(i)).collect(),
            slow_share: 0.6,
            slow_ms: 5_000.0,
            fast_ms: 300.0,
            outage: Some(Outage {
                between_ms: 10_000.0,
                median_ms: 800.0,
                sigma: 0.5,
                least_ms: 200.0,
            }),
        };
        let mut process = known.process(Random::new(5, "known"));
        let bps = (0..72_000).map(|_| process.next_bps()).collect();
        let found =
            capacity(&Rates { bps, step_ms: 100, outage_bps: 120e3, outage_steps: 2 }).unwrap();
        for (a, b) in found.quantiles_bps.iter().zip(&known.quantiles_bps).skip(2).take(11) {
            assert!((a / b).ln().abs() < 0.15, "{a} for {b}");
        }
        assert!((found.slow_share - 0.6).abs() < 0.15, "{found:?}");
        assert!((found.slow_ms / 5_000.0).ln().abs() < 0.4, "{found:?}");
        let outage = found.outage.unwrap();
        assert!((outage.median_ms / 800.0).ln().abs() < 0.15, "{outage:?}");
        assert!((outage.between_ms / 10_000.0).ln().abs() < 0.2, "{outage:?}");
    }

    #[test]
    fn known_losses_are_found_again() {
        let known = Loss { bad_share: 0.03, bad_ms: 3_000.0, lost_in_bad: 0.75 };
        let rtt = Rtt {
            base_us: 40e3,
            jitter_median_us: 4e3,
            jitter_sigma: 0.5,
            slow_share: 0.5,
            slow_ms: 20e3,
            spike_every_ms: 60e3,
            spike_ms: 1e3,
            spike_mean_us: 50e3,
        };
        let found = loss(&simulate(&rtt, &known, 20_000, 3)).unwrap();
        assert!((found.mean() / known.mean()).ln().abs() < 0.25, "{found:?}");
        assert!((found.bad_ms / known.bad_ms).ln().abs() < 0.7, "{found:?}");
    }

    #[test]
    fn too_short_a_recording_is_refused() {
        let short = Rates { bps: vec![1e6; 10], step_ms: 100, outage_bps: 1.0, outage_steps: 2 };
        assert!(capacity(&short).unwrap_err().to_string().contains("at least 300"));
        assert!(rtt(&[]).is_err() && loss(&[]).is_err());
    }
}
