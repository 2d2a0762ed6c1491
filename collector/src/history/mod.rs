//! What the store knows of one household over a span of time: the judge's only
//! input. Filled by the store, read by the ledger.
//!
//! Read in this order: the records here; [`grid`] (where a household's slots lie)
//! and [`merge`] (several records of one slot as one); [`evidence`] (which series
//! speaks for a link); [`columns`] (a figure per slot and a distribution per hour:
//! what judges read instead of the records).

pub mod columns;
pub(crate) mod evidence;
pub(crate) mod grid;
pub(crate) mod merge;

use hearth_proto::{AgentId, Event, HouseholdId, LinkInfo, LinkSlot, TestResult, UnixMs, Vantage};
use serde::{Deserialize, Serialize};

/// A day in milliseconds.
pub(crate) const DAY_MS: i64 = 24 * 3_600_000;

/// How far before a span its records may still be of use, in milliseconds: a
/// throughput seen is worth something for three days.
pub(crate) const LEAD_MS: i64 = 3 * DAY_MS;

/// From `from` up to, not including, `to`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// The first instant in it.
    pub from: UnixMs,
    /// The first instant after it.
    pub to: UnixMs,
}

impl Span {
    /// Whether an instant lies in it.
    pub fn holds(&self, at: UnixMs) -> bool {
        self.from <= at && at < self.to
    }
}

/// One household's records within a span.
#[derive(Debug, Clone)]
pub struct History {
    /// Whose.
    pub household: HouseholdId,
    /// Within which span.
    pub span: Span,
    /// One per link of each agent, in the order the system prefers them: by
    /// route metric, lowest first.
    pub links: Vec<LinkHistory>,
    /// In order of time.
    pub tests: Vec<(AgentId, TestResult)>,
    /// In order of time.
    pub events: Vec<(AgentId, Event)>,
    /// Times that count neither for nor against a link.
    pub exclusions: Vec<Exclusion>,
}

/// One link's records.
#[derive(Debug, Clone)]
pub struct LinkHistory {
    /// Which agent measured it.
    pub agent: AgentId,
    /// Where that agent stands.
    pub vantage: Vantage,
    /// As last told.
    pub info: LinkInfo,
    /// By rising start. A slot in which the agent restarted comes once per run.
    pub slots: Vec<LinkSlot>,
}

impl LinkHistory {
    /// Whether the records are by rising start, as a store gives them.
    pub(crate) fn in_order(&self) -> bool {
        self.slots.is_sorted_by_key(|s| s.start)
    }
}

/// A time that counts neither for nor against a household's links: maintenance,
/// or something the customer caused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exclusion {
    /// The link's name; `None`: all of the household's links.
    pub link: Option<String>,
    /// When.
    pub span: Span,
    /// Who entered it.
    pub by: String,
    /// Why.
    pub why: String,
}
