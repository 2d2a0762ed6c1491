//! The main link's slots judged again. What a remedy makes of a bad slot is a [`Mark`];
//! marks become shares with bounds here and nowhere else, so that no remedy can make
//! anything worse than it was.

use std::sync::Arc;

use hearth_proto::{DirectionFigures, Figures, TestKind, TestResult};

use super::Gain;
use super::thresholds as at;
use super::verdict::Reckoned;
use crate::history::columns::{LinkColumns, known};
use crate::homes::Sold;
use crate::ledger::sets::{Block, Sets, rising};
use crate::ledger::{Cell, Ledger};
use crate::profile::columns::Tally;
use crate::profile::share::unknown_bounds;
use crate::profile::trials::{goodput, telling};
use crate::profile::{Inputs, LinkProfile, Profile};
use crate::qoe::activity::{Prepared, Requirement, State as Verdicted, loss_lower_bound, state};
use crate::report::calendar::Calendar;
use crate::report::days::length;
use crate::report::figure::{Figure, Interval, Unit};
use crate::report::interval::Resampler;
use crate::report::median::median;
use crate::report::names::ActivityRef;

/// What a remedy makes of a bad slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Mark {
    /// It stays bad.
    Stays,
    /// The evidence does not tell.
    Perhaps,
    /// It would have worked.
    Saved,
    /// It would have worked even on a cautious reckoning.
    Surely,
}

/// By activity: the slots that a remedy was asked of, rising. What has no mark and has
/// evidence worked as it was.
pub(super) type Marks = Vec<Vec<(u32, Mark)>>;

/// Round trips in ms at p50, p95 and p99, −∞ where unknown, and loss.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Far {
    pub(super) ms: [f64; 3],
    pub(super) lost: u32,
    pub(super) tried: u32,
}

impl Far {
    pub(super) fn is_ok_for(&self, requirement: &Requirement) -> bool {
        let low = loss_lower_bound(self.lost, self.tried);
        let evidence = Prepared::read(self.ms, low, self.lost, self.tried);
        self.tried > 0 && state(requirement, &evidence) == Verdicted::Ok
    }
}

/// A speed that tests told, in bit/s.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Speed {
    pub(super) median: f64,
    pub(super) best: f64,
    pub(super) tests: usize,
}

/// A home's main link, ready to be judged again.
pub(super) struct Replay<'a> {
    pub(super) given: &'a Inputs<'a>,
    pub(super) profile: &'a Profile,
    /// The main link.
    pub(super) link: usize,
    pub(super) calendar: Arc<Calendar>,
    pub(super) decided_by: &'a [ActivityRef],
    /// By activity.
    sets: Vec<Sets>,
    /// By activity, then the calendar's days: as if all with evidence had worked.
    days: Vec<Vec<Day>>,
    /// The tests that tell the link's speed.
    tests: (Option<TestKind>, Vec<(&'a TestResult, &'a Figures)>),
    resampler: Resampler,
}

impl<'a> Replay<'a> {
    pub(super) fn new(
        given: &'a Inputs<'a>,
        profile: &'a Profile,
        link: usize,
        decided_by: &'a [ActivityRef],
    ) -> Self {
        let calendar = given.ledger.calendar(given.tz);
        let activities = 0..given.ledger.activities.len();
        let sets: Vec<Sets> = activities.map(|a| Sets::of(given.ledger.column(link, a))).collect();
        let days = sets.iter().map(|column| days(column, &calendar)).collect();
        let tests = telling(given.history, given.ledger, link);
        let resampler = Resampler::new();
        Self { given, profile, link, calendar, decided_by, sets, days, tests, resampler }
    }

