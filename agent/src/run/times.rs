//! How long probes took, since the start: counts under fixed bounds, as Prometheus
//! has histograms. Pure.

use std::time::Duration;

/// Upper bounds in microseconds, from a home's gateway to a satellite.
pub const BOUNDS_US: [u64; 16] = [
    1_000, 2_000, 5_000, 10_000, 15_000, 20_000, 30_000, 50_000, 75_000, 100_000, 150_000, 200_000,
    300_000, 500_000, 1_000_000, 3_000_000,
];

/// The times of one series.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Times {
    /// At most each bound, and more than the one before; the last: more than all.
    pub counts: [u64; BOUNDS_US.len() + 1],
    /// Of all, in microseconds.
    pub sum_us: u64,
    /// Probes that were not answered.
    pub failed: u64,
}

impl Times {
    /// One more.
    pub fn record(&mut self, outcome: Option<Duration>) {
        let Some(took) = outcome else {
            self.failed += 1;
            return;
        };
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.counts[BOUNDS_US.partition_point(|bound| *bound < us)] += 1;
        self.sum_us = self.sum_us.saturating_add(us);
    }

    /// How many were answered.
    pub fn answered(&self) -> u64 {
        self.counts.iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_bound_holds_what_is_equal_to_it() {
        let mut times = Times::default();
        for us in [1, 1_000, 1_001, 3_000_000, 3_000_001] {
            times.record(Some(Duration::from_micros(us)));
        }
        times.record(None);
        assert_eq!((times.counts[0], times.counts[1]), (2, 1));
        assert_eq!((times.counts[15], times.counts[16]), (1, 1));
        assert_eq!((times.answered(), times.failed), (5, 1));
        assert_eq!(times.sum_us, 6_002_003);
    }

    proptest! {
        #[test]
        fn everything_is_counted_once(all in proptest::collection::vec(0_u64..5_000_000, 0..100)) {
            let mut times = Times::default();
            for us in &all {
                times.record(Some(Duration::from_micros(*us)));
            }
            prop_assert_eq!(times.answered(), all.len() as u64);
            for (i, bound) in BOUNDS_US.iter().enumerate() {
                let under = times.counts[..=i].iter().sum::<u64>();
                prop_assert_eq!(under, all.iter().filter(|us| *us <= bound).count() as u64);
            }
        }
    }
}
