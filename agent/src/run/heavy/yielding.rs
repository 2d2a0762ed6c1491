//! Whether the household uses the line: before a test, and while one runs. Pure:
//! readings of the interface's counters and of the agent's own bytes are passed in.
//!
//! The two never agree at an instant. A test counts what it reads from a socket after
//! the interface has counted it, and what it writes before; headers and
//! acknowledgements are estimates. So the household's bytes are not what is over in
//! one reading, but what stays over (a cumulative sum, after Page, 1954): each
//! direction's excess, less what the estimates may be wrong by, and what the line
//! carried before the test. That sum has to pass what sockets and a busy machine may
//! hold back, at two readings on end.

use std::time::Duration;

use crate::link::counters::Bytes;

/// The line is idle where the household moves less in each direction.
pub(super) const IDLE_BPS: u64 = 500_000;
/// For so long.
pub(super) const IDLE_FOR: Duration = Duration::from_secs(5);

/// What the estimate of headers may be wrong by: a part of what the test moves in the
/// direction. A path with an MTU of 1,280 in place of 1,500 has 0.9 % more of them.
const WRONG_HEADERS: f64 = 0.01;
/// What the estimate of acknowledgements may be wrong by: a part of what the test moves
/// in the other direction. One for each two full segments is 2.2 % of them; receivers
/// that coalesce send fewer.
const WRONG_ACKS: f64 = 0.025;
/// What sockets, queues and a late reader hold back: this long at the test's rate,
const HELD_BACK: Duration = Duration::from_millis(30);
/// and at least so many bytes.
const HELD_LEAST: f64 = 32_000.0;
/// Chatter of a household that was quiet before: as much again as then, and this.
const CHATTER_BPS: f64 = 100_000.0;
/// What was written and has not left is waited for so long: half of it after this.
const OWED_HALF_LIFE: Duration = Duration::from_millis(400);

/// Watches a line that should be idle.
#[derive(Debug, Default)]
pub(super) struct Idle {
    last: Option<(Duration, Bytes, Bytes)>,
    since: Option<Duration>,
    /// The household's bytes since then.
    chatter: Bytes,
}

/// What a household moved in each direction, in bit/s.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Chatter {
    rx_bps: f64,
    tx_bps: f64,
}

impl Idle {
    /// A reading, once a second: monotonic time, what the interface counted, and the
    /// agent's own. Whether the line has been idle for long enough, and what it
    /// carried.
    pub(super) fn reading(&mut self, at: Duration, counted: Bytes, own: Bytes) -> Option<Chatter> {
        let Some((then, before, mine)) = self.last.replace((at, counted, own)) else {
            self.since = Some(at);
            return None;
        };
        let seconds = at.saturating_sub(then).as_secs_f64();
        let over = |now: u64, was: u64, own: u64, was_own: u64| {
            // Counters that began anew say nothing of this second.
            now.checked_sub(was).map(|rise| rise.saturating_sub(own.saturating_sub(was_own)))
        };
        let rx = over(counted.rx, before.rx, own.rx, mine.rx);
        let tx = over(counted.tx, before.tx, own.tx, mine.tx);
        let quiet = |bytes: Option<u64>| {
            bytes.filter(|bytes| *bytes as f64 * 8.0 <= IDLE_BPS as f64 * seconds)
        };
        let (Some(rx), Some(tx)) = (quiet(rx), quiet(tx)) else {
            (self.since, self.chatter) = (Some(at), Bytes::default());
            return None;
        };
        self.chatter += Bytes { rx, tx };
        let idle = at.saturating_sub(self.since?);
        (idle >= IDLE_FOR).then(|| Chatter {
            rx_bps: self.chatter.rx as f64 * 8.0 / idle.as_secs_f64(),
            tx_bps: self.chatter.tx as f64 * 8.0 / idle.as_secs_f64(),
        })
    }

    /// The interface could not be read.
    pub(super) fn unreadable(&mut self) {
        *self = Self::default();
    }
}

/// Watches a line while a test runs on it.
#[derive(Debug)]
pub(super) struct Guard {
    chatter: Chatter,
    last: Option<(Duration, Bytes, Bytes)>,
    /// The test's bytes a second, both directions: rising at once, falling within about
    /// half a second.
    pace: f64,
    rx: Excess,
    tx: Excess,
    over: u32,
}

/// One direction's.
#[derive(Debug, Default)]
struct Excess {
    sum: f64,
    /// Own bytes that the interface has not counted yet.
    owed: f64,
}

impl Excess {
    fn add(&mut self, counted: u64, own: u64, allowed: f64, seconds: f64) {
        let decay = 0.5_f64.powf(seconds / OWED_HALF_LIFE.as_secs_f64());
        let excess = counted as f64 - own as f64 - self.owed * decay;
        self.owed = (-excess).max(0.0);
        self.sum = (self.sum + excess.max(0.0) - allowed).max(0.0);
        // What was read late from a socket is made up for by what is read then.
        if excess < 0.0 {
            let made_up = self.sum.min(self.owed);
            self.sum -= made_up;
            self.owed -= made_up;
        }
    }
}

impl Guard {
    /// Over a line that carried `chatter` before.
    pub(super) fn new(chatter: Chatter) -> Self {
        let (rx, tx) = (Excess::default(), Excess::default());
        Self { chatter, last: None, pace: 0.0, rx, tx, over: 0 }
    }

