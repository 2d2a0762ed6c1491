//! History and ledger in, gap report out.

use jiff::tz::TimeZone;

use super::{Gaps, activity, congestion, hours, incidents, together};
use crate::history::History;
use crate::ledger::Ledger;
use crate::report::figure::Figure;

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
        let links = incidents::of_links(history, ledger);
        let household = incidents::of_household(history, ledger);
        let stretches = hours::stretches(ledger, tz);
        let (places, mut intervals) = (hours::ByHour::of(&stretches), hours::Intervals::default());
        let activities = 0..ledger.activities.len();
        let by_hour: Vec<_> =
            activities.clone().map(|a| hours::counts(ledger.anywhere(a), &stretches)).collect();
        Self {
            primary: primary.map(|p| ledger.links[p].clone()),
            backups: backups.iter().map(|b| ledger.links[*b].clone()).collect(),
            worst_hours: activities
                .clone()
                .flat_map(|a| hours::worst(ledger, a, &by_hour[a], &places, &mut intervals))
                .collect(),
            hours: by_hour,
            congestion: (0..ledger.links.len())
                .map(|l| congestion::of_link(ledger, l, tz))
                .collect(),
            activities: activities
                .map(|a| activity::gaps(ledger, a, primary, &backups, None))
                .collect(),
            incidents: links.incidents,
            incidents_left_off: links.left_off,
            household_incidents: household.incidents,
            household_incidents_left_off: household.left_off,
            shared_fate: primary
                .map(|p| backups.iter().map(|b| together::shared_fate(ledger, p, *b)).collect())
                .unwrap_or_default(),
            backup_need: together::backup_need(ledger, primary, &stretches, tz),
            switch_over: Figure::not_enough(
                "agents of this version do not observe traffic moving to another link",
                0,
                1,
                "switch-overs",
            ),
        }
    }
}
