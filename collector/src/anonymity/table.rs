//! A table in which each home stands once, beside groups that others tell apart.

use std::collections::{BTreeMap, BTreeSet};

use super::K;
use super::weak::weak_part;

/// Homes that stand together: their row, if they have one, their group in the other
/// tables, and how many they are.
pub(crate) type Cell<'n> = (Option<&'n str>, usize, u64);

/// Which rows may be told by name, all others being one row, beside groups of at least
/// k homes each. Rows of under k homes are not; then, as long as rows and groups let
/// fewer than k homes be reckoned, the smallest row on each side of what gives them away
/// is not.
pub(crate) fn beside<'n>(cells: &[Cell<'n>], k: K) -> BTreeSet<&'n str> {
    let mut homes: BTreeMap<&str, u64> = BTreeMap::new();
    let mut others = 0;
    for (row, _, n) in cells {
        match row {
            Some(row) => *homes.entry(*row).or_default() += n,
            None => others += n,
        }
    }
    let mut told: BTreeSet<&str> = homes.keys().copied().collect();
    told.retain(|row| {
        let holds = k.holds(homes[row]);
        others += if holds { 0 } else { homes[row] };
        holds
    });
    let smallest = |rows: &mut dyn Iterator<Item = &'n str>| {
        rows.min_by_key(|row| (homes[row], std::cmp::Reverse(*row)))
    };
    while others > 0 && !k.holds(others) {
        let Some(row) = smallest(&mut told.iter().copied()) else { break };
        others += homes[row];
        told.remove(row);
    }
    loop {
        let places: BTreeMap<&str, usize> =
            told.iter().enumerate().map(|(place, row)| (*row, place + 1)).collect();
        // Row 0 are the others; groups come after the rows.
        let row = |row: Option<&str>| row.and_then(|r| places.get(r)).copied().unwrap_or(0);
        let groups = cells.iter().map(|c| c.1 + 1).max().unwrap_or(0);
        let rows = places.len() + 1;
        let joined: Vec<(usize, usize, u64)> =
            cells.iter().map(|(of, group, n)| (row(*of), rows + group, *n)).collect();
        let Some(part) = weak_part(rows + groups, &joined, k.homes()) else { return told };
        let before = told.len();
        let has_others = cells.iter().any(|(of, _, n)| *n > 0 && row(*of) == 0);
        for side in [true, false] {
            if has_others && part[0] == side {
                continue;
            }
            let on = |row: &&str| part[places[row]] == side;
            let smallest = smallest(&mut told.iter().copied().filter(on));
            if let Some(row) = smallest {
                told.remove(row);
            }
        }
        if told.len() == before {
            // Groups of under k homes: no table goes beside them.
            return BTreeSet::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn told(cells: &[Cell<'static>], k: u64) -> Vec<&'static str> {
        beside(cells, K::try_from(k).unwrap()).into_iter().collect()
    }

    #[test]
    fn rows_of_too_few_homes_and_what_they_would_leave_are_not_told() {
        let alone = [(Some("a"), 0, 14), (Some("b"), 0, 13), (Some("c"), 0, 3)];
        assert_eq!(told(&alone, 10), ["a"]);
        assert_eq!(told(&alone[..2], 10), ["a", "b"]);
        assert_eq!(told(&[(None, 0, 3), (Some("a"), 0, 10)], 10), [] as [&str; 0]);
        assert_eq!(told(&[], 10), [] as [&str; 0]);
    }

    #[test]
    fn what_another_table_leaves_of_a_row_is_not_given_away() {
        // Fibre is group 0, copper 1. All of b has fibre, and one home beside: a's.
        let cells = [(Some("a"), 0, 1), (Some("a"), 1, 11), (Some("b"), 0, 14), (Some("c"), 1, 20)];
        assert_eq!(told(&cells, 10), ["c"]);
        assert_eq!(told(&cells, 2), ["c"]);
        // With as many others of fibre elsewhere nothing is given away.
        let more = [&cells[..], &[(Some("c"), 0, 30)]].concat();
        assert_eq!(told(&more, 10), ["a", "b", "c"]);
    }

    proptest! {
        /// Whatever whole numbers rows and groups are taken times, their sum is over no
        /// fewer than k homes.
        #[test]
        fn no_sum_over_two_tables_is_over_fewer_than_k_homes(
            cells in prop::collection::vec((0_usize..5, 0_usize..3, 0_u64..9), 0..15),
            rows in prop::collection::vec(-2_i64..3, 5),
            groups in prop::collection::vec(-2_i64..3, 3),
            k in 2_u64..8,
        ) {
            const NAMES: [&str; 4] = ["a", "b", "c", "d"];
            let cells: Vec<Cell<'_>> =
                cells.into_iter().map(|(row, of, n)| (NAMES.get(row).copied(), of, n)).collect();
            let size = |group| cells.iter().filter(|c| c.1 == group).map(|c| c.2).sum::<u64>();
            prop_assume!((0..3).all(|group| size(group) == 0 || size(group) >= k));
            let told = beside(&cells, K::try_from(k).unwrap());
            let weight = |row: Option<&str>| {
                let place = row.filter(|r| told.contains(r));
                place.and_then(|r| NAMES.iter().position(|n| *n == r)).map_or(rows[4], |p| rows[p])
            };
            let over: u64 = cells
                .iter()
                .filter(|(row, group, _)| weight(*row) + groups[*group] != 0)
                .map(|c| c.2)
                .sum();
            prop_assert!(over == 0 || over >= k, "{over}: {told:?}");
        }
    }
}
