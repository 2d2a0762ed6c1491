//! Promises: whether those that were made were kept, and what one would have cost.
//!
//! Read in this order: the model here; `chosen` (which tests and times are evidence
//! on a line); one file per rule, `bnetza`, `bead`, `ofcom` and `sla`; then
//! [`guarantee`] (a proposed promise) and [`hours`] (when it counts), `groups` and
//! `kinds` (for whom, so that nobody is found out), [`replay`] (history held against it),
//! [`simulation`] (what came of it) and [`by_day`] (how sure it is of a single home).

mod bead;
mod bnetza;
pub mod by_day;
mod chosen;
mod groups;
pub mod guarantee;
pub mod hours;
mod kinds;
mod ofcom;
pub mod replay;
pub mod simulation;
mod sla;
#[cfg(test)]
mod tests;

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::history::History;
use crate::homes::{Home, Sold, SoldSpeed};
use crate::ledger::Ledger;
use crate::report::figure::Figure;
use crate::report::names::LinkRef;

/// What came of the promises made to one household, over a span.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Promises {
    /// By link, rule and direction.
    pub verdicts: Vec<Verdict>,
    /// Plans that are told of links that were never heard of.
    pub links_not_heard: Vec<String>,
    /// Links of which no plan is told: nothing to hold them against.
    pub links_without_plan: Vec<LinkRef>,
}

/// What a rule says of one link.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Verdict {
    /// Which rule.
    pub rule: Rule,
    /// The text it follows, and the version of ours.
    pub version: &'static str,
    /// Of which link.
    pub link: LinkRef,
    /// In which direction; `None`: of the link as a whole.
    pub direction: Option<Direction>,
    /// The gist.
    pub outcome: Outcome,
    /// One sentence in plain words.
    pub said: String,
    /// The figures it rests on.
    pub evidence: Vec<Evidence>,
    /// What it does not prove, a sentence each.
    pub limits: Vec<String>,
}

/// A rule that a promise is held against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// Bundesnetzagentur Vfg. 99/2021, as a pre-check.
    BnetzaFixed,
    /// The US BEAD programme's performance rule.
    Bead,
    /// A range at peak, 20:00 to 22:00, as Ofcom's code has it.
    OfcomEvening,
    /// A range at peak, 12:00 to 14:00.
    OfcomMidday,
    /// The availability promised.
    Sla,
}

impl Rule {
    /// As a person knows it.
    pub fn name(self) -> &'static str {
        match self {
            Self::BnetzaFixed => "BNetzA fixed line",
            Self::Bead => "BEAD",
            Self::OfcomEvening => "speed range, evening peak",
            Self::OfcomMidday => "speed range, midday peak",
            Self::Sla => "availability",
        }
    }
}

/// Towards the home or from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// Download.
    Down,
    /// Upload.
    Up,
}

impl Direction {
    /// As a person says it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Down => "download",
            Self::Up => "upload",
        }
    }

    fn sold(self, plan: &Sold) -> SoldSpeed {
        match self {
            Self::Down => plan.down,
            Self::Up => plan.up,
        }
    }
}

/// The gist of a verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It held, on enough evidence.
    Kept,
    /// It did not.
    Broken,
    /// It can't be said.
    NotEnoughData,
}

impl Outcome {
    /// In plain words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Broken => "broken",
            Self::NotEnoughData => "not enough data",
        }
    }
}

/// One figure of a verdict.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Evidence {
    /// What was counted or measured.
    pub what: String,
    /// What was found, with its count.
    pub found: Figure,
    /// What the rule asks of it, where it asks.
    pub asked: Option<String>,
}

impl Evidence {
    fn new(what: impl Into<String>, found: Figure, asked: Option<&str>) -> Self {
        Self { what: what.into(), found, asked: asked.map(str::to_owned) }
    }
}

/// One link with its plan and all that a rule may look at.
#[derive(Clone, Copy)]
struct Line<'h> {
    history: &'h History,
    ledger: &'h Ledger,
    tz: &'h TimeZone,
    link: &'h LinkRef,
    plan: &'h Sold,
}

impl Line<'_> {
    fn verdict(&self, rule: Rule, version: &'static str, direction: Option<Direction>) -> Verdict {
        Verdict {
            rule,
            version,
            link: self.link.clone(),
            direction,
            outcome: Outcome::NotEnoughData,
            said: String::new(),
            evidence: Vec::new(),
            limits: Vec::new(),
        }
    }
}

/// A speed for a person.
fn mbps(bps: u64) -> String {
    format!("{} Mbit/s", bps as f64 / 1e6)
}

impl Promises {
    /// Holds what was measured of a household against what is told to have been
    /// sold to it; local times by `tz`.
    pub fn judge(history: &History, home: &Home, ledger: &Ledger, tz: &TimeZone) -> Self {
        let mut verdicts = Vec::new();
        let mut links_without_plan = Vec::new();
        for link in &ledger.links {
            let Some(plan) = home.sold(link.link.as_str()) else {
                links_without_plan.push(link.clone());
                continue;
            };
            let line = Line { history, ledger, tz, link, plan };
            let tests = chosen::tests(&line);
            for direction in [Direction::Down, Direction::Up] {
                let sold = direction.sold(plan);
                if sold == SoldSpeed::default() {
                    continue;
                }
                let tests = tests.of(direction);
                if !link.technology.is_mobile() {
                    verdicts.push(bnetza::judge(&line, direction, &tests));
                }
                if sold.max_bps.is_some() {
                    verdicts.push(bead::judge(&line, direction, &tests));
                }
                verdicts.extend(ofcom::judge(&line, direction, &tests));
            }
            verdicts
                .extend(plan.availability_percent.map(|target| sla::judge(&line, home, target)));
        }
        let heard = |name: &str| ledger.links.iter().any(|l| l.link.as_str() == name);
        let plans = home.plans.iter().map(|plan| &plan.link);
        let links_not_heard = plans.filter(|name| !heard(name)).cloned().collect();
        Self { verdicts, links_not_heard, links_without_plan }
    }
}
