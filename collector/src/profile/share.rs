//! Shares of time: how much of it an activity worked, by the hours of the week and
//! at peaks, with what is not known kept apart.

use serde::ser::{Serialize, SerializeStruct as _, Serializer};

use super::columns::{Column, Peak, Tally};
use super::{Confidence, LimitShare, PeakShare, Peaks, Share, Week};
use crate::ledger::{Counts, Limit};
use crate::report::calendar::Calendar;
use crate::report::figure::{Figure, Interval, Unit};
use crate::report::interval::Resampler;

/// The least evidence that any share of time rests on, in milliseconds. A run of a
/// minute holds it even where its first and last slot are cut; a run of seconds
/// proves nothing. What it is worth beyond that, [`Confidence`] says.
pub const LEAST_SHARE_MS: u64 = 40_000;

/// Evidence that a figure for a peak rests on at least.
const PEAK_MS: u64 = 30 * 60_000;

/// Evidence that a cell of the week rests on at least.
const WEEK_HOUR_MS: u64 = 15 * 60_000;

const HOUR_MS: u64 = 3_600_000;

/// How many slots make up so much time, at least one.
pub(crate) fn slots_of(ms: u64, slot_ms: u64) -> u64 {
    ms.div_ceil(slot_ms.max(1)).max(1)
}

/// Slots with evidence over slots that are not excluded.
pub(super) fn coverage(counts: &Counts) -> Figure {
    let (known, all) = (counts.known(), counts.known() + counts.unknown);
    if all == 0 {
        return Figure::not_enough("every slot is excluded", 0, 1, "slots");
    }
    Figure::new(known as f64 / all as f64, Unit::Ratio, all, "slots")
}

/// What the UNKNOWN slots leave open: taken as bad, then as good.
pub(crate) fn unknown_bounds(tally: &Tally) -> Interval {
    let Tally { counts, undecided, .. } = tally;
    let all = (counts.known() + counts.unknown).max(1) as f64;
    Interval::unknown_as_bad_then_good(
        counts.ok as f64 / all,
        (counts.ok + counts.unknown + undecided) as f64 / all,
    )
}

/// A share with a bootstrap over days where there are two that differ, else with
/// the bounds that the UNKNOWN slots leave: days that were all alike show no
/// spread, which is not certainty.
pub(crate) fn worked(
    days: &[Tally],
    need: u64,
    why: impl Into<String>,
    resampler: &mut Resampler,
) -> Figure {
    let total = days.iter().fold(Tally::default(), |mut sum, day| {
        sum += *day;
        sum
    });
    let (ok, known) = total.ok_of_known();
    if known == 0 || known < need {
        return Figure::not_enough(why, known, need.max(1), "slots");
    }
    let over_days = resampler.share(days.iter().map(Tally::ok_of_known));
    let interval = over_days.filter(Interval::has_width).unwrap_or_else(|| unknown_bounds(&total));
    Figure::new(ok as f64 / known as f64, Unit::Ratio, known, "slots").within(Some(interval))
}

fn peak(days: &[Tally], need: u64, peak: Peak, resampler: &mut Resampler) -> PeakShare {
    let hours = peak.hours();
    let why = format!("too little measured between {}:00 and {}:00", hours.start, hours.end);
    let total = days.iter().fold(Tally::default(), |mut sum, day| {
        sum += *day;
        sum
    });
    PeakShare {
        worked: worked(days, need, why, resampler),
        coverage: coverage(&total.counts),
        days: days.iter().filter(|d| d.counts.known() > 0).count() as u64,
    }
}

fn peaks(column: &Column, calendar: &Calendar, slot_ms: u64, resampler: &mut Resampler) -> Peaks {
    let need = slots_of(PEAK_MS, slot_ms);
    let mut of = |p: Peak, all: bool| {
        let days = column.peaks[p as usize].iter().enumerate();
        let chosen: Vec<Tally> =
            days.filter(|(day, _)| all || calendar.is_weekday(*day)).map(|(_, t)| *t).collect();
        peak(&chosen, need, p, resampler)
    };
    Peaks {
        evening: of(Peak::Evening, true),
        evening_weekdays: of(Peak::Evening, false),
        midday: of(Peak::Midday, true),
        midday_weekdays: of(Peak::Midday, false),
    }
}

