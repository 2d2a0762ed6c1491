//! One link's profile. Excluded slots are left out of every figure.

use std::ops::Range;

use hearth_proto::{BudgetReport, EventKind, ProbeKind, Role};

use super::build::Inputs;
use super::frameworks::{Inputs as Scored, scores};
use super::series::Gathered;
use super::{BusyProfile, LinkProfile, LinkTime, delivered, steady};
use crate::gaps::runs::outages;
use crate::history::History;
use crate::history::columns::BusyColumns;
use crate::ledger::Ledger;
use crate::ledger::sets::{BLOCK, Sets, rising};
use crate::report::calendar::Calendar;
use crate::report::figure::{Figure, Unit};

/// A link's slots that count, and where they lie.
pub(super) struct Slots {
    /// By slot: not excluded.
    pub(super) counts: Vec<bool>,
    /// The same as ranges, rising.
    pub(super) ranges: Vec<Range<usize>>,
    /// None is left out.
    pub(super) are_all: bool,
}

impl Slots {
    fn of(connection: &Sets, slots: usize) -> Self {
        let mut counts = vec![true; slots];
        rising(connection.blocks.iter().map(|b| b.excluded)).for_each(|slot| counts[slot] = false);
        let mut ranges = Vec::new();
        let mut at = 0;
        for run in counts.chunk_by(|a, b| a == b) {
            if run[0] {
                ranges.push(at..at + run.len());
            }
            at += run.len();
        }
        let are_all = ranges.iter().map(Range::len).sum::<usize>() == counts.len();
        Self { counts, ranges, are_all }
    }

    /// The values of a column that count.
    pub(super) fn values<'c, T>(&'c self, column: &'c [T]) -> impl Iterator<Item = &'c T> {
        self.ranges.iter().flat_map(|range| &column[range.clone()])
    }

    /// The sum of those, as far as there is room for it.
    fn sum(&self, column: &[u64]) -> u64 {
        let parts = self.ranges.iter().map(|range| sum(&column[range.clone()]));
        parts.fold(0, u64::saturating_add)
    }
}

/// The sum, or the greatest number.
fn sum(values: &[u64]) -> u64 {
    let (any, sum) =
        values.iter().fold((0, 0_u64), |(any, sum), v| (any | v, sum.wrapping_add(*v)));
    // Checked at each step, it takes several times as long.
    if any.leading_zeros() >= usize::BITS - values.len().leading_zeros() {
        return sum;
    }
    values.iter().fold(0, |sum, v| sum.saturating_add(*v))
}

fn time(ledger: &Ledger, link: usize, connection: &Sets) -> LinkTime {
    let slot_ms = u64::from(ledger.slot.ms());
    let columns = &ledger.columns.links[link];
    let all = columns.judged_ms.chunks(BLOCK).zip(columns.down_ms.chunks(BLOCK));
    let mut time = LinkTime::default();
    for (block, (judged, down)) in connection.blocks.iter().zip(all) {
        let known = block.known();
        for (i, (judged, down)) in judged.iter().zip(down).enumerate() {
            let counts = known >> i & 1;
            time.down_ms += counts * u64::from(*down);
            time.up_ms += counts * u64::from(judged.saturating_sub(*down));
        }
        time.excluded_ms += u64::from(block.excluded.count_ones()) * slot_ms;
    }
    let counts = |slot: u32| {
        let (block, bit) = (slot as usize / BLOCK, slot as usize % BLOCK);
        (connection.blocks[block].ok | connection.blocks[block].degraded) >> bit & 1 == 1
    };
    for aside in columns.aside.iter().filter(|a| counts(a.slot)) {
        time.set_aside_slots += 1;
        time.set_aside_alone_slots += u64::from(!aside.replaced);
    }
    let all = ledger.slots() as u64 * slot_ms;
    time.unknown_ms = all.saturating_sub(time.excluded_ms + time.up_ms + time.down_ms);
    time
}

fn busy(busy: &BusyColumns, slots: &Slots) -> BusyProfile {
    let n = slots.values(&busy.counted).filter(|counted| **counted).count() as u64;
    let figure = |value: u64, unit| {
        if n == 0 {
            let why = "the interface does not count the home's own traffic";
            return Figure::not_enough(why, 0, 1, "slots");
        }
        Figure::new(value as f64, unit, n, "slots")
    };
    let most = |column: &[u64]| slots.values(column).copied().max().unwrap_or(0);
    BusyProfile {
        rx_bytes: figure(slots.sum(&busy.rx_bytes), Unit::Bytes),
        tx_bytes: figure(slots.sum(&busy.tx_bytes), Unit::Bytes),
        rx_peak_bps: figure(most(&busy.rx_peak_bps), Unit::Bps),
        tx_peak_bps: figure(most(&busy.tx_peak_bps), Unit::Bps),
    }
}

