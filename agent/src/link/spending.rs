//! What the agent itself uses of a link, counted where it is used and read where
//! it is judged: taken off the household's use, and held against the budget.
//!
//! TCP's own doing (what it sends again, how it cuts and acknowledges) is known to the
//! kernel alone: [`Spending::refresh`] asks it.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError, Weak};

use hearth_proto::{Own, Purpose};

use super::counters::Bytes;
use super::sock_diag::{SockDiag, Untold};

/// One link's spending since the agent started, by purpose: bytes on the wire,
/// headers included. Shared by all that send by the link.
#[derive(Debug, Default)]
pub struct Spending {
    by_purpose: [[AtomicU64; 2]; Purpose::ALL.len()],
    home: [AtomicU64; 2],
    /// Of metered connections, of all of it: headers.
    headers: [AtomicU64; 2],
    /// On connections that were broken off, beyond what was charged for that.
    in_doubt: [AtomicU64; 2],
    /// By purpose: octets of headers in both directions, and how many headers.
    framing: [[AtomicU64; 2]; Purpose::ALL.len()],
    live: Mutex<Live>,
}

/// What a metered connection has cost so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cost {
    /// On the wire.
    pub bytes: Bytes,
    /// Of which headers.
    pub headers: Bytes,
    /// How many headers.
    pub segments: Bytes,
}

/// Headers of one purpose's metered connections, both directions together, since the
/// agent started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Framing {
    octets: u64,
    segments: u64,
}

impl Framing {
    /// The octets of a header since `before`, in the mean; `None` where there was none.
    /// Connections to one place have one kind of header, and so has their mean.
    pub fn header_since(&self, before: Self) -> Option<u64> {
        let octets = self.octets.saturating_sub(before.octets);
        let segments = self.segments.saturating_sub(before.segments);
        (octets + segments / 2).checked_div(segments)
    }
}

/// An open connection that the kernel can be asked about.
pub trait Metered: Send + Sync + fmt::Debug {
    /// Asks, and puts what the kernel knows in the place of what was estimated. Whether
    /// the kernel knew it.
    fn settle(&self, kernel: &mut SockDiag) -> bool;
}

#[derive(Debug, Default)]
struct Live {
    connections: Vec<Weak<dyn Metered>>,
    kernel: Kernel,
}

#[derive(Debug, Default)]
enum Kernel {
    #[default]
    Unasked,
    Answers(SockDiag),
    /// Estimates stand.
    Silent,
}

impl Kernel {
    fn asked(&mut self) -> Option<&mut SockDiag> {
        if matches!(self, Self::Unasked) {
            let opened = match SockDiag::proven() {
                // It may tell all the same.
                Err(Untold::Untried(_)) => SockDiag::open().map_err(Untold::Netlink),
                known => known,
            };
            *self = match opened {
                Ok(kernel) => Self::Answers(kernel),
                Err(error) => {
                    let cause = std::error::Error::source(&error).map(ToString::to_string);
                    tracing::warn!(%error, cause, "own bytes of TCP are estimated, without what is sent again, and tests may give way without need: see `hearth-agent doctor`");
                    Self::Silent
                }
            };
        }
        match self {
            Self::Answers(kernel) => Some(kernel),
            _ => None,
        }
    }
}

impl Spending {
    /// Something was sent, received, or both.
    pub fn add(&self, purpose: Purpose, bytes: Bytes) {
        add(&self.by_purpose[index(purpose)], bytes);
    }

    /// A metered connection's cost is now another. It may be less: what was queued and
    /// never left.
    pub fn change(&self, purpose: Purpose, before: Cost, now: Cost) {
        // Sums wrap, so that less is added as well.
        let more = |now: Bytes, before: Bytes| Bytes {
            rx: now.rx.wrapping_sub(before.rx),
            tx: now.tx.wrapping_sub(before.tx),
        };
        add(&self.by_purpose[index(purpose)], more(now.bytes, before.bytes));
        let headers = more(now.headers, before.headers);
        add(&self.headers, headers);
        let segments = more(now.segments, before.segments);
        let [octets, count] = &self.framing[index(purpose)];
        octets.fetch_add(headers.rx.wrapping_add(headers.tx), Ordering::Relaxed);
        count.fetch_add(segments.rx.wrapping_add(segments.tx), Ordering::Relaxed);
    }

