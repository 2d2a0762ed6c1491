//! What is known of a link's throughput, slot by slot and need by need.
//!
//! Throughput is seldom measured, so what was seen holds for a while; for how long
//! is own judgement, and stated here:
//! - **Seen.** A busiest second of the household's own traffic, or a test's lower
//!   bound, of at least the need proves it: fully for 24 hours, for two thirds on
//!   the second day and a third on the third, then no more ([`Proof`]).
//! - **Missing.** A test whose *upper* bound is under the need shows that it is
//!   missing: for 6 hours, about as long as an evening's congestion lasts, and
//!   only until something newer proves the need. After that it no longer condemns,
//!   but what was seen before it proves nothing any more. Only a test that nothing
//!   disturbed counts: one run to its end, not of low confidence, in slots whose
//!   own traffic was counted and stayed under a tenth of the bound. From a device
//!   behind a router the other devices' traffic is not seen, so there a test of a
//!   fixed link shows nothing missing; it only ends what was proven before it.
//! - **Unknown** otherwise. That is no fault: it lowers the confidence.
//!
//! The latest word counts; within one slot the better one.

use std::ops::Range;

use hearth_proto::{
    DirectionFigures, SlotLength, TestKind, TestOutcome, TestResult, UnixMs, Vantage, trial,
};
use serde::Serialize;

use super::state::Proof;
use crate::history::columns::{Columns, LinkColumns};
use crate::history::{DAY_MS, History, LEAD_MS, LinkHistory};

/// How long a test shows a throughput to be missing.
pub(crate) const MISSING_MS: i64 = 6 * 3_600_000;

/// The most of a test's bound that other traffic may have used beside it.
const UNDISTURBED: f64 = 0.1;

/// What is known of one need in one slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Grade {
    /// It was seen, so recently.
    Proven(Proof),
    /// It is not there.
    Missing,
}

/// Where a word on the throughput comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// The busiest second of the household's own traffic.
    Traffic,
    /// A test.
    Test(TestKind),
}

/// One word on a direction's throughput.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Word {
    /// The slot it falls in; negative before the grid.
    pub(crate) slot: i64,
    pub(crate) at: UnixMs,
    /// At least, or at most, so much.
    pub(crate) bps: u64,
    pub(crate) source: Source,
    /// Of one that says 'at most': whether it condemns, or only ends a proof.
    pub(crate) undisturbed: bool,
}

/// One direction of one link.
pub(crate) struct Direction<'c> {
    peaks: Blocks<'c>,
    columns: &'c Columns,
    /// 'At least': tests, and peaks before the grid. By slot.
    least: Vec<Word>,
    /// 'At most'. By slot.
    most: Vec<Word>,
}

/// Both directions of one link.
pub(crate) struct Throughput<'c> {
    pub(crate) down: Direction<'c>,
    pub(crate) up: Direction<'c>,
}

fn slots_in(ms: i64, length: SlotLength) -> i64 {
    let length = i64::from(length.ms());
    (ms + length - 1) / length
}

/// What a direction carried for certain.
fn at_least(d: &DirectionFigures, kind: TestKind) -> Option<u64> {
    match kind {
        TestKind::Capacity => d.low_bps,
        TestKind::Responsiveness => Some(d.low_bps.unwrap_or(d.goodput_bps)),
    }
}

/// What it carried at most, where the test can tell.
fn at_most(d: &DirectionFigures, kind: TestKind) -> Option<u64> {
    let stable = d.confidence == trial::Confidence::High && d.low_bps.is_none();
    match (kind, d.confidence) {
        (_, trial::Confidence::Low) => None,
        (TestKind::Responsiveness, _) if stable => Some(d.high_bps.unwrap_or(d.goodput_bps)),
        _ => d.high_bps,
    }
}

/// The busiest second beside a test; `None` where it was not counted throughout.
fn beside(columns: &Columns, link: &LinkColumns, slots: Range<i64>, down: bool) -> Option<u64> {
    slots
        .map(|slot| {
            if let Ok(slot) = usize::try_from(slot) {
                let busy = &link.busy;
                let peaks = if down { &busy.rx_peak_bps } else { &busy.tx_peak_bps };
                busy.counted.get(slot).copied().unwrap_or(false).then(|| peaks[slot])
            } else {
                let mut before = link.before.iter().filter(|p| columns.place(p.at) == slot);
                let first = before.next()?;
                let pick = |p: &crate::history::columns::PeakBefore| {
                    if down { p.rx_bps } else { p.tx_bps }
                };
                Some(before.map(pick).fold(pick(first), u64::max))
            }
        })
        .try_fold(0, |most, peak| Some(u64::max(most, peak?)))
}

