//! Which timelines' dates were wrong, and by how much they were moved since. Pure.
//!
//! A slot closes some seconds after its end, when its last probe's outcome is known. By
//! then the clock that dated it may have been set: it is moved as those were that were
//! recorded before.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use super::timeline::Break;

/// Timelines that may still have slots to close; a slot closes within a minute.
const KEPT: u32 = 64;

/// What became of the dates of each timeline.
#[derive(Debug, Default)]
pub(super) struct Dating {
    current: u32,
    /// The first timeline of the present clock: those before it were right when they
    /// ended, and stay as they are.
    first: u32,
    moved: BTreeMap<u32, i64>,
}

impl Dating {
    /// The present timeline.
    pub(super) fn current(&self) -> u32 {
        self.current
    }

    /// A new timeline begins; `was_right`: where it does because the clock was set, the
    /// clock had been right. Gives which timelines' dates are to be moved by as much as
    /// it was set.
    pub(super) fn broken(
        &mut self,
        broken: &Break,
        was_right: bool,
    ) -> Option<RangeInclusive<u32>> {
        let ended = std::mem::replace(&mut self.current, broken.timeline.epoch);
        let by_ms = broken.stepped_ms?;
        if was_right {
            self.first = self.current;
            return None;
        }
        let wrong = self.first..=ended;
        let kept = self.current.saturating_sub(KEPT);
        self.moved.retain(|epoch, _| *epoch >= kept);
        for epoch in wrong.clone().filter(|epoch| *epoch >= kept) {
            *self.moved.entry(epoch).or_default() += by_ms;
        }
        Some(wrong)
    }

    /// By how much dates of a timeline are to be moved.
    pub(super) fn moved(&self, epoch: u32) -> i64 {
        self.moved.get(&epoch).copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::timeline::{Reading, Timeline};
    use super::*;

    const HOUR: i64 = 3_600_000;

    fn broken(epoch: u32, stepped_ms: Option<i64>) -> Break {
        let wall = Duration::from_secs(1_700_000_000);
        let reading = Reading { mono: crate::clock::now(), since_boot: wall, wall };
        let mut timeline = Timeline::new(&reading);
        timeline.epoch = epoch;
        let slept_ms = stepped_ms.is_none().then_some(9_000);
        Break { ended: timeline.at(reading.mono), timeline, stepped_ms, slept_ms }
    }

    #[test]
    fn all_that_a_wrong_clock_dated_is_moved_each_time_it_is_set() {
        let mut dating = Dating::default();
        assert_eq!(dating.broken(&broken(1, Some(HOUR)), false), Some(0..=0));
        // Asleep it stays as wrong as it was.
        assert_eq!(dating.broken(&broken(2, None), false), None);
        assert_eq!(dating.broken(&broken(3, Some(-60_000)), false), Some(0..=2));
        let moved: Vec<_> = (0..=3).map(|epoch| dating.moved(epoch)).collect();
        assert_eq!(moved, [HOUR - 60_000, -60_000, -60_000, 0]);
        assert_eq!(dating.current(), 3);
    }

    #[test]
    fn what_a_right_clock_dated_stays_when_it_is_set_wrong_and_right_again() {
        let mut dating = Dating::default();
        assert_eq!(dating.broken(&broken(1, Some(-HOUR)), true), None);
        assert_eq!(dating.broken(&broken(2, Some(HOUR)), false), Some(1..=1));
        assert_eq!((dating.moved(0), dating.moved(1)), (0, HOUR));
    }

    #[test]
    fn those_long_ended_are_forgotten() {
        let mut dating = Dating::default();
        for epoch in 1..1_000 {
            dating.broken(&broken(epoch, Some(1_000)), false);
        }
        assert!(dating.moved.len() <= KEPT as usize + 1);
        assert_eq!(dating.moved(998), 1_000);
    }
}
