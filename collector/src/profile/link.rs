//! One link's profile. Excluded slots are left out of every figure.

use hearth_proto::{BudgetReport, Busy, EventKind, LinkSlot, ProbeKind, Role};

use super::frameworks::{Inputs, scores};
use super::series::gather;
use super::{BusyProfile, LinkProfile, LinkTime};
use crate::gaps::runs::{BRIDGE, Part, runs};
use crate::history::History;
use crate::ledger::merge::judged_ms;
use crate::ledger::{Ledger, Limit, State};
use crate::report::figure::{Figure, Unit};

fn time(history: &History, ledger: &Ledger, link: usize) -> LinkTime {
    let slot_ms = u64::from(ledger.slot.ms());
    let connection = ledger.connection(link);
    let excluded = connection.iter().filter(|c| c.state() == State::Excluded).count() as u64;
    let mut time = LinkTime { excluded_ms: excluded * slot_ms, ..LinkTime::default() };
    ledger.grid.walk_within(&history.links[link], |slot, record| {
        if connection[slot].state().is_known() {
            let down = u64::from(record.down_ms);
            time.down_ms += down;
            time.up_ms += u64::from(judged_ms(record)).saturating_sub(down);
        }
    });
    let all = ledger.slots() as u64 * slot_ms;
    time.unknown_ms = all.saturating_sub(time.excluded_ms + time.up_ms + time.down_ms);
    time
}

fn busy(records: &[&LinkSlot]) -> BusyProfile {
    let counted: Vec<Busy> = records.iter().filter_map(|r| r.busy).collect();
    let n = counted.len() as u64;
    let figure = |value: u64, unit| {
        if n == 0 {
            let why = "the interface does not count the home's own traffic";
            return Figure::not_enough(why, 0, 1, "slots");
        }
        Figure::new(value as f64, unit, n, "slots")
    };
    let sum = |of: fn(&Busy) -> u64| counted.iter().map(of).fold(0, u64::saturating_add);
    let max = |of: fn(&Busy) -> u64| counted.iter().map(of).max().unwrap_or(0);
    BusyProfile {
        rx_bytes: figure(sum(|b| b.rx_bytes), Unit::Bytes),
        tx_bytes: figure(sum(|b| b.tx_bytes), Unit::Bytes),
        rx_peak_bps: figure(max(|b| b.rx_peak_bps), Unit::Bps),
        tx_peak_bps: figure(max(|b| b.tx_peak_bps), Unit::Bps),
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

pub(super) fn link(history: &History, ledger: &Ledger, link: usize) -> LinkProfile {
    let connection = ledger.connection(link);
    let mut records: Vec<&LinkSlot> = history.links[link]
        .slots
        .iter()
        .filter(|r| {
            let slot = ledger.grid.slot_of(r.start);
            slot.is_some_and(|slot| connection[slot].state() != State::Excluded)
        })
        .collect();
    records.sort_by_key(|r| r.start);
    let series = gather(records.iter().copied());

    let (mut rtt, mut near, mut phases) = (Vec::new(), Vec::new(), Vec::new());
    let mut best: Option<(u64, Inputs)> = None;
    for g in &series {
        let far = g.key.role.is_far();
        match (g.key.probe, g.key.role) {
            (ProbeKind::Stamp | ProbeKind::Icmp, _) if far => {
                let figures = g.rtt();
                let weight = figures.answered;
                // STAMP comes first and gives way only to a series with answers.
                if best.as_ref().is_none_or(|(most, _)| *most == 0 && weight > 0)
                    || (g.key.probe == ProbeKind::Stamp
                        && best.as_ref().is_some_and(|(most, _)| weight > *most))
                {
                    best = Some((weight, Inputs::of(g, &figures)));
                }
                rtt.push(figures);
            }
            (_, Role::Gateway | Role::FirstHop) => near.push(g.rtt()),
            _ => phases.push(g.phase()),
        }
    }
    let time = time(history, ledger, link);
    let judged = time.up_ms + time.down_ms;
    let out = connection.iter().map(|c| match (c.state(), c.limit()) {
        (State::Excluded, _) => Part::Barrier,
        (_, Limit::Outage) => Part::Bad,
        _ => Part::Other,
    });
    let outages = runs(out, BRIDGE).len() as u64;
    let slots = connection.iter().filter(|c| c.state().is_known()).count() as u64;
    let tests = super::trials::gather(history, ledger, link);
    let own = |of: fn(&hearth_proto::Own) -> u64| {
        records.iter().map(|r| of(&r.own)).fold(0, u64::saturating_add)
    };
    LinkProfile {
        link: ledger.links[link].clone(),
        time,
        uptime: if judged == 0 {
            Figure::not_enough("no time was judged", 0, 1, "slots")
        } else {
            Figure::new(time.up_ms as f64 / judged as f64, Unit::Ratio, slots, "slots")
        },
        outages,
        rtt,
        near,
        phases,
        busy: busy(&records),
        bufferbloat_ms_v1: tests.bufferbloat,
        rpm_draft09: tests.rpm,
        tests: tests.profile,
        radio: super::radio::radio(&records),
        wifi: super::radio::wifi(&records),
        own_rx_bytes: own(|o| o.rx_bytes),
        own_tx_bytes: own(|o| o.tx_bytes),
        budget: budget(history, link),
        frameworks: scores(&best.map_or_else(Inputs::none, |b| b.1)),
    }
}
