//! One activity's gaps: anywhere, saved, unsaved, rescue.

use super::runs::{Part, Run, runs_among};
use super::switch_over::SwitchOvers;
use super::{ActivityGaps, Extent};
use crate::ledger::sets::{Block, LedgerSets, Sets, rising};
use crate::ledger::{Counts, Ledger};
use crate::report::figure::{Figure, Interval, Unit};

/// `anywhere(u)`.
fn share_of(counts: &Counts, column: &Sets) -> Figure {
    let (known, unknown) = (counts.known(), counts.unknown);
    if known == 0 {
        return Figure::not_enough("no slot has evidence for it", 0, 1, "slots");
    }
    let undecided = column.blocks.iter().map(|b| (b.bad() & b.unproven).count_ones()).sum::<u32>();
    let all = (known + unknown) as f64;
    Figure::new(counts.ok as f64 / known as f64, Unit::Ratio, known, "slots").within(Some(
        Interval::unknown_as_bad_then_good(
            counts.ok as f64 / all,
            (counts.ok + unknown + u64::from(undecided)) as f64 / all,
        ),
    ))
}

/// What a rescue is reckoned from, in milliseconds and numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Rescue {
    pub(super) saved_ms: u64,
    /// Those not known to be saved, `undecided_ms` among them.
    pub(super) unsaved_ms: u64,
    pub(super) undecided_ms: u64,
    /// Of `saved_ms`, before a backup carried traffic.
    pub(super) lost_ms: u64,
    pub(super) backups: usize,
}

impl Rescue {
    /// `rescue(u)` over slots in which what the backups did is known, so many of them;
    /// the bounds take in the others, as unsaved and as saved.
    pub(super) fn figure(&self, slots: u64) -> Figure {
        let all = self.saved_ms + self.unsaved_ms;
        if self.backups == 0 {
            return Figure::not_enough("the home has no mobile link", 0, 1, "mobile links");
        }
        if all == 0 {
            return Figure::not_enough("it never failed on the primary link", 0, 1, "bad slots");
        }
        let decided = all - self.undecided_ms;
        if decided == 0 {
            let why = "no mobile link was measured while the primary link failed";
            return Figure::not_enough(why, 0, 1, "bad slots with a backup measured");
        }
        let saved = self.saved_ms.saturating_sub(self.lost_ms);
        let share = |saved: u64, of: u64| saved as f64 / of as f64;
        Figure::new(share(saved, decided), Unit::Ratio, slots, "bad slots").within(Some(
            Interval::unknown_as_bad_then_good(
                share(saved, all),
                share(saved + self.undecided_ms, all),
            ),
        ))
    }
}

/// One activity's slots in which the primary link was not OK.
#[derive(Default)]
struct Bad {
    saved: u64,
    unsaved: u64,
    undecided: u64,
    /// Separate times that a backup stepped in.
    rescues: Vec<Run>,
    /// The longest stretch.
    longest: u64,
}

impl Bad {
    fn of(primary: &Sets, backups: &[&Sets]) -> Self {
        let (mut bad, mut rescued) = (Vec::new(), Vec::new());
        let mut found = Self::default();
        for (i, block) in primary.blocks.iter().enumerate() {
            let here = block.bad();
            let backup = |set: fn(&Block) -> u64| {
                backups.iter().fold(0, |any, column| any | set(&column.blocks[i]))
            };
            let (saved, unknown) = match here {
                0 => (0, 0),
                _ => (here & backup(|b| b.ok), backup(|b| !b.known())),
            };
            let unsaved = here & !saved;
            found.saved += u64::from(saved.count_ones());
            found.unsaved += u64::from(unsaved.count_ones());
            found.undecided += u64::from((unsaved & unknown).count_ones());
            bad.push(here);
            rescued.push(saved);
        }
        let runs = |set: Vec<u64>| runs_among(rising(set).map(|slot| (slot, Part::Bad)), 0);
        found.rescues = runs(rescued);
        found.longest = runs(bad).iter().map(|r| r.bad as u64).max().unwrap_or(0);
        found
    }
}

pub(super) fn gaps(
    ledger: &Ledger,
    sets: &LedgerSets,
    activity: usize,
    primary: Option<usize>,
    backups: &[usize],
    switch_overs: &SwitchOvers,
) -> ActivityGaps {
    let everywhere = &sets.anywhere[activity];
    let first = primary.map(|p| &sets.links[p][activity]);
    let columns: Vec<&Sets> = backups.iter().map(|b| &sets.links[*b][activity]).collect();
    let Bad { saved, unsaved, undecided, rescues, longest } =
        first.map(|first| Bad::of(first, &columns)).unwrap_or_default();
    let slot_ms = u64::from(ledger.slot.ms());
    let extent = |slots: u64| Extent { slots, ms: slots * slot_ms };
    let anywhere_slots = everywhere.all();
    let rescues = switch_overs.taken_off(ledger, &rescues);
    let rescue = Rescue {
        saved_ms: saved * slot_ms,
        unsaved_ms: unsaved * slot_ms,
        undecided_ms: undecided * slot_ms,
        lost_ms: rescues.switch_over_ms.unwrap_or(0),
        backups: backups.len(),
    };
    ActivityGaps {
        activity: ledger.activities[activity].clone(),
        primary: first.map(Sets::all).unwrap_or_default(),
        anywhere_slots,
        anywhere: share_of(&anywhere_slots, everywhere),
        saved: extent(saved),
        unsaved: extent(unsaved),
        undecided: extent(undecided),
        rescue: rescue.figure(saved + unsaved - undecided),
        rescues,
        longest: extent(longest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_switch_over_is_taken_off_each_rescue() {
        let rescue = Rescue { saved_ms: 60_000, backups: 1, ..Rescue::default() };
        assert_eq!(rescue.figure(60).value(), Some(1.0));
        let slow = Rescue { lost_ms: 12_000, ..rescue };
        assert_eq!(slow.figure(60).value(), Some(0.8));
    }

    #[test]
    fn what_can_not_be_said_is_not_said() {
        let none = Rescue { unsaved_ms: 1_000, ..Rescue::default() };
        assert!(none.figure(1).value().is_none());
        let silent = Rescue { unsaved_ms: 5, undecided_ms: 5, backups: 1, ..Rescue::default() };
        assert!(silent.figure(1).value().is_none());
        assert!(Rescue { backups: 1, ..Rescue::default() }.figure(0).value().is_none());
    }

    proptest! {
        #[test]
        fn bounds_hold_the_rescue(
            saved_ms in 0_u64..1000, sure in 0_u64..1000, undecided_ms in 0_u64..1000,
            lost_ms in 0_u64..500,
        ) {
            let unsaved_ms = sure + undecided_ms;
            let rescue = Rescue { saved_ms, unsaved_ms, undecided_ms, lost_ms, backups: 1 };
            if let Some(m) = rescue.figure(1).measured() {
                let i = m.interval.unwrap();
                prop_assert!(0.0 <= i.low && i.high <= 1.0);
                prop_assert!(i.low <= m.value && m.value <= i.high + 1e-12);
            }
        }
    }
}
