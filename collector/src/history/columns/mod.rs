//! A history as columns: what the judges read, and nothing else.
//!
//! # What is here
//! [`Columns::of`] lays a household's slots on one [`Grid`] and keeps, for every
//! link, one value per slot of the grid in plain vectors (a structure of arrays):
//! `columns.links[link].down_ms[slot]`. A ledger over the same history has the
//! same grid, so its `column(link, activity)[slot]` and all vectors here share
//! their slot numbers. Slots without a record hold the values of silence: nothing
//! judged, nothing tried, no times.
//!
//! Above the slots, every series (a kind of probe to one target) has its merged
//! figures: [`Quarter`]s of a UTC hour (all local times in use are whole quarters
//! from UTC), [`Hour`]s with the merged distribution, and the whole grid. Any
//! stretch is then a few merges: [`Columns::over`] takes whole hours where a
//! stretch holds them and goes back to the records only at its ends.
//!
//! # What holds
//! - A percentile here is that of the records' merged distribution, rounded once
//!   to `f32` where it stands in a vector; merged distributions are exact: hours
//!   merged are the day, and equal those merged from the records.
//! - Several records of one slot count as one, merged; the order they came in
//!   changes nothing.
//! - Not known is `NAN` in figures ([`known`] reads them) and −∞ in
//!   [`FarColumns`], where the judge compares with limits.
//!
//! Read in this order: the model here; [`tally`] (what adds up); `build`; `aside`
//! (which target's word is set aside); `over` (any stretch of slots).

mod aside;
mod build;
pub(crate) mod over;
pub mod tally;
#[cfg(test)]
mod tests;

use std::ops::{Range, RangeInclusive};

use hearth_proto::{Cell, DownCause, SeriesKey, UnixMs, Wifi};

pub use tally::Tally;

pub(crate) use super::grid::Grid;

/// Milliseconds of a [`Quarter`].
pub const QUARTER_MS: i64 = 900_000;

/// Milliseconds of an [`Hour`].
pub const HOUR_MS: i64 = 3_600_000;

/// A household's history, column by column.
#[derive(Debug, Clone, PartialEq)]
pub struct Columns {
    /// Where the slots lie: the ledger's.
    pub(crate) grid: Grid,
    /// In the history's order.
    pub links: Vec<LinkColumns>,
}

/// One link's. All vectors have one value per slot of the grid unless said.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LinkColumns {
    /// Milliseconds that the agent could judge; 0 where there is no record.
    pub judged_ms: Vec<u32>,
    /// Of them, milliseconds judged down.
    pub down_ms: Vec<u32>,
    /// Why it was down.
    pub down_cause: Vec<Option<DownCause>>,
    /// The series that speaks for the link.
    pub far: FarColumns,
    /// Where a target's word was set aside, by rising slot.
    pub aside: Vec<Aside>,
    /// The household's own traffic.
    pub busy: BusyColumns,
    /// Bytes that the agent itself received.
    pub own_rx_bytes: Vec<u64>,
    /// Bytes that the agent itself sent.
    pub own_tx_bytes: Vec<u64>,
    /// The gateway's median round trip in ms; `NAN` with under 5 answers.
    pub gateway_ms: Vec<f32>,
    /// The first router's beyond it.
    pub first_hop_ms: Vec<f32>,
    /// Every series that was seen, by key.
    pub series: Vec<SeriesColumns>,
    /// Wi-Fi readings with their slots, rising; empty for other links.
    pub wifi: Vec<(u32, Wifi)>,
    /// Serving cells with their slots, rising; several of one slot with 5G NSA.
    pub cells: Vec<(u32, Cell)>,
    /// The busiest seconds of slots before the grid, of those that counted them, as
    /// far as the history holds any: they may prove a throughput, and nothing else.
    /// Rising.
    pub before: Vec<PeakBefore>,
    /// Where the last record of the grid starts.
    pub last_record: Option<UnixMs>,
    /// Whether the history's records are in order, so that they can be searched.
    pub(crate) in_order: bool,
    /// How many of them lie before the grid.
    pub(crate) before_grid: usize,
}

/// What the series that speaks for a link shows; see the history's `evidence`
/// for which one that is.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FarColumns {
    /// Median round trip in ms; −∞ with under 5 answers.
    pub p50_ms: Vec<f32>,
    /// 95th percentile; −∞ with under 20.
    pub p95_ms: Vec<f32>,
    /// 99th percentile; −∞ with under 100.
    pub p99_ms: Vec<f32>,
    /// The lower one-sided 95 % Wilson bound of the loss ratio; 0 if none was lost.
    pub loss_low: Vec<f32>,
    /// Answered with times that are the path's.
    pub answered: Vec<u32>,
    /// Lost while the link was not judged down.
    pub lost: Vec<u32>,
    /// Answered or lost.
    pub tried: Vec<u32>,
    /// Its place in [`LinkColumns::series`]; [`FarColumns::NONE`] where none speaks.
    pub series: Vec<u16>,
}

impl FarColumns {
    /// No series speaks.
    pub const NONE: u16 = u16::MAX;
}

/// A target that would have spoken for a link in one slot, and was bad by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Aside {
    /// In which slot.
    pub slot: u32,
    /// The place of its series in [`LinkColumns::series`].
    pub series: u16,
    /// How it fared in the slots that were looked at.
    pub outcomes: Outcomes,
    /// The place of the series that did well meanwhile.
    pub good: u16,
    /// How that fared in the same slots.
    pub good_outcomes: Outcomes,
    /// Whether a series that did well speaks in its place. Where none can, its own
    /// figures stand, and prove that something worked, never that it did not.
    pub replaced: bool,
}

