//! Capacity over time, recorded or modelled elsewhere.
//!
//! Two formats are read:
//! - Mahimahi: one line per opportunity to deliver 1500 bytes, the millisecond
//!   since the trace began; repeats after its last millisecond.
//! - CSV with the columns `t_s`, `dl_kbps` and `ul_kbps` (others are ignored),
//!   as in the 5G data set of University College Cork (Raca et al., 2020): each row is a rate
//!   that holds until the next row's second. Rows of one second are averaged.
//!   Where a column `activity` says that the recorder was idle (`I`), the rate is
//!   what it used and no capacity: the row is left out.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::params::Capacity;
use super::{Direction, MILLISECOND, Nanos, SECOND};

/// Bytes that one Mahimahi opportunity carries.
pub const OPPORTUNITY_BYTES: u64 = 1500;

/// Why a trace can't be used.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// The file can't be read.
    #[error("trace {path}: can't be read")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A line isn't in the format.
    #[error("trace line {line}: {value:?}: accepted is {accepted}")]
    Line {
        /// Counted from 1.
        line: usize,
        /// What stands there.
        value: String,
        /// What may stand there.
        accepted: &'static str,
    },
    /// Nothing would ever be delivered.
    #[error("trace has no capacity: accepted is at least one opportunity after millisecond 0")]
    Empty,
}

/// Loads a trace file: CSV by its header, else Mahimahi. A CSV holds both
/// directions, `direction` picks the column.
pub fn load_trace(path: &Path, direction: Direction) -> Result<Capacity, TraceError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| TraceError::Read { path: path.to_owned(), source })?;
    parse_trace(&text, direction)
}

/// Reads a trace's text; see [`load_trace`].
pub fn parse_trace(text: &str, direction: Direction) -> Result<Capacity, TraceError> {
    if text.lines().next().is_some_and(|first| first.contains(',')) {
        Ok(Capacity::Rate(Arc::new(RateSteps::from_csv(text, direction)?)))
    } else {
        Ok(Capacity::Opportunities(Arc::new(Opportunities::from_mahimahi(text)?)))
    }
}

/// A Mahimahi trace: sorted times of delivery opportunities, repeated for ever.
#[derive(Debug)]
pub struct Opportunities {
    at_ms: Vec<u64>,
    period_ms: u64,
}

/// The `index`-th opportunity of the `cycle`-th repetition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Cursor {
    cycle: u64,
    index: usize,
}

impl Opportunities {
    /// From times in milliseconds, ascending, the last one above zero: it is
    /// the period.
    pub fn new(at_ms: Vec<u64>) -> Result<Self, TraceError> {
        for (index, pair) in at_ms.windows(2).enumerate() {
            if pair[1] < pair[0] {
                return Err(TraceError::Line {
                    line: index + 2,
                    value: pair[1].to_string(),
                    accepted: "a millisecond not before the line above",
                });
            }
        }
        let period_ms = at_ms.last().copied().filter(|last| *last > 0).ok_or(TraceError::Empty)?;
        Ok(Self { at_ms, period_ms })
    }

