//! What a home says that it does, and whether it gets it. Needs come from what was
//! declared and from the hours of the day alone: no traffic is looked into, no
//! destination kept.
//!
//! An hour weighs as much as there are domains of the activity in whose hours it
//! lies, so that a video call counts three times at ten on a Monday (life, work and
//! care) and once at night (care alone). The hours are own judgement:
//! work Monday to Friday 8:00 to 18:00; play Monday to Friday 16:00 to 23:00 and
//! 10:00 to 23:00 at weekends; everyday life 7:00 to 23:00; care always.

use serde::Serialize;

use super::build::Inputs;
use super::columns::Tally;
use super::share::{LEAST_SHARE_MS, slots_of, unknown_bounds};
use super::{LinkProfile, delivered};
use crate::ledger::Cell;
use crate::qoe::catalogue::{Activity, Domain};
use crate::report::calendar::Calendar;
use crate::report::figure::{Figure, Interval, Unit};
use crate::report::interval::Resampler;
use crate::report::names::ActivityRef;

/// The share from which a need is met: method and statement call it 'works'.
const MET: f64 = 0.99;

/// What the home needs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Needs {
    /// One per declared activity, in the catalogue's order. Empty: nothing was
    /// declared, and nothing is guessed.
    pub needs: Vec<Need>,
    /// Declared, but no activity of the catalogue.
    pub unknown: Vec<String>,
}

/// One declared activity.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Need {
    /// Which.
    pub activity: ActivityRef,
    /// The domains it belongs to: they say when it matters.
    pub domains: Vec<&'static str>,
    /// Share of the time that it worked on any link, each hour weighed by how much
    /// it matters.
    pub when_it_matters: Figure,
    /// Whether the home gets what it needs.
    pub verdict: NeedVerdict,
    /// Where need and delivery disagree, in plain words.
    pub why: Vec<String>,
}

/// Whether a home gets what it needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum NeedVerdict {
    /// It worked 99 % of the time that matters, and nothing known is too slow.
    Met,
    /// It surely did not, or a link that is in use was sold or measured too slow.
    NotMet,
    /// It may or may not: the range holds 99 %.
    Unclear,
    /// Too little was measured.
    NotEnoughData,
}

impl NeedVerdict {
    /// In plain words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Met => "met",
            Self::NotMet => "not met",
            Self::Unclear => "unclear",
            Self::NotEnoughData => "not enough data",
        }
    }
}

/// Whether an hour is one of the domain's.
fn is_in_hours(domain: Domain, is_weekday: bool, hour: usize) -> bool {
    match (domain, is_weekday) {
        (Domain::Work, weekday) => weekday && (8..18).contains(&hour),
        (Domain::Play, true) => (16..23).contains(&hour),
        (Domain::Play, false) => (10..23).contains(&hour),
        (Domain::Live, _) => (7..23).contains(&hour),
        (Domain::Care, _) => true,
    }
}

/// How much an hour of the week matters.
fn weight(domains: &[Domain], week_hour: usize) -> u64 {
    let (day, hour) = (week_hour / 24, week_hour % 24);
    domains.iter().filter(|d| is_in_hours(**d, day < 5, hour)).count() as u64
}

fn when_it_matters(
    cells: &[Cell],
    calendar: &Calendar,
    domains: &[Domain],
    slot_ms: u64,
    resampler: &mut Resampler,
) -> Figure {
    let mut days = vec![(0_u64, 0_u64); calendar.days.len()];
    let mut whole = Tally::default();
    for stretch in &calendar.stretches {
        let weight = weight(domains, stretch.week_hour);
        if weight == 0 {
            continue;
        }
        let tally = Tally::of(&cells[stretch.slots.clone()]);
        whole += tally;
        let (ok, known) = tally.ok_of_known();
        days[stretch.day].0 += weight * ok;
        days[stretch.day].1 += weight * known;
    }
    let (known, need) = (whole.counts.known(), slots_of(LEAST_SHARE_MS, slot_ms));
    if known < need {
        return Figure::not_enough("too little measured when it matters", known, need, "slots");
    }
    let (ok, all) = days.iter().fold((0, 0), |sum, d| (sum.0 + d.0, sum.1 + d.1));
    let value = ok as f64 / all as f64;
    let over_days = resampler.share(days.iter().copied());
    let interval = over_days.filter(Interval::has_width).unwrap_or_else(|| {
        let bounds = unknown_bounds(&whole);
        Interval { low: bounds.low.min(value), high: bounds.high.max(value), ..bounds }
    });
    Figure::new(value, Unit::Ratio, known, "slots").within(Some(interval))
}

