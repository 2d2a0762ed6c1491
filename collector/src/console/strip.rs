//! A ledger strip as shapes: pure geometry in a box of 1,000 by 20, which the
//! page stretches to its width. Each state has its own shape, so that a strip
//! reads without colour, and shapes survive stretching sideways:
//! OK a low bar, DEGRADED a tall striped one, DOWN a tall solid one, UNKNOWN a
//! thin line, EXCLUDED a double line. Where a bad state fills only a part of a
//! cell, its height is that share, over a bar of what the rest was.

use hearth_proto::UnixMs;

use super::look::Look as _;
use super::words;
use crate::ledger::{Counts, State, StripCell};

/// The most cells a strip is drawn with.
pub const CELLS: usize = 288;
const WIDTH: f64 = 1_000.0;
const HEIGHT: f64 = 20.0;
const LOW: f64 = 8.0;

/// Neighbouring cells that look the same.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// From when.
    pub from: UnixMs,
    /// Up to when.
    pub to: UnixMs,
    /// What it shows.
    pub shown: State,
    /// Of the box's width.
    pub x: String,
    /// Of the box's width.
    pub width: String,
    /// The shapes, from back to front.
    pub shapes: Vec<Shape>,
    /// What a person reads when pointing at it.
    pub title: String,
}

/// One bar.
#[derive(Debug, Clone, PartialEq)]
pub struct Shape {
    /// Its fill, as a class or pattern.
    pub state: State,
    /// Of the box's height, from the top.
    pub y: String,
    /// Of the box's height.
    pub height: String,
}

/// Draws `cells`, which lie between `from` and `to`. `clock` puts a point in
/// words.
pub fn draw(
    cells: &[StripCell],
    from: UnixMs,
    to: UnixMs,
    clock: impl Fn(UnixMs) -> String,
) -> Vec<Run> {
    let scale = WIDTH / (to.since(from).max(1) as f64);
    let mut runs = Vec::new();
    for group in cells.chunk_by(|a, b| tenths(a) == tenths(b) && a.shown == b.shown) {
        let (Some(first), Some(last)) = (group.first(), group.last()) else { continue };
        let counts = sum(group);
        let x = first.from.since(from) as f64 * scale;
        let width = last.to.since(first.from) as f64 * scale;
        runs.push(Run {
            from: first.from,
            to: last.to,
            shown: first.shown,
            x: format!("{x:.2}"),
            width: format!("{width:.2}"),
            shapes: shapes(first.shown, &counts),
            title: format!(
                "{} to {}: {}",
                clock(first.from),
                clock(last.to),
                shares(first.shown, &counts)
            ),
        });
    }
    runs
}

fn of(counts: &Counts, state: State) -> u64 {
    match state {
        State::Unknown => counts.unknown,
        State::Ok => counts.ok,
        State::Degraded => counts.degraded,
        State::Down => counts.down,
        State::Excluded => counts.excluded,
    }
}

fn share(counts: &Counts, state: State) -> f64 {
    of(counts, state) as f64 / counts.total().max(1) as f64
}

/// How much of a cell is what it shows, as coarse as the eye.
fn tenths(cell: &StripCell) -> u32 {
    (share(&cell.counts, cell.shown) * 10.0).ceil() as u32
}

fn sum(cells: &[StripCell]) -> Counts {
    cells.iter().fold(Counts::default(), |mut all, cell| {
        all.ok += cell.counts.ok;
        all.degraded += cell.counts.degraded;
        all.down += cell.counts.down;
        all.unknown += cell.counts.unknown;
        all.excluded += cell.counts.excluded;
        all
    })
}

/// The shapes of a cell that is all of one state, for the legend.
pub fn whole(state: State) -> Vec<Shape> {
    shapes(state, &Counts::of([state]))
}

fn shapes(shown: State, counts: &Counts) -> Vec<Shape> {
    let bar = |state, y: f64, height: f64| Shape {
        state,
        y: format!("{y:.1}"),
        height: format!("{height:.1}"),
    };
    let flat = |state| match state {
        State::Unknown => vec![bar(state, HEIGHT - LOW / 2.0 - 1.0, 2.0)],
        State::Excluded => vec![bar(state, HEIGHT - LOW, 2.0), bar(state, HEIGHT - 2.0, 2.0)],
        _ => vec![bar(state, HEIGHT - LOW, LOW)],
    };
    if !shown.is_bad() {
        return flat(shown);
    }
    let part = share(counts, shown);
    if part >= 1.0 {
        return vec![bar(shown, 0.0, HEIGHT)];
    }
    let rest = [State::Ok, State::Unknown, State::Excluded, State::Degraded]
        .into_iter()
        .filter(|&s| s != shown)
        .max_by_key(|&s| (of(counts, s), s == State::Ok))
        .unwrap_or(State::Ok);
    // A minute of a month must be seen, but not look like an hour of it.
    let least = if shown == State::Down { 0.4 } else { 0.2 };
    let spike = (HEIGHT - LOW) * part.max(least);
    let mut all = flat(rest);
    all.push(bar(shown, HEIGHT - LOW - spike, spike));
    all
}

