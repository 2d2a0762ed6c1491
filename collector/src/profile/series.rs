//! What each series measured over the span. Percentiles come from merged
//! distributions, never from other percentiles, and only as far as the count
//! supports them.

use hearth_proto::{Cause, Distribution, SeriesKey, UnixMs};

use super::link::Slots;
use super::{CauseCount, PhaseProfile, RttProfile};
use crate::history::columns::{SeriesColumns, Tally};
use crate::report::figure::{Figure, Unit};
use crate::report::interval;
use crate::report::median::median;

/// The fewest probes or pairs that a mean or a ratio is read from.
const FEWEST: u64 = 5;

/// One series over the slots that count.
pub(super) struct Gathered<'h> {
    pub(super) key: &'h SeriesKey,
    pub(super) tally: Tally,
    columns: &'h SeriesColumns,
}

impl<'h> Gathered<'h> {
    pub(super) fn new(series: &'h SeriesColumns, tally: Tally) -> Self {
        Self { key: &series.key, tally, columns: series }
    }

    fn failures(&self) -> Vec<CauseCount> {
        let causes = Cause::ALL.into_iter().zip(self.tally.causes).filter(|(_, n)| *n > 0);
        causes.map(|(cause, count)| CauseCount { cause, count }).collect()
    }

    fn ipdv_mean(&self) -> Figure {
        let pairs = self.tally.ipdv_pairs;
        match self.tally.ipdv_mean_us() {
            Some(us) if pairs >= FEWEST => Figure::new(us / 1000.0, Unit::Ms, pairs, "pairs"),
            _ => Figure::not_enough("too few consecutive answers", pairs, FEWEST, "pairs"),
        }
    }

    /// The median over the slots that count.
    fn pdv(&self, slots: &Slots) -> Figure {
        let found = if slots.are_all {
            self.columns.pdv_median
        } else {
            let pdv = slots.values(&self.columns.pdv_ms).copied();
            let mut pdv: Vec<f32> = pdv.filter(|ms| ms.is_finite()).collect();
            median(&mut pdv, f32::total_cmp).map(|ms| (ms, pdv.len() as u64))
        };
        match found {
            Some((ms, n)) => Figure::new(f64::from(ms), Unit::Ms, n, "slots"),
            None => Figure::not_enough("no slot had enough answers for its p95", 0, 1, "slots"),
        }
    }

    fn extent(&self) -> (UnixMs, UnixMs) {
        self.tally.extent.unwrap_or_default()
    }

    /// Over the slots that count.
    pub(super) fn rtt(&self, slots: &Slots) -> RttProfile {
        let t = &self.tally;
        let direction = |n| {
            let why = "the far end does not tell the directions apart";
            ratio(n, t.directed, why)
        };
        let (first_at, last_at) = self.extent();
        RttProfile {
            probe: self.key.probe,
            role: self.key.role,
            family: self.key.family,
            target: self.key.target.clone(),
            rtt_p50: percentile(&t.times, 0.5),
            rtt_p95: percentile(&t.times, 0.95),
            rtt_p99: percentile(&t.times, 0.99),
            rtt_min: match t.times.min_us() {
                Some(us) => {
                    Figure::new(f64::from(us) / 1000.0, Unit::Ms, t.times.count(), "samples")
                }
                None => Figure::not_enough("no probe was answered", 0, 1, "samples"),
            },
            loss: loss(t),
            loss_forward: direction(t.lost_forward),
            loss_back: direction(t.lost_back),
            loss_burst: match t.sent {
                0 => Figure::not_enough("no probe was sent", 0, 1, "probes"),
                sent => Figure::new(f64::from(t.longest_failure_run), Unit::Probes, sent, "probes"),
            },
            ipdv_mean_v1: self.ipdv_mean(),
            pdv_p95_v1: self.pdv(slots),
            sent: t.sent,
            answered: t.answered,
            lost: t.lost,
            lost_while_down: t.lost - t.lost_up,
            failures: self.failures(),
            rate_hz: t.sent as f64 * 1000.0 / t.judged_ms.max(1) as f64,
            payload_bytes: t.payload_bytes,
            first_at,
            last_at,
        }
    }

    pub(super) fn phase(&self) -> PhaseProfile {
        let t = &self.tally;
        let failed = t.sent - t.answered;
        let failed_up = failed.saturating_sub(t.failed_while_down);
        let tried = t.answered + failed_up;
        PhaseProfile {
            probe: self.key.probe,
            role: self.key.role,
            family: self.key.family,
            target: self.key.target.clone(),
            p50: percentile(&t.times, 0.5),
            p95: percentile(&t.times, 0.95),
            failed: ratio(failed_up, tried, "too few tries while the link was up")
                .within(interval::wilson(failed_up, tried)),
            failures: self.failures(),
            sent: t.sent,
        }
    }
}

/// `loss` while the link was up.
pub(super) fn loss(t: &Tally) -> Figure {
    ratio(t.lost_up, t.answered + t.lost_up, "too few probes while the link was up")
}

fn ratio(n: u64, of: u64, why: &str) -> Figure {
    if of < FEWEST {
        return Figure::not_enough(why, of, FEWEST, "probes");
    }
    Figure::new(n as f64 / of as f64, Unit::Ratio, of, "probes")
}

/// A percentile in milliseconds where the count supports it.
pub(super) fn percentile(d: &Distribution, q: f64) -> Figure {
    if let Some(ms) = d.supported_percentile_ms(q) {
        return Figure::new(ms, Unit::Ms, d.count(), "samples");
    }
    let need = ((1.0 / (1.0 - q)).round() as u64).max(FEWEST);
    let why = format!("too few answers for p{:.0}", q * 100.0);
    Figure::not_enough(why, d.count(), need, "samples")
}
