//! Sums over groups of homes, one table's. Which of them are told, `kinds` says.
//!
//! A home may be in several groups at once (what it does), so sums are kept for each
//! set of groups that homes are in; a group's sum is that of the sets it is in, and
//! whatever is in no group that is told is 'other homes', each home once.

use std::collections::{BTreeMap, BTreeSet};

use crate::report::figure::{Interval, IntervalMethod};
use crate::report::interval::{SplitMix, middle_of};

/// Fixed, so that a replay comes out the same each time.
pub(super) const RESAMPLES: usize = 500;

/// Homes drawn again: how often a home is in each resample, Poisson with mean 1,
/// from its name alone, so that sums of parts are the sums of the whole.
pub(super) struct Draws(SplitMix);

impl Draws {
    /// Of a home.
    pub(super) fn of(name: &str) -> Self {
        // FNV-1a.
        let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        Self(SplitMix(hash))
    }
}

impl Iterator for Draws {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        /// e⁻¹ · Σ 1/i! up to each count, beyond which next to nothing lies.
        const UP_TO: [f64; 7] = [
            0.367_879_441_171,
            0.735_758_882_343,
            0.919_698_602_929,
            0.981_011_843_124,
            0.996_340_153_173,
            0.999_405_815_183,
            0.999_916_758_85,
        ];
        let at = (self.0.bits() >> 11) as f64 / (1_u64 << 53) as f64;
        Some(UP_TO.iter().filter(|bound| at >= **bound).count() as u64)
    }
}

/// Periods judged and broken, and what they pay in hundredths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Sums {
    pub(super) judged: u64,
    pub(super) broken: u64,
    pub(super) paid: u64,
}

impl Sums {
    pub(super) fn add(&mut self, other: Self, times: u64) {
        self.judged += other.judged * times;
        self.broken += other.broken * times;
        self.paid = self.paid.saturating_add(other.paid.saturating_mul(times));
    }
}

/// Sums over homes, and the same drawn again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tally {
    /// Homes with a period that was judged.
    pub(super) homes: u64,
    /// Of them, with one that was broken.
    pub(super) homes_broken: u64,
    pub(super) sums: Sums,
    resamples: Vec<Sums>,
}

impl Default for Tally {
    fn default() -> Self {
        let resamples = vec![Sums::default(); RESAMPLES];
        Self { homes: 0, homes_broken: 0, sums: Sums::default(), resamples }
    }
}

impl Tally {
    /// Counts a home, with its draws.
    pub(super) fn home(&mut self, sums: Sums, draws: &[u64]) {
        self.homes += 1;
        self.homes_broken += u64::from(sums.broken > 0);
        self.sums.add(sums, 1);
        for (resample, times) in self.resamples.iter_mut().zip(draws) {
            resample.add(sums, *times);
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.homes += other.homes;
        self.homes_broken += other.homes_broken;
        self.sums.add(other.sums, 1);
        for (resample, other) in self.resamples.iter_mut().zip(&other.resamples) {
            resample.add(*other, 1);
        }
    }

    /// The 95 % interval of a mean over periods judged; `None` for under two homes.
    pub(super) fn interval(&self, of: fn(&Sums) -> u64) -> Option<Interval> {
        if self.homes < 2 || self.sums.judged == 0 {
            return None;
        }
        let mean = |s: &Sums| of(s) as f64 / s.judged as f64;
        let means = self.resamples.iter().filter(|s| s.judged > 0).map(mean).collect();
        middle_of(means, mean(&self.sums), IntervalMethod::BootstrapOverHomes)
    }
}

/// Sums by the sets of groups that homes are in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Groups {
    sets: BTreeMap<BTreeSet<String>, Tally>,
}

/// A table of the groups that may be told.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Told {
    /// By name.
    pub(super) groups: Vec<(String, Tally)>,
    /// All homes in none of them.
    pub(super) others: Tally,
    /// Groups that are not told by name.
    pub(super) merged: u64,
}

