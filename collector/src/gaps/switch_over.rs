//! How long the home's traffic took to another link once the primary one had failed,
//! as agents saw it, and what that takes off each rescue.

use hearth_proto::{Event, EventKind, UnixMs};

use super::runs::Run;
use super::{Rescues, SwitchOver};
use crate::history::History;
use crate::ledger::{Ledger, State};
use crate::report::figure::{Figure, Interval, IntervalMethod, Unit};
use crate::report::median::median;

/// From the primary link to a backup, by the outage's start.
#[derive(Debug, Default)]
pub(super) struct SwitchOvers(Vec<SwitchOver>);

impl SwitchOvers {
    pub(super) fn of(
        history: &History,
        ledger: &Ledger,
        primary: Option<usize>,
        backups: &[usize],
    ) -> Self {
        let Some(primary) = primary.map(|p| &ledger.links[p]) else { return Self::default() };
        let backups = || backups.iter().map(|b| &ledger.links[*b]);
        let seen = |(agent, event): &(_, Event)| {
            let EventKind::TrafficMoved { from, to, answered_after_ms, routed_after_ms } =
                &event.kind
            else {
                return None;
            };
            let of = |link: &&crate::report::names::LinkRef| link.agent == *agent;
            let from = Some(primary).filter(of).filter(|link| link.link == *from)?;
            let to = backups().filter(of).find(|link| link.link == *to)?;
            Some(SwitchOver {
                from: from.clone(),
                to: to.clone(),
                outage_start: event.at.plus(-i64::from(*answered_after_ms)),
                answered_after_ms: (*answered_after_ms).into(),
                routed_after_ms: routed_after_ms.map(u64::from),
            })
        };
        let mut found: Vec<SwitchOver> = history.events.iter().filter_map(seen).collect();
        found.retain(|s| !is_excluded(ledger, s.from.index, s.outage_start));
        found.sort_by_key(|s| (s.outage_start, s.answered_after_ms));
        Self(found)
    }

    /// The median time. Each was seen, and nothing is estimated: one is enough.
    pub(super) fn figure(&self) -> Figure {
        let Some(median_ms) = self.median_ms() else {
            let why = "no traffic of the home was seen moving from the primary to a mobile link";
            return Figure::not_enough(why, 0, 1, "switch-overs");
        };
        let seconds = |ms: u64| ms as f64 / 1000.0;
        let least = self.0.iter().map(|s| s.routed_after_ms.unwrap_or(s.answered_after_ms)).min();
        let most = self.0.iter().map(|s| s.answered_after_ms).max();
        let range = least.zip(most).map(|(least, most)| Interval {
            low: seconds(least),
            high: seconds(most),
            level: None,
            method: IntervalMethod::Observed,
        });
        let count = self.0.len() as u64;
        Figure::new(seconds(median_ms), Unit::Seconds, count, "switch-overs").within(range)
    }

    fn median_ms(&self) -> Option<u64> {
        let mut all: Vec<u64> = self.0.iter().map(|s| s.answered_after_ms).collect();
        median(&mut all, u64::cmp)
    }

    /// What rescues lost: each its own time, else the median; none more than it saved.
    pub(super) fn taken_off(&self, ledger: &Ledger, rescues: &[Run]) -> Rescues {
        let slot_ms = i64::from(ledger.slot.ms());
        let mut own = vec![None; rescues.len()];
        for switch_over in &self.0 {
            // The first slots of the outage may not have been bad for each activity.
            let answered = switch_over.answered().plus(slot_ms);
            let place =
                rescues.partition_point(|run| ledger.at(run.last + 1) <= switch_over.outage_start);
            if rescues.get(place).is_some_and(|run| ledger.at(run.first) < answered) {
                *own[place].get_or_insert(0) += switch_over.answered_after_ms;
            }
        }
        let lost = |median_ms: u64| {
            let of = |(run, own): (&Run, &Option<u64>)| {
                own.unwrap_or(median_ms).min(run.bad as u64 * slot_ms as u64)
            };
            rescues.iter().zip(&own).map(of).sum()
        };
        Rescues {
            times: rescues.len() as u64,
            timed: own.iter().flatten().count() as u64,
            switch_over_ms: self.median_ms().map(lost),
        }
    }

    pub(super) fn into_list(self) -> Vec<SwitchOver> {
        self.0
    }
}

impl SwitchOver {
    /// When the home's traffic was seen answered by the backup.
    pub fn answered(&self) -> UnixMs {
        self.outage_start.plus(self.answered_after_ms as i64)
    }
}

