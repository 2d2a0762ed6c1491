//! History and catalogue in, ledger out.
//!
//! A slot of a link, in this order:
//! 1. no record, or over half of it unjudged: UNKNOWN;
//! 2. down for over half of the time judged: DOWN;
//! 3. down for over a tenth of it: DEGRADED at best, by the outage;
//! 4. what the judge makes of the far evidence: OK, DEGRADED, or UNKNOWN when
//!    there are too few samples. A link that is up with too few samples is not
//!    called OK: being up is not enough for a call. A target that is bad by itself
//!    was set aside before (see the columns' `aside`); where no other could speak in
//!    its place, what is not OK by its figures is UNKNOWN.
//!
//! 5. where a throughput that the activity needs is missing: DEGRADED. Where it is
//!    merely not known, the cell says so: see `throughput`.
//!
//! An exclusion covers every slot it touches. It hides what was found and keeps it.

use std::sync::{Arc, OnceLock};

use super::column::Judged;
use super::state::{Cell, Limit};
use super::throughput::{Direction, Grade, Throughput, worse};
use super::{Ledger, anywhere};
use crate::history::History;
use crate::history::columns::Columns;
use crate::history::grid::Grid;
use crate::qoe::activity::{self, Binding};
use crate::qoe::catalogue::{Activity, Catalogue};
use crate::report::names::{ActivityRef, link_refs};

/// An activity with its needs in whole bit/s, rounded up.
pub(super) struct Needed<'c> {
    pub(super) requirement: &'c activity::Requirement,
    pub(super) down_bps: u64,
    pub(super) up_bps: u64,
}

impl<'c> From<&'c Activity> for Needed<'c> {
    fn from(a: &'c Activity) -> Self {
        // Decimal megabits are not exact in binary: a millionth of a bit is none.
        let bps = |mbps: f64| (mbps * 1e6 - 1e-6).ceil().max(0.0) as u64;
        Self {
            requirement: a.requirement(),
            down_bps: bps(a.throughput_down.value.get()),
            up_bps: bps(a.throughput_up.value.get()),
        }
    }
}

pub(super) fn limit(binding: Option<Binding>) -> Limit {
    match binding {
        None => Limit::None,
        Some(Binding::P50 | Binding::P95 | Binding::P99) => Limit::Latency,
        Some(Binding::Loss) => Limit::Loss,
        Some(Binding::ThroughputDown | Binding::ThroughputUp) => Limit::Throughput,
    }
}

/// A need, and from which slot on how well it is known.
type Known = (u64, Vec<(usize, Grade)>);

/// The grades of every different need in one direction.
fn grades(direction: &Direction<'_>, needs: impl Iterator<Item = u64>) -> Vec<Known> {
    let mut needs: Vec<u64> = needs.collect();
    needs.sort_unstable();
    needs.dedup();
    needs.into_iter().map(|need| (need, direction.runs(need))).collect()
}

fn of_need(known: &[Known], need: u64) -> &[(usize, Grade)] {
    known.iter().find(|k| k.0 == need).map_or(&[], |k| &k.1)
}

fn is_missing(grades: &[(usize, Grade)], slot: usize) -> bool {
    let next = grades.partition_point(|(from, _)| *from <= slot);
    next > 0 && grades[next - 1].1 == Grade::Missing
}

impl Ledger {
    /// Judges a history. Slots before its span, where the caller has them, serve
    /// to prove throughput and nothing else.
    pub fn build(history: &History, catalogue: &Catalogue) -> Self {
        Self::judge(history, Arc::new(Columns::of(history)), catalogue)
    }

    /// [`Self::build`] with the history's columns at hand.
    pub fn judge(history: &History, columns: Arc<Columns>, catalogue: &Catalogue) -> Self {
        let grid = columns.grid;
        let needed: Vec<Needed<'_>> = catalogue.activities.iter().map(Needed::from).collect();
        let (links, slots) = (columns.links.len(), grid.slots);
        let mut cells = vec![Cell::SILENT; links * needed.len() * slots];
        let mut connections = vec![Cell::SILENT; links * slots];

        for (l, link) in columns.links.iter().enumerate() {
            let of_link = &mut cells[l * needed.len() * slots..(l + 1) * needed.len() * slots];
            let up = &mut connections[l * slots..(l + 1) * slots];
            let judged = Judged::of(link, grid.length.ms(), up);
            let throughput = Throughput::of(history, &columns, l);
            let down = grades(&throughput.down, needed.iter().map(|n| n.down_bps));
            let up = grades(&throughput.up, needed.iter().map(|n| n.up_bps));
            for (needed, cells) in needed.iter().zip(of_link.chunks_mut(slots.max(1))) {
                let (down, up) = (of_need(&down, needed.down_bps), of_need(&up, needed.up_bps));
                judged.judge(needed.requirement, &worse(down, up), cells, |slot| {
                    [is_missing(down, slot), is_missing(up, slot)]
                });
            }
        }
        exclude(history, &grid, needed.len(), &mut cells, &mut connections);

        let activities: Vec<ActivityRef> = catalogue
            .activities
            .iter()
            .map(|a| ActivityRef { id: a.id.clone(), name: a.name.clone() })
            .collect();
        let mut unknown = vec![false; slots];
        let mut home = vec![Cell::SILENT; slots];
        anywhere::column(connections.chunks(slots.max(1)).take(links), &mut unknown, &mut home);
        let mut anywhere = vec![Cell::SILENT; needed.len() * slots];
        for (a, out) in anywhere.chunks_mut(slots.max(1)).enumerate() {
            let columns = (0..links).map(|l| &cells[(l * needed.len() + a) * slots..][..slots]);
            anywhere::column(columns, &mut unknown, out);
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
            calendar: OnceLock::new(),
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
