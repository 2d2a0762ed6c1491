//! From the reports to the statement's model. Read `verdicts` first, then `parts` and
//! `help`.

mod help;
mod parts;
mod verdicts;

use hearth_proto::{AgentId, EventKind, LinkName, UnixMs};
use jiff::ToSpan;
use jiff::civil::Date;
use jiff::tz::TimeZone;

pub use verdicts::{LEAST_COVERED_PPM, LEAST_MEASURED_MS, LEAST_OVERALL_MS};

use super::{LeftOut, MOST_INCIDENTS, Named, NotShown, Statement, StatementIncident, TimeAccount};
use crate::gaps::{Gaps, Incident, IncidentKind};
use crate::history::{Exclusion, History, Span};
use crate::homes::Home;
use crate::ledger::{Counts, Ledger};
use crate::profile::Profile;
use crate::promise::Promises;
use crate::remedies::Remedies;
use crate::report::days::local;
use crate::report::names::LinkRef;

/// What a statement is made of.
#[derive(Debug, Clone, Copy)]
pub struct Judged<'a> {
    /// The records.
    pub history: &'a History,
    /// What is told of the home.
    pub home: &'a Home,
    /// The ledger of the records.
    pub ledger: &'a Ledger,
    /// What works.
    pub profile: &'a Profile,
    /// What does not.
    pub gaps: &'a Gaps,
    /// What would help.
    pub remedies: &'a Remedies,
    /// What was promised.
    pub promises: &'a Promises,
}

fn time(ledger: &Ledger) -> TimeAccount {
    let connection = Counts::of(ledger.home().iter().map(|c| c.state()));
    let slot_ms = u64::from(ledger.slot.ms());
    TimeAccount {
        measured_ms: connection.known() * slot_ms,
        unknown_ms: connection.unknown * slot_ms,
        excluded_ms: connection.excluded * slot_ms,
        connection,
    }
}

/// The month of `tz` that the span is, if it is a whole one.
fn month(span: Span, tz: &TimeZone) -> Option<(i16, i8)> {
    let first = local(span.from, tz).date();
    let (first, end) = month_of(first.year(), first.month(), tz)?;
    (Span { from: first, to: end } == span)
        .then(|| local(first, tz).date())
        .map(|d| (d.year(), d.month()))
}

/// From the first instant of a calendar month to that of the next, in `tz`.
pub(crate) fn month_of(year: i16, month: i8, tz: &TimeZone) -> Option<(UnixMs, UnixMs)> {
    let first = Date::new(year, month, 1).ok()?;
    let next = first.checked_add(1.month()).ok()?;
    let at =
        |date: Date| date.to_zoned(tz.clone()).ok().map(|z| UnixMs(z.timestamp().as_millisecond()));
    Some((at(first)?, at(next)?))
}

/// The month of `tz` that a text such as `2026-10` names.
pub(crate) fn month_named(text: &str, tz: &TimeZone) -> Option<Span> {
    let (year, month) = text.split_once('-').filter(|(y, m)| y.len() == 4 && m.len() == 2)?;
    let (year @ 2000..=2100, month) = (year.parse().ok()?, month.parse().ok()?) else {
        return None;
    };
    month_of(year, month, tz).map(|(from, to)| Span { from, to })
}

fn does_not_show(
    history: &History,
    ledger: &Ledger,
    profile: &Profile,
    time: &TimeAccount,
) -> Vec<NotShown> {
    let mut all = Vec::new();
    if time.unknown_ms > 0 {
        all.push(NotShown::Unknown(time.unknown_ms));
    }
    if time.excluded_ms > 0 {
        all.push(NotShown::Excluded(time.excluded_ms));
    }
    let asides = profile.links.iter().filter(|l| l.time.set_aside_slots > 0);
    if let Some(most) = asides.map(|l| l.time.set_aside_slots).max() {
        all.push(NotShown::OneTarget(most * u64::from(ledger.slot.ms())));
    }
    if profile.days < 2 {
        all.push(NotShown::FewDays);
    }
    let unproven: Vec<usize> = (profile.activities.iter().enumerate())
        .filter(|(_, a)| a.anywhere.unproven > 0)
        .map(|(place, _)| place)
        .collect();
    if !unproven.is_empty() {
        all.push(NotShown::Unproven(unproven));
    }
    if ledger.links.len() > 1 {
        all.push(NotShown::Switching);
    }
    all.push(NotShown::Beyond);
    let dropped: u64 = history
        .events
        .iter()
        .map(|(_, e)| match e.kind {
            EventKind::SpoolDropped { slots, .. } => slots,
            _ => 0,
        })
        .fold(0, u64::saturating_add);
    if dropped > 0 {
        all.push(NotShown::Dropped(dropped));
    }
    if history.events.iter().any(|(_, e)| matches!(e.kind, EventKind::ClockStep { .. })) {
        all.push(NotShown::ClockSet);
    }
    let mut unmeasured: Vec<(Option<&LinkName>, &str, &str, &AgentId)> = history
        .events
        .iter()
        .filter_map(|(agent, e)| match &e.kind {
            EventKind::CannotMeasure { link, what, why, .. } => {
                Some((link.as_ref(), what.as_str(), why.as_str(), agent))
            }
            _ => None,
        })
        .collect();
    unmeasured.sort_unstable();
    let told = unmeasured.into_iter().map(|(link, what, why, agent)| NotShown::CannotMeasure {
        link: link.map(|l| named(ledger, l.as_str(), Some(agent))),
        what: what.to_owned(),
        why: why.to_owned(),
    });
    all.extend(told);
    // What several agents say of no link is one thing.
    all.dedup();
    all
}

