//! What would help a home, and what it says that it needs, for the profile's page.

use crate::console::{look::Shown, words};
use crate::profile::Needs;
use crate::remedies::{Gain, Remedies, Remedy};

/// One remedy.
pub(super) struct RemedyView {
    /// What.
    pub(super) name: String,
    /// Whether it would help.
    pub(super) verdict: &'static str,
    /// Why, a sentence each.
    pub(super) why: Vec<String>,
    /// What it would have done, where it would have done anything.
    pub(super) gains: Vec<GainRow>,
}

/// What a remedy would have done for an activity.
pub(super) struct GainRow {
    /// Which.
    pub(super) name: String,
    /// As it was, with the remedy, the difference.
    pub(super) cells: [Shown; 3],
    /// The time, and on how many days.
    pub(super) time: String,
}

/// One declared activity.
pub(super) struct NeedRow {
    /// Which.
    pub(super) name: String,
    /// Share of the time that matters.
    pub(super) worked: Shown,
    /// In words.
    pub(super) verdict: &'static str,
    /// Where need and delivery disagree.
    pub(super) why: Vec<String>,
}

fn gain(gain: &Gain) -> GainRow {
    let days = if gain.days == 1 { "day" } else { "days" };
    GainRow {
        name: gain.activity.name.clone(),
        cells: [&gain.now, &gain.with, &gain.gain].map(Shown::of),
        time: format!(
            "{} on {} {days}",
            words::length(gain.gained_ms as i64),
            words::count(gain.days)
        ),
    }
}

fn remedy(remedy: &Remedy) -> RemedyView {
    RemedyView {
        name: words::sentence(remedy.kind.words()),
        verdict: remedy.verdict.words(),
        why: remedy.why.iter().map(|why| format!("{}.", words::sentence(why))).collect(),
        gains: remedy.gains.iter().filter(|g| g.gained_ms > 0).map(gain).collect(),
    }
}

pub(super) fn remedies(all: &Remedies) -> Vec<RemedyView> {
    all.remedies.iter().map(remedy).collect()
}

pub(super) fn needs(needs: &Needs) -> Vec<NeedRow> {
    let rows = needs.needs.iter().map(|n| NeedRow {
        name: n.activity.name.clone(),
        worked: Shown::of(&n.when_it_matters),
        verdict: n.verdict.words(),
        why: n.why.iter().map(|why| words::sentence(why)).collect(),
    });
    rows.collect()
}
