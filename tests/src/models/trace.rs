//! Recordings of live networks, read into rates and ping summaries.
//!
//! Two formats: Mahimahi's (one line per delivery opportunity, the millisecond
//! since the trace began) and a CSV with one row per second after the 5G
//! production dataset of Raca et al. (ACM `MMSys` 2020), with the columns `t_s`,
//! `network_mode`, `cell_id`, `dl_kbps`, `ping_avg_ms`, `ping_min_ms`,
//! `ping_max_ms`, `ping_loss_percent`.

use std::collections::HashMap;

use super::OPPORTUNITY_BYTES;
use super::stats::{BURST_PROBES, Burst};

/// Why a recording can't be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TraceError {
    /// A line that is not a rising whole number.
    #[error("line {line}: {text:?} is not accepted: milliseconds as a whole number, never falling")]
    Opportunity {
        /// From 1.
        line: usize,
        /// What it says.
        text: String,
    },
    /// Nothing in it.
    #[error("the trace holds no {0}")]
    Empty(&'static str),
    /// A column is missing.
    #[error("the header has no column {0}")]
    Column(&'static str),
    /// A cell is not a number.
    #[error("line {line}: {column} {text:?} is not accepted: a number")]
    Cell {
        /// From 1.
        line: usize,
        /// Which.
        column: &'static str,
        /// What it says.
        text: String,
    },
}

/// The rates of a Mahimahi trace, bit/s per `step_ms`; the last, cut step is
/// left out.
pub fn mahimahi_rates(text: &str, step_ms: u32) -> Result<Vec<f64>, TraceError> {
    let mut counts: Vec<u32> = Vec::new();
    let (mut last, mut end) = (0, 0);
    for (i, line) in text.lines().enumerate() {
        let refused = || TraceError::Opportunity { line: i + 1, text: line.to_owned() };
        let ms: u64 = line.trim().parse().map_err(|_| refused())?;
        // A day at most: a wrong number must not ask for the machine's memory.
        if ms < last || ms > 86_400_000 {
            return Err(refused());
        }
        (last, end) = (ms, ms);
        let step = (ms / u64::from(step_ms)) as usize;
        if counts.len() <= step {
            counts.resize(step + 1, 0);
        }
        counts[step] += 1;
    }
    counts.truncate((end / u64::from(step_ms)) as usize);
    if counts.is_empty() {
        return Err(TraceError::Empty("whole step"));
    }
    let bits = f64::from(OPPORTUNITY_BYTES) * 8.0 * 1e3 / f64::from(step_ms);
    Ok(counts.into_iter().map(|n| f64::from(n) * bits).collect())
}

/// Which rows of a CSV count.
#[derive(Debug, Clone, Default)]
pub struct Rows {
    /// Of this `network_mode` alone; `None`: of all.
    pub mode: Option<String>,
    /// Ping summaries only where the cell is the same 14 rows before and after.
    pub steady_cell: bool,
}

/// What a CSV holds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Seconds {
    /// Downlink rates, bit/s, one per second.
    pub rates: Vec<f64>,
    /// Ping summaries in order.
    pub bursts: Vec<Burst>,
}

/// Under this rate a row of a CSV is a pause or an outage.
pub const PAUSE_BPS: f64 = 100e3;
/// A run of such rows up to this long is the recorder's pause between two
/// downloads (they come every 11 s), not the network's; it is left out. A longer
/// one is an outage.
pub const PAUSE_ROWS: usize = 3;

/// The rates and ping summaries of a CSV.
pub fn csv_seconds(text: &str, rows: &Rows) -> Result<Seconds, TraceError> {
    let mut lines = text.lines();
    let header: HashMap<&str, usize> = lines
        .next()
        .unwrap_or_default()
        .split(',')
        .enumerate()
        .map(|(i, name)| (name.trim(), i))
        .collect();
    let column = |name: &'static str| header.get(name).copied().ok_or(TraceError::Column(name));
    let (mode, cell, rate) = (column("network_mode")?, column("cell_id")?, column("dl_kbps")?);
    let (avg, min) = (column("ping_avg_ms")?, column("ping_min_ms")?);
    let (max, lost) = (column("ping_max_ms")?, column("ping_loss_percent")?);

    let table: Vec<Vec<&str>> = lines.map(|l| l.split(',').collect()).collect();
    let at = |i: usize, c: usize| table[i].get(c).copied().unwrap_or_default();
    let number =
        |i: usize, c: usize, name: &'static str| -> Result<f64, TraceError> {
            let text = at(i, c);
            text.trim().parse().ok().filter(|v: &f64| v.is_finite() && *v >= 0.0).ok_or_else(|| {
                TraceError::Cell { line: i + 2, column: name, text: text.to_owned() }
            })
        };
    let mut out = Seconds::default();
    for i in 0..table.len() {
        if rows.mode.as_deref().is_some_and(|m| m != at(i, mode)) {
            continue;
        }
        out.rates.push(number(i, rate, "dl_kbps")? * 1e3);
        if at(i, avg).is_empty() {
            continue;
        }
        let around = i.saturating_sub(14)..(i + 15).min(table.len());
        if rows.steady_cell && around.into_iter().any(|j| at(j, cell) != at(i, cell)) {
            continue;
        }
        let percent = number(i, lost, "ping_loss_percent")?;
        out.bursts.push(Burst {
            avg_ms: number(i, avg, "ping_avg_ms")?,
            min_ms: number(i, min, "ping_min_ms")?,
            max_ms: number(i, max, "ping_max_ms")?,
            lost: (percent / 100.0 * f64::from(BURST_PROBES)).round() as u32,
        });
    }
    out.rates = without_pauses(&out.rates);
    Ok(out)
}

fn without_pauses(rates: &[f64]) -> Vec<f64> {
    rates
        .chunk_by(|a, b| (*a < PAUSE_BPS) == (*b < PAUSE_BPS))
        .filter(|run| run[0] >= PAUSE_BPS || run.len() > PAUSE_ROWS)
        .flatten()
        .copied()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opportunities_become_rates() {
        let text = "0\n5\n99\n150\n200\n";
        assert_eq!(mahimahi_rates(text, 100).unwrap(), [360_000.0, 120_000.0]);
        let e = mahimahi_rates("5\n3\n", 100).unwrap_err().to_string();
        assert!(e.contains("line 2") && e.contains('3'), "{e}");
        assert!(mahimahi_rates("", 100).is_err());
    }

    #[test]
    fn rows_are_chosen_and_pauses_left_out() {
        let mut text = String::from(
            "t_s,network_mode,cell_id,dl_kbps,ping_avg_ms,ping_min_ms,ping_max_ms,ping_loss_percent\n",
        );
        text += "0,5G,1,9000,,,,\n1,5G,1,0,70,66,80,20\n2,LTE,1,7000,,,,\n3,5G,1,8000,,,,\n";
        let all = csv_seconds(&text, &Rows::default()).unwrap();
        assert_eq!(all.rates, [9e6, 7e6, 8e6]);
        assert_eq!(all.bursts.len(), 1);
        assert_eq!(all.bursts[0].lost, 1);
        let lte = Rows { mode: Some("LTE".into()), ..Rows::default() };
        assert_eq!(csv_seconds(&text, &lte).unwrap().rates, [7e6]);
        let e = csv_seconds(&text.replace("9000", "fast"), &Rows::default()).unwrap_err();
        assert!(e.to_string().contains("line 2: dl_kbps \"fast\""), "{e}");
    }
}
