//! What a collector makes of a household, held against the truth.

use std::collections::{BTreeMap, HashSet};

use hearth_collector::gaps::{Gaps, IncidentKind};
use hearth_collector::history::History;
use hearth_collector::ledger::{Ledger, State};
use hearth_proto::{LinkName, UnixMs};

use super::household::Household;
use super::script::{Times, Trouble};
use super::truth::Expected;

/// An incident's start and end may be off by this, against the script.
pub const EDGE_MS: u64 = 2_000;
/// Outages nearer to another trouble than this may be told as one with it.
const APART_MS: i64 = 10 * 60_000;

/// A collector that does not tell the truth.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Untruth {
    /// Links missing, or in another order.
    #[error("links are {found:?}, not {expected:?}")]
    Links {
        /// As told.
        found: Vec<LinkName>,
        /// As they are.
        expected: Vec<LinkName>,
    },
    /// Slots missing, or there twice.
    #[error("{link}: {found} slots, {distinct} of them distinct, not {expected}")]
    Slots {
        /// Whose.
        link: LinkName,
        /// All.
        found: usize,
        /// With a start of their own.
        distinct: usize,
        /// As reported.
        expected: usize,
    },
    /// Time down that is not the script's.
    #[error("{link}: down for {found} ms, not {expected} ms")]
    DownTime {
        /// Whose.
        link: LinkName,
        /// As told.
        found: u64,
        /// As scripted.
        expected: u64,
    },
    /// A slot's state that is not the script's.
    #[error("{link}, {activity} at {at:?}: {found:?}, but it was {expected:?}")]
    State {
        /// Whose.
        link: LinkName,
        /// For what; `connection` for the link alone.
        activity: String,
        /// When.
        at: UnixMs,
        /// As told.
        found: State,
        /// As scripted.
        expected: Expected,
    },
    /// A scripted outage without its incident.
    #[error("{link}: the outage {times:?} has no incident within {EDGE_MS} ms of it")]
    Incident {
        /// Whose.
        link: LinkName,
        /// When.
        times: Times,
    },
}

/// Each link's reported slots are there once, and down for as long as it was.
pub fn history(home: &Household, history: &History) -> Result<(), Untruth> {
    let names = |h: &History| h.links.iter().map(|l| l.info.link.clone()).collect::<Vec<_>>();
    let expected: Vec<LinkName> = home.links.iter().map(|l| l.name.clone()).collect();
    if names(history) != expected {
        return Err(Untruth::Links { found: names(history), expected });
    }
    let reported = home.reported_link_slots() / home.links.len();
    for (i, link) in history.links.iter().enumerate() {
        let name = || link.info.link.clone();
        let (found, starts) = (link.slots.len(), link.slots.iter().map(|s| s.start));
        let distinct = starts.collect::<HashSet<_>>().len();
        if found != reported || distinct != reported {
            return Err(Untruth::Slots { link: name(), found, distinct, expected: reported });
        }
        let found: u64 = link.slots.iter().map(|s| u64::from(s.down_ms)).sum();
        let expected = home.down_ms(i);
        // Both ends of an outage are seen at the next probe: their delays differ by less.
        let slack = u64::from(home.pace.stamp_ms) * home.script.troubles.len() as u64;
        if found.abs_diff(expected) > slack {
            return Err(Untruth::DownTime { link: name(), found, expected });
        }
    }
    Ok(())
}

/// Slots compared, by what they were.
pub type Compared = BTreeMap<Expected, u64>;