impl<'c> Throughput<'c> {
    pub(crate) fn of(history: &History, columns: &'c Columns, link: usize) -> Self {
        let (records, of) = (&history.links[link], &columns.links[link]);
        let tests: Vec<&TestResult> = history
            .tests
            .iter()
            .filter(|(agent, t)| *agent == records.agent && t.link == records.info.link)
            .map(|(_, test)| test)
            .collect();
        let direction = |down| Direction::of(columns, records, of, &tests, down);
        Self { down: direction(true), up: direction(false) }
    }
}

impl<'c> Direction<'c> {
    fn of(
        columns: &'c Columns,
        records: &LinkHistory,
        link: &'c LinkColumns,
        tests: &[&TestResult],
        down: bool,
    ) -> Self {
        let peaks = if down { &link.busy.rx_peak_bps } else { &link.busy.tx_peak_bps };
        let mut least: Vec<Word> = link
            .before
            .iter()
            .map(|p| Word {
                slot: columns.place(p.at),
                at: p.at,
                bps: if down { p.rx_bps } else { p.tx_bps },
                source: Source::Traffic,
                undisturbed: true,
            })
            .collect();
        let mut most = Vec::new();
        let sees_all = records.vantage == Vantage::Router || records.info.technology.is_mobile();
        for test in tests {
            let TestOutcome::Done(figures) = &test.outcome else { continue };
            let figures = if down { &figures.down } else { &figures.up };
            let Some(figures) = figures else { continue };
            let slot = columns.place(test.start);
            let last = columns.place(test.start.plus(i64::from(test.duration_ms)));
            let word = |bps, undisturbed| {
                let source = Source::Test(test.kind);
                Word { slot, at: test.start, bps, source, undisturbed }
            };
            least.extend(at_least(figures, test.kind).map(|bps| word(bps, true)));
            if let Some(bps) = at_most(figures, test.kind) {
                let quiet = beside(columns, link, slot..last + 1, down)
                    .is_some_and(|peak| peak as f64 <= bps as f64 * UNDISTURBED);
                most.push(word(bps, quiet && sees_all));
            }
        }
        least.sort_by_key(|w| (w.slot, w.at, w.bps));
        most.sort_by_key(|w| (w.slot, w.at, w.bps));
        Self { peaks: Blocks::of(peaks), columns, least, most }
    }

    /// The last slot of `slots` in which the need was seen.
    fn last_seen(&self, need: u64, slots: Range<i64>) -> Option<i64> {
        let until = self.least.partition_point(|w| w.slot < slots.end);
        let by_word = self.least[..until]
            .iter()
            .rev()
            .take_while(|w| w.slot >= slots.start)
            .find(|w| w.bps >= need)
            .map(|w| w.slot);
        by_word.max(self.peaks.last(need, self.within(&slots)).map(|slot| slot as i64))
    }

