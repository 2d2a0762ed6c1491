//! Local days and hours of a span.

use hearth_proto::UnixMs;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan, Zoned};

use crate::history::Span;

/// One local day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Day {
    pub(crate) date: Date,
    /// From its start to the next day's; 23 or 25 hours where clocks change.
    pub(crate) span: Span,
}

/// An instant in local time. What lies outside of jiff's years is its nearest.
pub(crate) fn local(at: UnixMs, tz: &TimeZone) -> Zoned {
    let limit = if at.0 < 0 { Timestamp::MIN } else { Timestamp::MAX };
    Timestamp::from_millisecond(at.0).unwrap_or(limit).to_zoned(tz.clone())
}

fn at_hour(date: Date, hour: i8, tz: &TimeZone) -> Option<UnixMs> {
    let zoned = date.at(hour, 0, 0, 0).to_zoned(tz.clone()).ok()?;
    Some(UnixMs(zoned.timestamp().as_millisecond()))
}

/// A minute of a local day, from 0 to 1440: the next day's start. One that the clock
/// leaps over is taken as much later.
pub(crate) fn at_minute(date: Date, minute: u16, tz: &TimeZone) -> Option<UnixMs> {
    if minute == 1440 {
        return at_hour(date.checked_add(1.day()).ok()?, 0, tz);
    }
    let (hour, minute) = (i8::try_from(minute / 60).ok()?, i8::try_from(minute % 60).ok()?);
    let zoned = date.at(hour, minute, 0, 0).to_zoned(tz.clone()).ok()?;
    Some(UnixMs(zoned.timestamp().as_millisecond()))
}

/// The local days that a span touches.
pub(crate) fn days(span: Span, tz: &TimeZone) -> Vec<Day> {
    let mut days = Vec::new();
    let mut date = local(span.from, tz).date();
    while let Some(from) = at_hour(date, 0, tz).filter(|from| *from < span.to) {
        let Ok(next) = date.checked_add(1.day()) else { break };
        let Some(to) = at_hour(next, 0, tz) else { break };
        days.push(Day { date, span: Span { from, to } });
        date = next;
    }
    days
}

impl Day {
    /// From one full hour of the day to another.
    pub(crate) fn hours(&self, from: i8, to: i8, tz: &TimeZone) -> Option<Span> {
        Some(Span { from: at_hour(self.date, from, tz)?, to: at_hour(self.date, to, tz)? })
    }
}

/// For a person, to the minute: `24 November 2026, 13:41`.
fn to_the_minute(at: UnixMs, tz: &TimeZone) -> String {
    local(at, tz).strftime("%-d %B %Y, %H:%M").to_string()
}

/// For a person: `24 November 2026, 13:41:05`.
fn words(at: UnixMs, tz: &TimeZone) -> String {
    local(at, tz).strftime("%-d %B %Y, %H:%M:%S").to_string()
}

/// A span in local time, to the minute where both its ends are whole ones.
pub(crate) fn period(span: Span, tz: &TimeZone) -> String {
    let whole = span.from.0 % 60_000 == 0 && span.to.0 % 60_000 == 0;
    let say = if whole { to_the_minute } else { words };
    format!("{} to {}", say(span.from, tz), say(span.to, tz))
}

/// A length of time to the second, all units said, so that a sum of them holds:
/// `30 d 23 h 11 min`.
pub(crate) fn whole_length(ms: u64) -> String {
    let s = (ms + 500) / 1000;
    let units = [(s / 86_400, "d"), (s / 3600 % 24, "h"), (s / 60 % 60, "min"), (s % 60, "s")];
    let said: Vec<String> =
        units.iter().filter(|(n, _)| *n > 0).map(|(n, unit)| format!("{n} {unit}")).collect();
    if said.is_empty() { length(ms) } else { said.join(" ") }
}

/// A length of time for a person: `42 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`.
pub(crate) fn length(ms: u64) -> String {
    let s = (ms + 500) / 1000;
    let two = |a: u64, unit_a: &str, b: u64, unit_b: &str| match b {
        0 => format!("{a} {unit_a}"),
        _ => format!("{a} {unit_a} {b} {unit_b}"),
    };
    match s {
        0 if ms > 0 => format!("{ms} ms"),
        0 => "0 s".to_owned(),
        1..60 => format!("{s} s"),
        60..3600 => two(s / 60, "min", s % 60, "s"),
        3600..86_400 => two(s / 3600, "h", s % 3600 / 60, "min"),
        _ => two(s / 86_400, "d", s % 86_400 / 3600, "h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_has_23_hours_when_clocks_go_forward() {
        let tz = TimeZone::get("Europe/Berlin").unwrap();
        let from = UnixMs(1_774_652_400_000); // 2026-03-28T00:00+01:00
        let days = days(Span { from, to: from.plus(3 * 86_400_000 - 3_600_000) }, &tz);
        let hours: Vec<i64> =
            days.iter().map(|d| d.span.to.since(d.span.from) / 3_600_000).collect();
        assert_eq!(hours, [24, 23, 24]);
        let evening = days[1].hours(20, 22, &tz).unwrap();
        assert_eq!(evening.to.since(evening.from), 7_200_000);
        assert_eq!(local(evening.from, &tz).hour(), 20);
    }

    #[test]
    fn lengths_are_said_in_two_units_at_most() {
        let said = [400, 15_000, 60_000, 200_000, 7_500_000, 273_600_000].map(length);
        assert_eq!(said, ["400 ms", "15 s", "1 min", "3 min 20 s", "2 h 5 min", "3 d 4 h"]);
    }

    #[test]
    fn whole_lengths_leave_nothing_out() {
        let said = [0, 49 * 60_000, 2_675_460_000, 86_401_000].map(whole_length);
        assert_eq!(said, ["0 s", "49 min", "30 d 23 h 11 min", "1 d 1 s"]);
    }
}