    fn from_mahimahi(text: &str) -> Result<Self, TraceError> {
        let mut at_ms = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() {
                continue;
            }
            at_ms.push(line.parse().map_err(|_| TraceError::Line {
                line: index + 1,
                value: line.to_owned(),
                accepted: "a whole number of milliseconds",
            })?);
        }
        Self::new(at_ms)
    }

    /// Bits per second over one period.
    pub fn mean_bps(&self) -> f64 {
        (self.at_ms.len() as u64 * OPPORTUNITY_BYTES * 8 * 1000) as f64 / self.period_ms as f64
    }

    /// When the opportunity comes, from the trace's start.
    pub fn time(&self, cursor: Cursor) -> Nanos {
        (cursor.cycle * self.period_ms + self.at_ms[cursor.index]) * MILLISECOND
    }

    /// The first opportunity at or after `since_start`.
    pub fn first_from(&self, since_start: Nanos) -> Cursor {
        let ms = since_start.div_ceil(MILLISECOND);
        // A cycle's last opportunity falls on the next cycle's millisecond 0,
        // so the search begins one cycle early.
        let first_cycle = (ms / self.period_ms).saturating_sub(1);
        for cycle in first_cycle.. {
            let within = ms.saturating_sub(cycle * self.period_ms);
            let index = self.at_ms.partition_point(|at| *at < within);
            if index < self.at_ms.len() {
                return Cursor { cycle, index };
            }
        }
        unreachable!("a trace has an opportunity in every cycle")
    }

    /// The opportunity before this one; the very first is its own.
    pub fn before(&self, cursor: Cursor) -> Cursor {
        match (cursor.cycle, cursor.index) {
            (0, 0) => cursor,
            (cycle, 0) => Cursor { cycle: cycle - 1, index: self.at_ms.len() - 1 },
            (cycle, index) => Cursor { cycle, index: index - 1 },
        }
    }

    /// The opportunity after this one.
    pub fn after(&self, cursor: Cursor) -> Cursor {
        if cursor.index + 1 < self.at_ms.len() {
            Cursor { cycle: cursor.cycle, index: cursor.index + 1 }
        } else {
            Cursor { cycle: cursor.cycle + 1, index: 0 }
        }
    }
}

/// A rate in steps, repeated for ever.
#[derive(Debug)]
pub struct RateSteps {
    /// Start of each step and its bit/s; the first at 0, ascending.
    steps: Vec<(Nanos, u64)>,
    period: Nanos,
}

impl RateSteps {
    /// One rate for ever.
    pub fn constant(bps: u64) -> Self {
        Self { steps: vec![(0, bps)], period: Nanos::MAX }
    }

    /// From steps whose first starts at 0, each later than the one before, all
    /// within `period`.
    pub fn new(steps: Vec<(Nanos, u64)>, period: Nanos) -> Result<Self, TraceError> {
        let starts_at_zero = steps.first().is_some_and(|(at, _)| *at == 0);
        let ascending = steps.windows(2).all(|pair| pair[0].0 < pair[1].0);
        let within = steps.last().is_some_and(|(at, _)| *at < period);
        let some_rate = steps.iter().any(|(_, bps)| *bps > 0);
        if starts_at_zero && ascending && within && some_rate {
            Ok(Self { steps, period })
        } else {
            Err(TraceError::Empty)
        }
    }

    fn from_csv(text: &str, direction: Direction) -> Result<Self, TraceError> {
        let wanted = match direction {
            Direction::Up => "ul_kbps",
            Direction::Down => "dl_kbps",
        };
        let mut lines = text.lines().enumerate();
        let header = lines.next().map(|(_, line)| line).unwrap_or_default();
        let column = |name: &str| header.split(',').position(|field| field.trim() == name);
        let (Some(time), Some(rate)) = (column("t_s"), column(wanted)) else {
            return Err(TraceError::Line {
                line: 1,
                value: header.to_owned(),
                accepted: "a header with t_s, dl_kbps and ul_kbps",
            });
        };
        let activity = column("activity");
        // Sums per second: (second, total kbit/s, rows).
        let mut seconds: Vec<(u64, f64, f64)> = Vec::new();
        for (index, line) in lines.filter(|(_, line)| !line.trim().is_empty()) {
            let bad =
                |accepted| TraceError::Line { line: index + 1, value: line.to_owned(), accepted };
            let fields: Vec<&str> = line.split(',').collect();
            if activity.and_then(|i| fields.get(i)).is_some_and(|field| field.trim() == "I") {
                continue;
            }
            let at: u64 = fields
                .get(time)
                .and_then(|field| field.trim().parse().ok())
                .ok_or_else(|| bad("a whole second in t_s"))?;
            let kbps: f64 = fields
                .get(rate)
                .and_then(|field| field.trim().parse().ok())
                .filter(|kbps: &f64| kbps.is_finite() && *kbps >= 0.0)
                .ok_or_else(|| bad("a rate in kbit/s, 0 or more"))?;
            match seconds.last_mut() {
                Some(last) if at < last.0 => {
                    return Err(bad("a t_s not before the row above"));
                }
                Some(last) if last.0 == at => {
                    last.1 += kbps;
                    last.2 += 1.0;
                }
                _ => seconds.push((at, kbps, 1.0)),
            }
        }
        let origin = seconds.first().map(|first| first.0).ok_or(TraceError::Empty)?;
        let end = seconds.last().map_or(origin, |last| last.0) + 1;
        let steps = seconds
            .iter()
            .map(|(at, kbps, rows)| ((at - origin) * SECOND, (kbps * 1000.0 / rows) as u64))
            .collect();
        Self::new(steps, (end - origin) * SECOND)
    }

