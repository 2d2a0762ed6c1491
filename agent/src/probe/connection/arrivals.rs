//! Octets that have come by the link and that the kernel does not count yet: those that
//! wait behind a gap, and those under way when a connection is broken off. Pure.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::link::sock_diag::TcpCounts;

/// The rate of arrivals is taken over this long.
const RATE_OVER: Duration = Duration::from_millis(200);

/// One connection's.
#[derive(Debug, Default)]
pub(super) struct Arrivals {
    last: TcpCounts,
    /// Octets behind a gap, about.
    waiting: u64,
    /// When how many octets had come.
    marks: VecDeque<(Instant, u64)>,
}

impl Arrivals {
    /// Takes what the kernel says at `now`: the octets that wait behind a gap, of which
    /// it tells only how many segments came.
    pub(super) fn take(&mut self, told: TcpCounts, now: Instant) -> u64 {
        let before = std::mem::replace(&mut self.last, told);
        let rise = |now: u64, before: u64| now.saturating_sub(before);
        let came = rise(told.data_segments, before.data_segments);
        if rise(told.out_of_order, before.out_of_order) > 0 {
            let octets = came * told.payload.rx / told.data_segments.max(1);
            let in_order = rise(told.payload.rx, before.payload.rx);
            self.waiting = (self.waiting + octets).saturating_sub(in_order);
        } else if came > 0 {
            // What came was in order: there is no gap.
            self.waiting = 0;
        }
        while self.marks.len() > 1
            && self
                .marks
                .get(1)
                .is_some_and(|(at, _)| now.saturating_duration_since(*at) >= RATE_OVER)
        {
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
        let (mut arrivals, now) = (Arrivals::default(), clock::now());
        assert_eq!(arrivals.take(told(100_000, 100, 0), now), 0);
        // Fifty of eighty segments came behind a gap.
        let waiting = arrivals.take(told(130_000, 180, 50), now);
        assert!((25_000..=50_000).contains(&waiting), "{waiting}");
        // The missing one came with others: nothing is out of order any more.
        assert_eq!(arrivals.take(told(190_000, 190, 50), now), 0);
        // Nothing came at all: nothing is known to have changed.
        assert_eq!(arrivals.take(told(190_000, 190, 50), now), 0);
    }

    #[test]
    fn what_is_under_way_is_a_round_trip_at_the_last_rate() {
        let (mut arrivals, began) = (Arrivals::default(), clock::now());
        assert_eq!(arrivals.within(1_000), 0);
        // A start at twice the rate is forgotten.
        for tenth in 0..20_u64 {
            let octets = if tenth < 10 { 200_000 * tenth } else { 1_000_000 + 100_000 * tenth };
            arrivals.take(
                told(octets, octets / 1_000, 0),
                began + Duration::from_millis(100 * tenth as u64),
            );
        }
        assert_eq!(arrivals.within(40_000), 40_000);
    }
}