    /// So many octets more than were charged may still pass, or have, by a connection that
    /// was broken off: nobody can be asked about it any more.
    pub fn doubt(&self, octets: Bytes) {
        add(&self.in_doubt, octets);
    }

    /// All that was ever in doubt.
    pub fn doubted(&self) -> Bytes {
        read(&self.in_doubt)
    }

    /// A connection was opened.
    pub fn opened(&self, connection: Weak<dyn Metered>) {
        let connections = &mut self.live().connections;
        // Those that nobody asks about any more are gone; an agent runs for years.
        connections.retain(|connection| connection.strong_count() > 0);
        connections.push(connection);
    }

    /// A connection is about to be closed, which makes the kernel forget it. Whether it
    /// was still known.
    pub fn closing(&self, connection: &dyn Metered) -> bool {
        self.live().kernel.asked().is_some_and(|kernel| connection.settle(kernel))
    }

    /// Asks the kernel what the connections that are open have cost. Until then, and
    /// where it does not tell, the last answer or an estimate stands.
    pub fn refresh(&self) {
        let mut live = self.live();
        let Live { connections, kernel } = &mut *live;
        if connections.is_empty() {
            return;
        }
        let Some(kernel) = kernel.asked() else {
            connections.clear();
            return;
        };
        connections.retain(|connection| {
            connection.upgrade().map(|connection| connection.settle(kernel)).is_some()
        });
    }

    fn live(&self) -> std::sync::MutexGuard<'_, Live> {
        // What a thread that panicked left is whole between any two steps.
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What went for one purpose.
    pub fn of(&self, purpose: Purpose) -> Own {
        let Bytes { rx, tx } = read(&self.by_purpose[index(purpose)]);
        Own { rx_bytes: rx, tx_bytes: tx }
    }

    /// Something went to the gateway or came from it: it costs nothing, but the
    /// interface counts it.
    pub fn add_home(&self, bytes: Bytes) {
        add(&self.home, bytes);
    }

    /// What went for each purpose.
    pub fn by_purpose(&self) -> impl Iterator<Item = (Purpose, Own)> {
        Purpose::ALL.into_iter().map(|purpose| (purpose, self.of(purpose)))
    }

    /// What went for all together, to the gateway too.
    pub fn total(&self) -> Bytes {
        self.by_purpose().map(|(_, own)| own).fold(read(&self.home), |mut sum, own| {
            sum += Bytes { rx: own.rx_bytes, tx: own.tx_bytes };
            sum
        })
    }

    /// The same less the headers of metered connections, of each its own kind: what an
    /// interface's bytes less its packets' headers are to be held against.
    pub fn stripped(&self) -> Bytes {
        let (total, headers) = (self.total(), read(&self.headers));
        Bytes { rx: total.rx.saturating_sub(headers.rx), tx: total.tx.saturating_sub(headers.tx) }
    }

    /// What headers the purpose's metered connections have had so far.
    pub fn framing(&self, purpose: Purpose) -> Framing {
        let [octets, segments] = &self.framing[index(purpose)];
        Framing {
            octets: octets.load(Ordering::Relaxed),
            segments: segments.load(Ordering::Relaxed),
        }
    }
}

fn add([rx, tx]: &[AtomicU64; 2], bytes: Bytes) {
    rx.fetch_add(bytes.rx, Ordering::Relaxed);
    tx.fetch_add(bytes.tx, Ordering::Relaxed);
}

fn read([rx, tx]: &[AtomicU64; 2]) -> Bytes {
    Bytes { rx: rx.load(Ordering::Relaxed), tx: tx.load(Ordering::Relaxed) }
}

