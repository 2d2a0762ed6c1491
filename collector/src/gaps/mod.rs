//! The gap report: what did not work, on which link, for how long, whose fault,
//! and what would have helped. Definitions: section 4 of the method.
//!
//! Read in this order: the model here; `activity` (anywhere, saved, unsaved,
//! rescue) and `switch_over` (what is taken off it); `runs`, `incidents`, `witness` and `segment`; `together` (shared fate, backup
//! need) and `caps` (that need beside what was sold); `congestion` and `hours`
//! (what recurs); `build`, which puts them together.

mod activity;
mod build;
mod caps;
mod congestion;
#[cfg(test)]
mod congestion_tests;
pub mod fact;
mod hours;
mod incidents;
pub(crate) mod runs;
mod segment;
mod switch_over;
#[cfg(test)]
mod tests;
mod together;
mod witness;

pub(crate) use fact::cause as down_cause_words;
pub use fact::{Evidence, Fact};
use hearth_proto::UnixMs;
use serde::{Deserialize, Serialize};

use crate::ledger::{Counts, State};
use crate::report::figure::{Figure, NotEnough};
use crate::report::names::{ActivityRef, LinkRef};

/// The most incidents a list holds.
pub const MOST_INCIDENTS: usize = 200;

/// Hours from Monday's first to Sunday's last.
pub const HOURS_OF_WEEK: usize = 7 * 24;

/// A household's gaps over a span.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Gaps {
    /// F: the preferred fixed link; without one, the preferred link.
    pub primary: Option<LinkRef>,
    /// M: the mobile links, `primary` left out.
    pub backups: Vec<LinkRef>,
    /// One per activity, in the catalogue's order.
    pub activities: Vec<ActivityGaps>,
    /// Of each link, by start. At most [`MOST_INCIDENTS`]: outages first, then the
    /// longest.
    pub incidents: Vec<Incident>,
    /// Incidents beyond those listed.
    pub incidents_left_off: u64,
    /// When some activity worked on no link of the home, by start; as many.
    pub household_incidents: Vec<Incident>,
    /// Household incidents beyond those listed.
    pub household_incidents_left_off: u64,
    /// Between `primary` and each backup.
    pub shared_fate: Vec<SharedFate>,
    /// What a backup would have carried.
    pub backup_need: BackupNeed,
    /// Recurring congestion, per link.
    pub congestion: Vec<Congestion>,
    /// For each activity the hours of the week in which it fared worst anywhere in
    /// the home; none where no hour was measured on two days.
    pub worst_hours: Vec<WorstHour>,
    /// For each activity its slots by state anywhere in the home, by hour of the
    /// week: [`HOURS_OF_WEEK`] each. Exported, not part of the report.
    #[serde(skip)]
    pub hours: Vec<Vec<Counts>>,
    /// Time from the primary's failure to the first proof that the home's traffic took
    /// a backup: the median in seconds, from one switch-over on, as each was seen. Its
    /// interval is from the shortest to the longest, the least taken from the move of
    /// the default route where that was seen.
    pub switch_over: Figure,
    /// Those that `switch_over` is over, by the outage's start.
    pub switch_overs: Vec<SwitchOver>,
}

/// The home's traffic was seen to take a backup once the primary had failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SwitchOver {
    /// The primary.
    pub from: LinkRef,
    /// The backup.
    pub to: LinkRef,
    /// When the first probe failed.
    pub outage_start: UnixMs,
    /// Milliseconds from then until the home's traffic was seen answered by the backup,
    /// to the second.
    pub answered_after_ms: u64,
    /// Milliseconds until the system's default route led over the backup, where that was
    /// seen: it may have carried traffic from then on, had there been any.
    pub routed_after_ms: Option<u64>,
}

/// The separate times that a backup stepped in for an activity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Rescues {
    /// How many.
    pub times: u64,
    /// Of them, those whose own switch-over was measured.
    pub timed: u64,
    /// What is taken off `saved` in `rescue`: of each its own switch-over, else the
    /// median. `None`: not measured, nothing is taken off.
    pub switch_over_ms: Option<u64>,
}

/// One activity's gaps.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ActivityGaps {
    /// Which.
    pub activity: ActivityRef,
    /// Slots by state on the primary link.
    pub primary: Counts,
    /// Slots by state anywhere in the home.
    pub anywhere_slots: Counts,
    /// `anywhere(u)`: share of slots with evidence that were OK on any link. Its
    /// interval takes the UNKNOWN slots first as bad, then as good.
    pub anywhere: Figure,
    /// `saved(u)`: the primary not OK, some backup OK.
    pub saved: Extent,
    /// `unsaved(u)`: the primary not OK, no backup OK. Includes `undecided`.
    pub unsaved: Extent,
    /// Of `unsaved`: no backup is known OK, but one is UNKNOWN.
    pub undecided: Extent,
    /// `rescue(u) = saved / (saved + unsaved)` over slots that are known, thus without
    /// `undecided`, switch-over time taken off; its interval counts `undecided` first as
    /// unsaved, then as saved.
    pub rescue: Figure,
    /// The times that a backup stepped in, and what they lost.
    pub rescues: Rescues,
    /// The longest stretch that the primary was not OK.
    pub longest: Extent,
}

/// A number of slots and their time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Extent {
    /// Slots.
    pub slots: u64,
    /// Their time in milliseconds.
    pub ms: u64,
}

/// What kind of trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IncidentKind {
    /// Down.
    Outage,
    /// Up, but an activity's needs were not met.
    Degradation,
}