/// Probes to a target in the slots that were looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Outcomes {
    /// Lost, or answered far later than the target usually does.
    pub bad: u32,
    /// Answered or lost.
    pub tried: u32,
}

impl LinkColumns {
    /// What was set aside in a slot.
    pub fn aside(&self, slot: usize) -> Option<&Aside> {
        let at = self.aside.binary_search_by_key(&slot, |a| a.slot as usize).ok()?;
        self.aside.get(at)
    }
}

/// The household's own traffic, the agent's subtracted; 0 where not counted.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct BusyColumns {
    /// Whether the interface counted it.
    pub counted: Vec<bool>,
    /// Bytes received.
    pub rx_bytes: Vec<u64>,
    /// Bytes sent.
    pub tx_bytes: Vec<u64>,
    /// The busiest second's rate in bit/s.
    pub rx_peak_bps: Vec<u64>,
    /// The busiest second's rate in bit/s.
    pub tx_peak_bps: Vec<u64>,
}

/// A busiest second before the grid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeakBefore {
    /// The start of its slot.
    pub at: UnixMs,
    /// Received, in bit/s.
    pub rx_bps: u64,
    /// Sent, in bit/s.
    pub tx_bps: u64,
}

/// One series. What was sent while a cellular radio was idle counts in `tried`
/// and `lost`, never in `answered` or a time.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesColumns {
    /// Which probe to which target.
    pub key: SeriesKey,
    /// Answered with times that are the path's.
    pub answered: Vec<u32>,
    /// Lost while the link was not judged down.
    pub lost: Vec<u32>,
    /// Answered or lost.
    pub tried: Vec<u32>,
    /// Median in ms; `NAN` with under 5 answers.
    pub p50_ms: Vec<f32>,
    /// 95th percentile; `NAN` with under 20.
    pub p95_ms: Vec<f32>,
    /// p95 − least, `pdv_p95_v1` of the slot; `NAN` with under 20.
    pub pdv_ms: Vec<f32>,
    /// The median of all that are known, and how many are.
    pub pdv_median: Option<(f32, u64)>,
    /// Losses that `lost` leaves out, with their slots, rising: those while the link
    /// was down, and those of a host that only ever refuses. 0 where it was probed
    /// and nothing answered or was lost.
    pub lost_apart: Vec<(u32, u32)>,
    /// Quarters of UTC hours with a record of it, rising.
    pub quarters: Vec<Quarter>,
    /// UTC hours with a record of it, rising.
    pub hours: Vec<Hour>,
    /// All of the grid.
    pub whole: Tally,
}

/// How a series fared in a stretch of slots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Heard {
    /// Answered, also by a path whose radio had been idle.
    pub answered: u64,
    /// Lost, also while the link was down.
    pub lost: u64,
}

impl SeriesColumns {
    /// How it fared in some slots; `None`: it was not probed in them.
    pub fn heard(&self, slots: &Range<usize>) -> Option<Heard> {
        let sum = |column: &[u32]| column[slots.clone()].iter().map(|n| u64::from(*n)).sum::<u64>();
        let from = self.lost_apart.partition_point(|l| (l.0 as usize) < slots.start);
        let apart = self.lost_apart[from..].iter().take_while(|l| (l.0 as usize) < slots.end);
        let (tried, lost) = (sum(&self.tried), sum(&self.lost));
        let (n, lost_apart) = apart.fold((0, 0), |(n, lost), l| (n + 1, lost + u64::from(l.1)));
        let heard = Heard { answered: tried - lost, lost: lost + lost_apart };
        (tried > 0 || n > 0).then_some(heard)
    }

    /// The hours of some numbers that it was measured in.
    pub(crate) fn within(&self, hours: &RangeInclusive<i64>) -> &[Hour] {
        let from = self.hours.partition_point(|h| h.number < *hours.start());
        let to = self.hours.partition_point(|h| h.number <= *hours.end());
        &self.hours[from..to]
    }

    /// The place of the first quarter from a number on.
    pub(crate) fn quarter(&self, number: i64) -> usize {
        // Mostly there is every one.
        let guess = self.quarters.first().and_then(|q| usize::try_from(number - q.number).ok());
        match guess {
            Some(guess) if self.quarters.get(guess).is_some_and(|q| q.number == number) => guess,
            _ => self.quarters.partition_point(|q| q.number < number),
        }
    }
}

/// A quarter of a UTC hour. A slot belongs to the one that it starts in.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quarter {
    /// Its start over [`QUARTER_MS`].
    pub number: i64,
    /// Answered with times that are the path's.
    pub answered: u32,
    /// Lost while the link was not judged down.
    pub lost: u32,
    /// Slots with an answer.
    pub slots: u32,
    /// The least time in ms; `NAN` with no answer.
    pub min_ms: f32,
    /// Median in ms of the merged distribution; `NAN` with under 5 answers.
    pub p50_ms: f32,
    /// 95th percentile; `NAN` with under 20.
    pub p95_ms: f32,
}

impl Quarter {
    /// Its first instant.
    pub fn from(&self) -> UnixMs {
        UnixMs(self.number * QUARTER_MS)
    }
}

/// A UTC hour. A slot belongs to the one that it starts in.
#[derive(Debug, Clone, PartialEq)]
pub struct Hour {
    /// Its start over [`HOUR_MS`].
    pub number: i64,
    /// What was measured in it.
    pub tally: Tally,
}

/// A figure of a vector, if it is known.
pub fn known(figure: f32) -> Option<f64> {
    figure.is_finite().then(|| f64::from(figure))
}