fn index(purpose: Purpose) -> usize {
    match purpose {
        Purpose::Probes => 0,
        Purpose::Responsiveness => 1,
        Purpose::Capacity => 2,
        Purpose::Telemetry => 3,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicU32;

    use super::*;

    #[test]
    fn each_purpose_is_counted_apart() {
        let spending = Spending::default();
        for (i, purpose) in (1..).zip(Purpose::ALL) {
            spending.add(purpose, Bytes { rx: i, tx: 10 * i });
            spending.add(purpose, Bytes { rx: 0, tx: 1 });
        }
        assert_eq!(spending.of(Purpose::Capacity), Own { rx_bytes: 3, tx_bytes: 31 });
        spending.add_home(Bytes { rx: 5, tx: 6 });
        assert_eq!(spending.total(), Bytes { rx: 15, tx: 110 });
        assert_eq!(spending.by_purpose().map(|(_, own)| own.rx_bytes).sum::<u64>(), 10);
    }

    #[test]
    fn a_cost_may_turn_out_more_or_less() {
        let spending = Spending::default();
        let cost = |rx, tx, header, segments| Cost {
            bytes: Bytes { rx, tx },
            headers: Bytes { rx: header * segments, tx: header * segments },
            segments: Bytes { rx: segments, tx: segments },
        };
        let (before, now) = (cost(100, 2000, 66, 1), cost(170, 1500, 54, 2));
        spending.change(Purpose::Capacity, Cost::default(), before);
        assert_eq!(spending.framing(Purpose::Capacity).header_since(Framing::default()), Some(66));
        spending.change(Purpose::Capacity, before, now);
        assert_eq!(spending.of(Purpose::Capacity), Own { rx_bytes: 170, tx_bytes: 1500 });
        assert_eq!(spending.stripped(), Bytes { rx: 170 - 108, tx: 1500 - 108 });
        assert_eq!(spending.framing(Purpose::Capacity).header_since(Framing::default()), Some(54));
    }

    #[test]
    fn a_header_is_that_of_the_purposes_own_connections_since_then() {
        let spending = Spending::default();
        let cost = |header: u64, segments: u64| Cost {
            bytes: Bytes { rx: header * segments, tx: 0 },
            headers: Bytes { rx: header * segments, tx: 0 },
            segments: Bytes { rx: segments, tx: 0 },
        };
        // A test of before, by IPv6.
        spending.change(Purpose::Capacity, Cost::default(), cost(86, 1000));
        let before = spending.framing(Purpose::Capacity);
        assert_eq!(before.header_since(before), None);
        // Telemetry goes on beside the next one.
        spending.change(Purpose::Capacity, Cost::default(), cost(54, 10));
        spending.change(Purpose::Telemetry, Cost::default(), cost(86, 500));
        assert_eq!(spending.framing(Purpose::Capacity).header_since(before), Some(54));
    }

    #[test]
    fn connections_that_are_gone_are_forgotten_at_the_next() {
        let spending = Spending::default();
        for _ in 0..100 {
            let connection: Arc<dyn Metered> = Arc::new(Asked::default());
            spending.opened(Arc::downgrade(&connection));
            assert_eq!(spending.live().connections.len(), 1);
        }
    }

    #[derive(Debug, Default)]
    struct Asked(AtomicU32);

    impl Metered for Asked {
        fn settle(&self, _: &mut SockDiag) -> bool {
            self.0.fetch_add(1, Ordering::Relaxed) == 0
        }
    }

    #[test]
    fn each_open_connection_is_asked_about_until_it_is_gone() {
        let spending = Spending::default();
        let connections = [Arc::<Asked>::default(), Arc::default()];
        for connection in &connections {
            let weak: Weak<Asked> = Arc::downgrade(connection);
            spending.opened(weak);
        }
        spending.refresh();
        let [first, second] = connections;
        assert!(!spending.closing(&*first));
        drop(first);
        spending.refresh();
        assert_eq!(second.0.load(Ordering::Relaxed), 2);
        assert_eq!(spending.live().connections.len(), 1);
    }
}
