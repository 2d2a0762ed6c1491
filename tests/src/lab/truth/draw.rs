//! The truth, drawn from the ledger and the script. Pure.

use super::{
    Applied, AppliedKind, DirectionTruth, Interval, LOSS_TIMEOUT, LinkTruth, OutageTruth,
    Percentiles, ProbesTruth, RescueTruth, SlotState, SlotTruth, Truth,
};
use crate::lab::emulator::flow::Flow;
use crate::lab::emulator::ledger::{Ledger, ProbeTruth};
use crate::lab::emulator::{Direction, MILLISECOND, Nanos, to_ms};
use crate::lab::scenario::Scenario;

/// Draws up what was true. `start` and `end` are the script's, in ledger time.
pub fn draw(
    scenario: &Scenario,
    ledger: &Ledger,
    applied: &[Applied],
    start: Nanos,
    end: Nanos,
) -> Truth {
    let unix_ms = |at: Nanos| ((ledger.epoch_unix_ns + at) / MILLISECOND) as i64;
    let interval =
        |from, until| Interval { from_unix_ms: unix_ms(from), until_unix_ms: unix_ms(until) };
    let probes: Vec<Vec<ProbeTruth>> =
        (0..scenario.links.len()).map(|link| ledger.probes(link)).collect();
    let first = probes.iter().filter_map(|probes| probes.first()).map(|probe| probe.entered).min();
    // Reports are drawn up over whole slots of the wall clock: so is the truth.
    let slot = scenario.slot_ms * MILLISECOND;
    let past = |at: Nanos| (ledger.epoch_unix_ns + at) % slot;
    let first = first.unwrap_or(start).min(start);
    let first = first + (slot - past(first)) % slot;
    // What was sent in the last moments had no time to be known as lost.
    let known = end.saturating_sub(LOSS_TIMEOUT);
    let end_of_slots = known - past(known);
    let probes: Vec<Vec<ProbeTruth>> = probes
        .into_iter()
        .map(|all| all.into_iter().filter(|p| (first..end_of_slots).contains(&p.entered)).collect())
        .collect();
    let span = interval(first, end_of_slots);
    let when = |what: fn(AppliedKind) -> bool| -> Vec<Interval> {
        let those = applied.iter().filter(|applied| what(applied.what));
        those.map(|applied| interval(applied.from, applied.until)).collect()
    };
    let power_off = when(|what| what == AppliedKind::PowerOff);
    let links: Vec<LinkTruth> = scenario
        .links
        .iter()
        .zip(&probes)
        .enumerate()
        .map(|(index, (link, probes))| {
            let outages: Vec<(Nanos, Nanos, OutageTruth)> = applied
                .iter()
                .filter_map(|applied| match applied.what {
                    AppliedKind::Outage { link, cause } if link == index => {
                        let interval = interval(applied.from, applied.until);
                        Some((applied.from, applied.until, OutageTruth { interval, cause }))
                    }
                    _ => None,
                })
                .collect();
            let out =
                |at: Nanos| outages.iter().any(|(from, until, _)| (*from..*until).contains(&at));
            let direction = |direction| {
                DirectionTruth::new(
                    ledger.rate(index, direction, first, end_of_slots),
                    ledger.counts(index, direction, first, end_of_slots),
                )
            };
            let outages: Vec<OutageTruth> = outages.iter().map(|outage| outage.2).collect();
            let mute = applied.iter().filter(|a| a.what == AppliedKind::Mute { link: index });
            LinkTruth {
                name: link.name.clone(),
                technology: link.technology,
                stamp_v4: summarise(probes, 4, out),
                stamp_v6: summarise(probes, 6, out),
                up: direction(Direction::Up),
                down: direction(Direction::Down),
                slots: slots(scenario.slot_ms as i64, span, &outages, &power_off),
                gateway_mute: mute.map(|a| interval(a.from, a.until)).collect(),
                outages,
            }
        })
        .collect();
    Truth {
        scenario: scenario.name.clone(),
        seed: scenario.seed,
        slot_ms: scenario.slot_ms,
        span,
        script: interval(start, end),
        rescue: rescue(&links),
        links,
        power_off,
        collector_down: when(|what| what == AppliedKind::CollectorDown),
        emulator_late_ms: ledger.lateness().map(|(p50, p99)| (to_ms(p50), to_ms(p99))),
    }
}

fn summarise(probes: &[ProbeTruth], family: u8, out: impl Fn(Nanos) -> bool) -> ProbesTruth {
    let mut truth = ProbesTruth::default();
    let mut rtts = Vec::new();
    for probe in probes {
        if !matches!(probe.flow, Flow::Stamp { version, .. } if version == family) {
            continue;
        }
        truth.sent += 1;
        match (probe.rtt, probe.lost) {
            (Some(rtt), _) if rtt <= LOSS_TIMEOUT => {
                truth.answered += 1;
                rtts.push(to_ms(rtt));
                continue;
            }
            (Some(_), _) => truth.late += 1,
            (None, Some(Direction::Up)) => truth.lost_up += 1,
            (None, Some(Direction::Down)) => truth.lost_down += 1,
            (None, None) => truth.unanswered += 1,
        }
        truth.lost_while_out += u64::from(out(probe.entered));
    }
    truth.rtt_ms = Percentiles::of(rtts);
    truth
}

/// Slots on the wall clock's grid that lie wholly within the span.
pub(super) fn slots(
    slot_ms: i64,
    span: Interval,
    outages: &[OutageTruth],
    power_off: &[Interval],
) -> Vec<SlotTruth> {
    let mut slots = Vec::new();
    let mut start = (span.from_unix_ms + slot_ms - 1).div_euclid(slot_ms) * slot_ms;
    while start + slot_ms <= span.until_unix_ms {
        let slot = Interval { from_unix_ms: start, until_unix_ms: start + slot_ms };
        let unpowered = power_off.iter().any(|off| off.overlap_ms(&slot) > 0);
        let down: i64 = outages.iter().map(|outage| outage.interval.overlap_ms(&slot)).sum();
        let state = if unpowered {
            SlotState::Unpowered
        } else if down == 0 {
            SlotState::Up
        } else if down >= slot_ms {
            SlotState::Down
        } else {
            SlotState::Partly
        };
        slots.push(SlotTruth { start_unix_ms: start, state });
        start += slot_ms;
    }
    slots
}

fn rescue(links: &[LinkTruth]) -> RescueTruth {
    let mut truth = RescueTruth::default();
    let Some(fixed) = links.iter().find(|link| !link.technology.is_mobile()) else {
        return truth;
    };
    let mobile: Vec<&LinkTruth> = links.iter().filter(|link| link.technology.is_mobile()).collect();
    for (index, slot) in fixed.slots.iter().enumerate() {
        let states: Vec<SlotState> = mobile.iter().map(|link| link.slots[index].state).collect();
        let list = match slot.state {
            SlotState::Up | SlotState::Unpowered => continue,
            SlotState::Partly => &mut truth.edge,
            SlotState::Down if states.contains(&SlotState::Up) => &mut truth.saved,
            SlotState::Down if states.contains(&SlotState::Partly) => &mut truth.edge,
            SlotState::Down => &mut truth.unsaved,
        };
        list.push(slot.start_unix_ms);
    }
    truth
}
