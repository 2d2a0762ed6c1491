//! The ledger: for each link, activity and slot one state.
//!
//! It reads a history's columns; only `explain` reads records. Read in this order: `state`
//! (what a cell holds), `build` (the rules, link by link), `column` (the loops),
//! `throughput` (what is known of it), `anywhere` (the household's), `summary`,
//! `explain` (any cell, down to the samples).

mod anywhere;
#[cfg(test)]
mod aside_tests;
mod build;
mod column;
mod explain;
#[cfg(test)]
mod properties;
pub(crate) mod sets;
mod state;
mod summary;
#[cfg(test)]
mod tests;
mod throughput;

use std::sync::{Arc, OnceLock};

use hearth_proto::{HouseholdId, SlotLength, UnixMs};
use jiff::tz::TimeZone;
use serde::Serialize;

pub use crate::history::grid::MOST_SLOTS;
pub use explain::{
    Choice, Connection, DirectionEvidence, Explanation, LossEvidence, PercentileEvidence, Rule,
    SetAside, Times,
};
pub use state::{Cell, Counts, Limit, Proof, State};
pub use throughput::Source;

use crate::history::Span;
use crate::history::columns::Columns;
use crate::history::grid::Grid;
use crate::report::calendar::Calendar;
use crate::report::names::{ActivityRef, LinkRef};

/// A household's ledger over a span: columns of one byte per slot.
#[derive(Debug, Clone)]
pub struct Ledger {
    /// Whose.
    pub household: HouseholdId,
    /// From the first slot's start to the last slot's end.
    pub span: Span,
    /// The length of every slot.
    pub slot: SlotLength,
    /// In the order the system prefers them.
    pub links: Vec<LinkRef>,
    /// In the catalogue's order.
    pub activities: Vec<ActivityRef>,
    /// The version of the catalogue judged by.
    pub catalogue: String,
    pub(crate) grid: Grid,
    /// What it was judged by: a figure per slot of the same grid.
    pub(crate) columns: Arc<Columns>,
    // Columns by link, then activity.
    cells: Vec<Cell>,
    // Columns by activity.
    anywhere: Vec<Cell>,
    // Columns by link.
    connections: Vec<Cell>,
    home: Vec<Cell>,
    /// Its slots in the local time asked for first.
    calendar: OnceLock<(TimeZone, Arc<Calendar>)>,
}

impl PartialEq for Ledger {
    /// By what was judged, whatever it was judged by.
    fn eq(&self, other: &Self) -> bool {
        self.household == other.household
            && self.grid == other.grid
            && self.links == other.links
            && self.activities == other.activities
            && self.catalogue == other.catalogue
            && self.cells == other.cells
            && self.anywhere == other.anywhere
            && self.connections == other.connections
            && self.home == other.home
    }
}

impl Ledger {
    /// How many slots it has.
    pub fn slots(&self) -> usize {
        self.grid.slots
    }

    /// When a slot starts; `slots()` gives the end.
    pub fn at(&self, slot: usize) -> UnixMs {
        self.grid.at(slot)
    }

    /// One link's column for one activity, a cell a slot.
    pub fn column(&self, link: usize, activity: usize) -> &[Cell] {
        let at = (link * self.activities.len() + activity) * self.slots();
        &self.cells[at..at + self.slots()]
    }

    /// The household's column for one activity: OK where any link is OK.
    pub fn anywhere(&self, activity: usize) -> &[Cell] {
        &self.anywhere[activity * self.slots()..(activity + 1) * self.slots()]
    }

    /// One link's column without any activity: OK where it was up, DOWN, or
    /// DEGRADED where it was down for a part of the slot.
    pub fn connection(&self, link: usize) -> &[Cell] {
        &self.connections[link * self.slots()..(link + 1) * self.slots()]
    }

    /// The household's: OK where any link was up.
    pub fn home(&self) -> &[Cell] {
        &self.home
    }

    /// Its slots by local day and hour. All judges of a report ask for the same zone,
    /// and the first one's is kept.
    pub(crate) fn calendar(&self, tz: &TimeZone) -> Arc<Calendar> {
        let new = || {
            let slot_ms = i64::from(self.slot.ms());
            Arc::new(Calendar::over(self.at(0), slot_ms, self.slots(), tz))
        };
        let (of, calendar) = self.calendar.get_or_init(|| (tz.clone(), new()));
        if of == tz { Arc::clone(calendar) } else { new() }
    }

    /// The link in use: the one the system prefers. `None` without links.
    pub fn in_use(&self) -> Option<usize> {
        (!self.links.is_empty()).then_some(0)
    }

    /// A column narrowed to at most `cells` stretches of equal length, the last
    /// perhaps shorter, for drawing.
    pub fn strip(&self, column: &[Cell], cells: usize) -> Vec<StripCell> {
        let each = column.len().div_ceil(cells.max(1)).max(1);
        let stretches = column.chunks(each).enumerate();
        stretches
            .map(|(i, chunk)| {
                let counts = Counts::of(chunk.iter().map(|c| c.state()));
                StripCell {
                    from: self.at(i * each),
                    to: self.at(i * each + chunk.len()),
                    shown: counts.shown(),
                    counts,
                }
            })
            .collect()
    }
}

/// A stretch of a column, for drawing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StripCell {
    /// Its start.
    pub from: UnixMs,
    /// Its end.
    pub to: UnixMs,
    /// The state to draw: the worst with evidence, else the most frequent.
    pub shown: State,
    /// What it holds.
    pub counts: Counts,
}

/// The ledger in counts.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LedgerSummary {
    /// From the first slot's start to the last slot's end.
    pub span: Span,
    /// The length of every slot in milliseconds.
    pub slot_ms: u32,
    /// How many slots there are.
    pub slots: u64,
    /// In the order the system prefers them.
    pub links: Vec<LinkSummary>,
    /// The household's, one per activity.
    pub anywhere: Vec<ActivitySummary>,
}

/// One link's part of the summary.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LinkSummary {
    /// Which.
    pub link: LinkRef,
    /// One per activity.
    pub activities: Vec<ActivitySummary>,
    /// The last slot that the agent reported for it, if any.
    pub last_slot_at: Option<UnixMs>,
    /// OK when it is up, DOWN, DEGRADED when it was down for a part of the slot:
    /// of the last slot with evidence within the last three, else UNKNOWN.
    pub now: State,
}

/// One activity's part.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ActivitySummary {
    /// Which.
    pub activity: ActivityRef,
    /// Slots by state.
    pub counts: Counts,
    /// The latest state: that of the last slot with evidence within the last
    /// three, else UNKNOWN (or EXCLUDED).
    pub now: State,
    /// Since when it has been `now` without a break.
    pub since: UnixMs,
}