fn mbps(bps: f64) -> String {
    let mbps = bps / 1e6;
    if mbps < 10.0 { format!("{mbps:.1} Mbit/s") } else { format!("{mbps:.0} Mbit/s") }
}

/// Where a link was sold or measured slower than the activity needs.
fn too_slow(given: &Inputs<'_>, activity: &Activity, links: &[LinkProfile]) -> Vec<String> {
    let mut said = Vec::new();
    let Some(link) = given.ledger.in_use().map(|l| &links[l]) else { return said };
    let plan = delivered::sold(given, link.link.index);
    let label = &link.link.label;
    let directions = [
        ("down", activity.throughput_down.value, plan.map(|p| p.down), &link.delivered.down),
        ("up", activity.throughput_up.value, plan.map(|p| p.up), &link.delivered.up),
    ];
    for (way, need, sold, beside) in directions {
        let need = need.get() * 1e6;
        if let Some(max) = sold.and_then(|s| s.max_bps).filter(|max| (*max as f64) < need) {
            said.push(format!(
                "it needs {} {way}, and {label} was sold with up to {}",
                mbps(need),
                mbps(max as f64)
            ));
        }
        // A speed seen in use proves more than a test's median denies.
        let floor = beside.floor.value().unwrap_or(0.0);
        if let Some(p50) = beside.p50.measured()
            && p50.value < need
            && floor < need
        {
            said.push(format!(
                "it needs {} {way}, and {label} gave {} in half of {} tests or less",
                mbps(need),
                mbps(p50.value),
                p50.count
            ));
        }
    }
    said
}

fn need(
    given: &Inputs<'_>,
    calendar: &Calendar,
    a: usize,
    activity: &Activity,
    links: &[LinkProfile],
    resampler: &mut Resampler,
) -> Need {
    let ledger = given.ledger;
    let figure = when_it_matters(
        ledger.anywhere(a),
        calendar,
        &activity.domains,
        u64::from(ledger.slot.ms()),
        resampler,
    );
    let mut why = too_slow(given, activity, links);
    let slow = !why.is_empty();
    let high = figure.interval().map(|i| i.high);
    let verdict = match (figure.value(), high) {
        (None, _) => NeedVerdict::NotEnoughData,
        _ if slow => NeedVerdict::NotMet,
        (Some(share), _) if share >= MET => NeedVerdict::Met,
        (Some(_), Some(high)) if high >= MET => NeedVerdict::Unclear,
        (Some(_), _) => NeedVerdict::NotMet,
    };
    if let Some(share) = figure.value().filter(|share| *share < MET) {
        why.push(format!(
            "of the time that it matters, it failed for {}",
            crate::report::figure::percent(1.0 - share)
        ));
    }
    if verdict == NeedVerdict::NotEnoughData {
        why.push("too little was measured when it matters".to_owned());
    }
    Need {
        activity: ledger.activities[a].clone(),
        domains: activity.domains.iter().map(|d| d.name()).collect(),
        when_it_matters: figure,
        verdict,
        why,
    }
}

pub(super) fn needs(
    given: &Inputs<'_>,
    calendar: &Calendar,
    links: &[LinkProfile],
    resampler: &mut Resampler,
) -> Needs {
    let declared: &[String] = given.home.map_or(&[], |home| &home.does);
    let activities = given.catalogue.activities.iter().enumerate();
    Needs {
        needs: activities
            .filter(|(_, activity)| declared.contains(&activity.id))
            .map(|(a, activity)| need(given, calendar, a, activity, links, resampler))
            .collect(),
        unknown: declared.iter().filter(|id| given.catalogue.get(id).is_none()).cloned().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_weighs_by_the_domains_that_it_matters_to() {
        let call = [Domain::Live, Domain::Work, Domain::Care];
        let at = |day: usize, hour: usize| day * 24 + hour;
        assert_eq!(weight(&call, at(0, 10)), 3);
        assert_eq!(weight(&call, at(5, 10)), 2, "no work on a Saturday");
        assert_eq!(weight(&call, at(2, 3)), 1);
        assert_eq!(weight(&[Domain::Work], at(6, 12)), 0);
        assert_eq!(
            (weight(&[Domain::Play], at(4, 12)), weight(&[Domain::Play], at(5, 12))),
            (0, 1)
        );
        let work: u64 = (0..168).map(|h| weight(&[Domain::Work], h)).sum();
        assert_eq!(work, 50);
    }
}
