//! What a TCP connection costs on its link, counted while it flows.
//!
//! The kernel is asked now and then ([`Spending::refresh`]), and before the connection
//! is closed: it counts each segment and what is sent again. Until its first answer,
//! and where it gives none, payload is counted to the octet, headers are those of the
//! segments that the payload takes at the connection's own segment size, and
//! acknowledgements one for every two segments (RFC 5681, section 4.2).

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use hearth_proto::{Family, Purpose};

use super::arrivals::Arrivals;
use crate::clock;
use crate::link::counters::{Bytes, Transport, counted_bytes};
use crate::link::sock_diag::{Connection, SockDiag, TcpCounts};
use crate::link::spending::{Cost, Metered, Spending};
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
    connection: OnceLock<Connection>,
    /// Closing throws away what was not sent.
    aborts: AtomicBool,
    cost: Mutex<Sum>,
}

/// The cost, by the kernel or by estimate.
#[derive(Debug, Default)]
struct Sum {
    cost: Cost,
    /// The kernel's last answer.
    told: Option<TcpCounts>,
    /// Segments received and sent that await an acknowledgement, by estimate.
    unacknowledged: [u64; 2],
    arrivals: Arrivals,
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
/// The option of time stamps, padded (RFC 7323, appendix A).
const TIMESTAMPS: u64 = 12;
/// A SACK option of one block, padded (RFC 2018, section 3).
const SACK: u64 = 12;

impl Meter {
    /// For a connection in `family` over a link whose own header has so many
    /// octets (see [`link_header`]).
    pub fn new(account: Account, family: Family, link_header: u64) -> Self {
        Self {
            account,
            header: counted_bytes(link_header, family, Transport::Tcp, 0),
            segment: AtomicU64::new(USUAL_SEGMENT),
            payload: Default::default(),
            connection: OnceLock::new(),
            aborts: AtomicBool::new(false),
            cost: Mutex::default(),
        }
    }

    /// Payload octets received and sent, TLS included. What was sent may still
    /// wait in the socket's buffer.
    pub fn payload(&self) -> Bytes {
        let [rx, tx] = &self.payload;
        Bytes { rx: rx.load(Ordering::Relaxed), tx: tx.load(Ordering::Relaxed) }
    }

    /// Octets on the link so far, headers included: as the kernel last said.
    #[cfg(test)]
    pub(super) fn on_the_wire(&self) -> Bytes {
        self.sum().cost.bytes
    }

    /// The most payload of one segment, as the connection agreed on it.
    pub fn set_segment(&self, octets: u64) {
        if octets > 0 {
            self.segment.store(octets, Ordering::Relaxed);
        }
    }

    fn segment(&self) -> u64 {
        self.segment.load(Ordering::Relaxed)
    }

    /// From now on the kernel is asked about it, as this.
    pub(super) fn identify(self: &Arc<Self>, connection: Connection) {
        if self.connection.set(connection).is_ok() {
            let meter: Arc<dyn Metered> = self.clone();
            self.account.spending.opened(Arc::downgrade(&meter), self.header);
        }
    }

    /// From now on closing throws away what was not sent.
    pub(super) fn will_abort(&self) {
        self.aborts.store(true, Ordering::Relaxed);
    }

    /// A SYN went out.
    pub(super) fn opening(&self) {
        self.bare(&mut self.sum(), Way::Out, 1, SYN_OPTIONS);
    }

    /// Its answer came, and was acknowledged.
    pub(super) fn opened(&self) {
        let mut sum = self.sum();
        self.bare(&mut sum, Way::In, 1, SYN_OPTIONS);
        self.bare(&mut sum, Way::Out, 1, 0);
    }

    /// This side is about to say that it is the end.
    pub(super) fn closing(&self) {
        let answered = self.account.spending.closing(self);
        let mut sum = self.sum();
        if let Some(told) = sum.told.take() {
            // The far end sends on until it knows, half a round trip from now, and that
            // takes as long to come.
            if self.aborts.load(Ordering::Relaxed) {
                let tail = sum.arrivals.within(told.rtt_us);
                self.bare(&mut sum, Way::In, tail.div_ceil(self.segment()), tail);
            }
            // Where the far end closed first the kernel had forgotten it already.
            let (all, known) = (self.payload(), told.payload);
            self.data(&mut sum, Way::In, all.rx.saturating_sub(known.rx));
            let discarded = answered && self.aborts.load(Ordering::Relaxed);
            if !discarded {
                let sent_once = known.tx.saturating_sub(told.resent);
                self.data(&mut sum, Way::Out, all.tx.saturating_sub(sent_once));
            }
        }
        self.bare(&mut sum, Way::Out, 1, 0);
    }

