//! Runs of bad slots.

use crate::ledger::sets::{BLOCK, Sets, rising};

/// The most slots that are not bad within one run.
pub(crate) const BRIDGE: usize = 2;

/// What a slot is to a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// Of it.
    Bad,
    /// Never bridged.
    Barrier,
}

/// From `first` to `last`, both bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) first: usize,
    pub(crate) last: usize,
    pub(crate) bad: usize,
}

/// A connection's outages: any time judged down, a part of a slot too.
pub(crate) fn outages(connection: &Sets) -> Vec<Run> {
    let barrier = |slot: usize| connection.blocks[slot / BLOCK].excluded >> (slot % BLOCK) & 1 == 1;
    let looked_at = rising(connection.blocks.iter().map(|b| b.outage | b.excluded));
    let part = |slot| (slot, if barrier(slot) { Part::Barrier } else { Part::Bad });
    runs_among(looked_at.map(part), BRIDGE)
}

/// All runs, by start, of slots that rise; those left out are
/// bridged, if there are few.
pub(crate) fn runs_among(
    parts: impl IntoIterator<Item = (usize, Part)>,
    bridge: usize,
) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    let mut open = false;
    for (slot, part) in parts {
        match part {
            Part::Barrier => open = false,
            Part::Bad => match runs.last_mut() {
                Some(run) if open && slot - run.last <= bridge + 1 => {
                    (run.last, run.bad) = (slot, run.bad + 1);
                }
                _ => {
                    runs.push(Run { first: slot, last: slot, bad: 1 });
                    open = true;
                }
            },
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Vec<(usize, usize, usize)> {
        let parts = text.chars().enumerate().filter_map(|(slot, c)| match c {
            'x' => Some((slot, Part::Bad)),
            '|' => Some((slot, Part::Barrier)),
            _ => None,
        });
        runs_among(parts, BRIDGE).iter().map(|r| (r.first, r.last, r.bad)).collect()
    }

    #[test]
    fn two_good_slots_are_bridged_and_three_are_not() {
        assert_eq!(of("..xx..x..."), [(2, 6, 3)]);
        assert_eq!(of("x...x"), [(0, 0, 1), (4, 4, 1)]);
        assert_eq!(of("x|x.x"), [(0, 0, 1), (2, 4, 2)]);
        assert_eq!(of("...."), []);
    }
}
