//! How a state and a figure look: the sign, the word and what they mean.

use super::words;
use crate::ledger::State;
use crate::report::{Figure, Interval, IntervalMethod, Measured, Unit};

/// What a state looks like beside its colour.
pub trait Look: Copy {
    /// The word of the ledger.
    fn word(self) -> &'static str;
    /// What it says, for the legend.
    fn meaning(self) -> &'static str;
    /// The outline of its sign in a box of 16 by 16.
    fn sign(self) -> &'static str;
}

impl Look for State {
    fn word(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Degraded => "DEGRADED",
            Self::Down => "DOWN",
            Self::Unknown => "UNKNOWN",
            Self::Excluded => "EXCLUDED",
        }
    }

    fn meaning(self) -> &'static str {
        match self {
            Self::Ok => "it worked",
            Self::Degraded => "connected, but not well enough",
            Self::Down => "not connected, seen from inside the home",
            Self::Unknown => "no evidence: counts neither for nor against",
            Self::Excluded => "left out of account",
        }
    }

    fn sign(self) -> &'static str {
        match self {
            Self::Ok => "M3 8.500 6.500 12 13 4.500",
            Self::Degraded => "M8 2.500 14 13H2zM8 6.500v3M8 11.300v.1",
            Self::Down => "M3.500 3.500l9 9M12.500 3.500l-9 9",
            Self::Unknown => {
                "M5.500 5.500c0-3.500 5.200-3.200 5 0-.1 2-2.500 2-2.500 4M8 12.700v.1"
            }
            Self::Excluded => "M3 8h10",
        }
    }
}

/// In the order a person looks for trouble.
pub const BY_TROUBLE: [State; 5] =
    [State::Down, State::Degraded, State::Unknown, State::Excluded, State::Ok];

/// In the order a legend reads: from good to bad, then what is no verdict.
pub const BY_WORTH: [State; 5] =
    [State::Ok, State::Degraded, State::Down, State::Unknown, State::Excluded];

/// A figure ready to be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// The value with its unit, or 'not enough data'.
    pub text: String,
    /// What it rests on, or why there is none.
    pub under: String,
    /// Whether it is a value.
    pub measured: bool,
}

impl Shown {
    /// For a figure of a report.
    pub fn of(figure: &Figure) -> Self {
        Self::resting_on(figure, |m| format!("{} {}", words::count(m.count), m.of))
    }

    /// The same, with other words for what it rests on.
    pub fn resting_on(figure: &Figure, basis: impl FnOnce(&Measured) -> String) -> Self {
        match figure {
            Figure::Measured(m) => {
                let basis = basis(m);
                let under = match m.interval.and_then(|i| range(i, m.unit)) {
                    Some(range) => format!("{range}; {basis}"),
                    None => basis,
                };
                Self { text: value(m.value, m.unit), under, measured: true }
            }
            Figure::NotEnoughData(n) => Self {
                text: "not enough data".to_owned(),
                under: if n.need > 0 {
                    let (have, need) = (words::count(n.have), words::count(n.need));
                    format!("{} ({have} of {need} {})", n.why, n.of)
                } else {
                    n.why.clone()
                },
                measured: false,
            },
        }
    }

    /// For a text that is no figure.
    pub fn plain(text: impl Into<String>, under: impl Into<String>) -> Self {
        Self { text: text.into(), under: under.into(), measured: true }
    }
}

/// A value in its unit.
pub fn value(v: f64, unit: Unit) -> String {
    match unit {
        Unit::Ms => words::ms(v),
        Unit::Seconds => format!("{v:.1} s"),
        Unit::Ratio => words::percent(v),
        Unit::Points => crate::render::points(v),
        Unit::Hours => words::length((v * 3_600_000.0) as i64),
        Unit::Bytes => words::bytes(v),
        Unit::Bps => words::rate(v),
        Unit::Probes => words::count(v.max(0.0) as u64),
        Unit::Factor => format!("{v:.1} ×"),
        Unit::Dbm => format!("{v:.0} dBm"),
        Unit::Db => format!("{v:.1} dB"),
        Unit::Rpm => format!("{v:.0} RPM"),
        Unit::Score => crate::report::figure::score(v),
    }
}

/// The range in words; `None` when it adds nothing to the value.
fn range(i: Interval, unit: Unit) -> Option<String> {
    let (low, high) = (value(i.low, unit), value(i.high, unit));
    if low == high {
        return None;
    }
    Some(match (i.method, i.level) {
        (IntervalMethod::UnknownAsBadThenGood, _) => {
            format!("{low} to {high}, UNKNOWN taken as bad, then as good")
        }
        (_, Some(level)) => {
            format!("{low} to {high} ({:.0} % sure)", level * 100.0)
        }
        (_, None) => format!("{low} to {high}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_little_data_says_so_and_why() {
        let shown = Shown::of(&Figure::not_enough("too few answers", 12, 100, "samples"));
        assert_eq!(shown.text, "not enough data");
        assert_eq!(shown.under, "too few answers (12 of 100 samples)");
        assert!(!shown.measured);
    }

    #[test]
    fn a_value_stands_with_its_range_and_count() {
        let figure = Figure::new(0.985, Unit::Ratio, 1_440, "slots").within(Some(Interval {
            low: 0.97,
            high: 0.989,
            level: Some(0.95),
            method: IntervalMethod::BootstrapOverDays,
        }));
        let shown = Shown::of(&figure);
        assert_eq!(shown.text, "98.5 %");
        assert_eq!(shown.under, "97.0 % to 98.9 % (95 % sure); 1\u{202f}440 slots");
    }
}