/// "OK", or "DOWN for 20.0 % of it, OK for 80.0 %".
fn shares(shown: State, counts: &Counts) -> String {
    if share(counts, shown) >= 1.0 {
        return shown.word().to_owned();
    }
    let rest = super::look::BY_TROUBLE.into_iter().filter(|&s| s != shown);
    let parts: Vec<String> = std::iter::once(shown)
        .chain(rest)
        .filter(|&s| of(counts, s) > 0)
        .map(|s| format!("{} for {}", s.word(), words::percent(share(counts, s))))
        .collect();
    words::list(&parts)
}

/// The points to write under a strip: both ends and the quarters between.
pub fn axis(from: UnixMs, to: UnixMs) -> [UnixMs; 5] {
    let quarter = to.since(from) / 4;
    [0, 1, 2, 3, 4].map(|i| if i == 4 { to } else { from.plus(i * quarter) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(i: i64, shown: State, counts: Counts) -> StripCell {
        StripCell { from: UnixMs(i * 60_000), to: UnixMs((i + 1) * 60_000), shown, counts }
    }

    fn only(state: State) -> Counts {
        Counts::of([state; 5])
    }

    #[test]
    fn equal_neighbours_become_one_run_and_fill_the_box() {
        let cells: Vec<StripCell> = (0..10)
            .map(|i| {
                let state = if i == 4 { State::Down } else { State::Ok };
                cell(i, state, only(state))
            })
            .collect();
        let runs = draw(&cells, UnixMs(0), UnixMs(600_000), |at| (at.0 / 60_000).to_string());
        let seen: Vec<(&str, &str, &str)> =
            runs.iter().map(|r| (r.x.as_str(), r.width.as_str(), r.title.as_str())).collect();
        assert_eq!(
            seen,
            [
                ("0.00", "400.00", "0 to 4: OK"),
                ("400.00", "100.00", "4 to 5: DOWN"),
                ("500.00", "500.00", "5 to 10: OK"),
            ]
        );
    }

    #[test]
    fn a_part_of_a_cell_is_a_lower_spike_and_says_its_share() {
        let counts = Counts { ok: 4, down: 1, ..Counts::default() };
        let cells = [cell(0, State::Down, counts)];
        let runs = draw(&cells, UnixMs(0), UnixMs(60_000), |at| at.0.to_string());
        assert_eq!(runs[0].title, "0 to 60000: DOWN for 20.0 % and OK for 80.0 %");
        let states: Vec<State> = runs[0].shapes.iter().map(|s| s.state).collect();
        assert_eq!(states, [State::Ok, State::Down]);
        assert!(runs[0].shapes[1].height.parse::<f64>().unwrap() < HEIGHT - LOW);
    }

    #[test]
    fn a_minute_of_poor_quality_stays_low_and_a_minute_of_outage_is_seen() {
        let height =
            |shown, counts: Counts| -> f64 { shapes(shown, &counts)[1].height.parse().unwrap() };
        let poor = height(State::Degraded, Counts { ok: 154, degraded: 1, ..Counts::default() });
        let half = height(State::Degraded, Counts { ok: 5, degraded: 5, ..Counts::default() });
        let down = height(State::Down, Counts { ok: 154, down: 1, ..Counts::default() });
        assert!(poor < 2.5 && poor < down && down < half, "{poor} {down} {half}");
    }

    #[test]
    fn every_state_has_a_shape_of_its_own() {
        let shape = |s| {
            let shapes = shapes(s, &only(s));
            (s == State::Degraded, shapes.iter().map(|s| s.height.clone()).collect::<Vec<_>>())
        };
        let all = State::ALL.map(shape);
        for (i, a) in all.iter().enumerate() {
            assert!(all[i + 1..].iter().all(|b| a != b), "{a:?}");
        }
    }

    #[test]
    fn the_axis_ends_where_the_strip_ends() {
        assert_eq!(axis(UnixMs(0), UnixMs(100)), [0, 25, 50, 75, 100].map(UnixMs));
    }
}
