//! How a test's bytes are shared out before any is sent, so that no course of
//! events makes it cost more than it may. Pure.

/// What is used beside the load: two TLS handshakes with their certificates, the
/// discovery document, names, and the ends of connections.
const BESIDE: u64 = 32_000;
/// Octets on the link for 1000 of payload: headers of IPv6 and TCP at a small
/// segment size, TLS records, and one acknowledgement for every two segments.
const WIRE_PERMILLE: u64 = 1_110;
/// The same of an upload, which the interface counts again where it is sent
/// again: a window that overruns a small queue is half lost.
const WIRE_AGAIN_PERMILLE: u64 = 1_670;
/// The least payload of a direction that is worth it.
const LEAST: u64 = 32_000;

/// Payload octets of the two directions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// To download.
    pub down: u64,
    /// To upload.
    pub up: u64,
}

impl Share {
    /// Of so many octets on the link, headers and all included; `None` where they
    /// are too few for a test. Download has five parts, upload four.
    pub fn of(bytes: u64) -> Option<Self> {
        let load = bytes.checked_sub(BESIDE)?;
        let part = load * 1000 / (5 * WIRE_PERMILLE + 4 * WIRE_AGAIN_PERMILLE);
        let share = Self { down: 5 * part, up: 4 * part };
        (share.up >= LEAST).then_some(share)
    }

    /// The most that it can cost.
    pub fn worst(self) -> u64 {
        BESIDE + (self.down * WIRE_PERMILLE + self.up * WIRE_AGAIN_PERMILLE) / 1000
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn two_megabytes_are_well_used() {
        let share = Share::of(2_000_000).unwrap();
        assert!(share.down > 750_000 && share.up > 600_000, "{share:?}");
        assert_eq!(Share::of(BESIDE + 50_000), None);
        assert_eq!(Share::of(100), None);
    }

    proptest! {
        #[test]
        fn never_more_than_may_be_spent(bytes in 0_u64..1_000_000_000) {
            if let Some(share) = Share::of(bytes) {
                prop_assert!(share.worst() <= bytes);
            }
        }
    }
}
