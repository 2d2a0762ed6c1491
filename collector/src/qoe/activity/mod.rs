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
//!
//! Read `needs` and `evidence` first, then the judging here.

mod evidence;
mod needs;

use serde::Serialize;

pub use evidence::{Evidence, Prepared, loss_lower_bound, supported};
use needs::Limits;
pub use needs::{Needs, Requirement};

/// The percentiles that every activity's requirement names.
pub const PERCENTILES: [&str; 3] = ["p50", "p95", "p99"];

/// The fewest samples that support each of [`PERCENTILES`].
pub const MIN_SAMPLES: [u32; 3] = [5, 20, 100];

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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
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

/// The six parts of a score, unknown ones at 100.
pub(crate) struct Parts {
    /// At each of [`PERCENTILES`].
    pub(crate) latency: [f64; 3],
    /// On the lower bound of the loss.
    pub(crate) loss: f64,
    /// Download throughput.
    pub(crate) down: f64,
    /// Upload throughput.
    pub(crate) up: f64,
}

fn part(value: f64, rop: f64, slope: f64) -> f64 {
    (100.0 - (value - rop) * slope).clamp(0.0, 100.0)
}

fn enough(measured: f64, needed: f64) -> f64 {
    if measured >= needed { 100.0 } else { 0.0 }
}

impl Parts {
    /// Of one activity over one slot.
    #[inline]
    pub(crate) fn of(r: &Requirement, e: &Prepared) -> Self {
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
mod tests;
