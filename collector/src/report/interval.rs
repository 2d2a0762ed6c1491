//! Interval estimates: Wilson for independent tests, a bootstrap over whole days
//! for shares of time.

use super::figure::{Interval, IntervalMethod};

/// Two-sided 95 % of the normal distribution.
const Z: f64 = 1.959_963_984_540_054;

/// Fixed, so that a statement comes out the same each time it is drawn up.
const RESAMPLES: usize = 500;

/// Wilson's score interval of `hits` of `n` independent tests.
pub(crate) fn wilson(hits: u64, n: u64) -> Option<Interval> {
    if n == 0 {
        return None;
    }
    let (p, n) = (hits.min(n) as f64 / n as f64, n as f64);
    let zz = Z * Z;
    let centre = p + zz / (2.0 * n);
    let margin = Z * (p * (1.0 - p) / n + zz / (4.0 * n * n)).sqrt();
    let at = |v: f64| (v / (1.0 + zz / n)).clamp(0.0, 1.0);
    Some(Interval {
        low: at(centre - margin).min(p),
        high: at(centre + margin).max(p),
        level: Some(0.95),
        method: IntervalMethod::Wilson,
    })
}

/// The 95 % interval of a share from its days' (hits, slots), by resampling whole
/// days. `None` for under two days with evidence.
pub(crate) fn over_days(days: &[(u64, u64)]) -> Option<Interval> {
    let days: Vec<(u64, u64)> = days.iter().copied().filter(|d| d.1 > 0).collect();
    if days.len() < 2 {
        return None;
    }
    let mut random = SplitMix(0x9e37_79b9_7f4a_7c15);
    let mut shares: Vec<f64> = (0..RESAMPLES)
        .map(|_| {
            let (hits, n) = (0..days.len()).fold((0, 0), |(hits, n), _| {
                let day = days[random.below(days.len())];
                (hits + day.0, n + day.1)
            });
            hits as f64 / n as f64
        })
        .collect();
    shares.sort_by(f64::total_cmp);
    let total = days.iter().fold((0, 0), |(hits, n), d| (hits + d.0, n + d.1));
    let share = total.0 as f64 / total.1 as f64;
    let cut = RESAMPLES / 40;
    Some(Interval {
        low: shares[cut].min(share),
        high: shares[RESAMPLES - 1 - cut].max(share),
        level: Some(0.95),
        method: IntervalMethod::BootstrapOverDays,
    })
}

/// The generator `SplitMix64`: small, and the same in every release, as a library's generator
/// need not be.
pub(crate) struct SplitMix(pub(crate) u64);

impl SplitMix {
    /// Any 64 bits, each as likely.
    pub(crate) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.bits()) * n as u128) >> 64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn wilson_agrees_with_a_published_value() {
        // Brown, Cai, DasGupta (2001) style check: 8 of 10.
        let i = wilson(8, 10).unwrap();
        assert!((i.low - 0.490_16).abs() < 1e-4 && (i.high - 0.943_32).abs() < 1e-4, "{i:?}");
        assert!(wilson(0, 0).is_none());
    }

    #[test]
    fn one_day_gives_no_interval_and_equal_days_a_narrow_one() {
        assert!(over_days(&[(5, 10), (0, 0)]).is_none());
        let same = over_days(&[(90, 100); 7]).unwrap();
        assert!((same.high - same.low).abs() < 1e-12);
        let mixed = over_days(&[(100, 100), (0, 100), (100, 100), (100, 100)]).unwrap();
        assert!(mixed.low < 0.5 && mixed.high > 0.9, "{mixed:?}");
    }

    proptest! {
        #[test]
        fn intervals_hold_the_share_and_stay_within_0_and_1(
            days in prop::collection::vec((0_u64..50, 0_u64..50), 2..20),
        ) {
            let days: Vec<_> = days.into_iter().map(|(a, b)| (a.min(b), b)).collect();
            let (hits, n) = days.iter().fold((0, 0), |(h, n), d| (h + d.0, n + d.1));
            for i in [over_days(&days), wilson(hits, n)].into_iter().flatten() {
                let p = hits as f64 / n as f64;
                prop_assert!(0.0 <= i.low && i.low <= p && p <= i.high && i.high <= 1.0);
            }
        }
    }
}