/// Where the trouble lay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Segment {
    /// The home's own network: its router did not answer well.
    Home,
    /// Between the home and the operator's first router.
    Access,
    /// Beyond the first router.
    CoreOrService,
    /// One target alone.
    Service,
    /// The evidence does not tell.
    CannotTell,
}

impl Segment {
    /// As in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Home => "home",
            Self::Access => "access",
            Self::CoreOrService => "core-or-service",
            Self::Service => "service",
            Self::CannotTell => "cannot-tell",
        }
    }

    /// In plain words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Home => "home",
            Self::Access => "access",
            Self::CoreOrService => "core or service",
            Self::Service => "service",
            Self::CannotTell => "cannot tell",
        }
    }
}

/// Where an incident begins or ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Edge {
    /// When.
    pub at: UnixMs,
    /// Known to the probe, from the agent's own event, not to the slot.
    pub to_the_probe: bool,
    /// What it is taken from, in words.
    pub source: &'static str,
}

/// A run of bad slots.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Incident {
    /// On which link; `None`: in the household, on every link.
    pub link: Option<LinkRef>,
    /// What kind.
    pub kind: IncidentKind,
    /// Its start.
    pub start: Edge,
    /// Its end; `None`: it was not over, or nothing more is known, at the span's end.
    pub end: Option<Edge>,
    /// From start to end, or to the last bad slot's end, in milliseconds.
    pub length_ms: u64,
    /// Bad slots within it.
    pub slots: u64,
    /// The worst state within it.
    pub worst: State,
    /// Activities that were not OK in it.
    pub activities: Vec<ActivityRef>,
    /// Where the trouble lay.
    pub segment: Segment,
    /// What speaks for that.
    pub evidence: Evidence,
    /// Links on which at least one of `activities` worked meanwhile.
    pub worked_on: Vec<LinkRef>,
}

/// The definition of a shared fate: a link is bad in a slot if it was down in it or in
/// a part of it. What activities wanted of it is left out, as one that asks too much of
/// either link would make any two of them share it.
pub const SHARED_FATE: &str = "outages_v1";

/// Whether two links fail together more often than by chance.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SharedFate {
    /// F.
    pub primary: LinkRef,
    /// M.
    pub backup: LinkRef,
    /// What counts as bad in `factor`: [`SHARED_FATE`].
    pub definition: &'static str,
    /// `P(F bad ∧ M bad) / (P(F bad) · P(M bad))`: 1 is chance. Only over at
    /// least five distinct incidents.
    pub factor: Figure,
    /// Outages of the primary during which the backup was bad too.
    pub common_incidents: u64,
    /// Outages of the primary.
    pub incidents: u64,
}

/// What a backup would have carried.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BackupNeed {
    /// Hours in the span with the primary DOWN.
    pub hours: Figure,
    /// Bytes that the home would have moved in them: the primary's busy rate at
    /// the same time of day, else over the whole span.
    pub bytes: Figure,
    /// Hours a month, the median month.
    pub hours_p50: Figure,
    /// Hours a month, one month in ten is worse.
    pub hours_p90: Figure,
    /// Bytes a month, the median month.
    pub bytes_p50: Figure,
    /// Bytes a month, one month in ten is worse.
    pub bytes_p90: Figure,
    /// Beside the plans of the backups, as far as the operator told them.
    pub caps: Vec<PlanCap>,
}

/// How a need compares with the data that a backup's plan includes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PlanCap {
    /// The backup's link.
    pub link: String,
    /// The product's name, where it was told.
    pub product: Option<String>,
    /// Bytes included a month.
    pub cap_bytes: u64,
    /// The median month's need over the cap; above 1 it does not fit.
    pub p50_of_cap: Figure,
    /// The same of the month that one in ten is worse than.
    pub p90_of_cap: Figure,
}

/// Whether a link is full at the same hours again and again.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Congestion {
    /// Which.
    pub link: LinkRef,
    /// Days read: those with at least 30 quarters of an hour measured at the far end
    /// and nearer by, of at most the last 50.
    pub days: u64,
    /// Of them, those whose latency ranged over less than 7 ms: no congestion.
    pub flat_days: u64,
    /// Days with less evidence than that, left out.
    pub thin_days: u64,
    /// Why nothing can be said, if so.
    pub not_enough: Option<NotEnough>,
    /// The congested hours, by hour of the day.
    pub hours: Vec<CongestedHour>,
}

/// An hour of the day at which a link's network is full again and again.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CongestedHour {
    /// It begins at this hour of local time, 0 to 23.
    pub hour: u8,
    /// Days on which it was congested.
    pub days: u64,
    /// Of them, Saturdays and Sundays.
    pub weekend_days: u64,
    /// `days` of the days on which it was measured.
    pub share: Figure,
    /// How much slower the far end answered than at the day's best: the median.
    pub rise: Figure,
    /// Between which points the rise lies.
    pub segment: Segment,
}

/// One of an activity's worst hours of the week.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WorstHour {
    /// Which activity.
    pub activity: ActivityRef,
    /// 1 is Monday, 7 Sunday, in local time.
    pub weekday: u8,
    /// It begins at this hour of local time, 0 to 23.
    pub hour: u8,
    /// Its slots by state, anywhere in the home.
    pub slots: Counts,
    /// Days on which it was measured.
    pub days: u64,
    /// Days on which the activity was bad in it, for however short.
    pub bad_days: u64,
    /// Share of its slots with evidence that were bad, with an interval over days.
    pub bad: Figure,
}
