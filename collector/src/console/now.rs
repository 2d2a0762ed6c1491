//! What works in a home now, in words. Pure.

use hearth_proto::UnixMs;

use super::look::Look as _;
use super::words;
use crate::gaps::{Incident, Segment};
use crate::history::Span;
use crate::ledger::{ActivitySummary, LedgerSummary, State};

/// The state of a home now.
#[derive(Debug, Clone, PartialEq)]
pub struct Now {
    /// The whole in one word.
    pub state: State,
    /// The whole in one sentence.
    pub headline: String,
    /// What does not work, since when, on which segment.
    pub trouble: Vec<String>,
    /// Each link's state.
    pub links: Vec<LinkNow>,
    /// Each activity's, with since when.
    pub activities: Vec<ActivityNow>,
    /// Share of the window with evidence.
    pub coverage: Option<f64>,
}

/// One link now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkNow {
    /// Its name for a person.
    pub label: String,
    /// Up, down or not known.
    pub state: State,
}

/// One activity now, on any link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActivityNow {
    /// Its name.
    pub name: String,
    /// Its state.
    pub state: State,
    /// Since when; `None`: since before the window.
    pub since: Option<UnixMs>,
    /// What holds it down while it is DEGRADED.
    pub held: Option<String>,
}

/// The home's state in one word: DOWN when every activity known is, DEGRADED
/// when some is not OK, UNKNOWN without evidence.
pub fn overall(anywhere: &[ActivitySummary]) -> State {
    let count = |s: State| anywhere.iter().filter(|a| a.now == s).count();
    let (ok, degraded, down) = (count(State::Ok), count(State::Degraded), count(State::Down));
    if ok + degraded + down == 0 {
        if count(State::Excluded) > 0 { State::Excluded } else { State::Unknown }
    } else if down > 0 && ok + degraded == 0 {
        State::Down
    } else if degraded + down > 0 {
        State::Degraded
    } else {
        State::Ok
    }
}

/// What a person asks for when looking at a home.
pub struct Facts<'a> {
    /// The ledger of the window that ends now.
    pub ledger: &'a LedgerSummary,
    /// Incidents of links within it.
    pub incidents: &'a [Incident],
    /// Incidents of the whole home within it.
    pub home_incidents: &'a [Incident],
    /// When the last evidence ends.
    pub last_evidence: Option<UnixMs>,
    /// What holds each of the ledger's activities down, where one is DEGRADED.
    pub held: &'a [Option<String>],
    /// The present.
    pub now: UnixMs,
}

/// Puts the facts in words. `clock` puts a point in words.
pub fn say(facts: &Facts<'_>, clock: impl Fn(UnixMs) -> String) -> Now {
    let ledger = facts.ledger;
    let state = overall(&ledger.anywhere);
    let links: Vec<LinkNow> = ledger
        .links
        .iter()
        .map(|l| LinkNow { label: l.link.label.clone(), state: l.now })
        .collect();
    let activities = ledger.anywhere.iter().enumerate();
    let activities = activities
        .map(|(i, a)| activity(a, ledger.span, facts.held.get(i).cloned().flatten()))
        .collect();
    let mut trouble = activity_trouble(facts, &clock);
    if state != State::Down {
        trouble.extend(link_trouble(facts, state, &clock));
    }
    Now {
        state,
        headline: headline(facts, state),
        trouble,
        links,
        activities,
        coverage: coverage(&ledger.anywhere),
    }
}

fn activity(a: &ActivitySummary, window: Span, held: Option<String>) -> ActivityNow {
    ActivityNow {
        name: a.activity.name.clone(),
        state: a.now,
        since: (a.since > window.from).then_some(a.since),
        held,
    }
}

