//! What the collector remembers, behind one narrow trait.
//!
//! Read in this order: this file (what goes in and comes out), [`asks`] (plans
//! and orders, which go the other way), [`homes`] (what is told of them), then [`sqlite`]
//! (one implementation, in one file on disk) and `migrations/` (its tables). Ingest is the only caller of [`Store::commit`]; everything that
//! reads may call the rest from any thread. All of it blocks: call it from a
//! thread that may.

pub mod asks;
pub mod exclusions;
pub mod homes;
pub mod sqlite;

use std::path::PathBuf;

use hearth_proto::convert::RecordError;
use hearth_proto::{AgentId, BootId, HouseholdId, LinkInfo, Record, Seq, UnixMs, Vantage};
use serde::Serialize;

use crate::history::{History, LEAD_MS, Span};

/// Records of many agents, and what is known of their households.
pub trait Store:
    exclusions::Exclusions + asks::Asks + homes::Homes + Send + Sync + 'static
{
    /// Applies all of `writes` in one transaction and makes them durable: when
    /// this returns `Ok`, no crash and no loss of power undoes any of them. On
    /// `Err` none has happened. One [`Written`] per write, in their order.
    fn commit(&self, writes: &[Write]) -> Result<Vec<Written>, StoreError>;

    /// Every household, by name.
    fn households(&self) -> Result<Vec<HouseholdSummary>, StoreError>;

    /// What is known of `household` within `span`: the slots that start in it,
    /// the events that happened in it, the exclusions that touch it, and every
    /// link first heard of before its end.
    fn history(&self, household: &HouseholdId, span: Span) -> Result<History, StoreError>;

    /// [`Self::history`] with the slots and tests of the three days before
    /// `span`, which may have proved a throughput and tell what a target usually takes. Nothing
    /// else reads them.
    ///
    /// # Errors
    /// As [`Self::history`].
    fn history_with_lead(
        &self,
        household: &HouseholdId,
        span: Span,
    ) -> Result<History, StoreError> {
        let longer = Span { from: span.from.plus(-LEAD_MS), to: span.to };
        let mut history = self.history(household, longer)?;
        history.span = span;
        history.events.retain(|(_, event)| event.at >= span.from);
        history.exclusions.retain(|e| e.span.to > span.from);
        Ok(history)
    }

    /// Records refused so far, by agent and reason.
    fn refusals(&self) -> Result<Vec<RefusalCount>, StoreError>;

    /// Totals over all agents.
    fn totals(&self) -> Result<Totals, StoreError>;
}

/// One thing to be made durable.
#[derive(Debug)]
pub enum Write {
    /// An agent opened a stream.
    Hello(Hello),
    /// An agent's batch, validated.
    Batch(Batch),
}

/// Who an agent says it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hello {
    /// Its identity.
    pub agent: AgentId,
    /// The household it is in: the first one it names is its own for good.
    pub household: HouseholdId,
    /// Its program's version.
    pub version: String,
    /// Where it stands.
    pub vantage: Vantage,
    /// By the collector's clock.
    pub received: UnixMs,
}

/// Validated records of one boot of one agent, which has said [`Hello`].
#[derive(Debug)]
pub struct Batch {
    /// Whose.
    pub agent: AgentId,
    /// Of which run.
    pub boot: BootId,
    /// By rising seq.
    pub records: Vec<Accepted>,
    /// Those that are not accepted, with the reason's class.
    pub refused: Vec<(Seq, RefusalClass)>,
    /// The highest seq among both.
    pub up_to: Seq,
    /// By the collector's clock.
    pub received: UnixMs,
}

/// One record that passed validation.
#[derive(Debug)]
pub struct Accepted {
    /// Its number.
    pub seq: Seq,
    /// Its wire form, as it came.
    pub body: Vec<u8>,
    /// What it says.
    pub record: Record,
}

/// Why a record was refused, coarse enough to be counted by: a kind, or a
/// field's path without positions and values.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct RefusalClass(String);

impl RefusalClass {
    /// A seq that does not rise within its batch.
    pub fn seq() -> Self {
        Self("seq".to_owned())
    }

