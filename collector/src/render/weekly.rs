//! When an activity works: at the peaks, by the hours of the week, beside the period
//! before, and what decided when it did not.

use super::Style;
use super::figures::{points, short};
use super::table::{Align, Table};
use crate::profile::{ActivityProfile, Change, Direction, Profile, Week};
use crate::report::figure::percent;
use crate::report::wording::DAYS;

/// How many of the worst hours are named.
const WORST: usize = 3;

/// An hour of the week: `Mon 20:00`.
pub(crate) fn hour_words(week_hour: usize) -> String {
    format!("{} {}:00", DAYS[week_hour / 24 % 7], week_hour % 24)
}

/// The hours in which it worked least, the worst first, with its share; those in which
/// it always worked are none.
pub(crate) fn worst_hours(week: &Week, most: usize) -> Vec<(usize, f64)> {
    let known = week.worked.iter().enumerate();
    let mut bad: Vec<(usize, f64)> =
        known.filter_map(|(hour, worked)| Some((hour, (*worked)?))).filter(|w| w.1 < 1.0).collect();
    bad.sort_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0)));
    bad.truncate(most);
    bad
}

fn trend(change: &Change) -> String {
    match (change.direction, change.change.value()) {
        (Direction::NotEnoughData, _) | (_, None) => short(&change.change),
        (Direction::Steady, Some(_)) => "steady".to_owned(),
        (direction, Some(value)) => format!("{}, {}", direction.words(), points(value)),
    }
}

fn limits(a: &ActivityProfile) -> String {
    let shares = a.limits.iter().filter_map(|l| Some((l, l.share.value()?)));
    let said = shares.map(|(l, share)| format!("{} {}", l.factor.words(), percent(share)));
    said.collect::<Vec<_>>().join(", ")
}

pub(super) fn weekly(profile: &Profile, style: &Style) -> String {
    let mut out = style.heading("When it works (anywhere in the home; local time)");
    if !profile.activities.iter().any(says_when) {
        out += "not enough data: no hour was measured for long enough\n";
        return out + &decided(profile, style);
    }
    let mut table = Table::new(&[
        ("activity", Align::Left),
        ("20-22 h", Align::Right),
        ("Mon-Fri", Align::Right),
        ("12-14 h", Align::Right),
        ("Mon-Fri", Align::Right),
        ("worst hours of the week", Align::Left),
        ("beside the period before", Align::Left),
    ]);
    for a in &profile.activities {
        let peaks = &a.anywhere.peaks;
        let hours = worst_hours(&a.week.anywhere, WORST);
        let hours: Vec<String> = hours
            .iter()
            .map(|(h, share)| format!("{} {}", hour_words(*h), percent(*share)))
            .collect();
        table.row([
            a.activity.name.clone(),
            short(&peaks.evening.worked),
            short(&peaks.evening_weekdays.worked),
            short(&peaks.midday.worked),
            short(&peaks.midday_weekdays.worked),
            hours.join(", "),
            trend(&a.trend.anywhere),
        ]);
    }
    out += &table.render(style.width);
    out + &decided(profile, style)
}

/// Whether anything is known of when it works.
fn says_when(a: &ActivityProfile) -> bool {
    let peaks = &a.anywhere.peaks;
    let figures = [&peaks.evening, &peaks.evening_weekdays, &peaks.midday, &peaks.midday_weekdays];
    figures.iter().any(|peak| peak.worked.value().is_some())
        || a.week.anywhere.worked.iter().any(Option::is_some)
        || a.trend.anywhere.change.value().is_some()
}

/// What decided when it failed.
fn decided(profile: &Profile, style: &Style) -> String {
    let mut out = String::new();
    let limited: Vec<&ActivityProfile> =
        profile.activities.iter().filter(|a| !a.limits.is_empty()).collect();
    if !limited.is_empty() {
        out.push('\n');
        out += &style.heading("What decided when it failed on the link in use (of the bad slots)");
        let mut table = Table::new(&[
            ("activity", Align::Left),
            ("bad slots", Align::Right),
            ("decided by", Align::Left),
        ]);
        for a in limited {
            let slots: u64 = a.limits.iter().map(|l| l.slots).sum();
            table.row([a.activity.name.clone(), slots.to_string(), limits(a)]);
        }
        out += &table.render(style.width);
    }
    out
}

#[cfg(test)]
mod tests {
    use hearth_proto::Technology;
    use jiff::tz::TimeZone;

    use super::*;
    use crate::homes::Home;
    use crate::qoe::catalogue::Catalogue;
    use crate::report::household_report;
    use crate::scripted::{START, Script, ScriptLink};

    fn said(script: &Script) -> String {
        let (home, catalogue) = (Home::default(), Catalogue::built_in());
        let report = household_report(&script.history(), &home, &catalogue, &TimeZone::UTC, START);
        weekly(&report.1.profile, &Style { width: 100, tty: false, tz: TimeZone::UTC })
    }

    #[test]
    fn a_minute_has_no_table_of_hours_and_a_day_has() {
        let links = || vec![ScriptLink::new("eth0", Technology::Fttp, 20)];
        let minute = said(&Script::seconds(60, links()));
        assert!(minute.contains("not enough data") && !minute.contains("20-22 h"), "{minute}");
        let day = said(&Script::minutes(1440, links()));
        assert!(day.contains("20-22 h") && day.contains("Video call"), "{day}");
    }
}
