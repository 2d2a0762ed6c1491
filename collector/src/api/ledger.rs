//! The ledger in JSON: every slot as one letter, as the command line has it.

use hearth_proto::{AgentId, HouseholdId, LinkName, SlotLength, Technology};
use serde::Serialize;

use crate::history::Span;
use crate::ledger::{Cell, Ledger, State};

/// The ledger, slot by slot.
#[derive(Debug, Serialize)]
pub(super) struct Cells {
    household: HouseholdId,
    span: Span,
    slot_ms: SlotLength,
    letters: Vec<Letter>,
    /// In the order the system prefers them.
    links: Vec<LinkCells>,
    /// OK where any link is OK.
    anywhere: Vec<ActivityCells>,
}

/// What a letter means.
#[derive(Debug, Serialize)]
struct Letter {
    letter: char,
    state: State,
}

/// One link's columns.
#[derive(Debug, Serialize)]
struct LinkCells {
    link: LinkName,
    agent: AgentId,
    label: String,
    technology: Technology,
    activities: Vec<ActivityCells>,
}

/// One activity's column.
#[derive(Debug, Serialize)]
struct ActivityCells {
    /// Its id in the catalogue.
    activity: String,
    /// A letter per slot.
    states: String,
}

impl Cells {
    pub(super) fn of(ledger: &Ledger) -> Self {
        let columns = |column: &dyn Fn(usize) -> String| {
            let all = ledger.activities.iter().enumerate();
            all.map(|(a, one)| ActivityCells { activity: one.id.clone(), states: column(a) })
                .collect()
        };
        let links = ledger.links.iter().enumerate().map(|(l, link)| LinkCells {
            link: link.link.clone(),
            agent: link.agent.clone(),
            label: link.label.clone(),
            technology: link.technology,
            activities: columns(&|a| text(ledger.column(l, a))),
        });
        Self {
            household: ledger.household.clone(),
            span: ledger.span,
            slot_ms: ledger.slot,
            letters: State::ALL.map(|state| Letter { letter: state.letter(), state }).into(),
            links: links.collect(),
            anywhere: columns(&|a| text(ledger.anywhere(a))),
        }
    }
}

fn text(column: &[Cell]) -> String {
    column.iter().map(|cell| cell.state().letter()).collect()
}
