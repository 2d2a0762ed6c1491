//! What a link delivered: beside what was sold, and in its busy hours beside its
//! quiet ones.

use hearth_proto::{DirectionFigures, Figures, TestKind, TestResult};
use serde::Serialize;

use super::BusyProfile;
use super::build::Inputs;
use super::link::Slots;
use super::series::{Gathered, loss, percentile};
use super::trials::{FEWEST, P5, goodput, rank, telling};
use crate::homes::{Sold, SoldSpeed};
use crate::ledger::Ledger;
use crate::report::calendar::Calendar;
use crate::report::days::local;
use crate::report::figure::{Figure, Unit};
use crate::report::interval;

/// Local hours in which homes use their lines most, by method 3.6.
const BUSY: std::ops::Range<usize> = 20..22;
/// Local hours in which next to nobody does: own judgement.
const QUIET: std::ops::Range<usize> = 2..6;

/// What a link delivered, beside what was sold.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DeliveredProfile {
    /// What was sold; `None`: it was not told.
    pub sold: Option<Sold>,
    /// Which tests told the speed: a capacity test's are estimates.
    pub by: Option<TestKind>,
    /// Towards the home.
    pub down: Beside,
    /// From the home.
    pub up: Beside,
    /// `rtt`, median.
    pub rtt_p50: Figure,
    /// `rtt`, 95th percentile: the side that is unfavourable for a home.
    pub rtt_p95: Figure,
    /// `rtt_p95` less the latency promised: over 0 it is missed.
    pub rtt_over_promise: Figure,
}

/// One direction.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Beside {
    /// Goodput of the tests, 5th percentile.
    pub p5: Figure,
    /// Median.
    pub p50: Figure,
    /// 95th percentile.
    pub p95: Figure,
    /// The busiest second of the home's own use: the link carries that much at least.
    pub floor: Figure,
    /// The best that was seen, test or use, over the speed sold.
    pub best_of_max: Figure,
    /// The median over the speed sold.
    pub p50_of_max: Figure,
    /// Share of tests under the speed normally available.
    pub under_normal: Figure,
    /// Share of tests under the least speed promised.
    pub under_min: Figure,
}

/// A link's busy hours beside its quiet ones.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BusyHour {
    /// From 20:00 to 22:00 local time.
    pub busy: HourFigures,
    /// From 2:00 to 6:00 local time.
    pub quiet: HourFigures,
    /// `rtt` p95 of the busy hours less that of the quiet ones.
    pub rtt_p95_raised: Figure,
}

/// What was measured in some hours of all days.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HourFigures {
    /// `rtt`, median.
    pub rtt_p50: Figure,
    /// `rtt`, 95th percentile.
    pub rtt_p95: Figure,
    /// `loss` while the link was up.
    pub loss: Figure,
    /// Goodput of the tests begun in them, median.
    pub goodput_down: Figure,
    /// Goodput of the tests begun in them, median.
    pub goodput_up: Figure,
}

/// The plan of a link, by its name.
pub(crate) fn sold<'h>(given: &Inputs<'h>, link: usize) -> Option<&'h Sold> {
    let name = given.ledger.links[link].link.as_str();
    given.home?.sold(name)
}

fn over(value: &Figure, by: Option<u64>, what: &str) -> Figure {
    let Some(by) = by.filter(|by| *by > 0) else {
        return Figure::not_enough(format!("{what} was not told"), 0, 1, "plans");
    };
    match value {
        Figure::Measured(m) => Figure::new(m.value / by as f64, Unit::Ratio, m.count, m.of),
        Figure::NotEnoughData(_) => value.clone(),
    }
}

fn under(speeds: &[f64], least: Option<u64>, what: &str) -> Figure {
    let Some(least) = least else {
        return Figure::not_enough(format!("{what} was not told"), 0, 1, "plans");
    };
    let all = speeds.len() as u64;
    if speeds.len() < FEWEST {
        return Figure::not_enough("too few tests of the speed", all, FEWEST as u64, "tests");
    }
    let under = speeds.iter().filter(|s| **s < least as f64).count() as u64;
    Figure::new(under as f64 / all as f64, Unit::Ratio, all, "tests")
        .within(interval::wilson(under, all))
}

fn beside(speeds: &[f64], floor: &Figure, sold: Option<SoldSpeed>) -> Beside {
    let figure = |q, need| rank(speeds.to_vec(), q, need, Unit::Bps, "a speed");
    let (p5, p50, p95) = (figure(0.05, P5), figure(0.5, FEWEST), figure(0.95, P5));
    let tested = speeds.iter().copied().fold(0.0, f64::max);
    let best = match floor {
        Figure::Measured(m) if m.value >= tested => floor.clone(),
        _ if tested > 0.0 => Figure::new(tested, Unit::Bps, speeds.len() as u64, "tests"),
        _ => floor.clone(),
    };
    let sold = sold.unwrap_or_default();
    Beside {
        best_of_max: over(&best, sold.max_bps, "the speed sold"),
        p50_of_max: over(&p50, sold.max_bps, "the speed sold"),
        under_normal: under(speeds, sold.normal_bps, "the speed normally available"),
        under_min: under(speeds, sold.min_bps, "the least speed"),
        p5,
        p50,
        p95,
        floor: floor.clone(),
    }
}

