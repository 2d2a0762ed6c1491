//! Any stretch of a link's slots: the hours that it holds whole come from the
//! columns, what is left at its ends from the records.

use std::ops::{Range, RangeInclusive};

use hearth_proto::{LinkSlot, Merger, Series, SeriesKey};

use super::tally::{Tally, Tallying};
use super::{Columns, HOUR_MS};
use crate::history::History;

/// A range of slots by where it is read from.
struct Parts {
    /// Slots before the hours and after them.
    ends: [Range<usize>; 2],
    /// UTC hours by number, if it holds any.
    hours: Option<RangeInclusive<i64>>,
}

/// The same with the records found, once for all series.
pub(crate) struct Found<'h> {
    /// The slots of each end, and their records if they can be searched.
    ends: [(Range<usize>, Option<&'h [LinkSlot]>); 2],
    hours: Option<RangeInclusive<i64>>,
}

impl Columns {
    /// What each series of a link measured in `ranges` of slots, which rise and
    /// do not overlap; in the order of [`LinkColumns::series`]. `history` is the
    /// one that these columns are of.
    pub fn over(&self, history: &History, link: usize, ranges: &[Range<usize>]) -> Vec<Tally> {
        let all: Vec<usize> = (0..self.links[link].series.len()).collect();
        self.over_of(history, link, &all, ranges)
    }

    /// The same of the series at some places alone, in the order of the places.
    pub(crate) fn over_of(
        &self,
        history: &History,
        link: usize,
        places: &[usize],
        ranges: &[Range<usize>],
    ) -> Vec<Tally> {
        let columns = &self.links[link];
        if ranges.iter().any(|r| *r == (0..self.slots())) {
            return places.iter().map(|place| columns.series[*place].whole.clone()).collect();
        }
        let mut all: Vec<Tallying> = places.iter().map(|_| Tallying::default()).collect();
        for range in ranges.iter().filter(|r| !r.is_empty()) {
            let Parts { ends, hours } = self.parts(range);
            for end in ends {
                self.add_records(history, link, places, end, &mut all);
            }
            let Some(hours) = hours else { continue };
            for (tallying, place) in all.iter_mut().zip(places) {
                columns.series[*place]
                    .within(&hours)
                    .iter()
                    .for_each(|hour| tallying.add(&hour.tally));
            }
        }
        all.iter_mut().map(Tallying::take).collect()
    }

    /// Where a link's times in one range of slots are read from.
    pub(crate) fn find<'h>(
        &self,
        history: &'h History,
        link: usize,
        range: &Range<usize>,
    ) -> Found<'h> {
        let Parts { ends, hours } = self.parts(range);
        let ends = ends.map(|end| {
            let nothing: &[LinkSlot] = &[];
            let records =
                if end.is_empty() { Some(nothing) } else { self.in_order(history, link, &end) };
            (end, records)
        });
        Found { ends, hours }
    }

    /// The times alone of some series in a range that was found, added to `times`.
    pub(crate) fn add_times(
        &self,
        history: &History,
        link: usize,
        places: &[usize],
        found: &Found<'_>,
        times: &mut Merger,
    ) {
        for end in &found.ends {
            // Mostly all records hold the same series in the same order.
            let mut guess = [0; 8];
            self.each_record(history, link, end, |record| {
                for (i, place) in places.iter().enumerate() {
                    let key = &self.links[link].series[*place].key;
                    let at = position(record, key, guess.get(i).copied().unwrap_or(0));
                    let Some(at) = at else { continue };
                    times.add(&record.series[at].distribution);
                    if let Some(guess) = guess.get_mut(i) {
                        *guess = at;
                    }
                }
            });
        }
        let Some(hours) = &found.hours else { return };
        for place in places {
            for hour in self.links[link].series[*place].within(hours) {
                times.add(&hour.tally.times);
            }
        }
    }

    fn parts(&self, range: &Range<usize>) -> Parts {
        let apart = Parts { ends: [range.clone(), range.end..range.end], hours: None };
        if range.is_empty() {
            return apart;
        }
        let hour_of = |slot| self.at(slot).0.div_euclid(HOUR_MS);
        let (first, last) = (self.hour(hour_of(range.start)), self.hour(hour_of(range.end - 1)));
        let from = if first.start >= range.start { first.start } else { first.end };
        let to = if last.end <= range.end { last.end } else { last.start };
        if from >= to {
            return apart;
        }
        Parts {
            ends: [range.start..from, to..range.end],
            hours: Some(hour_of(from)..=hour_of(to - 1)),
        }
    }

    /// The slots of a UTC hour.
    fn hour(&self, number: i64) -> Range<usize> {
        let first_at_or_after = |ms: i64| {
            let from = ms.saturating_sub(self.grid.from.0);
            let length = i64::from(self.grid.length.ms());
            let slot = from.div_euclid(length) + i64::from(from.rem_euclid(length) > 0);
            slot.clamp(0, self.slots() as i64) as usize
        };
        first_at_or_after(number * HOUR_MS)..first_at_or_after((number + 1) * HOUR_MS)
    }

    /// The records of some slots, if they can be searched.
    fn in_order<'h>(
        &self,
        history: &'h History,
        link: usize,
        slots: &Range<usize>,
    ) -> Option<&'h [LinkSlot]> {
        let columns = &self.links[link];
        let records = &history.links[link].slots;
        let (from, to) = (self.at(slots.start), self.at(slots.end));
        // Mostly there is a record a slot, and the first is not far from its place.
        let guess = slots.start.saturating_add(columns.before_grid);
        let first = lower_bound(records, guess, |s| s.start < from);
        let last = lower_bound(records, first + slots.len(), |s| s.start < to);
        columns.in_order.then(|| records.get(first..last).unwrap_or_default())
    }

    /// Visits the records of some slots in any order.
    fn each_record(
        &self,
        history: &History,
        link: usize,
        (slots, records): &(Range<usize>, Option<&[LinkSlot]>),
        visit: impl FnMut(&LinkSlot),
    ) {
        if let Some(records) = records {
            records.iter().for_each(visit);
        } else {
            let times = self.at(slots.start)..self.at(slots.end);
            let records = &history.links[link].slots;
            records.iter().filter(|s| times.contains(&s.start)).for_each(visit);
        }
    }

    fn add_records(
        &self,
        history: &History,
        link: usize,
        places: &[usize],
        slots: Range<usize>,
        all: &mut [Tallying],
    ) {
        if slots.is_empty() {
            return;
        }
        let found: Vec<&LinkSlot> = if let Some(records) = self.in_order(history, link, &slots) {
            records.iter().collect()
        } else {
            let times = self.at(slots.start)..self.at(slots.end);
            let records = &history.links[link].slots;
            let mut found: Vec<_> = records.iter().filter(|s| times.contains(&s.start)).collect();
            found.sort_by_key(|s| s.start);
            found
        };
        let columns = &self.links[link];
        self.grid.walk_sorted(&found, |_, record| {
            for (tallying, place) in all.iter_mut().zip(places) {
                let key = &columns.series[*place].key;
                let of_key = record.series.iter().filter(|s| s.key == *key);
                for (i, series) in of_key.enumerate() {
                    tallying.count(record, series, i > 0);
                    if !series.after_idle {
                        tallying.add_times(&series.distribution);
                    }
                }
            }
        });
    }
}

