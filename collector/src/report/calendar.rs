//! Slots by local hour. Each slot belongs to the hour that it starts in, so that
//! every slot is in exactly one cell of the week whatever the clocks do: on a day of
//! 23 hours one cell gets nothing, on one of 25 hours one gets twice as much.

use hearth_proto::UnixMs;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use std::ops::Range;

use super::days::local;
use crate::history::DAY_MS;
use crate::history::columns::HOUR_MS;

/// Hours of a week: Monday from midnight to one is the first.
pub(crate) const WEEK_HOURS: usize = 168;

/// Consecutive slots of one local hour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stretch {
    /// Which slots.
    pub(crate) slots: Range<usize>,
    /// Which of the calendar's days.
    pub(crate) day: usize,
    /// Under [`WEEK_HOURS`].
    pub(crate) week_hour: usize,
}

impl Stretch {
    /// The local hour of the day.
    pub(crate) fn hour(&self) -> usize {
        self.week_hour % 24
    }
}

/// Slots by local day and hour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Calendar {
    /// By rising slot; together they hold every slot once.
    pub(crate) stretches: Vec<Stretch>,
    /// The local days that hold a slot's start.
    pub(crate) days: Vec<Date>,
}

impl Calendar {
    /// Of slots of one length from an instant on. A ledger has its own: see
    /// [`Ledger::calendar`](crate::ledger::Ledger).
    pub(crate) fn over(from: UnixMs, slot_ms: i64, slots: usize, tz: &TimeZone) -> Self {
        let hours = slots as i64 * slot_ms / HOUR_MS;
        let room = usize::try_from(hours).unwrap_or(0) + 2;
        let mut calendar = Self { stretches: Vec::with_capacity(room), days: Vec::new() };
        let mut slot = 0;
        let mut clock = Clock::at(from, tz);
        while slot < slots {
            let at = from.plus(slot as i64 * slot_ms);
            if at.0 >= clock.until {
                clock = Clock::at(at, tz);
            }
            let here = clock.local(at);
            let until = (at.0 + HOUR_MS - here.rem_euclid(HOUR_MS)).min(clock.until);
            let first_after = (until.saturating_sub(from.0) + slot_ms - 1) / slot_ms;
            let end = usize::try_from(first_after).unwrap_or(slots).clamp(slot + 1, slots);
            let (day, hour) = (here.div_euclid(DAY_MS), here.rem_euclid(DAY_MS) / HOUR_MS);
            // 1 January 1970 was a Thursday.
            let weekday = (day + 3).rem_euclid(7) as usize;
            if clock.date.0 != day {
                clock.date = (day, local(at, tz).date());
            }
            calendar.add(slot..end, clock.date.1, weekday * 24 + hour as usize);
            slot = end;
        }
        calendar
    }

    fn add(&mut self, slots: Range<usize>, date: Date, week_hour: usize) {
        // Clocks may go back over midnight.
        let recent = self.days.len().saturating_sub(2);
        let known = self.days[recent..].iter().position(|d| *d == date);
        let day = known.map_or(self.days.len(), |place| recent + place);
        if known.is_none() {
            self.days.push(date);
        }
        match self.stretches.last_mut() {
            Some(last) if (last.day, last.week_hour) == (day, week_hour) => {
                last.slots.end = slots.end;
            }
            _ => self.stretches.push(Stretch { slots, day, week_hour }),
        }
    }

    /// Whether a day is Monday to Friday. Holidays are not known.
    pub(crate) fn is_weekday(&self, day: usize) -> bool {
        self.days[day].weekday().to_monday_zero_offset() < 5
    }
}

/// The clocks of a zone until they change: as far ahead of UTC all the time.
struct Clock {
    ahead_ms: i64,
    /// When they change; the end of time where they never do.
    until: i64,
    /// The last day asked for, by its number and as a date.
    date: (i64, Date),
}

impl Clock {
    fn at(at: UnixMs, tz: &TimeZone) -> Self {
        let here = local(at, tz);
        let ahead_ms = i64::from(here.offset().seconds()) * 1000;
        let next = Timestamp::from_millisecond(at.0)
            .ok()
            .and_then(|at| tz.following(at).next())
            .map(|t| t.timestamp().as_millisecond());
        let day = at.0.saturating_add(ahead_ms).div_euclid(DAY_MS);
        Self {
            ahead_ms,
            until: next.filter(|ms| *ms > at.0).unwrap_or(i64::MAX),
            date: (day, here.date()),
        }
    }

    /// Local time in milliseconds, as if it were UTC.
    fn local(&self, at: UnixMs) -> i64 {
        at.0.saturating_add(self.ahead_ms)
    }
}