    pub(super) fn ledger(&self) -> &'a Ledger {
        self.given.ledger
    }

    pub(super) fn columns(&self) -> &'a LinkColumns {
        &self.given.ledger.columns.links[self.link]
    }

    pub(super) fn of_link(&self) -> &'a LinkProfile {
        &self.profile.links[self.link]
    }

    pub(super) fn label(&self) -> &'a str {
        &self.given.ledger.links[self.link].label
    }

    pub(super) fn slot_ms(&self) -> u64 {
        u64::from(self.given.ledger.slot.ms())
    }

    /// The plan of the main link.
    pub(super) fn sold(&self) -> Option<&'a Sold> {
        let name = self.given.ledger.links[self.link].link.as_str();
        self.given.home?.sold(name)
    }

    pub(super) fn requirement(&self, activity: usize) -> Option<&'a Requirement> {
        let id = &self.given.ledger.activities[activity].id;
        self.given.catalogue.get(id).map(crate::qoe::catalogue::Activity::requirement)
    }

    /// The places of the activities that decide.
    pub(super) fn deciding(&self) -> impl Iterator<Item = usize> + '_ {
        let all = self.given.ledger.activities.iter().enumerate();
        all.filter(|(_, a)| self.decided_by.contains(a)).map(|(place, _)| place)
    }

    pub(super) fn cells(&self, activity: usize) -> &'a [Cell] {
        self.given.ledger.column(self.link, activity)
    }

    /// Why nothing can be said, where too little was measured.
    pub(super) fn too_short(&self) -> Option<String> {
        let known = |c: &&Cell| c.state().is_known();
        let connection = self.ledger().connection(self.link);
        let known_ms = connection.iter().filter(known).count() as u64 * self.slot_ms();
        let days = self.calendar.days.len() as u64;
        (known_ms < at::LEAST_EVIDENCE_MS || days < at::LEAST_DAYS).then(|| {
            format!(
                "too little was measured: {} of the {} on {} days that it takes",
                length(known_ms),
                length(at::LEAST_EVIDENCE_MS),
                at::LEAST_DAYS
            )
        })
    }

    /// The share of an activity as it was.
    pub(super) fn share_now(&self, activity: usize) -> Option<f64> {
        let counts = self.sets[activity].all();
        let (ok, known) = (counts.ok, counts.known());
        (known > 0).then(|| ok as f64 / known as f64)
    }

    /// The far evidence of a slot.
    pub(super) fn far(&self, slot: usize) -> Far {
        let far = &self.columns().far;
        Far {
            ms: [far.p50_ms[slot], far.p95_ms[slot], far.p99_ms[slot]].map(f64::from),
            lost: far.lost[slot],
            tried: far.tried[slot],
        }
    }

    /// The median of a column over the slots that are `of_use`; `None` for under `fewest`.
    pub(super) fn median(
        column: &[f32],
        of_use: impl Fn(usize) -> bool,
        fewest: usize,
    ) -> Option<f64> {
        let mut values: Vec<f32> = (0..column.len())
            .filter(|slot| column[*slot].is_finite() && of_use(*slot))
            .map(|slot| column[slot])
            .collect();
        if values.len() < fewest.max(1) {
            return None;
        }
        median(&mut values, f32::total_cmp).and_then(known)
    }

    /// What the link's far end is like at `of_use` slots: the medians of its figures,
    /// −∞ where a percentile is seldom known.
    pub(super) fn usual(&self, of_use: impl Fn(usize) -> bool, fewest: usize) -> Option<[f64; 3]> {
        let far = &self.columns().far;
        let median = |column| Self::median(column, &of_use, fewest);
        let p50 = median(&far.p50_ms)?;
        let or_unknown = |ms: Option<f64>| ms.unwrap_or(f64::NEG_INFINITY);
        Some([p50, or_unknown(median(&far.p95_ms)), or_unknown(median(&far.p99_ms))])
    }

    /// The link's speed in one direction, where tests told it.
    pub(super) fn speed(
        &self,
        pick: fn(&Figures) -> Option<&DirectionFigures>,
    ) -> Option<(TestKind, Speed)> {
        let (kind, tests) = &self.tests;
        let mut speeds = goodput(tests, pick);
        if speeds.len() < at::SPEED_TESTS {
            return None;
        }
        let median = median(&mut speeds, f64::total_cmp)?;
        let best = speeds.iter().copied().fold(median, f64::max);
        Some(((*kind)?, Speed { median, best, tests: speeds.len() }))
    }

    /// An activity's bad slots, rising.
    pub(super) fn bad(&self, activity: usize) -> impl Iterator<Item = (usize, Cell)> + '_ {
        let cells = self.cells(activity);
        rising(self.sets[activity].blocks.iter().map(Block::bad)).map(|slot| (slot, cells[slot]))
    }

    /// What a remedy makes of the slots with evidence, activity by activity; `None`: it
    /// worked as it was.
    pub(super) fn marks(&self, mark: impl Fn(usize, usize, Cell) -> Option<Mark>) -> Marks {
        let of = |a: usize| {
            let cells = self.cells(a);
            let known = rising(self.sets[a].blocks.iter().map(Block::known));
            known.filter_map(|slot| Some((slot as u32, mark(a, slot, cells[slot])?))).collect()
        };
        (0..self.sets.len()).map(of).collect()
    }

    /// The same where only slots that the ledger calls bad may change.
    pub(super) fn marks_of_bad(&self, mark: impl Fn(usize, usize, Cell) -> Mark) -> Marks {
        let of =
            |a: usize| self.bad(a).map(|(slot, cell)| (slot as u32, mark(a, slot, cell))).collect();
        (0..self.sets.len()).map(of).collect()
    }

    /// What a remedy does for each activity.
    pub(super) fn gains(&mut self, marks: &Marks) -> Vec<Reckoned> {
        marks.iter().enumerate().map(|(a, marks)| self.gain(a, marks)).collect()
    }

    fn gain(&mut self, activity: usize, marks: &[(u32, Mark)]) -> Reckoned {
        let mut days = self.days[activity].clone();
        let mut stretches = self.calendar.stretches.iter();
        let mut stretch = stretches.next();
        for (slot, mark) in marks {
            while stretch.is_some_and(|s| s.slots.end <= *slot as usize) {
                stretch = stretches.next();
            }
            let Some(day) = stretch.and_then(|s| days.get_mut(s.day)) else { break };
            day.ok -= 1;
            day.perhaps += u64::from(*mark >= Mark::Perhaps);
            day.saved += u64::from(*mark >= Mark::Saved);
            day.surely += u64::from(*mark == Mark::Surely);
        }
        self.figures(activity, &days)
    }

    fn figures(&mut self, activity: usize, days: &[Day]) -> Reckoned {
        let sum = days.iter().fold(Day::default(), Day::plus);
        let name = self.ledger().activities[activity].clone();
        let helped = days.iter().filter(|d| d.saved > 0).count() as u64;
        if sum.known == 0 {
            let none = Figure::not_enough("no slot has evidence for it", 0, 1, "slots");
            let gain = Gain {
                activity: name,
                now: none.clone(),
                with: none.clone(),
                gain: none,
                gained_ms: 0,
                days: 0,
            };
            return Reckoned { gain, surely: 0, untold: 0, may: 0.0 };
        }
        let all = (sum.known + sum.unknown) as f64;
        let share = |ok: u64| ok as f64 / sum.known as f64;
        let mut tally = Tally::default();
        (tally.counts.ok, tally.counts.unknown) = (sum.ok, sum.unknown);
        tally.counts.degraded = sum.known - sum.ok;
        let now = unknown_bounds(&tally);
        let with = Interval {
            low: (sum.ok + sum.surely) as f64 / all,
            high: (sum.ok + sum.perhaps + sum.unknown) as f64 / all,
            ..now
        };
        let over_days = self.resampler.share(days.iter().map(|d| (d.saved, d.known)));
        let figure = |ok| Figure::new(share(ok), Unit::Ratio, sum.known, "slots");
        let gain = Gain {
            activity: name,
            now: figure(sum.ok).within(Some(now)),
            with: figure(sum.ok + sum.saved).within(Some(with)),
            gain: Figure::new(share(sum.saved), Unit::Points, sum.known, "slots").within(over_days),
            gained_ms: sum.saved * self.slot_ms(),
            days: helped,
        };
        let untold = sum.perhaps - sum.saved;
        Reckoned { gain, surely: sum.surely, untold, may: share(sum.perhaps) }
    }
}

fn days(column: &Sets, calendar: &Calendar) -> Vec<Day> {
    let mut days = vec![Day::default(); calendar.days.len()];
    for stretch in &calendar.stretches {
        let counts = column.counts(&stretch.slots);
        let day = &mut days[stretch.day];
        day.ok += counts.known();
        day.known += counts.known();
        day.unknown += counts.unknown;
    }
    days
}

/// Slots of a day.
#[derive(Debug, Clone, Copy, Default)]
struct Day {
    ok: u64,
    known: u64,
    unknown: u64,
    surely: u64,
    saved: u64,
    perhaps: u64,
}

impl Day {
    fn plus(self, other: &Self) -> Self {
        Self {
            ok: self.ok + other.ok,
            known: self.known + other.known,
            unknown: self.unknown + other.unknown,
            surely: self.surely + other.surely,
            saved: self.saved + other.saved,
            perhaps: self.perhaps + other.perhaps,
        }
    }
}
