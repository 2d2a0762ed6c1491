//! This period beside the one before: how much more or less of the time an activity
//! worked, and whether that is more than chance.

use jiff::tz::TimeZone;
use serde::Serialize;

use super::columns::{Column, Tally, by_day};
use super::share::{LEAST_SHARE_MS, slots_of, worked};
use crate::history::Span;
use crate::ledger::Ledger;
use crate::report::figure::{Figure, Unit};
use crate::report::interval::Resampler;
use crate::report::names::LinkRef;

/// The fewest days with evidence, of either period, that a trend is read from.
pub const TREND_DAYS: u64 = 3;

/// A change that lies within this of none is no change that anybody feels: a tenth
/// of a per cent of the time is 45 minutes a month.
const FELT: f64 = 0.001;

/// What is kept of an earlier period to compare with.
#[derive(Debug, Clone, PartialEq)]
pub struct Previous {
    span: Span,
    catalogue: String,
    slot_ms: u64,
    activities: Vec<Earlier>,
}

#[derive(Debug, Clone, PartialEq)]
struct Earlier {
    id: String,
    anywhere: Vec<Tally>,
    links: Vec<(LinkRef, Vec<Tally>)>,
}

impl Previous {
    /// Of an earlier period's ledger, local days by `tz`.
    pub fn of(ledger: &Ledger, tz: &TimeZone) -> Self {
        let calendar = ledger.calendar(tz);
        let days = |column| by_day(column, &calendar);
        Self {
            span: ledger.span,
            catalogue: ledger.catalogue.clone(),
            slot_ms: u64::from(ledger.slot.ms()),
            activities: (0..ledger.activities.len())
                .map(|a| Earlier {
                    id: ledger.activities[a].id.clone(),
                    anywhere: days(ledger.anywhere(a)),
                    links: ledger
                        .links
                        .iter()
                        .map(|l| (l.clone(), days(ledger.column(l.index, a))))
                        .collect(),
                })
                .collect(),
        }
    }
}

/// How an activity fares beside the period before.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Trend {
    /// The period before; `None`: it was not looked at.
    pub before: Option<Span>,
    /// On any link.
    pub anywhere: Change,
    /// On the link in use, compared with that same link; `None` without links.
    pub in_use: Option<Change>,
}

/// Two periods beside each other.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Change {
    /// The share of time that it worked before.
    pub before: Figure,
    /// This period's share less that one. Its interval resamples whole days of both.
    pub change: Figure,
    /// In a word.
    pub direction: Direction,
}

/// Where a share goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// More than chance, and enough to be felt.
    Better,
    /// The same the other way.
    Worse,
    /// No change, or none that can be told from chance.
    Steady,
    /// Too little of either period was measured.
    NotEnoughData,
}

impl Direction {
    /// In plain words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Better => "better",
            Self::Worse => "worse",
            Self::Steady => "steady",
            Self::NotEnoughData => "not enough data",
        }
    }
}

fn unknown(why: &str, have: u64, need: u64) -> Change {
    let figure = Figure::not_enough(why, have, need, "days");
    Change { before: figure.clone(), change: figure, direction: Direction::NotEnoughData }
}

fn with_evidence(days: &[Tally]) -> u64 {
    days.iter().filter(|d| d.counts.known() > 0).count() as u64
}

fn change(now: &[Tally], before: &[Tally], need: u64, resampler: &mut Resampler) -> Change {
    let earlier = worked(before, need, "too little was measured in the period before", resampler);
    let fewest = with_evidence(now).min(with_evidence(before));
    if fewest < TREND_DAYS {
        let why = match with_evidence(before) {
            0 => "nothing was measured in the period before",
            _ => "too few days were measured in this period or the one before",
        };
        let change = Figure::not_enough(why, fewest, TREND_DAYS, "days");
        return Change { before: earlier, change, direction: Direction::NotEnoughData };
    }
    let sum = |days: &[Tally]| {
        let (ok, known) =
            days.iter().map(Tally::ok_of_known).fold((0, 0), |sum, d| (sum.0 + d.0, sum.1 + d.1));
        ok as f64 / known.max(1) as f64
    };
    let value = sum(now) - sum(before);
    let interval =
        resampler.change(now.iter().map(Tally::ok_of_known), before.iter().map(Tally::ok_of_known));
    let direction = match interval {
        Some(i) if i.low > 0.0 && value >= FELT => Direction::Better,
        Some(i) if i.high < 0.0 && value <= -FELT => Direction::Worse,
        Some(_) => Direction::Steady,
        None => Direction::NotEnoughData,
    };
    let change = Figure::new(value, Unit::Points, fewest, "days").within(interval);
    Change { before: earlier, change, direction }
}

/// One activity's trend.
pub(super) fn trend(
    ledger: &Ledger,
    activity: usize,
    anywhere: &Column,
    in_use: Option<(&LinkRef, &Column)>,
    previous: Option<&Previous>,
    resampler: &mut Resampler,
) -> Trend {
    let nothing = |why: &str, before| Trend {
        before,
        anywhere: unknown(why, 0, TREND_DAYS),
        in_use: in_use.map(|_| unknown(why, 0, TREND_DAYS)),
    };
    let Some(previous) = previous else {
        return nothing("the period before was not looked at", None);
    };
    let span = Some(previous.span);
    if previous.catalogue != ledger.catalogue {
        return nothing("the period before was judged by another catalogue", span);
    }
    let id = &ledger.activities[activity].id;
    let Some(earlier) = previous.activities.iter().find(|a| a.id == *id) else {
        return nothing("the period before knows no such activity", span);
    };
    let need = slots_of(LEAST_SHARE_MS, previous.slot_ms);
    let same = |l: &LinkRef, other: &LinkRef| l.agent == other.agent && l.link == other.link;
    let in_use = in_use.map(|(link, column)| {
        let days = earlier.links.iter().find(|(l, _)| same(l, link));
        match days {
            Some((_, days)) => change(&column.days, days, need, resampler),
            None => unknown("this link was not measured in the period before", 0, TREND_DAYS),
        }
    });
    Trend {
        before: span,
        anywhere: change(&anywhere.days, &earlier.anywhere, need, resampler),
        in_use,
    }
}
