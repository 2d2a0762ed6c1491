//! The drop-tail queue and the server that drains it, at a rate or at a
//! trace's opportunities. Exact whenever it is asked: completions have
//! analytic times, however late the caller comes.

use std::collections::VecDeque;

use super::params::Capacity;
use super::trace::{Cursor, OPPORTUNITY_BYTES, Opportunities, RateSteps};
use super::{Nanos, SECOND};

/// One direction's queue and its server.
#[derive(Debug)]
pub struct Bottleneck<P> {
    waiting: VecDeque<(u64, P)>,
    queued_bytes: u64,
    limit_bytes: u64,
    server: Server,
}

#[derive(Debug)]
enum Server {
    Unlimited {
        now: Nanos,
    },
    Rate {
        steps: std::sync::Arc<RateSteps>,
        /// When these steps began.
        origin: Nanos,
        /// From when the head is served.
        from: Nanos,
        /// Bit-nanoseconds per second (bits × 10⁹) the head still needs at `from`.
        work_left: u128,
    },
    Opportunities {
        trace: std::sync::Arc<Opportunities>,
        origin: Nanos,
        /// The next opportunity not yet used or wasted.
        cursor: Cursor,
        /// Bytes the head still needs.
        bytes_left: u64,
        /// Bytes of the opportunity before `cursor` that are still free for
        /// packets queued behind the one it completed.
        spare: u64,
    },
}

impl Server {
    fn new(capacity: Capacity, now: Nanos) -> Self {
        match capacity {
            Capacity::Unlimited => Self::Unlimited { now },
            Capacity::Rate(steps) => Self::Rate { steps, origin: now, from: now, work_left: 0 },
            Capacity::Opportunities(trace) => Self::Opportunities {
                trace,
                origin: now,
                cursor: Cursor::default(),
                bytes_left: 0,
                spare: 0,
            },
        }
    }

    /// Starts serving a packet of `len` bytes; `idle` if nothing was served
    /// just before.
    fn start(&mut self, len: u64, now: Nanos, idle: bool) {
        match self {
            Self::Unlimited { now: at } => *at = now,
            Self::Rate { from, work_left, .. } => {
                *from = now;
                *work_left = work(len);
            }
            Self::Opportunities { trace, origin, cursor, bytes_left, spare } => {
                if idle {
                    *cursor = (*cursor).max(trace.first_from(now - *origin));
                    *spare = 0;
                }
                let taken = len.min(*spare);
                *spare -= taken;
                *bytes_left = len - taken;
            }
        }
    }

    /// When the head completes, none if never. `now` is when it was started.
    fn completion(&self) -> Option<Nanos> {
        match self {
            Self::Unlimited { now } => Some(*now),
            Self::Rate { steps, origin, from, work_left } => {
                finish(steps, *origin, *from, *work_left)
            }
            Self::Opportunities { trace, origin, cursor, bytes_left, .. } => {
                // Nothing left: the opportunity just used carried it too.
                let needed = bytes_left.div_ceil(OPPORTUNITY_BYTES);
                let mut at = *cursor;
                if needed == 0 {
                    return Some(origin + trace.time(trace.before(at)));
                }
                for _ in 1..needed {
                    at = trace.after(at);
                }
                Some(origin + trace.time(at))
            }
        }
    }

    /// Books the head's completion.
    fn complete(&mut self) {
        if let Self::Opportunities { trace, cursor, bytes_left, spare, .. } = self {
            while *bytes_left > 0 {
                let used = (*bytes_left).min(OPPORTUNITY_BYTES);
                *bytes_left -= used;
                *spare = OPPORTUNITY_BYTES - used;
                *cursor = trace.after(*cursor);
            }
        }
    }

    /// Bytes of the head not yet served at `now`.
    fn bytes_left(&self, now: Nanos) -> u64 {
        match self {
            Self::Unlimited { .. } => 0,
            Self::Rate { steps, origin, from, work_left } => {
                let left = work_left.saturating_sub(done(steps, *origin, *from, now));
                (left.div_ceil(u128::from(8 * SECOND))) as u64
            }
            Self::Opportunities { trace, origin, cursor, bytes_left, .. } => {
                let (mut at, mut left) = (*cursor, *bytes_left);
                while left > 0 && origin + trace.time(at) <= now {
                    left = left.saturating_sub(OPPORTUNITY_BYTES);
                    at = trace.after(at);
                }
                left
            }
        }
    }
}

fn work(bytes: u64) -> u128 {
    u128::from(bytes) * 8 * u128::from(SECOND)
}

/// When `work` is done if started at `from`.
fn finish(steps: &RateSteps, origin: Nanos, from: Nanos, mut work: u128) -> Option<Nanos> {
    if steps.stands_still() {
        return None;
    }
    let mut since = from - origin;
    loop {
        let (bps, end) = steps.at(since);
        let possible = u128::from(bps) * u128::from(end - since);
        if possible >= work {
            return Some(origin + since + work.div_ceil(u128::from(bps.max(1))) as Nanos);
        }
        work -= possible;
        since = end;
    }
}

/// How much work is done between two times.
fn done(steps: &RateSteps, origin: Nanos, from: Nanos, to: Nanos) -> u128 {
    let (mut since, to) = (from - origin, to.saturating_sub(origin));
    let mut sum = 0;
    while since < to {
        let (bps, end) = steps.at(since);
        let until = end.min(to);
        sum += u128::from(bps) * u128::from(until - since);
        since = until;
    }
    sum
}

impl<P> Bottleneck<P> {
    /// An empty queue of `limit_bytes`.
    pub fn new(capacity: Capacity, limit_bytes: u64, now: Nanos) -> Self {
        Self {
            waiting: VecDeque::new(),
            queued_bytes: 0,
            limit_bytes,
            server: Server::new(capacity, now),
        }
    }

    /// Bytes queued, the packet in service whole.
    pub fn queued_bytes(&self) -> u64 {
        self.queued_bytes
    }

    /// Queues a packet, or gives it back if it does not fit. Completions up to
    /// `now` must have been taken.
    pub fn push(&mut self, now: Nanos, len: u64, packet: P) -> Result<(), P> {
        if !self.waiting.is_empty() && self.queued_bytes + len > self.limit_bytes {
            return Err(packet);
        }
        if self.waiting.is_empty() {
            self.server.start(len, now, true);
        }
        self.queued_bytes += len;
        self.waiting.push_back((len, packet));
        Ok(())
    }

    /// When the next packet completes service, none if nothing will.
    pub fn next_completion(&self) -> Option<Nanos> {
        self.waiting.front().and_then(|_| self.server.completion())
    }

    /// Takes the next packet whose service is complete at `now`.
    pub fn pop(&mut self, now: Nanos) -> Option<(Nanos, P)> {
        let at = self.next_completion().filter(|at| *at <= now)?;
        let (len, packet) = self.waiting.pop_front()?;
        self.queued_bytes -= len;
        self.server.complete();
        if let Some((next, _)) = self.waiting.front() {
            self.server.start(*next, at, false);
        }
        Some((at, packet))
    }

    /// Changes the queue's limit; what is queued stays.
    pub fn set_limit(&mut self, limit_bytes: u64) {
        self.limit_bytes = limit_bytes;
    }

    /// Changes the capacity; the head keeps what it was already served.
    pub fn set_capacity(&mut self, capacity: Capacity, now: Nanos) {
        let left = self.server.bytes_left(now);
        self.server = Server::new(capacity, now);
        if !self.waiting.is_empty() {
            self.server.start(left, now, true);
        }
    }
}