    /// A reading, each tenth of a second: whether the household uses the line.
    pub(super) fn reading(&mut self, at: Duration, counted: Bytes, own: Bytes) -> bool {
        let Some((then, before, mine)) = self.last.replace((at, counted, own)) else {
            return false;
        };
        let seconds = at.saturating_sub(then).as_secs_f64();
        if seconds <= 0.0 {
            return false;
        }
        let (Some(rx), Some(tx)) =
            (counted.rx.checked_sub(before.rx), counted.tx.checked_sub(before.tx))
        else {
            // The counters began anew.
            (self.rx, self.tx, self.over) = (Excess::default(), Excess::default(), 0);
            return false;
        };
        let (own_rx, own_tx) = (own.rx.saturating_sub(mine.rx), own.tx.saturating_sub(mine.tx));
        let now = (own_rx + own_tx) as f64 / seconds;
        let weight = if now > self.pace { 1.0 } else { (seconds / 0.5).min(1.0) };
        self.pace += (now - self.pace) * weight;
        let allowed = |bps: f64, same: u64, other: u64| {
            (2.0 * bps + CHATTER_BPS) / 8.0 * seconds
                + WRONG_HEADERS * same as f64
                + WRONG_ACKS * other as f64
        };
        let allowed_rx = allowed(self.chatter.rx_bps, own_rx, own_tx);
        let allowed_tx = allowed(self.chatter.tx_bps, own_tx, own_rx);
        self.rx.add(rx, own_rx, allowed_rx, seconds);
        self.tx.add(tx, own_tx, allowed_tx, seconds);
        let bound = (self.pace * HELD_BACK.as_secs_f64()).max(HELD_LEAST);
        tracing::trace!(
            rx,
            own_rx,
            tx,
            own_tx,
            over_rx = self.rx.sum,
            over_tx = self.tx.sum,
            bound
        );
        let over = self.rx.sum > bound || self.tx.sum > bound;
        self.over = if over { self.over + 1 } else { 0 };
        self.over >= 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TENTH: Duration = Duration::from_millis(100);

    /// Readings of a test at `rate_bps` downwards whose reader is late by what `late`
    /// says, as bytes at the test's rate; the household joins at `joins`.
    fn run(
        rate_bps: f64,
        late_ms: &[u64],
        joins: Option<(usize, f64)>,
        wrong: f64,
    ) -> Option<usize> {
        let mut guard = Guard::new(Chatter { rx_bps: 100_000.0, tx_bps: 50_000.0 });
        let (mut counted, mut own) = (Bytes::default(), Bytes::default());
        let (mut arrived, mut acks) = (0.0, 0.0);
        let mut theirs = 0.0;
        for (i, late) in late_ms.iter().enumerate() {
            let household = match joins {
                Some((at, bps)) if i >= at => bps,
                _ => 100_000.0,
            };
            theirs += household / 80.0;
            let test =
                if household > 200_000.0 { (rate_bps - household).max(0.0) } else { rate_bps };
            arrived += test / 80.0;
            acks += test / 80.0 * 0.022;
            counted.rx = (arrived + theirs) as u64;
            counted.tx = (acks + theirs * 0.03) as u64;
            let held = test / 8000.0 * *late as f64;
            own.rx = own.rx.max((arrived - held) as u64);
            own.tx = (acks * wrong) as u64;
            if guard.reading(TENTH * i as u32, counted, own) {
                return Some(i);
            }
        }
        None
    }

    #[test]
    fn a_line_is_idle_after_a_while_without_use() {
        let mut idle = Idle::default();
        let mut carried = Bytes::default();
        let mut found = Vec::new();
        for second in 0..20_u64 {
            // A burst in the fourth second.
            carried.rx += if second == 4 { 1_000_000 } else { 10_000 };
            let at = Duration::from_secs(second);
            found.push(idle.reading(at, carried, Bytes { rx: 5_000 * second, tx: 0 }).is_some());
        }
        let first = found.iter().position(|idle| *idle);
        assert_eq!(first, Some(9), "{found:?}");
    }

    #[test]
    fn upload_buffers_that_fill_and_drain_are_not_the_households() {
        let mut guard = Guard::new(Chatter::default());
        let (mut written, mut left) = (0_u64, 0_u64);
        for i in 0..100_u32 {
            // 20 Mbit/s; half a second of it waits in sockets.
            written += if i == 0 { 1_250_000 } else { 250_000 };
            left += 250_000;
            let (counted, own) = (Bytes { rx: 0, tx: left }, Bytes { rx: 0, tx: written });
            assert!(!guard.reading(TENTH * i, counted, own), "at {i}");
        }
    }

    proptest! {
        #[test]
        fn a_household_that_takes_one_of_seventeen_shares_is_seen_within_a_second(
            rate in prop_oneof![Just(5e6), Just(1e7), Just(1e8), Just(3e8), Just(1e9)],
            share in 0.059_f64..1.0, late in prop::collection::vec(0_u64..8, 60),
            joins in 5_usize..40, wrong in 0.5_f64..1.1,
        ) {
            let seen = run(rate, &late, Some((joins, (rate * share).max(1e6))), wrong);
            let seen = seen.expect("never seen");
            prop_assert!((joins..=joins + 8).contains(&seen), "joined at {joins}, seen at {seen}");
        }

        #[test]
        fn nobody_is_seen_where_nobody_is(
            rate in 1e6_f64..1e9, late in prop::collection::vec(0_u64..25, 300), wrong in 0.2_f64..1.2,
        ) {
            prop_assert_eq!(run(rate, &late, None, wrong), None);
        }
    }
}
