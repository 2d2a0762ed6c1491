//! A figure is a value with its unit and sample count, or the plain statement
//! that there is not enough data for it. Never a guess, never a bare number.

use serde::{Deserialize, Serialize, Serializer};

/// A number to six significant digits, which is more than any measurement bears; a whole
/// number, as a count is, to its last digit.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes it so")]
fn digits<S: Serializer>(value: &f64, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_f64(rounded(*value))
}

fn rounded(value: f64) -> f64 {
    if value.fract() == 0.0 { value } else { format!("{value:.5e}").parse().unwrap_or(value) }
}

/// What a figure is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    /// Milliseconds.
    Ms,
    /// A share from 0 to 1.
    Ratio,
    /// How much greater one share is than another, from -1 to 1.
    Points,
    /// Seconds.
    Seconds,
    /// Hours.
    Hours,
    /// Bytes.
    Bytes,
    /// Bits per second.
    Bps,
    /// Consecutive probes.
    Probes,
    /// A plain factor without a unit.
    Factor,
    /// Points of a framework's own scale.
    Score,
    /// Decibels over a milliwatt.
    Dbm,
    /// Decibels.
    Db,
    /// Round trips per minute.
    Rpm,
}

/// How an interval was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IntervalMethod {
    /// Wilson's score interval: the tests are independent.
    Wilson,
    /// A bootstrap over whole days, since minutes of one day are correlated.
    BootstrapOverDays,
    /// A bootstrap over whole homes, since the periods of one home are correlated.
    BootstrapOverHomes,
    /// Not sampling error: what is UNKNOWN taken first as bad, then as good.
    UnknownAsBadThenGood,
    /// No estimate: the least and the greatest that were observed.
    Observed,
}

/// A range in the figure's unit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Interval {
    /// Lower end.
    #[serde(serialize_with = "digits")]
    pub low: f64,
    /// Upper end.
    #[serde(serialize_with = "digits")]
    pub high: f64,
    /// Confidence from 0 to 1, such as 0.95; `None` for bounds that are certain.
    pub level: Option<f64>,
    /// How it was found.
    pub method: IntervalMethod,
}

impl Interval {
    /// What is not known leaves open: a share with it taken as bad, then as good.
    pub fn unknown_as_bad_then_good(low: f64, high: f64) -> Self {
        Self { low, high, level: None, method: IntervalMethod::UnknownAsBadThenGood }
    }

    /// Whether its ends lie apart by as much as a reader would see: 0.01 %.
    pub fn has_width(&self) -> bool {
        self.high - self.low >= 0.0001
    }
}

/// A value that was measured.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Measured {
    /// In `unit`.
    #[serde(serialize_with = "digits")]
    pub value: f64,
    /// Of `value` and of the interval.
    pub unit: Unit,
    /// How many of what it rests on: samples, slots or days, as `of` says.
    pub count: u64,
    /// What `count` counts, such as "samples" or "slots".
    pub of: &'static str,
    /// How far it may be off, where that can be said.
    pub interval: Option<Interval>,
}

/// Why there is no value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NotEnough {
    /// In plain words.
    pub why: String,
    /// How many there are.
    pub have: u64,
    /// How many it takes.
    pub need: u64,
    /// What `have` and `need` count.
    pub of: &'static str,
}

/// A value, or 'not enough data'. In JSON told apart by `state`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum Figure {
    /// Measured.
    Measured(Measured),
    /// Too little to say.
    NotEnoughData(NotEnough),
}

impl Figure {
    /// A value without an interval.
    pub fn new(value: f64, unit: Unit, count: u64, of: &'static str) -> Self {
        Self::Measured(Measured { value, unit, count, of, interval: None })
    }

    /// 'Not enough data'.
    pub fn not_enough(why: impl Into<String>, have: u64, need: u64, of: &'static str) -> Self {
        Self::NotEnoughData(NotEnough { why: why.into(), have, need, of })
    }

    /// With an interval, if it is a value.
    #[must_use]
    pub fn within(mut self, range: Option<Interval>) -> Self {
        if let Self::Measured(m) = &mut self {
            m.interval = range;
        }
        self
    }

    /// The value alone.
    pub fn value(&self) -> Option<f64> {
        self.measured().map(|m| m.value)
    }

    /// What was measured, if it was.
    pub fn measured(&self) -> Option<&Measured> {
        match self {
            Self::Measured(m) => Some(m),
            Self::NotEnoughData(_) => None,
        }
    }

    /// The interval, if there is one.
    pub fn interval(&self) -> Option<Interval> {
        self.measured().and_then(|m| m.interval)
    }
}

/// A share in percent with at most two decimals, rounded down, so that only
/// the whole is 100 %.
pub(crate) fn percent(share: f64) -> String {
    let hundredths = (share * 10_000.0 + 1e-6).floor() / 100.0;
    format!("{hundredths} %")
}

/// A score, rounded down too, so that none reads as what it missed: to a tenth, on a
/// scale that ends at 1 to a hundredth.
pub(crate) fn score(score: f64) -> String {
    let scale = if score.abs() <= 1.0 { 100.0 } else { 10.0 };
    format!("{}", (score * scale + 1e-6).floor() / scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_score_never_reads_as_more_than_it_is() {
        // Of IQB, which ends at 1; of the E-model, in which 90 is a grade; of AIM.
        for (value, shown) in
            [(0.919_118, "0.91"), (0.999_9, "0.99"), (1.0, "1"), (0.0, "0"), (0.571_428, "0.57")]
        {
            assert_eq!(score(value), shown);
        }
        for (value, shown) in [(89.97, "89.9"), (90.0, "90"), (93.2062, "93.2"), (65.0, "65")] {
            assert_eq!(score(value), shown);
        }
    }

    #[test]
    fn figures_are_written_with_the_digits_that_they_bear() {
        for (value, written) in [
            (0.998_512_345, 0.998_512),
            (17.345_678_9, 17.345_7),
            (287_345_678.25, 287_346_000.0),
            (-0.000_012_345_678, -0.000_012_345_7),
            (1_234_567_890_123.0, 1_234_567_890_123.0),
            (0.0, 0.0),
        ] {
            let figure = Figure::new(value, Unit::Ms, 1, "samples");
            let json = serde_json::to_value(&figure).unwrap();
            assert_eq!(json["value"], written);
            assert_eq!(figure.value(), Some(value), "only as written");
        }
    }
}
