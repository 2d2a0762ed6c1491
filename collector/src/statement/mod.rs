//! The customer's statement: plain words, ranges rather than points, and what it
//! does not show.
//!
//! Read in this order: the model here, which holds no word of any language and no
//! fraction, so that it can be signed and drawn again exactly; `parts` (its
//! annex) and `help` (what would have helped); `build`, which makes it from the reports; `messages` and `words`, which
//! say it in a language; `records`, `seal` and `verify`, which let anybody check it.

pub(crate) mod base64;
mod build;
mod help;
pub mod messages;
mod parts;
#[cfg(feature = "pdf")]
pub mod pdf;
pub mod records;
#[cfg(test)]
pub(crate) mod samples;
pub mod seal;
#[cfg(test)]
mod tests;
pub mod verify;
pub mod words;

use hearth_proto::{HouseholdId, UnixMs};
use serde::{Deserialize, Serialize};

pub use build::{Judged, LEAST_COVERED_PPM, LEAST_MEASURED_MS, LEAST_OVERALL_MS};
pub(crate) use build::{month_named, month_of};
pub use help::{Help, HelpGain, HelpWith};
pub use parts::{
    Availability, LinkActivity, LinkPart, LoadedPart, Percentiles, Promised, PromisedWhat, RttPart,
    RuleVerdict, SpeedPart, TestsPart,
};

use crate::gaps::{Fact, IncidentKind, Segment};
use crate::history::Span;
use crate::ledger::{Counts, Limit};
use crate::profile::Confidence;
use crate::report::figure::IntervalMethod;

/// A household's statement for a period.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Statement {
    /// Whose.
    pub household: HouseholdId,
    /// For which period: whole slots.
    pub span: Span,
    /// The period that was asked for is this calendar month of `time_zone`, as
    /// (year, month), all of it.
    pub month: Option<(i16, i8)>,
    /// The time zone of its local times, by its IANA name.
    pub time_zone: String,
    /// When it was drawn up.
    pub generated_at: UnixMs,
    /// The version of the activity catalogue judged by.
    pub catalogue: String,
    /// The length of a slot in milliseconds.
    pub slot_ms: u64,
    /// The gist of the whole.
    pub headline: Headline,
    /// One per activity, in the catalogue's order.
    pub verdicts: Vec<Verdict>,
    /// How the period divides up.
    pub time: TimeAccount,
    /// What was sold beside what was measured.
    pub promised: Vec<Promised>,
    /// What published rules say of that, where there is enough to say.
    pub rules: Vec<RuleVerdict>,
    /// Incidents, the longest first, at most [`MOST_INCIDENTS`].
    pub incidents: Vec<StatementIncident>,
    /// Incidents beyond those listed.
    pub incidents_left_off: u64,
    /// What would have helped, and what would not.
    pub help: Help,
    /// Times left out of account, with who and why.
    pub exclusions: Vec<LeftOut>,
    /// What this does not show.
    pub does_not_show: Vec<NotShown>,
    /// Each link's figures, for the annex.
    pub links: Vec<LinkPart>,
}

/// The most incidents a statement lists.
pub const MOST_INCIDENTS: usize = 40;

/// The gist of a statement: how much time it speaks of, and what it says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Headline {
    /// Enough was measured to speak of the period; else only of the time measured.
    pub whole: bool,
    /// What it says.
    pub gist: Gist,
}

/// What a headline says. Activities are named by their place in `verdicts`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Gist {
    /// Nothing beyond the home was measured.
    NothingMeasured,
    /// Too little for any verdict; those that failed at times meanwhile.
    TooShort {
        /// Which.
        failed: Vec<usize>,
        /// None of them was ever OK, and these are all.
        nothing_worked: bool,
    },
    /// Each activity that has a verdict, by that verdict.
    Verdicts {
        /// OK in at least 99 % of the time measured.
        works: Vec<usize>,
        /// In at least 95 %.
        mostly: Vec<usize>,
        /// In less.
        often_fails: Vec<usize>,
        /// In none of it.
        never: Vec<usize>,
    },
}

/// The gist of a verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
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
    /// Too little was measured: see [`LEAST_MEASURED_MS`] and [`LEAST_COVERED_PPM`].
    NotEnoughData,
}

impl Level {
    /// All, from good to bad, then no verdict.
    pub const ALL: [Self; 5] =
        [Self::Works, Self::MostlyWorks, Self::OftenFails, Self::NeverWorked, Self::NotEnoughData];

