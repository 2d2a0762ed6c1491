//! From the reports to the customer's words.

use hearth_proto::{EventKind, Family, ProbeKind, UnixMs};
use jiff::tz::TimeZone;

use super::words::{count, headline, incident, sentence};
use super::{Level, Statement, TimeAccount, Verdict};
use crate::gaps::{Gaps, Incident, IncidentKind};
use crate::history::History;
use crate::ledger::{Counts, Ledger};
use crate::profile::{ActivityProfile, Profile, RttProfile};
use crate::report::days::{length, period, whole_length};
use crate::report::figure::IntervalMethod;

/// The most incidents a statement lists.
const MOST_INCIDENTS: usize = 20;

fn level(activity: &ActivityProfile) -> Level {
    match activity.anywhere.worked.value() {
        None => Level::NotEnoughData,
        Some(share) if share >= 0.99 => Level::Works,
        Some(share) if share >= 0.95 => Level::MostlyWorks,
        Some(share) if share > 0.0 => Level::OftenFails,
        Some(_) => Level::NeverWorked,
    }
}

fn verdict(activity: &ActivityProfile) -> Verdict {
    let level = level(activity);
    Verdict {
        activity: activity.activity.clone(),
        level,
        sentence: sentence(activity, level),
        worked: activity.anywhere.worked.clone(),
        coverage: activity.anywhere.coverage.clone(),
        confidence: activity.confidence,
    }
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

fn does_not_show(
    history: &History,
    ledger: &Ledger,
    profile: &Profile,
    time: &TimeAccount,
) -> Vec<String> {
    let mut lines = Vec::new();
    if time.unknown_ms > 0 {
        lines.push(format!(
            "For {} there are no measurements. That time counts neither as working nor as an \
             outage: the measuring device may have been off.",
            whole_length(time.unknown_ms)
        ));
    }
    if time.excluded_ms > 0 {
        lines.push(format!(
            "{} were left out; the reasons are given.",
            whole_length(time.excluded_ms)
        ));
    }
    if profile.days < 2 {
        lines.push("It covers less than two days, so it does not show what is usual.".into());
    }
    let unproven: Vec<&str> = profile
        .activities
        .iter()
        .filter(|a| a.anywhere.unproven > 0)
        .map(|a| a.activity.name.as_str())
        .collect();
    if !unproven.is_empty() {
        let which = if unproven.len() == profile.activities.len() {
            "the activities".to_owned()
        } else {
            unproven.join(", ")
        };
        lines.push(format!(
            "We did not test how fast the links are. Where the home's own use did not show the \
             speed needed for {which}, we took it to be there."
        ));
    }
    if ledger.links.len() > 1 {
        lines.push(
            "An activity counts as working while at least one link could carry it. We did not see \
             whether your devices switched to that link, or how quickly."
                .into(),
        );
    }
    lines.push(
        "It does not show the Wi-Fi in your rooms, your own devices, or whether one particular \
         service was working."
            .into(),
    );
    let dropped: u64 = history
        .events
        .iter()
        .map(|(_, e)| match e.kind {
            EventKind::SpoolDropped { slots, .. } => slots,
            _ => 0,
        })
        .fold(0, u64::saturating_add);
    if dropped > 0 {
        lines.push(format!(
            "{dropped} summaries were lost in the device's full memory; their time counts as not \
             measured."
        ));
    }
    if history.events.iter().any(|(_, e)| matches!(e.kind, EventKind::ClockStep { .. })) {
        lines.push(
            "The measuring device's clock was set during the period, so times before that may be \
             off."
                .into(),
        );
    }
    let mut unmeasured: Vec<String> = history
        .events
        .iter()
        .filter_map(|(_, e)| match &e.kind {
            EventKind::CannotMeasure { link, what, why, .. } => {
                let on = link.as_ref().map(|l| format!(" on {l}")).unwrap_or_default();
                Some(format!("Not measured{on}: {what}; {why}."))
            }
            _ => None,
        })
        .collect();
    unmeasured.sort_unstable();
    unmeasured.dedup();
    lines.extend(unmeasured);
    lines
}

fn probed(r: &RttProfile) -> String {
    let how = match r.probe {
        ProbeKind::Stamp => "STAMP, RFC 8762",
        _ => "ICMP echo",
    };
    let rate = if r.rate_hz >= 0.95 {
        format!("{:.0} a second", r.rate_hz)
    } else {
        let each = 1.0 / r.rate_hz.max(1e-6);
        format!("one every {each:.0} s, so short delays may be missed")
    };
    format!("{} tests, {rate} ({how}, {})", count(r.sent), family(r.family))
}

fn family(family: Family) -> &'static str {
    match family {
        Family::V4 => "IPv4",
        Family::V6 => "IPv6",
    }
}

