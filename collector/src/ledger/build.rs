//! History and catalogue in, ledger out.
//!
//! A slot of a link, in this order:
//! 1. no record, or over half of it unjudged: UNKNOWN;
//! 2. down for over half of the time judged: DOWN;
//! 3. down for over a tenth of it: DEGRADED at best, by the outage;
//! 4. what the judge makes of the far evidence: OK, DEGRADED, or UNKNOWN when
//!    there are too few samples. A link that is up with too few samples is not
//!    called OK: being up is not enough for a call.
//!
//! An exclusion covers every slot it touches. It hides what was found and keeps it.

use std::collections::VecDeque;
use std::sync::Arc;

use hearth_proto::{DirectionFigures, TestKind, TestOutcome, TestResult, UnixMs};

use super::state::{Cell, Limit, State};
use super::{Ledger, anywhere};
use crate::history::columns::{Columns, FarColumns, LinkColumns};
use crate::history::grid::Grid;
use crate::history::{History, LinkHistory, PEAK_PROVES_MS};
use crate::qoe::activity::{self, Binding, Prepared};
use crate::qoe::catalogue::{Activity, Catalogue};
use crate::report::names::{ActivityRef, link_refs};

/// The busiest second, or the best test, of the last 24 hours, slot by slot.
#[derive(Default)]
struct RecentPeak {
    // Falling peaks: an older, lower one can never be the greatest again.
    peaks: VecDeque<(i64, u64)>,
}

impl RecentPeak {
    fn push(&mut self, at_ms: i64, bps: u64) -> u64 {
        while self.peaks.back().is_some_and(|(_, p)| *p <= bps) {
            self.peaks.pop_back();
        }
        self.peaks.push_back((at_ms, bps));
        while self.peaks.front().is_some_and(|(at, _)| at_ms - at >= PEAK_PROVES_MS) {
            self.peaks.pop_front();
        }
        self.peaks.front().map_or(0, |(_, p)| *p)
    }
}

/// An activity with its needs in bit/s.
struct Needed<'c> {
    requirement: &'c activity::Requirement,
    down_bps: f64,
    up_bps: f64,
}

impl<'c> From<&'c Activity> for Needed<'c> {
    fn from(a: &'c Activity) -> Self {
        Self {
            requirement: a.requirement(),
            down_bps: a.throughput_down.value.get() * 1e6,
            up_bps: a.throughput_up.value.get() * 1e6,
        }
    }
}

/// What tests of a link have proved: when, and how much down and up in bit/s. By
/// convention as long as a passive peak; of an estimate its lower bound counts.
fn proofs(history: &History, link: &LinkHistory) -> Vec<(UnixMs, u64, u64)> {
    let of_link = history
        .tests
        .iter()
        .filter(|(agent, test)| *agent == link.agent && test.link == link.info.link);
    let proved = |test: &TestResult, d: Option<&DirectionFigures>| match (d, test.kind) {
        (None, _) => 0,
        (Some(d), TestKind::Capacity) => d.low_bps.unwrap_or(0),
        (Some(d), TestKind::Responsiveness) => d.low_bps.unwrap_or(d.goodput_bps),
    };
    let mut proofs: Vec<_> = of_link
        .filter_map(|(_, test)| match &test.outcome {
            TestOutcome::Done(f) => {
                Some((test.start, proved(test, f.down.as_ref()), proved(test, f.up.as_ref())))
            }
            TestOutcome::Skipped { .. } | TestOutcome::Failed { .. } => None,
        })
        .collect();
    proofs.sort_unstable();
    proofs
}

/// The link alone, without any activity: UNKNOWN, OK, DOWN, or DEGRADED where it
/// was down for a part of the slot.
fn connection(link: &LinkColumns, slot: usize, length_ms: u32) -> Cell {
    let (judged, down) = (link.judged_ms[slot], link.down_ms[slot]);
    if length_ms - judged.min(length_ms) > length_ms / 2 {
        Cell::SILENT
    } else if down > judged / 2 {
        Cell::new(State::Down, Limit::Outage)
    } else if down > 0 {
        Cell::new(State::Degraded, Limit::Outage)
    } else {
        Cell::new(State::Ok, Limit::None)
    }
}

/// What the far evidence of a slot says, if there is any.
fn prepared(far: &FarColumns, slot: usize) -> Option<Prepared> {
    let latency_ms = [far.p50_ms[slot], far.p95_ms[slot], far.p99_ms[slot]].map(f64::from);
    let (loss_low, lost, tried) = (far.loss_low[slot], far.lost[slot], far.tried[slot]);
    (tried > 0).then(|| Prepared::read(latency_ms, f64::from(loss_low), lost, tried))
}

fn limit(binding: Option<Binding>) -> Limit {
    match binding {
        None => Limit::None,
        Some(Binding::P50 | Binding::P95 | Binding::P99) => Limit::Latency,
        Some(Binding::Loss) => Limit::Loss,
        Some(Binding::ThroughputDown | Binding::ThroughputUp) => Limit::Throughput,
    }
}