    /// Bits per second over one period.
    pub fn mean_bps(&self) -> f64 {
        if self.steps.len() == 1 {
            return self.steps[0].1 as f64;
        }
        let ends = self.steps.iter().skip(1).map(|step| step.0).chain([self.period]);
        let bits: f64 = self
            .steps
            .iter()
            .zip(ends)
            .map(|((start, bps), end)| *bps as f64 * (end - start) as f64)
            .sum();
        bits / self.period as f64
    }

    /// The rate at `since_start` and when it ends.
    pub fn at(&self, since_start: Nanos) -> (u64, Nanos) {
        let within = since_start % self.period;
        let next = self.steps.partition_point(|(start, _)| *start <= within);
        let base = since_start - within;
        let end = self.steps.get(next).map_or(self.period, |(start, _)| *start);
        (self.steps[next - 1].1, base.saturating_add(end))
    }

    /// Whether the rate is zero for ever.
    pub fn stands_still(&self) -> bool {
        self.steps.iter().all(|(_, bps)| *bps == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mahimahi_repeats_after_its_last_millisecond() {
        let trace = Opportunities::from_mahimahi("2\n2\n5\n").unwrap();
        let mut cursor = trace.first_from(0);
        let times: Vec<u64> = (0..6)
            .map(|_| {
                let at = trace.time(cursor) / MILLISECOND;
                cursor = trace.after(cursor);
                at
            })
            .collect();
        assert_eq!(times, [2, 2, 5, 7, 7, 10]);
        assert_eq!(trace.time(trace.first_from(5 * MILLISECOND + 1)) / MILLISECOND, 7);
        assert_eq!(trace.time(trace.first_from(5 * MILLISECOND)) / MILLISECOND, 5);
        assert!((trace.mean_bps() - 3.0 * 12_000.0 / 0.005).abs() < 1e-6);
    }

    #[test]
    fn a_bad_line_is_named() {
        let error = parse_trace("1\nx\n", Direction::Up).unwrap_err();
        assert_eq!(
            error.to_string(),
            "trace line 2: \"x\": accepted is a whole number of milliseconds"
        );
        assert!(matches!(parse_trace("5\n3\n", Direction::Up), Err(TraceError::Line { .. })));
        assert!(matches!(parse_trace("0\n", Direction::Up), Err(TraceError::Empty)));
    }

    #[test]
    fn csv_rows_become_rate_steps() {
        let text = "t_s,mode,dl_kbps,ul_kbps\n10,5G,100,1\n10,5G,300,3\n12,5G,0,0\n13,LTE,50,5\n";
        let down = RateSteps::from_csv(text, Direction::Down).unwrap();
        assert_eq!(down.at(0), (200_000, 2 * SECOND));
        assert_eq!(down.at(2 * SECOND), (0, 3 * SECOND));
        assert_eq!(down.at(3 * SECOND), (50_000, 4 * SECOND));
        // The fifth second is the first again.
        assert_eq!(down.at(4 * SECOND), (200_000, 6 * SECOND));
        assert!((down.mean_bps() - 112_500.0).abs() < 1e-6);
        let up = RateSteps::from_csv(text, Direction::Up).unwrap();
        assert_eq!(up.at(0).0, 2_000);
    }

    #[test]
    fn rows_of_an_idle_recorder_are_no_capacity() {
        let text = "t_s,dl_kbps,ul_kbps,activity\n0,0,0,I\n1,100,1,D\n2,0,0,I\n3,50,1,D\n";
        let down = RateSteps::from_csv(text, Direction::Down).unwrap();
        assert_eq!(down.at(0), (100_000, 2 * SECOND));
        assert_eq!(down.at(2 * SECOND).0, 50_000);
    }
}
