//! Sets of homes that may overlap.

use std::collections::BTreeMap;

use super::K;

/// Homes by the sets that they are in, a bit a set.
pub(crate) type BySets = BTreeMap<u32, u64>;

/// How many homes are in a set.
pub(crate) fn homes_in(homes: &BySets, set: u32) -> u64 {
    homes.iter().filter(|(sets, _)| *sets & set != 0).map(|h| h.1).sum()
}

/// What may be shown together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shown<N> {
    /// The sets.
    pub(crate) sets: Vec<N>,
    /// The groups of homes that they tell apart, by the places of the kinds of homes.
    pub(crate) apart: Vec<Vec<usize>>,
}

/// Which of the sets may be shown together of homes of these kinds. They are taken in
/// the order given, each only if every group of homes that all those taken tell apart
/// has k homes: figures are sums over such groups, so none can be reckoned that is over
/// fewer. Nothing, if the homes are fewer than k.
pub(crate) fn showable<H, N: Copy>(
    kinds: &[(H, u64)],
    ranked: impl IntoIterator<Item = N>,
    is_in: impl Fn(&H, N) -> bool,
    k: K,
) -> Shown<N> {
    let homes = |of: &[usize]| of.iter().map(|kind| kinds[*kind].1).sum::<u64>();
    let all: Vec<usize> = (0..kinds.len()).filter(|kind| kinds[*kind].1 > 0).collect();
    let mut shown = Shown { sets: Vec::new(), apart: vec![all] };
    if !k.holds(homes(&shown.apart[0])) {
        return shown;
    }
    for set in ranked {
        let mut split: Vec<Vec<usize>> = Vec::with_capacity(shown.apart.len() * 2);
        let mut any = false;
        for group in &shown.apart {
            let (inside, outside): (Vec<usize>, Vec<usize>) =
                group.iter().partition(|kind| is_in(&kinds[**kind].0, set));
            any |= !inside.is_empty();
            split.extend([inside, outside].into_iter().filter(|g| !g.is_empty()));
        }
        if any && split.iter().all(|group| k.holds(homes(group))) {
            shown.sets.push(set);
            shown.apart = split;
        }
    }
    shown
}

/// [`showable`] of sets that are bits, as bits.
pub(crate) fn showable_bits(homes: &BySets, ranked: &[u32], k: K) -> u32 {
    let kinds: Vec<(u32, u64)> = homes.iter().map(|(sets, n)| (*sets, *n)).collect();
    let shown = showable(&kinds, ranked.iter().copied(), |sets, set| sets & set != 0, k);
    shown.sets.into_iter().fold(0, |all, set| all | set)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_set_that_leaves_a_small_group_is_not_taken() {
        let k = K::try_from(3).unwrap();
        // 12 homes with fibre of which 3 have a backup too, and 2 with copper.
        let homes = BySets::from([(0b001, 9), (0b101, 3), (0b010, 2)]);
        assert_eq!(showable_bits(&homes, &[0b001, 0b010], k), 0);
        assert_eq!(showable_bits(&homes, &[0b100, 0b001], k), 0b100);
    }

    #[test]
    fn the_groups_told_apart_come_with_the_sets() {
        let kinds = [("ab", 4), ("a", 3), ("b", 1), ("", 5), ("c", 0)];
        let is_in = |kind: &&str, set: char| kind.contains(set);
        let shown = showable(&kinds, ['c', 'a', 'b'], is_in, K::try_from(3).unwrap());
        // Nobody is in c, and one home is in b alone.
        assert_eq!(shown, Shown { sets: vec!['a'], apart: vec![vec![0, 1], vec![2, 3]] });
    }

    proptest! {
        /// Whatever whole-number combination of the figures shown is taken, it is
        /// over no set of fewer than k homes: homes of one group have one weight.
        #[test]
        fn no_sum_of_what_is_shown_is_over_fewer_than_k_homes(
            homes in prop::collection::btree_map(0_u32..32, 0_u64..8, 0..20),
            order in Just([1_u32, 2, 4, 8, 16]).prop_shuffle(),
            k in 2_u64..6,
            weights in prop::collection::vec(-3_i64..4, 6),
        ) {
            let least = k;
            let k = K::try_from(k).unwrap();
            let shown = showable_bits(&homes, &order, k);
            let mut by_weight: BTreeMap<i64, u64> = BTreeMap::new();
            for (sets, n) in &homes {
                let weight: i64 = (0..5)
                    .filter(|bit| shown & sets & (1 << bit) != 0)
                    .map(|bit| weights[bit])
                    .sum();
                *by_weight.entry(weight + weights[5]).or_default() += n;
            }
            let whole: u64 = homes.values().sum();
            if whole >= least {
                prop_assert!(by_weight.values().all(|n| *n == 0 || *n >= least));
            } else {
                prop_assert_eq!(shown, 0);
            }
        }
    }
}
