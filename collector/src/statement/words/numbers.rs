//! Numbers, lengths and times as the language writes them. Shares are rounded down,
//! so that 99.996 % is never '100 %'.

use hearth_proto::UnixMs;

use super::super::ShareRange;
use super::Words;
use crate::history::Span;
use crate::report::days::local;

/// The longest period, ten months, in which a day and a month are one day only.
const MOST_WITHIN_MS: i64 = 300 * 86_400_000;

/// A length's parts: days, hours, minutes, seconds.
fn parts(ms: u64) -> [(&'static str, u64); 4] {
    let s = (ms + 500) / 1000;
    [("days", s / 86_400), ("hours", s / 3600 % 24), ("minutes", s / 60 % 60), ("seconds", s % 60)]
}

impl Words<'_> {
    /// `1234.5` in `digits` after the decimal mark, from so many of its last place,
    /// without zeros at the end.
    pub(super) fn decimal(&self, of_last_place: u64, digits: u32) -> String {
        let scale = 10_u64.pow(digits);
        let (whole, rest) = (of_last_place / scale, of_last_place % scale);
        let rest = format!("{rest:0width$}", width = digits as usize);
        let rest = rest.trim_end_matches('0');
        let whole = self.count(whole);
        if digits == 0 || rest.is_empty() {
            whole
        } else {
            format!("{whole}{}{rest}", self.plain("decimal-mark"))
        }
    }

    /// A count with its thousands set apart.
    pub(super) fn count(&self, n: u64) -> String {
        let digits = n.to_string();
        let (head, rest) = digits.split_at((digits.len() + 2) % 3 + 1);
        let mark = if rest.is_empty() { String::new() } else { self.plain("group-mark") };
        let groups = rest.as_bytes().chunks(3).map(String::from_utf8_lossy);
        groups.fold(head.to_owned(), |all, group| format!("{all}{mark}{group}"))
    }

    /// A share's number: one decimal, two from 99 % on.
    fn share(&self, ppm: u32) -> String {
        let ppm = u64::from(ppm);
        if ppm < 990_000 { self.decimal(ppm / 1000, 1) } else { self.decimal(ppm / 100, 2) }
    }

    pub(super) fn percent(&self, ppm: u32) -> String {
        self.say("percent", &[("share", self.share(ppm).into())])
    }

    /// A share as it was sold, to the last digit.
    pub(super) fn sold_share(&self, ppm: u32) -> String {
        self.say("percent", &[("share", self.decimal(u64::from(ppm / 10), 3).into())])
    }

    /// A share of what was lost, to a hundredth and rounded up, so that only nothing
    /// is '0 %'.
    pub(super) fn loss(&self, ppm: u32) -> String {
        let hundredths = u64::from(ppm).div_ceil(100);
        self.say("percent", &[("share", self.decimal(hundredths, 2).into())])
    }

    /// A range, or one share where its ends look alike.
    pub(super) fn range(&self, range: ShareRange) -> String {
        let (low, high) = (self.share(range.low_ppm), self.share(range.high_ppm));
        if low == high {
            return self.percent(range.low_ppm);
        }
        self.say("percent-range", &[("low", low.into()), ("high", high.into())])
    }

    fn units(&self, parts: &[(&'static str, u64)]) -> String {
        let said: Vec<String> = parts
            .iter()
            .filter(|(_, n)| *n > 0)
            .map(|(unit, n)| self.say(unit, &[("n", (*n).into())]))
            .collect();
        said.join(" ")
    }

    /// A length of time with all its units, so that a sum of them holds.
    pub(super) fn whole_length(&self, ms: u64) -> String {
        let parts = parts(ms);
        match ms {
            1..500 => self.say("milliseconds", &[("n", ms.into())]),
            0 => self.say("seconds", &[("n", 0_u64.into())]),
            // A minute or two are said in seconds, as people count them.
            500..120_000 => self.say("seconds", &[("n", ((ms + 500) / 1000).into())]),
            _ => self.units(&parts),
        }
    }

    /// A length of time in its two largest units.
    pub(super) fn length(&self, ms: u64) -> String {
        let parts = parts(ms);
        let Some(first) = parts.iter().position(|(_, n)| *n > 0) else {
            return self.whole_length(ms);
        };
        self.units(&parts[first..(first + 2).min(parts.len())])
    }

    /// Milliseconds, to a tenth.
    pub(super) fn ms(&self, us: u64) -> String {
        self.decimal((us + 50) / 100, 1)
    }

    /// A rate in bit/s.
    pub(super) fn rate(&self, bps: u64) -> String {
        match bps {
            1_000_000_000.. => format!("{} Gbit/s", self.decimal(bps / 10_000_000, 2)),
            1_000_000.. => format!("{} Mbit/s", self.decimal(bps / 100_000, 1)),
            _ => format!("{} kbit/s", self.count(bps / 1000)),
        }
    }

    /// An amount of data, in powers of 1,000.
    pub(super) fn bytes(&self, n: u64) -> String {
        match n {
            1_000_000_000.. => format!("{} GB", self.decimal(n / 100_000_000, 1)),
            1_000_000.. => format!("{} MB", self.decimal(n / 100_000, 1)),
            1000.. => format!("{} kB", self.count(n / 1000)),
            _ => format!("{n} B"),
        }
    }

    fn with_time(&self, at: UnixMs, date: &str, format: &str) -> String {
        let at = local(at, &self.zone);
        let date = self.say(
            date,
            &[
                ("day", at.day().to_string().into()),
                ("month", self.plain(&format!("month-{}", at.month())).into()),
                ("year", at.year().to_string().into()),
            ],
        );
        let time = at.strftime(format).to_string();
        self.say("instant", &[("date", date.into()), ("time", time.into())])
    }

    /// To the minute.
    pub(super) fn instant(&self, at: UnixMs) -> String {
        self.with_time(at, "date", "%H:%M")
    }

    /// To the minute, without the year where the statement's period leaves no doubt.
    pub(super) fn within(&self, at: UnixMs) -> String {
        let doubt = self.s.span.to.since(self.s.span.from) > MOST_WITHIN_MS;
        self.with_time(at, if doubt { "date" } else { "date-in-year" }, "%H:%M")
    }

    /// To the second.
    pub(super) fn exact(&self, at: UnixMs) -> String {
        self.with_time(at, "date", "%H:%M:%S")
    }

    /// From one instant to another: to the minute where both are whole ones.
    pub(super) fn span(&self, span: Span) -> String {
        let whole = span.from.0 % 60_000 == 0 && span.to.0 % 60_000 == 0;
        let say = |at| if whole { self.instant(at) } else { self.exact(at) };
        let (from, to) = (say(span.from), say(span.to));
        self.say("from-to", &[("from", from.into()), ("to", to.into())])
    }

    /// The statement's period: a month by its name.
    pub(super) fn period(&self) -> String {
        let Some((year, month)) = self.s.month else { return self.span(self.s.span) };
        let month = self.plain(&format!("month-{month}"));
        self.say("month-of-year", &[("month", month.into()), ("year", year.to_string().into())])
    }
}
