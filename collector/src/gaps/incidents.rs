//! Incidents: runs of bad slots with their edges, extent and place. Outages and
//! degradations are runs of their own, so that a bad quarter of an hour around an
//! outage does not blur the outage's start and end. An outage is any time judged
//! down, a part of a slot too.

use hearth_proto::{Event, EventKind, UnixMs};

use super::fact::Fact;
use super::runs::{BRIDGE, Part, Run, runs_among};
use super::scan::{self, Slots};
use super::segment::Witness;
use super::{Edge, Incident, IncidentKind, MOST_INCIDENTS, Segment};
use crate::history::{History, LinkHistory, Span};
use crate::ledger::{Cell, Ledger, Limit, State};
use crate::report::names::ActivityRef;

/// All incidents of one kind of place, the listed ones and how many more.
pub(super) struct Listed {
    pub(super) incidents: Vec<Incident>,
    pub(super) left_off: u64,
}

/// A change of a link's state, by the agent's own event.
#[derive(Clone, Copy)]
struct Change {
    at: UnixMs,
    down: bool,
}

fn changes(history: &History, link: &LinkHistory) -> Vec<Change> {
    let mut changes: Vec<Change> = history
        .events
        .iter()
        .filter(|(agent, _)| *agent == link.agent)
        .filter_map(|(_, Event { at, kind, .. })| match kind {
            EventKind::LinkState { link: name, down } if *name == link.info.link => {
                Some(Change { at: *at, down: down.is_some() })
            }
            _ => None,
        })
        .collect();
    changes.sort_by_key(|c| (c.at, c.down));
    changes
}

struct Found {
    kind: IncidentKind,
    run: Run,
}

/// The runs of both kinds in a column of the connection and those of activities.
fn find(connection: &[Cell], activities: &[&[Cell]]) -> Vec<Found> {
    let out = |c: Cell| c.limit() == Limit::Outage;
    // Outages and exclusions, which no degradation reaches over.
    let mut barriers = Slots::none(connection.len());
    let mut outage = Vec::new();
    for (slot, cell) in scan::not_ok(connection) {
        let excluded = cell.state() == State::Excluded;
        if excluded || out(cell) {
            barriers.put(slot);
            outage.push((slot, if excluded { Part::Barrier } else { Part::Bad }));
        }
    }
    let mut marked = barriers.clone();
    for column in activities {
        for (slot, cell) in scan::not_ok(column) {
            if cell.state() == State::Degraded && !out(cell) {
                marked.put(slot);
            }
        }
    }
    let degradation = marked
        .rising()
        .map(|slot| (slot, if barriers.holds(slot) { Part::Barrier } else { Part::Bad }));
    let found = |kind| move |run| Found { kind, run };
    let mut all: Vec<Found> =
        runs_among(outage, BRIDGE).into_iter().map(found(IncidentKind::Outage)).collect();
    all.extend(runs_among(degradation, BRIDGE).into_iter().map(found(IncidentKind::Degradation)));
    all
}

/// Keeps the weightiest: outages first, then the longest. In order of start.
fn keep(mut all: Vec<Found>) -> (Vec<Found>, u64) {
    let left_off = all.len().saturating_sub(MOST_INCIDENTS);
    if left_off > 0 {
        all.sort_by_key(|f| (f.kind, std::cmp::Reverse(f.run.bad), f.run.first));
        all.truncate(MOST_INCIDENTS);
    }
    all.sort_by_key(|f| (f.run.first, f.kind));
    (all, left_off as u64)
}

impl Run {
    fn span(self, ledger: &Ledger) -> Span {
        Span { from: ledger.at(self.first), to: ledger.at(self.last + 1) }
    }
}

fn edge(at: UnixMs, source: &str) -> Edge {
    Edge { at, to_the_probe: false, source: source.to_owned() }
}

const PROBE: &str = "the first probe that showed the change";

