//! One activity judged over one slot: the ledger's inner loop, so plain
//! arithmetic on flat structs, without branches that depend on each other and
//! without allocation. [`state`] gives the verdict alone by comparing with limits
//! worked out beforehand; [`judge_prepared`] gives the same verdict explained, and
//! [`RequirementSet::states`] those of all activities at once.
//!
//! Two scores come of it. `qoo` is the draft's: its loss part is on the mean loss
//! ratio. `evidence_score` replaces that ratio by the lower one-sided 95 % Wilson
//! bound of the true loss, and **the state follows it**. That is Hearth's
//! convention beside the draft: in a slot of few probes the mean is coarse (one
//! lost of ten is 10 %), and a slot is called degraded only where the evidence
//! says so. The two meet as probes get many.
//!
//! Because a score is its worst part, one part that is bad condemns the slot
//! even where others are unknown; calling it OK needs latency and loss both.
//! Throughput is seldom known for a slot: unknown, it takes nothing off a score,
//! but it lowers the confidence.

use super::units::{Mbps, Millis, Ratio};

/// The percentiles that every activity's requirement names.
pub const PERCENTILES: [&str; 3] = ["p50", "p95", "p99"];

/// The fewest samples that support each of [`PERCENTILES`].
pub const MIN_SAMPLES: [u32; 3] = [5, 20, 100];

/// One-sided 95 % of the normal distribution.
const Z: f64 = 1.644_853_626_951_472_2;

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
    rop: [f64; 3],
    slope: [f64; 3],
    rop_loss: f64,
    slope_loss: f64,
    down: f64,
    up: f64,
    ok: Limits,
}

/// The worst figures with which an activity is still OK. A part is under the
/// score that is OK exactly where its figure is beyond its limit.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Limits {
    ms: [f64; 3],
    loss: f64,
    down: f64,
    up: f64,
}

impl Limits {
    /// With which everything is OK.
    const NONE: Self = Self { ms: [f64::INFINITY; 3], loss: f64::INFINITY, down: 0.0, up: 0.0 };

    fn strictest(a: Self, b: &Self) -> Self {
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
    fn broken(&self, e: &Prepared) -> bool {
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
}

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
    latency_ms: [f64; 3],
    loss_mean: f64,
    loss_low: f64,
    // Unknown is ∞.
    down: f64,
    up: f64,
    sent: bool,
    // Latency and loss are both known: enough to call an activity OK.
    whole: bool,
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
}

/// The ledger's view of a slot that has evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// The activity works.
    Ok,
    /// It does not.
    Degraded,
    /// Too little is known to say either.
    NotEnough,
}

/// What held a score down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Binding {
    /// Latency at p50.
    P50,
    /// Latency at p95.
    P95,
    /// Latency at p99.
    P99,
    /// Loss.
    Loss,
    /// Download throughput.
    ThroughputDown,
    /// Upload throughput.
    ThroughputUp,
}

/// How much of the requirement the evidence covers: p95, p99 and throughput.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Confidence {
    /// At most one of the three is known.
    Low,
    /// Two are.
    Medium,
    /// All are.
    High,
}

/// One activity over one slot. Scores run from 0 to 100.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Judgement {
    /// The draft's score, on the mean loss ratio; needs latency and loss.
    pub qoo: Option<f64>,
    /// The score that the state follows, on the lower bound of the loss.
    pub evidence_score: Option<f64>,
    /// The least over the percentiles known.
    pub latency: Option<f64>,
    /// Loss, on the mean ratio.
    pub loss: Option<f64>,
    /// 0 where a direction known is too slow, else 100; `None` if none is known.
    pub throughput: Option<f64>,
    /// What holds `evidence_score` down, or would; `None` at 100.
    pub binding: Option<Binding>,
    /// Both directions the activity needs were measured.
    pub throughput_known: bool,
    /// How much of the requirement the evidence covers.
    pub confidence: Confidence,
    /// The verdict.
    pub state: State,
}

/// The six parts, unknown ones at 100.
struct Parts {
    latency: [f64; 3],
    loss: f64,
    down: f64,
    up: f64,
}

fn part(value: f64, rop: f64, slope: f64) -> f64 {
    (100.0 - (value - rop) * slope).clamp(0.0, 100.0)
}

