//! Figures, times and states in words a person reads. Pure: the time zone and
//! the present are given.

use hearth_proto::UnixMs;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

pub(crate) use crate::report::wording::{capital as sentence, count};

/// Stands where there is no figure; never a 0.
pub const NONE: &str = "–";

/// A point in the given zone. Points beyond what a calendar holds are its ends.
pub fn zoned(at: UnixMs, zone: &TimeZone) -> Zoned {
    let end = if at.0 < 0 { Timestamp::MIN } else { Timestamp::MAX };
    Timestamp::from_millisecond(at.0).unwrap_or(end).to_zoned(zone.clone())
}

/// A point as a person would say it: the time alone on the day of `now`, else
/// with its date; with seconds where the span at hand is short.
pub fn clock(at: UnixMs, now: UnixMs, zone: &TimeZone, seconds: bool) -> String {
    if zoned(at, zone).date() == zoned(now, zone).date() {
        zoned(at, zone).strftime(time_of_day(seconds)).to_string()
    } else {
        dated(at, now, zone, seconds)
    }
}

fn time_of_day(seconds: bool) -> &'static str {
    if seconds { "%H:%M:%S" } else { "%H:%M" }
}

/// A point with its date, today's too; with its year where that is not now's.
pub fn dated(at: UnixMs, now: UnixMs, zone: &TimeZone, seconds: bool) -> String {
    let (at, now, time) = (zoned(at, zone), zoned(now, zone), time_of_day(seconds));
    if at.year() == now.year() {
        at.strftime(&format!("%-d %b, {time}")).to_string()
    } else {
        at.strftime(&format!("%-d %b %Y, {time}")).to_string()
    }
}

/// A point in full, with its zone.
pub fn full(at: UnixMs, zone: &TimeZone) -> String {
    zoned(at, zone).strftime("%-d %B %Y, %H:%M:%S %Z").to_string()
}

/// A point for a `datetime` attribute.
pub fn machine(at: UnixMs) -> String {
    Timestamp::from_millisecond(at.0).unwrap_or(Timestamp::MAX).to_string()
}

/// A day, in full.
pub fn day(at: UnixMs, zone: &TimeZone) -> String {
    zoned(at, zone).strftime("%-d %B %Y").to_string()
}

/// A length of time, in the two largest units that matter.
pub fn length(ms: i64) -> String {
    let s = (ms.max(0) + 500) / 1_000;
    match s {
        0 if ms > 0 => "under 1 s".to_owned(),
        0..60 => format!("{s} s"),
        60..3_600 if s < 600 && s % 60 != 0 => format!("{} min {:02} s", s / 60, s % 60),
        60..3_600 => format!("{} min", s / 60),
        3_600..86_400 if s / 60 % 60 == 0 => format!("{} h", s / 3_600),
        3_600..86_400 => format!("{} h {:02} min", s / 3_600, s / 60 % 60),
        _ if s / 3_600 % 24 == 0 => format!("{} d", s / 86_400),
        _ => format!("{} d {} h", s / 86_400, s / 3_600 % 24),
    }
}

/// A share (0 to 1) in per cent. It says 100 % or 0 % only where that is exact:
/// 99.97 % is not rounded to a promise.
pub fn percent(share: f64) -> String {
    let p = share * 100.0;
    if p <= 0.0 {
        "0 %".to_owned()
    } else if p >= 100.0 {
        "100 %".to_owned()
    } else if p < 0.01 {
        "under 0.01 %".to_owned()
    } else if !(1.0..99.0).contains(&p) {
        format!("{:.2} %", p.clamp(0.01, 99.99))
    } else {
        format!("{p:.1} %")
    }
}

/// Milliseconds, to what the measurement is worth.
pub fn ms(v: f64) -> String {
    if v < 100.0 { format!("{v:.1} ms") } else { format!("{v:.0} ms") }
}

/// A rate in bit/s.
pub fn rate(bps: f64) -> String {
    if bps >= 1e9 {
        format!("{:.2} Gbit/s", bps / 1e9)
    } else if bps >= 10e6 {
        format!("{:.0} Mbit/s", bps / 1e6)
    } else if bps >= 1e6 {
        format!("{:.1} Mbit/s", bps / 1e6)
    } else {
        format!("{:.0} kbit/s", bps / 1e3)
    }
}

/// An amount of data, in powers of 1,000.
pub fn bytes(v: f64) -> String {
    match v {
        v if v >= 1e12 => format!("{:.1} TB", v / 1e12),
        v if v >= 1e9 => format!("{:.1} GB", v / 1e9),
        v if v >= 1e6 => format!("{:.1} MB", v / 1e6),
        v if v >= 1e3 => format!("{:.0} kB", v / 1e3),
        v => format!("{v:.0} B"),
    }
}

/// "a", "a and b", "a, b and c".
pub fn list<S: AsRef<str>>(items: &[S]) -> String {
    match items {
        [] => String::new(),
        [one] => one.as_ref().to_owned(),
        [head @ .., last] => {
            let head: Vec<&str> = head.iter().map(AsRef::as_ref).collect();
            format!("{} and {}", head.join(", "), last.as_ref())
        }
    }
}

/// A name with its first letter lowered, to stand within a sentence; "DNS"
/// stays.
pub fn within(name: &str) -> String {
    let mut chars = name.chars();
    match (chars.next(), chars.next()) {
        (Some(first), second) if second.is_none_or(|c| !c.is_uppercase()) => {
            first.to_lowercase().chain(name.chars().skip(1)).collect()
        }
        _ => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_never_rounds_up_to_a_promise() {
        assert_eq!(percent(1.0), "100 %");
        assert_eq!(percent(0.999_99), "99.99 %");
        assert_eq!(percent(0.994), "99.40 %");
        assert_eq!(percent(0.5), "50.0 %");
        assert_eq!(percent(0.000_01), "under 0.01 %");
        assert_eq!(percent(0.0), "0 %");
    }

    #[test]
    fn lengths_read_as_people_say_them() {
        for (ms, words) in [
            (0, "0 s"),
            (12_000, "12 s"),
            (95_000, "1 min 35 s"),
            (120_000, "2 min"),
            (725_000, "12 min"),
            (3_600_000, "1 h"),
            (11_100_000, "3 h 05 min"),
            (86_400_000, "1 d"),
            (187_200_000, "2 d 4 h"),
        ] {
            assert_eq!(length(ms), words);
        }
    }

    #[test]
    fn the_date_is_told_unless_it_is_today() {
        let zone = TimeZone::UTC;
        let now = UnixMs(1_764_000_000_000);
        assert_eq!(clock(now, now, &zone, true), "16:00:00");
        assert_eq!(dated(now, now, &zone, false), "24 Nov, 16:00");
        assert_eq!(clock(now.plus(-86_400_000), now, &zone, false), "23 Nov, 16:00");
        assert_eq!(clock(now.plus(-400 * 86_400_000), now, &zone, false), "20 Oct 2024, 16:00");
    }

    #[test]
    fn lists_and_names_within_a_sentence() {
        assert_eq!(list(&["a", "b", "c"]), "a, b and c");
        assert_eq!(list::<&str>(&[]), "");
        assert_eq!(within("Film in 4K"), "film in 4K");
        assert_eq!(within("DNS"), "DNS");
    }
}
