//! What each series measured over the span. Percentiles come from merged
//! distributions, never from other percentiles, and only as far as the count
//! supports them.

use hearth_proto::{
    Cause, Directions, Distribution, Ipdv, LinkSlot, Merger, Series, SeriesKey, UnixMs,
};

use super::{CauseCount, PhaseProfile, RttProfile};
use crate::ledger::evidence::lost_while_up;
use crate::ledger::merge::mean_ipdv;
use crate::report::figure::{Figure, Unit};
use crate::report::interval;

/// The fewest probes or pairs that a mean or a ratio is read from.
const FEWEST: u64 = 5;

/// The fewest values that support p95: one beyond it.
const P95: u64 = 20;

/// One series, gathered slot by slot.
pub(super) struct Gathered<'h> {
    pub(super) key: &'h SeriesKey,
    times: Merger,
    ipdv: Vec<Ipdv>,
    pdv_us: Vec<f64>,
    sent: u64,
    answered: u64,
    lost: u64,
    lost_up: u64,
    failed_down: u64,
    burst: u32,
    causes: [u64; Cause::ALL.len()],
    directions: Directed,
    slots_ms: u64,
    last_slot: Option<UnixMs>,
    payload_bytes: u32,
    first_at: UnixMs,
    last_at: UnixMs,
}

#[derive(Default)]
struct Directed {
    forward: u64,
    back: u64,
    tried: u64,
}

impl<'h> Gathered<'h> {
    fn new(key: &'h SeriesKey, first_at: UnixMs) -> Self {
        Self {
            key,
            times: Merger::new(),
            ipdv: Vec::new(),
            pdv_us: Vec::new(),
            sent: 0,
            answered: 0,
            lost: 0,
            lost_up: 0,
            failed_down: 0,
            burst: 0,
            causes: [0; Cause::ALL.len()],
            directions: Directed::default(),
            slots_ms: 0,
            last_slot: None,
            payload_bytes: 0,
            first_at,
            last_at: first_at,
        }
    }

    fn add(&mut self, slot: &LinkSlot, series: &Series) {
        let (answered, lost) = (series.answered(), series.lost());
        // With an idle radio's promotion in them they are not the path's times.
        if !series.after_idle {
            self.times.add(&series.distribution);
            self.ipdv.extend(series.ipdv);
        }
        if !series.after_idle
            && u64::from(answered) >= P95
            && let (Some(p95), Some(min)) =
                (series.distribution.percentile_us(0.95), series.distribution.min_us())
        {
            self.pdv_us.push(p95 - f64::from(min));
        }
        self.sent += u64::from(series.sent);
        self.answered += u64::from(answered);
        self.lost += u64::from(lost);
        self.lost_up += u64::from(lost_while_up(series));
        self.failed_down += u64::from(series.failed_while_down);
        if series.failed_while_down == 0 {
            self.burst = self.burst.max(series.longest_failure_run);
        }
        for (cause, n) in &series.failures {
            self.causes[*cause as usize] += u64::from(*n);
        }
        // Directions do not say which losses were in down time, so a slot with
        // any is left out of them.
        if let Some(Directions { lost_forward, lost_back }) = series.directions
            && series.failed_while_down == 0
        {
            self.directions.forward += u64::from(lost_forward);
            self.directions.back += u64::from(lost_back);
            self.directions.tried += u64::from(answered) + u64::from(lost);
        }
        // A slot may hold one of each kind under the same key.
        if self.last_slot != Some(slot.start) {
            self.slots_ms += u64::from(slot.length.ms() - slot.unjudged_ms.min(slot.length.ms()));
            self.last_slot = Some(slot.start);
        }
        self.payload_bytes = self.payload_bytes.max(series.payload_bytes);
        self.last_at = slot.start.plus(i64::from(slot.length.ms()));
    }

    fn failures(&self) -> Vec<CauseCount> {
        let causes = Cause::ALL.into_iter().zip(self.causes).filter(|(_, n)| *n > 0);
        causes.map(|(cause, count)| CauseCount { cause, count }).collect()
    }

