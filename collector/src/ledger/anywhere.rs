//! The household's column from those of its links.
//!
//! OK where any link is OK: what the home needs is one way out. Else, of the
//! links that are not excluded: DEGRADED if any is, else DOWN if any is, else
//! UNKNOWN. EXCLUDED only where every link is. A DEGRADED or DOWN beside an
//! UNKNOWN link is marked unproven: the UNKNOWN link might have worked, and every
//! share's bounds take it so once.

use super::state::{Cell, State};

pub(crate) fn column(links: &[&[Cell]], slots: usize) -> Vec<Cell> {
    (0..slots).map(|slot| cell(links.iter().map(|column| column[slot]))).collect()
}

fn rank(state: State) -> u8 {
    match state {
        State::Excluded => 0,
        State::Unknown => 1,
        State::Down => 2,
        State::Degraded => 3,
        State::Ok => 4,
    }
}

fn cell(links: impl Iterator<Item = Cell>) -> Cell {
    let mut best: Option<Cell> = None;
    let mut unknown = false;
    for cell in links {
        unknown |= cell.state() == State::Unknown;
        best = Some(match best {
            None => cell,
            Some(b) if rank(cell.state()) > rank(b.state()) => cell,
            // Of two that are OK, one with proof speaks.
            Some(b) if cell.state() == b.state() && b.is_unproven() => cell,
            Some(b) => b,
        });
    }
    match best {
        None => Cell::SILENT,
        Some(b) if b.state().is_bad() && unknown => b.unproven(),
        Some(b) => b,
    }
}
