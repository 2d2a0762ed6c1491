//! What would have helped, as the statement keeps it: shares in millionths.

use serde::{Deserialize, Serialize};

use super::ShareRange;
use crate::remedies::{RemedyKind, Verdict};

/// What would have helped a home, and what would not. Links are named by their place
/// in `links`, activities by theirs in `verdicts`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Help {
    /// The link that it is for; `None`: the home has none.
    pub link: Option<usize>,
    /// The activities that decide, where the home declared them; empty: all do.
    pub declared: Vec<usize>,
    /// One of each kind, in the order of [`RemedyKind::ALL`].
    pub with: Vec<HelpWith>,
    /// What is recommended, the greatest gain first.
    pub recommended: Vec<RemedyKind>,
}

/// One remedy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HelpWith {
    /// Which.
    pub kind: RemedyKind,
    /// What is said of it.
    pub verdict: Verdict,
    /// It would have gained enough, on too few days to tell it from chance.
    pub may_be_chance: bool,
    /// A backup worked, but its plan has less data than it would have taken.
    #[serde(default)]
    pub too_little_data: bool,
    /// The gain that speaks loudest among the activities that decide.
    pub best: Option<HelpGain>,
    /// Every activity that would have gained.
    pub gains: Vec<HelpGain>,
}

/// What a remedy would have done for one activity on the link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct HelpGain {
    /// Which.
    pub activity: usize,
    /// Slots with evidence.
    pub slots: u64,
    /// Share of them in which it worked, in millionths.
    pub now_ppm: u32,
    /// Share in which it would have worked.
    pub with_ppm: u32,
    /// The bounds of that, where they lie apart.
    pub with_range: Option<ShareRange>,
    /// The time gained, in milliseconds.
    pub gained_ms: u64,
    /// On how many days.
    pub days: u64,
}

impl Help {
    /// The remedy of a kind.
    pub fn of(&self, kind: RemedyKind) -> Option<&HelpWith> {
        self.with.iter().find(|w| w.kind == kind)
    }
}
