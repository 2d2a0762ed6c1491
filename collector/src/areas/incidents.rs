//! Area incidents: many homes of one area that turned bad within five minutes.
//!
//! The area's own history says what is usual: over the span, so many of its homes
//! turn bad in five minutes on average. If they did so by chance, their number
//! would follow Poisson's distribution; an incident is a number, of at least five
//! homes, that chance would reach with a probability of at most 1 % anywhere in the
//! span. The mean holds the incidents too, so it errs to the side of silence. Where
//! slots are longer than five minutes, trouble begins in step with them, and what
//! is usual is reckoned for a slot.
//!
//! Of an incident of fewer than k homes its place, time and numbers of homes are told,
//! and nothing that is a sum or a rank over them. Times are told to five minutes: the
//! first and the middle one of any number of homes are those of one home.

use std::collections::{BTreeMap, BTreeSet};

use hearth_proto::UnixMs;

use super::causes::{self, Universe};
use super::rollup::HomeRuns;
use super::{AreaIncident, AreaKind, Lost, Medium};
use crate::anonymity::K;
use crate::history::Span;
use crate::report::figure::{Figure, Unit};
use crate::report::names::ActivityRef;

/// Together means within so many seconds.
const WINDOW_S: u32 = 300;
const WINDOW_MS: i64 = WINDOW_S as i64 * 1000;
/// The fewest homes of an area incident.
const HOMES: u64 = 5;
/// The probability of one false incident in the span, per area and kind.
const CHANCE: f64 = 0.01;
/// The fewest windows that an area's history is: a day.
const HISTORY: f64 = 288.0;
/// The most incidents of one area, kind and medium.
const MOST: usize = 50;

pub(super) struct Context<'c> {
    pub(super) span: Span,
    pub(super) activities: &'c [ActivityRef],
    pub(super) k: K,
}

/// A home's run: when it began, whose, which.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Start {
    at_s: u32,
    home: usize,
    run: usize,
}

impl Context<'_> {
    /// All of one area's.
    pub(super) fn find(&self, area: &str, homes: &[HomeRuns]) -> Vec<AreaIncident> {
        let pairs = [
            (AreaKind::Outage, Medium::Fixed),
            (AreaKind::Outage, Medium::Mobile),
            (AreaKind::Degradation, Medium::Fixed),
            (AreaKind::Degradation, Medium::Mobile),
            (AreaKind::Silence, Medium::Home),
        ];
        pairs.into_iter().flat_map(|(kind, medium)| self.of(area, homes, kind, medium)).collect()
    }

    fn of(
        &self,
        area: &str,
        homes: &[HomeRuns],
        kind: AreaKind,
        medium: Medium,
    ) -> Vec<AreaIncident> {
        let has = |h: &HomeRuns| match medium {
            Medium::Fixed => h.fixed,
            Medium::Mobile => h.mobile,
            Medium::Home => h.measured,
        };
        let members: Vec<usize> = (0..homes.len()).filter(|h| has(&homes[*h])).collect();
        // Homes without such a link are a group of their own beside it.
        if !self.k.holds_within(members.len() as u64, homes.len() as u64) {
            return Vec::new();
        }
        let mut starts: Vec<Start> = Vec::new();
        for home in &members {
            let runs = homes[*home].runs.iter().enumerate();
            let of = runs.filter(|(_, r)| (r.kind, r.medium) == (kind, medium));
            starts.extend(of.map(|(run, r)| Start { at_s: r.start_s, home: *home, run }));
        }
        starts.sort_unstable();
        let span_s = self.span.to.since(self.span.from) as f64 / 1000.0;
        if span_s < HISTORY * f64::from(WINDOW_S) {
            return Vec::new();
        }
        let step = members.iter().map(|h| homes[*h].slot_s).max().unwrap_or(0).max(WINDOW_S);
        let windows = span_s / f64::from(step);
        let usual = starts.len() as f64 / windows;
        let mut found = Vec::new();
        while found.len() < MOST {
            let Some((from, to, hit)) = busiest(&starts) else { break };
            let by_chance = (windows * beyond(hit, usual)).min(1.0);
            if hit < HOMES || by_chance > CHANCE {
                break;
            }
            let of: Vec<Start> = starts.drain(from..to).collect();
            let universe = Universe { homes, members: &members, medium, kind, k: self.k };
            found.push(self.incident(area, &universe, &of, usual, by_chance));
        }
        found
    }

    fn incident(
        &self,
        area: &str,
        universe: &Universe<'_>,
        starts: &[Start],
        usual: f64,
        by_chance: f64,
    ) -> AreaIncident {
        let at = |s: u32| self.span.from.plus(i64::from(s) * 1000);
        let length_s = u32::try_from(self.span.to.since(self.span.from) / 1000).unwrap_or(u32::MAX);
        let mut hit: Vec<usize> = starts.iter().map(|s| s.home).collect();
        hit.sort_unstable();
        hit.dedup();
        let runs = || starts.iter().map(|s| universe.homes[s.home].runs[s.run]);
        let mut ends: Vec<u32> = runs().map(|r| r.end_s).collect();
        ends.sort_unstable();
        let half = ends[(ends.len() - 1) / 2];
        let silence = universe.kind == AreaKind::Silence;
        let (homes, n) = (universe.members.len() as u64, hit.len() as u64);
        let told = universe.k.holds(n);
        let lost = self.lost(universe, starts);
        let causes = causes::rank(universe, &hit);
        AreaIncident {
            area: area.to_owned(),
            kind: universe.kind,
            medium: universe.medium,
            start: coarse(at(starts[0].at_s), 0),
            half_over: (told && half != u32::MAX).then(|| coarse(at(half), WINDOW_MS - 1)),
            homes,
            hit: n,
            share: Figure::new(n as f64 / homes as f64, Unit::Ratio, homes, "homes"),
            usual,
            by_chance,
            restarted: (told && silence).then(|| runs().filter(|r| r.restarted).count() as u64),
            withheld: !told || lost.iter().any(Option::is_none),
            lost: lost.into_iter().flatten().collect(),
            silent_ms: if told && silence {
                let ms = |s: u32, e: u32| u64::from(e.min(length_s).saturating_sub(s)) * 1000;
                runs().map(|r| ms(r.start_s, r.end_s)).sum()
            } else {
                0
            },
            verdict: causes::verdict(universe.kind, &causes, n == homes),
            causes,
        }
    }

    /// What homes lost, per activity that they lost anything of: `None` where those that
    /// did are fewer than k.
    fn lost(&self, universe: &Universe<'_>, starts: &[Start]) -> Vec<Option<Lost>> {
        let mut by_activity: BTreeMap<u16, (u64, BTreeSet<usize>)> = BTreeMap::new();
        for start in starts {
            let of = universe.homes[start.home].lost.iter();
            for l in of.filter(|l| usize::from(l.run) == start.run && l.ms > 0) {
                let (ms, homes) = by_activity.entry(l.activity).or_default();
                *ms += u64::from(l.ms);
                homes.insert(start.home);
            }
        }
        let lost = |(activity, (ms, homes)): (u16, (u64, BTreeSet<usize>))| {
            let activity = self.activities.get(usize::from(activity))?.clone();
            universe.k.holds(homes.len() as u64).then_some(Lost { activity, ms })
        };
        by_activity.into_iter().map(lost).collect()
    }
}

