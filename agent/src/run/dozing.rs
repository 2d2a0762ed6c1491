//! Whether a cellular radio was idle before a probe: its way from idle to connected
//! (the promotion) takes longer than many a path, and is not the path's delay.

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::link::lock;
use crate::link::InterfaceName;
use crate::link::counters::Packets;

/// A radio without packets for so long counts as idle. The network's inactivity timer
/// (RRC release, 3GPP TS 36.331 and 38.331) is the operator's choice and not told to
/// the device; about 10 s is usual, 11.6 s was measured on LTE (Huang et al., 2012). A judgement of ours, on the side of the shorter.
const IDLE_AFTER: Duration = Duration::from_secs(10);

/// A radio that was woken counts as idle until something is received by it, for so long at
/// most: what is sent meanwhile waits for the promotion as well.
const WAKES: Duration = Duration::from_secs(3);

/// What is known of packets. Pure.
#[derive(Debug, Default)]
struct Doze {
    last: Option<([u64; 2], Instant)>,
    woken: Option<Instant>,
}

impl Doze {
    /// The interface has received and sent so many packets at `now`; whether none of them
    /// came for long, or none was received since. The first look can't tell.
    fn look(&mut self, packets: [u64; 2], now: Instant) -> bool {
        let Some((known, moved)) = self.last else {
            self.last = Some((packets, now));
            return false;
        };
        let was_idle = now.saturating_duration_since(moved) >= IDLE_AFTER;
        if known == packets {
            return was_idle || self.wakes(now);
        }
        self.last = Some((packets, now));
        if packets[0] != known[0] {
            self.woken = None;
        } else if was_idle {
            self.woken = Some(now);
        }
        self.wakes(now)
    }

    fn wakes(&self, now: Instant) -> bool {
        self.woken.is_some_and(|woken| now.saturating_duration_since(woken) < WAKES)
    }
}

/// One link's radio, if it has one.
#[derive(Debug)]
pub(super) struct Dozing {
    is_mobile: AtomicBool,
    read: Mutex<(Packets, Doze)>,
}

impl Dozing {
    pub(super) fn new(interface: &InterfaceName) -> Self {
        let packets = Packets::new(Path::new("/sys"), interface);
        Self { is_mobile: AtomicBool::new(false), read: Mutex::new((packets, Doze::default())) }
    }

    /// Whether the link is a mobile network's.
    pub(super) fn set_mobile(&self, is_mobile: bool) {
        self.is_mobile.store(is_mobile, Ordering::Relaxed);
    }

    /// Whether it is, as it was last set.
    pub(super) fn is_mobile(&self) -> bool {
        self.is_mobile.load(Ordering::Relaxed)
    }

    /// Whether the radio is idle at `now`. It has to be asked each second or so, or
    /// it takes a packet for as new as the question.
    pub(super) fn is_idle(&self, now: Instant) -> bool {
        if !self.is_mobile() {
            return false;
        }
        let mut read = lock(&self.read);
        let (packets, doze) = &mut *read;
        packets.read().is_ok_and(|packets| doze.look(packets, now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_sent_while_the_radio_wakes_is_delayed_as_well() {
        let begin = crate::clock::now();
        let at =
            |doze: &mut Doze, ms, rx, tx| doze.look([rx, tx], begin + Duration::from_millis(ms));
        let mut doze = Doze::default();
        assert!(!at(&mut doze, 0, 5, 5));
        assert!(at(&mut doze, 12_000, 5, 5), "the first probe");
        assert!(at(&mut doze, 12_140, 5, 6), "the second, as the first is under way");
        assert!(at(&mut doze, 12_900, 5, 7));
        assert!(!at(&mut doze, 13_300, 6, 7), "the first was answered");
        assert!(!at(&mut doze, 13_400, 6, 8));
        // Nobody answers: it is awake by then all the same.
        assert!(at(&mut doze, 30_000, 6, 8));
        assert!(at(&mut doze, 30_500, 6, 9));
        assert!(!at(&mut doze, 33_600, 6, 9));
        // Woken from beyond.
        assert!(!at(&mut doze, 60_000, 7, 9));
    }

    proptest! {
        /// Asked each second: idle once ten seconds had no packet, give or take one.
        #[test]
        fn a_radio_is_idle_after_ten_seconds_without_packets(
            moved in prop::collection::vec(prop::bool::weighted(0.05), 1..200)
        ) {
            let (mut doze, begin) = (Doze::default(), crate::clock::now());
            let (mut packets, mut last) = ([7; 2], 0);
            for (second, moves) in moved.into_iter().enumerate() {
                if moves {
                    packets[0] += 1;
                    last = second;
                }
                let idle = doze.look(packets, begin + Duration::from_secs(second as u64));
                prop_assert_eq!(idle, second - last >= 10, "{} after {}", second, last);
            }
        }
    }
}