/// Every slot of every link, and of each activity on it, is what the script says:
/// silence UNKNOWN, an outage DOWN and nothing else DOWN.
pub fn ledger(home: &Household, ledger: &Ledger) -> Result<Compared, Untruth> {
    let mut compared = Compared::new();
    for (i, link) in home.links.iter().enumerate() {
        let connection = ledger.connection(i);
        for (n, slot) in home.slots().enumerate() {
            let expected = home.expected(i, slot);
            *compared.entry(expected).or_default() += 1;
            let untrue = |activity: &str, found| Untruth::State {
                link: link.name.clone(),
                activity: activity.to_owned(),
                at: slot.from,
                found,
                expected,
            };
            let found = connection[n].state();
            let is_true = match expected {
                Expected::Unknown => found == State::Unknown,
                Expected::Up => found == State::Ok,
                Expected::PartlyDown => found == State::Degraded,
                Expected::Down => found == State::Down,
                Expected::Edge => found != State::Unknown,
            };
            if !is_true {
                return Err(untrue("connection", found));
            }
            for (a, activity) in ledger.activities.iter().enumerate() {
                let of_activity = ledger.column(i, a)[n].state();
                let is_true = match found {
                    State::Unknown => of_activity == State::Unknown,
                    State::Down => of_activity == State::Down,
                    _ => of_activity != State::Down,
                };
                if !is_true {
                    return Err(untrue(&activity.id, of_activity));
                }
            }
        }
    }
    Ok(compared)
}

/// Every scripted outage that stands alone is one incident, with its start and end
/// known to the probe. Returns how many were looked for.
pub fn outages(home: &Household, gaps: &Gaps) -> Result<usize, Untruth> {
    let mut looked_for = 0;
    for trouble in &home.script.troubles {
        let Trouble::Outage { links, times, .. } = trouble else { continue };
        let around = Times { from: times.from.plus(-APART_MS), to: times.to.plus(APART_MS) };
        for &i in links {
            let name = &home.links[i].name;
            let is_alone = home.script.within(around).all(|t| t == trouble || !t.is_on(i));
            if !is_alone || around.from < home.span.from || around.to > home.span.to {
                continue;
            }
            looked_for += 1;
            let near = |a: UnixMs, b: UnixMs| a.since(b).unsigned_abs() <= EDGE_MS;
            let is_told = gaps.incidents.iter().any(|incident| {
                incident.kind == IncidentKind::Outage
                    && incident.link.as_ref().is_some_and(|l| l.link == *name)
                    && near(incident.start.at, times.from)
                    && incident.end.as_ref().is_some_and(|end| near(end.at, times.to))
            });
            if !is_told {
                return Err(Untruth::Incident { link: name.clone(), times: *times });
            }
        }
    }
    Ok(looked_for)
}

#[cfg(test)]
mod tests {
    use hearth_collector::qoe::catalogue::Catalogue;
    use jiff::tz::TimeZone;

    use super::*;

    #[test]
    fn the_truth_passes_and_a_lie_is_named() {
        let start = UnixMs(1_761_955_200_000);
        let span = Times { from: start, to: start.plus(2 * 86_400_000) };
        let home = Household::ordinary("h1", span, 4).unwrap();
        let (catalogue, mut told) = (Catalogue::built_in(), home.history());
        history(&home, &told).unwrap();
        let judged = Ledger::build(&told, &catalogue);
        let compared = ledger(&home, &judged).unwrap();
        assert_eq!(compared.values().sum::<u64>(), 3 * 2 * 1440);
        let mut gaps = Gaps::build(&told, &judged, &TimeZone::UTC);
        assert!(outages(&home, &gaps).unwrap() > 0);

        gaps.incidents.clear();
        assert!(matches!(outages(&home, &gaps), Err(Untruth::Incident { .. })));
        let outage = told.links[1].slots.iter().position(|s| s.down_ms == 0).unwrap();
        let slot = &mut told.links[1].slots[outage];
        (slot.down_ms, slot.down_cause) = (60_000, Some(hearth_proto::DownCause::Probes));
        let judged = Ledger::build(&told, &catalogue);
        assert!(matches!(ledger(&home, &judged), Err(Untruth::State { .. })));
        told.links[2].slots.pop();
        assert!(matches!(
            history(&home, &told),
            Err(Untruth::DownTime { .. } | Untruth::Slots { .. })
        ));
        told.links.swap(0, 2);
        assert!(matches!(history(&home, &told), Err(Untruth::Links { .. })));
    }
}