fn nothing_far() -> Figure {
    Figure::not_enough("nothing beyond the home was probed", 0, 1, "samples")
}

pub(super) fn delivered(
    given: &Inputs<'_>,
    link: usize,
    busy: &BusyProfile,
    far: Option<&Gathered<'_>>,
) -> DeliveredProfile {
    let (by, tests) = telling(given.history, given.ledger, link);
    let plan = sold(given, link);
    let rtt = |q| far.map_or_else(nothing_far, |far| percentile(&far.tally.times, q));
    let rtt_p95 = rtt(0.95);
    let rtt_over_promise = match (plan.and_then(|p| p.latency_ms), rtt_p95.measured()) {
        (None, _) => Figure::not_enough("no latency was promised", 0, 1, "plans"),
        (Some(promised), Some(m)) => Figure::new(m.value - promised, Unit::Ms, m.count, m.of),
        (Some(_), None) => rtt_p95.clone(),
    };
    DeliveredProfile {
        by,
        down: beside(
            &goodput(&tests, |f| f.down.as_ref()),
            &busy.rx_peak_bps,
            plan.map(|p| p.down),
        ),
        up: beside(&goodput(&tests, |f| f.up.as_ref()), &busy.tx_peak_bps, plan.map(|p| p.up)),
        rtt_p50: rtt(0.5),
        rtt_p95,
        rtt_over_promise,
        sold: plan.cloned(),
    }
}

/// The slots of some local hours that count, as rising ranges.
fn ranges(
    calendar: &Calendar,
    slots: &Slots,
    hours: &std::ops::Range<usize>,
) -> Vec<std::ops::Range<usize>> {
    let mut all: Vec<std::ops::Range<usize>> = Vec::new();
    for stretch in calendar.stretches.iter().filter(|s| hours.contains(&s.hour())) {
        for part in &slots.ranges {
            let both = part.start.max(stretch.slots.start)..part.end.min(stretch.slots.end);
            if both.is_empty() {
                continue;
            }
            match all.last_mut() {
                Some(last) if last.end == both.start => last.end = both.end,
                _ => all.push(both),
            }
        }
    }
    all
}

fn of_hours(
    given: &Inputs<'_>,
    calendar: &Calendar,
    link: usize,
    slots: &Slots,
    far: Option<&Gathered<'_>>,
    hours: &std::ops::Range<usize>,
) -> HourFigures {
    let ledger: &Ledger = given.ledger;
    let columns = &ledger.columns;
    let tally = far.and_then(|far| {
        let place = columns.links[link].series.iter().position(|s| s.key == *far.key)?;
        let ranges = ranges(calendar, slots, hours);
        columns.over_of(given.history, link, &[place], &ranges).pop()
    });
    let rtt = |q| tally.as_ref().map_or_else(nothing_far, |t| percentile(&t.times, q));
    let (_, tests) = telling(given.history, ledger, link);
    let begun: Vec<(&TestResult, &Figures)> = tests
        .into_iter()
        .filter(|(t, _)| {
            hours.contains(&usize::from(local(t.start, given.tz).hour().unsigned_abs()))
        })
        .collect();
    let speed = |pick: fn(&Figures) -> Option<&DirectionFigures>| {
        rank(goodput(&begun, pick), 0.5, FEWEST, Unit::Bps, "a speed in these hours")
    };
    HourFigures {
        rtt_p50: rtt(0.5),
        rtt_p95: rtt(0.95),
        loss: tally.as_ref().map_or_else(nothing_far, loss),
        goodput_down: speed(|f| f.down.as_ref()),
        goodput_up: speed(|f| f.up.as_ref()),
    }
}

pub(super) fn busy_hour(
    given: &Inputs<'_>,
    calendar: &Calendar,
    link: usize,
    slots: &Slots,
    far: Option<&Gathered<'_>>,
) -> BusyHour {
    let of = |hours| of_hours(given, calendar, link, slots, far, &hours);
    let (busy, quiet) = (of(BUSY), of(QUIET));
    let rtt_p95_raised = match (busy.rtt_p95.measured(), quiet.rtt_p95.measured()) {
        (Some(b), Some(q)) => Figure::new(b.value - q.value, Unit::Ms, b.count.min(q.count), b.of),
        (None, _) => busy.rtt_p95.clone(),
        (_, None) => quiet.rtt_p95.clone(),
    };
    BusyHour { busy, quiet, rtt_p95_raised }
}
