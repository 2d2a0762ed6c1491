//! How much of a load waits at its sender: the same at both ends of a test.
//!
//! What a connection's sender has framed, encrypted and handed to its socket, and the
//! network has not taken yet, delays a probe on that connection
//! (draft-ietf-ippm-responsiveness-09, "Server-Side Influence"). That delay is the
//! sender's and not the link's. But a sender that holds little is woken often, which
//! a fast link can't bear. So a sender holds what its connection carries in a few
//! milliseconds, whatever its rate. Its congestion control is its system's own, as that of
//! what the household sends is.

mod ahead;
mod shallow;

use std::time::Duration;

pub use ahead::Ahead;
pub use shallow::{PORTION, Shallow};

/// How long what waits may take to leave, at the connection's own rate.
const HOLD: Duration = Duration::from_millis(5);
/// Over how long that rate is read: longer than an acknowledgement's clumps.
const WINDOW: Duration = Duration::from_millis(50);
/// The least that may wait: less would be all headers.
const LEAST_SEGMENTS: usize = 2;
/// The most: what five milliseconds are at 3 Gbit/s.
const MOST: usize = 2 << 20;
/// Octets of plaintext in a full TLS record (RFC 8446, section 5.1).
const RECORD: usize = 16_384;
/// Octets that a TLS 1.3 record adds to its plaintext: header, content type and tag.
const RECORD_COST: usize = 5 + 1 + 16;
/// Octets of an HTTP/2 frame's header (RFC 9113, section 4.1).
const FRAME_HEADER: usize = 9;
/// The most full records in a frame.
const MOST_RECORDS: usize = 4;

/// The most payload octets that [`SendDepth::frame`] puts in one HTTP/2 DATA frame.
pub const MOST_FRAME: usize = MOST_RECORDS * RECORD - FRAME_HEADER;

/// How much may wait at one connection's sender.
#[derive(Debug, Clone)]
pub struct SendDepth {
    segment: usize,
    looked: Duration,
    sent: u64,
    octets: usize,
}

impl SendDepth {
    /// For a connection whose segments carry so many octets.
    pub fn new(segment: usize) -> Self {
        let segment = segment.clamp(RECORD_COST + FRAME_HEADER + 1, RECORD / LEAST_SEGMENTS);
        Self { segment, looked: Duration::ZERO, sent: 0, octets: LEAST_SEGMENTS * segment }
    }

    /// The socket has taken `sent` octets in all, `now` after the connection began. To
    /// be told often; true when the depth has changed.
    pub fn look(&mut self, now: Duration, sent: u64) -> bool {
        let passed = now.saturating_sub(self.looked);
        if passed < WINDOW {
            return false;
        }
        let share = HOLD.as_secs_f64() / passed.as_secs_f64();
        let carried = (sent.saturating_sub(self.sent) as f64 * share) as usize;
        let least = LEAST_SEGMENTS * self.segment;
        let whole = carried.clamp(least, MOST) / self.segment * self.segment;
        (self.looked, self.sent) = (now, sent);
        std::mem::replace(&mut self.octets, whole) != whole
    }

    /// Octets that may wait in the socket.
    pub fn octets(&self) -> usize {
        self.octets
    }

    /// Payload octets of the next HTTP/2 DATA frame: as many as fill whole segments or,
    /// from there on, whole TLS records. A fuller one would end in a segment or a record
    /// of a few octets, which costs as much to send.
    pub fn frame(&self) -> usize {
        match self.octets / RECORD {
            0 => self.octets - RECORD_COST - FRAME_HEADER,
            records => records.min(MOST_RECORDS) * RECORD - FRAME_HEADER,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SEGMENT: usize = 1448;

    /// The depth of a connection that has carried `bps` for a second.
    fn at(bps: f64) -> SendDepth {
        let mut depth = SendDepth::new(SEGMENT);
        for step in 1..=20 {
            let now = WINDOW * step;
            depth.look(now, (bps / 8.0 * now.as_secs_f64()) as u64);
        }
        depth
    }

    #[test]
    fn what_waits_leaves_within_a_few_milliseconds() {
        assert_eq!(at(0.0).octets(), 2 * SEGMENT);
        assert_eq!(at(2e6).octets(), 2 * SEGMENT);
        assert_eq!(at(20e6).octets(), 8 * SEGMENT);
        assert_eq!(at(100e6).octets(), 43 * SEGMENT);
        assert_eq!(at(1e12).octets(), MOST / SEGMENT * SEGMENT);
    }

    #[test]
    fn frames_fill_segments_and_then_records() {
        let on_the_wire = |payload: usize| payload + FRAME_HEADER + RECORD_COST;
        assert_eq!(on_the_wire(at(2e6).frame()), 2 * SEGMENT);
        assert_eq!(on_the_wire(at(20e6).frame()), 8 * SEGMENT);
        assert_eq!(at(30e6).frame() + FRAME_HEADER, RECORD);
        assert_eq!(at(1e9).frame(), MOST_FRAME);
    }

    #[test]
    fn a_look_too_early_changes_nothing() {
        let mut depth = SendDepth::new(SEGMENT);
        assert!(!depth.look(WINDOW / 2, 1 << 30));
        assert!(depth.look(WINDOW, 1 << 30));
        assert!(!depth.look(WINDOW, 0));
        // Silence since: back to the least.
        assert!(depth.look(WINDOW * 3, 1 << 30));
        assert_eq!(depth.octets(), 2 * SEGMENT);
    }

    proptest! {
        #[test]
        fn the_depth_keeps_its_bounds(
            segment in any::<usize>(),
            steps in prop::collection::vec((0_u64..10_000_000, 0_u64..1 << 50), 0..50),
        ) {
            let mut depth = SendDepth::new(segment);
            let (mut now, mut sent) = (Duration::ZERO, 0);
            for (us, more) in steps {
                now += Duration::from_micros(us);
                sent += more;
                depth.look(now, sent);
                prop_assert!(depth.octets() <= MOST);
                prop_assert!((1..=MOST_FRAME).contains(&depth.frame()));
                prop_assert!(depth.frame() <= depth.octets());
            }
        }

        #[test]
        fn a_faster_connection_holds_no_less(slow in 0.0..1e10, more in 0.0..1e10) {
            prop_assert!(at(slow + more).octets() >= at(slow).octets());
        }
    }
}
