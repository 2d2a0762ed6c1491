//! A column as sets of slots, a bit each: what many slots have in common is told by
//! a few words, and stretches are counted at once.

use std::ops::Range;

use super::Ledger;
use super::state::{Cell, Counts, Limit, State};

/// How many cells a block holds.
pub(crate) const BLOCK: usize = 64;

/// Cells in a row, the first the lowest bit. What is in no set of a state is UNKNOWN.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Block {
    pub(crate) ok: u64,
    pub(crate) degraded: u64,
    pub(crate) down: u64,
    pub(crate) excluded: u64,
    /// Limited by an outage, whatever the state.
    pub(crate) outage: u64,
    /// [`Cell::is_unproven`], whatever the state.
    pub(crate) unproven: u64,
}

impl Block {
    fn of(cells: &[Cell]) -> Self {
        if let Some(first) = cells.first()
            && cells.len() == BLOCK
            && Cell::are_alike(cells)
        {
            let all = |yes: bool| if yes { u64::MAX } else { 0 };
            let state = first.state();
            return Self {
                ok: all(state == State::Ok),
                degraded: all(state == State::Degraded),
                down: all(state == State::Down),
                excluded: all(state == State::Excluded),
                outage: all(first.limit() == Limit::Outage),
                unproven: all(first.is_unproven()),
            };
        }
        let mut block = Self::default();
        let any = Cell::any_of(cells);
        for (i, eight) in cells.chunks(8).enumerate() {
            let mut padded = [Cell::SILENT; 8];
            padded[..eight.len()].copy_from_slice(eight);
            let of = Cell::sets_of(padded, any);
            let at = |of: u8| u64::from(of) << (8 * i);
            block.ok |= at(of.ok);
            block.degraded |= at(of.degraded);
            block.down |= at(of.down);
            block.excluded |= at(of.excluded);
            block.outage |= at(of.outage);
            block.unproven |= at(of.unproven);
        }
        block
    }

    /// DEGRADED or DOWN.
    pub(crate) fn bad(&self) -> u64 {
        self.degraded | self.down
    }

    /// OK, DEGRADED or DOWN.
    pub(crate) fn known(&self) -> u64 {
        self.ok | self.degraded | self.down
    }
}

/// A column's blocks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sets {
    pub(crate) blocks: Vec<Block>,
    slots: usize,
}

/// The bits of `slots` that lie in a block.
fn within(block: usize, slots: &Range<usize>) -> u64 {
    let from = slots.start.saturating_sub(block * BLOCK).min(BLOCK);
    let to = slots.end.saturating_sub(block * BLOCK).min(BLOCK);
    let under = |bit: usize| if bit == BLOCK { u64::MAX } else { (1 << bit) - 1 };
    under(to) & !under(from)
}

impl Sets {
    pub(crate) fn of(column: &[Cell]) -> Self {
        Self { blocks: column.chunks(BLOCK).map(Block::of).collect(), slots: column.len() }
    }

    /// The blocks of some slots, each with the bits that are meant.
    pub(crate) fn over<'s>(
        &'s self,
        slots: &Range<usize>,
    ) -> impl Iterator<Item = (&'s Block, u64)> + use<'s> {
        let touched = slots.start / BLOCK..slots.end.div_ceil(BLOCK).min(self.blocks.len());
        let slots = slots.clone();
        touched.map(move |i| (&self.blocks[i], within(i, &slots)))
    }

    /// Whether any of some slots is bad.
    pub(crate) fn any_bad(&self, slots: &Range<usize>) -> bool {
        self.over(slots).any(|(block, meant)| block.bad() & meant != 0)
    }

    /// How many of some slots are OK.
    pub(crate) fn ok(&self, slots: &Range<usize>) -> usize {
        self.over(slots).map(|(block, meant)| count(block.ok & meant)).sum::<u64>() as usize
    }

    /// Some slots in counts.
    pub(crate) fn counts(&self, slots: &Range<usize>) -> Counts {
        let mut counts = Counts::default();
        let all = slots.end.min(self.slots).saturating_sub(slots.start) as u64;
        for (block, meant) in self.over(slots) {
            counts.ok += count(block.ok & meant);
            if block.ok & meant == meant {
                continue;
            }
            counts.degraded += count(block.degraded & meant);
            counts.down += count(block.down & meant);
            counts.excluded += count(block.excluded & meant);
        }
        counts.unknown = all - counts.known() - counts.excluded;
        counts
    }

    /// All in counts.
    pub(crate) fn all(&self) -> Counts {
        self.counts(&(0..self.slots))
    }
}

