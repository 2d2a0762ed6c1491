//! Points and lengths of time on the wire. Wall time orders records and finds
//! slots; it never measures a delay.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Milliseconds since 1970-01-01T00:00:00Z, leap seconds not counted.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, Default,
)]
#[serde(transparent)]
pub struct UnixMs(pub i64);

impl UnixMs {
    /// Later by `ms`, saturating.
    #[must_use]
    #[inline]
    pub fn plus(self, ms: i64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// Milliseconds from `earlier` to this point; negative when it is later.
    #[inline]
    pub fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// The length of a slot: a whole number of milliseconds between 1 s and 15 min.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct SlotLength(u32);

/// A slot length outside 1,000 to 900,000 ms.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("slot length {0} ms is not accepted: 1000 to 900000")]
pub struct SlotLengthError(u32);

impl SlotLength {
    /// One minute, the length unless configured.
    pub const MINUTE: Self = Self(60_000);

    /// The length in milliseconds.
    #[inline]
    pub fn ms(self) -> u32 {
        self.0
    }

    /// The start of the slot that holds `at`: slots are aligned to the epoch.
    pub fn start_of(self, at: UnixMs) -> UnixMs {
        UnixMs(at.0 - at.0.rem_euclid(i64::from(self.0)))
    }
}

impl TryFrom<u32> for SlotLength {
    type Error = SlotLengthError;
    fn try_from(ms: u32) -> Result<Self, SlotLengthError> {
        if (1_000..=900_000).contains(&ms) { Ok(Self(ms)) } else { Err(SlotLengthError(ms)) }
    }
}

impl From<SlotLength> for u32 {
    fn from(length: SlotLength) -> u32 {
        length.0
    }
}

impl fmt::Display for SlotLength {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ms", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_starts_at_or_before_what_it_holds() {
        let minute = SlotLength::MINUTE;
        for at in [-60_001, -60_000, -1, 0, 1, 59_999, 60_000, 1_764_000_123_456] {
            let start = minute.start_of(UnixMs(at));
            assert_eq!(start.0.rem_euclid(60_000), 0);
            assert!((0..60_000).contains(&UnixMs(at).since(start)));
        }
    }

    #[test]
    fn lengths_out_of_range_are_refused() {
        assert!(SlotLength::try_from(999).is_err());
        assert!(SlotLength::try_from(900_001).is_err());
        assert_eq!(SlotLength::try_from(1_000).unwrap().ms(), 1_000);
    }
}
