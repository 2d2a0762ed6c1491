//! Incidents: runs of bad slots with their edges, extent and place. Outages and
//! degradations are runs of their own, so that a bad quarter of an hour around an
//! outage does not blur the outage's start and end. An outage is any time judged
//! down, a part of a slot too.

use std::ops::Range;
use std::sync::Arc;

use hearth_proto::{Event, EventKind, Merger, UnixMs};

use super::fact::{Evidence, Fact};
use super::runs::{BRIDGE, Part, Run, outages, runs_among};
use super::witness::Witness;
use super::{Edge, Incident, IncidentKind, MOST_INCIDENTS, Segment};
use crate::history::{History, LinkHistory, Span};
use crate::ledger::sets::{BLOCK, LedgerSets, Sets, rising};
use crate::ledger::{Ledger, State};
use crate::report::names::LinkRef;

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
fn find(connection: &Sets, activities: &[Sets]) -> Vec<Found> {
    // No degradation reaches over an outage or an exclusion.
    let barriers = |i: usize| connection.blocks[i].outage | connection.blocks[i].excluded;
    let mut marked: Vec<u64> = (0..connection.blocks.len()).map(barriers).collect();
    for column in activities {
        for (marked, block) in marked.iter_mut().zip(&column.blocks) {
            *marked |= block.degraded & !block.outage;
        }
    }
    let is_barrier = |slot: usize| barriers(slot / BLOCK) >> (slot % BLOCK) & 1 == 1;
    let degradation =
        rising(marked).map(|slot| (slot, if is_barrier(slot) { Part::Barrier } else { Part::Bad }));
    let found = |kind| move |run| Found { kind, run };
    let mut all: Vec<Found> =
        outages(connection).into_iter().map(found(IncidentKind::Outage)).collect();
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
    fn slots(self) -> Range<usize> {
        self.first..self.last + 1
    }

    fn span(self, ledger: &Ledger) -> Span {
        Span { from: ledger.at(self.first), to: ledger.at(self.last + 1) }
    }
}

fn edge(at: UnixMs, source: &'static str) -> Edge {
    Edge { at, to_the_probe: false, source }
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
    let probe = |at| Edge { at, to_the_probe: true, source: PROBE };
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
    let before = |at| changes.partition_point(|c| c.at < at);
    let within = |slot: UnixMs| {
        let end = changes.partition_point(|c| c.at <= slot.plus(slot_ms));
        &changes[before(slot)..end]
    };
    let led_there = || {
        let earliest = first.plus(-BELIEF_MS.max(2 * slot_ms));
        changes[..before(first)].last().filter(|c| c.down && c.at >= earliest)
    };
    let down = within(first).iter().find(|c| c.down).or_else(led_there);
    let up = within(last).last().filter(|c| !c.down);
    let down = down.map(|c| c.at);
    (down, up.map(|c| c.at).filter(|up| down.is_none_or(|down| *up >= down)))
}

fn slot_edges(ledger: &Ledger, run: Run) -> (Edge, Option<Edge>) {
    let Span { from, to } = run.span(ledger);
    let end = (ledger.slots() > run.last + 1).then(|| edge(to, "the end of its last slot"));
    (edge(from, "the start of its first slot"), end)
}

/// What an incident is told from: a link's columns or the home's.
struct Sheet<'s> {
    ledger: &'s Ledger,
    connection: &'s Sets,
    activities: &'s [Sets],
}

impl Sheet<'_> {
    /// Activities that were bad in some slots.
    fn hit<'a>(&'a self, slots: &'a Range<usize>) -> impl Iterator<Item = usize> + 'a {
        let all = self.activities.iter().enumerate();
        all.filter(|(_, column)| column.any_bad(slots)).map(|(a, _)| a)
    }

    fn assemble(&self, found: &Found, (start, end): (Edge, Option<Edge>)) -> Incident {
        let (ledger, slots) = (self.ledger, found.run.slots());
        let until = end.as_ref().map_or(ledger.at(slots.end), |e| e.at);
        let down = self.connection.over(&slots).any(|(block, meant)| block.down & meant != 0);
        Incident {
            link: None,
            kind: found.kind,
            length_ms: until.since(start.at).max(0) as u64,
            start,
            end,
            slots: found.run.bad as u64,
            worst: if down { State::Down } else { State::Degraded },
            activities: self.hit(&slots).map(|a| ledger.activities[a].clone()).collect(),
            segment: Segment::CannotTell,
            evidence: Evidence::default(),
            worked_on: Vec::new(),
        }
    }
}