    /// The first one.
    fn first_seen(&self, need: u64, slots: Range<i64>) -> Option<i64> {
        let from = self.least.partition_point(|w| w.slot < slots.start);
        let by_word = self.least[from..]
            .iter()
            .take_while(|w| w.slot < slots.end)
            .find(|w| w.bps >= need)
            .map(|w| w.slot);
        let by_peak = self.peaks.first(need, self.within(&slots)).map(|slot| slot as i64);
        match (by_word, by_peak) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    fn within(&self, slots: &Range<i64>) -> Range<usize> {
        let clamp = |slot: i64| slot.clamp(0, self.columns.slots() as i64) as usize;
        clamp(slots.start)..clamp(slots.end)
    }

    /// From which slot on which grade holds, for a need in bit/s; rising, the
    /// first at 0.
    pub(crate) fn runs(&self, need: u64) -> Vec<(usize, Grade)> {
        let mut runs = Runs(vec![(0, Grade::Proven(Proof::Unknown))]);
        if need == 0 {
            return vec![(0, Grade::Proven(Proof::Fresh))];
        }
        let length = self.columns.grid.length;
        let slots = self.columns.slots() as i64;
        let day = slots_in(DAY_MS, length);
        let earliest = -slots_in(LEAD_MS, length);
        let mut short = self.most.iter().filter(|w| w.bps < need).peekable();
        let mut from = earliest;
        let mut missing: Option<&Word> = None;
        let mut missing_until = i64::MIN;
        loop {
            let until = short.peek().map_or(slots, |w| w.slot.max(from));
            let mut seen = self.first_seen(need, from..until);
            if let Some(word) = missing {
                if word.undisturbed {
                    missing_until = word.slot + slots_in(MISSING_MS, length);
                }
                if missing_until > word.slot {
                    runs.push(word.slot, Grade::Missing);
                    if missing_until < seen.unwrap_or(until) {
                        runs.push(missing_until, Grade::Proven(Proof::Unknown));
                    }
                } else {
                    runs.push(word.slot, Grade::Proven(Proof::Unknown));
                }
            }
            if seen.is_some() {
                missing_until = i64::MIN;
            }
            while let Some(first) = seen {
                runs.push(first, Grade::Proven(Proof::Fresh));
                let mut last = first;
                while let Some(later) = self.last_seen(need, last + 1..until.min(last + day + 1)) {
                    last = later;
                }
                seen = self.first_seen(need, last + day + 1..until);
                let end = seen.unwrap_or(until);
                for (days, proof) in [(1, Proof::Recent), (2, Proof::Old), (3, Proof::Unknown)] {
                    if last + days * day < end {
                        runs.push(last + days * day, Grade::Proven(proof));
                    }
                }
            }
            let Some(word) = short.next() else { break };
            (from, missing) = (word.slot.max(earliest), Some(word));
        }
        runs.0
    }

    /// The grade of a need in one slot, and the word that decides it.
    pub(crate) fn decided(&self, need: u64, slot: usize) -> (Grade, Option<Word>) {
        let slot = slot as i64;
        let length = self.columns.grid.length;
        let day = slots_in(DAY_MS, length);
        let seen = self.last_seen(need, slot - 3 * day + 1..slot + 1);
        let until = self.most.partition_point(|w| w.slot <= slot);
        let newer = |w: &&Word| w.bps < need && seen.is_none_or(|seen| w.slot > seen);
        let fresh = |w: &&Word| w.undisturbed && slot - w.slot < slots_in(MISSING_MS, length);
        let mut short = self.most[..until].iter().rev().filter(newer);
        if let Some(latest) = short.clone().next() {
            return match short.find(fresh) {
                Some(word) => (Grade::Missing, Some(*word)),
                None => (Grade::Proven(Proof::Unknown), Some(*latest)),
            };
        }
        let Some(seen) = seen else { return (Grade::Proven(Proof::Unknown), None) };
        let proof = match (slot - seen) / day {
            0 => Proof::Fresh,
            1 => Proof::Recent,
            _ => Proof::Old,
        };
        (Grade::Proven(proof), self.word(need, seen))
    }

    /// The greatest word of a slot in which the need was seen.
    fn word(&self, need: u64, slot: i64) -> Option<Word> {
        let words = self.least.iter().filter(|w| w.slot == slot && w.bps >= need).copied();
        let peak = usize::try_from(slot).ok().map(|at| Word {
            slot,
            at: self.columns.at(at),
            bps: self.peaks.values[at],
            source: Source::Traffic,
            undisturbed: true,
        });
        words.chain(peak.filter(|p| p.bps >= need)).max_by_key(|w| w.bps)
    }
}

/// Grades with the slots from which on they hold.
struct Runs(Vec<(usize, Grade)>);

impl Runs {
    fn push(&mut self, slot: i64, grade: Grade) {
        let slot = usize::try_from(slot).unwrap_or(0);
        while self.0.last().is_some_and(|(last, _)| *last >= slot) {
            self.0.pop();
        }
        if self.0.last().is_none_or(|(_, last)| *last != grade) {
            self.0.push((slot, grade));
        }
    }
}

/// The worse of two directions, run by run.
pub(crate) fn worse(a: &[(usize, Grade)], b: &[(usize, Grade)]) -> Vec<(usize, Grade)> {
    let mut starts: Vec<usize> = a.iter().chain(b).map(|run| run.0).collect();
    starts.sort_unstable();
    starts.dedup();
    let at = |runs: &[(usize, Grade)], slot| {
        let next = runs.partition_point(|(from, _)| *from <= slot);
        runs[next.saturating_sub(1)].1
    };
    let mut worse: Vec<(usize, Grade)> = Vec::new();
    for slot in starts {
        let grade = at(a, slot).max(at(b, slot));
        if worse.last().is_none_or(|(_, last)| *last != grade) {
            worse.push((slot, grade));
        }
    }
    worse
}

/// A column with the greatest value of every block, so that a search for a great
/// one skips whole blocks.
struct Blocks<'c> {
    values: &'c [u64],
    greatest: Vec<u64>,
}

const BLOCK: usize = 64;

impl<'c> Blocks<'c> {
    fn of(values: &'c [u64]) -> Self {
        let greatest = values.chunks(BLOCK).map(|b| b.iter().copied().max().unwrap_or(0)).collect();
        Self { values, greatest }
    }

    fn first(&self, least: u64, range: Range<usize>) -> Option<usize> {
        let mut at = range.start;
        while at < range.end {
            let end = ((at / BLOCK + 1) * BLOCK).min(range.end);
            if self.greatest[at / BLOCK] >= least
                && let Some(found) = self.values[at..end].iter().position(|v| *v >= least)
            {
                return Some(at + found);
            }
            at = end;
        }
        None
    }

    fn last(&self, least: u64, range: Range<usize>) -> Option<usize> {
        let mut end = range.end;
        while end > range.start {
            let at = ((end - 1) / BLOCK * BLOCK).max(range.start);
            if self.greatest[at / BLOCK] >= least
                && let Some(found) = self.values[at..end].iter().rposition(|v| *v >= least)
            {
                return Some(at + found);
            }
            end = at;
        }
        None
    }
}

#[cfg(test)]
#[path = "throughput_tests.rs"]
mod tests;
