//! Round trips and losses of an idle link.
//!
//! A round trip is the base, plus lognormal variation whose logarithm is part
//! slow (first-order in time) and part new with each probe, plus, in spells that
//! come at random and last exponential times, an exponential excess: a handover,
//! a retransmission below IP, a queue. Losses are Gilbert and Elliott's: none in
//! the good state, a share in the bad one.

use hearth_proto::{Cause, Outcome};
use serde::{Deserialize, Serialize};

use super::random::Random;
use super::{Refused, within};

/// A process of round trips.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rtt {
    /// The least round trip: distance and the network's own floor.
    pub base_us: f64,
    /// Median of the variation above it.
    pub jitter_median_us: f64,
    /// Standard deviation of the variation's logarithm.
    pub jitter_sigma: f64,
    /// The share of that logarithm's variance that lasts from probe to probe.
    pub slow_share: f64,
    /// Its correlation time.
    pub slow_ms: f64,
    /// Mean time between spells of excess.
    pub spike_every_ms: f64,
    /// Mean length of a spell.
    pub spike_ms: f64,
    /// Mean excess within a spell.
    pub spike_mean_us: f64,
}

/// Losses after Gilbert (1960) and Elliott (1963), in continuous time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Loss {
    /// Share of time in the bad state.
    pub bad_share: f64,
    /// Mean length of a bad state.
    pub bad_ms: f64,
    /// Share of probes lost in it.
    pub lost_in_bad: f64,
}

impl Rtt {
    pub(super) fn check(&self, at: &str) -> Result<(), Refused> {
        for (name, value, low, high, what) in [
            ("base_us", self.base_us, 1.0, 1e7, "1 to 1e7"),
            ("jitter_median_us", self.jitter_median_us, 0.0, 1e7, "0 to 1e7"),
            ("jitter_sigma", self.jitter_sigma, 0.0, 5.0, "0 to 5"),
            ("slow_share", self.slow_share, 0.0, 1.0, "0 to 1"),
            ("slow_ms", self.slow_ms, 1.0, 1e9, "1 to 1e9"),
            ("spike_every_ms", self.spike_every_ms, 1.0, 1e12, "1 to 1e12"),
            ("spike_ms", self.spike_ms, 0.0, 1e9, "0 to 1e9"),
            ("spike_mean_us", self.spike_mean_us, 0.0, 1e7, "0 to 1e7"),
        ] {
            within(format!("{at}.{name}"), value, low, high, what)?;
        }
        Ok(())
    }
}

impl Loss {
    pub(super) fn check(&self, at: &str) -> Result<(), Refused> {
        within(format!("{at}.bad_share"), self.bad_share, 0.0, 0.999, "0 to 0.999")?;
        within(format!("{at}.bad_ms"), self.bad_ms, 1.0, 1e9, "1 to 1e9")?;
        within(format!("{at}.lost_in_bad"), self.lost_in_bad, 0.0, 1.0, "0 to 1")
    }

    /// Mean loss ratio.
    pub fn mean(&self) -> f64 {
        self.bad_share * self.lost_in_bad
    }

    /// Probabilities to enter and to leave the bad state within `ms`.
    pub fn moves(&self, ms: f64) -> (f64, f64) {
        let leave = 1.0 / self.bad_ms;
        let enter = leave * self.bad_share / (1.0 - self.bad_share);
        let moved = 1.0 - (-(enter + leave) * ms).exp();
        (self.bad_share * moved, (1.0 - self.bad_share) * moved)
    }
}

/// Round trips and losses under way.
#[derive(Debug, Clone)]
pub struct PathProcess {
    rtt: Rtt,
    lost_in_bad: f64,
    enter: f64,
    leave: f64,
    spike_enter: f64,
    spike_leave: f64,
    keep: f64,
    renew: f64,
    slow_weight: f64,
    fast_weight: f64,
    slow: f64,
    bad: bool,
    spike: bool,
    random: Random,
}

impl PathProcess {
    /// From a random point of its life, to be stepped every `interval_ms`.
    pub fn new(rtt: &Rtt, loss: &Loss, interval_ms: u32, mut random: Random) -> Self {
        let ms = f64::from(interval_ms.max(1));
        let keep = (-ms / rtt.slow_ms).exp();
        let (enter, leave) = loss.moves(ms);
        let spell_share = rtt.spike_ms / (rtt.spike_ms + rtt.spike_every_ms);
        let moved = if rtt.spike_ms > 0.0 {
            1.0 - (-ms * (1.0 / rtt.spike_ms + 1.0 / rtt.spike_every_ms)).exp()
        } else {
            1.0
        };
        Self {
            lost_in_bad: loss.lost_in_bad,
            enter,
            leave,
            spike_enter: spell_share * moved,
            spike_leave: (1.0 - spell_share) * moved,
            keep,
            renew: (1.0 - keep * keep).sqrt(),
            slow_weight: rtt.jitter_sigma * rtt.slow_share.sqrt(),
            fast_weight: rtt.jitter_sigma * (1.0 - rtt.slow_share).sqrt(),
            slow: random.normal(),
            bad: random.chance(loss.bad_share),
            spike: random.chance(spell_share),
            rtt: rtt.clone(),
            random,
        }
    }

    /// One interval on.
    pub fn step(&mut self) {
        self.slow = self.keep * self.slow + self.renew * self.random.normal();
        let turn = self.random.uniform();
        self.bad = if self.bad { turn > self.leave } else { turn <= self.enter };
        let turn = self.random.uniform();
        self.spike = if self.spike { turn > self.spike_leave } else { turn <= self.spike_enter };
    }

    /// A round trip now, in microseconds; `None`: lost.
    pub fn probe(&mut self) -> Option<u32> {
        if self.bad && self.random.chance(self.lost_in_bad) {
            return None;
        }
        let log = self.slow_weight * self.slow + self.fast_weight * self.random.normal();
        let mut us = self.rtt.base_us + self.rtt.jitter_median_us * log.exp();
        if self.spike {
            us += self.random.exponential(self.rtt.spike_mean_us);
        }
        Some(us.min(f64::from(u32::MAX)) as u32)
    }

    /// Steps, then probes; a loss is a timeout, as is a round trip of 3 s or more
    /// (the method's limit).
    pub fn next_outcome(&mut self) -> Outcome {
        self.step();
        match self.probe() {
            Some(us) if us < 3_000_000 => Outcome::Answered { us },
            _ => Outcome::Failed(Cause::Timeout),
        }
    }
}
