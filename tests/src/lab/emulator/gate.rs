//! Loss at entry. Each gate has its own random stream, so changing one leaves
//! the others' draws as they were.

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use super::DropCause;
use super::params::GilbertElliott;

/// Something that may refuse a packet before it is queued.
pub trait Gate {
    /// Lets one packet through or says why not.
    fn admit(&mut self) -> Result<(), DropCause>;
}

/// Independent loss with one probability.
#[derive(Debug)]
pub struct RandomLoss {
    /// Loss ratio, 0 to 1.
    pub ratio: f64,
    rng: SmallRng,
}

impl RandomLoss {
    /// A gate that refuses `ratio` of the packets.
    pub fn new(ratio: f64, seed: u64) -> Self {
        Self { ratio, rng: SmallRng::seed_from_u64(seed) }
    }
}

impl Gate for RandomLoss {
    fn admit(&mut self) -> Result<(), DropCause> {
        // Drawn even at ratio 0, so that a scripted change does not shift the stream.
        let draw: f64 = self.rng.random();
        if draw < self.ratio { Err(DropCause::RandomLoss) } else { Ok(()) }
    }
}

/// Loss in bursts: a two-state chain that steps at each packet.
#[derive(Debug)]
pub struct BurstLoss {
    /// The chain; none lets everything through.
    pub model: Option<GilbertElliott>,
    bad: bool,
    rng: SmallRng,
}

impl BurstLoss {
    /// A gate that starts in the good state.
    pub fn new(model: Option<GilbertElliott>, seed: u64) -> Self {
        Self { model, bad: false, rng: SmallRng::seed_from_u64(seed) }
    }
}

impl Gate for BurstLoss {
    fn admit(&mut self) -> Result<(), DropCause> {
        let (step, loss): (f64, f64) = (self.rng.random(), self.rng.random());
        let Some(model) = self.model else {
            self.bad = false;
            return Ok(());
        };
        if step < if self.bad { model.to_good } else { model.to_bad } {
            self.bad = !self.bad;
        }
        if loss < if self.bad { model.loss_bad } else { model.loss_good } {
            Err(DropCause::BurstLoss)
        } else {
            Ok(())
        }
    }
}
