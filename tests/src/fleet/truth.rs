//! What an honest ledger must say of a household, from its script alone.

use super::household::Household;
use super::script::Times;

/// What a link's connection was in one slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Expected {
    /// Not measured, or for less than half of the slot.
    Unknown,
    /// Up all the time.
    Up,
    /// Down for at most half of the time measured.
    PartlyDown,
    /// Down for more.
    Down,
    /// So near to a bound that a probe's interval decides.
    Edge,
}

impl Household {
    /// The truth about link `link` in `slot`.
    pub fn expected(&self, link: usize, slot: Times) -> Expected {
        let length = slot.to.since(slot.from);
        let Some(from) = self.measured_from(slot) else { return Expected::Unknown };
        let judged = slot.to.since(from);
        if judged * 2 < length {
            return Expected::Unknown;
        }
        let measured = Times { from, to: slot.to };
        let down = i64::from(self.script.truth(link, measured).down_ms);
        // One probe's interval before the outage is seen, one before its end is.
        let edge = i64::from(self.pace.stamp_ms);
        let is_edge = |bound: i64| (down - bound).abs() <= edge;
        match down {
            0 => Expected::Up,
            _ if is_edge(0) || is_edge(judged / 2) => Expected::Edge,
            _ if down * 2 > judged => Expected::Down,
            _ => Expected::PartlyDown,
        }
    }

    /// Milliseconds of the span in which `link` was measured and down.
    pub fn down_ms(&self, link: usize) -> u64 {
        self.slots()
            .filter_map(|slot| {
                let from = self.measured_from(slot)?;
                Some(u64::from(self.script.truth(link, Times { from, to: slot.to }).down_ms))
            })
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use hearth_proto::{Record, UnixMs};

    use super::*;

    #[test]
    fn a_month_of_records_tells_the_truth() {
        let start = UnixMs(1_761_955_200_000);
        let span = Times { from: start, to: start.plus(10 * 86_400_000) };
        let home = Household::ordinary("h1", span, 11).unwrap();
        let mut seen = HashMap::new();
        for r in home.records() {
            if let Record::Slot(s) = r.record {
                seen.insert((s.link.clone(), s.start), (s.down_ms, s.unjudged_ms));
            }
        }
        let mut kinds = HashMap::new();
        for (i, link) in home.links.iter().enumerate() {
            let mut down = 0;
            for slot in home.slots() {
                let expected = home.expected(i, slot);
                *kinds.entry(expected).or_insert(0) += 1;
                let reported = seen.get(&(link.name.clone(), slot.from)).copied();
                let judged = reported.map_or(0, |r| 60_000 - r.1);
                down += reported.map_or(0, |r| u64::from(r.0));
                let told = match reported {
                    Some((_, unjudged)) if unjudged > 30_000 => Expected::Unknown,
                    None => Expected::Unknown,
                    Some((0, _)) => Expected::Up,
                    Some((ms, _)) if ms * 2 > judged => Expected::Down,
                    Some(_) => Expected::PartlyDown,
                };
                assert!(expected == Expected::Edge || told == expected, "{link:?} {slot:?}");
            }
            assert!(down.abs_diff(home.down_ms(i)) < 60_000, "{down} {}", home.down_ms(i));
        }
        for kind in [Expected::Unknown, Expected::Up, Expected::PartlyDown, Expected::Down] {
            assert!(kinds[&kind] > 0, "{kind:?} is not tried");
        }
    }
}
