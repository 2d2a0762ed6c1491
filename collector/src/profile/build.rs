//! History and ledger in, profile out.

use std::rc::Rc;

use jiff::tz::TimeZone;

use super::columns::Column;
use super::limits::limits;
use super::share::{confidence, coverage, limiting, share, week};
use super::trend::{Previous, trend};
use super::{ActivityProfile, LinkShare, Profile, Share, Week, WeekProfile, link, needs};
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

/// A column, and what is said of it wherever it stands.
struct Read {
    column: Column,
    share: Share,
    week: Week,
}

/// One pass over each of a link's columns, or the home's. Activities with like needs
/// have like columns, and what was read once is shared.
fn read<'l>(
    cells: impl Iterator<Item = &'l [Cell]>,
    calendar: &Calendar,
    slot_ms: u64,
    resampler: &mut Resampler,
) -> Vec<Rc<Read>> {
    let mut all: Vec<(&[Cell], Rc<Read>)> = Vec::new();
    for cells in cells {
        let like = all.iter().find(|(other, _)| Cell::are_equal(other, cells));
        let new = || {
            let column = Column::of(cells, calendar);
            let share = share(&column, calendar, slot_ms, resampler);
            let week = week(&column, slot_ms);
            Rc::new(Read { column, share, week })
        };
        let read = like.map_or_else(new, |l| Rc::clone(&l.1));
        all.push((cells, read));
    }
    all.into_iter().map(|r| r.1).collect()
}

fn activity(
    given: &Inputs<'_>,
    a: usize,
    everywhere: &Read,
    of_links: &[&Read],
    resampler: &mut Resampler,
) -> ActivityProfile {
    let ledger = given.ledger;
    let links: Vec<LinkShare> = ledger
        .links
        .iter()
        .zip(of_links)
        .map(|(link, read)| LinkShare { link: link.clone(), share: read.share.clone() })
        .collect();
    let anywhere = everywhere.share.clone();
    let (confidence, confidence_why) = confidence(&anywhere, u64::from(ledger.slot.ms()));
    let first = ledger.in_use();
    let in_use = first.map(|l| &of_links[l].column);
    let no_link = || Figure::not_enough("the home has no link", 0, 1, "links");
    let peaks = first.map(|l| links[l].share.peaks.clone());
    let requirement = given.catalogue.get(&ledger.activities[a].id).map(Activity::requirement);
    ActivityProfile {
        activity: ledger.activities[a].clone(),
        in_use: first.map(|l| links[l].share.clone()),
        anywhere,
        peak_evening: peaks.as_ref().map_or_else(no_link, |p| p.evening.worked.clone()),
        peak_midday: peaks.map_or_else(no_link, |p| p.midday.worked),
        limiting: in_use.and_then(limiting),
        limits: first
            .zip(in_use)
            .map_or_else(Vec::new, |(link, column)| limits(ledger, link, a, column, requirement)),
        week: WeekProfile {
            anywhere: everywhere.week.clone(),
            links: of_links.iter().map(|read| read.week.clone()).collect(),
        },
        trend: trend(
            ledger,
            a,
            &everywhere.column,
            first.map(|l| &ledger.links[l]).zip(in_use),
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
        let calendar = ledger.calendar(given.tz);
        let mut resampler = Resampler::new();
        let home = Column::of(ledger.home(), &calendar);
        let links: Vec<_> =
            (0..ledger.links.len()).map(|l| link::link(given, &calendar, l)).collect();
        let all = 0..ledger.activities.len();
        let slot_ms = u64::from(ledger.slot.ms());
        let everywhere =
            read(all.clone().map(|a| ledger.anywhere(a)), &calendar, slot_ms, &mut resampler);
        let by_link: Vec<Vec<Rc<Read>>> = (0..ledger.links.len())
            .map(|l| {
                let columns = all.clone().map(|a| ledger.column(l, a));
                read(columns, &calendar, slot_ms, &mut resampler)
            })
            .collect();
        Self {
            coverage: coverage(&home.total.counts),
            days: home.days.iter().filter(|d| d.counts.known() > 0).count() as u64,
            activities: all
                .map(|a| {
                    let of_links: Vec<&Read> = by_link.iter().map(|l| l[a].as_ref()).collect();
                    activity(given, a, &everywhere[a], &of_links, &mut resampler)
                })
                .collect(),
            needs: needs::needs(given, &calendar, &links, &mut resampler),
            links,
        }
    }
}
