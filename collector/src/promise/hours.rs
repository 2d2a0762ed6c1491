//! The hours that a promise counts, and the stretches of the calendar it counts them
//! over, in local time.

use std::fmt;

use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use jiff::{Span as Length, ToSpan as _};
use serde::{Serialize, Serializer};

use super::guarantee::Period;
use crate::history::Span;
use crate::report::days::{at_minute, days};
use crate::report::wording::DAYS;

/// Hours of certain days of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    // From Monday on.
    days: [bool; 7],
    // Minutes of the day, the end not within.
    from: u16,
    to: u16,
}

impl Window {
    /// `None` unless it begins before it ends, by 24:00 at the latest, on any day.
    pub fn new(days: [bool; 7], from: u16, to: u16) -> Option<Self> {
        (from < to && to <= 1440 && days.contains(&true)).then_some(Self { days, from, to })
    }

    fn on(&self, day: Weekday) -> bool {
        usize::try_from(day.to_monday_zero_offset()).is_ok_and(|day| self.days[day])
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let on: Vec<usize> = (0..7).filter(|d| self.days[*d]).collect();
        let runs = on.chunk_by(|a, b| a + 1 == *b).map(|run| match *run {
            [first, _, .., last] => format!("{}-{}", DAYS[first], DAYS[last]),
            _ => run.iter().map(|d| DAYS[*d]).collect::<Vec<_>>().join(","),
        });
        let days =
            if on.len() == 7 { "daily".to_owned() } else { runs.collect::<Vec<_>>().join(",") };
        let (from, to) = (self.from, self.to);
        let (h, m) = (from / 60, from % 60);
        write!(f, "{days} {h:02}:{m:02}-{:02}:{:02}", to / 60, to % 60)
    }
}

/// The hours that count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hours(Vec<Window>);

impl Hours {
    /// In any of these, each instant once.
    pub fn new(windows: Vec<Window>) -> Self {
        Self(windows)
    }

    /// All hours of all days.
    pub fn always() -> Self {
        Self(vec![Window { days: [true; 7], from: 0, to: 1440 }])
    }

    /// The stretches of `span` that count, rising, apart from each other. Where the
    /// clock is put forward within a window it is shorter by as much, where it is put
    /// back longer.
    pub(super) fn within(&self, span: Span, tz: &TimeZone) -> Vec<Span> {
        let mut stretches: Vec<Span> = Vec::new();
        for day in days(span, tz) {
            for window in self.0.iter().filter(|w| w.on(day.date.weekday())) {
                let at = |minute| at_minute(day.date, minute, tz);
                let (Some(from), Some(to)) = (at(window.from), at(window.to)) else { continue };
                stretches.push(Span { from: from.max(span.from), to: to.min(span.to) });
            }
        }
        stretches.retain(|s| s.from < s.to);
        stretches.sort_by_key(|s| s.from);
        let mut apart: Vec<Span> = Vec::new();
        for s in stretches {
            match apart.last_mut() {
                Some(last) if s.from <= last.to => last.to = last.to.max(s.to),
                _ => apart.push(s),
            }
        }
        apart
    }
}

impl fmt::Display for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::always() {
            return f.write_str("at any time");
        }
        let windows: Vec<String> = self.0.iter().map(Window::to_string).collect();
        f.write_str(&windows.join("; "))
    }
}

impl Serialize for Hours {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(self.0.iter().map(Window::to_string))
    }
}

/// A stretch of the calendar, by its dates: the same for every home, at other instants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stretch {
    /// The first day.
    pub from: Date,
    /// The day after the last.
    pub to: Date,
}

impl Stretch {
    /// Its instants in a zone.
    pub fn span(&self, tz: &TimeZone) -> Option<Span> {
        Some(Span { from: at_minute(self.from, 0, tz)?, to: at_minute(self.to, 0, tz)? })
    }
}

impl Period {
    fn length(self) -> Length {
        match self {
            Self::Day => 1.day(),
            Self::Week => 1.week(),
            Self::Month => 1.month(),
        }
    }

