//! What a TCP connection costs on its link, counted while it flows.
//!
//! Payload is counted to the octet. Headers are those of the segments that the
//! payload takes at the connection's own segment size; acknowledgements are taken
//! as one for every two segments (RFC 5681, section 4.2). [`Meter::settle`] puts
//! the truth in the place of the estimate where the kernel tells it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hearth_proto::{Family, Purpose};

use crate::link::counters::{Bytes, Transport, counted_bytes};
use crate::link::spending::Spending;
use crate::probe::outlet::Outlet;

/// Into which account connections count.
#[derive(Debug, Clone)]
pub struct Account {
    /// The link's.
    pub spending: Arc<Spending>,
    /// For what.
    pub purpose: Purpose,
}

/// One connection's cost so far.
#[derive(Debug)]
pub struct Meter {
    account: Account,
    /// Of a segment with time stamps: link, IP and TCP.
    header: u64,
    segment: AtomicU64,
    payload: [AtomicU64; 2],
    on_the_wire: [AtomicU64; 2],
    unacknowledged: [AtomicU64; 2],
}

/// Which way octets went: an index into the meter's pairs.
#[derive(Debug, Clone, Copy)]
enum Way {
    In = 0,
    Out = 1,
}

/// Ethernet's payload less the headers of IPv4 and TCP with time stamps.
const USUAL_SEGMENT: u64 = 1448;
/// A SYN's further options: segment size, SACK and window scale.
const SYN_OPTIONS: u64 = 8;

impl Meter {
    /// For a connection in `family` over a link whose own header has so many
    /// octets (see [`link_header`]).
    pub fn new(account: Account, family: Family, link_header: u64) -> Self {
        Self {
            account,
            header: counted_bytes(link_header, family, Transport::Tcp, 0),
            segment: AtomicU64::new(USUAL_SEGMENT),
            payload: Default::default(),
            on_the_wire: Default::default(),
            unacknowledged: Default::default(),
        }
    }

    /// Payload octets received and sent, TLS included. What was sent may still
    /// wait in the socket's buffer.
    pub fn payload(&self) -> Bytes {
        pair(&self.payload)
    }

    /// Octets on the link so far, headers included.
    pub fn on_the_wire(&self) -> Bytes {
        pair(&self.on_the_wire)
    }

    /// Octets of the headers of one segment.
    pub fn header(&self) -> u64 {
        self.header
    }

    /// The most payload of one segment, as the connection agreed on it.
    pub fn set_segment(&self, octets: u64) {
        if octets > 0 {
            self.segment.store(octets, Ordering::Relaxed);
        }
    }

    /// Puts what the kernel knows in the place of what was estimated.
    pub fn settle(&self, known: Bytes) {
        let before = self.on_the_wire();
        let (spending, purpose) = (&self.account.spending, self.account.purpose);
        let more = |now: u64, then: u64| now.saturating_sub(then);
        spending
            .add(purpose, Bytes { rx: more(known.rx, before.rx), tx: more(known.tx, before.tx) });
        spending.take_back(
            purpose,
            Bytes { rx: more(before.rx, known.rx), tx: more(before.tx, known.tx) },
        );
        self.on_the_wire[Way::In as usize].store(known.rx, Ordering::Relaxed);
        self.on_the_wire[Way::Out as usize].store(known.tx, Ordering::Relaxed);
    }

    /// A SYN went out.
    pub(super) fn opening(&self) {
        self.bare(Way::Out, self.header + SYN_OPTIONS);
    }

    /// Its answer came, and was acknowledged.
    pub(super) fn opened(&self) {
        self.bare(Way::In, self.header + SYN_OPTIONS);
        self.bare(Way::Out, self.header);
    }

    /// One side said that it was the end.
    pub(super) fn closed(&self) {
        self.bare(Way::Out, self.header);
    }

    pub(super) fn received(&self, octets: usize) {
        self.data(Way::In, octets as u64);
    }

    pub(super) fn sent(&self, octets: usize) {
        self.data(Way::Out, octets as u64);
    }

    fn data(&self, way: Way, octets: u64) {
        if octets == 0 {
            return;
        }
        let segments = octets.div_ceil(self.segment.load(Ordering::Relaxed));
        self.payload[way as usize].fetch_add(octets, Ordering::Relaxed);
        self.bare(way, octets + segments * self.header);
        // One connection is driven by one task: no other adds in between.
        let waiting = self.unacknowledged[way as usize].load(Ordering::Relaxed) + segments;
        self.unacknowledged[way as usize].store(waiting % 2, Ordering::Relaxed);
        let back = match way {
            Way::In => Way::Out,
            Way::Out => Way::In,
        };
        self.bare(back, (waiting / 2) * self.header);
    }

    fn bare(&self, way: Way, octets: u64) {
        if octets == 0 {
            return;
        }
        self.on_the_wire[way as usize].fetch_add(octets, Ordering::Relaxed);
        let bytes = match way {
            Way::In => Bytes { rx: octets, tx: 0 },
            Way::Out => Bytes { rx: 0, tx: octets },
        };
        self.account.spending.add(self.account.purpose, bytes);
    }
}

fn pair([rx, tx]: &[AtomicU64; 2]) -> Bytes {
    Bytes { rx: rx.load(Ordering::Relaxed), tx: tx.load(Ordering::Relaxed) }
}

/// Octets of the link's own header by this way out: 14 on what looks like
/// Ethernet (the loopback device too), 0 on TUN, PPP and raw IP.
pub fn link_header(outlet: &Outlet) -> u64 {
    const ETHERNET: u64 = 14;
    const LIKE_ETHERNET: [&str; 2] = ["1", "772"];
    let Some(interface) = outlet.interface() else { return ETHERNET };
    match std::fs::read_to_string(format!("/sys/class/net/{interface}/type")) {
        Ok(kind) if !LIKE_ETHERNET.contains(&kind.trim()) => 0,
        _ => ETHERNET,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meter() -> (Arc<Spending>, Meter) {
        let spending = Arc::new(Spending::default());
        let account = Account { spending: Arc::clone(&spending), purpose: Purpose::Responsiveness };
        (spending, Meter::new(account, Family::V4, 14))
    }

    #[test]
    fn payload_takes_segments_and_every_second_one_is_acknowledged() {
        let (spending, meter) = meter();
        meter.set_segment(1000);
        meter.received(2500);
        assert_eq!(meter.payload(), Bytes { rx: 2500, tx: 0 });
        assert_eq!(meter.on_the_wire(), Bytes { rx: 2500 + 3 * 66, tx: 66 });
        meter.received(1);
        meter.sent(1);
        let expect = Bytes { rx: 2501 + 4 * 66, tx: 2 * 66 + 67 };
        assert_eq!(meter.on_the_wire(), expect);
        assert_eq!(spending.total(), expect);
    }

    #[test]
    fn the_kernels_word_goes_over_the_estimate_both_ways() {
        let (spending, meter) = meter();
        meter.sent(1000);
        meter.received(1000);
        let known = Bytes { rx: 5000, tx: 300 };
        meter.settle(known);
        assert_eq!((meter.on_the_wire(), spending.total()), (known, known));
    }
}
