//! Interval estimates: Wilson for independent tests, a bootstrap over whole days
//! for shares of time.

use std::collections::HashMap;

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

/// Draws of whole days, each made once for all shares over as many days: a profile
/// has hundreds of shares over the same month.
#[derive(Debug, Default)]
pub(crate) struct Resampler {
    // By the number of days, and by which of two independent draws.
    draws: Vec<((usize, u64), Draws)>,
    // By the days: activities with like needs fare alike.
    known: HashMap<Vec<(u64, u64)>, Interval>,
}

/// How often each day was drawn in each resample: day by day, resample by resample.
#[derive(Debug)]
struct Draws(Vec<f32>);

impl Draws {
    fn of(days: usize, seed: u64) -> Self {
        let mut times = vec![0.0; days * RESAMPLES];
        let mut random = SplitMix(SEED ^ seed);
        for resample in 0..RESAMPLES {
            for _ in 0..days {
                times[random.below(days) * RESAMPLES + resample] += 1.0;
            }
        }
        Self(times)
    }

    /// Each resample's sum of the days' values.
    fn sums(&self, values: impl Iterator<Item = u64>) -> Vec<f32> {
        let mut sums = vec![0.0_f32; RESAMPLES];
        for (times, value) in self.0.chunks_exact(RESAMPLES).zip(values) {
            // Most days have nothing that failed.
            if value > 0 {
                let value = value as f32;
                sums.iter_mut().zip(times).for_each(|(sum, times)| *sum += times * value);
            }
        }
        sums
    }

    /// Each resample's slots. Every resample draws as many days, and most days have as
    /// many slots, so that only what the others lack is summed; not where that would
    /// be rounded otherwise than a sum of all.
    fn slots(&self, days: &[(u64, u64)]) -> Vec<f32> {
        const EXACT: u64 = 1 << f32::MANTISSA_DIGITS;
        let most = days.iter().map(|d| d.1).max().unwrap_or(0);
        let all = most.saturating_mul(days.len() as u64);
        if all > EXACT {
            return self.sums(days.iter().map(|d| d.1));
        }
        let mut slots = self.sums(days.iter().map(|d| most - d.1));
        for lacking in &mut slots {
            *lacking = all as f32 - *lacking;
        }
        slots
    }
}

/// The first of the two independent draws, and the second.
const SEED: u64 = 0x9e37_79b9_7f4a_7c15;
const SECOND: u64 = 0x5851_f42d_4c95_7f2d;

/// Days with evidence: those that a share rests on.
fn with_evidence(days: impl Iterator<Item = (u64, u64)>) -> Vec<(u64, u64)> {
    days.filter(|d| d.1 > 0).map(|(hits, n)| (hits.min(n), n)).collect()
}

fn share_of(days: &[(u64, u64)]) -> f64 {
    let total = days.iter().fold((0, 0), |(hits, n), d| (hits + d.0, n + d.1));
    total.0 as f64 / total.1 as f64
}

/// The ends of the middle 95 % of what resampling found, widened to hold the value
/// found; `None` where it found nothing.
pub(crate) fn middle_of(
    mut resampled: Vec<f64>,
    found: f64,
    method: IntervalMethod,
) -> Option<Interval> {
    resampled.sort_by(f64::total_cmp);
    let cut = resampled.len() / 40;
    let low = resampled.get(cut)?;
    let high = resampled.get(resampled.len().checked_sub(1 + cut)?)?;
    Some(Interval { low: low.min(found), high: high.max(found), level: Some(0.95), method })
}

/// How many resamples lie beyond either end of the middle 95 %, and the end.
const ENDS: usize = RESAMPLES / 40 + 1;

/// The [`ENDS`]th least, by the total order. Hardly any value is among the least so far,
/// so that this is one pass of comparisons; a selection takes several times as long.
fn end(values: impl Iterator<Item = f32>) -> f32 {
    // After every number.
    let mut least = [f32::from_bits(i32::MAX.cast_unsigned()); ENDS];
    for value in values {
        if value.total_cmp(&least[ENDS - 1]).is_lt() {
            let place = least.partition_point(|l| l.total_cmp(&value).is_le());
            least.copy_within(place..ENDS - 1, place + 1);
            least[place] = value;
        }
    }
    least[ENDS - 1]
}

/// The same of [`RESAMPLES`]: many of these are asked for.
fn middle(resampled: &[f32], found: f64) -> Interval {
    let (low, high) = (end(resampled.iter().copied()), -end(resampled.iter().map(|v| -v)));
    Interval {
        low: f64::from(low).min(found),
        high: f64::from(high).max(found),
        level: Some(0.95),
        method: IntervalMethod::BootstrapOverDays,
    }
}

impl Resampler {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    fn draws(&mut self, days: usize, seed: u64) -> &Draws {
        let place = self.draws.iter().position(|(key, _)| *key == (days, seed));
        let place = place.unwrap_or_else(|| {
            self.draws.push(((days, seed), Draws::of(days, seed)));
            self.draws.len() - 1
        });
        &self.draws[place].1
    }

