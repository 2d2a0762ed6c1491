//! Ways through a column that skip what is in order: a month has half a million
//! cells, and nearly all of them are OK.

use crate::ledger::{Cell, Counts, State};

/// How many cells are looked at at once.
const AT_ONCE: usize = 8;

/// The cells that are not OK, with their slots.
pub(crate) fn not_ok(column: &[Cell]) -> impl Iterator<Item = (usize, Cell)> + '_ {
    let cells = |(i, chunk): (usize, &'_ [Cell])| {
        let from = i * AT_ONCE;
        let of = |(n, cell): (usize, &Cell)| (from + n, *cell);
        chunk.iter().enumerate().map(of).filter(|(_, c)| c.state() != State::Ok).collect_array()
    };
    let chunks = column.chunks(AT_ONCE).enumerate();
    chunks.filter(|(_, chunk)| !all_ok(chunk)).flat_map(cells)
}

/// Whether all of a chunk is OK, in one comparison where it is whole.
fn all_ok(chunk: &[Cell]) -> bool {
    match <[Cell; AT_ONCE]>::try_from(chunk) {
        Ok(whole) => Cell::all_ok(whole),
        Err(_) => chunk.iter().all(|c| c.state() == State::Ok),
    }
}

/// Up to [`AT_ONCE`] cells without an allocation.
trait CollectArray: Iterator<Item = (usize, Cell)> + Sized {
    fn collect_array(
        self,
    ) -> std::iter::Flatten<std::array::IntoIter<Option<(usize, Cell)>, AT_ONCE>> {
        let mut found = [None; AT_ONCE];
        for (place, one) in found.iter_mut().zip(self) {
            *place = Some(one);
        }
        found.into_iter().flatten()
    }
}

impl<I: Iterator<Item = (usize, Cell)>> CollectArray for I {}

/// A column in counts.
pub(crate) fn counts(column: &[Cell]) -> Counts {
    let mut counts = Counts::of(not_ok(column).map(|(_, c)| c.state()));
    counts.ok = column.len() as u64 - counts.total();
    counts
}

/// Whether any cell is bad.
pub(crate) fn any_bad(column: &[Cell]) -> bool {
    not_ok(column).any(|(_, c)| c.state().is_bad())
}

/// A set of slots.
#[derive(Debug, Clone)]
pub(crate) struct Slots(Vec<u64>);

impl Slots {
    /// Of none of so many.
    pub(crate) fn none(slots: usize) -> Self {
        Self(vec![0; slots.div_ceil(64)])
    }

    /// Adds one.
    pub(crate) fn put(&mut self, slot: usize) {
        self.0[slot / 64] |= 1 << (slot % 64);
    }

    /// Whether it is in.
    pub(crate) fn holds(&self, slot: usize) -> bool {
        self.0[slot / 64] >> (slot % 64) & 1 == 1
    }

    /// All of them, rising.
    pub(crate) fn rising(&self) -> impl Iterator<Item = usize> + '_ {
        self.0.iter().enumerate().flat_map(|(i, word)| {
            let mut left = *word;
            std::iter::from_fn(move || {
                (left != 0).then(|| {
                    let bit = left.trailing_zeros() as usize;
                    left &= left - 1;
                    i * 64 + bit
                })
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Limit;
    use proptest::prelude::*;

    fn cell() -> impl Strategy<Value = Cell> {
        (0..5_usize, 0..7_usize, any::<bool>(), prop::bool::weighted(0.1)).prop_map(
            |(state, limit, unproven, excluded)| {
                let mut cell = Cell::new(State::ALL[state.min(3)], Limit::ALL[limit]);
                cell = if unproven { cell.unproven() } else { cell };
                if excluded || state == 4 { cell.excluded() } else { cell }
            },
        )
    }

    fn column() -> impl Strategy<Value = Vec<Cell>> {
        let stretch = (cell(), 1_usize..40).prop_map(|(cell, n)| vec![cell; n]);
        prop::collection::vec(stretch, 0..12).prop_map(|all| all.concat())
    }

    proptest! {
        #[test]
        fn skipping_finds_what_looking_at_each_does(column in column()) {
            let each: Vec<_> = column
                .iter()
                .copied()
                .enumerate()
                .filter(|(_, c)| c.state() != State::Ok)
                .collect();
            prop_assert_eq!(not_ok(&column).collect::<Vec<_>>(), each);
            prop_assert_eq!(counts(&column), Counts::of(column.iter().map(|c| c.state())));
            prop_assert_eq!(any_bad(&column), column.iter().any(|c| c.state().is_bad()));
            let mut slots = Slots::none(column.len());
            let bad: Vec<usize> =
                (0..column.len()).filter(|s| column[*s].state().is_bad()).collect();
            for slot in &bad {
                slots.put(*slot);
            }
            prop_assert_eq!(slots.rising().collect::<Vec<_>>(), bad);
        }
    }
}
