//! One link's columns judged for one activity at a time: loops over plain vectors
//! that compare with limits and write a byte per slot.
//!
//! What does not depend on the activity is worked out once per link: the cell that
//! a slot has where no limit is broken, the slots whose cell no evidence changes,
//! and the greatest figures of every block of slots. A block whose greatest
//! figures keep an activity's limits is copied whole. A percentile that is not
//! known is −∞ and so breaks nothing.

use super::build::limit;
use super::state::{Cell, Limit, Proof, State};
use super::throughput::Grade;
use crate::history::columns::{FarColumns, LinkColumns};
use crate::qoe::activity::{self, Prepared, Requirement};

const BLOCK: usize = 64;

const OK: Cell = Cell::new(State::Ok, Limit::None);
const SLOW: Cell = Cell::new(State::Degraded, Limit::Latency);
const LOSSY: Cell = Cell::new(State::Degraded, Limit::Loss);
const TOO_FEW: Cell = Cell::new(State::Unknown, Limit::TooFewSamples);
const ONE_TARGET: Cell = Cell::new(State::Unknown, Limit::OneTarget);
const TOO_SLOW: Cell = Cell::new(State::Degraded, Limit::Throughput);

/// The link alone, without any activity: UNKNOWN, OK, DOWN, or DEGRADED where it
/// was down for a part of the slot.
pub(super) fn connection(judged_ms: u32, down_ms: u32, length_ms: u32) -> Cell {
    if length_ms.saturating_sub(judged_ms) > length_ms / 2 {
        Cell::SILENT
    } else if down_ms > judged_ms / 2 {
        Cell::new(State::Down, Limit::Outage)
    } else if down_ms > 0 {
        Cell::new(State::Degraded, Limit::Outage)
    } else {
        OK
    }
}

/// The cell of a slot for every activity, where the connection alone decides.
pub(super) fn decided_by(connection: Cell, judged_ms: u32, down_ms: u32) -> Option<Cell> {
    match connection.state() {
        State::Unknown | State::Down => Some(connection),
        _ if u64::from(down_ms) * 10 > u64::from(judged_ms) => Some(connection),
        _ => None,
    }
}

/// What the far evidence of a slot says, if there is any.
pub(super) fn prepared(far: &FarColumns, slot: usize) -> Option<Prepared> {
    let latency_ms = [far.p50_ms[slot], far.p95_ms[slot], far.p99_ms[slot]].map(f64::from);
    let (loss_low, lost, tried) = (far.loss_low[slot], far.lost[slot], far.tried[slot]);
    (tried > 0).then(|| Prepared::read(latency_ms, f64::from(loss_low), lost, tried))
}

/// One link, ready to be judged.
pub(super) struct Judged<'c> {
    far: &'c FarColumns,
    unbroken: Vec<Cell>,
    /// Slots that the connection decides though there is evidence.
    decided: Vec<u32>,
    /// Slots whose only evidence is of a target that is bad by itself.
    aside: Vec<u32>,
    greatest: Vec<[f32; 4]>,
}

impl<'c> Judged<'c> {
    /// Of a link's columns; its connection's cells are written to `connections`.
    pub(super) fn of(link: &'c LinkColumns, length_ms: u32, connections: &mut [Cell]) -> Self {
        let far = &link.far;
        let mut unbroken = vec![TOO_FEW; connections.len()];
        let mut decided = Vec::new();
        let blocks = connections.chunks_mut(BLOCK).zip(unbroken.chunks_mut(BLOCK));
        for (block, (up, unbroken)) in blocks.enumerate() {
            let at = block * BLOCK..block * BLOCK + up.len();
            let (judged, down) = (&link.judged_ms[at.clone()], &link.down_ms[at.clone()]);
            let judged_and_down = judged.iter().zip(down);
            let odd = judged_and_down.fold(0, |odd, (j, d)| odd | (j ^ length_ms) | d);
            if odd == 0 {
                // All judged, and never down.
                up.fill(OK);
                for (cell, p50) in unbroken.iter_mut().zip(&far.p50_ms[at]) {
                    *cell = if *p50 > f32::NEG_INFINITY { OK } else { TOO_FEW };
                }
                continue;
            }
            for (i, (up, unbroken)) in up.iter_mut().zip(unbroken).enumerate() {
                let (judged_ms, down_ms, slot) = (judged[i], down[i], at.start + i);
                *up = connection(judged_ms, down_ms, length_ms);
                if let Some(cell) = decided_by(*up, judged_ms, down_ms) {
                    *unbroken = cell;
                    if far.tried[slot] > 0 {
                        decided.push(slot as u32);
                    }
                } else if far.p50_ms[slot].is_finite() {
                    *unbroken = OK;
                }
            }
        }
        let aside = link.aside.iter().filter(|a| !a.replaced).map(|a| a.slot).collect();
        let greatest = (far.p50_ms.chunks(BLOCK).zip(far.p95_ms.chunks(BLOCK)))
            .zip(far.p99_ms.chunks(BLOCK).zip(far.loss_low.chunks(BLOCK)))
            .map(|((p50, p95), (p99, loss))| [p50, p95, p99, loss].map(greatest))
            .collect();
        Self { far, unbroken, decided, aside, greatest }
    }