fn is_excluded(ledger: &Ledger, link: usize, at: UnixMs) -> bool {
    let slot = at.since(ledger.at(0)).div_euclid(i64::from(ledger.slot.ms()));
    let cell = usize::try_from(slot).ok().and_then(|slot| ledger.connection(link).get(slot));
    cell.is_some_and(|cell| cell.state() == State::Excluded)
}

#[cfg(test)]
mod tests {
    use hearth_proto::Technology;
    use jiff::tz::TimeZone;

    use super::*;
    use crate::gaps::Gaps;
    use crate::history::{Exclusion, Span};
    use crate::qoe::catalogue::Catalogue;
    use crate::scripted::{START, Script, ScriptLink, Switch, What};

    /// Fibre that is out for three minutes every ten, and two mobile links.
    fn home(outages: i64, switches: Vec<Switch>) -> Script {
        let fibre = ScriptLink::new("eth0", Technology::Fttp, 20);
        let fibre = (0..outages).fold(fibre, |link, n| {
            let from = (n * 10 + 5) * 60_000;
            link.trouble(from, from + 180_000, What::Access)
        });
        let five_g = ScriptLink::new("wwan0", Technology::NrSa, 35);
        let four_g = ScriptLink::new("wwan1", Technology::Lte, 60);
        let script = Script::minutes(outages * 10 + 10, vec![fibre, five_g, four_g]);
        Script { switches, ..script }
    }

    fn switch(outage: i64, to: &'static str, answered_after_ms: u32) -> Switch {
        let outage_ms = (outage * 10 + 5) * 60_000;
        Switch { from: "eth0", to, outage_ms, answered_after_ms, routed_after_ms: None }
    }

    fn gaps(script: &Script) -> Gaps {
        let history = script.history();
        let ledger = Ledger::build(&history, &Catalogue::built_in());
        Gaps::build(&history, &ledger, &TimeZone::UTC)
    }

    #[test]
    fn a_rescue_loses_its_own_time_and_the_others_the_median() {
        let routed = Switch { routed_after_ms: Some(9_000), ..switch(2, "wwan1", 30_000) };
        let gaps = gaps(&home(4, vec![switch(0, "wwan0", 10_000), routed]));
        let time = gaps.switch_over.measured().unwrap();
        assert_eq!((time.value, time.unit, time.count), (10.0, Unit::Seconds, 2));
        let range = time.interval.unwrap();
        assert_eq!((range.low, range.high, range.method), (9.0, 30.0, IntervalMethod::Observed));
        let starts: Vec<_> = gaps.switch_overs.iter().map(|s| s.outage_start).collect();
        assert_eq!(starts, [START.plus(300_000), START.plus(1_500_000)]);
        for a in &gaps.activities {
            let lost = Rescues { times: 4, timed: 2, switch_over_ms: Some(60_000) };
            assert_eq!(a.rescues, lost, "{}", a.activity.id);
            // Of twelve minutes, one.
            assert_eq!((a.saved.ms, a.unsaved.ms), (720_000, 0));
            assert_eq!(a.rescue.value(), Some(11.0 / 12.0), "{}", a.activity.id);
        }
    }

    #[test]
    fn where_none_was_seen_nothing_is_taken_off_and_that_is_said() {
        let gaps = gaps(&home(2, Vec::new()));
        assert_eq!(gaps.switch_over.value(), None);
        assert_eq!(gaps.switch_overs, []);
        for a in &gaps.activities {
            assert_eq!(a.rescues, Rescues { times: 2, timed: 0, switch_over_ms: None });
            assert_eq!(a.rescue.value(), Some(1.0));
        }
    }

    #[test]
    fn no_rescue_loses_more_than_it_saved() {
        let gaps = gaps(&home(1, vec![switch(0, "wwan0", 599_000)]));
        assert_eq!(gaps.activities[0].rescues.switch_over_ms, Some(180_000));
        assert_eq!(gaps.activities[0].rescue.value(), Some(0.0));
    }

    #[test]
    fn only_the_primarys_own_time_counts_and_none_of_what_is_excluded() {
        let between = Switch { from: "wwan0", ..switch(0, "wwan1", 5_000) };
        let mut script = home(2, vec![between, switch(1, "wwan0", 20_000)]);
        assert_eq!(gaps(&script).switch_over.value(), Some(20.0));
        script.exclusions.push(Exclusion {
            link: None,
            span: Span { from: START, to: START.plus(1_800_000) },
            by: "noc".into(),
            why: "works on the line".into(),
        });
        assert_eq!(gaps(&script).switch_over.value(), None);
    }
}