fn enough(measured: f64, needed: f64) -> f64 {
    if measured >= needed { 100.0 } else { 0.0 }
}

impl Parts {
    #[inline]
    fn of(r: &Requirement, e: &Prepared) -> Self {
        let latency = |i: usize| part(e.latency_ms[i], r.rop[i], r.slope[i]);
        Self {
            latency: [latency(0), latency(1), latency(2)],
            loss: part(e.loss_low, r.rop_loss, r.slope_loss),
            down: enough(e.down, r.down),
            up: enough(e.up, r.up),
        }
    }

    fn latency(&self) -> f64 {
        self.latency[0].min(self.latency[1]).min(self.latency[2])
    }

    fn score(&self) -> f64 {
        self.latency().min(self.loss).min(self.down.min(self.up))
    }
}

/// The state alone: what the ledger keeps of a slot.
#[inline]
pub fn state(requirement: &Requirement, evidence: &Prepared) -> State {
    match (requirement.ok.broken(evidence), evidence.whole) {
        (true, _) => State::Degraded,
        (false, true) => State::Ok,
        (false, false) => State::NotEnough,
    }
}

/// Several activities' requirements, to be judged over the same slots.
#[derive(Debug, Clone, PartialEq)]
pub struct RequirementSet {
    requirements: Vec<Requirement>,
    strictest: Limits,
}

impl RequirementSet {
    /// In the order in which [`Self::states`] answers.
    pub fn new(requirements: Vec<Requirement>) -> Self {
        let strictest =
            requirements.iter().fold(Limits::NONE, |limits, r| Limits::strictest(limits, &r.ok));
        Self { requirements, strictest }
    }

    /// The requirements, in order.
    pub fn requirements(&self) -> &[Requirement] {
        &self.requirements
    }

    /// Each activity's [`state`], in order; what has no room in `states` is left out.
    #[inline]
    pub fn states(&self, evidence: &Prepared, states: &mut [State]) {
        // Most slots are good for everything, and one look tells.
        if !self.strictest.broken(evidence) {
            states.fill(if evidence.whole { State::Ok } else { State::NotEnough });
            return;
        }
        for (state_of, requirement) in states.iter_mut().zip(&self.requirements) {
            *state_of = state(requirement, evidence);
        }
    }
}

/// The state with all that explains it.
#[inline]
pub fn judge_prepared(r: &Requirement, e: &Prepared) -> Judgement {
    let parts = Parts::of(r, e);
    let latency = parts.latency();
    let score = parts.score();
    let throughput = parts.down.min(parts.up);
    let loss = part(e.loss_mean, r.rop_loss, r.slope_loss);
    let [p50, p95, p99] = e.latency_ms.map(f64::is_finite);
    let (down_known, up_known) = (e.down.is_finite(), e.up.is_finite());
    let throughput_known = (down_known || r.down <= 0.0) && (up_known || r.up <= 0.0);
    let binding = [
        (parts.latency[0], Binding::P50),
        (parts.latency[1], Binding::P95),
        (parts.latency[2], Binding::P99),
        (parts.loss, Binding::Loss),
        (parts.down, Binding::ThroughputDown),
        (parts.up, Binding::ThroughputUp),
    ]
    .into_iter()
    .find(|(part, _)| *part <= score && score < 100.0)
    .map(|(_, binding)| binding);
    let confidence = match u8::from(p95) + u8::from(p99) + u8::from(throughput_known) {
        3 => Confidence::High,
        2 => Confidence::Medium,
        _ => Confidence::Low,
    };
    Judgement {
        qoo: e.whole.then(|| latency.min(loss).min(throughput)),
        evidence_score: e.whole.then_some(score),
        latency: (p50 || p95 || p99).then_some(latency),
        loss: e.sent.then_some(loss),
        throughput: (down_known || up_known).then_some(throughput),
        binding,
        throughput_known,
        confidence,
        state: state(r, e),
    }
}

/// [`judge_prepared`] for a single activity.
pub fn judge(requirement: &Requirement, evidence: &Evidence) -> Judgement {
    judge_prepared(requirement, &Prepared::from(evidence))
}

#[cfg(test)]
#[path = "activity_tests.rs"]
mod tests;
