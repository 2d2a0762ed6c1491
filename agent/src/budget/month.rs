//! Calendar months in UTC.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use hearth_proto::UnixMs;
use serde::{Deserialize, Serialize};

const DAY_MS: i64 = 86_400_000;

/// A month of the Gregorian calendar, in UTC; as text "2026-11".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Month {
    year: i32,
    /// 1 to 12.
    month: u8,
}

/// A text that is no month.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("month {0:?} is not accepted: YYYY-MM")]
pub struct MonthError(String);

impl Month {
    /// The month that holds `at`.
    pub fn of(at: UnixMs) -> Self {
        // Days to a date by eras of 400 years that begin in March, so that leap days
        // come last.
        let days = at.0.div_euclid(DAY_MS) + 719_468;
        let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
        let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year + year / 4 - year / 100);
        let from_march = (5 * of_year + 2) / 153;
        let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
        let year = year + era * 400 + i64::from(month <= 2);
        Self { year: year as i32, month: month as u8 }
    }

    /// Its first millisecond.
    pub fn start(self) -> UnixMs {
        let year = i64::from(self.year) - i64::from(self.month <= 2);
        let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
        let from_march = (i64::from(self.month) + 9) % 12;
        let of_year = (153 * from_march + 2) / 5;
        let day = of_era * 365 + of_era / 4 - of_era / 100 + of_year;
        UnixMs((era * 146_097 + day - 719_468) * DAY_MS)
    }

    /// The one after it.
    #[must_use]
    pub fn next(self) -> Self {
        match self.month {
            12 => Self { year: self.year + 1, month: 1 },
            month => Self { year: self.year, month: month + 1 },
        }
    }

    /// How much of it is left at `now`; nothing after it, all of it before.
    pub fn left(self, now: UnixMs) -> Duration {
        let ms = self.next().start().since(now.max(self.start()));
        Duration::from_millis(ms.max(0).cast_unsigned())
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.year, self.month)
    }
}

impl FromStr for Month {
    type Err = MonthError;
    fn from_str(text: &str) -> Result<Self, MonthError> {
        let read = || {
            let (year, month) = text.split_once('-')?;
            let month = month.parse().ok().filter(|m| (1..=12).contains(m))?;
            Some(Self { year: year.parse().ok()?, month })
        };
        read().ok_or_else(|| MonthError(text.to_owned()))
    }
}

impl TryFrom<String> for Month {
    type Error = MonthError;
    fn try_from(text: String) -> Result<Self, MonthError> {
        text.parse()
    }
}

impl From<Month> for String {
    fn from(month: Month) -> Self {
        month.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_months() {
        for (ms, text, start) in [
            (0, "1970-01", 0),
            (951_782_400_000, "2000-02", 949_363_200_000),
            (1_709_208_000_000, "2024-02", 1_706_745_600_000),
            (1_764_547_199_999, "2025-11", 1_761_955_200_000),
            (1_764_547_200_000, "2025-12", 1_764_547_200_000),
        ] {
            let month = Month::of(UnixMs(ms));
            assert_eq!((month.to_string().as_str(), month.start().0), (text, start));
            assert_eq!(text.parse(), Ok(month));
        }
        assert!("2025-13".parse::<Month>().unwrap_err().to_string().contains("YYYY-MM"));
    }

    proptest! {
        #[test]
        fn every_instant_is_in_its_month(ms in -62_000_000_000_000_i64..200_000_000_000_000) {
            let month = Month::of(UnixMs(ms));
            let (start, end) = (month.start().0, month.next().start().0);
            prop_assert!((start..end).contains(&ms));
            prop_assert!((28..=31).contains(&((end - start) / DAY_MS)));
            prop_assert_eq!(month.left(UnixMs(ms)).as_millis() as i64, end - ms);
        }
    }
}
