//! A household's report: everything the collector says of a home over a span,
//! from its history. Read `figure` and `names` first: every report uses them.

pub(crate) mod calendar;
pub(crate) mod days;
pub mod figure;
mod indented;
pub(crate) mod interval;
pub(crate) mod median;
pub mod names;
#[cfg(test)]
mod tests;
pub(crate) mod wording;

use hearth_proto::{HouseholdId, UnixMs};
use jiff::tz::TimeZone;
use serde::Serialize;

pub(crate) use calendar::period_before;
pub use figure::{Figure, Interval, IntervalMethod, Measured, NotEnough, Unit};
pub use indented::{compact_json, json};
pub use names::{ActivityRef, LinkRef};

use crate::gaps::Gaps;
use crate::history::{History, Span};
use crate::homes::Home;
use crate::ledger::{Ledger, LedgerSummary};
use crate::profile::{Inputs, Previous, Profile};
use crate::promise::Promises;
use crate::qoe::catalogue::Catalogue;
use crate::remedies::Remedies;
use crate::statement::{Judged, Statement};

/// Everything said of one household over one span.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Whose.
    pub household: HouseholdId,
    /// Over which span: whole slots within the span asked for.
    pub span: Span,
    /// When it was drawn up.
    pub generated_at: UnixMs,
    /// The time zone its local times are in, by its IANA name where it has one.
    pub time_zone: String,
    /// The version of the activity catalogue judged by.
    pub catalogue: String,
    /// What is told of the home; nothing of it is measured.
    pub home: Home,
    /// The ledger in counts, and the state now.
    pub ledger: LedgerSummary,
    /// What works, how well.
    pub profile: Profile,
    /// What did not, where, and what would have helped.
    pub gaps: Gaps,
    /// What would help, and what would not.
    pub remedies: Remedies,
    /// What came of what was promised.
    pub promises: Promises,
    /// For the customer.
    pub statement: Statement,
}

impl Report {
    /// A part of it under its own name, with what stands over each.
    pub fn headed(&self, name: &str, body: &impl Serialize) -> serde_json::Value {
        serde_json::json!({
            "household": self.household,
            "span": self.span,
            "generated_at": self.generated_at,
            "time_zone": self.time_zone,
            "catalogue": self.catalogue,
            "ledger": self.ledger,
            name: body,
        })
    }
}

/// Judges a household's history by a catalogue and draws up its report at `now`,
/// local times by `tz`, beside what is told of its `home`. The ledger comes with it
/// for whoever draws its strips.
pub fn household_report(
    history: &History,
    home: &Home,
    catalogue: &Catalogue,
    tz: &TimeZone,
    now: UnixMs,
) -> (Ledger, Report) {
    household_report_after(history, None, home, catalogue, tz, now)
}

/// The same, with trends against the period `before`.
pub fn household_report_after(
    history: &History,
    before: Option<&History>,
    home: &Home,
    catalogue: &Catalogue,
    tz: &TimeZone,
    now: UnixMs,
) -> (Ledger, Report) {
    let tz = &named(tz.clone());
    let ledger = Ledger::build(history, catalogue);
    let previous = before.map(|h| Previous::of(&Ledger::build(h, catalogue), tz));
    let given = Inputs {
        home: Some(home),
        previous: previous.as_ref(),
        ..Inputs::new(history, &ledger, catalogue, tz)
    };
    let profile = Profile::build(&given);
    let gaps = Gaps::build(history, &ledger, tz).beside(&home.plans);
    let remedies = Remedies::build(&given, &profile, &gaps);
    let promises = Promises::judge(history, home, &ledger, tz);
    let judged = Judged {
        history,
        home,
        ledger: &ledger,
        profile: &profile,
        gaps: &gaps,
        remedies: &remedies,
        promises: &promises,
    };
    let statement = Statement::build(&judged, tz, now);
    let report = Report {
        household: history.household.clone(),
        span: ledger.span,
        generated_at: now,
        time_zone: zone(tz),
        catalogue: ledger.catalogue.clone(),
        home: home.clone(),
        ledger: ledger.summary(),
        profile,
        gaps,
        remedies,
        promises,
        statement,
    };
    (ledger, report)
}

/// A time zone's name.
pub(crate) fn zone(tz: &TimeZone) -> String {
    tz.iana_name().unwrap_or("local time").to_owned()
}

/// A zone that can be told by its name, else UTC: what was judged by a zone without one,
/// such as a copied `/etc/localtime`, nobody could judge again.
pub(crate) fn named(tz: TimeZone) -> TimeZone {
    if tz.iana_name().is_some() { tz } else { TimeZone::UTC }
}
