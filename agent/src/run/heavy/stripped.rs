//! What an interface carried less its packets' headers. Pure.
//!
//! Some drivers count each segment that goes on the wire, others what they hand to the
//! card, which cuts it up (TSO): the headers in their bytes differ, and so do the
//! packets they count. Less a header for each packet both counted the same.

use crate::link::counters::Bytes;

/// Sums readings of an interface's counters up.
#[derive(Debug, Default)]
pub(super) struct Stripped {
    last: Option<(Bytes, [u64; 2])>,
    sum: Bytes,
}

impl Stripped {
    /// What the counters of bytes and packets say, received and sent: the bytes since
    /// the first reading, less `header` for each packet. A packet shorter than such a
    /// header counts as none, and so does what came while a counter began anew.
    pub(super) fn reading(&mut self, bytes: Bytes, packets: [u64; 2], header: u64) -> Bytes {
        if let Some((before, [rx, tx])) = self.last.replace((bytes, packets)) {
            let rise = |bytes: u64, before: u64, packets: u64, packets_before: u64| {
                let bytes = bytes.saturating_sub(before);
                let packets = packets.saturating_sub(packets_before);
                bytes.saturating_sub(packets.saturating_mul(header))
            };
            self.sum += Bytes {
                rx: rise(bytes.rx, before.rx, packets[0], rx),
                tx: rise(bytes.tx, before.tx, packets[1], tx),
            };
        }
        self.sum
    }

    /// The same a moment after that reading, which stays the last.
    pub(super) fn later(&self, bytes: Bytes, packets: [u64; 2], header: u64) -> Bytes {
        let mut ahead = Self { last: self.last, sum: self.sum };
        ahead.reading(bytes, packets, header)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn acknowledgements_alone_are_nothing_and_a_new_counter_is_no_flood() {
        let mut stripped = Stripped::default();
        let mut at = |rx, tx, packets| stripped.reading(Bytes { rx, tx }, packets, 66);
        assert_eq!(at(5_000, 900, [9, 9]), Bytes::default());
        assert_eq!(at(8_028, 966, [11, 10]), Bytes { rx: 2_896, tx: 0 });
        assert_eq!(at(100, 966, [1, 10]), Bytes { rx: 2_896, tx: 0 });
        assert_eq!(at(1_614, 966, [2, 10]), Bytes { rx: 4_344, tx: 0 });
        let later = stripped.later(Bytes { rx: 3_128, tx: 966 }, [3, 10], 66);
        assert_eq!(later, Bytes { rx: 5_792, tx: 0 });
        // It goes on from the last reading.
        let last = stripped.reading(Bytes { rx: 4_642, tx: 966 }, [4, 10], 66);
        assert_eq!(last, Bytes { rx: 7_240, tx: 0 });
    }

    proptest! {
        /// However the driver puts segments together, the payload is the same.
        #[test]
        fn how_segments_are_counted_does_not_matter(
            bursts in prop::collection::vec((1_u64..45, 1_u64..45), 1..50),
        ) {
            let (mut whole, mut cut) = (Stripped::default(), Stripped::default());
            let (mut bytes, mut packets, mut payload) = ([0; 2], [0; 2], 0);
            let mut found = [Bytes::default(); 2];
            for (segments, together) in [(0, 1)].into_iter().chain(bursts) {
                payload += segments * 1_448;
                for (n, together) in [1, together].into_iter().enumerate() {
                    let skbs = segments.div_ceil(together);
                    packets[n] += skbs;
                    bytes[n] += segments * 1_448 + skbs * 66;
                    let stripped = if n == 0 { &mut cut } else { &mut whole };
                    let counted = Bytes { rx: 0, tx: bytes[n] };
                    found[n] = stripped.reading(counted, [0, packets[n]], 66);
                }
            }
            prop_assert_eq!(found, [Bytes { rx: 0, tx: payload }; 2]);
        }
    }
}