    /// Each resample's share.
    fn shares(&mut self, days: &[(u64, u64)], seed: u64) -> Vec<f32> {
        let draws = self.draws(days.len(), seed);
        // What failed is summed, since most days have none of it.
        let failed = draws.sums(days.iter().map(|(hits, n)| n - hits));
        let n = draws.slots(days);
        failed.into_iter().zip(n).map(|(failed, n)| (1.0 - failed / n).clamp(0.0, 1.0)).collect()
    }

    /// The 95 % interval of a share from its days' (hits, slots). `None` for under
    /// two days with evidence.
    pub(crate) fn share(&mut self, days: impl Iterator<Item = (u64, u64)>) -> Option<Interval> {
        let days = with_evidence(days);
        if days.len() < 2 {
            return None;
        }
        let found = share_of(&days);
        let alike = days.iter().all(|d| d.0 * days[0].1 == days[0].0 * d.1);
        if alike {
            let method = IntervalMethod::BootstrapOverDays;
            return Some(Interval { low: found, high: found, level: Some(0.95), method });
        }
        if let Some(known) = self.known.get(&days) {
            return Some(*known);
        }
        let interval = middle(&self.shares(&days, 0), found);
        self.known.insert(days, interval);
        Some(interval)
    }

    /// The 95 % interval of how much greater one period's share is than another's.
    /// `None` where either has under two days with evidence.
    pub(crate) fn change(
        &mut self,
        now: impl Iterator<Item = (u64, u64)>,
        before: impl Iterator<Item = (u64, u64)>,
    ) -> Option<Interval> {
        let (now, before) = (with_evidence(now), with_evidence(before));
        if now.len() < 2 || before.len() < 2 {
            return None;
        }
        let found = share_of(&now) - share_of(&before);
        let (now, before) = (self.shares(&now, 0), self.shares(&before, SECOND));
        let changes: Vec<f32> = now.into_iter().zip(before).map(|(a, b)| a - b).collect();
        Some(middle(&changes, found))
    }
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

    fn over_days(days: &[(u64, u64)]) -> Option<Interval> {
        Resampler::new().share(days.iter().copied())
    }

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

    #[test]
    fn a_change_is_told_from_chance() {
        let mut resampler = Resampler::new();
        let good = [(100, 100), (98, 100), (99, 100), (100, 100)];
        let bad = [(80, 100), (85, 100), (82, 100), (79, 100)];
        let worse = resampler.change(bad.into_iter(), good.into_iter()).unwrap();
        assert!(worse.high < 0.0 && worse.low > -0.3, "{worse:?}");
        let same = resampler.change(good.into_iter(), good.into_iter()).unwrap();
        assert!(same.low <= 0.0 && 0.0 <= same.high, "{same:?}");
        assert!(resampler.change(good.into_iter(), [(1, 1)].into_iter()).is_none());
    }

    proptest! {
        #[test]
        fn ends_are_those_of_the_sorted(
            mut values in prop::collection::vec(-2.0_f32..2.0, RESAMPLES), same in 0..RESAMPLES,
        ) {
            values[..same].fill(0.0);
            let found = middle(&values, 0.0);
            values.sort_by(f32::total_cmp);
            let cut = RESAMPLES / 40;
            let ends = [values[cut], values[RESAMPLES - 1 - cut]].map(f64::from);
            let expected = [ends[0].min(0.0), ends[1].max(0.0)];
            prop_assert_eq!([found.low, found.high].map(f64::to_bits), expected.map(f64::to_bits));
        }

        #[test]
        fn slots_by_what_is_lacking_are_their_sums(
            days in prop::collection::vec((Just(0), prop_oneof![Just(1440), 0_u64..2_000_000]), 2..30),
        ) {
            let draws = Draws::of(days.len(), 0);
            prop_assert_eq!(draws.slots(&days), draws.sums(days.iter().map(|d| d.1)));
        }

        #[test]
        fn intervals_hold_the_share_and_stay_within_0_and_1(
            days in prop::collection::vec((0_u64..50, 0_u64..50), 2..20),
        ) {
            let days: Vec<_> = days.into_iter().map(|(a, b)| (a.min(b), b)).collect();
            let (hits, n) = days.iter().fold((0, 0), |(h, n), d| (h + d.0, n + d.1));
            let mut known = Resampler::new();
            let again = [(); 2].map(|()| known.share(days.iter().copied()));
            prop_assert_eq!(again, [over_days(&days); 2], "what is known is what is found anew");
            for i in [over_days(&days), wilson(hits, n)].into_iter().flatten() {
                let p = hits as f64 / n as f64;
                prop_assert!(0.0 <= i.low && i.low <= p && p <= i.high && i.high <= 1.0);
            }
        }
    }
}
