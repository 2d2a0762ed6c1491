//! What a slot shows about a link, made ready once for all activities.

use super::MIN_SAMPLES;

/// One-sided 95 % of the normal distribution.
const Z: f64 = 1.644_853_626_951_472_2;

/// What a slot shows about a link. `None` is 'not enough samples' or 'not measured'.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Evidence {
    /// Round trips in ms at each of [`PERCENTILES`]; see [`supported`].
    pub latency_ms: [Option<f64>; 3],
    /// Probes lost.
    pub lost: u32,
    /// Probes sent.
    pub sent: u32,
    /// Download throughput in Mbit/s.
    pub throughput_down_mbps: Option<f64>,
    /// Upload throughput in Mbit/s.
    pub throughput_up_mbps: Option<f64>,
}

/// Keeps the percentiles that this many samples support.
pub fn supported(samples: u32, latency_ms: [f64; 3]) -> [Option<f64>; 3] {
    let mut kept = [None; 3];
    for ((kept, min), ms) in kept.iter_mut().zip(MIN_SAMPLES).zip(latency_ms) {
        *kept = (samples >= min).then_some(ms);
    }
    kept
}

/// The lower one-sided 95 % Wilson bound of a loss ratio; 0 if nothing was sent.
pub fn loss_lower_bound(lost: u32, sent: u32) -> f64 {
    if sent == 0 || lost == 0 {
        return 0.0;
    }
    let n = f64::from(sent);
    let p = f64::from(lost.min(sent)) / n;
    let zz = Z * Z;
    let centre = p + zz / (2.0 * n);
    let margin = Z * (p * (1.0 - p) / n + zz / (4.0 * n * n)).sqrt();
    ((centre - margin) / (1.0 + zz / n)).clamp(0.0, p)
}

/// [`Evidence`] made ready once per slot, for all activities.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prepared {
    // Unknown is -∞ ms, so that it takes nothing off a score.
    pub(super) latency_ms: [f64; 3],
    pub(super) loss_mean: f64,
    pub(super) loss_low: f64,
    // Unknown is ∞.
    pub(super) down: f64,
    pub(super) up: f64,
    pub(super) sent: bool,
    // Latency and loss are both known: enough to call an activity OK.
    pub(super) whole: bool,
}

impl From<&Evidence> for Prepared {
    fn from(e: &Evidence) -> Self {
        let known =
            |v: Option<f64>, otherwise: f64| v.filter(|v| v.is_finite()).unwrap_or(otherwise);
        let loss_mean = f64::from(e.lost.min(e.sent)) / f64::from(e.sent.max(1));
        let latency_ms = e.latency_ms.map(|ms| known(ms, f64::NEG_INFINITY));
        let sent = e.sent > 0;
        Self {
            latency_ms,
            loss_mean,
            loss_low: loss_lower_bound(e.lost, e.sent),
            down: known(e.throughput_down_mbps, f64::INFINITY),
            up: known(e.throughput_up_mbps, f64::INFINITY),
            sent,
            whole: sent && latency_ms[0].is_finite(),
        }
    }
}

impl Prepared {
    /// From figures worked out before: round trips in ms at each of
    /// [`PERCENTILES`], −∞ where unknown, and [`loss_lower_bound`] of `lost` and
    /// `sent`. Throughput is unknown.
    pub(crate) fn read(latency_ms: [f64; 3], loss_low: f64, lost: u32, sent: u32) -> Self {
        Self {
            latency_ms,
            loss_mean: f64::from(lost.min(sent)) / f64::from(sent.max(1)),
            loss_low,
            down: f64::INFINITY,
            up: f64::INFINITY,
            sent: sent > 0,
            whole: sent > 0 && latency_ms[0].is_finite(),
        }
    }

    /// With the throughput down, or up, known to be missing.
    #[must_use]
    pub(crate) fn missing(self, [down, up]: [bool; 2]) -> Self {
        let speed = |missing, otherwise| if missing { 0.0 } else { otherwise };
        Self { down: speed(down, self.down), up: speed(up, self.up), ..self }
    }
}
