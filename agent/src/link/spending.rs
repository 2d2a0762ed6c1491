//! What the agent itself uses of a link, counted where it is used and read where
//! it is judged: taken off the household's use, and held against the budget.

use std::sync::atomic::{AtomicU64, Ordering};

use hearth_proto::{Own, Purpose};

use super::counters::Bytes;

/// One link's spending since the agent started, by purpose: bytes as the
/// interface counts them, headers included. Shared by all that send by the link.
#[derive(Debug, Default)]
pub struct Spending {
    by_purpose: [[AtomicU64; 2]; Purpose::ALL.len()],
    home: [AtomicU64; 2],
}

impl Spending {
    /// Something was sent, received, or both.
    pub fn add(&self, purpose: Purpose, bytes: Bytes) {
        let [rx, tx] = &self.by_purpose[index(purpose)];
        rx.fetch_add(bytes.rx, Ordering::Relaxed);
        tx.fetch_add(bytes.tx, Ordering::Relaxed);
    }

    /// What was counted too much: it was queued, and never left.
    pub fn take_back(&self, purpose: Purpose, bytes: Bytes) {
        for (counter, n) in self.by_purpose[index(purpose)].iter().zip([bytes.rx, bytes.tx]) {
            let less = |counted: u64| Some(counted.saturating_sub(n));
            let _ = counter.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
        }
    }

    /// What went for one purpose.
    pub fn of(&self, purpose: Purpose) -> Own {
        let [rx, tx] = &self.by_purpose[index(purpose)];
        Own { rx_bytes: rx.load(Ordering::Relaxed), tx_bytes: tx.load(Ordering::Relaxed) }
    }

    /// Something went to the gateway or came from it: it costs nothing, but the
    /// interface counts it.
    pub fn add_home(&self, bytes: Bytes) {
        let [rx, tx] = &self.home;
        rx.fetch_add(bytes.rx, Ordering::Relaxed);
        tx.fetch_add(bytes.tx, Ordering::Relaxed);
    }

    /// What went for each purpose.
    pub fn by_purpose(&self) -> impl Iterator<Item = (Purpose, Own)> {
        Purpose::ALL.into_iter().map(|purpose| (purpose, self.of(purpose)))
    }

    /// What went for all together, to the gateway too.
    pub fn total(&self) -> Bytes {
        let [rx, tx] = &self.home;
        let home = Bytes { rx: rx.load(Ordering::Relaxed), tx: tx.load(Ordering::Relaxed) };
        self.by_purpose().map(|(_, own)| own).fold(home, |mut sum, own| {
            sum += Bytes { rx: own.rx_bytes, tx: own.tx_bytes };
            sum
        })
    }
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
        spending.take_back(Purpose::Capacity, Bytes { rx: 1, tx: 50 });
        assert_eq!(spending.of(Purpose::Capacity), Own { rx_bytes: 2, tx_bytes: 0 });
    }
}
