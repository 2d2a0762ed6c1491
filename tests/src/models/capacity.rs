//! What a link delivers: two regimes, service and outage.
//!
//! In service the rate is `Q(Φ(z))`: Q the quantiles of the recorded rates, z a
//! standard normal made of a slow and a fast first-order process, so that the
//! rates and their correlation in time are each fitted by themselves. Outages
//! come after exponential times of service and last lognormal times.

use serde::{Deserialize, Serialize};

use super::random::Random;
use super::stats::inverse_normal;
use super::{OPPORTUNITY_BYTES, Refused, within};

/// The ranks of [`Capacity::quantiles_bps`].
pub const PROBABILITIES: [f64; 15] =
    [0.005, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.995];

/// A capacity process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Capacity {
    /// The rate holds for so long.
    pub step_ms: u32,
    /// Rates in service at [`PROBABILITIES`], bit/s, never falling.
    pub quantiles_bps: Vec<f64>,
    /// The slow process' share of the variance.
    pub slow_share: f64,
    /// Its correlation time.
    pub slow_ms: f64,
    /// The fast process' correlation time.
    pub fast_ms: f64,
    /// The outage regime, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outage: Option<Outage>,
}

/// The regime in which nothing is delivered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outage {
    /// Mean time of service between two.
    pub between_ms: f64,
    /// Median length.
    pub median_ms: f64,
    /// Standard deviation of the length's logarithm.
    pub sigma: f64,
    /// Shorter ones are part of the service's rates.
    pub least_ms: f64,
}

impl Capacity {
    pub(super) fn check(&self, at: &str) -> Result<(), Refused> {
        let field = |name: &str| format!("{at}.{name}");
        within(field("step_ms"), f64::from(self.step_ms), 1.0, 60_000.0, "1 to 60000")?;
        let q = &self.quantiles_bps;
        if q.len() != PROBABILITIES.len()
            || !q.iter().all(|r| (1e3..=1e11).contains(r))
            || !q.is_sorted()
        {
            let accepted = "15 rates from 1e3 to 1e11 bit/s, none lower than the one before";
            return Err((field("quantiles_bps"), format!("{q:?}"), accepted));
        }
        within(field("slow_share"), self.slow_share, 0.0, 1.0, "0 to 1")?;
        within(field("slow_ms"), self.slow_ms, 1.0, 1e8, "1 to 1e8")?;
        within(field("fast_ms"), self.fast_ms, 1.0, 1e8, "1 to 1e8")?;
        if let Some(o) = &self.outage {
            within(field("outage.between_ms"), o.between_ms, 1.0, 1e10, "1 to 1e10")?;
            within(field("outage.median_ms"), o.median_ms, 1.0, 1e9, "1 to 1e9")?;
            within(field("outage.sigma"), o.sigma, 0.0, 5.0, "0 to 5")?;
            within(field("outage.least_ms"), o.least_ms, 0.0, o.median_ms, "0 to median_ms")?;
        }
        Ok(())
    }

    /// The process, from a random point of its life.
    pub fn process(&self, mut random: Random) -> CapacityProcess {
        let keep = |tau: f64| (-f64::from(self.step_ms) / tau).exp();
        let (slow, fast) = (random.normal(), random.normal());
        let left_ms = match &self.outage {
            Some(o) => random.exponential(o.between_ms),
            None => f64::INFINITY,
        };
        CapacityProcess {
            scores: PROBABILITIES.map(inverse_normal),
            logs: self.quantiles_bps.iter().map(|q| q.ln()).collect(),
            slow_weight: self.slow_share.sqrt(),
            fast_weight: (1.0 - self.slow_share).sqrt(),
            slow_keep: keep(self.slow_ms),
            fast_keep: keep(self.fast_ms),
            step_ms: self.step_ms,
            outage: self.outage.clone(),
            down: false,
            slow,
            fast,
            left_ms,
            random,
        }
    }

    /// The rate at the score `z`; ends are held.
    fn rate(scores: &[f64], logs: &[f64], z: f64) -> f64 {
        let above = scores.partition_point(|s| *s < z);
        if above == 0 {
            return logs[0].exp();
        }
        if above == scores.len() {
            return logs[above - 1].exp();
        }
        let place = (z - scores[above - 1]) / (scores[above] - scores[above - 1]);
        (logs[above - 1] + place * (logs[above] - logs[above - 1])).exp()
    }
}

/// A capacity process under way.
#[derive(Debug, Clone)]
pub struct CapacityProcess {
    scores: [f64; 15],
    logs: Vec<f64>,
    slow_weight: f64,
    fast_weight: f64,
    slow_keep: f64,
    fast_keep: f64,
    step_ms: u32,
    outage: Option<Outage>,
    down: bool,
    slow: f64,
    fast: f64,
    left_ms: f64,
    random: Random,
}

impl CapacityProcess {
    /// How long each rate holds.
    pub fn step_ms(&self) -> u32 {
        self.step_ms
    }

    /// The next step's rate in bit/s; 0 in an outage.
    pub fn next_bps(&mut self) -> f64 {
        let step = |keep: f64, x: f64, z: f64| keep * x + (1.0 - keep * keep).sqrt() * z;
        self.slow = step(self.slow_keep, self.slow, self.random.normal());
        self.fast = step(self.fast_keep, self.fast, self.random.normal());
        if let Some(o) = &self.outage {
            if self.left_ms < f64::from(self.step_ms) / 2.0 {
                self.down = !self.down;
                self.left_ms += if self.down {
                    self.random.lognormal(o.median_ms, o.sigma).max(o.least_ms)
                } else {
                    self.random.exponential(o.between_ms).max(f64::from(self.step_ms))
                };
            }
            self.left_ms -= f64::from(self.step_ms);
        }
        if self.down {
            return 0.0;
        }
        let z = self.slow_weight * self.slow + self.fast_weight * self.fast;
        Capacity::rate(&self.scores, &self.logs, z)
    }
}

/// Delivery opportunities in milliseconds, spread evenly within each step.
pub(super) fn opportunities(mut process: CapacityProcess, duration_ms: u64) -> Vec<u64> {
    let step_ms = u64::from(process.step_ms());
    let per_ms = 1.0 / (f64::from(OPPORTUNITY_BYTES) * 8.0 * 1e3);
    let (mut out, mut credit) = (Vec::new(), 0.0);
    for start in (0..duration_ms).step_by(step_ms as usize) {
        let rate = process.next_bps();
        if rate <= 0.0 {
            credit = 0.0;
            continue;
        }
        for ms in start..(start + step_ms).min(duration_ms) {
            credit += rate * per_ms;
            while credit >= 1.0 {
                out.push(ms);
                credit -= 1.0;
            }
        }
    }
    out
}
