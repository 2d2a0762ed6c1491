//! What an activity needs, with every division done beforehand.

use super::Prepared;
use crate::qoe::units::{Mbps, Millis, Ratio};

/// An activity's needs as the catalogue states them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Needs {
    /// Round trip for optimal performance, at each of [`PERCENTILES`].
    pub rop: [Millis; 3],
    /// Round trip at the point of unacceptable performance.
    pub cpup: [Millis; 3],
    /// Loss ratio for optimal performance.
    pub rop_loss: Ratio,
    /// Loss ratio at the point of unacceptable performance.
    pub cpup_loss: Ratio,
    /// Download throughput needed; 0 for none.
    pub down: Mbps,
    /// Upload throughput needed; 0 for none.
    pub up: Mbps,
    /// The score from which the activity is OK, over 0 and at most 100.
    pub ok_at: f64,
}

/// [`Needs`] with every division done beforehand.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Requirement {
    pub(super) rop: [f64; 3],
    pub(super) slope: [f64; 3],
    pub(super) rop_loss: f64,
    pub(super) slope_loss: f64,
    pub(super) down: f64,
    pub(super) up: f64,
    pub(super) ok: Limits,
}

/// The worst figures with which an activity is still OK. A part is under the
/// score that is OK exactly where its figure is beyond its limit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Limits {
    ms: [f64; 3],
    loss: f64,
    down: f64,
    up: f64,
}

impl Limits {
    /// With which everything is OK.
    pub(super) const NONE: Self =
        Self { ms: [f64::INFINITY; 3], loss: f64::INFINITY, down: 0.0, up: 0.0 };

    pub(super) fn strictest(a: Self, b: &Self) -> Self {
        Self {
            ms: [a.ms[0].min(b.ms[0]), a.ms[1].min(b.ms[1]), a.ms[2].min(b.ms[2])],
            loss: a.loss.min(b.loss),
            down: a.down.max(b.down),
            up: a.up.max(b.up),
        }
    }

    #[inline]
    #[expect(
        clippy::needless_bitwise_bool,
        reason = "six comparisons are cheaper than one branch guessed wrong"
    )]
    pub(super) fn broken(&self, e: &Prepared) -> bool {
        (e.latency_ms[0] > self.ms[0])
            | (e.latency_ms[1] > self.ms[1])
            | (e.latency_ms[2] > self.ms[2])
            | (e.loss_low > self.loss)
            | (e.down < self.down)
            | (e.up < self.up)
    }
}

impl Requirement {
    /// `None` unless ROP < CPUP throughout and `ok_at` is in range.
    pub fn new(needs: &Needs) -> Option<Self> {
        let scaled = |rop: f64, cpup: f64| (rop < cpup).then(|| 100.0 / (cpup - rop));
        let mut slope = [0.0; 3];
        for ((slope, rop), cpup) in slope.iter_mut().zip(needs.rop).zip(needs.cpup) {
            *slope = scaled(rop.get(), cpup.get())?;
        }
        let share = 1.0 - needs.ok_at / 100.0;
        let limit = |rop: f64, cpup: f64| rop + share * (cpup - rop);
        let mut ok = Limits {
            ms: [0.0; 3],
            loss: limit(needs.rop_loss.get(), needs.cpup_loss.get()),
            down: needs.down.get(),
            up: needs.up.get(),
        };
        for ((ok, rop), cpup) in ok.ms.iter_mut().zip(needs.rop).zip(needs.cpup) {
            *ok = limit(rop.get(), cpup.get());
        }
        (needs.ok_at > 0.0 && needs.ok_at <= 100.0).then_some(Self {
            rop: needs.rop.map(Millis::get),
            slope,
            rop_loss: needs.rop_loss.get(),
            slope_loss: scaled(needs.rop_loss.get(), needs.cpup_loss.get())?,
            down: needs.down.get(),
            up: needs.up.get(),
            ok,
        })
    }

    /// The worst figures with which it is still OK, throughput aside: ms at each
    /// of [`PERCENTILES`], and the loss ratio. Each is the greatest `f32` that is
    /// not over the limit, so that an `f32` figure is over one exactly where it is
    /// over the other.
    pub(crate) fn limits(&self) -> [f32; 4] {
        [self.ok.ms[0], self.ok.ms[1], self.ok.ms[2], self.ok.loss].map(|limit| {
            let near = limit as f32;
            if f64::from(near) > limit { near.next_down() } else { near }
        })
    }
}
