//! What would help a home, and what would not. Each remedy is replayed over what was
//! measured: the slots in which an activity failed on the home's main link are judged
//! again as the remedy would have made them, and the share that would then have worked
//! is given with its bounds. Nothing is recommended without such evidence; where it is
//! lacking, or speaks against, that is said with the reason.
//!
//! Read in this order: the model here; `thresholds` (every number that decides, in one
//! place); `replay` (what a remedy does to a share); `verdict` (what is said of that);
//! `line` (when the main link was full); one file per remedy: `wifi`, `queue`, `upload`,
//! `backup`, `repair`; `nothing`.

mod backup;
#[cfg(test)]
mod doubt_tests;
mod line;
mod nothing;
#[cfg(test)]
mod properties;
mod queue;
mod repair;
mod replay;
#[cfg(test)]
mod tests;
pub mod thresholds;
mod upload;
mod verdict;
mod wifi;

use serde::{Deserialize, Serialize};

use crate::gaps::Gaps;
use crate::profile::{Inputs, Profile};
use crate::report::figure::Figure;
use crate::report::names::{ActivityRef, LinkRef};
use line::Line;
use replay::Replay;
use wifi::Gateway;

/// What would help a household, and what would not.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Remedies {
    /// The link that they are for: the preferred fixed one, else the preferred one.
    pub link: Option<LinkRef>,
    /// The activities that decide: those that the home declared, else all.
    pub decided_by: Vec<ActivityRef>,
    /// Whether the home declared them.
    pub declared: bool,
    /// One of each kind, in the order of [`RemedyKind::ALL`].
    pub remedies: Vec<Remedy>,
}

/// A kind of remedy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RemedyKind {
    /// The router, the repeater or the device put elsewhere.
    WifiPlacement,
    /// Active queue management on the router (RFC 7567, RFC 8290).
    QueueManager,
    /// A plan with more upload.
    UploadTier,
    /// A mobile link that steps in.
    MobileBackup,
    /// Work on the line between the home and the operator's first router.
    AccessRepair,
    /// Leave it as it is.
    Nothing,
}

impl RemedyKind {
    /// All kinds.
    pub const ALL: [Self; 6] = [
        Self::WifiPlacement,
        Self::QueueManager,
        Self::UploadTier,
        Self::MobileBackup,
        Self::AccessRepair,
        Self::Nothing,
    ];

    /// As in JSON and in the names of messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::WifiPlacement => "wifi-placement",
            Self::QueueManager => "queue-manager",
            Self::UploadTier => "upload-tier",
            Self::MobileBackup => "mobile-backup",
            Self::AccessRepair => "access-repair",
            Self::Nothing => "nothing",
        }
    }

    /// As a person calls it.
    pub fn words(self) -> &'static str {
        match self {
            Self::WifiPlacement => "another place for the Wi-Fi",
            Self::QueueManager => "a queue manager on the router",
            Self::UploadTier => "a plan with more upload",
            Self::MobileBackup => "a mobile backup",
            Self::AccessRepair => "a repair of the line",
            Self::Nothing => "nothing",
        }
    }
}

/// What is said of a remedy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// What was measured shows that it would help.
    Recommended,
    /// The home has it, and it helps.
    InPlace,
    /// What was measured shows that it would help little or not at all.
    WouldNotHelp,
    /// What was measured does not tell.
    CannotSay,
}

impl Verdict {
    /// As in JSON and in the names of messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Recommended => "recommended",
            Self::InPlace => "in-place",
            Self::WouldNotHelp => "would-not-help",
            Self::CannotSay => "cannot-say",
        }
    }

    /// In plain words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Recommended => "would help",
            Self::InPlace => "in place, and helps",
            Self::WouldNotHelp => "would not help",
            Self::CannotSay => "cannot say",
        }
    }
}

