//! History and ledger in, gap report out.

use jiff::tz::TimeZone;

use super::incidents::Told;
use super::switch_over::SwitchOvers;
use super::{Gaps, activity, congestion, hours, together};
use crate::history::History;
use crate::ledger::Ledger;
use crate::ledger::sets::LedgerSets;
use crate::report::days::days;

/// F: the preferred fixed link, else the preferred link.
pub(super) fn primary(ledger: &Ledger) -> Option<usize> {
    let fixed = ledger.links.iter().position(|l| !l.technology.is_mobile());
    fixed.or_else(|| ledger.in_use())
}

impl Gaps {
    /// The gaps of a history judged in `ledger`, local time by `tz`.
    pub fn build(history: &History, ledger: &Ledger, tz: &TimeZone) -> Self {
        let primary = primary(ledger);
        let backups: Vec<usize> = (0..ledger.links.len())
            .filter(|l| ledger.links[*l].technology.is_mobile() && Some(*l) != primary)
            .collect();
        let switch_overs = SwitchOvers::of(history, ledger, primary, &backups);
        let sets = LedgerSets::of(ledger);
        let told = Told::of(history, ledger, &sets);
        let (links, household) = (told.of_links(), told.of_household());
        let (calendar, days) = (ledger.calendar(tz), days(ledger.span, tz));
        let (hours, worst_hours) = hours::of(ledger, &sets, &calendar);
        Self {
            primary: primary.map(|p| ledger.links[p].clone()),
            backups: backups.iter().map(|b| ledger.links[*b].clone()).collect(),
            worst_hours,
            hours,
            congestion: (0..ledger.links.len())
                .map(|l| congestion::of_link(ledger, l, &days, tz))
                .collect(),
            activities: (0..ledger.activities.len())
                .map(|a| activity::gaps(ledger, &sets, a, primary, &backups, &switch_overs))
                .collect(),
            incidents: links.incidents,
            incidents_left_off: links.left_off,
            household_incidents: household.incidents,
            household_incidents_left_off: household.left_off,
            shared_fate: primary
                .map(|p| {
                    backups.iter().map(|b| together::shared_fate(ledger, &sets, p, *b)).collect()
                })
                .unwrap_or_default(),
            backup_need: together::backup_need(ledger, primary, &calendar, &days),
            switch_over: switch_overs.figure(),
            switch_overs: switch_overs.into_list(),
        }
    }
}
