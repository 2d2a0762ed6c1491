//! What a proposed promise would have come to: the model that is shown and exported.

use hearth_proto::HouseholdId;
use serde::Serialize;

use super::groups::Tally;
use super::guarantee::Guarantee;
use crate::anonymity::K;
use crate::homes::Audience;
use crate::report::figure::{Figure, Unit};

/// What a replay does not show.
const LIMITS: [&str; 3] = [
    "The past of homes with an agent: others may be worse or better off, and what comes may \
     differ from what was.",
    "Where a home used less than the speed that the activity needs, and no test showed it, that \
     speed is taken as given.",
    "Time without evidence counts neither for nor against the promise, and excluded time is left \
     out; a period with too little evidence is not judged.",
];

const FOR_PRODUCT: &str = "It counts only homes that agreed that product and marketing may see them. They are told by \
     area and technology only where they agreed to area reports too; the others are among 'other \
     homes'.";

const FOR_NOC: &str = "It counts all homes, also those that have not agreed that product and marketing may see \
     them: it is not for these. Homes are told by area and technology only where they agreed to \
     area reports, by need only where they agreed that product may see it; the others are among \
     'other homes'.";

const ANONYMITY: &str = "No figure by area, technology or need is over fewer homes than k, nor can one be reckoned \
     from the rows of all three tables. What a replay of other homes, periods or readers tells \
     may be subtracted from this one: that is not prevented.";

/// What a replay for an audience does not show, a sentence or two each.
pub(super) fn limits(audience: Audience) -> Vec<String> {
    let whom = match audience {
        Audience::Noc => FOR_NOC,
        Audience::Product => FOR_PRODUCT,
    };
    LIMITS.into_iter().chain([whom, ANONYMITY]).map(str::to_owned).collect()
}

/// What a promise would have come to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Simulation {
    /// The promise.
    pub guarantee: Guarantee,
    /// For whom it is drawn up.
    pub audience: Audience,
    /// Homes that are left out, as they did not agree to be seen by them.
    pub not_agreed: u64,
    /// The version of the catalogue judged by.
    pub catalogue: String,
    /// The first day, by each home's own calendar.
    pub from: Option<String>,
    /// The day after the last.
    pub to: Option<String>,
    /// How many periods that is.
    pub periods: u64,
    /// The fewest homes that a figure of a group is over.
    pub k: K,
    /// All homes that were judged.
    pub whole: Row,
    /// Periods broken whatever the time without evidence was like.
    pub broken_at_least: u64,
    /// Periods broken if nothing worked in the time without evidence.
    pub broken_at_most: u64,
    /// Periods of homes with too little evidence: neither kept nor broken.
    pub not_judged: u64,
    /// Homes of which no period was judged.
    pub never_judged: u64,
    /// The first hundred of them by name.
    pub never_judged_named: Vec<Never>,
    /// By the operator's areas.
    pub by_area: Table,
    /// By the technology of the link that the promise rests on.
    pub by_technology: Table,
    /// By what homes say they do; a home may be in several.
    pub by_need: Table,
    /// At other shares, all else alike.
    pub thresholds: Vec<Threshold>,
    /// What it does not show, a sentence each.
    pub limits: Vec<String>,
}

/// A home that was never judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Never {
    /// Which.
    pub household: HouseholdId,
    /// Why.
    pub why: &'static str,
}

/// Groups of homes, the worst first.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Table {
    /// A row for each.
    pub rows: Vec<Row>,
    /// Groups that are not told by name: they, or what they leave of others, are too few
    /// homes.
    pub groups_not_told: u64,
}

/// A group of homes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// Its name.
    pub name: String,
    /// Homes with a period that was judged.
    pub homes: u64,
    /// Of them, with one that was broken.
    pub homes_broken: u64,
    /// Periods that were judged.
    pub judged: u64,
    /// Periods that were broken.
    pub broken: u64,
    /// The share of periods broken.
    pub share: Figure,
    /// What would have been paid, in the currency.
    pub paid: f64,
    /// The same for a home and period; its interval from homes drawn again.
    pub paid_mean: Option<Mean>,
}

/// A mean amount in the currency.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Mean {
    /// The mean.
    pub value: f64,
    /// The ends of its 95 % interval; `None` for under two homes.
    pub between: Option<(f64, f64)>,
}

/// What another share would have come to.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Threshold {
    /// The share promised.
    pub share: f64,
    /// Periods broken.
    pub broken: u64,
    /// Homes with one.
    pub homes_broken: u64,
    /// What would have been paid, in the currency.
    pub paid: f64,
}

impl Row {
    pub(super) fn of(name: &str, tally: &Tally) -> Self {
        let sums = tally.sums;
        let share = if sums.judged == 0 {
            Figure::not_enough("no period was judged", 0, 1, "periods")
        } else {
            Figure::new(
                sums.broken as f64 / sums.judged as f64,
                Unit::Ratio,
                sums.judged,
                "periods",
            )
            .within(tally.interval(|s| s.broken))
        };
        let between = tally.interval(|s| s.paid).map(|i| (i.low / 100.0, i.high / 100.0));
        let mean = |value| Mean { value, between };
        Self {
            name: name.to_owned(),
            homes: tally.homes,
            homes_broken: tally.homes_broken,
            judged: sums.judged,
            broken: sums.broken,
            share,
            paid: sums.paid as f64 / 100.0,
            paid_mean: (sums.judged > 0)
                .then(|| mean(sums.paid as f64 / 100.0 / sums.judged as f64)),
        }
    }

    pub(super) fn share_broken(&self) -> f64 {
        self.share.value().unwrap_or(0.0)
    }
}
