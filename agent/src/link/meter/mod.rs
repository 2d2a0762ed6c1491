//! What a TCP connection costs on its link, counted while it flows: tests', probes' and
//! the uplink's alike.
//!
//! The kernel is asked now and then ([`Spending::refresh`]), and before the connection
//! is closed: it counts each segment and what is sent again, and knows whether segments
//! bear time stamps. Until its first answer, and where it gives none, payload is counted
//! to the octet, headers are those of the segments that the payload takes at the
//! connection's own segment size, with time stamps, and acknowledgements one for every
//! two segments (RFC 5681, section 4.2).
//!
//! [`connect`] makes a connection and counts whatever comes of it; `arrivals` (pure)
//! guesses what the kernel does not count yet; `ending` is what closing costs.

mod arrivals;
mod connecting;
mod ending;

use std::fmt;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

use hearth_proto::{Family, Purpose};

use self::arrivals::Arrivals;
use super::counters::{Bytes, Transport, counted_bytes};
use super::sock_diag::{Connection, SockDiag, TcpCounts};
use super::spending::{Cost, Metered, Spending};
use crate::clock;

pub use connecting::connect;

/// Into which account connections count.
#[derive(Debug, Clone)]
pub struct Account {
    /// The link's.
    pub spending: Arc<Spending>,
    /// For what.
    pub purpose: Purpose,
}

/// Says which link's spending what leaves from a local address is, and that link's
/// header in octets; `None`: that link is not known, or not yet.
pub type Spender = Arc<dyn Fn(IpAddr) -> Option<(Arc<Spending>, u64)> + Send + Sync>;

/// One connection's cost so far.
pub struct Meter {
    purpose: Purpose,
    payer: OnceLock<Payer>,
    /// Who knows the payer once the local address is known.
    spender: Option<Spender>,
    segment: AtomicU64,
    payload: [AtomicU64; 2],
    connection: OnceLock<Connection>,
    /// Closing throws away what was not sent.
    aborts: AtomicBool,
    /// The far end has ended it: nothing more comes.
    far_end_closed: AtomicBool,
    /// The most that may come still.
    to_come: AtomicU64,
    sum: Mutex<Sum>,
    /// Its own, for whoever asks the kernel.
    me: Weak<Self>,
}

#[derive(Debug)]
struct Payer {
    spending: Arc<Spending>,
    link_header: u64,
}

/// The cost, by the kernel or by estimate.
#[derive(Debug)]
struct Sum {
    /// Of IP and TCP without options, of each segment; the link's own comes on top.
    header: u64,
    /// Whether segments bear time stamps.
    stamps: bool,
    segments: Bytes,
    /// Behind the headers.
    octets: Bytes,
    /// What the payer was told.
    booked: Cost,
    /// The kernel's last answer.
    told: Option<TcpCounts>,
    /// Segments received and sent that await an acknowledgement, by estimate.
    unacknowledged: [u64; 2],
    arrivals: Arrivals,
    /// What closing costs is in it.
    closed: bool,
}

/// Which way octets went: an index into the meter's pairs.
#[derive(Debug, Clone, Copy)]
enum Way {
    In = 0,
    Out = 1,
}

/// Ethernet's payload less the headers of IPv4 and TCP with time stamps.
const USUAL_SEGMENT: u64 = 1448;
/// The option of time stamps, padded (RFC 7323, appendix A).
const TIMESTAMPS: u64 = 12;
/// A SYN's options, as Linux sends them: segment size, SACK, time stamps, window scale.
const SYN_OPTIONS: u64 = 20;
/// The same without time stamps, as who has none answers.
const BARE_SYN_OPTIONS: u64 = 12;
/// A SACK option of one block, padded (RFC 2018, section 3).
const SACK: u64 = 12;

impl Sum {
    fn stamps_octets(&self) -> u64 {
        if self.stamps { TIMESTAMPS } else { 0 }
    }
}

impl Meter {
    /// For a connection in `family` over a link whose own header has so many octets.
    pub fn new(account: Account, family: Family, link_header: u64) -> Arc<Self> {
        let Account { spending, purpose } = account;
        let payer = OnceLock::from(Payer { spending, link_header });
        Self::make(purpose, family, payer, None)
    }

    /// For a connection in `family` whose link `spender` knows, perhaps later than it is
    /// made: what it cost until then is charged then.
    pub fn charged_by(spender: Spender, purpose: Purpose, family: Family) -> Arc<Self> {
        Self::make(purpose, family, OnceLock::new(), Some(spender))
    }

    fn make(
        purpose: Purpose,
        family: Family,
        payer: OnceLock<Payer>,
        spender: Option<Spender>,
    ) -> Arc<Self> {
        let sum = Sum {
            header: counted_bytes(0, family, Transport::Tcp, 0) - TIMESTAMPS,
            stamps: true,
            segments: Bytes::default(),
            octets: Bytes::default(),
            booked: Cost::default(),
            told: None,
            unacknowledged: [0; 2],
            arrivals: Arrivals::default(),
            closed: false,
        };
        Arc::new_cyclic(|me| Self {
            purpose,
            payer,
            spender,
            segment: AtomicU64::new(USUAL_SEGMENT),
            payload: Default::default(),
            connection: OnceLock::new(),
            aborts: AtomicBool::new(false),
            far_end_closed: AtomicBool::new(false),
            to_come: AtomicU64::new(u64::MAX),
            sum: Mutex::new(sum),
            me: me.clone(),
        })
    }

    /// Payload octets received and sent, TLS included. What was sent may still
    /// wait in the socket's buffer.
    pub fn payload(&self) -> Bytes {
        let [rx, tx] = &self.payload;
        Bytes { rx: rx.load(Ordering::Relaxed), tx: tx.load(Ordering::Relaxed) }
    }