    pub(super) fn loss(&self) -> Figure {
        ratio(self.lost_up, self.answered + self.lost_up, "too few probes while the link was up")
    }

    pub(super) fn ipdv_mean(&self) -> Figure {
        match mean_ipdv(self.ipdv.iter().copied()) {
            Some((us, pairs)) if pairs >= FEWEST => {
                Figure::new(us / 1000.0, Unit::Ms, pairs, "pairs")
            }
            other => {
                let have = other.map_or(0, |o| o.1);
                Figure::not_enough("too few consecutive answers", have, FEWEST, "pairs")
            }
        }
    }

    pub(super) fn rtt(&self) -> RttProfile {
        let d = self.times.finish();
        let mut pdv = self.pdv_us.clone();
        pdv.sort_by(f64::total_cmp);
        let direction = |n| {
            let why = "the far end does not tell the directions apart";
            ratio(n, self.directions.tried, why)
        };
        RttProfile {
            probe: self.key.probe,
            role: self.key.role,
            family: self.key.family,
            target: self.key.target.clone(),
            rtt_p50: percentile(&d, 0.5),
            rtt_p95: percentile(&d, 0.95),
            rtt_p99: percentile(&d, 0.99),
            rtt_min: match d.min_us() {
                Some(us) => Figure::new(f64::from(us) / 1000.0, Unit::Ms, d.count(), "samples"),
                None => Figure::not_enough("no probe was answered", 0, 1, "samples"),
            },
            loss: self.loss(),
            loss_forward: direction(self.directions.forward),
            loss_back: direction(self.directions.back),
            loss_burst: match self.sent {
                0 => Figure::not_enough("no probe was sent", 0, 1, "probes"),
                sent => Figure::new(f64::from(self.burst), Unit::Probes, sent, "probes"),
            },
            ipdv_mean_v1: self.ipdv_mean(),
            pdv_p95_v1: match pdv.len() {
                0 => Figure::not_enough("no slot had enough answers for its p95", 0, 1, "slots"),
                n => Figure::new(pdv[n.div_ceil(2) - 1] / 1000.0, Unit::Ms, n as u64, "slots"),
            },
            sent: self.sent,
            answered: self.answered,
            lost: self.lost,
            lost_while_down: self.lost - self.lost_up,
            failures: self.failures(),
            rate_hz: self.sent as f64 * 1000.0 / self.slots_ms.max(1) as f64,
            payload_bytes: self.payload_bytes,
            first_at: self.first_at,
            last_at: self.last_at,
        }
    }

    pub(super) fn phase(&self) -> PhaseProfile {
        let d = self.times.finish();
        let failed = self.sent - self.answered;
        let failed_up = failed.saturating_sub(self.failed_down);
        let tried = self.answered + failed_up;
        PhaseProfile {
            probe: self.key.probe,
            role: self.key.role,
            family: self.key.family,
            target: self.key.target.clone(),
            p50: percentile(&d, 0.5),
            p95: percentile(&d, 0.95),
            failed: ratio(failed_up, tried, "too few tries while the link was up")
                .within(interval::wilson(failed_up, tried)),
            failures: self.failures(),
            sent: self.sent,
        }
    }
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

/// All series of a link's records, in the order of their keys.
pub(super) fn gather<'h>(records: impl IntoIterator<Item = &'h LinkSlot>) -> Vec<Gathered<'h>> {
    let mut all: Vec<Gathered<'h>> = Vec::new();
    for slot in records {
        for (i, series) in slot.series.iter().enumerate() {
            // A link's slots mostly hold the same series in the same order.
            let place = match all.get(i) {
                Some(g) if *g.key == series.key => i,
                _ => all.iter().position(|g| *g.key == series.key).unwrap_or_else(|| {
                    all.push(Gathered::new(&series.key, slot.start));
                    all.len() - 1
                }),
            };
            all[place].add(slot, series);
        }
    }
    all.sort_by_key(|g| g.key);
    all
}
