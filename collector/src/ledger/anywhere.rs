//! The household's column from those of its links.
//!
//! OK where any link is OK: what the home needs is one way out. Else, of the
//! links that are not excluded: DEGRADED if any is, else DOWN if any is, else
//! UNKNOWN. EXCLUDED only where every link is. Of two that are OK, the one whose
//! throughput is better proven speaks; of two others alike, the preferred. A
//! DEGRADED or DOWN beside an UNKNOWN link is marked unproven: the UNKNOWN link
//! might have worked, and every share's bounds take it so once.

use super::state::Cell;

/// Writes the household's column, of those of its links, the preferred first.
/// `unknown` is room for as many.
pub(super) fn column<'c>(
    links: impl IntoIterator<Item = &'c [Cell]>,
    unknown: &mut [bool],
    out: &mut [Cell],
) {
    let mut links = links.into_iter();
    let Some(first) = links.next() else {
        out.fill(Cell::SILENT);
        return;
    };
    out.copy_from_slice(first);
    for (unknown, cell) in unknown.iter_mut().zip(first) {
        *unknown = cell.is_unknown();
    }
    let mut several = false;
    for link in links {
        several = true;
        for ((best, cell), unknown) in out.iter_mut().zip(link).zip(&mut *unknown) {
            *best = if cell.rank() > best.rank() { *cell } else { *best };
            *unknown |= cell.is_unknown();
        }
    }
    if several {
        for (cell, unknown) in out.iter_mut().zip(unknown) {
            *cell = if *unknown & cell.is_bad() { cell.unproven() } else { *cell };
        }
    }
}
