//! Incidents in words.

use super::frame::Clock;
use crate::console::held::{Held, Place, Tally};
use crate::console::words;
use crate::explain::Asked;
use crate::gaps::{Incident, IncidentKind, Segment};
use crate::history::Span;
use crate::ledger::{Ledger, State};

/// One incident.
#[derive(Debug)]
pub(super) struct IncidentView {
    pub(super) title: String,
    pub(super) worst: State,
    pub(super) when: String,
    pub(super) hit: String,
    /// What held down the activities that it hit.
    pub(super) held: Option<String>,
    /// What explains its first slot.
    pub(super) href: String,
    pub(super) segment: &'static str,
    pub(super) evidence: Vec<String>,
}

impl IncidentView {
    pub(super) fn of(incident: &Incident, ledger: &Ledger, held: Held<'_>, at: &Clock) -> Self {
        let place = incident.link.as_ref().map_or("Whole home", |l| &l.label);
        let kind = match incident.kind {
            IncidentKind::Outage => "outage",
            IncidentKind::Degradation => "degradation",
        };
        let mut evidence: Vec<String> = incident.evidence.words().collect();
        evidence.push(format!("start: {}", incident.start.source));
        if let Some(end) = &incident.end {
            evidence.push(format!("end: {}", end.source));
        }
        Self {
            title: format!("{place}: {kind}, {}", place_of(incident.segment)),
            worst: incident.worst,
            when: when(incident, at),
            hit: hit(incident, ledger.activities.len()),
            held: held_down(incident, ledger, held),
            href: href(incident, ledger),
            segment: incident.segment.words(),
            evidence,
        }
    }
}

/// The most incidents on the overview, and on the gap report.
pub(super) const FEW: usize = 6;
pub(super) const MANY: usize = 60;

/// The `most` incidents that matter most, and how many more there are: those not
/// over first, then outages before what only was poor, the longer before the
/// shorter. They are shown with the latest first.
pub(super) fn worst(incidents: &[Incident], left_off: u64, most: usize) -> (Vec<&Incident>, u64) {
    let mut all: Vec<&Incident> = incidents.iter().collect();
    all.sort_by_key(|i| {
        (i.end.is_some(), i.kind != IncidentKind::Outage, std::cmp::Reverse(i.length_ms))
    });
    let more = all.len().saturating_sub(most) as u64 + left_off;
    all.truncate(most);
    all.sort_by_key(|i| (i.end.is_some(), std::cmp::Reverse(i.start.at)));
    (all, more)
}

fn place_of(segment: Segment) -> String {
    match segment {
        Segment::CannotTell => "segment: cannot tell".to_owned(),
        known => format!("segment: {}", known.words()),
    }
}

fn when(incident: &Incident, at: &Clock) -> String {
    let edge = |e: &crate::gaps::Edge| {
        if e.to_the_probe { at.exact(e.at) } else { format!("about {}", at.say(e.at)) }
    };
    let length = words::length(incident.length_ms as i64);
    match &incident.end {
        Some(end) => format!("{} to {} ({length})", edge(&incident.start), edge(end)),
        None => format!(
            "since {}, not over at the end of the time shown ({length} so far)",
            edge(&incident.start)
        ),
    }
}

fn hit(incident: &Incident, activities: usize) -> String {
    let names: Vec<String> = incident.activities.iter().map(|a| words::within(&a.name)).collect();
    let what = if names.is_empty() {
        "No activity of the catalogue was hit".to_owned()
    } else if names.len() == activities {
        "Hit every activity".to_owned()
    } else {
        format!("Hit {}", words::list(&names))
    };
    let on: Vec<&str> = incident.worked_on.iter().map(|l| l.label.as_str()).collect();
    if on.is_empty() {
        format!("{what}. No other link is known to have worked meanwhile.")
    } else {
        format!("{what}. Meanwhile {} carried all or some of it.", words::list(&on))
    }
}

/// What held down the activities that a degradation hit: "RTT p99 (at worst 212 ms) for
/// game; loss (at worst 4.0 %) for video call". An outage says it by being one.
fn held_down(incident: &Incident, ledger: &Ledger, held: Held<'_>) -> Option<String> {
    if incident.kind == IncidentKind::Outage {
        return None;
    }
    let place = incident.link.as_ref().map_or(Place::Anywhere, |l| Place::Link(l.index));
    let from = incident.start.at;
    let span = Span { from, to: from.plus(incident.length_ms as i64) };
    let mut by: Vec<(Tally, Vec<String>)> = Vec::new();
    for of in &incident.activities {
        let Some(activity) = ledger.activities.iter().position(|a| a.id == of.id) else { continue };
        let tally = held.within(place, activity, span);
        let Some(most) = tally.most() else { continue };
        let name = words::within(&of.name);
        match by.iter_mut().find(|(other, _)| other.most() == Some(most)) {
            Some((worst, names)) => {
                worst.worsen(&tally);
                names.push(name);
            }
            None => by.push((tally, vec![name])),
        }
    }
    let alone = by.len() == 1;
    let parts: Vec<String> = by
        .iter()
        .filter_map(|(tally, names)| {
            let worst = tally.worst()?;
            Some(if alone { worst } else { format!("{worst} for {}", words::list(names)) })
        })
        .collect();
    (!parts.is_empty()).then(|| format!("Held down by {}.", parts.join("; ")))
}

/// The explanation of its first slot, of the first activity hit.
fn href(incident: &Incident, ledger: &Ledger) -> String {
    let link = incident.link.as_ref().map_or("", |l| l.link.as_str());
    let activity = incident.activities.first().map_or("", |a| a.id.as_str());
    Asked::href(&ledger.household, incident.start.at, &[("activity", activity), ("link", link)])
}

/// What to say of incidents that are not listed.
pub(super) fn more(left_off: u64) -> Option<String> {
    (left_off > 0).then(|| {
        format!("{} more, shorter or milder ones are not listed here.", words::count(left_off))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gaps::{Edge, Evidence};
    use hearth_proto::UnixMs;

    fn incident(at: i64, minutes: u64, kind: IncidentKind, over: bool) -> Incident {
        let edge = |at| Edge { at: UnixMs(at), to_the_probe: true, source: "a test" };
        Incident {
            link: None,
            kind,
            start: edge(at),
            end: over.then(|| edge(at + minutes as i64 * 60_000)),
            length_ms: minutes * 60_000,
            slots: minutes,
            worst: State::Down,
            activities: Vec::new(),
            worked_on: Vec::new(),
            segment: Segment::CannotTell,
            evidence: Evidence::default(),
        }
    }

    #[test]
    fn the_worst_are_listed_with_the_latest_first() {
        use IncidentKind::{Degradation, Outage};
        let all = [
            incident(1, 5, Outage, true),
            incident(2, 90, Degradation, true),
            incident(3, 60, Outage, true),
            incident(4, 1, Degradation, false),
            incident(5, 10, Outage, true),
        ];
        let (shown, more) = worst(&all, 7, 3);
        assert_eq!(shown.iter().map(|i| i.start.at.0).collect::<Vec<_>>(), [4, 5, 3]);
        assert_eq!(more, 9);
    }
}
