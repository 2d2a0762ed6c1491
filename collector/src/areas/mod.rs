//! Gaps rolled up over areas and over the whole operator, with k-anonymity, and
//! area incidents with what they have in common.
//!
//! Read in this order: the model here; `contribution` (what is kept of one home),
//! `sums` (what is added up), `rollup` (how homes stream in, and what comes out);
//! `incidents` and `causes`. What may be shown is decided in [`crate::anonymity`].
//!
//! # What is protected
//! A figure is over a group of homes. None is shown that is over fewer than k
//! homes, or from which, with the others of the same report, one over fewer than k
//! can be reckoned:
//! - An area with fewer than k consenting homes is not shown. It is added to the
//!   rest: homes without consent, without an area, and those of other such areas.
//!   The operator's figures are over the areas shown and, only if it has k homes,
//!   over the rest. Without consent, a home counts in the operator's figures alone.
//! - Within an area, figures over a part of its homes (those with a backup, with a
//!   certain technology, …) are shown only where every group of homes that they
//!   tell apart is empty or has k homes. The same holds for the groupings beside an
//!   area incident. So whatever is reckoned from sums, it is over k homes or more.
//! - A report for product and marketing holds nothing of a home that did not agree to
//!   be seen by them, whatever else it agreed to.
//! - An activity's figures want k homes with evidence for it, and its hours of the
//!   week are shown all or none.
//!
//! What is not protected is said in [`crate::anonymity`].

mod causes;
mod contribution;
mod figures;
mod incidents;
#[cfg(test)]
mod properties;
mod rollup;
mod sums;
#[cfg(test)]
mod tests;

use hearth_proto::{Technology, UnixMs};
use serde::Serialize;

pub use crate::anonymity::K;
pub use contribution::Contribution;
pub use rollup::RollUp;

use crate::gaps::Segment;
use crate::history::Span;
use crate::homes::Audience;
use crate::report::figure::Figure;
use crate::report::names::ActivityRef;

/// The most area incidents in a report.
pub const MOST_INCIDENTS: usize = 200;

/// The roll-ups of all homes over a span.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AreasReport {
    /// Over which span.
    pub span: Span,
    /// The time zone of the hours of the week of homes that have none of their own.
    pub time_zone: String,
    /// The version of the activity catalogue judged by.
    pub catalogue: String,
    /// The activities judged, in the catalogue's order.
    pub activities: Vec<ActivityRef>,
    /// The fewest homes that a figure is over.
    pub k: K,
    /// For whom it is drawn up.
    pub audience: Audience,
    /// Homes known to the collector that they may not see, as these did not agree: nothing
    /// here holds anything of them.
    pub not_agreed: u64,
    /// All other homes known to the collector.
    pub homes: u64,
    /// Homes that agreed to be part of area reports.
    pub consenting: u64,
    /// Homes of which no figure here holds anything, as the rest has too few.
    pub left_out: u64,
    /// Areas with too few consenting homes to be shown.
    pub areas_withheld: u64,
    /// The whole operator's, as far as it may be shown.
    pub operator: Group,
    /// By name.
    pub areas: Vec<Group>,
    /// At most [`MOST_INCIDENTS`], those with most customer time lost first;
    /// silences after them.
    pub incidents: Vec<AreaIncident>,
    /// Area incidents beyond those listed.
    pub incidents_left_off: u64,
}

impl AreasReport {
    /// Ranks the area incidents by the customer time that one activity lost.
    pub fn rank_by(&mut self, activity: &str) {
        self.incidents.sort_by_key(|i| std::cmp::Reverse(i.lost_ms(Some(activity))));
    }
}

/// The figures of one group of homes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Group {
    /// Its area; `None`: the whole operator.
    pub area: Option<String>,
    /// Its homes.
    pub homes: u64,
    /// Per activity, in the catalogue's order; those withheld are left out.
    pub activities: Vec<GroupActivity>,
    /// Per access technology; those withheld are left out.
    pub technologies: Vec<GroupTechnology>,
    /// Incidents of links by segment: of each link the weightiest, as its home's gap
    /// report lists them.
    pub segments: Vec<GroupSegment>,
    /// Incidents of links beyond those; 0 where `segments` is withheld.
    pub segments_left_off: u64,
    /// Share of the primary link's outages that took a backup along, over homes
    /// with a backup.
    pub shared: Figure,
    /// What backups would have carried, over homes whose primary link was measured.
    pub need: GroupNeed,
    /// Homes with recurring congestion, by hour of the day.
    pub congestion: GroupCongestion,
    /// Per activity the hours of the week at which it fared worst.
    pub worst_hours: Vec<GroupHour>,
    /// All hours of the week with evidence, per activity; exported, not reported.
    #[serde(skip)]
    pub hours: Vec<GroupHour>,
}

/// One activity in a group. Times are sums over homes, in milliseconds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GroupActivity {
    /// Which.
    pub activity: ActivityRef,
    /// Homes with evidence for it.
    pub homes: u64,
    /// Share of the time with evidence that it worked on any link of the home.
    pub anywhere: Figure,
    /// Customer time lost: it worked on no link.
    pub lost_ms: u64,
    /// Share of the time with evidence that it worked on the primary link.
    pub primary: Figure,
    /// Time that a backup saved, over homes with a backup; `None`: withheld.
    pub saved_ms: Option<u64>,
    /// Time that none saved, over the same homes.
    pub unsaved_ms: Option<u64>,
    /// `saved / (saved + unsaved)` without time of which no backup is known, bounds as
    /// for one home.
    pub rescue: Figure,
}

