//! The hours of the week, in local time: how each activity fared in them, and
//! which were the worst.
//!
//! An hour is that of the wall clock: where clocks go back, one hour of that day
//! holds two, and where they go forward, one holds none.

use super::{HOURS_OF_WEEK, WorstHour};
use crate::ledger::sets::{LedgerSets, Sets};
use crate::ledger::{Counts, Ledger};
use crate::report::calendar::{Calendar, Stretch};
use crate::report::figure::{Figure, Unit};
use crate::report::interval::Resampler;

/// The fewest days that an hour of the week is ranked from.
const DAYS: usize = 2;

/// How many hours are named per activity.
const WORST: usize = 3;

/// One activity's counts by hour of the week.
fn counts(column: &Sets, calendar: &Calendar) -> Vec<Counts> {
    let mut hours = vec![Counts::default(); HOURS_OF_WEEK];
    for s in &calendar.stretches {
        hours[s.week_hour] += column.counts(&s.slots);
    }
    hours
}

fn bad(c: &Counts) -> u64 {
    c.degraded + c.down
}

/// The stretches of a calendar by the hour of the week that they are in.
struct ByHour<'c>(Vec<Vec<&'c Stretch>>);

impl<'c> ByHour<'c> {
    fn of(calendar: &'c Calendar) -> Self {
        let mut hours = vec![Vec::new(); HOURS_OF_WEEK];
        for s in &calendar.stretches {
            hours[s.week_hour].push(s);
        }
        Self(hours)
    }

    /// (bad, known) of each day's stretch of one hour of the week.
    fn days(&self, column: &Sets, hour: usize) -> Vec<(u64, u64)> {
        let mut days: Vec<(usize, (u64, u64))> = Vec::with_capacity(self.0[hour].len());
        for s in &self.0[hour] {
            let c = column.counts(&s.slots);
            match days.last_mut() {
                Some((day, sum)) if *day == s.day => *sum = (sum.0 + bad(&c), sum.1 + c.known()),
                _ => days.push((s.day, (bad(&c), c.known()))),
            }
        }
        days.into_iter().map(|d| d.1).filter(|d| d.1 > 0).collect()
    }
}

/// Each activity's counts by hour of the week, and the worst hours of all.
pub(super) fn of(
    ledger: &Ledger,
    sets: &LedgerSets,
    calendar: &Calendar,
) -> (Vec<Vec<Counts>>, Vec<WorstHour>) {
    let by_hour = ByHour::of(calendar);
    let mut resampler = Resampler::new();
    let all: Vec<Vec<Counts>> = sets.anywhere.iter().map(|c| counts(c, calendar)).collect();
    let mut named = Vec::new();
    for (a, hours) in all.iter().enumerate() {
        named.extend(worst(ledger, sets, a, hours, &by_hour, &mut resampler));
    }
    (all, named)
}

