//! History and ledger in, profile out.

use jiff::tz::TimeZone;

use super::share::{activity, coverage, day_slots};
use super::{Profile, link};
use crate::history::History;
use crate::ledger::{Counts, Ledger};
use crate::report::days::days;

impl Profile {
    /// The profile of a history judged in `ledger`, local time by `tz`.
    pub fn build(history: &History, ledger: &Ledger, tz: &TimeZone) -> Self {
        let days = days(ledger.span, tz);
        let slots = day_slots(ledger, &days);
        let home = ledger.home();
        let known =
            |d: &&std::ops::Range<usize>| home[(*d).clone()].iter().any(|c| c.state().is_known());
        Self {
            coverage: coverage(&Counts::of(home.iter().map(|c| c.state()))),
            days: slots.iter().filter(known).count() as u64,
            activities: (0..ledger.activities.len())
                .map(|a| activity(ledger, a, &days, &slots, tz))
                .collect(),
            links: (0..ledger.links.len()).map(|l| link::link(history, ledger, l)).collect(),
        }
    }
}
