//! Shares of time: how much of it an activity worked, day by day and at peaks.

use std::ops::Range;

use jiff::tz::TimeZone;

use super::{ActivityProfile, Confidence, LinkShare, Share};
use crate::gaps::activity::anywhere;
use crate::ledger::{Cell, Counts, Ledger, Limit, State};
use crate::report::days::Day;
use crate::report::figure::{Figure, Interval, Unit};
use crate::report::interval;

/// Evidence that a figure for a peak rests on at least.
const PEAK_MS: u64 = 30 * 60_000;

const HOUR_MS: u64 = 3_600_000;

/// The slots of each local day.
pub(super) fn day_slots(ledger: &Ledger, days: &[Day]) -> Vec<Range<usize>> {
    days.iter().map(|d| ledger.grid.touched(d.span)).collect()
}

/// OK and known slots of a stretch.
fn ok_of_known(column: &[Cell]) -> (u64, u64) {
    let counts = Counts::of(column.iter().map(|c| c.state()));
    (counts.ok, counts.known())
}

/// Slots with evidence over slots that are not excluded.
pub(super) fn coverage(counts: &Counts) -> Figure {
    let (known, all) = (counts.known(), counts.known() + counts.unknown);
    if all == 0 {
        return Figure::not_enough("every slot is excluded", 0, 1, "slots");
    }
    Figure::new(known as f64 / all as f64, Unit::Ratio, all, "slots")
}

/// With a bootstrap over days where there are two that differ, else with the
/// bounds that the UNKNOWN slots leave: days that were all alike show no spread,
/// which is not certainty.
pub(super) fn share(column: &[Cell], days: &[Range<usize>]) -> Share {
    let counts = Counts::of(column.iter().map(|c| c.state()));
    let per_day: Vec<_> = days.iter().map(|d| ok_of_known(&column[d.clone()])).collect();
    let worked = anywhere(column);
    let worked = match interval::over_days(&per_day).filter(Interval::has_width) {
        Some(interval) => worked.within(Some(interval)),
        None => worked,
    };
    let unproven = |c: &&Cell| c.state() == State::Ok && c.is_unproven();
    Share {
        worked,
        coverage: coverage(&counts),
        counts,
        unproven: column.iter().filter(unproven).count() as u64,
    }
}

fn peak(ledger: &Ledger, column: &[Cell], days: &[Day], hours: (i8, i8), tz: &TimeZone) -> Figure {
    let per_day: Vec<(u64, u64)> = days
        .iter()
        .filter_map(|d| d.hours(hours.0, hours.1, tz))
        .map(|span| ok_of_known(&column[ledger.grid.touched(span)]))
        .collect();
    let (ok, known) = per_day.iter().fold((0, 0), |sum, d| (sum.0 + d.0, sum.1 + d.1));
    let need = PEAK_MS.div_ceil(u64::from(ledger.slot.ms())).max(1);
    if known < need {
        let why = format!("too little measured between {}:00 and {}:00", hours.0, hours.1);
        return Figure::not_enough(why, known, need, "slots");
    }
    Figure::new(ok as f64 / known as f64, Unit::Ratio, known, "slots")
        .within(interval::over_days(&per_day))
}

/// What kept a column from OK most often.
fn limiting(column: &[Cell]) -> Option<Limit> {
    let mut times = [0_u64; Limit::ALL.len()];
    for cell in column.iter().filter(|c| c.state().is_bad()) {
        times[cell.limit() as usize] += 1;
    }
    let most = Limit::ALL.into_iter().rev().max_by_key(|l| times[*l as usize])?;
    (times[most as usize] > 0).then_some(most)
}

fn confidence(share: &Share, slot_ms: u64) -> (Confidence, Vec<String>) {
    let known_ms = share.counts.known() * slot_ms;
    let coverage = share.coverage.value().unwrap_or(0.0);
    let mut why = Vec::new();
    let mut level = Confidence::High;
    let mut lower = |to: Confidence, said: String| {
        level = level.min(to);
        why.push(said);
    };
    if known_ms < HOUR_MS {
        lower(Confidence::Low, "under an hour was measured".into());
    } else if known_ms < 24 * HOUR_MS {
        lower(Confidence::Medium, "under a day was measured".into());
    }
    if coverage < 0.5 {
        lower(Confidence::Low, "under half of the time was measured".into());
    } else if coverage < 0.9 {
        lower(Confidence::Medium, "under 90 % of the time was measured".into());
    }
    if share.unproven * 2 > share.counts.ok {
        lower(
            Confidence::Medium,
            "the speed it needs was mostly not seen in use, so it is taken as given".into(),
        );
    }
    (level, why)
}

pub(super) fn activity(
    ledger: &Ledger,
    activity: usize,
    days: &[Day],
    slots: &[Range<usize>],
    tz: &TimeZone,
) -> ActivityProfile {
    let everywhere = share(ledger.anywhere(activity), slots);
    let first: &[Cell] = ledger.in_use().map_or(&[], |l| ledger.column(l, activity));
    let (confidence, confidence_why) = confidence(&everywhere, u64::from(ledger.slot.ms()));
    let peak = |hours| match first {
        [] => Figure::not_enough("the home has no link", 0, 1, "links"),
        column => peak(ledger, column, days, hours, tz),
    };
    let links: Vec<LinkShare> = ledger
        .links
        .iter()
        .map(|link| LinkShare {
            link: link.clone(),
            share: share(ledger.column(link.index, activity), slots),
        })
        .collect();
    ActivityProfile {
        activity: ledger.activities[activity].clone(),
        in_use: ledger.in_use().map(|l| links[l].share.clone()),
        anywhere: everywhere,
        links,
        peak_evening: peak((20, 22)),
        peak_midday: peak((12, 14)),
        limiting: limiting(first),
        confidence,
        confidence_why,
    }
}
