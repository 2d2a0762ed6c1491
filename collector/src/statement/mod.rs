//! The customer's statement: plain words, ranges rather than points, and what
//! it does not show. Read the model here, then `build` and `words`.

mod build;
mod words;

use hearth_proto::{HouseholdId, UnixMs};
use serde::Serialize;

use crate::gaps::{IncidentKind, Segment};
use crate::history::{Exclusion, Span};
use crate::ledger::Counts;
use crate::profile::Confidence;
use crate::report::figure::Figure;
use crate::report::names::ActivityRef;

pub(crate) use build::zone;
pub(crate) use words::percent;

/// A household's statement for a period.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Statement {
    /// Whose.
    pub household: HouseholdId,
    /// For which period.
    pub span: Span,
    /// The period in words, in local time.
    pub period: String,
    /// The time zone of its local times.
    pub time_zone: String,
    /// When it was drawn up.
    pub generated_at: UnixMs,
    /// The version of the activity catalogue judged by.
    pub catalogue: String,
    /// One sentence on the whole.
    pub headline: String,
    /// One per activity, in the catalogue's order.
    pub verdicts: Vec<Verdict>,
    /// How the period divides up.
    pub time: TimeAccount,
    /// Incidents, the longest first, at most twenty.
    pub incidents: Vec<StatementIncident>,
    /// Incidents beyond those listed.
    pub incidents_left_off: u64,
    /// Times left out of account, and why.
    pub exclusions: Vec<Exclusion>,
    /// What this does not show, a sentence each.
    pub does_not_show: Vec<String>,
    /// How it was measured, a sentence each.
    pub how_measured: Vec<String>,
}

/// The gist of a verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// OK in at least 99 % of the time measured.
    Works,
    /// In at least 95 %.
    MostlyWorks,
    /// In less.
    OftenFails,
    /// In none of it.
    NeverWorked,
    /// Too little was measured.
    NotEnoughData,
}

impl Level {
    /// In plain words, to begin a table's row with.
    pub fn words(self) -> &'static str {
        match self {
            Self::Works => "works",
            Self::MostlyWorks => "mostly works",
            Self::OftenFails => "often fails",
            Self::NeverWorked => "did not work",
            Self::NotEnoughData => "not enough data",
        }
    }
}

/// What is said of one activity.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Verdict {
    /// Which.
    pub activity: ActivityRef,
    /// The gist.
    pub level: Level,
    /// One sentence in plain words, the range in it.
    pub sentence: String,
    /// Share of the time measured that it worked on any link of the home; its
    /// interval is the range to show.
    pub worked: Figure,
    /// Share of the period measured.
    pub coverage: Figure,
    /// How far to trust it.
    pub confidence: Confidence,
}

/// How the period divides up, for the household: time with evidence on any
/// link, without, and excluded.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TimeAccount {
    /// With evidence, in milliseconds.
    pub measured_ms: u64,
    /// Without, in milliseconds: neither uptime nor downtime.
    pub unknown_ms: u64,
    /// Excluded, in milliseconds.
    pub excluded_ms: u64,
    /// Slots by the household's connection: OK where any link was up.
    pub connection: Counts,
}

/// An incident, for the customer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StatementIncident {
    /// One sentence: when, how long, which link, what it hit.
    pub sentence: String,
    /// What kind.
    pub kind: IncidentKind,
    /// Its start.
    pub from: UnixMs,
    /// Its end, or the last that is known of it.
    pub to: UnixMs,
    /// Where the trouble lay.
    pub segment: Segment,
    /// The evidence for that.
    pub evidence: Vec<String>,
}