/// The link's last within the span.
fn budget(history: &History, link: usize) -> Option<BudgetReport> {
    let link = &history.links[link];
    let mut told = history.events.iter().rev().filter(|(agent, _)| *agent == link.agent);
    told.find_map(|(_, event)| match &event.kind {
        EventKind::Budget(report) if report.link == link.info.link => Some(report.clone()),
        _ => None,
    })
}

/// The place of the far series that stands for the link: STAMP comes first and
/// gives way only to a series with answers.
fn best(series: &[Gathered<'_>]) -> Option<usize> {
    let mut best: Option<usize> = None;
    for (i, g) in series.iter().enumerate() {
        if !g.key.role.is_far() || !matches!(g.key.probe, ProbeKind::Stamp | ProbeKind::Icmp) {
            continue;
        }
        let weight = g.tally.answered;
        let most = best.map(|b| series[b].tally.answered);
        if most.is_none_or(|most| {
            (most == 0 && weight > 0) || (g.key.probe == ProbeKind::Stamp && weight > most)
        }) {
            best = Some(i);
        }
    }
    best
}

pub(super) fn link(given: &Inputs<'_>, calendar: &Calendar, link: usize) -> LinkProfile {
    let (history, ledger) = (given.history, given.ledger);
    let columns = &ledger.columns.links[link];
    let connection = Sets::of(ledger.connection(link));
    let slots = Slots::of(&connection, ledger.slots());
    let tallies = ledger.columns.over(history, link, &slots.ranges);
    let series: Vec<Gathered<'_>> = columns
        .series
        .iter()
        .zip(tallies)
        .filter(|(_, tally)| tally.slots > 0)
        .map(|(series, tally)| Gathered::new(series, tally))
        .collect();

    let (mut rtt, mut near, mut phases) = (Vec::new(), Vec::new(), Vec::new());
    let best = best(&series);
    let mut scored = None;
    for (i, g) in series.iter().enumerate() {
        match (g.key.probe, g.key.role) {
            (ProbeKind::Stamp | ProbeKind::Icmp, role) if role.is_far() => {
                let figures = g.rtt(&slots);
                if best == Some(i) {
                    scored = Some(Scored::of(g.key, &figures));
                }
                rtt.push(figures);
            }
            (_, Role::Gateway | Role::FirstHop) => near.push(g.rtt(&slots)),
            _ => phases.push(g.phase()),
        }
    }
    let time = time(ledger, link, &connection);
    let judged = time.up_ms + time.down_ms;
    let outages = outages(&connection);
    let known = connection.all().known();
    let tests = super::trials::gather(history, ledger, link);
    let own = |column: &[u64]| slots.sum(column);
    let far = best.map(|b| &series[b]);
    let busy = busy(&columns.busy, &slots);
    let delivered = delivered::delivered(given, link, &busy, far);
    let scored = scored.unwrap_or_default().tested(&delivered, &tests.profile);
    LinkProfile {
        link: ledger.links[link].clone(),
        time,
        uptime: if judged == 0 {
            Figure::not_enough("no time was judged", 0, 1, "slots")
        } else {
            Figure::new(time.up_ms as f64 / judged as f64, Unit::Ratio, known, "slots")
        },
        outages: outages.len() as u64,
        rtt,
        near,
        phases,
        steady: steady::steady(ledger, &connection, &time, &outages, far),
        delivered,
        busy_hour: delivered::busy_hour(given, calendar, link, &slots, far),
        busy,
        bufferbloat_ms_v1: tests.bufferbloat,
        rpm_draft09: tests.rpm,
        tests: tests.profile,
        radio: super::radio::radio(&columns.cells, &slots.counts),
        wifi: super::radio::wifi(&columns.wifi, &slots.counts),
        own_rx_bytes: own(&columns.own_rx_bytes),
        own_tx_bytes: own(&columns.own_tx_bytes),
        budget: budget(history, link),
        frameworks: scores(&scored),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_sum_stops_at_the_greatest_number(
            values in prop::collection::vec((any::<u64>(), 0..64_u32), 0..20),
        ) {
            let values: Vec<u64> = values.into_iter().map(|(v, by)| v >> by).collect();
            let exact: u128 = values.iter().map(|v| u128::from(*v)).sum();
            prop_assert_eq!(u128::from(sum(&values)), exact.min(u128::from(u64::MAX)));
        }
    }
}