fn judged(needed: &Needed<'_>, evidence: &Prepared, peaks: (u64, u64)) -> Cell {
    match activity::state(needed.requirement, evidence) {
        activity::State::Ok => {
            let cell = Cell::new(State::Ok, Limit::None);
            let proven = peaks.0 as f64 >= needed.down_bps && peaks.1 as f64 >= needed.up_bps;
            if proven { cell } else { cell.unproven() }
        }
        activity::State::Degraded => {
            let judgement = activity::judge_prepared(needed.requirement, evidence);
            Cell::new(State::Degraded, limit(judgement.binding))
        }
        activity::State::NotEnough => Cell::new(State::Unknown, Limit::TooFewSamples),
    }
}

impl Ledger {
    /// Judges a history. Slots before its span, where the caller has them, serve
    /// to prove throughput and nothing else.
    pub fn build(history: &History, catalogue: &Catalogue) -> Self {
        let columns = Arc::new(Columns::of(history));
        let grid = columns.grid;
        let needed: Vec<Needed<'_>> = catalogue.activities.iter().map(Needed::from).collect();
        let (links, slots) = (history.links.len(), grid.slots);
        let mut cells = vec![Cell::SILENT; links * needed.len() * slots];
        let mut connections = vec![Cell::SILENT; links * slots];

        for (i, link) in columns.links.iter().enumerate() {
            let of = &mut cells[i * needed.len() * slots..(i + 1) * needed.len() * slots];
            let up = &mut connections[i * slots..(i + 1) * slots];
            let (mut rx, mut tx) = (RecentPeak::default(), RecentPeak::default());
            let mut tests = proofs(history, &history.links[i]).into_iter().peekable();
            for peak in &link.before {
                rx.push(peak.at.0, peak.rx_bps);
                tx.push(peak.at.0, peak.tx_bps);
            }
            for slot in 0..slots {
                let at = grid.at(slot).0;
                while let Some((at, down, up)) = tests.next_if(|(t, ..)| *t < grid.at(slot + 1)) {
                    rx.push(at.0, down);
                    tx.push(at.0, up);
                }
                let peaks = (
                    rx.push(at, link.busy.rx_peak_bps[slot]),
                    tx.push(at, link.busy.tx_peak_bps[slot]),
                );
                let connection = connection(link, slot, grid.length.ms());
                up[slot] = connection;
                let whole = match connection.state() {
                    State::Unknown | State::Down => Some(connection),
                    _ if u64::from(link.down_ms[slot]) * 10 > u64::from(link.judged_ms[slot]) => {
                        Some(connection)
                    }
                    _ => None,
                };
                let evidence = prepared(&link.far, slot);
                for (a, needed) in needed.iter().enumerate() {
                    of[a * slots + slot] = match (whole, &evidence) {
                        (Some(cell), _) => cell,
                        (None, Some(evidence)) => judged(needed, evidence, peaks),
                        (None, None) => Cell::new(State::Unknown, Limit::TooFewSamples),
                    };
                }
            }
        }
        exclude(history, &grid, needed.len(), &mut cells, &mut connections);

        let activities: Vec<ActivityRef> = catalogue
            .activities
            .iter()
            .map(|a| ActivityRef { id: a.id.clone(), name: a.name.clone() })
            .collect();
        let home = anywhere::column(&connections.chunks(slots.max(1)).collect::<Vec<_>>(), slots);
        let mut anywhere = Vec::with_capacity(needed.len() * slots);
        for a in 0..needed.len() {
            let columns: Vec<&[Cell]> =
                (0..links).map(|l| &cells[(l * needed.len() + a) * slots..][..slots]).collect();
            anywhere.extend(anywhere::column(&columns, slots));
        }
        Self {
            household: history.household.clone(),
            span: grid.span(),
            slot: grid.length,
            links: link_refs(&history.links),
            activities,
            catalogue: catalogue.version.clone(),
            grid,
            columns,
            cells,
            anywhere,
            connections,
            home,
        }
    }
}

fn exclude(
    history: &History,
    grid: &Grid,
    activities: usize,
    cells: &mut [Cell],
    connections: &mut [Cell],
) {
    let hide = |column: &mut [Cell]| column.iter_mut().for_each(|c| *c = c.excluded());
    for exclusion in &history.exclusions {
        let touched = grid.touched(exclusion.span);
        for (l, link) in history.links.iter().enumerate() {
            if exclusion.link.as_deref().is_some_and(|name| name != link.info.link.as_str()) {
                continue;
            }
            for a in 0..activities {
                hide(&mut cells[(l * activities + a) * grid.slots..][touched.clone()]);
            }
            hide(&mut connections[l * grid.slots..][touched.clone()]);
        }
    }
}
