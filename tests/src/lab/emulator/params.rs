//! What one direction of a link can be told to do.

use std::sync::Arc;

use super::Nanos;
use super::trace::{Opportunities, RateSteps};

/// How fast a direction drains its queue.
#[derive(Clone, Debug)]
pub enum Capacity {
    /// No bottleneck: the queue never holds anything.
    Unlimited,
    /// A rate, constant or in steps.
    Rate(Arc<RateSteps>),
    /// Delivery opportunities of 1500 bytes, as Mahimahi replays them.
    Opportunities(Arc<Opportunities>),
}

impl Capacity {
    /// A constant rate in bit/s; zero stands still.
    pub fn constant(bps: u64) -> Self {
        Self::Rate(Arc::new(RateSteps::constant(bps)))
    }

    /// Mean over the trace's period in bit/s, none if unlimited.
    pub fn mean_bps(&self) -> Option<f64> {
        match self {
            Self::Unlimited => None,
            Self::Rate(steps) => Some(steps.mean_bps()),
            Self::Opportunities(trace) => Some(trace.mean_bps()),
        }
    }
}

/// The Gilbert-Elliott loss model, one step per packet.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GilbertElliott {
    /// Probability of going from the good to the bad state at a packet.
    pub to_bad: f64,
    /// Probability of going from the bad to the good state at a packet.
    pub to_good: f64,
    /// Loss probability in the good state.
    pub loss_good: f64,
    /// Loss probability in the bad state.
    pub loss_bad: f64,
}

impl GilbertElliott {
    /// Long-run loss ratio of the model.
    pub fn mean_loss(&self) -> f64 {
        let sum = self.to_bad + self.to_good;
        let bad = if sum > 0.0 { self.to_bad / sum } else { 0.0 };
        bad * self.loss_bad + (1.0 - bad) * self.loss_good
    }
}

/// One direction of a link.
#[derive(Clone, Debug)]
pub struct DirectionParams {
    /// How fast the queue drains.
    pub capacity: Capacity,
    /// Drop-tail limit in bytes, the packet in service included. A packet that
    /// finds the queue empty is always taken.
    pub queue_bytes: u64,
    /// Mean one-way delay, at least `variation`.
    pub delay: Nanos,
    /// Half width of the uniform variation around `delay`.
    pub variation: Nanos,
    /// Let the variation reorder packets.
    pub reorder: bool,
    /// Random loss ratio, 0 to 1.
    pub loss: f64,
    /// Bursty loss, none by default.
    pub burst: Option<GilbertElliott>,
}

impl Default for DirectionParams {
    /// A wire: no limit, no delay, no loss.
    fn default() -> Self {
        Self {
            capacity: Capacity::Unlimited,
            queue_bytes: u64::MAX,
            delay: 0,
            variation: 0,
            reorder: false,
            loss: 0.0,
            burst: None,
        }
    }
}

/// One parameter set anew at a scripted time.
#[derive(Clone, Debug)]
pub enum Change {
    /// Replace the capacity; queued packets are served at the new one.
    Capacity(Capacity),
    /// Replace the queue limit; what is queued stays.
    QueueBytes(u64),
    /// Replace delay and variation together, since one bounds the other.
    Delay {
        /// Mean one-way delay.
        delay: Nanos,
        /// Half width of its variation.
        variation: Nanos,
    },
    /// Replace the random loss ratio.
    Loss(f64),
    /// Replace the bursty loss.
    Burst(Option<GilbertElliott>),
    /// Begin or end an outage.
    Outage(bool),
}
