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
//!
//! On a busy machine time passes between the reading of the one and of the other, and
//! what the test moves then is nobody else's: the interface is read before and after, and
//! only what is over by either counts. What a connection moves once it is broken off is
//! known to nobody: so much as that may be is its own.

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
/// What may come still by a connection that was broken off: half of it after this.
const DOUBT_HALF_LIFE: Duration = Duration::from_millis(200);

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
    last: Option<Look>,
    /// The test's bytes a second, both directions: rising at once, falling within about
    /// half a second.
    pace: f64,
    rx: Excess,
    tx: Excess,
    /// What sockets and a busy machine may hold back at that pace.
    bound: f64,
    over: u32,
}

/// What was read in one go: all bytes since some moment, the interface's before and after
/// the agent's own were asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look {
    /// Monotonic time.
    pub(super) at: Duration,
    pub(super) before: Bytes,
    pub(super) own: Bytes,
    /// What may be its own beyond that: of connections that were broken off.
    pub(super) doubted: Bytes,
    pub(super) after: Bytes,
}

/// One direction's.
#[derive(Debug, Default)]
struct Excess {
    /// What the line may have carried beside the test's bytes without any household.
    reference: f64,
    /// Own bytes that the interface has not counted yet.
    owed: f64,
    /// What may still turn out to be the test's own.
    doubt: f64,
    /// What was surely over at the last look.
    over: f64,
}

impl Excess {
    /// What was within the bound stays so as that falls with the test's pace.
    fn bounded(&mut self, before: f64, now: f64) {
        if now < before && (0.0..=before).contains(&self.over) {
            self.reference += self.over * (1.0 - now / before);
        }
    }

    /// Takes what the line carried beside the test's bytes, which is between `low` and
    /// `high`, and finds what is surely over.
    fn add(&mut self, [low, high]: [f64; 2], doubt: f64, allowed: f64, seconds: f64) {
        let left_after = |half: Duration| 0.5_f64.powf(seconds / half.as_secs_f64());
        self.doubt = self.doubt * left_after(DOUBT_HALF_LIFE) + doubt;
        self.reference -= self.owed * (1.0 - left_after(OWED_HALF_LIFE));
        if high > self.reference {
            let own = self.doubt.min(high - self.reference);
            self.doubt -= own;
            self.reference = (self.reference + own + allowed).min(high);
        }
        // What was read late from a socket is made up for by what is read then.
        self.owed = (self.reference - high).max(0.0);
        self.over = low - self.reference;
    }
}

impl Guard {
    /// Over a line that carried `chatter` before.
    pub(super) fn new(chatter: Chatter) -> Self {
        let (rx, tx) = (Excess::default(), Excess::default());
        Self { chatter, last: None, pace: 0.0, rx, tx, bound: HELD_LEAST, over: 0 }
    }

    /// A look, each tenth of a second: whether the household uses the line.
    pub(super) fn reading(&mut self, look: Look) -> bool {
        let beside = |of: fn(Bytes) -> u64| {
            [look.before, look.after].map(|counted| of(counted) as f64 - of(look.own) as f64)
        };
        let (beside_rx, beside_tx) = (beside(|bytes| bytes.rx), beside(|bytes| bytes.tx));
        let last = self.last.replace(look).filter(|last| {
            // Else the counters began anew.
            look.before.rx >= last.before.rx && look.before.tx >= last.before.tx
        });
        let Some(last) = last else {
            let from = |[_, reference]: [f64; 2]| Excess { reference, ..Excess::default() };
            (self.rx, self.tx, self.over) = (from(beside_rx), from(beside_tx), 0);
            return false;
        };
        let seconds = look.at.saturating_sub(last.at).as_secs_f64();
        if seconds <= 0.0 {
            return false;
        }
        let more = |now: Bytes, then: Bytes| {
            (now.rx.saturating_sub(then.rx), now.tx.saturating_sub(then.tx))
        };
        let (own_rx, own_tx) = more(look.own, last.own);
        let (doubt_rx, doubt_tx) = more(look.doubted, last.doubted);
        let now = (own_rx + own_tx) as f64 / seconds;
        let weight = if now > self.pace { 1.0 } else { (seconds / 0.5).min(1.0) };
        self.pace += (now - self.pace) * weight;
        let allowed = |bps: f64, same: u64, other: u64| {
            (2.0 * bps + CHATTER_BPS) / 8.0 * seconds
                + WRONG_HEADERS * same as f64
                + WRONG_ACKS * other as f64
        };
        let bound = (self.pace * HELD_BACK.as_secs_f64()).max(HELD_LEAST);
        let before = std::mem::replace(&mut self.bound, bound);
        for (direction, beside, doubt, bps, same, other) in [
            (&mut self.rx, beside_rx, doubt_rx, self.chatter.rx_bps, own_rx, own_tx),
            (&mut self.tx, beside_tx, doubt_tx, self.chatter.tx_bps, own_tx, own_rx),
        ] {
            direction.bounded(before, bound);
            direction.add(beside, doubt as f64, allowed(bps, same, other), seconds);
        }
        let (over_rx, over_tx) = (self.rx.over, self.tx.over);
        tracing::trace!(?look, own_rx, own_tx, over_rx, over_tx, bound);
        let over = over_rx > bound || over_tx > bound;
        self.over = if over { self.over + 1 } else { 0 };
        self.over >= 2
    }
}

#[cfg(test)]
mod tests;