/// Where an outage starts and ends. Down time at the first slot's end and at the
/// last slot's start stands in where the agent sent no event.
fn outage_edges(
    ledger: &Ledger,
    run: Run,
    down: Option<UnixMs>,
    up: Option<UnixMs>,
    link: Option<usize>,
) -> (Edge, Option<Edge>) {
    let Span { from, to } = run.span(ledger);
    let slot_ms = i64::from(ledger.slot.ms());
    let down_ms = |slot: usize| {
        let ms = link.map_or(0, |l| ledger.columns.links[l].down_ms[slot]);
        i64::from(ms).min(slot_ms)
    };
    let probe = |at| Edge { at, to_the_probe: true, source: PROBE.to_owned() };
    let part = |ms: i64| ms > 0 && ms < slot_ms;
    let start = down.map_or_else(
        || match down_ms(run.first) {
            ms if part(ms) && run.last > run.first => {
                edge(from.plus(slot_ms - ms), "the time judged down in its first slot")
            }
            _ => edge(from, "the start of its first slot"),
        },
        probe,
    );
    let end = up.map(probe).or_else(|| {
        let next = ledger.grid.slots > run.last + 1;
        match down_ms(run.last) {
            ms if part(ms) && run.last > run.first => {
                Some(edge(to.plus(ms - slot_ms), "the time judged down in its last slot"))
            }
            _ if next => Some(edge(to, "the end of its last slot")),
            _ => None,
        }
    });
    (start, end)
}

/// How long before a run's first slot its change to down may lie: belief takes its
/// time, and the slots meanwhile may have been closed without down time.
const BELIEF_MS: i64 = 60_000;

/// The first change to down in the first slot, else the one that led there; the
/// last change in the last slot, if it is to up.
fn by_events(ledger: &Ledger, run: Run, changes: &[Change]) -> (Option<UnixMs>, Option<UnixMs>) {
    let (first, last) = (ledger.at(run.first), ledger.at(run.last));
    let slot_ms = i64::from(ledger.slot.ms());
    let within = |c: &&Change, from: UnixMs| c.at >= from && c.at <= from.plus(slot_ms);
    let led_there = || {
        let earliest = first.plus(-BELIEF_MS.max(2 * slot_ms));
        let before = changes.iter().rev().find(|c| c.at < first);
        before.filter(|c| c.down && c.at >= earliest)
    };
    let down = changes.iter().filter(|c| c.down).find(|c| within(c, first)).or_else(led_there);
    let up = changes.iter().rev().find(|c| within(c, last)).filter(|c| !c.down);
    let down = down.map(|c| c.at);
    (down, up.map(|c| c.at).filter(|up| down.is_none_or(|down| *up >= down)))
}

fn slot_edges(ledger: &Ledger, run: Run) -> (Edge, Option<Edge>) {
    let Span { from, to } = run.span(ledger);
    let end = (ledger.slots() > run.last + 1).then(|| edge(to, "the end of its last slot"));
    (edge(from, "the start of its first slot"), end)
}

fn hit(ledger: &Ledger, run: Run, columns: &[&[Cell]]) -> Vec<ActivityRef> {
    let bad = |c: &[Cell]| scan::any_bad(&c[run.first..=run.last]);
    let hit = columns.iter().zip(&ledger.activities).filter(|(c, _)| bad(c));
    hit.map(|(_, activity)| activity.clone()).collect()
}

fn assemble(
    ledger: &Ledger,
    found: &Found,
    edges: (Edge, Option<Edge>),
    columns: &[&[Cell]],
    connection: &[Cell],
) -> Incident {
    let run = found.run;
    let (start, end) = edges;
    let until = end.as_ref().map_or(ledger.at(run.last + 1), |e| e.at);
    let down = connection[run.first..=run.last].iter().any(|c| c.state() == State::Down);
    Incident {
        link: None,
        kind: found.kind,
        length_ms: until.since(start.at).max(0) as u64,
        start,
        end,
        slots: run.bad as u64,
        worst: if down { State::Down } else { State::Degraded },
        activities: hit(ledger, run, columns),
        segment: Segment::CannotTell,
        evidence: Vec::new(),
        facts: Vec::new(),
        worked_on: Vec::new(),
    }
}