/// Where a record holds a series' times, tried at `guess` first.
fn position(record: &LinkSlot, key: &SeriesKey, guess: usize) -> Option<usize> {
    let is = |s: &Series| !s.after_idle && s.key == *key;
    if record.series.get(guess).is_some_and(is) {
        return Some(guess);
    }
    record.series.iter().position(is)
}

/// `partition_point`, quick where it is near `guess`.
fn lower_bound<T>(sorted: &[T], guess: usize, is_before: impl Fn(&T) -> bool) -> usize {
    let guess = guess.min(sorted.len());
    let (mut low, mut high, mut step) = (guess, guess, 1);
    // All under `low` are before, none from `high` on is.
    while high < sorted.len() && is_before(&sorted[high]) {
        (low, high) = (high + 1, (high + step).min(sorted.len()));
        step *= 2;
    }
    while low > 0 && !is_before(&sorted[low - 1]) {
        (low, high) = (low.saturating_sub(step), low - 1);
        step *= 2;
    }
    low + sorted[low..high].partition_point(is_before)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_guess_changes_nothing_but_the_way(
            mut sorted in prop::collection::vec(0..40_u8, 0..40), guess in 0..50_usize, at in 0..42_u8,
        ) {
            sorted.sort_unstable();
            let found = lower_bound(&sorted, guess, |n| *n < at);
            prop_assert_eq!(found, sorted.partition_point(|n| *n < at));
        }
    }
}
