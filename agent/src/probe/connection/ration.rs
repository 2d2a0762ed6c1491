//! What the connections of a test may cost together, seen to while octets flow: a fast
//! link moves in a few milliseconds what would be far beyond a small allowance.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use hearth_proto::Purpose;
use tokio::sync::Notify;

use crate::link::spending::Spending;

/// Of what is left, so much may be moved until the kernel is asked again: what came and
/// was not read yet, it counts too.
const PART: u64 = 8;
/// The kernel is asked no more often than that.
const LEAST: u64 = 16 * 1024;
/// This part of the whole is kept back for what is under way when all is ended.
const KEPT_BACK: u64 = 64;

/// All was moved that may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("all bytes that were allowed are used")]
pub struct UsedUp;

/// An allowance that several connections share.
#[derive(Debug)]
pub struct Ration {
    spending: Arc<Spending>,
    purpose: Purpose,
    /// The account's sum at which all is used.
    end: u64,
    /// Octets until the kernel is asked again.
    unasked: AtomicU64,
    looks: Mutex<Looks>,
    used_up: AtomicBool,
    told: Notify,
}

/// What the last look found.
#[derive(Debug)]
struct Looks {
    spent: u64,
    /// Octets moved since.
    moved: u64,
    /// The most that the link carried between two looks beyond what was moved: it waits in
    /// the kernel, and as much may come again.
    beyond: u64,
}

impl Ration {
    /// So many bytes of the link from now on, as `spending` counts them for `purpose`.
    pub fn of(bytes: u64, spending: Arc<Spending>, purpose: Purpose) -> Arc<Self> {
        let before = spent(&spending, purpose);
        let end = before.saturating_add(bytes - bytes / KEPT_BACK);
        let looks = Mutex::new(Looks { spent: before, moved: 0, beyond: 0 });
        let unasked = AtomicU64::new((bytes / PART).max(LEAST));
        let (used_up, told) = (AtomicBool::new(false), Notify::new());
        Arc::new(Self { spending, purpose, end, unasked, looks, used_up, told })
    }

    /// Whether all is used.
    pub fn is_used_up(&self) -> bool {
        self.used_up.load(Ordering::Acquire)
    }

    /// Completes once all is used.
    pub async fn used_up(&self) {
        loop {
            let told = self.told.notified();
            if self.is_used_up() {
                return;
            }
            told.await;
        }
    }

    /// How many octets may be moved at once.
    pub(super) fn at_once(&self) -> Result<usize, UsedUp> {
        if self.is_used_up() {
            return Err(UsedUp);
        }
        Ok(self.unasked.load(Ordering::Relaxed).max(LEAST) as usize)
    }

    /// So many were.
    pub(super) fn moved(&self, octets: u64) {
        let mut looks = self.looks.lock().unwrap_or_else(PoisonError::into_inner);
        looks.moved += octets;
        let less = |unasked: u64| Some(unasked.saturating_sub(octets));
        let before = self.unasked.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
        if before.is_ok_and(|before| before > octets) {
            return;
        }
        self.spending.refresh();
        let now = spent(&self.spending, self.purpose);
        let beyond = now.saturating_sub(looks.spent).saturating_sub(looks.moved);
        *looks = Looks { spent: now, moved: 0, beyond: looks.beyond.max(beyond) };
        let left = self.end.saturating_sub(now).saturating_sub(looks.beyond);
        if left == 0 {
            self.used_up.store(true, Ordering::Release);
            self.told.notify_waiters();
        }
        self.unasked.store((left / PART).max(LEAST), Ordering::Relaxed);
    }
}

fn spent(spending: &Spending, purpose: Purpose) -> u64 {
    let own = spending.of(purpose);
    own.rx_bytes + own.tx_bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::counters::Bytes;

    #[tokio::test]
    async fn it_is_used_up_by_what_the_link_carried_and_not_by_what_was_read() {
        let spending = Arc::<Spending>::default();
        let purpose = Purpose::Responsiveness;
        spending.add(purpose, Bytes { rx: 5_000, tx: 0 });
        let ration = Ration::of(1_000_000, Arc::clone(&spending), purpose);
        assert_eq!(ration.at_once(), Ok(125_000));
        ration.moved(100_000);
        assert_eq!(ration.at_once(), Ok(25_000));
        // Much more came than was read.
        spending.add(purpose, Bytes { rx: 800_000, tx: 0 });
        ration.moved(25_000);
        // As much may come again: it would be too much.
        assert_eq!(ration.at_once(), Err(UsedUp));
        ration.used_up().await;
    }

    #[test]
    fn where_all_is_read_as_it_comes_nearly_all_may_be_used() {
        let spending = Arc::<Spending>::default();
        let purpose = Purpose::Responsiveness;
        let ration = Ration::of(1_000_000, Arc::clone(&spending), purpose);
        let mut moved = 0;
        while let Ok(most) = ration.at_once() {
            let octets = most.min(10_000) as u64;
            spending.add(purpose, Bytes { rx: octets, tx: 0 });
            ration.moved(octets);
            moved += octets;
        }
        assert!((980_000..=1_000_000).contains(&moved), "{moved}");
    }
}