    /// As in JSON and in the names of messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Works => "works",
            Self::MostlyWorks => "mostly-works",
            Self::OftenFails => "often-fails",
            Self::NeverWorked => "never-worked",
            Self::NotEnoughData => "not-enough-data",
        }
    }
}

/// What is said of one activity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// Its id in the catalogue.
    pub id: String,
    /// The catalogue's own name for it.
    pub name: String,
    /// The gist.
    pub level: Level,
    /// Slots by state; OK where any link of the home could carry it.
    pub counts: Counts,
    /// The range of the share of time that it worked; `None` where it has no width.
    pub range: Option<ShareRange>,
    /// What kept the link in use from OK most often, if anything did.
    pub limit: Option<Limit>,
    /// OK slots in which the throughput needed was not proven.
    pub unproven: u64,
    /// How far to trust it.
    pub confidence: Confidence,
}

impl Verdict {
    /// Share of the time measured that it worked, in millionths, rounded down.
    pub fn worked_ppm(&self) -> Option<u32> {
        ppm(self.counts.ok, self.counts.known())
    }

    /// Share of the time, the excluded left out, that was measured, in millionths.
    pub fn covered_ppm(&self) -> Option<u32> {
        ppm(self.counts.known(), self.counts.known() + self.counts.unknown)
    }
}

/// `part` of `whole` in millionths, rounded down; `None` of nothing.
pub(crate) fn ppm(part: u64, whole: u64) -> Option<u32> {
    (whole > 0).then(|| (u128::from(part) * 1_000_000 / u128::from(whole)) as u32)
}

/// From one share to another, in millionths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShareRange {
    /// Lower end, rounded down.
    pub low_ppm: u32,
    /// Upper end, rounded down.
    pub high_ppm: u32,
    /// How it was found.
    pub method: IntervalMethod,
}

/// How the period divides up, for the household: time with evidence on any
/// link, without, and excluded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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

/// An incident, for the customer. Links are named by their place in `links`, in its
/// facts too, activities by theirs in `verdicts`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatementIncident {
    /// On which link; `None`: on every link of the home.
    pub link: Option<usize>,
    /// What kind.
    pub kind: IncidentKind,
    /// Its start.
    pub from: UnixMs,
    /// Known to the probe, not only to the slot.
    pub from_to_the_probe: bool,
    /// Its end, or the last that is known of it.
    pub to: UnixMs,
    /// Known to the probe, not only to the slot.
    pub to_to_the_probe: bool,
    /// It was over within the period.
    pub over: bool,
    /// Bad slots within it.
    pub slots: u64,
    /// Activities that were not OK in it.
    pub activities: Vec<usize>,
    /// Links on which at least one of `activities` worked meanwhile.
    pub worked_on: Vec<usize>,
    /// Where the trouble lay.
    pub segment: Segment,
    /// What speaks for that.
    pub facts: Vec<Fact>,
}

/// Links that somebody named: by their places in `links`, so that each language has its
/// own label for them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Named {
    /// All of the home's.
    All,
    /// These: several where agents of the home have links of one name.
    These(Vec<usize>),
    /// None that any agent has told of; by the name that was given.
    Unheard(String),
}

/// A time left out of account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// Of which links.
    pub links: Named,
    /// When.
    pub span: Span,
    /// Who entered it.
    pub by: String,
    /// Why, in the author's own words.
    pub why: String,
}

/// Something that a statement does not show.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NotShown {
    /// Time without measurements, in milliseconds.
    Unknown(u64),
    /// Time left out, in milliseconds.
    Excluded(u64),
    /// Time in which one far target was bad by itself and was set aside, in
    /// milliseconds, on the link of which that was longest.
    OneTarget(u64),
    /// It covers less than two days: not what is usual.
    FewDays,
    /// The speed needed was not seen for these activities.
    Unproven(Vec<usize>),
    /// Whether devices switched to the link that worked.
    Switching,
    /// The Wi-Fi in the rooms, the home's devices, one particular service.
    Beyond,
    /// So many summaries were lost in the agent's full memory.
    Dropped(u64),
    /// The agent's clock was set within the period.
    ClockSet,
    /// In the agent's own words: on which link, what, and why.
    CannotMeasure {
        /// Which; `None`: on none.
        link: Option<Named>,
        /// What.
        what: String,
        /// Why.
        why: String,
    },
}