fn words(facts: &[Fact], ledger: &Ledger) -> Vec<String> {
    facts.iter().map(|f| f.words(&ledger.links)).collect()
}

/// Each link's incidents.
pub(super) fn of_links(history: &History, ledger: &Ledger) -> Listed {
    let witnesses = Witness::all(history, ledger);
    let mut incidents = Vec::new();
    let mut left_off = 0;
    for (l, link) in ledger.links.iter().enumerate() {
        let columns: Vec<&[Cell]> =
            (0..ledger.activities.len()).map(|a| ledger.column(l, a)).collect();
        let connection = ledger.connection(l);
        let changes = changes(history, &history.links[l]);
        let (kept, more) = keep(find(connection, &columns));
        left_off += more;
        for found in kept {
            let edges = match found.kind {
                IncidentKind::Outage => {
                    let (down, up) = by_events(ledger, found.run, &changes);
                    outage_edges(ledger, found.run, down, up, Some(l))
                }
                IncidentKind::Degradation => slot_edges(ledger, found.run),
            };
            let mut incident = assemble(ledger, &found, edges, &columns, connection);
            (incident.segment, incident.facts) = witnesses[l].segment(found.run, &witnesses);
            incident.evidence = words(&incident.facts, ledger);
            incident.worked_on = worked_on(ledger, found.run, l);
            incident.link = Some(link.clone());
            incidents.push(incident);
        }
    }
    incidents.sort_by_key(|i| (i.start.at, i.kind));
    Listed { incidents, left_off }
}

/// Links on which some activity that was bad on `link` was OK in at least half of
/// the run's slots.
fn worked_on(ledger: &Ledger, run: Run, link: usize) -> Vec<crate::report::names::LinkRef> {
    let slots = run.first..=run.last;
    let enough = slots.clone().count().div_ceil(2);
    let carried = |other: usize| {
        (0..ledger.activities.len()).any(|a| {
            let own = &ledger.column(link, a)[slots.clone()];
            let theirs = &ledger.column(other, a)[slots.clone()];
            scan::any_bad(own) && scan::counts(theirs).ok as usize >= enough
        })
    };
    let others = (0..ledger.links.len()).filter(|o| *o != link && carried(*o));
    others.map(|o| ledger.links[o].clone()).collect()
}

/// When some activity worked on no link.
pub(super) fn of_household(history: &History, ledger: &Ledger) -> Listed {
    let witnesses = Witness::all(history, ledger);
    let columns: Vec<&[Cell]> = (0..ledger.activities.len()).map(|a| ledger.anywhere(a)).collect();
    let changes: Vec<Vec<Change>> = history.links.iter().map(|l| changes(history, l)).collect();
    let (kept, left_off) = keep(find(ledger.home(), &columns));
    let incidents = kept
        .into_iter()
        .map(|found| {
            let run = found.run;
            let edges = match found.kind {
                IncidentKind::Outage => {
                    // The home is down once its last link is, and up with its first.
                    let edges: Vec<_> = changes.iter().map(|c| by_events(ledger, run, c)).collect();
                    let down = edges.iter().filter_map(|e| e.0).max();
                    let up = edges.iter().filter_map(|e| e.1).min();
                    outage_edges(ledger, run, down, up, None)
                }
                IncidentKind::Degradation => slot_edges(ledger, run),
            };
            let mut incident = assemble(ledger, &found, edges, &columns, ledger.home());
            let mut segments = Vec::new();
            for (l, own) in witnesses.iter().enumerate() {
                let slots = &ledger.connection(l)[run.first..=run.last];
                if slots.iter().any(|c| c.state().is_known()) {
                    let (segment, facts) = own.segment(run, &[]);
                    segments.push(segment);
                    incident.facts.push(Fact::OnLink { link: l, segment, facts });
                } else {
                    incident.facts.push(Fact::LinkNotMeasured(l));
                }
            }
            incident.evidence = words(&incident.facts, ledger);
            segments.dedup();
            if let [one] = segments[..] {
                incident.segment = one;
            }
            incident
        })
        .collect();
    Listed { incidents, left_off }
}