/// The span of the same length before one, in local time: as many local days where
/// it is whole days long, so that a change of clocks does not shift it.
pub(crate) fn period_before(span: crate::history::Span, tz: &TimeZone) -> crate::history::Span {
    let (from, to) = (local(span.from, tz), local(span.to, tz));
    let length = span.to.since(span.from);
    let days = (length + DAY_MS / 2) / DAY_MS;
    let is_whole_days = from.time() == to.time() && days > 0;
    let earlier = match is_whole_days.then(|| from.checked_sub(days.days())) {
        Some(Ok(earlier)) => UnixMs(earlier.timestamp().as_millisecond()),
        _ => span.from.plus(-length),
    };
    crate::history::Span { from: earlier, to: span.from }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::history::Span;

    const ZONES: [&str; 8] = [
        "UTC",
        "Europe/Berlin",
        "America/New_York",
        "Australia/Lord_Howe",
        "Asia/Kathmandu",
        "America/St_Johns",
        "Pacific/Apia",
        "Africa/Casablanca",
    ];

    fn at(text: &str) -> UnixMs {
        UnixMs(text.parse::<Timestamp>().unwrap().as_millisecond())
    }

    fn minutes(from: &str, days: usize, zone: &str) -> Calendar {
        let tz = TimeZone::get(zone).unwrap();
        Calendar::over(at(from), 60_000, days * 1440, &tz)
    }

    fn of_hour(calendar: &Calendar, hour: usize) -> usize {
        let here = calendar.stretches.iter().filter(|s| s.hour() == hour);
        here.map(|s| s.slots.len()).sum()
    }

    #[test]
    fn a_day_of_23_hours_lacks_one_and_one_of_25_has_one_twice() {
        // Sunday 29 March 2026 and Sunday 25 October 2026, whole local days.
        let tz = TimeZone::get("Europe/Berlin").unwrap();
        let spring = Calendar::over(at("2026-03-28T23:00:00Z"), 60_000, 23 * 60, &tz);
        assert_eq!((spring.days.len(), spring.stretches.len()), (1, 23));
        assert_eq!((of_hour(&spring, 1), of_hour(&spring, 2), of_hour(&spring, 3)), (60, 0, 60));
        let autumn = Calendar::over(at("2026-10-24T22:00:00Z"), 60_000, 25 * 60, &tz);
        assert_eq!(autumn.days.len(), 1);
        assert_eq!((of_hour(&autumn, 1), of_hour(&autumn, 2), of_hour(&autumn, 3)), (60, 120, 60));
        let cells: Vec<usize> = autumn.stretches.iter().map(|s| s.week_hour / 24).collect();
        assert!(cells.iter().all(|day| *day == 6), "all of it is Sunday");
    }

    #[test]
    fn a_clock_that_moves_by_half_an_hour_loses_nothing() {
        // Lord Howe Island, 4 October 2026: 2:00 becomes 2:30.
        let day = minutes("2026-10-03T13:30:00Z", 1, "Australia/Lord_Howe");
        assert_eq!((of_hour(&day, 1), of_hour(&day, 2), of_hour(&day, 3)), (60, 30, 60));
        let total: usize = day.stretches.iter().map(|s| s.slots.len()).sum();
        assert_eq!(total, 1440);
    }

    #[test]
    fn the_period_before_is_as_many_local_days() {
        let tz = TimeZone::get("Europe/Berlin").unwrap();
        // 1 April to 1 May, local time: March had an hour less.
        let april = Span { from: at("2026-03-31T22:00:00Z"), to: at("2026-04-30T22:00:00Z") };
        let before = period_before(april, &tz);
        assert_eq!(before.from, at("2026-03-01T23:00:00Z"));
        assert_eq!(before.to, april.from);
        let odd = Span { from: UnixMs(1_000_000), to: UnixMs(1_090_000) };
        assert_eq!(period_before(odd, &tz).from, UnixMs(910_000));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn every_slot_is_in_exactly_the_cell_of_its_local_hour(
            zone in prop::sample::select(&ZONES[..]),
            from_s in 0_i64..2_000_000_000,
            slot_ms in prop::sample::select(&[1_000_i64, 10_000, 60_000, 300_000, 420_000, 900_000][..]),
            slots in 1_usize..3_000,
        ) {
            let tz = TimeZone::get(zone).unwrap();
            let from = UnixMs(from_s * 1000 / slot_ms * slot_ms);
            let calendar = Calendar::over(from, slot_ms, slots, &tz);
            let mut next = 0;
            let mut per_day: BTreeMap<usize, usize> = BTreeMap::new();
            for s in &calendar.stretches {
                prop_assert_eq!(s.slots.start, next);
                next = s.slots.end;
                *per_day.entry(s.day).or_default() += s.slots.len();
                for slot in s.slots.clone() {
                    let here = local(from.plus(slot as i64 * slot_ms), &tz);
                    let weekday = usize::from(here.weekday().to_monday_zero_offset().unsigned_abs());
                    let cell = weekday * 24 + usize::from(here.hour().unsigned_abs());
                    prop_assert_eq!(s.week_hour, cell);
                    prop_assert_eq!(calendar.days[s.day], here.date());
                }
            }
            prop_assert_eq!(next, slots);
            prop_assert_eq!(per_day.len(), calendar.days.len());
        }
    }
}