/// All columns of a ledger.
pub(crate) struct LedgerSets {
    /// By link, then activity.
    pub(crate) links: Vec<Vec<Sets>>,
    /// By activity.
    pub(crate) anywhere: Vec<Sets>,
    /// By link.
    pub(crate) connections: Vec<Sets>,
    pub(crate) home: Sets,
}

impl LedgerSets {
    pub(crate) fn of(ledger: &Ledger) -> Self {
        let (links, activities) = (0..ledger.links.len(), 0..ledger.activities.len());
        let of_link = |l| activities.clone().map(|a| Sets::of(ledger.column(l, a))).collect();
        Self {
            links: links.clone().map(of_link).collect(),
            anywhere: activities.clone().map(|a| Sets::of(ledger.anywhere(a))).collect(),
            connections: links.map(|l| Sets::of(ledger.connection(l))).collect(),
            home: Sets::of(ledger.home()),
        }
    }
}

fn count(set: u64) -> u64 {
    // Most blocks are alike, and counting bits takes some steps.
    match set {
        0 => 0,
        u64::MAX => BLOCK as u64,
        set => u64::from(set.count_ones()),
    }
}

/// The slots of a set that is given block by block, rising.
pub(crate) fn rising(blocks: impl IntoIterator<Item = u64>) -> impl Iterator<Item = usize> {
    blocks.into_iter().enumerate().flat_map(|(i, set)| {
        let mut left = set;
        std::iter::from_fn(move || {
            (left != 0).then(|| {
                let bit = left.trailing_zeros() as usize;
                left &= left - 1;
                i * BLOCK + bit
            })
        })
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cell() -> impl Strategy<Value = Cell> {
        (0..4_usize, 0..7_usize, any::<bool>(), prop::bool::weighted(0.1)).prop_map(
            |(state, limit, unproven, excluded)| {
                let mut cell = Cell::new(State::ALL[state], Limit::ALL[limit]);
                cell = if unproven { cell.unproven() } else { cell };
                if excluded { cell.excluded() } else { cell }
            },
        )
    }

    fn column() -> impl Strategy<Value = Vec<Cell>> {
        let stretch = (cell(), 1_usize..150).prop_map(|(cell, n)| vec![cell; n]);
        prop::collection::vec(stretch, 0..12).prop_map(|all| all.concat())
    }

    proptest! {
        #[test]
        fn sets_tell_what_looking_at_each_does(
            column in column(), cut in (0..=1_000_usize, 0..=1_000_usize),
        ) {
            let sets = Sets::of(&column);
            let is = |pick: fn(&Block) -> u64, holds: fn(Cell) -> bool| {
                let each: Vec<usize> = (0..column.len()).filter(|s| holds(column[*s])).collect();
                each == rising(sets.blocks.iter().map(pick)).collect::<Vec<_>>()
            };
            prop_assert!(is(|b| b.ok, |c| c.state() == State::Ok));
            prop_assert!(is(|b| b.degraded, |c| c.state() == State::Degraded));
            prop_assert!(is(|b| b.down, |c| c.state() == State::Down));
            prop_assert!(is(|b| b.excluded, |c| c.state() == State::Excluded));
            prop_assert!(is(|b| b.outage, |c| c.limit() == Limit::Outage));
            prop_assert!(is(|b| b.unproven, Cell::is_unproven));
            prop_assert!(is(Block::bad, |c| c.state().is_bad()));
            prop_assert!(is(Block::known, |c| c.state().is_known()));
            let (from, to) = (cut.0.min(column.len()), cut.1.min(column.len()));
            let slots = from.min(to)..from.max(to);
            let part = &column[slots.clone()];
            let counts = Counts::of(part.iter().map(|c| c.state()));
            prop_assert_eq!(sets.counts(&slots), counts);
            prop_assert_eq!(sets.ok(&slots) as u64, counts.ok);
            prop_assert_eq!(sets.any_bad(&slots), part.iter().any(|c| c.state().is_bad()));
            prop_assert_eq!(sets.all(), Counts::of(column.iter().map(|c| c.state())));
        }
    }
}
