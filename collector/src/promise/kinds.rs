//! How many homes there are of each kind, by all tables at once: what one table tells
//! may not give away what another leaves out. The rule is [`crate::anonymity`]'s.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use crate::anonymity::{Cell, K, beside, showable};

/// Where a home stands in each of the tables.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct Kind {
    pub(super) area: Option<String>,
    pub(super) technology: Option<String>,
    pub(super) needs: BTreeSet<String>,
}

/// How many homes there are of each kind.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Kinds(BTreeMap<Kind, u64>);

/// A name in one of the two tables whose rows are few.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Name<'k> {
    Technology(&'k str),
    Need(&'k str),
}

impl Name<'_> {
    fn holds(self, kind: &Kind) -> bool {
        match self {
            Self::Technology(name) => kind.technology.as_deref() == Some(name),
            Self::Need(name) => kind.needs.contains(name),
        }
    }
}

/// The names that may be told in each table.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Names<'k> {
    pub(super) areas: BTreeSet<&'k str>,
    pub(super) technologies: BTreeSet<&'k str>,
    pub(super) needs: BTreeSet<&'k str>,
}

impl Kinds {
    /// Counts a home.
    pub(super) fn home(&mut self, kind: Kind) {
        *self.0.entry(kind).or_default() += 1;
    }

    pub(super) fn merge(&mut self, other: &Self) {
        for (kind, homes) in &other.0 {
            *self.0.entry(kind.clone()).or_default() += homes;
        }
    }

