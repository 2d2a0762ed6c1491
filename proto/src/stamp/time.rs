//! Timestamps in NTP's 64-bit format (RFC 5905) and PTP's truncated one
//! (IEEE 1588, as RFC 8186 and RFC 8762 use it).
//!
//! PTP's count here from 1970 in UTC, as STAMP implementations write them; a peer
//! that counts in TAI is off by the leap seconds, which concerns one-way delays
//! alone.

use std::time::Duration;

const NTP_TO_UNIX_S: u32 = 2_208_988_800;
const NANOS: i64 = 1_000_000_000;

/// A timestamp's format: the Z flag of RFC 8762's error estimate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Format {
    /// Seconds since 1900 in the upper half, 2⁻³² s in the lower.
    #[default]
    Ntp,
    /// Seconds since 1970 in the upper half, nanoseconds in the lower.
    Ptp,
}

/// A point in time. Seconds wrap (NTP's in 2036, PTP's in 2106), so only
/// differences count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Timestamp {
    /// As on the wire.
    pub bits: u64,
    /// How to read them.
    pub format: Format,
}

impl Timestamp {
    /// From the time since 1970.
    pub fn from_unix(since: Duration, format: Format) -> Self {
        let (s, nanos) = (since.as_secs() as u32, u64::from(since.subsec_nanos()));
        let (s, low) = match format {
            Format::Ntp => (s.wrapping_add(NTP_TO_UNIX_S), (nanos << 32) / NANOS as u64),
            Format::Ptp => (s, nanos),
        };
        Self { bits: (u64::from(s) << 32) | low, format }
    }

    /// Seconds since 1970, wrapping, and nanoseconds. A peer's PTP nanoseconds
    /// may be a second or more: they are taken as they are.
    fn parts(self) -> (u32, i64) {
        let (high, low) = ((self.bits >> 32) as u32, self.bits & 0xffff_ffff);
        match self.format {
            Format::Ntp => {
                let nanos = (low * NANOS as u64 + (1 << 31)) >> 32;
                (high.wrapping_sub(NTP_TO_UNIX_S), nanos as i64)
            }
            Format::Ptp => (high, low as i64),
        }
    }

    /// Nanoseconds from `earlier` to this point, whatever their formats; negative
    /// when it is later. Right across a wrap for spans under 68 years.
    pub fn nanos_since(self, earlier: Self) -> i64 {
        let ((s, nanos), (other_s, other_nanos)) = (self.parts(), earlier.parts());
        i64::from(s.wrapping_sub(other_s).cast_signed()) * NANOS + nanos - other_nanos
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ntp(bits: u64) -> Timestamp {
        Timestamp { bits, format: Format::Ntp }
    }

    #[test]
    fn the_unix_epoch_in_both_formats() {
        assert_eq!(
            Timestamp::from_unix(Duration::ZERO, Format::Ntp).bits,
            u64::from(NTP_TO_UNIX_S) << 32
        );
        let ptp = Timestamp::from_unix(Duration::new(5, 7), Format::Ptp);
        assert_eq!(ptp.bits, (5 << 32) | 7);
    }

    #[test]
    fn differences_hold_across_the_wrap_of_2036() {
        let before = ntp(u64::MAX - (1 << 31) + 1);
        let after = ntp(1 << 31);
        assert_eq!(after.nanos_since(before), 1_000_000_000);
        assert_eq!(before.nanos_since(after), -1_000_000_000);
    }

    proptest! {
        #[test]
        fn spans_are_kept_to_the_nanosecond_in_any_formats(
            a in 0_u64..5_000_000_000_000_000_000, d in 0_u64..1_000_000_000_000,
            first in any::<bool>(), second in any::<bool>(),
        ) {
            let format = |ptp| if ptp { Format::Ptp } else { Format::Ntp };
            let t = Timestamp::from_unix(Duration::from_nanos(a), format(first));
            let u = Timestamp::from_unix(Duration::from_nanos(a + d), format(second));
            prop_assert!((u.nanos_since(t) - d as i64).abs() <= 1);
        }

        #[test]
        fn no_bits_overflow(a in any::<u64>(), b in any::<u64>(), ptp in any::<(bool, bool)>()) {
            let format = |ptp| if ptp { Format::Ptp } else { Format::Ntp };
            let t = Timestamp { bits: a, format: format(ptp.0) };
            let u = Timestamp { bits: b, format: format(ptp.1) };
            prop_assert_eq!(t.nanos_since(t), 0);
            u.nanos_since(t);
        }
    }
}