fn headline(facts: &Facts<'_>, state: State) -> String {
    let anywhere = &facts.ledger.anywhere;
    let ok = anywhere.iter().filter(|a| a.now == State::Ok).count();
    let known = anywhere.iter().filter(|a| a.now.is_known()).count();
    match state {
        State::Unknown => match facts.last_evidence {
            Some(at) => {
                let age = words::length(facts.now.since(at));
                format!("No report for {age}: what works now is not known.")
            }
            None => format!(
                "No measurement in the last {}: what works now is not known.",
                words::length(super::source::NOW_WINDOW)
            ),
        },
        State::Excluded => "This time is left out of account.".to_owned(),
        State::Ok if known == anywhere.len() => format!("All {ok} activities work."),
        State::Ok => {
            format!("{ok} of {} activities work; the others are not known.", anywhere.len())
        }
        _ if ok == 0 => "Nothing works now.".to_owned(),
        _ => format!("{ok} of {} activities work.", anywhere.len()),
    }
}

/// One line per state and time, with the activities that share them.
fn activity_trouble(facts: &Facts<'_>, clock: &impl Fn(UnixMs) -> String) -> Vec<String> {
    let held = |i: usize| facts.held.get(i).and_then(Option::as_deref);
    let all = facts.ledger.anywhere.iter().enumerate();
    let bad: Vec<(&ActivitySummary, Option<&str>)> =
        all.filter(|(_, a)| a.now.is_bad()).map(|(i, a)| (a, held(i))).collect();
    let mut keys: Vec<(State, UnixMs)> = Vec::new();
    for (a, _) in &bad {
        if !keys.contains(&(a.now, a.since)) {
            keys.push((a.now, a.since));
        }
    }
    let lines = keys.into_iter().map(|(state, since)| {
        let of = bad.iter().filter(|(a, _)| (a.now, a.since) == (state, since)).copied();
        let what = what(of.collect(), facts.ledger.anywhere.len());
        let place = facts.home_incidents.iter().rev().find(|i| i.end.is_none());
        format!(
            "{} {}{}: {what}.",
            state.word(),
            time(since, facts.ledger.span, clock),
            place.map_or_else(String::new, |i| segment(i.segment))
        )
    });
    lines.collect()
}

/// Activities, those that the same thing holds down together.
fn what(of: Vec<(&ActivitySummary, Option<&str>)>, activities: usize) -> String {
    let every = of.len() == activities;
    let mut by: Vec<(Option<&str>, Vec<String>)> = Vec::new();
    for (a, held) in of {
        let name = words::within(&a.activity.name);
        match by.iter_mut().find(|(other, _)| *other == held) {
            Some((_, names)) => names.push(name),
            None => by.push((held, vec![name])),
        }
    }
    let alone = by.len() == 1;
    let parts = by.iter().map(|(held, names)| {
        let names = if every && alone { "every activity".to_owned() } else { words::list(names) };
        held.map_or_else(|| names.clone(), |held| format!("{names} by {held}"))
    });
    parts.collect::<Vec<_>>().join("; ")
}

/// Links that are down.
fn link_trouble(facts: &Facts<'_>, state: State, clock: &impl Fn(UnixMs) -> String) -> Vec<String> {
    let down = facts.ledger.links.iter().filter(|l| l.now == State::Down);
    let lines = down.map(|l| {
        let open =
            facts.incidents.iter().rev().find(|i| {
                i.end.is_none() && i.link.as_ref().is_some_and(|x| x.index == l.link.index)
            });
        let since = open.map_or_else(String::new, |i| {
            format!(" {}{}", time(i.start.at, facts.ledger.span, clock), segment(i.segment))
        });
        let rest = if state == State::Ok { "; another link carries the home" } else { "" };
        format!("{} is DOWN{since}{rest}.", l.link.label)
    });
    lines.collect()
}

fn time(since: UnixMs, window: Span, clock: &impl Fn(UnixMs) -> String) -> String {
    if since > window.from {
        format!("since {}", clock(since))
    } else {
        format!("for over {}", words::length(window.to.since(window.from)))
    }
}

fn segment(segment: Segment) -> String {
    match segment {
        Segment::CannotTell => " (segment: cannot tell)".to_owned(),
        known => format!(" (segment: {})", known.words()),
    }
}