/// The worst hours of one activity: those bad on two days or more first, then by
/// their share.
fn worst(
    ledger: &Ledger,
    sets: &LedgerSets,
    activity: usize,
    hours: &[Counts],
    by_hour: &ByHour<'_>,
    resampler: &mut Resampler,
) -> Vec<WorstHour> {
    let column = &sets.anywhere[activity];
    let share = |c: &Counts| bad(c) as f64 / c.known() as f64;
    let mut ranked: Vec<usize> = (0..hours.len()).filter(|h| bad(&hours[*h]) > 0).collect();
    ranked.sort_by(|a, b| share(&hours[*b]).total_cmp(&share(&hours[*a])).then(a.cmp(b)));
    // Enough to find those that recur behind single long outages.
    ranked.truncate(8 * WORST);
    let mut found: Vec<WorstHour> = ranked
        .into_iter()
        .filter_map(|hour| {
            let days = by_hour.days(column, hour);
            if days.len() < DAYS {
                return None;
            }
            let counts = hours[hour];
            Some(WorstHour {
                activity: ledger.activities[activity].clone(),
                weekday: (hour / 24) as u8 + 1,
                hour: (hour % 24) as u8,
                slots: counts,
                days: days.len() as u64,
                bad_days: days.iter().filter(|d| d.0 > 0).count() as u64,
                bad: Figure::new(share(&counts), Unit::Ratio, counts.known(), "slots").within(None),
            })
        })
        .collect();
    found.sort_by_key(|w| w.bad_days < 2);
    found.truncate(WORST);
    for w in &mut found {
        let hour = usize::from(w.weekday - 1) * 24 + usize::from(w.hour);
        let interval = resampler.share(by_hour.days(column, hour).into_iter());
        w.bad = w.bad.clone().within(interval);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gaps::Gaps;
    use crate::qoe::catalogue::Catalogue;
    use crate::report::days::local;
    use crate::scripted::{Script, ScriptLink, What};
    use hearth_proto::Technology;
    use jiff::tz::TimeZone;

    const DAY: i64 = 86_400_000;
    const HOUR: i64 = 3_600_000;

    fn ledger(script: &Script) -> (crate::history::History, Ledger) {
        let history = script.history();
        let ledger = Ledger::build(&history, &Catalogue::built_in());
        (history, ledger)
    }

    fn quarters(days: i64, link: ScriptLink) -> Script {
        let mut script = Script::minutes(days * 96, vec![link]);
        (script.slot_ms, script.probe_every_ms) = (900_000, 9_000);
        script
    }

    #[test]
    fn hours_count_what_looking_at_each_slot_does() {
        let fail = |l: ScriptLink, i: i64| {
            l.trouble(i * 7 * HOUR, i * 7 * HOUR + i * 600_000, What::Access)
        };
        let link = (1..90).fold(ScriptLink::new("eth0", Technology::Fttp, 20), fail);
        let (_, ledger) = ledger(&quarters(40, link));
        for zone in ["Europe/Berlin", "Asia/Kathmandu", "Australia/Lord_Howe", "UTC"] {
            let tz = TimeZone::get(zone).unwrap();
            let column = ledger.anywhere(0);
            let mut each = vec![Counts::default(); HOURS_OF_WEEK];
            for (slot, cell) in column.iter().enumerate() {
                let at = local(ledger.at(slot), &tz);
                let weekday = at.weekday().to_monday_zero_offset() as usize;
                each[weekday * 24 + at.hour() as usize].add(cell.state());
            }
            assert_eq!(counts(&Sets::of(column), &ledger.calendar(&tz)), each, "{zone}");
        }
    }

    #[test]
    fn an_hour_that_fails_each_week_is_the_worst_and_a_single_outage_comes_after() {
        // Tuesdays from 20 to 21, four times, and three hours once on a Friday.
        let link = ScriptLink::new("eth0", Technology::Fttp, 20);
        let link = (0..4).fold(link, |l, week| {
            let from = week * 7 * DAY + 20 * HOUR;
            l.trouble(from, from + HOUR / 2, What::Access)
        });
        let link = link.trouble(3 * DAY, 3 * DAY + 3 * HOUR, What::Access);
        let (history, ledger) = ledger(&quarters(28, link));
        let gaps = Gaps::build(&history, &ledger, &TimeZone::UTC);
        let of_first: Vec<&WorstHour> =
            gaps.worst_hours.iter().filter(|w| w.activity == ledger.activities[0]).collect();
        assert_eq!(of_first.len(), 3);
        let first = of_first[0];
        assert_eq!((first.weekday, first.hour, first.days, first.bad_days), (2, 20, 4, 4));
        assert_eq!(first.slots.known(), 16);
        assert_eq!(first.bad.value(), Some(0.5));
        let bounds = first.bad.interval().unwrap();
        assert!(bounds.low <= 0.5 && 0.5 <= bounds.high);
        assert_eq!((of_first[1].weekday, of_first[1].bad_days), (5, 1));
    }

    #[test]
    fn a_single_week_ranks_no_hour() {
        let link = ScriptLink::new("eth0", Technology::Fttp, 20);
        let (history, ledger) = ledger(&quarters(6, link.trouble(0, DAY, What::Access)));
        assert!(Gaps::build(&history, &ledger, &TimeZone::UTC).worst_hours.is_empty());
    }
}