    /// Octets on the link so far, headers included: as the kernel last said.
    #[cfg(test)]
    pub(crate) fn on_the_wire(&self) -> Bytes {
        self.sum().booked.bytes
    }

    /// The most payload of one segment, as the connection agreed on it.
    fn set_segment(&self, octets: u64) {
        if octets > 0 {
            self.segment.store(octets, Ordering::Relaxed);
        }
    }

    fn segment(&self) -> u64 {
        self.segment.load(Ordering::Relaxed)
    }

    /// From now on the kernel can be asked about it, as this.
    fn identify(&self, connection: Connection) {
        if self.connection.set(connection).is_err() {
            return;
        }
        match self.payer.get() {
            Some(payer) => self.enroll(payer),
            None => self.find_payer(),
        }
    }

    /// Asks who pays, where that is not known yet. Not to be called while the sum is
    /// locked: whoever asks the kernel about all connections locks their list first.
    fn find_payer(&self) {
        if self.payer.get().is_some() {
            return;
        }
        let (Some(spender), Some(connection)) = (&self.spender, self.connection.get()) else {
            return;
        };
        let Some((spending, link_header)) = spender(connection.local.ip().to_canonical()) else {
            return;
        };
        if self.payer.set(Payer { spending, link_header }).is_ok()
            && let Some(payer) = self.payer.get()
        {
            self.book(&mut self.sum());
            self.enroll(payer);
        }
    }

    /// Has the payer ask the kernel about it from now on.
    fn enroll(&self, payer: &Payer) {
        let me: Weak<dyn Metered> = self.me.clone();
        payer.spending.opened(me);
    }

    /// A SYN went out.
    fn opening(&self) {
        self.bare(&mut self.sum(), Way::Out, 1, SYN_OPTIONS - TIMESTAMPS);
    }

    /// Its answer came, and was acknowledged.
    fn opened(&self) {
        let mut sum = self.sum();
        self.bare(&mut sum, Way::In, 1, SYN_OPTIONS - TIMESTAMPS);
        self.bare(&mut sum, Way::Out, 1, 0);
    }

    /// The connection did not come about: the kernel is asked how often it tried.
    fn gave_up(&self, connection: Connection) {
        self.identify(connection);
        if let Some(payer) = self.payer.get() {
            payer.spending.closing(self);
        }
    }

    /// So many octets of payload were read.
    pub fn received(&self, octets: usize) {
        self.moved(Way::In, octets as u64);
    }

    /// So many octets of payload were written.
    pub fn sent(&self, octets: usize) {
        self.moved(Way::Out, octets as u64);
    }

    fn moved(&self, way: Way, octets: u64) {
        self.find_payer();
        self.payload[way as usize].fetch_add(octets, Ordering::Relaxed);
        let mut sum = self.sum();
        if sum.told.is_none() {
            self.data(&mut sum, way, octets);
        }
    }

    fn sum(&self) -> std::sync::MutexGuard<'_, Sum> {
        // Plain sums: a thread that panicked left them whole.
        self.sum.lock().unwrap_or_else(PoisonError::into_inner)
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
        let of = |count| match way {
            Way::In => Bytes { rx: count, tx: 0 },
            Way::Out => Bytes { rx: 0, tx: count },
        };
        sum.segments += of(segments);
        sum.octets += of(octets);
        self.book(sum);
    }

    /// Takes the kernel's word for all until now.
    fn take(&self, mut told: TcpCounts) {
        let mut sum = self.sum();
        if sum.closed {
            // The kernel may know it for a moment yet, but nothing of its end.
            return;
        }
        // What a queue of this machine refuses (a shaper's) never left, but the kernel
        // counts it, and once more when it is let in.
        let sent_once = told.payload.tx.saturating_sub(told.resent);
        let refused = sent_once.saturating_sub(self.payload().tx);
        told.payload.tx -= refused;
        told.segments.tx = told.segments.tx.saturating_sub(refused.div_ceil(self.segment()));
        let TcpCounts { payload, segments, out_of_order, has_timestamps, .. } = told;
        sum.stamps = has_timestamps;
        let stamps = sum.stamps_octets();
        // Without an answer all that was sent are SYNs.
        let syns = if segments.rx == 0 { segments.tx } else { 1 };
        let answer = if has_timestamps { SYN_OPTIONS } else { BARE_SYN_OPTIONS };
        let waiting = sum.arrivals.take(told, clock::now());
        sum.segments = segments;
        sum.octets = Bytes {
            rx: payload.rx + waiting + (answer - stamps) * segments.rx.min(1),
            tx: payload.tx + syns * (SYN_OPTIONS - stamps) + out_of_order * SACK,
        };
        (sum.told, sum.unacknowledged) = (Some(told), [0; 2]);
        self.book(&mut sum);
    }

    /// Tells the payer, if there is one.
    fn book(&self, sum: &mut Sum) {
        let Some(payer) = self.payer.get() else { return };
        let header = payer.link_header + sum.header + sum.stamps_octets();
        let Sum { segments, octets, .. } = *sum;
        let headers = Bytes { rx: segments.rx * header, tx: segments.tx * header };
        let bytes = Bytes { rx: headers.rx + octets.rx, tx: headers.tx + octets.tx };
        let now = Cost { bytes, headers, segments };
        payer.spending.change(self.purpose, sum.booked, now);
        sum.booked = now;
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

impl fmt::Debug for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Meter")
            .field("purpose", &self.purpose)
            .field("connection", &self.connection.get())
            .field("payload", &self.payload())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