fn how_measured(
    ledger: &Ledger,
    profile: &Profile,
    verdicts: &[Verdict],
    time: &TimeAccount,
) -> Vec<String> {
    let mut lines = vec![format!(
        "Software in the home sends small test packets over each link, and sums up the answers \
         every {}.",
        match length(u64::from(ledger.slot.ms())).as_str() {
            "1 min" => "minute",
            "1 s" => "second",
            other => other,
        }
    )];
    for link in &profile.links {
        let mut far: Vec<String> = link.rtt.iter().filter(|r| r.answered > 0).map(probed).collect();
        // Where neither STAMP nor ICMP gets through, TCP does the work.
        if far.is_empty() {
            let connects = link.phases.iter().filter(|p| p.probe == ProbeKind::TcpConnect);
            far.extend(
                connects.map(|p| {
                    format!("{} tests (TCP connect, {})", count(p.sent), family(p.family))
                }),
            );
        }
        let far = match far[..] {
            [] if link.rtt.iter().any(|r| r.sent > 0) => "no answers from beyond the home".into(),
            [] => "not tested in this time".into(),
            _ => far.join("; "),
        };
        lines.push(format!("{}: {far}.", link.link.label));
    }
    if time.measured_ms > 0 {
        lines.push(
            "Each sum was compared with what each activity needs (method: draft-ietf-ippm-qoo). An \
             outage counts only if the software was running and nothing beyond the home answered, \
             or the system said that the link was down."
                .into(),
        );
    }
    let by = |method| {
        verdicts
            .iter()
            .filter_map(|v| v.worked.interval())
            .any(|i| i.has_width() && i.method == method)
    };
    if by(IntervalMethod::BootstrapOverDays) {
        lines.push(
            "The range shows how far the result could move with other days like these (a 95 % \
             interval, from whole days drawn again at random)."
                .into(),
        );
    }
    if by(IntervalMethod::UnknownAsBadThenGood) {
        let of = if by(IntervalMethod::BootstrapOverDays) {
            "Where all days were alike, the range's low end"
        } else {
            "The range's low end"
        };
        lines.push(format!(
            "{of} counts the time without measurements as not working, its high end as working."
        ));
    }
    lines
}

fn listed(gaps: &Gaps) -> Vec<&Incident> {
    // The household's own, then outages that another link covered: what a
    // customer may have noticed.
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

fn end(i: &Incident) -> UnixMs {
    i.start.at.plus(i.length_ms as i64)
}

impl Statement {
    /// The statement of a household, drawn up at `now`, local time by `tz`.
    pub fn build(
        history: &History,
        ledger: &Ledger,
        profile: &Profile,
        gaps: &Gaps,
        tz: &TimeZone,
        now: UnixMs,
    ) -> Self {
        let verdicts: Vec<Verdict> = profile.activities.iter().map(verdict).collect();
        let all = listed(gaps);
        let left_off = all.len().saturating_sub(MOST_INCIDENTS) as u64;
        let time = time(ledger);
        Self {
            household: history.household.clone(),
            span: ledger.span,
            period: period(ledger.span, tz),
            time_zone: zone(tz),
            generated_at: now,
            catalogue: ledger.catalogue.clone(),
            headline: headline(&verdicts, &time),
            does_not_show: does_not_show(history, ledger, profile, &time),
            how_measured: how_measured(ledger, profile, &verdicts, &time),
            verdicts,
            time,
            incidents: all
                .into_iter()
                .take(MOST_INCIDENTS)
                .map(|i| incident(i, end(i), ledger, tz))
                .collect(),
            incidents_left_off: left_off + gaps.household_incidents_left_off,
            exclusions: history
                .exclusions
                .iter()
                .filter(|e| e.span.from < ledger.span.to && e.span.to > ledger.span.from)
                .cloned()
                .collect(),
        }
    }
}

/// A time zone's name.
pub(crate) fn zone(tz: &TimeZone) -> String {
    tz.iana_name().unwrap_or("local time").to_owned()
}
