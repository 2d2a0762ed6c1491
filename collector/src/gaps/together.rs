//! Whether links fail together, and what a backup would have carried.

use hearth_proto::UnixMs;

use super::runs::{BRIDGE, Part, Run, runs_among};
use super::{BackupNeed, SHARED_FATE, SharedFate};
use crate::history::Span;
use crate::ledger::Ledger;
use crate::ledger::sets::{BLOCK, LedgerSets, rising};
use crate::report::calendar::Calendar;
use crate::report::days::Day;
use crate::report::figure::{Figure, Unit};

/// The fewest distinct incidents that a shared fate is read from.
const INCIDENTS: u64 = 5;

/// The fewest whole months that a monthly need is read from.
const MONTHS: u64 = 3;

/// Over slots that are known on both links; others are as if they were not there.
pub(super) fn shared_fate(
    ledger: &Ledger,
    sets: &LedgerSets,
    primary: usize,
    backup: usize,
) -> SharedFate {
    let of = |link: usize| sets.connections[link].blocks.iter();
    // Slots in which one of them was out, or one is not known.
    let looked_at = of(primary).zip(of(backup)).map(|(f, m)| !(f.ok & m.ok));
    let is = |set: u64, slot: usize| set >> (slot % BLOCK) & 1 == 1;
    let mut left_out = 0;
    let (mut either, mut first, mut both) = (Vec::new(), Vec::new(), Vec::new());
    let mut second = 0;
    for slot in rising(looked_at).take_while(|slot| *slot < ledger.slots()) {
        let [f, m] = [primary, backup].map(|l| &sets.connections[l].blocks[slot / BLOCK]);
        if !is(f.known() & m.known(), slot) {
            left_out += 1;
            continue;
        }
        let place = slot - left_out;
        let [f, m] = [f, m].map(|block| is(block.bad() & block.outage, slot));
        second += usize::from(m);
        for (list, yes) in [(&mut either, f || m), (&mut first, f), (&mut both, f && m)] {
            if yes {
                list.push((place, Part::Bad));
            }
        }
    }
    let any = runs_among(either, BRIDGE).len() as u64;
    let outages = runs_among(first.iter().copied(), BRIDGE);
    let within = |r: &&Run| {
        let from = both.partition_point(|b| b.0 < r.first);
        both.get(from).is_some_and(|b| b.0 <= r.last)
    };
    let common = outages.iter().filter(within).count();
    let factor = if any < INCIDENTS {
        Figure::not_enough("too few distinct outages of either link", any, INCIDENTS, "incidents")
    } else if first.is_empty() || second == 0 {
        Figure::not_enough("one of the two links was never down", 0, 1, "outages of each link")
    } else {
        let n = (ledger.slots() - left_out) as f64;
        let chance = first.len() as f64 * second as f64;
        Figure::new(both.len() as f64 * n / chance, Unit::Factor, any, "incidents")
    };
    SharedFate {
        primary: ledger.links[primary].clone(),
        backup: ledger.links[backup].clone(),
        definition: SHARED_FATE,
        factor,
        common_incidents: common as u64,
        incidents: outages.len() as u64,
    }
}

/// What the primary link carried, and for how long it was down, by hour of the day
/// and slot by slot.
struct Uses {
    /// Slots with evidence.
    slots: u64,
    /// Bytes and milliseconds up, of slots without down time, by hour.
    hours: [(u64, u64); 24],
    /// Slots with down time: when, in which hour of the day, how much.
    down: Vec<(UnixMs, usize, u64)>,
}

impl Uses {
    fn of(ledger: &Ledger, primary: usize, calendar: &Calendar) -> Self {
        let columns = &ledger.columns.links[primary];
        let connection = ledger.connection(primary);
        let mut uses = Self { slots: 0, hours: [(0, 0); 24], down: Vec::new() };
        for s in &calendar.stretches {
            let hour = s.hour();
            for slot in s.slots.clone() {
                if !connection[slot].state().is_known() {
                    continue;
                }
                uses.slots += 1;
                let down = u64::from(columns.down_ms[slot]);
                if down > 0 {
                    uses.down.push((ledger.at(slot), hour, down));
                } else if columns.busy.counted[slot] {
                    let bytes =
                        columns.busy.rx_bytes[slot].saturating_add(columns.busy.tx_bytes[slot]);
                    let sum = &mut uses.hours[hour];
                    *sum = (sum.0 + bytes, sum.1 + u64::from(columns.judged_ms[slot]));
                }
            }
        }
        uses
    }

