//! One direction of a link: loss gates, delay variation, bottleneck, fixed
//! delay, in this order, so that variation never lets packets out faster than
//! the bottleneck's rate.
//!
//! A state machine without clock or I/O. Packets go in with [`Shaper::enqueue`],
//! parameters change with [`Shaper::change`], and [`Shaper::poll`] says what
//! became of each packet, in order of time. Internal events have exact times,
//! so a late caller changes nothing but its own lateness.

use std::collections::VecDeque;

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use super::bottleneck::Bottleneck;
use super::gate::{BurstLoss, Gate, RandomLoss};
use super::params::{Change, DirectionParams};
use super::{DropCause, Nanos};

/// What became of a packet.
#[derive(Debug, PartialEq, Eq)]
pub struct Outcome<P> {
    /// When it left or was dropped.
    pub at: Nanos,
    /// The packet, as it was given.
    pub packet: P,
    /// Delivered, or why not.
    pub fate: Result<(), DropCause>,
}

/// One direction of a link.
#[derive(Debug)]
pub struct Shaper<P> {
    random_loss: RandomLoss,
    burst_loss: BurstLoss,
    delay: Nanos,
    variation: Nanos,
    reorder: bool,
    variation_rng: SmallRng,
    out: bool,
    /// Up to here everything has happened.
    clock: Nanos,
    /// Held back by the variation: (eligible at, length, packet), sorted.
    varied: VecDeque<(Nanos, u64, P)>,
    bottleneck: Bottleneck<P>,
    /// Past the bottleneck: (leaves at, packet), sorted.
    flying: VecDeque<(Nanos, P)>,
    decided: VecDeque<Outcome<P>>,
}

impl<P> Shaper<P> {
    /// An empty link direction; the same seed gives the same draws.
    pub fn new(params: DirectionParams, seed: u64, now: Nanos) -> Self {
        let mut seeds = SmallRng::seed_from_u64(seed);
        Self {
            random_loss: RandomLoss::new(params.loss, seeds.random()),
            burst_loss: BurstLoss::new(params.burst, seeds.random()),
            delay: params.delay,
            variation: params.variation,
            reorder: params.reorder,
            variation_rng: SmallRng::seed_from_u64(seeds.random()),
            out: false,
            clock: now,
            varied: VecDeque::new(),
            bottleneck: Bottleneck::new(params.capacity, params.queue_bytes, now),
            flying: VecDeque::new(),
            decided: VecDeque::new(),
        }
    }

    /// Takes a packet of `len` bytes in. A `now` before the last one counts as
    /// the last one.
    pub fn enqueue(&mut self, now: Nanos, len: u64, packet: P) {
        let now = self.advance(now);
        // Every gate draws for every packet, so that one's refusal does not
        // shift the other's stream.
        let gates: [&mut dyn Gate; 2] = [&mut self.random_loss, &mut self.burst_loss];
        let mut admitted = if self.out { Err(DropCause::Outage) } else { Ok(()) };
        for gate in gates {
            admitted = admitted.and(gate.admit());
        }
        let draw: f64 = self.variation_rng.random();
        if let Err(cause) = admitted {
            self.decided.push_back(Outcome { at: now, packet, fate: Err(cause) });
            return;
        }
        let mut eligible = now + (draw * 2.0 * self.variation as f64) as Nanos;
        let mut place = self.varied.len();
        if self.reorder {
            place = self.varied.partition_point(|(at, ..)| *at <= eligible);
        } else if let Some((last, ..)) = self.varied.back() {
            eligible = eligible.max(*last);
        }
        self.varied.insert(place, (eligible, len, packet));
        self.advance(now);
    }

    /// Sets one parameter anew, after everything that happened before `at`.
    pub fn change(&mut self, at: Nanos, change: Change) {
        let at = self.advance(at);
        match change {
            Change::Capacity(capacity) => self.bottleneck.set_capacity(capacity, at),
            Change::QueueBytes(limit) => self.bottleneck.set_limit(limit),
            Change::Delay { delay, variation } => {
                self.delay = delay;
                self.variation = variation;
            }
            Change::Loss(ratio) => self.random_loss.ratio = ratio,
            Change::Burst(model) => self.burst_loss.model = model,
            Change::Outage(out) => self.out = out,
        }
    }

    /// The next packet that has left or was dropped by `now`.
    pub fn poll(&mut self, now: Nanos) -> Option<Outcome<P>> {
        self.advance(now);
        self.decided.pop_front()
    }

    /// When [`Shaper::poll`] may next have something, none if nothing is inside
    /// or nothing will ever leave. Never later than the truth.
    pub fn next_at(&self) -> Option<Nanos> {
        if let Some(decided) = self.decided.front() {
            return Some(decided.at);
        }
        if let Some((at, _)) = self.flying.front() {
            return Some(*at);
        }
        let served = self.bottleneck.next_completion().map(|at| at + self.fixed_delay());
        let varied = self.varied.front().map(|(at, ..)| *at);
        [served, varied].into_iter().flatten().min()
    }

    /// Bytes waiting at the bottleneck, the packet in service whole.
    pub fn queued_bytes(&self) -> u64 {
        self.bottleneck.queued_bytes()
    }

    fn fixed_delay(&self) -> Nanos {
        self.delay.saturating_sub(self.variation)
    }

    /// Carries out every internal event up to `now`, in order of time.
    fn advance(&mut self, now: Nanos) -> Nanos {
        let now = now.max(self.clock);
        self.clock = now;
        loop {
            let eligible = self.varied.front().map(|(at, ..)| *at).filter(|at| *at <= now);
            let served = self.bottleneck.next_completion().filter(|at| *at <= now);
            // A completion goes first: it makes room for a packet that
            // becomes eligible at the same instant.
            if let (Some(at), true) =
                (served, served.is_some_and(|s| eligible.is_none_or(|e| s <= e)))
            {
                let Some((_, packet)) = self.bottleneck.pop(at) else { break };
                let mut leaves = at + self.fixed_delay();
                if let (Some((last, _)), false) = (self.flying.back(), self.reorder) {
                    leaves = leaves.max(*last);
                }
                let place = self.flying.partition_point(|(at, _)| *at <= leaves);
                self.flying.insert(place, (leaves, packet));
            } else if let (Some(at), Some((_, len, packet))) =
                (eligible, eligible.and_then(|_| self.varied.pop_front()))
            {
                if let Err(packet) = self.bottleneck.push(at, len, packet) {
                    let fate = Err(DropCause::QueueFull);
                    self.decided.push_back(Outcome { at, packet, fate });
                }
            } else {
                break;
            }
        }
        while self.flying.front().is_some_and(|(at, _)| *at <= now) {
            let Some((at, packet)) = self.flying.pop_front() else { break };
            let fate = if self.out { Err(DropCause::Outage) } else { Ok(()) };
            self.decided.push_back(Outcome { at, packet, fate });
        }
        now
    }
}

#[cfg(test)]
#[path = "shaper_tests.rs"]
mod tests;
