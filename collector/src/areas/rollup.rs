//! Homes stream in, a report comes out. What is held grows by the sums of an area
//! (some 25 kB for twelve activities) and by the runs of a home (1 to 2 kB), never
//! by a history.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;

use super::contribution::{Contribution, LostIn, Run};
use super::figures::Shown;
use super::sums::{Sums, sets};
use super::{AreasReport, Group, MOST_INCIDENTS, incidents};
use crate::anonymity::{K, showable_bits};
use crate::history::Span;
use crate::homes::{Audience, Place};
use crate::qoe::catalogue::Catalogue;
use crate::report::names::ActivityRef;
use crate::report::zone;

/// What area incidents are found from.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct HomeRuns {
    pub(super) place: Place,
    /// It has a measured link that is fixed, one that is mobile.
    pub(super) fixed: bool,
    pub(super) mobile: bool,
    pub(super) measured: bool,
    pub(super) slot_s: u32,
    pub(super) runs: Box<[Run]>,
    pub(super) lost: Box<[LostIn]>,
}

impl HomeRuns {
    /// All of it, in an order of its own.
    fn key(&self) -> impl Ord + use<'_> {
        let Place { area: _, pon, cell, power_area } = &self.place;
        let has = (self.fixed, self.mobile, self.measured, self.slot_s);
        (pon, cell, power_area, has, &self.runs, &self.lost)
    }

    fn of(home: &Contribution) -> Self {
        let carries = |mobile| home.carried.iter().any(|c| c.technology.is_mobile() == mobile);
        Self {
            place: home.place.clone(),
            fixed: carries(false),
            mobile: carries(true),
            measured: home.measured,
            slot_s: home.slot_s,
            runs: home.runs.as_slice().into(),
            lost: home.lost.as_slice().into(),
        }
    }
}

#[derive(Debug, Clone, Default)]
struct Area {
    sums: Sums,
    homes: Vec<HomeRuns>,
}

/// A roll-up that homes are added to.
#[derive(Debug, Clone)]
pub struct RollUp {
    span: Span,
    activities: Vec<ActivityRef>,
    catalogue: String,
    time_zone: String,
    audience: Audience,
    not_agreed: u64,
    homes: u64,
    consenting: u64,
    areas: BTreeMap<String, Area>,
    /// Homes that are in no area's figures.
    rest: Sums,
}

impl RollUp {
    /// Over a span, of homes judged by one catalogue, in one time zone's hours.
    pub fn new(span: Span, catalogue: &Catalogue, tz: &TimeZone) -> Self {
        let activities = catalogue.activities.iter();
        Self {
            span,
            activities: activities
                .map(|a| ActivityRef { id: a.id.clone(), name: a.name.clone() })
                .collect(),
            catalogue: catalogue.version.clone(),
            time_zone: zone(tz),
            audience: Audience::Noc,
            not_agreed: 0,
            homes: 0,
            consenting: 0,
            areas: BTreeMap::new(),
            rest: Sums::default(),
        }
    }

    /// For an audience, of homes that it may see; without it, for the NOC.
    #[must_use]
    pub fn for_audience(self, audience: Audience) -> Self {
        Self { audience, ..self }
    }

    /// Counts a home that the audience may not see; of it nothing else is kept.
    pub fn leave_out(&mut self) {
        self.not_agreed += 1;
    }

    /// Adds one home, judged over the roll-up's own span, if its audience may see it.
    pub fn add(&mut self, home: &Contribution) {
        if self.audience == Audience::Product && !home.product {
            return self.leave_out();
        }
        self.homes += 1;
        self.consenting += u64::from(home.consents);
        match home.area() {
            Some(name) => {
                let area = self.areas.entry(name.to_owned()).or_default();
                area.sums.add(home);
                area.homes.push(HomeRuns::of(home));
            }
            None => self.rest.add(home),
        }
    }

    /// Adds all homes of another roll-up over the same span.
    #[must_use]
    pub fn merge(mut self, other: Self) -> Self {
        self.homes += other.homes;
        self.not_agreed += other.not_agreed;
        self.consenting += other.consenting;
        for (name, more) in other.areas {
            let area = self.areas.entry(name).or_default();
            area.sums.merge(&more.sums);
            area.homes.extend(more.homes);
        }
        self.rest.merge(&other.rest);
        self
    }

    /// Draws up the report: nothing in it is over fewer than `k` homes.
    pub fn report(mut self, k: K) -> AreasReport {
        let mut groups = Vec::new();
        let mut shown: Vec<(String, Vec<HomeRuns>)> = Vec::new();
        let mut areas_withheld = 0;
        let mut operator = Shown::default();
        for (name, mut area) in std::mem::take(&mut self.areas) {
            if !k.holds(area.sums.homes) {
                areas_withheld += 1;
                self.rest.merge(&area.sums);
                continue;
            }
            let part = Shown::of(&area.sums, k);
            groups.push(self.group(Some(name.clone()), &part, k));
            operator.merge(&part);
            // One order, however they came.
            area.homes.sort_by(|a, b| a.key().cmp(&b.key()));
            shown.push((name, area.homes));
        }
        let left_out = if k.holds(self.rest.homes) {
            operator.merge(&Shown::of(&self.rest, k));
            0
        } else {
            self.rest.homes
        };
        let context = incidents::Context { span: self.span, activities: &self.activities, k };
        let mut incidents: Vec<_> =
            shown.iter().flat_map(|(name, homes)| context.find(name, homes)).collect();
        incidents::rank(&mut incidents);
        let incidents_left_off = incidents.len().saturating_sub(MOST_INCIDENTS) as u64;
        incidents.truncate(MOST_INCIDENTS);
        AreasReport {
            span: self.span,
            time_zone: self.time_zone.clone(),
            catalogue: self.catalogue.clone(),
            activities: self.activities.clone(),
            k,
            audience: self.audience,
            not_agreed: self.not_agreed,
            homes: self.homes,
            consenting: self.consenting,
            left_out,
            areas_withheld,
            operator: self.group(None, &operator, k),
            areas: groups,
            incidents,
            incidents_left_off,
        }
    }

    fn group(&self, area: Option<String>, shown: &Shown, k: K) -> Group {
        shown.group(area, &self.activities, k)
    }
}

/// Sets in the order in which they are taken to be shown.
pub(super) fn ranked(sums: &Sums) -> Vec<u32> {
    let mut all =
        vec![sets::MEASURED, sets::PRIMARY, sets::BACKUP, sets::CONGESTION, sets::TRAFFIC];
    let mut technologies: Vec<(u64, u32)> =
        sums.technologies.iter().map(|(set, (_, sum))| (sum.homes, *set)).collect();
    technologies.sort_unstable_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
    all.extend(technologies.into_iter().map(|t| t.1));
    all
}

/// What of a group's sums may be shown, as bits of its sets.
pub(super) fn sets_shown(sums: &Sums, k: K) -> u32 {
    showable_bits(&sums.sets, &ranked(sums), k)
}
