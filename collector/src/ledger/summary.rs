//! The ledger in counts, and the state now.

use hearth_proto::UnixMs;

use super::state::{Cell, Counts, State};
use super::{ActivitySummary, Ledger, LedgerSummary, LinkSummary};
use crate::history::grid::Grid;

/// How many slots back the last evidence may lie to count as now.
const NOW_SLOTS: usize = 3;

fn now(column: &[Cell], grid: &Grid) -> (State, UnixMs) {
    let end = column.len();
    let recent = end.saturating_sub(NOW_SLOTS)..end;
    let latest = recent.rev().find(|&i| column[i].state().is_known());
    let at = latest.or(end.checked_sub(1));
    let Some(at) = at else { return (State::Unknown, grid.from) };
    let state = column[at].state();
    let run = column[..=at].iter().rev().take_while(|c| c.state() == state).count();
    (state, grid.at(at + 1 - run))
}

impl Ledger {
    /// The ledger in counts.
    pub fn summary(&self) -> LedgerSummary {
        let of = |column: &[Cell], a: usize| {
            let (now, since) = now(column, &self.grid);
            let counts = Counts::of(column.iter().map(|c| c.state()));
            ActivitySummary { activity: self.activities[a].clone(), counts, now, since }
        };
        let activities = 0..self.activities.len();
        LedgerSummary {
            span: self.span,
            slot_ms: self.slot.ms(),
            slots: self.slots() as u64,
            links: self
                .links
                .iter()
                .zip(&self.columns.links)
                .map(|(link, columns)| LinkSummary {
                    link: link.clone(),
                    activities: activities
                        .clone()
                        .map(|a| of(self.column(link.index, a), a))
                        .collect(),
                    last_slot_at: columns.last_record,
                    now: now(self.connection(link.index), &self.grid).0,
                })
                .collect(),
            anywhere: activities.clone().map(|a| of(self.anywhere(a), a)).collect(),
        }
    }
}