    /// The start of the period that holds a day.
    fn start(self, date: Date) -> Option<Date> {
        match self {
            Self::Day => Some(date),
            Self::Week => {
                date.checked_sub(i64::from(date.weekday().to_monday_zero_offset()).days()).ok()
            }
            Self::Month => Some(date.first_of_month()),
        }
    }

    /// The whole periods from one day up to, not including, another.
    pub fn whole(self, from: Date, to: Date) -> Vec<Stretch> {
        let mut found = Vec::new();
        let Some(mut start) = self.start(from) else { return found };
        while let Ok(end) = start.checked_add(self.length()) {
            if end > to {
                break;
            }
            if start >= from {
                found.push(Stretch { from: start, to: end });
            }
            start = end;
        }
        found
    }

    /// The last `n` whole periods before the one that holds a day.
    pub fn last(self, n: i64, today: Date) -> Option<(Date, Date)> {
        let to = self.start(today)?;
        let mut from = to;
        for _ in 0..n {
            from = from.checked_sub(self.length()).ok()?;
        }
        Some((from, to))
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn hours(spans: &[Span]) -> f64 {
        spans.iter().map(|s| s.to.since(s.from)).sum::<i64>() as f64 / 3_600_000.0
    }

    #[test]
    fn windows_that_overlap_count_once_and_keep_to_their_days() {
        let week = Window::new([true, true, true, true, true, false, false], 18 * 60, 23 * 60);
        let peak = Window::new([true; 7], 20 * 60, 22 * 60);
        let both = Hours::new(vec![week.unwrap(), peak.unwrap()]);
        let tz = TimeZone::get("Europe/Berlin").unwrap();
        let month = Stretch { from: date(2026, 11, 1), to: date(2026, 12, 1) }.span(&tz).unwrap();
        // 21 days from Monday to Friday, nine at a weekend.
        assert!((hours(&both.within(month, &tz)) - (21.0 * 5.0 + 9.0 * 2.0)).abs() < 1e-9);
        assert_eq!(both.to_string(), "Mon-Fri 18:00-23:00; daily 20:00-22:00");
    }

    #[test]
    fn a_month_is_an_hour_longer_or_shorter_where_clocks_change() {
        let tz = TimeZone::get("Europe/Berlin").unwrap();
        let of = |from, to| {
            let span = Stretch { from, to }.span(&tz).unwrap();
            hours(&Hours::always().within(span, &tz))
        };
        assert!((of(date(2026, 3, 1), date(2026, 4, 1)) - 743.0).abs() < 1e-9);
        assert!((of(date(2026, 10, 1), date(2026, 11, 1)) - 745.0).abs() < 1e-9);
        let night = Hours::new(vec![Window::new([true; 7], 60, 240).unwrap()]);
        let day = Stretch { from: date(2026, 3, 29), to: date(2026, 3, 30) };
        assert!((hours(&night.within(day.span(&tz).unwrap(), &tz)) - 2.0).abs() < 1e-9);
    }

    #[test]
    fn periods_are_whole_ones_of_the_calendar() {
        let months = Period::Month.whole(date(2026, 8, 15), date(2026, 11, 30));
        let of = |from, to| Stretch { from, to };
        assert_eq!(
            months,
            [of(date(2026, 9, 1), date(2026, 10, 1)), of(date(2026, 10, 1), date(2026, 11, 1))]
        );
        let weeks = Period::Week.whole(date(2026, 11, 1), date(2026, 11, 16));
        assert_eq!(weeks.len(), 2);
        assert_eq!(weeks[0].from, date(2026, 11, 2));
        assert_eq!(Period::Day.whole(date(2026, 2, 27), date(2026, 3, 2)).len(), 3);
        let last = Period::Month.last(3, date(2026, 2, 10)).unwrap();
        assert_eq!(last, (date(2025, 11, 1), date(2026, 2, 1)));
    }
}
