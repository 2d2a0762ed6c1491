//! Octets that have come by the link and that the kernel does not count yet: those that
//! wait behind a gap, and those under way when a connection is broken off. Pure.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::link::sock_diag::TcpCounts;

/// The rate of arrivals is taken over this long.
const RATE_OVER: Duration = Duration::from_millis(200);
/// Where all came in order for so long there is no gap.
const NO_GAP_AFTER: Duration = Duration::from_millis(100);
/// A mean of fewer segments than this says little.
const ENOUGH: u64 = 8;
/// Payload of a segment until that is known.
const USUAL: u64 = 1448;

/// One connection's.
#[derive(Debug, Default)]
pub(super) struct Arrivals {
    last: TcpCounts,
    /// Octets behind a gap, about.
    waiting: u64,
    /// Payload of a segment, in the mean.
    mean: Option<u64>,
    /// When a segment last came out of order.
    gap: Option<Instant>,
    /// When how many octets had come.
    marks: VecDeque<(Instant, u64)>,
}

impl Arrivals {
    /// Takes what the kernel says at `now`: the octets that wait behind a gap, of which
    /// it tells only how many segments came.
    pub(super) fn take(&mut self, told: TcpCounts, now: Instant) -> u64 {
        let before = std::mem::replace(&mut self.last, told);
        let came = told.data_segments.saturating_sub(before.data_segments);
        let in_order = told.payload.rx.saturating_sub(before.payload.rx);
        let is_gap = told.out_of_order > before.out_of_order;
        let waiting = (self.waiting + came * self.mean.unwrap_or(USUAL)).saturating_sub(in_order);
        if is_gap {
            self.gap = Some(now);
            self.waiting = waiting;
        } else {
            // What waited may have been delivered, but nothing was put there.
            self.waiting = waiting.min(self.waiting);
        }
        if self.gap.is_none_or(|gap| now.saturating_duration_since(gap) >= NO_GAP_AFTER) {
            if came > 0 {
                self.waiting = 0;
            }
            if came >= ENOUGH {
                self.mean = Some(in_order / came);
            }
        }
        let is_old = |(at, _): &(Instant, u64)| now.saturating_duration_since(*at) >= RATE_OVER;
        while self.marks.get(1).is_some_and(is_old) {
            self.marks.pop_front();
        }
        self.marks.push_back((now, told.payload.rx + self.waiting));
        self.waiting
    }

    /// The octets that come within so many µs, as fast as they came last.
    pub(super) fn within(&self, us: u64) -> u64 {
        let (Some((first, then)), Some((last, now))) = (self.marks.front(), self.marks.back())
        else {
            return 0;
        };
        let took = last.saturating_duration_since(*first).as_micros();
        if took == 0 {
            return 0;
        }
        let octets = u128::from(now.saturating_sub(*then)) * u128::from(us) / took;
        u64::try_from(octets).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;
    use crate::link::counters::Bytes;

    fn told(octets: u64, data_segments: u64, out_of_order: u64) -> TcpCounts {
        let payload = Bytes { rx: octets, tx: 0 };
        TcpCounts { payload, data_segments, out_of_order, ..TcpCounts::default() }
    }

    #[test]
    fn what_waits_behind_a_gap_is_counted_until_it_closes() {
        let (mut arrivals, began) = (Arrivals::default(), clock::now());
        let mut at = |ms, told| arrivals.take(told, began + Duration::from_millis(ms));
        assert_eq!(at(0, told(100_000, 100, 0)), 0);
        // Fifty of eighty segments came behind a gap.
        assert_eq!(at(10, told(130_000, 180, 50)), 50_000);
        // The first gap is filled, and a second one is there still.
        assert_eq!(at(20, told(150_000, 181, 50)), 31_000);
        assert_eq!(at(30, told(150_000, 191, 60)), 41_000);
        // So is the second.
        assert_eq!(at(40, told(192_000, 192, 60)), 0);
    }

    #[test]
    fn a_guess_that_was_too_high_is_forgotten() {
        let (mut arrivals, began) = (Arrivals::default(), clock::now());
        let mut at = |ms, told| arrivals.take(told, began + Duration::from_millis(ms));
        at(0, told(100_000, 100, 0));
        // Ten segments shorter than the usual, and one that was lost.
        assert_eq!(at(10, told(100_000, 110, 10)), 10_000);
        assert_eq!(at(20, told(106_000, 111, 10)), 5_000);
        assert_eq!(at(60, told(107_000, 112, 10)), 5_000);
        assert_eq!(at(120, told(108_000, 113, 10)), 0);
    }

    #[test]
    fn what_is_under_way_is_a_round_trip_at_the_last_rate() {
        let (mut arrivals, began) = (Arrivals::default(), clock::now());
        assert_eq!(arrivals.within(1_000), 0);
        // A start at twice the rate is forgotten.
        for tenth in 0..20_u64 {
            let octets = if tenth < 10 { 200_000 * tenth } else { 1_000_000 + 100_000 * tenth };
            arrivals
                .take(told(octets, octets / 1_000, 0), began + Duration::from_millis(100 * tenth));
        }
        assert_eq!(arrivals.within(40_000), 40_000);
    }
}
