//! Whether links fail together, and what a backup would have carried.

use jiff::tz::TimeZone;

use super::runs::{BRIDGE, Part, runs};
use super::{BackupNeed, SharedFate};
use crate::history::{History, Span};
use crate::ledger::{Cell, Ledger, Limit, State};
use crate::report::days::{Day, days};
use crate::report::figure::{Figure, Unit};

/// The fewest distinct incidents that a shared fate is read from.
const INCIDENTS: u64 = 5;

/// The fewest whole months that a monthly need is read from.
const MONTHS: u64 = 3;

fn is_out(cell: Cell) -> bool {
    cell.state().is_bad() && cell.limit() == Limit::Outage
}

fn bad(yes: bool) -> Part {
    if yes { Part::Bad } else { Part::Other }
}

/// Over slots that are known on both links.
pub(super) fn shared_fate(ledger: &Ledger, primary: usize, backup: usize) -> SharedFate {
    let pairs: Vec<(bool, bool)> = ledger
        .connection(primary)
        .iter()
        .zip(ledger.connection(backup))
        .filter(|(f, m)| f.state().is_known() && m.state().is_known())
        .map(|(f, m)| (is_out(*f), is_out(*m)))
        .collect();
    let any = runs(pairs.iter().map(|(f, m)| bad(*f || *m)), BRIDGE).len() as u64;
    let outages = runs(pairs.iter().map(|(f, _)| bad(*f)), BRIDGE);
    let common =
        outages.iter().filter(|r| pairs[r.first..=r.last].iter().any(|(f, m)| *f && *m)).count();
    let count = |of: fn(&(bool, bool)) -> bool| pairs.iter().filter(|p| of(p)).count() as f64;
    let (f, m, both) = (count(|p| p.0), count(|p| p.1), count(|p| p.0 && p.1));
    let factor = if any < INCIDENTS {
        Figure::not_enough("too few distinct outages of either link", any, INCIDENTS, "incidents")
    } else if f < 1.0 || m < 1.0 {
        Figure::not_enough("one of the two links was never down", 0, 1, "outages of each link")
    } else {
        let n = pairs.len() as f64;
        Figure::new(both * n / (f * m), Unit::Factor, any, "incidents")
    };
    SharedFate {
        primary: ledger.links[primary].clone(),
        backup: ledger.links[backup].clone(),
        factor,
        common_incidents: common as u64,
        incidents: outages.len() as u64,
    }
}

/// One slot of the primary link, as far as its need goes.
struct Use {
    at: hearth_proto::UnixMs,
    up_ms: u64,
    down_ms: u64,
    bytes: Option<u64>,
}

fn uses(history: &History, ledger: &Ledger, primary: usize) -> Vec<Use> {
    let mut uses = Vec::new();
    ledger.grid.walk_within(&history.links[primary], |slot, record| {
        let state = ledger.connection(primary)[slot].state();
        if matches!(state, State::Unknown | State::Excluded) {
            return;
        }
        let judged = u64::from(crate::ledger::merge::judged_ms(record));
        let down_ms = u64::from(record.down_ms);
        uses.push(Use {
            at: record.start,
            up_ms: judged.saturating_sub(down_ms),
            down_ms,
            bytes: record.busy.map(|b| b.rx_bytes.saturating_add(b.tx_bytes)),
        });
    });
    uses
}

/// The mean rate of use in bytes per millisecond, by hour of the day.
struct Rates {
    hours: [Option<f64>; 24],
    mean: Option<f64>,
}

impl Rates {
    fn of(uses: &[Use], days: &[Day]) -> Self {
        let mut hours = [(0_u64, 0_u64); 24];
        for (u, day) in with_days(uses, days) {
            if let Some(bytes) = u.bytes.filter(|_| u.down_ms == 0) {
                let hour = &mut hours[day.hour_of(u.at)];
                *hour = (hour.0 + bytes, hour.1 + u.up_ms);
            }
        }
        let rate = |(bytes, ms): (u64, u64)| (ms > 0).then(|| bytes as f64 / ms as f64);
        let all = hours.iter().fold((0, 0), |sum, h| (sum.0 + h.0, sum.1 + h.1));
        Self { hours: hours.map(rate), mean: rate(all) }
    }
}

fn with_days<'u>(uses: &'u [Use], days: &'u [Day]) -> impl Iterator<Item = (&'u Use, &'u Day)> {
    let mut day = 0;
    uses.iter().filter_map(move |u| {
        while days.get(day).is_some_and(|d| d.span.to <= u.at) {
            day += 1;
        }
        Some((u, days.get(day)?))
    })
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
    history: &History,
    ledger: &Ledger,
    primary: Option<usize>,
    tz: &TimeZone,
) -> BackupNeed {
    let days = days(ledger.span, tz);
    let uses = primary.map(|p| uses(history, ledger, p)).unwrap_or_default();
    let rates = Rates::of(&uses, &days);
    // Bytes per slot with the primary down, and whether they can be said at all.
    let need: Vec<(hearth_proto::UnixMs, f64, Option<f64>)> = with_days(&uses, &days)
        .filter(|(u, _)| u.down_ms > 0)
        .map(|(u, day)| {
            let rate = rates.hours[day.hour_of(u.at)].or(rates.mean);
            (u.at, u.down_ms as f64, rate.map(|r| r * u.down_ms as f64))
        })
        .collect();
    let slots = uses.len() as u64;
    let hours = |ms: f64| ms / 3_600_000.0;
    let total = |from: &Span| {
        let inside = need.iter().filter(|n| n.0 >= from.from && n.0 < from.to);
        inside.fold((0.0, 0.0), |sum, n| (sum.0 + n.1, sum.1 + n.2.unwrap_or(0.0)))
    };
    let all = total(&ledger.span);
    let no_slots = || Figure::not_enough("the primary link was not measured", 0, 1, "slots");
    let known = slots > 0 && rates.mean.is_some();
    let no_use = "the home's own traffic is not counted on the primary link";
    let months: Vec<(f64, f64)> = whole_months(&days, ledger.span).iter().map(total).collect();
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