/// One remedy.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Remedy {
    /// Which.
    pub kind: RemedyKind,
    /// What is said of it.
    pub verdict: Verdict,
    /// Why, one sentence each.
    pub why: Vec<String>,
    /// Of a backup that worked: its plan has less data than it would have taken.
    #[serde(skip)]
    pub too_little_data: bool,
    /// What it would have done for each activity; empty where it can't be replayed.
    pub gains: Vec<Gain>,
}

/// What a remedy would have done for one activity on the link.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Gain {
    /// Which.
    pub activity: ActivityRef,
    /// Share of the slots with evidence in which it worked. The interval takes the
    /// UNKNOWN slots first as bad, then as good.
    pub now: Figure,
    /// The same with the remedy. The interval's low end counts only slots that it
    /// surely would have saved, and UNKNOWN ones as bad; its high end counts those
    /// that it may have saved, and UNKNOWN ones as good.
    pub with: Figure,
    /// `with` less `now`; its interval resamples whole days.
    pub gain: Figure,
    /// The time gained, in milliseconds.
    pub gained_ms: u64,
    /// On how many days.
    pub days: u64,
}

impl Remedy {
    fn new(kind: RemedyKind, verdict: Verdict, why: impl Into<String>) -> Self {
        let why = vec![why.into()];
        Self { kind, verdict, why, too_little_data: false, gains: Vec::new() }
    }

    /// The gain that speaks loudest among the activities of these ids.
    pub fn best<'r>(&'r self, ids: &[ActivityRef]) -> Option<&'r Gain> {
        let points = |g: &Gain| g.gain.value().unwrap_or(0.0);
        self.gains
            .iter()
            .filter(|g| ids.contains(&g.activity))
            // Of equals the first in the catalogue.
            .reduce(|best, g| if points(g) > points(best) { g } else { best })
    }
}

impl Remedies {
    /// For a home, from its profile and its gaps.
    pub fn build(given: &Inputs<'_>, profile: &Profile, gaps: &Gaps) -> Self {
        let ledger = given.ledger;
        let does = given.home.map_or(&[][..], |h| &h.does);
        let named: Vec<ActivityRef> =
            ledger.activities.iter().filter(|a| does.contains(&a.id)).cloned().collect();
        let declared = !named.is_empty();
        let decided_by = if declared { named } else { ledger.activities.clone() };
        let Some(link) = gaps.primary.as_ref().map(|l| l.index) else {
            let cannot = |kind| Remedy::new(kind, Verdict::CannotSay, "the home has no link");
            let remedies = RemedyKind::ALL.map(cannot).into();
            return Self { link: None, decided_by, declared, remedies };
        };
        let mut replay = Replay::new(given, profile, link, &decided_by);
        let mut remedies = if let Some(why) = replay.too_short() {
            let kinds = RemedyKind::ALL.into_iter().filter(|k| *k != RemedyKind::Nothing);
            kinds.map(|kind| Remedy::new(kind, Verdict::CannotSay, why.clone())).collect()
        } else {
            let (line, gateway) = (Line::of(&replay), Gateway::of(&replay));
            let gateway = gateway.as_ref();
            vec![
                wifi::remedy(&mut replay, gateway),
                queue::remedy(&mut replay, &line, gateway),
                upload::remedy(&mut replay, declared),
                backup::remedy(&mut replay, gaps, gateway),
                repair::remedy(&mut replay, gaps, &line),
            ]
        };
        remedies.push(nothing::remedy(&replay, &remedies));
        Self { link: Some(ledger.links[link].clone()), decided_by, declared, remedies }
    }

    /// The remedy of a kind.
    pub fn of(&self, kind: RemedyKind) -> Option<&Remedy> {
        self.remedies.iter().find(|r| r.kind == kind)
    }

    /// What is recommended, the greatest gain first.
    pub fn recommended(&self) -> Vec<&Remedy> {
        let mut all: Vec<&Remedy> =
            self.remedies.iter().filter(|r| r.verdict == Verdict::Recommended).collect();
        let gain = |r: &Remedy| r.best(&self.decided_by).map_or(0, |g| g.gained_ms);
        all.sort_by_key(|r| std::cmp::Reverse(gain(r)));
        all
    }
}