fn coverage(anywhere: &[ActivitySummary]) -> Option<f64> {
    let (mut known, mut all) = (0, 0);
    for a in anywhere {
        known += a.counts.known();
        all += a.counts.known() + a.counts.unknown;
    }
    (all > 0).then(|| known as f64 / all as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Counts;
    use crate::report::ActivityRef;

    const HOUR: i64 = 3_600_000;

    fn activity(name: &str, now: State, since: i64) -> ActivitySummary {
        ActivitySummary {
            activity: ActivityRef { id: name.to_lowercase(), name: name.to_owned() },
            counts: Counts { ok: 45, unknown: 15, ..Counts::default() },
            now,
            since: UnixMs(since),
        }
    }

    fn said(anywhere: Vec<ActivitySummary>, last: Option<i64>) -> Now {
        said_held(anywhere, &[], last)
    }

    fn said_held(
        anywhere: Vec<ActivitySummary>,
        held: &[Option<String>],
        last: Option<i64>,
    ) -> Now {
        let ledger = LedgerSummary {
            span: Span { from: UnixMs(0), to: UnixMs(HOUR) },
            slot_ms: 60_000,
            slots: 60,
            links: Vec::new(),
            anywhere,
        };
        let facts = Facts {
            ledger: &ledger,
            incidents: &[],
            home_incidents: &[],
            last_evidence: last.map(UnixMs),
            held,
            now: UnixMs(HOUR),
        };
        say(&facts, |at| format!("minute {}", at.0 / 60_000))
    }

    #[test]
    fn a_silent_home_is_unknown_and_never_down() {
        let now = said(vec![activity("Web", State::Unknown, 0)], Some(HOUR - 720_000));
        assert_eq!(now.state, State::Unknown);
        assert_eq!(now.headline, "No report for 12 min: what works now is not known.");
        assert!(now.trouble.is_empty());
    }

    #[test]
    fn what_fails_together_is_said_together() {
        let now = said(
            vec![
                activity("Web", State::Ok, 0),
                activity("Game", State::Degraded, 600_000),
                activity("Video call", State::Degraded, 600_000),
            ],
            Some(HOUR),
        );
        assert_eq!(now.state, State::Degraded);
        assert_eq!(now.headline, "1 of 3 activities work.");
        assert_eq!(now.trouble, ["DEGRADED since minute 10: game and video call."]);
        assert_eq!(now.coverage, Some(0.75));
    }

    #[test]
    fn what_holds_them_down_sets_activities_apart() {
        let since = |name| activity(name, State::Degraded, 600_000);
        let held = [Some("RTT p99"), Some("RTT p99"), Some("loss"), None];
        let held = held.map(|h| h.map(str::to_owned));
        let all = vec![since("Web"), since("Game"), since("Film"), activity("Alarm", State::Ok, 0)];
        let now = said_held(all, &held, Some(HOUR));
        assert_eq!(
            now.trouble,
            ["DEGRADED since minute 10: web and game by RTT p99; film by loss."]
        );
        assert_eq!(now.activities[2].held.as_deref(), Some("loss"));
        assert_eq!(now.activities[3].held, None);
        let now = said_held(vec![since("Web"), since("Game")], &held, Some(HOUR));
        assert_eq!(now.trouble, ["DEGRADED since minute 10: every activity by RTT p99."]);
    }

    #[test]
    fn a_home_is_down_only_when_nothing_works() {
        use State::{Degraded, Down, Excluded, Ok, Unknown};
        let state = |states: &[State]| {
            let all: Vec<_> = states.iter().map(|&s| activity("A", s, 0)).collect();
            overall(&all)
        };
        assert_eq!(state(&[Down, Down]), Down);
        assert_eq!(state(&[Down, Unknown]), Down);
        assert_eq!(state(&[Down, Ok]), Degraded);
        assert_eq!(state(&[Degraded, Down]), Degraded);
        assert_eq!(state(&[Ok, Unknown]), Ok);
        assert_eq!(state(&[Unknown, Excluded]), Excluded);
        assert_eq!(state(&[]), Unknown);
    }
}
