//! A bottleneck: its rate over time, its queue, what else flows through it.

use std::collections::VecDeque;

use super::Random;

/// Octets of a full packet on the link,
pub(in super::super) const PACKET: f64 = 1500.0;
/// and of its payload.
pub(in super::super) const SEGMENT: f64 = 1448.0;

/// A token bucket: while there are tokens the link is faster than its rate.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Bucket {
    /// Octets.
    pub(in super::super) depth: f64,
    /// Bit/s while there are tokens.
    pub(in super::super) peak_bps: f64,
    /// Whether packets without tokens are dropped rather than kept waiting.
    pub(in super::super) polices: bool,
}

/// A link, one way.
#[derive(Debug, Clone)]
pub(in super::super) struct Link {
    /// Bit/s, each for [`Self::step`] seconds; the last holds on.
    pub(in super::super) rates: Vec<f64>,
    pub(in super::super) step: f64,
    /// Of an empty queue, in seconds.
    pub(in super::super) rtt: f64,
    /// Octets.
    pub(in super::super) queue: f64,
    /// Share of the packets that is lost behind the queue, and how many on end.
    pub(in super::super) loss: f64,
    pub(in super::super) burst: f64,
    /// Share of the rate that others use, in turns.
    pub(in super::super) cross: f64,
    pub(in super::super) bucket: Option<Bucket>,
    /// What arrives is handed over at multiples of this: a radio's frames.
    pub(in super::super) tick: f64,
    /// Mean lateness of whoever reads.
    pub(in super::super) late: f64,
}

/// A link at work.
#[derive(Debug)]
pub(super) struct Bottleneck<'a> {
    link: &'a Link,
    random: Random,
    free: f64,
    waiting: VecDeque<f64>,
    next_cross: f64,
    /// When packets of others left.
    others: Vec<f64>,
    /// Tokens at instants, falling and rising between them.
    tokens: Vec<(f64, f64)>,
    bad: bool,
}

impl Link {
    pub(super) fn rate(&self, at: f64) -> f64 {
        let i = ((at / self.step).max(0.0) as usize).min(self.rates.len() - 1);
        self.rates[i].max(1.0)
    }

    /// Octets from one instant to another, whoever uses them.
    fn octets(&self, mut from: f64, until: f64) -> f64 {
        let mut sum = 0.0;
        while from < until {
            let edge = (((from / self.step + 1e-9).floor() + 1.0) * self.step).min(until);
            sum += self.rate(f64::midpoint(from, edge)) * (edge - from) / 8.0;
            from = edge;
        }
        sum
    }

    /// When the last of so many octets leaves.
    fn finish(&self, mut at: f64, mut octets: f64) -> f64 {
        loop {
            let edge = ((at / self.step + 1e-9).floor() + 1.0) * self.step;
            let rate = self.rate(f64::midpoint(at, edge)) / 8.0;
            if rate * (edge - at) >= octets {
                return at + octets / rate;
            }
            octets -= rate * (edge - at);
            at = edge;
        }
    }
}

impl<'a> Bottleneck<'a> {
    pub(super) fn new(link: &'a Link, random: Random) -> Self {
        let tokens = link.bucket.map(|bucket| (0.0, bucket.depth)).into_iter().collect();
        let waiting = VecDeque::new();
        let others = Vec::new();
        Self { link, random, free: 0.0, waiting, next_cross: 0.0, others, tokens, bad: false }
    }

    /// A packet arrives: when it leaves, if it does.
    pub(super) fn offer(&mut self, at: f64) -> Option<f64> {
        while self.link.cross > 0.0 && self.next_cross <= at {
            let now = self.next_cross;
            if let Some(left) = self.take(now) {
                self.others.push(left);
            }
            // 50 ms with twice the share, 50 ms without.
            let mean = PACKET * 8.0 / (2.0 * self.link.cross * self.link.rate(now));
            let next = now + self.random.exponential(mean);
            let turn = (next / 0.05).floor();
            self.next_cross =
                if (turn as u64).is_multiple_of(2) { next } else { (turn + 1.0) * 0.05 };
        }
        let left = self.take(at)?;
        // A chain of two states: as many are lost as said, so many on end.
        let Link { loss, burst, .. } = *self.link;
        let turn = if self.bad { 1.0 / burst } else { loss / burst / (1.0 - loss) };
        if self.random.unit() < turn {
            self.bad = !self.bad;
        }
        (!self.bad).then_some(left)
    }

    fn take(&mut self, at: f64) -> Option<f64> {
        while self.waiting.front().is_some_and(|left| *left <= at) {
            self.waiting.pop_front();
        }
        let full = (self.waiting.len() + 1) as f64 * PACKET > self.link.queue;
        if full && !self.waiting.is_empty() {
            return None;
        }
        let start = self.free.max(at);
        let left = match self.link.bucket {
            None => self.link.finish(start, PACKET),
            Some(bucket) if bucket.polices => {
                let tokens = self.tokens_at(at);
                if tokens < PACKET {
                    return None;
                }
                self.tokens.push((at, tokens - PACKET));
                start + PACKET * 8.0 / bucket.peak_bps
            }
            Some(bucket) => {
                let lacks = PACKET - self.tokens_at(start);
                let wait = (lacks * 8.0 / self.link.rate(start)).max(0.0);
                let left = start + wait.max(PACKET * 8.0 / bucket.peak_bps);
                let tokens = self.tokens_at(left) - PACKET;
                self.tokens.push((left, tokens.max(0.0)));
                left
            }
        };
        self.free = left;
        self.waiting.push_back(left);
        Some(left)
    }

    fn tokens_at(&self, at: f64) -> f64 {
        let Some(bucket) = self.link.bucket else { return 0.0 };
        let i = self.tokens.partition_point(|(when, _)| *when <= at);
        let (when, tokens) = self.tokens[i.saturating_sub(1)];
        (tokens + self.link.octets(when, at.max(when))).min(bucket.depth)
    }

    /// What the link could carry of one's payload from one instant to another, in
    /// bit/s.
    pub(super) fn carries(&self, from: f64, until: f64) -> f64 {
        let own = self.link.octets(from, until);
        let octets = match self.link.bucket {
            Some(bucket) => {
                (self.tokens_at(from) + own).min(bucket.peak_bps * (until - from) / 8.0)
            }
            None => own,
        };
        let others = self.others.iter().filter(|at| (from..until).contains(at)).count() as f64;
        (octets - others * PACKET) * SEGMENT / PACKET * 8.0 / (until - from)
    }
}