    /// From its stored text.
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// Its stable text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&RecordError> for RefusalClass {
    fn from(e: &RecordError) -> Self {
        Self(match e {
            RecordError::Oversized(_) => "oversized".to_owned(),
            RecordError::Malformed(_) => "malformed".to_owned(),
            RecordError::UnknownKind => "unknown-kind".to_owned(),
            RecordError::Field { field, .. } => {
                field.chars().filter(|c| !c.is_ascii_digit()).collect::<String>().replace("[]", "")
            }
        })
    }
}

/// What came of one [`Write`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Written {
    /// The agent is known, in the household it named.
    Welcome,
    /// The agent is bound to another household: its records are not taken.
    OtherHousehold,
    /// The batch is durable.
    Appended(Appended),
}

/// What became of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// Everything of the boot up to here is durable or refused.
    pub up_to: Seq,
    /// Slots stored now.
    pub slots: u64,
    /// Tests stored now.
    pub tests: u64,
    /// Events stored now.
    pub events: u64,
    /// Records that had been stored, or refused, before.
    pub duplicates: u64,
}

/// One household in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HouseholdSummary {
    /// Which.
    pub household: HouseholdId,
    /// Its agents, by name.
    pub agents: Vec<AgentSummary>,
    /// When one of its agents was last heard, by the collector's clock.
    pub last_seen: Option<UnixMs>,
    /// When its last stored slot starts, by the agent's clock.
    pub last_slot: Option<UnixMs>,
    /// Slots stored.
    pub slots: u64,
    /// Tests stored, those that were skipped among them.
    pub tests: u64,
}

/// One agent in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AgentSummary {
    /// Which.
    pub agent: AgentId,
    /// Its program's version.
    pub version: String,
    /// Where it stands.
    pub vantage: Vantage,
    /// When it was last heard, by the collector's clock.
    pub last_seen: UnixMs,
    /// Its links, the preferred first.
    pub links: Vec<LinkInfo>,
}

/// How often records of one agent were refused for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RefusalCount {
    /// Whose.
    pub agent: AgentId,
    /// Why.
    pub class: RefusalClass,
    /// How many.
    pub count: u64,
    /// The last one's time, by the collector's clock.
    pub last: UnixMs,
}

/// Totals over all agents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Totals {
    /// Households known.
    pub households: u64,
    /// Agents known.
    pub agents: u64,
    /// Slots stored.
    pub slots: u64,
    /// Tests stored.
    pub tests: u64,
    /// Events stored.
    pub events: u64,
    /// Records that came again, and were counted once.
    pub duplicates: u64,
    /// Records refused.
    pub refused: u64,
}

/// Why the store can't answer.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database failed.
    #[error("store {path}: {doing}")]
    Database {
        /// Which file.
        path: PathBuf,
        /// What was being done.
        doing: &'static str,
        /// What it said.
        #[source]
        source: rusqlite::Error,
    },
    /// The folder can't be used.
    #[error("data folder {path} can't be used")]
    Folder {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// There is no store yet.
    #[error("no store in {path}: `hearth-collector serve --data {path}` makes one")]
    Missing {
        /// The data folder.
        path: PathBuf,
    },
    /// A later program wrote it.
    #[error(
        "store {path} has schema version {found}: this program knows up to {known}, use a later one"
    )]
    Newer {
        /// Which file.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// The latest this program knows.
        known: u32,
    },
    /// An earlier program wrote it, and it is open for reading only.
    #[error(
        "store {path} has schema version {found} and needs {known}: start `hearth-collector \
         serve` on it once"
    )]
    Older {
        /// Which file.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// The version needed.
        known: u32,
    },
    /// A write to a store that is open for reading only.
    #[error("store {path} is open for reading only")]
    ReadOnly {
        /// Which file.
        path: PathBuf,
    },
    /// No such household.
    #[error("household {0} is not known: `hearth-collector households` lists those that are")]
    UnknownHousehold(HouseholdId),
    /// A batch of an agent that never said hello.
    #[error("agent {0} has not said hello")]
    UnknownAgent(AgentId),
    /// A stored value that this program can't read.
    #[error("store {path}: {what} can't be read back: {why}")]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Which value.
        what: String,
        /// Why.
        why: String,
    },
    /// Another thread panicked while it held the writer.
    #[error("store {path}: the writer is gone")]
    WriterGone {
        /// Which file.
        path: PathBuf,
    },
}
