//! Whether a table of one kind lets a cell be reckoned with a table of another.
//!
//! Two tables of the same homes, one by rows and one by groups, are a graph: rows and
//! groups are its points, and the homes that stand in both of two points join them. A
//! sum of rows and groups, each times some number, counts a home as often as its row's
//! and its group's number together: it drops out where the one takes off the other.
//! Points whose numbers take each other off (a row's, and a group's with its sign
//! turned) are one part; the homes that are left join different parts, so they are a
//! cut. A sum over at least one home and fewer than k is therefore there to be reckoned
//! if and only if some part of the graph is joined to the rest by that few.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

/// Points that are as good as one.
struct Merged(Vec<usize>);

impl Merged {
    fn of(&mut self, mut point: usize) -> usize {
        while self.0[point] != point {
            self.0[point] = self.0[self.0[point]];
            point = self.0[point];
        }
        point
    }

    fn merge(&mut self, a: usize, b: usize) {
        let (a, b) = (self.of(a), self.of(b));
        self.0[a.max(b)] = a.min(b);
    }
}

/// A part of the graph that is joined to the rest by something, and by less than `k`;
/// `None` if there is none. True for the points of that part.
///
/// After Stoer and Wagner (1997), stopped at `k`: in an order in which each next point
/// is the one joined most to those before, a point that is joined to them by k or more
/// can't be cut off its predecessor by less, so that the two are as good as one; and the
/// last point is cut off by all that joins it.
pub(super) fn weak_part(
    points: usize,
    joined: &[(usize, usize, u64)],
    k: u64,
) -> Option<Vec<bool>> {
    let mut merged = Merged((0..points).collect());
    loop {
        let mut beside: BTreeMap<usize, BTreeMap<usize, u64>> = BTreeMap::new();
        for (a, b, homes) in joined.iter().filter(|j| j.2 > 0) {
            let (a, b) = (merged.of(*a), merged.of(*b));
            if a != b {
                *beside.entry(a).or_default().entry(b).or_default() += homes;
                *beside.entry(b).or_default().entry(a).or_default() += homes;
            }
        }
        if beside.is_empty() {
            return None;
        }
        let mut reached: BTreeMap<usize, u64> = beside.keys().map(|point| (*point, 0)).collect();
        let mut next: BinaryHeap<(u64, Reverse<usize>)> =
            beside.keys().map(|point| (0, Reverse(*point))).collect();
        let mut seen: BTreeSet<usize> = BTreeSet::new();
        let mut last: Option<(usize, u64)> = None;
        loop {
            let point = next.pop().filter(|(by, Reverse(p))| {
                // What is no longer so was put in again.
                reached.get(p) == Some(by) && !seen.contains(p)
            });
            let ends = match &point {
                None if next.is_empty() => true,
                None => continue,
                Some((by, _)) => *by == 0,
            };
            if let (true, Some((part, by))) = (ends, last)
                && by < k
            {
                return Some((0..points).map(|p| merged.of(p) == part).collect());
            }
            let Some((by, Reverse(point))) = point else { break };
            if let (Some((before, _)), true) = (last, by >= k) {
                merged.merge(before, point);
            }
            last = Some((point, by));
            seen.insert(point);
            for (other, homes) in &beside[&point] {
                if let (false, Some(by)) = (seen.contains(other), reached.get_mut(other)) {
                    *by += homes;
                    next.push((*by, Reverse(*other)));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cut(joined: &[(usize, usize, u64)], part: &[bool]) -> u64 {
        joined.iter().filter(|(a, b, _)| part[*a] != part[*b]).map(|j| j.2).sum()
    }

    #[test]
    fn one_home_between_two_parts_is_found() {
        // Areas 0, 1, 2; fibre is 3, copper 4. Area 1 is all on fibre, and of area 0 one.
        let joined = [(0, 3, 1), (0, 4, 11), (1, 3, 14), (2, 4, 20)];
        let part = weak_part(5, &joined, 10).unwrap();
        assert_eq!(cut(&joined, &part), 1);
        assert_eq!(weak_part(5, &joined, 1), None);
    }

    #[test]
    fn a_small_cell_between_large_ones_is_none() {
        // Five homes of area 1 have copper: neither table gives them away.
        let joined = [(0, 2, 500), (0, 3, 400), (1, 2, 995), (1, 3, 5)];
        assert_eq!(weak_part(4, &joined, 10), None);
    }

    proptest! {
        #[test]
        fn a_part_is_found_if_and_only_if_there_is_one(
            joined in prop::collection::vec((0_usize..7, 0_usize..7, 0_u64..8), 0..16),
            k in 1_u64..12,
        ) {
            let joined: Vec<_> = joined.into_iter().filter(|(a, b, _)| a != b).collect();
            let there = |part: &[bool]| (1..k).contains(&cut(&joined, part));
            let any = (0_u32..128).any(|bits| {
                let part: Vec<bool> = (0..7).map(|p| bits & (1 << p) != 0).collect();
                there(&part)
            });
            let found = weak_part(7, &joined, k);
            prop_assert_eq!(found.is_some(), any);
            prop_assert!(found.is_none_or(|part| there(&part)));
        }
    }
}
