//! What an explanation says.

use hearth_proto::{DownCause, ProbeKind, UnixMs};
use serde::Serialize;

use crate::history::{Exclusion, Span};
use crate::ledger::state::{Limit, Proof, State};
use crate::ledger::throughput::Source;
use crate::qoe::activity::{Binding, Confidence};
use crate::report::names::{ActivityRef, LinkRef};

/// The rule that decided a cell, in the order in which they are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// UNKNOWN: nothing came from the home.
    NoRecord,
    /// UNKNOWN: over half of the slot could not be judged.
    MostlyUnjudged,
    /// DOWN: for over half of the time judged.
    MostlyDown,
    /// DEGRADED: down for over a tenth of it.
    PartlyDown,
    /// UNKNOWN: no probe beyond the home says anything.
    NoFarEvidence,
    /// UNKNOWN: one target alone was bad, and no other was asked often enough.
    OneTarget,
    /// DEGRADED: a figure is beyond what the activity bears.
    LimitBroken,
    /// DEGRADED: a test fell short of the throughput that it needs.
    ThroughputMissing,
    /// UNKNOWN: too few samples to call it OK.
    TooFewSamples,
    /// OK: every figure known is within what it bears.
    WithinLimits,
}

impl Rule {
    /// In plain words.
    pub fn words(self) -> &'static str {
        match self {
            Self::NoRecord => "nothing was reported from the home, so nothing is known",
            Self::MostlyUnjudged => {
                "the agent could not judge the link for more than half of the time"
            }
            Self::MostlyDown => "the link was down for more than half of the time judged",
            Self::PartlyDown => "the link was down for more than a tenth of the time judged",
            Self::NoFarEvidence => "no probe beyond the home was answered or lost",
            Self::OneTarget => {
                "one target alone was bad, which is its own fault, and no other was asked often \
                 enough to say more"
            }
            Self::LimitBroken => "the line did not meet what the activity needs",
            Self::ThroughputMissing => "a speed test fell short of what the activity needs",
            Self::TooFewSamples => "too few probes were answered to call it working",
            Self::WithinLimits => "every figure known is within what the activity needs",
        }
    }
}

/// What was found of the link as such.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Connection {
    /// The slot's length in milliseconds.
    pub length_ms: u32,
    /// Milliseconds that the agent could judge.
    pub judged_ms: u32,
    /// Of them, milliseconds down.
    pub down_ms: u32,
    /// Why it was down.
    pub down_cause: Option<DownCause>,
    /// Records that tell of the slot; several after a restart.
    pub records: usize,
}

/// One of the series that could have spoken for the link.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Choice {
    /// The kind of probe.
    pub probe: ProbeKind,
    /// Its target; empty for the reflector.
    pub target: String,
    /// The IP version.
    pub family: hearth_proto::Family,
    /// Answered, with times that are the path's.
    pub answered: u32,
    /// Lost while the link was not judged down.
    pub lost: u32,
    /// Answered or lost.
    pub tried: u32,
    /// Whether it speaks.
    pub chosen: bool,
    /// Why, or why not, in plain words.
    pub why: String,
}

/// A target whose word was set aside, and why.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SetAside {
    /// Which probe to which target.
    pub target: String,
    /// Its probes that were lost, or answered far later than it usually does, over up
    /// to a quarter of an hour.
    pub bad: u32,
    /// Answered or lost.
    pub tried: u32,
    /// What did well in the same slots.
    pub beside: String,
    /// Of it, lost or late.
    pub beside_bad: u32,
    /// Of it, answered or lost.
    pub beside_tried: u32,
    /// Whether one that did well speaks in its place.
    pub replaced: bool,
}

impl SetAside {
    /// In plain words.
    pub fn words(&self) -> String {
        format!(
            "set aside: {} of its {} probes were lost or late in the slots up to this one in \
             which it was bad, where of {} {} of {} were: one bad target is the target's fault",
            self.bad, self.tried, self.beside, self.beside_bad, self.beside_tried
        )
    }
}

/// One percentile beside what the activity needs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PercentileEvidence {
    /// Such as `p95`.
    pub percentile: &'static str,
    /// The round trip in ms; `None` with under `needs` samples.
    pub ms: Option<f64>,
    /// Samples it is read from.
    pub samples: u32,
    /// The fewest that support it.
    pub needs: u32,
    /// Round trip for optimal performance, in ms: a score of 100.
    pub rop_ms: f64,
    /// At the point of unacceptable performance: a score of 0.
    pub cpup_ms: f64,
    /// From 0 to 100.
    pub score: Option<f64>,
}

/// Loss beside what the activity needs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LossEvidence {
    /// Lost while the link was not judged down.
    pub lost: u32,
    /// Answered or lost.
    pub tried: u32,
    /// The mean; `None` if nothing was tried.
    pub ratio: Option<f64>,
    /// The lower one-sided 95 % Wilson bound, which the state follows.
    pub lower_bound: f64,
    /// Loss for optimal performance.
    pub rop: f64,
    /// At the point of unacceptable performance.
    pub cpup: f64,
    /// On the lower bound, from 0 to 100.
    pub score: Option<f64>,
}

/// What is known of the throughput in one direction.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DirectionEvidence {
    /// Needed, in bit/s; 0 for none.
    pub needed_bps: u64,
    /// Whether a test fell short of it.
    pub missing: bool,
    /// How recently it was seen, unless it is missing.
    pub proof: Proof,
    /// What that weighs, from 0 to 1.
    pub weight: f64,
    /// Where the deciding word comes from; `None` if there is none.
    pub source: Option<Source>,
    /// What it said, in bit/s: at least that much, or, where it fell short, at most.
    pub bps: Option<u64>,
    /// When it was said.
    pub at: Option<UnixMs>,
    /// How long before the slot's start, in milliseconds.
    pub age_ms: Option<i64>,
    /// In plain words.
    pub why: String,
}

/// A part of the times measured.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Times {
    /// From, in ms.
    pub from_ms: f64,
    /// Up to, not including.
    pub to_ms: f64,
    /// How many.
    pub count: u32,
}

/// One cell, explained.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explanation {
    /// The slot.
    pub slot: Span,
    /// Which link.
    pub link: LinkRef,
    /// Which activity.
    pub activity: ActivityRef,
    /// The catalogue's version.
    pub catalogue: String,
    /// The state that counts.
    pub state: State,
    /// The state found, excluded or not.
    pub found: State,
    /// What limited it.
    pub limit: Limit,
    /// The rule that decided.
    pub rule: Rule,
    /// What was found of the link as such.
    pub connection: Connection,
    /// The series that could speak, the one that does first.
    pub series: Vec<Choice>,
    /// Whose word was set aside, if anybody's.
    pub aside: Option<SetAside>,
    /// Round trips of the one that speaks.
    pub latency: Vec<PercentileEvidence>,
    /// Its loss.
    pub loss: LossEvidence,
    /// Throughput down.
    pub down: DirectionEvidence,
    /// Throughput up.
    pub up: DirectionEvidence,
    /// The draft's score, on the mean loss; `None` without latency and loss.
    pub qoo: Option<f64>,
    /// The score that the state follows, on the lower bound of the loss.
    pub evidence_score: Option<f64>,
    /// The score from which the activity is OK.
    pub ok_at: f64,
    /// What holds the score down.
    pub binding: Option<Binding>,
    /// How much of the need the evidence covers.
    pub confidence: Confidence,
    /// Exclusions that touch the slot.
    pub exclusions: Vec<Exclusion>,
    /// The times measured, of the series that speaks; log-spaced, none left out.
    pub times: Vec<Times>,
}
