//! The customer's sentences. Shares are rounded towards the unfavourable side of
//! the range, so that 99.96 % is never '100 %'.

use hearth_proto::UnixMs;
use jiff::tz::TimeZone;

use super::{Level, StatementIncident, TimeAccount, Verdict};
use crate::gaps::{Incident, IncidentKind, Segment};
use crate::ledger::Ledger;
use crate::profile::ActivityProfile;
use crate::report::days::{length, to_the_minute};

/// A share in percent with at most two decimals, rounded down, so that only
/// the whole is 100 %.
pub(crate) fn percent(share: f64) -> String {
    let hundredths = (share * 10_000.0 + 1e-6).floor() / 100.0;
    format!("{hundredths} %")
}

/// `a, b and c`.
pub(super) fn list(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

/// A count with its thousands set apart.
pub(super) fn count(n: u64) -> String {
    let digits = n.to_string();
    let (head, rest) = digits.split_at((digits.len() + 2) % 3 + 1);
    let groups = rest.as_bytes().chunks(3).map(String::from_utf8_lossy);
    groups.fold(head.to_owned(), |all, group| format!("{all},{group}"))
}

pub(super) fn sentence(activity: &ActivityProfile, level: Level) -> String {
    let name = &activity.activity.name;
    let share = &activity.anywhere;
    let Some(worked) = share.worked.measured() else {
        return format!(
            "{name}: not enough data. {} of the time could be judged for it.",
            percent(share.coverage.value().unwrap_or(0.0))
        );
    };
    let how = match level {
        Level::Works => "worked",
        Level::MostlyWorks => "mostly worked:",
        Level::OftenFails => "often failed; it worked",
        Level::NeverWorked | Level::NotEnoughData => "did not work:",
    };
    let part = match worked.interval {
        Some(i) if i.has_width() => {
            format!("{} to {} of the time", percent(i.low), percent(i.high))
        }
        _ => format!("{} of the time measured", percent(worked.value)),
    };
    let unknown = 1.0 - share.coverage.value().unwrap_or(1.0);
    let unknown = if unknown < 0.0001 {
        String::new()
    } else {
        format!(" ({} was not measured)", percent(unknown))
    };
    let limit = activity.limiting.filter(|_| level != Level::Works);
    let limit = limit
        .map(|l| format!(" What held it back most on the main link: {}.", l.words()))
        .unwrap_or_default();
    format!("{name} {how} {part}{unknown}.{limit}")
}

pub(super) fn headline(verdicts: &[Verdict], time: &TimeAccount) -> String {
    if time.measured_ms == 0 {
        return "Nothing beyond the home was measured in this period, so nobody can say what worked.".into();
    }
    let of = |level: Level| -> Vec<&str> {
        let with = verdicts.iter().filter(|v| v.level == level);
        with.map(|v| v.activity.name.as_str()).collect()
    };
    let judged = verdicts.iter().filter(|v| v.level != Level::NotEnoughData).count();
    let (works, mostly) = (of(Level::Works), of(Level::MostlyWorks));
    let (often, never) = (of(Level::OftenFails), of(Level::NeverWorked));
    if judged == 0 {
        return "Too little was measured to say what worked.".into();
    }
    if works.len() == judged {
        let which = if judged == verdicts.len() {
            format!("All {judged} activities")
        } else {
            format!("All {judged} activities that could be judged")
        };
        return format!("{which} worked at least 99 % of the time measured.");
    }
    if never.len() == judged {
        return "Nothing worked in the time measured.".into();
    }
    let mut parts = Vec::new();
    if !never.is_empty() {
        parts.push(format!("{} did not work at all", list(&never)));
    }
    match (often.len(), mostly.len()) {
        (n, _) if n == judged => parts.push("Every activity often failed".to_owned()),
        (_, n) if n == judged => {
            parts.push("Everything worked most of the time, but not always".to_owned());
        }
        (0, 0) => {}
        (0, _) => {
            parts.push(format!("{} worked most of the time, but not always", list(&mostly)));
        }
        _ => parts.push(format!("{} often failed", list(&often))),
    }
    if !works.is_empty() {
        parts.push(match works.len() {
            1 => format!("{} worked well", list(&works)),
            n => format!("{n} other activities worked well"),
        });
    }
    format!("{}.", parts.join("; "))
}

pub(super) fn incident(
    i: &Incident,
    to: UnixMs,
    ledger: &Ledger,
    tz: &TimeZone,
) -> StatementIncident {
    let names: Vec<&str> = i.activities.iter().map(|a| a.name.as_str()).collect();
    let all = names.len() == ledger.activities.len();
    let hit = if all { "everything".to_owned() } else { list(&names) };
    let what = match (&i.link, i.kind) {
        (Some(link), IncidentKind::Outage) => format!("{} was out", link.label),
        (Some(link), IncidentKind::Degradation) => {
            format!("{} was too slow or lost too much for {hit}", link.label)
        }
        (None, IncidentKind::Outage) if ledger.links.len() > 1 => {
            "your home was cut off, with every link out".to_owned()
        }
        (None, IncidentKind::Outage) => "your home was cut off".to_owned(),
        (None, IncidentKind::Degradation) => {
            format!("the connection was not good enough for {hit}")
        }
    };
    let open = if i.end.is_none() { ", and not over when this period ended" } else { "" };
    let mut parts = vec![format!(
        "{}: {what} for {}{open}.",
        to_the_minute(i.start.at, tz),
        length(i.length_ms)
    )];
    let covered: Vec<&str> = i.worked_on.iter().map(|l| l.label.as_str()).collect();
    if !covered.is_empty() {
        parts.push(format!("{} still worked.", list(&covered)));
    }
    parts.push(place(i.segment).to_owned());
    StatementIncident {
        sentence: parts.join(" "),
        kind: i.kind,
        from: i.start.at,
        to,
        segment: i.segment,
        evidence: i.evidence.clone(),
    }
}

fn place(segment: Segment) -> &'static str {
    match segment {
        Segment::Home => "The fault was inside the home.",
        Segment::Access => "The fault was between the home and the provider.",
        Segment::CoreOrService => "The fault was in the provider's network or beyond.",
        Segment::Service => "The fault was at the service tested, not on the line.",
        Segment::CannotTell => "The measurements do not show where the fault was.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_is_100_percent() {
        assert_eq!(percent(1.0), "100 %");
        assert_eq!(percent(0.999_996), "99.99 %");
        assert_eq!(percent(0.95), "95 %");
        assert_eq!(percent(0.0), "0 %");
    }

    #[test]
    fn thousands_are_set_apart() {
        let said = [0, 12, 123, 1_234, 123_456, 2_675_470].map(count);
        assert_eq!(said, ["0", "12", "123", "1,234", "123,456", "2,675,470"]);
    }

    #[test]
    fn lists_read_as_a_person_says_them() {
        assert_eq!(list(&["a"]), "a");
        assert_eq!(list(&["a", "b", "c"]), "a, b and c");
    }
}
