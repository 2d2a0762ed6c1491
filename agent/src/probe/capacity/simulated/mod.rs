//! Transfers over simulated links, whose capacity is known at each instant: what
//! the estimate is held against. Pure, and repeatable by seed.
//!
//! [`link`] is a bottleneck with its queue, [`sender`] a transfer over it, packet
//! by packet, [`kinds`] the links that there are.

pub(super) mod kinds;
pub(super) mod link;
pub(super) mod sender;

/// The generator called `SplitMix64`.
#[derive(Debug, Clone)]
pub(super) struct Random(pub(super) u64);

impl Random {
    /// From 0 to 1.
    pub(super) fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    pub(super) fn within(&mut self, from: f64, to: f64) -> f64 {
        from + (to - from) * self.unit()
    }

    /// Evenly spread over the orders of magnitude.
    pub(super) fn scale(&mut self, from: f64, to: f64) -> f64 {
        self.within(from.ln(), to.ln()).exp()
    }

    pub(super) fn exponential(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.unit()).ln()
    }

    pub(super) fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }
}
