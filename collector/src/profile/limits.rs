//! What decided a bad slot: an outage, which percentile of the round trips, loss, or
//! a direction's throughput.

use serde::Serialize;

use super::columns::Column;
use super::share::shares_of;
use crate::ledger::sets::BLOCK;
use crate::ledger::{Cell, Ledger, Limit};
use crate::qoe::activity::{Binding, Prepared, Requirement, judge_prepared};
use crate::report::figure::Figure;

/// What decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Factor {
    /// The link was down for all or a good part of the slot.
    Outage,
    /// The round trips' median.
    RttP50,
    /// Their 95th percentile.
    RttP95,
    /// Their 99th percentile.
    RttP99,
    /// Loss.
    Loss,
    /// Throughput.
    Throughput,
}

impl Factor {
    /// In plain words, as the end of "decided by …".
    pub fn words(self) -> &'static str {
        match self {
            Self::Outage => "outages",
            Self::RttP50 => "delay most of the time (p50)",
            Self::RttP95 => "delay now and then (p95)",
            Self::RttP99 => "rare, long delays (p99)",
            Self::Loss => "packet loss",
            Self::Throughput => "speed",
        }
    }
}

/// How often a factor decided.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LimitShare {
    /// What.
    pub factor: Factor,
    /// In how many bad slots.
    pub slots: u64,
    /// Of all bad slots.
    pub share: Figure,
}

/// The far evidence of one slot, as the ledger judged it; `None` without any.
pub(crate) fn evidence(ledger: &Ledger, link: usize, slot: usize) -> Option<Prepared> {
    let far = &ledger.columns.links[link].far;
    let ms = [far.p50_ms[slot], far.p95_ms[slot], far.p99_ms[slot]].map(f64::from);
    let (lost, tried) = (far.lost[slot], far.tried[slot]);
    (tried > 0).then(|| Prepared::read(ms, f64::from(far.loss_low[slot]), lost, tried))
}

/// Of one link's column for one activity.
pub(super) fn limits(
    ledger: &Ledger,
    link: usize,
    activity: usize,
    column: &Column,
    requirement: Option<&Requirement>,
) -> Vec<LimitShare> {
    let of = |limit: Limit| column.limits[limit as usize];
    let mut percentiles = [0_u64; 3];
    if of(Limit::Latency) > 0 {
        let column = ledger.column(link, activity);
        let slow = column.chunks(BLOCK).enumerate().filter(|(_, block)| Cell::any_slow(block));
        let slots = slow.flat_map(|(i, block)| (i * BLOCK..).zip(block));
        let slow = slots.filter(|(_, c)| c.state().is_bad() && c.limit() == Limit::Latency);
        for (slot, _) in slow {
            let binding = requirement
                .zip(evidence(ledger, link, slot))
                .and_then(|(requirement, evidence)| judge_prepared(requirement, &evidence).binding);
            percentiles[match binding {
                Some(Binding::P99) => 2,
                Some(Binding::P95) => 1,
                _ => 0,
            }] += 1;
        }
    }
    shares_of(vec![
        (Factor::Outage, of(Limit::Outage)),
        (Factor::RttP50, percentiles[0]),
        (Factor::RttP95, percentiles[1]),
        (Factor::RttP99, percentiles[2]),
        (Factor::Loss, of(Limit::Loss)),
        (Factor::Throughput, of(Limit::Throughput)),
    ])
}