    /// Judges one activity. `grades` says from which slot on how well its
    /// throughput is known, `missing` in which directions it is missing.
    pub(super) fn judge(
        &self,
        requirement: &Requirement,
        grades: &[(usize, Grade)],
        cells: &mut [Cell],
        missing: impl Fn(usize) -> [bool; 2],
    ) {
        let limits = requirement.limits();
        for (block, out) in cells.chunks_mut(BLOCK).enumerate() {
            let at = block * BLOCK;
            let unbroken = &self.unbroken[at..at + out.len()];
            let kept = self.greatest[block].iter().zip(&limits).all(|(g, limit)| g <= limit);
            if kept {
                out.copy_from_slice(unbroken);
            } else if self.block(at, unbroken, &limits, out) {
                self.both(at, requirement, &limits, out);
            }
        }
        for slot in &self.aside {
            let cell = &mut cells[*slot as usize];
            // What works by its word works; what does not may by another's.
            if cell.found() != State::Ok {
                *cell = ONE_TARGET;
            }
        }
        for slot in &self.decided {
            cells[*slot as usize] = self.unbroken[*slot as usize];
        }
        for (i, (from, grade)) in grades.iter().enumerate() {
            let to = grades.get(i + 1).map_or(cells.len(), |next| next.0);
            match grade {
                // So they stand.
                Grade::Proven(Proof::Fresh) => {}
                Grade::Proven(proof) => {
                    cells[*from..to].iter_mut().for_each(|cell| *cell = cell.proven(*proof));
                }
                Grade::Missing => {
                    let missing = missing(*from);
                    for (slot, cell) in (*from..).zip(&mut cells[*from..to]) {
                        self.miss(slot, requirement, missing, cell);
                    }
                }
            }
        }
    }

    /// Returns whether a slot broke both latency and loss.
    #[inline]
    #[expect(
        clippy::needless_bitwise_bool,
        reason = "without branches it is a handful of vector instructions"
    )]
    fn block(&self, at: usize, unbroken: &[Cell], limits: &[f32; 4], out: &mut [Cell]) -> bool {
        let n = out.len();
        let (p50, p95) = (&self.far.p50_ms[at..at + n], &self.far.p95_ms[at..at + n]);
        let (p99, low) = (&self.far.p99_ms[at..at + n], &self.far.loss_low[at..at + n]);
        let mut both = false;
        for i in 0..n {
            let slow = (p50[i] > limits[0]) | (p95[i] > limits[1]) | (p99[i] > limits[2]);
            let lossy = low[i] > limits[3];
            both |= slow & lossy;
            let cell = if lossy { LOSSY } else { unbroken[i] };
            out[i] = if slow { SLOW } else { cell };
        }
        both
    }

    /// Where latency and loss are both broken the worse part names itself.
    #[cold]
    fn both(&self, at: usize, requirement: &Requirement, limits: &[f32; 4], out: &mut [Cell]) {
        for (slot, cell) in (at..).zip(out) {
            if *cell == SLOW
                && self.far.loss_low[slot] > limits[3]
                && let Some(evidence) = prepared(self.far, slot)
            {
                let binding = activity::judge_prepared(requirement, &evidence).binding;
                *cell = Cell::new(State::Degraded, limit(binding));
            }
        }
    }

    fn miss(&self, slot: usize, requirement: &Requirement, missing: [bool; 2], cell: &mut Cell) {
        // What the connection decides stays.
        if self.far.tried[slot] == 0 || !matches!(self.unbroken[slot], OK | TOO_FEW) {
            return;
        }
        *cell = match (cell.state(), prepared(self.far, slot)) {
            (State::Degraded, Some(evidence)) => {
                let evidence = evidence.missing(missing);
                let binding = activity::judge_prepared(requirement, &evidence).binding;
                Cell::new(State::Degraded, limit(binding))
            }
            _ => TOO_SLOW,
        };
    }
}

fn greatest(figures: &[f32]) -> f32 {
    const LANES: usize = 8;
    let greater = |a: f32, b: f32| if b > a { b } else { a };
    let (whole, rest) = figures.as_chunks::<LANES>();
    // Side by side: one after the other, each would wait for the one before.
    let mut lanes = [f32::NEG_INFINITY; LANES];
    for chunk in whole {
        lanes.iter_mut().zip(chunk).for_each(|(lane, f)| *lane = greater(*lane, *f));
    }
    lanes.iter().chain(rest).fold(f32::NEG_INFINITY, |greatest, f| greater(greatest, *f))
}
