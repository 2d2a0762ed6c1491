//! The links that there are, each by its seed.

use super::Random;
use super::link::{Bucket, Link};
use super::sender::{Manner, Transfer};

/// A kind of link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Kind {
    /// A constant rate and a long queue.
    Constant,
    /// Another rate each 100 ms, with outages, as LTE has them.
    FadingFast,
    /// Another rate each second, as 5G has them.
    FadingSlow,
    /// 0.3 to 3 % of loss.
    Lossy,
    /// A queue of 2 to 10 ms.
    ShortQueue,
    /// Others use 10 to 40 %, in turns.
    CrossTraffic,
    /// Faster until a bucket is empty, then shaped.
    Shaped,
    /// The same, then dropped.
    Policed,
    /// Frames of 2 to 20 ms.
    Framed,
    /// Fading, lossy and framed at once: not tuned for.
    Mixed,
    /// Losses in bursts: not tuned for.
    BurstyLoss,
    /// A rate that swings like a saw: not tuned for.
    Swinging,
    /// Silence for a while, then another rate: not tuned for.
    Handover,
    /// Others on a fading link with a short queue: not tuned for.
    Crowded,
}

pub(in super::super) const ALL: [Kind; 14] = [
    Kind::Constant,
    Kind::FadingFast,
    Kind::FadingSlow,
    Kind::Lossy,
    Kind::ShortQueue,
    Kind::CrossTraffic,
    Kind::Shaped,
    Kind::Policed,
    Kind::Framed,
    Kind::Mixed,
    Kind::BurstyLoss,
    Kind::Swinging,
    Kind::Handover,
    Kind::Crowded,
];

impl Kind {
    /// A link of the kind, and a transfer over it.
    pub(in super::super) fn draw(self, random: &mut Random) -> (Link, Transfer) {
        let bps = random.scale(0.5e6, 100e6);
        let rtt = random.scale(0.01, 0.12);
        let mut link = Link {
            rates: vec![bps],
            step: 0.1,
            rtt,
            queue: (bps / 8.0 * random.scale(0.08, 0.5)).max(45_000.0),
            loss: 0.0,
            burst: 1.0,
            cross: 0.0,
            bucket: None,
            tick: 0.0,
            late: random.scale(0.000_03, 0.000_25),
        };
        match self {
            Self::Constant => {}
            Self::FadingFast => link.rates = faded(random, bps, 0.15, 0.97, 0.01),
            Self::FadingSlow => {
                link.step = 1.0;
                link.rates = faded(random, bps, 0.5, 0.7, 0.0);
            }
            Self::Lossy => link.loss = random.scale(0.003, 0.03),
            Self::ShortQueue => {
                link.queue = (bps / 8.0 * random.within(0.002, 0.01)).max(15_000.0);
            }
            Self::CrossTraffic => link.cross = random.within(0.1, 0.4),
            Self::Shaped | Self::Policed => {
                link.bucket = Some(Bucket {
                    depth: random.scale(30_000.0, 600_000.0),
                    peak_bps: bps * random.within(2.0, 8.0),
                    polices: self == Self::Policed,
                });
            }
            Self::Framed => link.tick = random.scale(0.002, 0.02),
            Self::Mixed => {
                link.rates = faded(random, bps, 0.15, 0.95, 0.005);
                link.loss = random.scale(0.001, 0.01);
                link.tick = random.scale(0.001, 0.01);
            }
            Self::BurstyLoss => {
                link.loss = random.scale(0.002, 0.02);
                link.burst = random.within(2.0, 6.0);
            }
            Self::Swinging => {
                let (steps, low) = (random.within(3.0, 20.0), random.within(0.2, 0.7));
                let swing = |n: u32| bps * (low + (1.0 - low) * (f64::from(n) / steps).fract());
                link.rates = (0..200).map(swing).collect();
            }
            Self::Handover => {
                link.step = 0.05;
                let (before, out) = (random.within(2.0, 30.0) as usize, random.within(1.0, 6.0));
                link.rates = vec![bps; before];
                link.rates.extend(vec![0.0; out as usize]);
                link.rates.push(bps * random.scale(0.2, 5.0));
            }
            Self::Crowded => {
                link.step = 1.0;
                link.rates = faded(random, bps, 0.5, 0.7, 0.0);
                link.queue = (bps / 8.0 * random.within(0.01, 0.04)).max(20_000.0);
                link.cross = random.within(0.1, 0.3);
            }
        }
        let is_upload = random.unit() < 0.4;
        let manner = match random.unit() {
            u if u < 0.35 => Manner::Window,
            u if u < 0.65 => Manner::Careful,
            _ => Manner::Paced,
        };
        let octets = if is_upload { 622_592 } else { 800_000 };
        (link, Transfer { manner, octets, is_upload, seconds: 8.0 })
    }
}

/// Rates whose logarithms wander, a tenth of a second or a second each.
fn faded(random: &mut Random, bps: f64, fast: f64, keep: f64, outage: f64) -> Vec<f64> {
    let spread = random.within(0.3, 0.8);
    let (mut slow, mut out) = (random.normal(), 0_u32);
    let mut rate = || {
        slow = keep * slow + (1.0 - keep * keep).sqrt() * random.normal();
        if out == 0 && random.unit() < outage {
            out = random.within(2.0, 8.0) as u32;
        }
        let z = (1.0 - fast).sqrt() * slow + fast.sqrt() * random.normal();
        let is_out = out > 0;
        out = out.saturating_sub(1);
        if is_out { 0.0 } else { bps * (spread * z).exp() }
    };
    (0..200).map(|_| rate()).collect()
}
