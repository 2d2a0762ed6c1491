//! The hours of the week, in local time: how each activity fared in them, and
//! which were the worst.
//!
//! An hour is that of the wall clock: where clocks go back, one hour of that day
//! holds two, and where they go forward, one holds none.

use std::ops::Range;

use jiff::tz::TimeZone;

use super::{HOURS_OF_WEEK, WorstHour, scan};
use crate::ledger::{Cell, Counts, Ledger};
use crate::report::days::{days, local};
use crate::report::figure::{Figure, Interval, Unit};
use crate::report::interval::over_days;

/// The fewest days that an hour of the week is ranked from.
const DAYS: usize = 2;

/// How many hours are named per activity.
const WORST: usize = 3;

/// A stretch of slots within one hour of one local day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stretch {
    /// 0 is Monday's first.
    pub(crate) hour_of_week: usize,
    /// Rises by one a day.
    pub(crate) day: usize,
    /// Those that start in it.
    pub(crate) slots: Range<usize>,
}

/// All stretches of a ledger, by time. Two of one hour and day stand apart only
/// where clocks change.
pub(crate) fn stretches(ledger: &Ledger, tz: &TimeZone) -> Vec<Stretch> {
    const HOUR: i64 = 3_600_000;
    let ms = i64::from(ledger.slot.ms());
    let slot = |at: hearth_proto::UnixMs| {
        let place = -(-at.since(ledger.span.from)).div_euclid(ms);
        usize::try_from(place).unwrap_or(0).min(ledger.slots())
    };
    let mut all = Vec::new();
    for (number, day) in days(ledger.span, tz).iter().enumerate() {
        let weekday = usize::from(day.date.weekday().to_monday_zero_offset().unsigned_abs());
        // On a day that clocks change, hours may begin at any half hour.
        let even = day.span.to.since(day.span.from) == 24 * HOUR;
        let step = if even { HOUR } else { HOUR / 2 };
        let mut from = day.span.from;
        let mut hour = 0;
        while from < day.span.to {
            let to = from.plus(step).min(day.span.to);
            if !even {
                hour = usize::from(local(from, tz).hour().unsigned_abs());
            }
            let slots = slot(from)..slot(to);
            if !slots.is_empty() {
                all.push(Stretch { hour_of_week: weekday * 24 + hour, day: number, slots });
            }
            (from, hour) = (to, hour + 1);
        }
    }
    all
}

/// One activity's counts by hour of the week.
pub(crate) fn counts(column: &[Cell], stretches: &[Stretch]) -> Vec<Counts> {
    let mut hours = vec![Counts::default(); HOURS_OF_WEEK];
    for s in stretches {
        hours[s.hour_of_week].ok += s.slots.len() as u64;
    }
    let mut at = 0;
    for (slot, cell) in scan::not_ok(column) {
        while stretches.get(at).is_some_and(|s| s.slots.end <= slot) {
            at += 1;
        }
        let Some(s) = stretches.get(at).filter(|s| s.slots.start <= slot) else { continue };
        let hour = &mut hours[s.hour_of_week];
        hour.ok -= 1;
        hour.add(cell.state());
    }
    hours
}

fn bad(c: &Counts) -> u64 {
    c.degraded + c.down
}

/// Stretches by the hour of the week that they are in.
pub(super) struct ByHour<'s>(Vec<Vec<&'s Stretch>>);

impl<'s> ByHour<'s> {
    pub(super) fn of(stretches: &'s [Stretch]) -> Self {
        let mut hours = vec![Vec::new(); HOURS_OF_WEEK];
        for s in stretches {
            hours[s.hour_of_week].push(s);
        }
        Self(hours)
    }

    /// (bad, known) of each day's stretch of one hour of the week.
    fn days(&self, column: &[Cell], hour: usize) -> Vec<(u64, u64)> {
        let mut days: Vec<(usize, (u64, u64))> = Vec::new();
        for s in &self.0[hour] {
            let c = scan::counts(&column[s.slots.clone()]);
            match days.last_mut() {
                Some((day, sum)) if *day == s.day => *sum = (sum.0 + bad(&c), sum.1 + c.known()),
                _ => days.push((s.day, (bad(&c), c.known()))),
            }
        }
        days.into_iter().map(|d| d.1).filter(|d| d.1 > 0).collect()
    }
}

/// Intervals by the days that they are of: an outage hits many activities alike.
#[derive(Default)]
pub(super) struct Intervals(Vec<(BadOfKnown, Option<Interval>)>);

/// Slots bad and known of each day.
type BadOfKnown = Vec<(u64, u64)>;

impl Intervals {
    fn over(&mut self, days: Vec<(u64, u64)>) -> Option<Interval> {
        if let Some(known) = self.0.iter().find(|k| k.0 == days) {
            return known.1;
        }
        let interval = over_days(&days);
        self.0.push((days, interval));
        interval
    }
}