impl Groups {
    /// Counts a home in all of its groups.
    pub(super) fn home(&mut self, groups: BTreeSet<String>, sums: Sums, draws: &[u64]) {
        self.sets.entry(groups).or_default().home(sums, draws);
    }

    pub(super) fn merge(&mut self, other: &Self) {
        for (set, tally) in &other.sets {
            self.sets.entry(set.clone()).or_default().merge(tally);
        }
    }

    fn sum(&self, which: impl Fn(&BTreeSet<String>) -> bool) -> Tally {
        let mut sum = Tally::default();
        self.sets.iter().filter(|(set, _)| which(set)).for_each(|(_, t)| sum.merge(t));
        sum
    }

    /// With the names that may be told.
    pub(super) fn told(&self, names: &BTreeSet<&str>) -> Told {
        let all: BTreeSet<&String> = self.sets.keys().flatten().collect();
        let told: Vec<&String> =
            all.iter().copied().filter(|n| names.contains(n.as_str())).collect();
        Told {
            groups: told
                .iter()
                .map(|name| ((*name).clone(), self.sum(|set| set.contains(*name))))
                .collect(),
            others: self.sum(|set| !set.iter().any(|name| names.contains(name.as_str()))),
            merged: (all.len() - told.len()) as u64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::kinds::{Kind, Kinds};
    use super::*;
    use crate::anonymity::K;

    #[test]
    fn groups_of_too_few_homes_are_other_homes_each_once() {
        let homes: [(&[&str], usize); 4] =
            [(&["play"], 8), (&["play", "care"], 5), (&["work"], 12), (&[], 10)];
        let (mut groups, mut kinds) = (Groups::default(), Kinds::default());
        for (i, (set, n)) in homes.iter().enumerate() {
            for home in 0..*n {
                let draws: Vec<u64> = Draws::of(&format!("{i}-{home}")).take(RESAMPLES).collect();
                let sums = Sums { judged: 3, broken: u64::from(home % 2 == 0), paid: 100 };
                groups.home(set.iter().map(|s| (*s).to_owned()).collect(), sums, &draws);
                let needs = set.iter().map(|s| (*s).to_owned()).collect();
                kinds.home(Kind { needs, ..Kind::default() });
            }
        }
        let said = |k| {
            let told = groups.told(&kinds.names(K::try_from(k).unwrap()).needs);
            let homes: Vec<(String, u64)> =
                told.groups.into_iter().map(|(name, tally)| (name, tally.homes)).collect();
            (homes, told.others.homes, told.merged)
        };
        let row = |name: &str, homes| (name.to_owned(), homes);
        assert_eq!(said(10), (vec![row("play", 13), row("work", 12)], 10, 1));
        assert_eq!(said(5), (vec![row("care", 5), row("play", 13), row("work", 12)], 10, 0));
        assert_eq!(said(11), (vec![row("play", 13)], 22, 2));
    }

    #[test]
    fn draws_have_the_mean_and_variance_of_their_kind() {
        let draws: Vec<u64> =
            (0..200).flat_map(|n| Draws::of(&n.to_string()).take(RESAMPLES)).collect();
        let n = draws.len() as f64;
        let mean = draws.iter().sum::<u64>() as f64 / n;
        let variance = draws.iter().map(|d| (*d as f64 - mean).powi(2)).sum::<f64>() / n;
        assert!((mean - 1.0).abs() < 0.02 && (variance - 1.0).abs() < 0.04, "{mean} {variance}");
    }

    #[test]
    fn an_interval_is_about_as_wide_as_the_binomials() {
        // 400 homes of one period, a quarter broken: a standard error of 2.2 %.
        let mut tally = Tally::default();
        for home in 0..400_u64 {
            let draws: Vec<u64> = Draws::of(&home.to_string()).take(RESAMPLES).collect();
            tally.home(Sums { judged: 1, broken: u64::from(home % 4 == 0), paid: 0 }, &draws);
        }
        let i = tally.interval(|s| s.broken).unwrap();
        assert!((i.low - 0.208).abs() < 0.012 && (i.high - 0.292).abs() < 0.012, "{i:?}");
    }
}
