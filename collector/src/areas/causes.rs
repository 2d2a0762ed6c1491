//! What the homes of an area incident have in common.
//!
//! For each PON, cell and power area that the area's homes are in: the share of its
//! homes hit, beside that of the area's others. What tells homes hit from others
//! best explains the incident best; the measure is the phi coefficient of the two
//! yes-or-no figures, which wants both, that all of its homes were hit and that no
//! other was. What is shown together keeps to the same rule as all figures: no
//! group of fewer than k homes can be told apart by it.

use std::collections::BTreeMap;

use super::rollup::HomeRuns;
use super::{AreaKind, Cause, Grouping, Medium};
use crate::anonymity::{BySets, K, showable_bits};

/// The most candidates that are looked at, and shown.
const LOOKED_AT: usize = 30;
const SHOWN: usize = 5;

/// From this score a candidate is named as the likely cause.
const LIKELY: f64 = 0.5;

/// The homes that an incident is looked for among.
pub(super) struct Universe<'u> {
    pub(super) homes: &'u [HomeRuns],
    /// Those that have such links.
    pub(super) members: &'u [usize],
    pub(super) medium: Medium,
    pub(super) kind: AreaKind,
    pub(super) k: K,
}

/// The phi coefficient; 0 where it is not defined.
fn phi(homes: u64, hit: u64, others: u64, others_hit: u64) -> f64 {
    let [n1, n0, hit1, hit0] = [homes, others, hit, others_hit].map(|n| n as f64);
    let (hits, misses) = (hit1 + hit0, n1 + n0 - hit1 - hit0);
    let below = (n1 * n0 * hits * misses).sqrt();
    if below == 0.0 { 0.0 } else { (hit1 * (n0 - hit0) - hit0 * (n1 - hit1)) / below }
}

/// Of candidates that explain as much, the one that is likelier by its nature.
fn by_nature(grouping: Grouping, kind: AreaKind, medium: Medium) -> u8 {
    let order = match (kind, medium) {
        (AreaKind::Silence, _) => [Grouping::PowerArea, Grouping::Pon, Grouping::Cell],
        (_, Medium::Mobile) => [Grouping::Cell, Grouping::PowerArea, Grouping::Pon],
        _ => [Grouping::Pon, Grouping::PowerArea, Grouping::Cell],
    };
    order.iter().position(|g| *g == grouping).unwrap_or(order.len()) as u8
}

/// Candidates, the best explanation first; `hit` is in order.
pub(super) fn rank(universe: &Universe<'_>, hit: &[usize]) -> Vec<Cause> {
    let mut groups: BTreeMap<(Grouping, &str), Vec<usize>> = BTreeMap::new();
    for home in universe.members {
        let place = &universe.homes[*home].place;
        let names = [
            (Grouping::Pon, &place.pon),
            (Grouping::Cell, &place.cell),
            (Grouping::PowerArea, &place.power_area),
        ];
        for (grouping, name) in names {
            if let Some(name) = name {
                groups.entry((grouping, name)).or_default().push(*home);
            }
        }
    }
    let is_hit = |home: &usize| hit.binary_search(home).is_ok();
    let all = universe.members.len() as u64;
    let mut found: Vec<(Cause, Vec<usize>)> = groups
        .into_iter()
        .map(|((grouping, name), members)| {
            let (homes, hits) =
                (members.len() as u64, members.iter().filter(|h| is_hit(h)).count() as u64);
            let (others, others_hit) = (all - homes, hit.len() as u64 - hits);
            let score = phi(homes, hits, others, others_hit);
            let name = name.to_owned();
            (Cause { grouping, name, homes, hit: hits, others, others_hit, score }, members)
        })
        .filter(|(c, _)| c.hit > 0 && (c.score > 0.0 || c.others == 0))
        .collect();
    found.sort_by(|(a, _), (b, _)| {
        let nature = |c: &Cause| by_nature(c.grouping, universe.kind, universe.medium);
        b.score
            .total_cmp(&a.score)
            .then_with(|| nature(a).cmp(&nature(b)))
            .then_with(|| a.name.cmp(&b.name))
    });
    found.truncate(LOOKED_AT);
    let mut sets: BTreeMap<usize, u32> = universe.members.iter().map(|h| (*h, 0)).collect();
    for (bit, (_, members)) in found.iter().enumerate() {
        for home in members {
            *sets.entry(*home).or_default() |= 1 << bit;
        }
    }
    let mut homes = BySets::new();
    for of in sets.values() {
        *homes.entry(*of).or_default() += 1;
    }
    let ranked: Vec<u32> = (0..found.len()).map(|bit| 1 << bit).collect();
    let shown = showable_bits(&homes, &ranked, universe.k);
    let kept = found.into_iter().enumerate().filter(|(bit, _)| shown & (1 << bit) != 0);
    kept.map(|(_, (cause, _))| cause).take(SHOWN).collect()
}

/// What to say of it.
pub(super) fn verdict(kind: AreaKind, causes: &[Cause], everyone: bool) -> String {
    let named = |c: &Cause| format!("{} {}", c.grouping.words(), c.name);
    let best: Vec<String> = match causes.first() {
        Some(first) if first.score >= LIKELY => {
            causes.iter().take_while(|c| (c.score - first.score).abs() < 1e-9).map(named).collect()
        }
        _ => Vec::new(),
    };
    let power = kind == AreaKind::Silence;
    let what = if power { "power-cut candidate, not an outage" } else { "common cause candidate" };
    match &best[..] {
        [] if everyone && power => {
            "every home of the area fell silent: a power-cut candidate, not an outage".to_owned()
        }
        [] if everyone => "every home of the area was hit: look for a cause above it".to_owned(),
        [] if power => {
            "silence without a common cause that could be told: not an outage".to_owned()
        }
        [] => "no grouping that was told explains it better than the area".to_owned(),
        [one] => format!("{what}: {one}"),
        many => format!("{what}: {}, which can't be told apart", many.join(" or ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phi_is_one_for_all_of_a_group_and_no_other_and_zero_by_chance() {
        assert!((phi(20, 20, 80, 0) - 1.0).abs() < 1e-12);
        assert!(phi(20, 5, 80, 20).abs() < 1e-12);
        assert!(phi(20, 0, 80, 20) < 0.0);
        assert!(phi(20, 20, 0, 0).abs() < 1e-12);
        // Of two PONs hit, the power area of both explains more.
        assert!(phi(40, 40, 60, 0) > phi(20, 20, 80, 20));
    }
}
