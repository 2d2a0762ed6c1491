//! What a connection costs at its end, and after an abort.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::{Meter, Sum, Way};
use crate::link::counters::Bytes;
use crate::link::sock_diag::TcpCounts;

/// A connection that is broken off may carry on for so long beyond its round trip: until
/// a busy machine has come to close it, and the far end to hear of it.
const LATE: Duration = Duration::from_millis(250);

impl Meter {
    /// From now on closing throws away what was not sent.
    pub fn will_abort(&self) {
        self.aborts.store(true, Ordering::Relaxed);
    }

    /// The far end has ended the connection, or it broke: nothing more comes by it.
    pub fn far_end_closed(&self) {
        self.far_end_closed.store(true, Ordering::Relaxed);
    }

    /// No more than so many octets can come still: the far end was not asked for more.
    pub fn expect_at_most(&self, octets: u64) {
        self.to_come.store(octets, Ordering::Relaxed);
    }

    /// Octets that would come still if it were aborted now, by estimate.
    pub fn under_way(&self) -> u64 {
        let sum = self.sum();
        sum.told.map_or(0, |told| self.tail(&sum, &told))
    }

    /// The far end sends on until it knows of an abort, half a round trip from now, and
    /// that takes as long to come. What came and was not read is no part of it.
    fn tail(&self, sum: &Sum, told: &TcpCounts) -> u64 {
        if self.far_end_closed.load(Ordering::Relaxed) {
            return 0;
        }
        let unread = told.payload.rx.saturating_sub(self.payload().rx);
        let tail = sum.arrivals.within(told.rtt_us).saturating_sub(unread);
        tail.min(self.to_come.load(Ordering::Relaxed))
    }

    /// What may pass beyond its `tail` if it is aborted now.
    fn doubt(&self, sum: &Sum, told: &TcpCounts, tail: u64) -> Bytes {
        let sent_once = told.payload.tx.saturating_sub(told.resent);
        let tx = self.payload().tx.saturating_sub(sent_once);
        if self.far_end_closed.load(Ordering::Relaxed) {
            return Bytes { rx: 0, tx };
        }
        let late = told.rtt_us.saturating_add(LATE.as_micros() as u64);
        let most = sum.arrivals.within(late).min(self.to_come.load(Ordering::Relaxed));
        Bytes { rx: most.saturating_sub(tail), tx }
    }

    /// This side is about to say that it is the end.
    pub fn closing(&self) {
        self.find_payer();
        let answered = self.payer.get().is_some_and(|payer| payer.spending.closing(self));
        let mut sum = self.sum();
        sum.closed = true;
        if let Some(told) = sum.told.take() {
            // What the kernel does not know any more was reset by the far end, which sends
            // nothing then.
            if answered && self.aborts.load(Ordering::Relaxed) {
                let tail = self.tail(&sum, &told);
                if let Some(payer) = self.payer.get() {
                    payer.spending.doubt(self.doubt(&sum, &told, tail));
                }
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
}