fn end(i: &Incident) -> UnixMs {
    i.start.at.plus(i.length_ms as i64)
}

/// The household's own, then outages that another link covered: what a customer
/// may have noticed.
fn listed(gaps: &Gaps) -> Vec<&Incident> {
    let of_links = gaps.incidents.iter().filter(|i| i.kind == IncidentKind::Outage);
    let covered = of_links.filter(|i| {
        !gaps
            .household_incidents
            .iter()
            .any(|h| h.kind == IncidentKind::Outage && h.start.at <= end(i) && i.start.at <= end(h))
    });
    let mut all: Vec<&Incident> = gaps.household_incidents.iter().chain(covered).collect();
    all.sort_by_key(|i| (std::cmp::Reverse(i.length_ms), i.start.at));
    all
}

fn incident(i: &Incident, ledger: &Ledger) -> StatementIncident {
    let place = |id: &str| ledger.activities.iter().position(|a| a.id == id);
    StatementIncident {
        link: i.link.as_ref().map(|l| l.index),
        kind: i.kind,
        from: i.start.at,
        from_to_the_probe: i.start.to_the_probe,
        to: end(i),
        to_to_the_probe: i.end.as_ref().is_some_and(|e| e.to_the_probe),
        over: i.end.is_some(),
        slots: i.slots,
        activities: i.activities.iter().filter_map(|a| place(&a.id)).collect(),
        worked_on: i.worked_on.iter().map(|l| l.index).collect(),
        segment: i.segment,
        facts: i.evidence.facts.clone(),
    }
}

/// The links of that name, of one agent or of all.
fn named(ledger: &Ledger, name: &str, agent: Option<&AgentId>) -> Named {
    let of = |l: &&LinkRef| l.link.as_str() == name && agent.is_none_or(|a| l.agent == *a);
    let these: Vec<usize> = ledger.links.iter().filter(of).map(|l| l.index).collect();
    if these.is_empty() { Named::Unheard(name.to_owned()) } else { Named::These(these) }
}

/// Those that touch the span, in an order of their own and each once: the order in
/// which they were entered is not among the records.
fn exclusions(history: &History, ledger: &Ledger) -> Vec<LeftOut> {
    let span = ledger.span;
    let touch = |e: &&Exclusion| e.span.from < span.to && e.span.to > span.from;
    let mut all: Vec<Exclusion> = history.exclusions.iter().filter(touch).cloned().collect();
    let key = |e: &Exclusion| (e.span.from, e.span.to, e.link.clone(), e.by.clone(), e.why.clone());
    all.sort_by_cached_key(key);
    all.dedup();
    let left_out = |Exclusion { link, span, by, why }| LeftOut {
        links: link.map_or(Named::All, |name| named(ledger, &name, None)),
        span,
        by,
        why,
    };
    all.into_iter().map(left_out).collect()
}

impl Statement {
    /// The statement of a household, drawn up at `now`, local time by `tz`.
    pub fn build(judged: &Judged<'_>, tz: &TimeZone, now: UnixMs) -> Self {
        let Judged { history, home, ledger, profile, gaps, remedies, promises } = *judged;
        let time = time(ledger);
        let verdicts = verdicts::verdicts(profile, u64::from(ledger.slot.ms()));
        let all = listed(gaps);
        let left_off = all.len().saturating_sub(MOST_INCIDENTS) as u64;
        let links: Vec<_> = profile.links.iter().map(|l| parts::link(l, profile)).collect();
        Self {
            household: history.household.clone(),
            span: ledger.span,
            month: month(ledger.span, tz),
            time_zone: tz.iana_name().unwrap_or("UTC").to_owned(),
            generated_at: now,
            catalogue: ledger.catalogue.clone(),
            slot_ms: u64::from(ledger.slot.ms()),
            headline: verdicts::headline(&verdicts, &time),
            does_not_show: does_not_show(history, ledger, profile, &time),
            promised: parts::promised(home, &links),
            rules: parts::rules(promises, home),
            verdicts,
            time,
            incidents: all.into_iter().take(MOST_INCIDENTS).map(|i| incident(i, ledger)).collect(),
            incidents_left_off: left_off + gaps.household_incidents_left_off,
            help: help::help(remedies, ledger),
            exclusions: exclusions(history, ledger),
            links,
        }
    }
}
