//! What may be shown of groups of homes: the one place that decides it.

use std::collections::BTreeMap;
use std::str::FromStr;

use serde::Serialize;

/// The fewest homes that a figure is over: 2 to 1,000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct K(u16);

impl Default for K {
    fn default() -> Self {
        Self(10)
    }
}

/// A number that is no k.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not accepted: a number of homes from 2 to 1000")]
pub struct NoK(String);

impl TryFrom<u64> for K {
    type Error = NoK;
    fn try_from(n: u64) -> Result<Self, NoK> {
        let k = u16::try_from(n).ok().filter(|k| (2..=1000).contains(k));
        k.map(Self).ok_or_else(|| NoK(n.to_string()))
    }
}

impl std::fmt::Display for K {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for K {
    type Err = NoK;
    fn from_str(text: &str) -> Result<Self, NoK> {
        let n: u64 = text.parse().map_err(|_| NoK(text.to_owned()))?;
        Self::try_from(n)
    }
}

impl K {
    /// The number.
    pub fn homes(self) -> u64 {
        self.0.into()
    }

    /// Whether a group of so many homes may be told apart.
    pub(crate) fn holds(self, homes: u64) -> bool {
        homes >= self.homes()
    }

    /// Whether figures over `part` of `whole` homes may be shown beside those over
    /// the whole: neither the part nor what is left over is a small group.
    pub(crate) fn holds_within(self, part: u64, whole: u64) -> bool {
        let left = whole.saturating_sub(part);
        self.holds(part) && (left == 0 || self.holds(left))
    }
}

/// Homes by the sets that they are in, a bit a set.
pub(crate) type BySets = BTreeMap<u32, u64>;

/// How many homes are in a set.
pub(crate) fn homes_in(homes: &BySets, set: u32) -> u64 {
    homes.iter().filter(|(sets, _)| *sets & set != 0).map(|h| h.1).sum()
}

/// Which of the sets may be shown together, as bits. They are taken in the order
/// given, each only if every group of homes that all those taken tell apart has k
/// homes: figures are sums over such groups, so none can be reckoned that is over
/// fewer. Nothing, if the homes are fewer than k.
pub(crate) fn showable(homes: &BySets, ranked: &[u32], k: K) -> u32 {
    if !k.holds(homes.values().sum()) {
        return 0;
    }
    let apart = |taken: u32| {
        let mut groups = BySets::new();
        for (sets, n) in homes {
            *groups.entry(sets & taken).or_default() += n;
        }
        groups.into_values().all(|n| n == 0 || k.holds(n))
    };
    ranked.iter().fold(0, |taken, set| {
        let more = taken | set;
        if homes_in(homes, *set) > 0 && apart(more) { more } else { taken }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const K3: K = K(3);

    #[test]
    fn a_k_is_refused_with_what_is_accepted() {
        assert_eq!("10".parse(), Ok(K::default()));
        for bad in ["1", "0", "-3", "x", "1001", ""] {
            let said = bad.parse::<K>().unwrap_err().to_string();
            assert!(said.contains("from 2 to 1000"), "{said}");
        }
    }

    #[test]
    fn a_part_is_shown_only_where_what_is_left_is_no_small_group() {
        assert!(K3.holds_within(5, 5) && K3.holds_within(3, 6));
        assert!(!K3.holds_within(2, 6) && !K3.holds_within(5, 6));
    }

    #[test]
    fn a_set_that_leaves_a_small_group_is_not_taken() {
        // 12 homes with fibre of which 3 have a backup too, and 2 with copper.
        let homes = BySets::from([(0b001, 9), (0b101, 3), (0b010, 2)]);
        assert_eq!(showable(&homes, &[0b001, 0b010], K3), 0);
        assert_eq!(showable(&homes, &[0b100, 0b001], K3), 0b100);
    }

    proptest! {
        /// Whatever whole-number combination of the figures shown is taken, it is
        /// over no set of fewer than k homes: homes of one group have one weight.
        #[test]
        fn no_sum_of_what_is_shown_is_over_fewer_than_k_homes(
            homes in prop::collection::btree_map(0_u32..32, 0_u64..8, 0..20),
            order in Just([1_u32, 2, 4, 8, 16]).prop_shuffle(),
            k in 2_u16..6,
            weights in prop::collection::vec(-3_i64..4, 6),
        ) {
            let k = K(k);
            let shown = showable(&homes, &order, k);
            let mut by_weight: BTreeMap<i64, u64> = BTreeMap::new();
            for (sets, n) in &homes {
                let weight: i64 = (0..5)
                    .filter(|bit| shown & sets & (1 << bit) != 0)
                    .map(|bit| weights[bit])
                    .sum();
                *by_weight.entry(weight + weights[5]).or_default() += n;
            }
            let whole: u64 = homes.values().sum();
            if whole >= k.homes() {
                prop_assert!(by_weight.values().all(|n| *n == 0 || *n >= k.homes()));
            } else {
                prop_assert_eq!(shown, 0);
            }
        }
    }
}
