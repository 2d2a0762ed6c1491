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

/// What is known of packets. Pure.
#[derive(Debug, Default)]
struct Doze {
    last: Option<(u64, Instant)>,
}

impl Doze {
    /// The interface has carried so many packets at `now`; whether none of them came
    /// for long. The first look can't tell.
    fn look(&mut self, packets: u64, now: Instant) -> bool {
        match self.last {
            Some((known, moved)) if known == packets => {
                now.saturating_duration_since(moved) >= IDLE_AFTER
            }
            _ => {
                self.last = Some((packets, now));
                false
            }
        }
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
        packets.read().is_ok_and(|[rx, tx]| doze.look(rx.wrapping_add(tx), now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Asked each second: idle once ten seconds had no packet, give or take one.
        #[test]
        fn a_radio_is_idle_after_ten_seconds_without_packets(
            moved in prop::collection::vec(prop::bool::weighted(0.05), 1..200)
        ) {
            let (mut doze, begin) = (Doze::default(), crate::clock::now());
            let (mut packets, mut last) = (7, 0);
            for (second, moves) in moved.into_iter().enumerate() {
                if moves {
                    packets += 1;
                    last = second;
                }
                let idle = doze.look(packets, begin + Duration::from_secs(second as u64));
                prop_assert_eq!(idle, second - last >= 10, "{} after {}", second, last);
            }
        }
    }
}
