//! One link's profile. Excluded slots are left out of every figure.

use std::ops::Range;

use hearth_proto::{BudgetReport, EventKind, ProbeKind, Role};

use super::build::Inputs;
use super::frameworks::{Inputs as Scored, scores};
use super::series::Gathered;
use super::{BusyProfile, LinkProfile, LinkTime, delivered, steady};
use crate::gaps::runs::{BRIDGE, Part, runs};
use crate::history::History;
use crate::history::columns::BusyColumns;
use crate::ledger::{Cell, Ledger, Limit, State};
use crate::report::calendar::Calendar;
use crate::report::figure::{Figure, Unit};

/// A link's slots that count, and where they lie.
pub(super) struct Slots {
    /// By slot: not excluded.
    pub(super) counts: Vec<bool>,
    /// The same as ranges, rising.
    pub(super) ranges: Vec<Range<usize>>,
}

impl Slots {
    fn of(connection: &[Cell]) -> Self {
        let counts: Vec<bool> = connection.iter().map(|c| c.state() != State::Excluded).collect();
        let mut ranges = Vec::new();
        let mut at = 0;
        for run in counts.chunk_by(|a, b| a == b) {
            if run[0] {
                ranges.push(at..at + run.len());
            }
            at += run.len();
        }
        Self { counts, ranges }
    }

    /// The values of a column that count.
    fn values<'c, T>(&'c self, column: &'c [T]) -> impl Iterator<Item = &'c T> {
        self.ranges.iter().flat_map(|range| &column[range.clone()])
    }
}

fn time(ledger: &Ledger, link: usize) -> LinkTime {
    let slot_ms = u64::from(ledger.slot.ms());
    let (connection, columns) = (ledger.connection(link), &ledger.columns.links[link]);
    let mut time = LinkTime::default();
    for (cell, (judged, down)) in
        connection.iter().zip(columns.judged_ms.iter().zip(&columns.down_ms))
    {
        match cell.state() {
            State::Excluded => time.excluded_ms += slot_ms,
            State::Unknown => {}
            State::Ok | State::Degraded | State::Down => {
                time.down_ms += u64::from(*down);
                time.up_ms += u64::from(judged.saturating_sub(*down));
            }
        }
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
    let within = |column: &[u64], add: fn(u64, u64) -> u64| {
        slots.values(column).fold(0, |sum, value| add(sum, *value))
    };
    BusyProfile {
        rx_bytes: figure(within(&busy.rx_bytes, u64::saturating_add), Unit::Bytes),
        tx_bytes: figure(within(&busy.tx_bytes, u64::saturating_add), Unit::Bytes),
        rx_peak_bps: figure(within(&busy.rx_peak_bps, u64::max), Unit::Bps),
        tx_peak_bps: figure(within(&busy.tx_peak_bps, u64::max), Unit::Bps),
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
    let (connection, columns) = (ledger.connection(link), &ledger.columns.links[link]);
    let slots = Slots::of(connection);
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
                let figures = g.rtt(&slots.counts);
                if best == Some(i) {
                    scored = Some(Scored::of(g.key, &figures));
                }
                rtt.push(figures);
            }
            (_, Role::Gateway | Role::FirstHop) => near.push(g.rtt(&slots.counts)),
            _ => phases.push(g.phase()),
        }
    }
    let time = time(ledger, link);
    let judged = time.up_ms + time.down_ms;
    let out = connection.iter().map(|c| match (c.state(), c.limit()) {
        (State::Excluded, _) => Part::Barrier,
        (_, Limit::Outage) => Part::Bad,
        _ => Part::Other,
    });
    let outages = runs(out, BRIDGE);
    let known = connection.iter().filter(|c| c.state().is_known()).count() as u64;
    let tests = super::trials::gather(history, ledger, link);
    let own = |column: &[u64]| slots.values(column).fold(0, |sum: u64, n| sum.saturating_add(*n));
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
        steady: steady::steady(ledger, link, &time, &outages, far),
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