pub(super) fn share(
    column: &Column,
    calendar: &Calendar,
    slot_ms: u64,
    resampler: &mut Resampler,
) -> Share {
    let why = match column.total.counts.known() {
        0 => "no slot has evidence for it",
        _ => "too short a time was measured",
    };
    Share {
        worked: worked(&column.days, slots_of(LEAST_SHARE_MS, slot_ms), why, resampler),
        coverage: coverage(&column.total.counts),
        counts: column.total.counts,
        unproven: column.total.unproven,
        peaks: peaks(column, calendar, slot_ms, resampler),
    }
}

pub(super) fn week(column: &Column, slot_ms: u64) -> Week {
    let need = slots_of(WEEK_HOUR_MS, slot_ms);
    // Four decimals are a hundredth of a per cent: what a reader can see.
    let rounded = |v: f64| (v * 10_000.0).round() / 10_000.0;
    let mut week = Week::default();
    for hour in &column.week {
        let (ok, known) = hour.tally.ok_of_known();
        let enough = known >= need;
        week.worked.push(enough.then(|| rounded(ok as f64 / known as f64)));
        let range = hour.range.filter(|_| enough);
        week.worst.push(range.map(|r| rounded(r.0)));
        week.best.push(range.map(|r| rounded(r.1)));
        week.known.push(known);
        week.slots.push(known + hour.tally.counts.unknown);
    }
    week
}

impl Serialize for Week {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let Self { worked, worst, best, known, slots } = self;
        let mut week = to.serialize_struct("Week", 5)?;
        week.serialize_field("worked", worked)?;
        for (name, hours) in [("worst", worst), ("best", best)] {
            if hours == worked {
                week.skip_field(name)?;
            } else {
                week.serialize_field(name, hours)?;
            }
        }
        week.serialize_field("known", known)?;
        if slots == known {
            week.skip_field("slots")?;
        } else {
            week.serialize_field("slots", slots)?;
        }
        week.end()
    }
}

/// What kept a column from OK most often.
pub(super) fn limiting(column: &Column) -> Option<Limit> {
    let times = |limit: Limit| column.limits[limit as usize];
    let most = Limit::ALL.into_iter().rev().max_by_key(|l| times(*l))?;
    (times(most) > 0).then_some(most)
}

/// Factors by how often each decided, the most frequent first.
pub(super) fn shares_of(mut factors: Vec<(super::Factor, u64)>) -> Vec<LimitShare> {
    let all: u64 = factors.iter().map(|f| f.1).sum();
    factors.retain(|f| f.1 > 0);
    factors.sort_by_key(|(factor, slots)| (std::cmp::Reverse(*slots), *factor));
    let share = |slots: u64| Figure::new(slots as f64 / all as f64, Unit::Ratio, all, "bad slots");
    factors
        .into_iter()
        .map(|(factor, slots)| LimitShare { factor, slots, share: share(slots) })
        .collect()
}

pub(super) fn confidence(share: &Share, slot_ms: u64) -> (Confidence, Vec<String>) {
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_week_is_written_without_what_it_repeats() {
        let worked = vec![Some(1.0), None];
        let mut week = Week {
            worst: worked.clone(),
            best: worked.clone(),
            worked,
            known: vec![60, 0],
            slots: vec![60, 0],
        };
        let written = json!({ "worked": [1.0, null], "known": [60, 0] });
        assert_eq!(serde_json::to_value(&week).unwrap(), written);
        (week.worst[0], week.best[1], week.slots[1]) = (Some(0.5), Some(1.0), 60);
        let written = json!({
            "worked": [1.0, null],
            "worst": [0.5, null],
            "best": [1.0, 1.0],
            "known": [60, 0],
            "slots": [60, 60],
        });
        assert_eq!(serde_json::to_value(&week).unwrap(), written);
    }
}