    pub(super) fn received(&self, octets: usize) {
        self.moved(Way::In, octets as u64);
    }

    pub(super) fn sent(&self, octets: usize) {
        self.moved(Way::Out, octets as u64);
    }

    fn moved(&self, way: Way, octets: u64) {
        self.payload[way as usize].fetch_add(octets, Ordering::Relaxed);
        let mut sum = self.sum();
        if sum.told.is_none() {
            self.data(&mut sum, way, octets);
        }
    }

    fn sum(&self) -> std::sync::MutexGuard<'_, Sum> {
        // Plain sums: a thread that panicked left them whole.
        self.cost.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn data(&self, sum: &mut Sum, way: Way, octets: u64) {
        if octets == 0 {
            return;
        }
        let segments = octets.div_ceil(self.segment());
        self.bare(sum, way, segments, octets);
        let waiting = sum.unacknowledged[way as usize] + segments;
        sum.unacknowledged[way as usize] = waiting % 2;
        let back = match way {
            Way::In => Way::Out,
            Way::Out => Way::In,
        };
        self.bare(sum, back, waiting / 2, 0);
    }

    /// So many segments with so many octets behind their headers.
    fn bare(&self, sum: &mut Sum, way: Way, segments: u64, octets: u64) {
        let headers = segments * self.header;
        let of = |octets| match way {
            Way::In => Bytes { rx: octets, tx: 0 },
            Way::Out => Bytes { rx: 0, tx: octets },
        };
        let before = sum.cost;
        sum.cost.bytes += of(headers + octets);
        sum.cost.headers += of(headers);
        self.account.spending.change(self.account.purpose, before, sum.cost);
    }

    fn take(&self, told: TcpCounts) {
        let less = if told.has_timestamps { 0 } else { TIMESTAMPS };
        let header = self.header - less;
        let TcpCounts { payload, segments, out_of_order, .. } = told;
        let headers = Bytes { rx: segments.rx * header, tx: segments.tx * header };
        let mut sum = self.sum();
        let waiting = sum.arrivals.take(told, clock::now());
        let bytes = Bytes {
            rx: headers.rx + payload.rx + waiting + SYN_OPTIONS,
            tx: headers.tx + payload.tx + SYN_OPTIONS + out_of_order * SACK,
        };
        let now = Cost { bytes, headers };
        self.account.spending.change(self.account.purpose, sum.cost, now);
        sum.cost = now;
        (sum.told, sum.unacknowledged) = (Some(told), [0; 2]);
    }
}

impl Metered for Meter {
    fn settle(&self, kernel: &mut SockDiag) -> bool {
        let Some(connection) = self.connection.get() else { return false };
        match kernel.ask(connection) {
            Ok(told) => told.map(|told| self.take(told)).is_some(),
            Err(error) => {
                tracing::debug!(%error, ?connection, "the kernel does not tell");
                false
            }
        }
    }
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

    const TOLD: TcpCounts = TcpCounts {
        payload: Bytes { rx: 1000, tx: 5000 },
        segments: Bytes { rx: 4, tx: 7 },
        resent: 2000,
        data_segments: 2,
        out_of_order: 1,
        rtt_us: 0,
        has_timestamps: true,
    };

    #[test]
    fn the_kernels_word_goes_over_the_estimate() {
        let (spending, meter) = meter();
        meter.sent(9000);
        meter.received(1000);
        meter.take(TOLD);
        // Of two usual segments 1,000 octets are in order, so that the rest waits.
        let waiting = 2 * 1448 - 1000;
        let known = Bytes { rx: 4 * 66 + 1000 + waiting + 8, tx: 7 * 66 + 5000 + 8 + 12 };
        assert_eq!((meter.on_the_wire(), spending.total()), (known, known));
        assert_eq!(spending.stripped().0, Bytes { rx: 1008 + waiting, tx: 5020 });
        // Nothing is estimated on top of it, while payload is counted on.
        meter.sent(500);
        assert_eq!((meter.on_the_wire(), meter.payload().tx), (known, 9500));
        meter.take(TcpCounts { has_timestamps: false, ..TOLD });
        let shorter = Bytes { rx: known.rx - 4 * 12, tx: known.tx - 7 * 12 };
        assert_eq!((meter.on_the_wire(), spending.total()), (shorter, shorter));
    }

    #[test]
    fn what_flowed_after_the_kernels_last_word_is_estimated() {
        let (spending, meter) = meter();
        meter.sent(3000);
        meter.received(1000);
        meter.take(TOLD);
        let known = spending.total();
        meter.received(100);
        // Its socket is gone: nobody can be asked.
        meter.closing();
        assert_eq!(spending.total(), Bytes { rx: known.rx + 166, tx: known.tx + 66 });
    }
}