/// The worst hours of one activity: those bad on two days or more first, then by
/// their share.
pub(super) fn worst(
    ledger: &Ledger,
    activity: usize,
    hours: &[Counts],
    by_hour: &ByHour<'_>,
    intervals: &mut Intervals,
) -> Vec<WorstHour> {
    let column = ledger.anywhere(activity);
    let share = |c: &Counts| bad(c) as f64 / c.known() as f64;
    let mut ranked: Vec<usize> = (0..hours.len()).filter(|h| bad(&hours[*h]) > 0).collect();
    ranked.sort_by(|a, b| share(&hours[*b]).total_cmp(&share(&hours[*a])).then(a.cmp(b)));
    // Enough to find those that recur behind single long outages.
    ranked.truncate(8 * WORST);
    let mut found: Vec<WorstHour> = ranked
        .into_iter()
        .filter_map(|hour| {
            let days = by_hour.days(column, hour);
            if days.len() < DAYS {
                return None;
            }
            let counts = hours[hour];
            Some(WorstHour {
                activity: ledger.activities[activity].clone(),
                weekday: (hour / 24) as u8 + 1,
                hour: (hour % 24) as u8,
                slots: counts,
                days: days.len() as u64,
                bad_days: days.iter().filter(|d| d.0 > 0).count() as u64,
                bad: Figure::new(share(&counts), Unit::Ratio, counts.known(), "slots").within(None),
            })
        })
        .collect();
    found.sort_by_key(|w| w.bad_days < 2);
    found.truncate(WORST);
    for w in &mut found {
        let hour = usize::from(w.weekday - 1) * 24 + usize::from(w.hour);
        let interval = intervals.over(by_hour.days(column, hour));
        w.bad = w.bad.clone().within(interval);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gaps::Gaps;
    use crate::qoe::catalogue::Catalogue;
    use crate::scripted::{Script, ScriptLink, What};
    use hearth_proto::Technology;

    const DAY: i64 = 86_400_000;
    const HOUR: i64 = 3_600_000;

    fn ledger(script: &Script) -> (crate::history::History, Ledger) {
        let history = script.history();
        let ledger = Ledger::build(&history, &Catalogue::built_in());
        (history, ledger)
    }

    fn quarters(days: i64, link: ScriptLink) -> Script {
        let mut script = Script::minutes(days * 96, vec![link]);
        (script.slot_ms, script.probe_every_ms) = (900_000, 9_000);
        script
    }

    #[test]
    fn every_slot_lies_in_one_hour_of_the_week_though_clocks_change() {
        let link = ScriptLink::new("eth0", Technology::Fttp, 20);
        let (_, ledger) = ledger(&quarters(150, link));
        for zone in ["Europe/Berlin", "Asia/Kathmandu", "Australia/Lord_Howe", "UTC"] {
            let tz = TimeZone::get(zone).unwrap();
            let all = stretches(&ledger, &tz);
            let mut next = 0;
            for s in &all {
                assert_eq!(s.slots.start, next, "{zone}");
                next = s.slots.end;
                let at = local(ledger.at(s.slots.start), &tz);
                let weekday = at.weekday().to_monday_zero_offset() as usize;
                assert_eq!(s.hour_of_week, weekday * 24 + at.hour() as usize, "{zone}");
            }
            assert_eq!(next, ledger.slots(), "{zone}");
        }
    }

    #[test]
    fn an_hour_that_fails_each_week_is_the_worst_and_a_single_outage_comes_after() {
        // Tuesdays from 20 to 21, four times, and three hours once on a Friday.
        let link = ScriptLink::new("eth0", Technology::Fttp, 20);
        let link = (0..4).fold(link, |l, week| {
            let from = week * 7 * DAY + 20 * HOUR;
            l.trouble(from, from + HOUR / 2, What::Access)
        });
        let link = link.trouble(3 * DAY, 3 * DAY + 3 * HOUR, What::Access);
        let (history, ledger) = ledger(&quarters(28, link));
        let gaps = Gaps::build(&history, &ledger, &TimeZone::UTC);
        let of_first: Vec<&WorstHour> =
            gaps.worst_hours.iter().filter(|w| w.activity == ledger.activities[0]).collect();
        assert_eq!(of_first.len(), 3);
        let first = of_first[0];
        assert_eq!((first.weekday, first.hour, first.days, first.bad_days), (2, 20, 4, 4));
        assert_eq!(first.slots.known(), 16);
        assert_eq!(first.bad.value(), Some(0.5));
        let bounds = first.bad.interval().unwrap();
        assert!(bounds.low <= 0.5 && 0.5 <= bounds.high);
        assert_eq!((of_first[1].weekday, of_first[1].bad_days), (5, 1));
    }

    #[test]
    fn a_single_week_ranks_no_hour() {
        let link = ScriptLink::new("eth0", Technology::Fttp, 20);
        let (history, ledger) = ledger(&quarters(6, link.trouble(0, DAY, What::Access)));
        assert!(Gaps::build(&history, &ledger, &TimeZone::UTC).worst_hours.is_empty());
    }
}