    /// The mean rate of use in bytes per millisecond, by hour of the day.
    fn rates(&self) -> Rates {
        let rate = |(bytes, ms): (u64, u64)| (ms > 0).then(|| bytes as f64 / ms as f64);
        let all = self.hours.iter().fold((0, 0), |sum, h| (sum.0 + h.0, sum.1 + h.1));
        Rates { hours: self.hours.map(rate), mean: rate(all) }
    }
}

struct Rates {
    hours: [Option<f64>; 24],
    mean: Option<f64>,
}

/// The calendar months that lie wholly within the span, as (first day, last day).
fn whole_months(days: &[Day], span: Span) -> Vec<Span> {
    let mut months: Vec<Span> = Vec::new();
    for day in days {
        if day.date.day() == 1 && day.span.from >= span.from {
            months.push(day.span);
        } else if day.date.day() > 1
            && let Some(month) = months.last_mut()
        {
            month.to = day.span.to;
        }
    }
    if months.last().is_some_and(|m| m.to > span.to)
        || days.last().is_some_and(|d| d.date != d.date.last_of_month())
    {
        months.pop();
    }
    months
}

fn over_months(mut values: Vec<f64>, q: f64, unit: Unit) -> Figure {
    let n = values.len() as u64;
    if n < MONTHS {
        return Figure::not_enough("the period has too few whole months", n, MONTHS, "months");
    }
    values.sort_by(f64::total_cmp);
    let rank = ((q * n as f64).ceil() as usize).clamp(1, values.len());
    Figure::new(values[rank - 1], unit, n, "months")
}

pub(super) fn backup_need(
    ledger: &Ledger,
    primary: Option<usize>,
    calendar: &Calendar,
    days: &[Day],
) -> BackupNeed {
    let uses = primary.map(|p| Uses::of(ledger, p, calendar));
    let uses = uses.unwrap_or(Uses { slots: 0, hours: [(0, 0); 24], down: Vec::new() });
    let rates = uses.rates();
    // Bytes per slot with the primary down, and whether they can be said at all.
    let need: Vec<(UnixMs, f64, Option<f64>)> = uses
        .down
        .iter()
        .map(|(at, hour, ms)| {
            let rate = rates.hours[*hour].or(rates.mean);
            (*at, *ms as f64, rate.map(|r| r * *ms as f64))
        })
        .collect();
    let slots = uses.slots;
    let hours = |ms: f64| ms / 3_600_000.0;
    let total = |from: &Span| {
        let inside = need.iter().filter(|n| n.0 >= from.from && n.0 < from.to);
        inside.fold((0.0, 0.0), |sum, n| (sum.0 + n.1, sum.1 + n.2.unwrap_or(0.0)))
    };
    let all = total(&ledger.span);
    let no_slots = || Figure::not_enough("the primary link was not measured", 0, 1, "slots");
    let known = slots > 0 && rates.mean.is_some();
    let no_use = "the home's own traffic is not counted on the primary link";
    let months: Vec<(f64, f64)> = whole_months(days, ledger.span).iter().map(total).collect();
    let hours_by_month: Vec<f64> = months.iter().map(|m| hours(m.0)).collect();
    let bytes_by_month: Vec<f64> =
        if known { months.iter().map(|m| m.1).collect() } else { Vec::new() };
    BackupNeed {
        hours: match slots {
            0 => no_slots(),
            n => Figure::new(hours(all.0), Unit::Hours, n, "slots"),
        },
        bytes: if known {
            Figure::new(all.1, Unit::Bytes, slots, "slots")
        } else {
            Figure::not_enough(no_use, 0, 1, "slots with traffic counted")
        },
        hours_p50: over_months(hours_by_month.clone(), 0.5, Unit::Hours),
        hours_p90: over_months(hours_by_month, 0.9, Unit::Hours),
        bytes_p50: over_months(bytes_by_month.clone(), 0.5, Unit::Bytes),
        bytes_p90: over_months(bytes_by_month, 0.9, Unit::Bytes),
        caps: Vec::new(),
    }
}