/// What the incidents of the links and of the home are both told from.
pub(super) struct Told<'h> {
    ledger: &'h Ledger,
    sets: &'h LedgerSets,
    witnesses: Vec<Witness<'h>>,
    /// By link.
    changes: Vec<Vec<Change>>,
    links: Arc<[LinkRef]>,
}

impl<'h> Told<'h> {
    pub(super) fn of(history: &'h History, ledger: &'h Ledger, sets: &'h LedgerSets) -> Self {
        let changes = history.links.iter().map(|l| changes(history, l)).collect();
        let links = ledger.links.clone().into();
        Self { ledger, sets, witnesses: Witness::all(history, ledger), changes, links }
    }

    /// Each link's incidents.
    pub(super) fn of_links(&self) -> Listed {
        let (ledger, sets) = (self.ledger, self.sets);
        let mut incidents = Vec::new();
        let mut left_off = 0;
        let mut times = Merger::new();
        for (l, link) in ledger.links.iter().enumerate() {
            let (connection, activities) = (&sets.connections[l], &sets.links[l]);
            let sheet = Sheet { ledger, connection, activities };
            let (kept, more) = keep(find(connection, activities));
            left_off += more;
            for found in kept {
                let edges = match found.kind {
                    IncidentKind::Outage => {
                        let (down, up) = by_events(ledger, found.run, &self.changes[l]);
                        outage_edges(ledger, found.run, down, up, Some(l))
                    }
                    IncidentKind::Degradation => slot_edges(ledger, found.run),
                };
                let mut incident = sheet.assemble(&found, edges);
                let (segment, facts) =
                    self.witnesses[l].segment(found.run, &self.witnesses, &mut times);
                (incident.segment, incident.evidence) =
                    (segment, Evidence::new(facts, &self.links));
                incident.worked_on = worked_on(&sheet, sets, &found.run.slots(), l);
                incident.link = Some(link.clone());
                incidents.push(incident);
            }
        }
        incidents.sort_by_key(|i| (i.start.at, i.kind));
        Listed { incidents, left_off }
    }

    /// When some activity worked on no link.
    pub(super) fn of_household(&self) -> Listed {
        let (ledger, sets) = (self.ledger, self.sets);
        let sheet = Sheet { ledger, connection: &sets.home, activities: &sets.anywhere };
        let (kept, left_off) = keep(find(sheet.connection, sheet.activities));
        let mut times = Merger::new();
        let incident = |found: Found| {
            let run = found.run;
            let edges = match found.kind {
                IncidentKind::Outage => {
                    // The home is down once its last link is, and up with its first.
                    let edges: Vec<_> =
                        self.changes.iter().map(|c| by_events(ledger, run, c)).collect();
                    let down = edges.iter().filter_map(|e| e.0).max();
                    let up = edges.iter().filter_map(|e| e.1).min();
                    if down.zip(up).is_some_and(|(down, up)| down > up) {
                        // One was back before the last went: within a slot, and yet the
                        // home was never without any.
                        return None;
                    }
                    outage_edges(ledger, run, down, up, None)
                }
                IncidentKind::Degradation => slot_edges(ledger, run),
            };
            let mut incident = sheet.assemble(&found, edges);
            let (mut segments, mut facts) = (Vec::new(), Vec::new());
            for (own, connection) in self.witnesses.iter().zip(&sets.connections) {
                let link = own.link.index;
                let mut blocks = connection.over(&run.slots());
                facts.push(if blocks.any(|(block, meant)| block.known() & meant != 0) {
                    let (segment, facts) = own.segment(run, &[], &mut times);
                    segments.push(segment);
                    Fact::OnLink { link, segment, facts }
                } else {
                    Fact::LinkNotMeasured(link)
                });
            }
            incident.evidence = Evidence::new(facts, &self.links);
            segments.dedup();
            if let [one] = segments[..] {
                incident.segment = one;
            }
            Some(incident)
        };
        Listed { incidents: kept.into_iter().filter_map(incident).collect(), left_off }
    }
}

/// Links on which some activity that was bad on `link` was OK in at least half of
/// the slots.
fn worked_on(
    sheet: &Sheet<'_>,
    sets: &LedgerSets,
    slots: &Range<usize>,
    link: usize,
) -> Vec<LinkRef> {
    let enough = slots.len().div_ceil(2);
    let carried = |other: usize| {
        let mut hit = sheet.hit(slots);
        hit.any(|a| sets.links[other][a].ok(slots) >= enough)
    };
    let others = (0..sets.links.len()).filter(|o| *o != link && carried(*o));
    others.map(|o| sheet.ledger.links[o].clone()).collect()
}