/// One access technology in a group.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GroupTechnology {
    /// Which.
    pub technology: Technology,
    /// Homes with a link of it.
    pub homes: u64,
    /// Time with evidence that its links were up or down, in milliseconds.
    pub known_ms: u64,
    /// Share of that time that they were up.
    pub up: Figure,
    /// Bad time per activity in milliseconds, in the order of the catalogue.
    pub bad_ms: Vec<u64>,
}

/// Incidents of one segment in a group.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GroupSegment {
    /// Which.
    pub segment: Segment,
    /// Incidents of links.
    pub incidents: u64,
    /// Their length in milliseconds.
    pub ms: u64,
}

/// What backups would have carried in a group.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GroupNeed {
    /// Hours per home.
    pub hours: Figure,
    /// Bytes per home, over homes whose traffic is counted.
    pub bytes: Figure,
}

/// Recurring congestion in a group: hours whose segment is told.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GroupCongestion {
    /// Share of the homes read that have a congested hour.
    pub share: Figure,
    /// Homes congested in each hour of the day, 24 of them; empty where withheld.
    pub by_hour: Vec<u64>,
}

/// An hour of the week of one activity in a group.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GroupHour {
    /// Which activity.
    pub activity: ActivityRef,
    /// 1 is Monday, 7 Sunday, in local time.
    pub weekday: u8,
    /// It begins at this hour of local time, 0 to 23.
    pub hour: u8,
    /// Homes with evidence in it.
    pub homes: u64,
    /// Time with evidence, in seconds over all homes.
    pub known_s: u64,
    /// Of it, time that the activity worked on no link.
    pub bad_s: u64,
    /// Their share.
    pub bad: Figure,
}

/// What kind of trouble homes had in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum AreaKind {
    /// Links went down.
    Outage,
    /// Links stayed up, but activities failed.
    Degradation,
    /// Nothing came from the homes any more: no outage, perhaps a power cut.
    Silence,
}

impl AreaKind {
    /// As in JSON, and in plain words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Outage => "outage",
            Self::Degradation => "degradation",
            Self::Silence => "silence",
        }
    }
}

/// On which links.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Medium {
    /// Fixed ones.
    Fixed,
    /// Mobile ones.
    Mobile,
    /// All of the home's.
    Home,
}

impl Medium {
    /// As in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fixed => "fixed",
            Self::Mobile => "mobile",
            Self::Home => "home",
        }
    }

    /// In plain words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Fixed => "fixed links",
            Self::Mobile => "mobile links",
            Self::Home => "whole homes",
        }
    }
}

/// Many homes of one area that turned bad within the same five minutes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AreaIncident {
    /// Which area.
    pub area: String,
    /// What kind.
    pub kind: AreaKind,
    /// On which links.
    pub medium: Medium,
    /// When the first of them turned bad, down to five minutes.
    pub start: UnixMs,
    /// When half of them were over, up to five minutes; `None`: they were not at the
    /// span's end, or fewer than k homes were hit.
    pub half_over: Option<UnixMs>,
    /// The area's homes that have such links.
    pub homes: u64,
    /// Homes that turned bad within five minutes.
    pub hit: u64,
    /// `hit` over `homes`.
    pub share: Figure,
    /// Homes that turn bad in five minutes, or a longer slot, on average over the span.
    pub usual: f64,
    /// How often so many would have by chance over the whole span, at most.
    pub by_chance: f64,
    /// Something of it is not told, as it would be over fewer than k homes: of one that
    /// hit fewer, times, agents that started anew and all that was lost; else what was
    /// lost of an activity that fewer lost anything of.
    pub withheld: bool,
    /// Of a silence: homes whose agent started anew when it came back.
    pub restarted: Option<u64>,
    /// Customer time lost per activity, in the catalogue's order; in a silence
    /// nothing is known to be lost.
    pub lost: Vec<Lost>,
    /// Customer time without evidence, in milliseconds: of a silence.
    pub silent_ms: u64,
    /// What the homes hit have in common, the best explanation first.
    pub causes: Vec<Cause>,
    /// The verdict in words.
    pub verdict: String,
}

impl AreaIncident {
    /// Customer time lost in one activity, or over all, in milliseconds.
    pub fn lost_ms(&self, activity: Option<&str>) -> u64 {
        let of = |l: &&Lost| activity.is_none_or(|id| l.activity.id == id);
        self.lost.iter().filter(of).map(|l| l.ms).sum()
    }
}

/// Customer time lost in one activity.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Lost {
    /// Which.
    pub activity: ActivityRef,
    /// Over all homes hit, time that it worked on no link, in milliseconds.
    pub ms: u64,
}

/// What homes can have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Grouping {
    /// A passive optical network's tree or port.
    Pon,
    /// A mobile cell.
    Cell,
    /// What loses power together.
    PowerArea,
}

impl Grouping {
    /// As in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pon => "pon",
            Self::Cell => "cell",
            Self::PowerArea => "power-area",
        }
    }

    /// In plain words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Pon => "PON",
            Self::Cell => "cell",
            Self::PowerArea => "power area",
        }
    }
}

/// One thing that homes have in common, as a cause of an area incident.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Cause {
    /// What kind.
    pub grouping: Grouping,
    /// Its name.
    pub name: String,
    /// The area's homes in it.
    pub homes: u64,
    /// Of them, those hit.
    pub hit: u64,
    /// The area's homes that are not in it.
    pub others: u64,
    /// Of them, those hit.
    pub others_hit: u64,
    /// How well it tells homes hit from the others: the phi coefficient, 1 where
    /// all of its homes were hit and no other, 0 by chance.
    pub score: f64,
}
