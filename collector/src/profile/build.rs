//! History and ledger in, profile out.

use std::rc::Rc;

use jiff::tz::TimeZone;

use super::columns::Column;
use super::limits::limits;
use super::share::{confidence, coverage, limiting, share, week};
use super::trend::{Previous, trend};
use super::{ActivityProfile, LinkShare, Profile, WeekProfile, link, needs};
use crate::history::History;
use crate::homes::Home;
use crate::ledger::{Cell, Ledger};
use crate::qoe::catalogue::{Activity, Catalogue};
use crate::report::calendar::Calendar;
use crate::report::figure::Figure;
use crate::report::interval::Resampler;

/// What a profile is made from.
#[derive(Debug, Clone, Copy)]
pub struct Inputs<'a> {
    /// The records.
    pub history: &'a History,
    /// They, judged.
    pub ledger: &'a Ledger,
    /// By this.
    pub catalogue: &'a Catalogue,
    /// What was told of the home, if anything was.
    pub home: Option<&'a Home>,
    /// The period before, if it was looked at.
    pub previous: Option<&'a Previous>,
    /// Of local days and hours.
    pub tz: &'a TimeZone,
}

impl<'a> Inputs<'a> {
    /// Without anything told of the home and without a period before.
    pub fn new(
        history: &'a History,
        ledger: &'a Ledger,
        catalogue: &'a Catalogue,
        tz: &'a TimeZone,
    ) -> Self {
        Self { history, ledger, catalogue, home: None, previous: None, tz }
    }
}

/// One pass over each of a link's columns, or the home's. Activities with like needs
/// have like columns, and what was read once is shared.
fn columns<'l>(cells: impl Iterator<Item = &'l [Cell]>, calendar: &Calendar) -> Vec<Rc<Column>> {
    let mut read: Vec<(&[Cell], Rc<Column>)> = Vec::new();
    for cells in cells {
        let like = read.iter().find(|(other, _)| Cell::are_equal(other, cells));
        let column = like.map_or_else(|| Rc::new(Column::of(cells, calendar)), |l| l.1.clone());
        read.push((cells, column));
    }
    read.into_iter().map(|r| r.1).collect()
}

fn activity(
    given: &Inputs<'_>,
    calendar: &Calendar,
    a: usize,
    everywhere: &Column,
    columns: &[&Column],
    resampler: &mut Resampler,
) -> ActivityProfile {
    let ledger = given.ledger;
    let slot_ms = u64::from(ledger.slot.ms());
    let anywhere = share(everywhere, calendar, slot_ms, resampler);
    let links: Vec<LinkShare> = ledger
        .links
        .iter()
        .zip(columns)
        .map(|(link, column)| LinkShare {
            link: link.clone(),
            share: share(column, calendar, slot_ms, resampler),
        })
        .collect();
    let (confidence, confidence_why) = confidence(&anywhere, slot_ms);
    let first = ledger.in_use();
    let no_link = || Figure::not_enough("the home has no link", 0, 1, "links");
    let peaks = first.map(|l| links[l].share.peaks.clone());
    let requirement = given.catalogue.get(&ledger.activities[a].id).map(Activity::requirement);
    ActivityProfile {
        activity: ledger.activities[a].clone(),
        in_use: first.map(|l| links[l].share.clone()),
        anywhere,
        peak_evening: peaks.as_ref().map_or_else(no_link, |p| p.evening.worked.clone()),
        peak_midday: peaks.map_or_else(no_link, |p| p.midday.worked),
        limiting: first.and_then(|l| limiting(columns[l])),
        limits: first.map_or_else(Vec::new, |l| limits(ledger, l, a, columns[l], requirement)),
        week: WeekProfile {
            anywhere: week(everywhere, slot_ms),
            links: columns.iter().map(|c| week(c, slot_ms)).collect(),
        },
        trend: trend(
            ledger,
            a,
            everywhere,
            first.map(|l| (&ledger.links[l], columns[l])),
            given.previous,
            resampler,
        ),
        links,
        confidence,
        confidence_why,
    }
}

impl Profile {
    /// Of a home.
    pub fn build(given: &Inputs<'_>) -> Self {
        let ledger = given.ledger;
        let calendar = Calendar::of(ledger, given.tz);
        let mut resampler = Resampler::new();
        let home = Column::of(ledger.home(), &calendar);
        let links: Vec<_> =
            (0..ledger.links.len()).map(|l| link::link(given, &calendar, l)).collect();
        let all = 0..ledger.activities.len();
        let everywhere = columns(all.clone().map(|a| ledger.anywhere(a)), &calendar);
        let by_link: Vec<Vec<Rc<Column>>> = (0..ledger.links.len())
            .map(|l| columns(all.clone().map(|a| ledger.column(l, a)), &calendar))
            .collect();
        Self {
            coverage: coverage(&home.total.counts),
            days: home.days.iter().filter(|d| d.counts.known() > 0).count() as u64,
            activities: all
                .map(|a| {
                    let of_links: Vec<&Column> = by_link.iter().map(|l| l[a].as_ref()).collect();
                    activity(given, &calendar, a, &everywhere[a], &of_links, &mut resampler)
                })
                .collect(),
            needs: needs::needs(given, &calendar, &links),
            links,
        }
    }
}