/// To five minutes by the clock: down, or with `up` one less than that, up.
fn coarse(at: UnixMs, up: i64) -> UnixMs {
    UnixMs(at.plus(up).0.div_euclid(WINDOW_MS) * WINDOW_MS)
}

/// The window with the most homes in it, the earliest of those: from and to among
/// the starts, and how many.
fn busiest(starts: &[Start]) -> Option<(usize, usize, u64)> {
    let mut best: Option<(usize, usize, u64)> = None;
    let mut within: BTreeMap<usize, u32> = BTreeMap::new();
    let mut to = 0;
    for from in 0..starts.len() {
        while to < starts.len() && starts[to].at_s - starts[from].at_s < WINDOW_S {
            *within.entry(starts[to].home).or_default() += 1;
            to += 1;
        }
        let hit = within.len() as u64;
        if best.is_none_or(|b| hit > b.2) {
            best = Some((from, to, hit));
        }
        if let Some(n) = within.get_mut(&starts[from].home) {
            *n -= 1;
            if *n == 0 {
                within.remove(&starts[from].home);
            }
        }
    }
    best
}

/// The probability that a Poisson variable of this mean is `n` or more.
fn beyond(n: u64, mean: f64) -> f64 {
    if n == 0 {
        return 1.0;
    }
    // Summed upwards from the term of n, which only falls from there if n is over
    // the mean; else what is under it, downwards, is taken off 1.
    let log_factorial = |n: u64| (1..=n).map(|i| (i as f64).ln()).sum::<f64>();
    let term =
        |i: u64| (i as f64 * mean.max(f64::MIN_POSITIVE).ln() - mean - log_factorial(i)).exp();
    if (n as f64) > mean {
        let mut sum = 0.0;
        let mut t = term(n);
        let mut i = n;
        while t > sum * 1e-12 && t > 0.0 {
            sum += t;
            i += 1;
            t *= mean / i as f64;
        }
        sum.min(1.0)
    } else {
        let (mut below, mut t) = (0.0, term(n - 1));
        for i in (0..n).rev() {
            below += t;
            t *= i as f64 / mean;
        }
        1.0 - f64::min(below, 1.0)
    }
}

/// Those with most customer time lost first; those without evidence after them, by
/// their length; then by time and place.
pub(super) fn rank(incidents: &mut [AreaIncident]) {
    let key = |i: &AreaIncident| -> (std::cmp::Reverse<u64>, std::cmp::Reverse<u64>, UnixMs) {
        (std::cmp::Reverse(i.lost_ms(None)), std::cmp::Reverse(i.silent_ms), i.start)
    };
    incidents.sort_by(|a, b| {
        key(a)
            .cmp(&key(b))
            .then_with(|| (&a.area, a.kind, a.medium).cmp(&(&b.area, b.kind, b.medium)))
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn poissons_tail_agrees_with_published_values() {
        // P(X >= 3 | 1) = 1 - 5/(2e); P(X >= 10 | 5) = 0.031828.
        assert!((beyond(3, 1.0) - 0.080_301_4).abs() < 1e-6);
        assert!((beyond(10, 5.0) - 0.031_828).abs() < 1e-6);
        assert!((beyond(2, 5.0) - 0.959_572).abs() < 1e-6);
        assert!((beyond(0, 3.0) - 1.0).abs() < 1e-12);
        // About half lies on either side of a large mean.
        assert!((beyond(20_000, 20_000.0) - 0.5).abs() < 0.01);
        assert!(beyond(40, 0.01) < 1e-80 && beyond(5, 0.0) == 0.0);
    }

    #[test]
    fn a_home_that_starts_twice_in_a_window_counts_once() {
        let start = |at_s, home| Start { at_s, home, run: 0 };
        let all = [start(0, 1), start(10, 1), start(20, 2), start(400, 3), start(410, 3)];
        assert_eq!(busiest(&all), Some((0, 3, 2)));
        assert_eq!(busiest(&[]), None);
    }
}