    /// What may be told of all tables side by side: technologies, then needs, the
    /// largest first; then as many areas as can stand beside them.
    pub(super) fn names(&self, k: K) -> Names<'_> {
        let kinds: Vec<(&Kind, u64)> = self.0.iter().map(|(kind, n)| (kind, *n)).collect();
        let mut homes: BTreeMap<Name<'_>, u64> = BTreeMap::new();
        for (kind, n) in &kinds {
            let technology = kind.technology.as_deref().map(Name::Technology);
            let needs = kind.needs.iter().map(|need| Name::Need(need));
            for name in technology.into_iter().chain(needs) {
                *homes.entry(name).or_default() += n;
            }
        }
        let mut ranked: Vec<(Name<'_>, u64)> = homes.into_iter().collect();
        let is_need = |name: &Name<'_>| matches!(name, Name::Need(_));
        ranked.sort_by_key(|(name, n)| (is_need(name), Reverse(*n), *name));
        let ranked = ranked.into_iter().map(|(name, _)| name);
        let shown = showable(&kinds, ranked, |kind, name| name.holds(kind), k);
        let mut cells: Vec<Cell<'_>> = Vec::with_capacity(kinds.len());
        for (group, members) in shown.apart.iter().enumerate() {
            cells.extend(members.iter().map(|kind| {
                let (kind, n) = kinds[*kind];
                (kind.area.as_deref(), group, n)
            }));
        }
        let mut names = Names { areas: beside(&cells, k), ..Names::default() };
        for name in shown.sets {
            match name {
                Name::Technology(name) => names.technologies.insert(name),
                Name::Need(name) => names.needs.insert(name),
            };
        }
        names
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn kind(area: &str, technology: &str, needs: &[&str]) -> Kind {
        let some = |name: &str| (!name.is_empty()).then(|| name.to_owned());
        let needs = needs.iter().map(|need| (*need).to_owned()).collect();
        Kind { area: some(area), technology: some(technology), needs }
    }

    fn kinds(homes: &[(&str, &str, &[&str], u64)]) -> Kinds {
        let mut all = Kinds::default();
        for (area, technology, needs, n) in homes {
            (0..*n).for_each(|_| all.home(kind(area, technology, needs)));
        }
        all
    }

    fn told(kinds: &Kinds, k: u64) -> [Vec<&str>; 3] {
        let names = kinds.names(K::try_from(k).unwrap());
        [names.areas, names.technologies, names.needs].map(|names| names.into_iter().collect())
    }

    #[test]
    fn what_one_group_lacks_of_another_is_no_small_group() {
        // Of twelve homes that play eleven work: the twelfth would be told by itself.
        let all =
            kinds(&[("", "", &["play", "work"], 11), ("", "", &["play"], 1), ("", "", &[], 20)]);
        assert_eq!(told(&all, 10)[2], ["play"]);
        // Nor is what two have in common, or a third lacks of both.
        let all = kinds(&[
            ("", "", &["play", "work"], 3),
            ("", "", &["play"], 11),
            ("", "", &["work"], 10),
            ("", "", &[], 20),
        ]);
        assert_eq!(told(&all, 10)[2], ["play"]);
    }

    #[test]
    fn what_one_table_leaves_of_another_is_no_small_group() {
        // All of the south has fibre, and one home of the north: south, taken off fibre,
        // would tell of that one.
        let all = kinds(&[
            ("north", "fibre", &[], 1),
            ("north", "copper", &[], 11),
            ("south", "fibre", &[], 14),
            ("west", "copper", &[], 20),
        ]);
        assert_eq!(told(&all, 10), [vec!["west"], vec!["copper", "fibre"], vec![]]);
        // Nor is there one between technologies and needs.
        let all =
            kinds(&[("", "fibre", &["play"], 19), ("", "fibre", &[], 1), ("", "copper", &[], 20)]);
        assert_eq!(told(&all, 10), [vec![], vec!["copper", "fibre"], vec![]]);
    }

    proptest! {
        /// Whatever whole numbers the rows of all three tables are taken times, their sum
        /// is over no fewer than k homes.
        #[test]
        fn no_sum_of_rows_told_is_over_fewer_than_k_homes(
            homes in prop::collection::vec(
                (0_usize..4, 0_usize..3, prop::collection::btree_set(0_usize..3, 0..3), 0_u64..9),
                0..14,
            ),
            weights in prop::collection::vec(-2_i64..3, 11),
            k in 2_u64..8,
        ) {
            const AREAS: [&str; 4] = ["", "east", "south", "west"];
            const TECHNOLOGIES: [&str; 3] = ["", "copper", "fibre"];
            const NEEDS: [&str; 3] = ["learn", "play", "work"];
            let mut all = Kinds::default();
            for (area, technology, needs, n) in &homes {
                let needs: Vec<&str> = needs.iter().map(|need| NEEDS[*need]).collect();
                (0..*n).for_each(|_| all.home(kind(AREAS[*area], TECHNOLOGIES[*technology], &needs)));
            }
            let names = all.names(K::try_from(k).unwrap());
            let row = |told: &BTreeSet<&str>, name: Option<&str>, of: &[&str], first: usize| {
                let named = name.filter(|n| told.contains(n));
                let place = named.and_then(|name| of.iter().position(|n| *n == name));
                weights[first + place.unwrap_or(0)]
            };
            let weight = |kind: &Kind| {
                let needs: Vec<usize> = (0..3)
                    .filter(|n| kind.needs.contains(NEEDS[*n]) && names.needs.contains(NEEDS[*n]))
                    .collect();
                let needs: i64 = if needs.is_empty() {
                    weights[10]
                } else {
                    needs.iter().map(|n| weights[7 + n]).sum()
                };
                row(&names.areas, kind.area.as_deref(), &AREAS, 0)
                    + row(&names.technologies, kind.technology.as_deref(), &TECHNOLOGIES, 4)
                    + needs
            };
            let over: u64 = all.0.iter().filter(|(kind, _)| weight(kind) != 0).map(|(_, n)| n).sum();
            let whole: u64 = all.0.values().sum();
            prop_assert!(over == 0 || over >= k || whole < k, "{over}: {names:?}");
            if whole < k {
                prop_assert_eq!(names, Names::default());
            }
        }
    }
}
