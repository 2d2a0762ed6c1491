//! How far off a clock may be (RFC 8762, section 4.2.1; RFC 4656, section 4.1.2).

use std::time::Duration;

use super::Format;

const SYNCHRONISED: u16 = 0x8000;
const PTP: u16 = 0x4000;
const MAX_SCALE: u16 = 0x3f;

/// An error estimate: S (synchronised to UTC), Z (timestamp format), Scale and
/// Multiplier, the error being Multiplier · 2^(Scale − 32) seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ErrorEstimate(pub u16);

impl ErrorEstimate {
    /// A clock not known to be synchronised: the error is given as a second, and
    /// means nothing without S. NTP's format.
    pub const UNSYNCHRONISED: Self = Self((32 << 8) | 1);

    /// Of a clock that is off by at most `bound`, or not synchronised where there
    /// is none. Rounded up, so that it is never less than the truth.
    pub fn of(bound: Option<Duration>, format: Format) -> Self {
        let Some(bound) = bound else { return Self::UNSYNCHRONISED.with_format(format) };
        // In 2⁻³² s, rounded up; zero would mean a corrupt packet.
        let mut multiplier = (bound.as_nanos() << 32).div_ceil(1_000_000_000).max(1);
        let mut scale = 0;
        while multiplier > 0xff && scale < MAX_SCALE {
            multiplier = multiplier.div_ceil(2);
            scale += 1;
        }
        let word = (scale << 8) | multiplier.min(0xff) as u16;
        Self(SYNCHRONISED | word).with_format(format)
    }

    /// The same in another timestamp format.
    #[must_use]
    pub fn with_format(self, format: Format) -> Self {
        match format {
            Format::Ntp => Self(self.0 & !PTP),
            Format::Ptp => Self(self.0 | PTP),
        }
    }

    /// The format of the timestamps beside it.
    pub fn format(self) -> Format {
        if self.0 & PTP == 0 { Format::Ntp } else { Format::Ptp }
    }

    /// Whether the clock is said to be synchronised to UTC.
    pub fn synchronised(self) -> bool {
        self.0 & SYNCHRONISED != 0
    }

    /// The most that the clock is off, if it is said to be synchronised. A
    /// multiplier of zero says nothing (RFC 4656), nor does a bound over an hour.
    pub fn bound(self) -> Option<Duration> {
        const MOST: u128 = 3_600_000_000_000;
        let (scale, multiplier) = ((self.0 >> 8) & MAX_SCALE, u128::from(self.0 & 0xff));
        if !self.synchronised() || multiplier == 0 {
            return None;
        }
        let nanos = ((multiplier << scale) * 1_000_000_000).div_ceil(1 << 32);
        (nanos <= MOST).then(|| Duration::from_nanos(nanos as u64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_unsynchronised_clock_has_no_bound() {
        let estimate = ErrorEstimate::of(None, Format::Ptp);
        assert_eq!((estimate.synchronised(), estimate.bound()), (false, None));
        assert_eq!(estimate.format(), Format::Ptp);
        assert_eq!(ErrorEstimate(0x8000).bound(), None, "a multiplier of zero");
    }

    #[test]
    fn the_word_is_the_rfcs() {
        // 1 · 2^(32 − 32) s.
        assert_eq!(ErrorEstimate(0x8000 | (32 << 8) | 1).bound(), Some(Duration::from_secs(1)));
    }

    proptest! {
        #[test]
        fn a_bound_is_never_under_the_truth_and_little_over(nanos in 0_u64..1_000_000_000_000) {
            let bound = Duration::from_nanos(nanos);
            for format in [Format::Ntp, Format::Ptp] {
                let estimate = ErrorEstimate::of(Some(bound), format);
                prop_assert_eq!(estimate.format(), format);
                let told = estimate.bound().unwrap();
                prop_assert!(told >= bound);
                prop_assert!(told <= bound + bound / 64 + Duration::from_nanos(1), "{told:?}");
            }
        }

        #[test]
        fn any_word_can_be_read(word in any::<u16>()) {
            ErrorEstimate(word).bound();
        }
    }
}
