//! A household's history held against a proposed promise, period by period, and what
//! comes of all households. One home's period is in memory at a time, beside sums.
//!
//! A period is judged by the slots that count: those in the promise's hours that are
//! not excluded. Its share is of the slots with evidence, so that what is UNKNOWN
//! neither breaks a promise nor keeps it; with too little evidence the period is not
//! judged at all.

use std::collections::{BTreeMap, BTreeSet};

use hearth_proto::HouseholdId;
use jiff::tz::TimeZone;

use super::groups::{Draws, Groups, RESAMPLES, Sums, Tally, Told};
use super::guarantee::{Guarantee, Scope};
use super::hours::Stretch;
use super::kinds::{Kind, Kinds};
use super::simulation::{Never, Row, Simulation, Table, Threshold, limits};
use crate::anonymity::K;
use crate::history::Span;
use crate::homes::{Audience, Home};
use crate::ledger::{Cell, Ledger, State};

/// How far from the share promised others are tried, in percentage points.
const NEIGHBOURS: [f64; 9] = [-5.0, -2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0, 5.0];

/// The most homes named that were never judged.
const MOST_NAMED: usize = 100;

/// One home's period in slots that count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counted {
    /// It worked.
    pub ok: u64,
    /// It did not.
    pub bad: u64,
    /// Of those, on another link it might have: that one is UNKNOWN.
    pub unsure: u64,
    /// Without evidence.
    pub unknown: u64,
}

impl Counted {
    /// Of several stretches together.
    pub fn sum<'c>(all: impl Iterator<Item = &'c Self>) -> Self {
        all.fold(Self::default(), |sum, c| Self {
            ok: sum.ok + c.ok,
            bad: sum.bad + c.bad,
            unsure: sum.unsure + c.unsure,
            unknown: sum.unknown + c.unknown,
        })
    }

    fn known(&self) -> u64 {
        self.ok + self.bad
    }

    /// Whether enough of it was measured.
    fn judged(&self, minimum_coverage: f64) -> bool {
        let all = (self.known() + self.unknown) as f64;
        self.known() > 0 && self.known() as f64 >= minimum_coverage * all * (1.0 - 1e-12)
    }
}

/// Under a share, with a hair of slack for the share's decimals.
fn under(share: f64, ok: u64, of: u64) -> bool {
    (ok as f64) < share * of as f64 * (1.0 - 1e-12)
}

/// Where in the ledger the promise is: the link it rests on, and its column.
pub(super) fn column<'l>(ledger: &'l Ledger, scope: &Scope) -> Option<(usize, &'l [Cell])> {
    let first = ledger.in_use()?;
    match scope {
        Scope::Anywhere => Some((first, ledger.anywhere(0))),
        Scope::Link => Some((first, ledger.column(first, 0))),
        Scope::Named(name) => {
            let link = ledger.links.iter().position(|l| l.link.as_str() == name)?;
            Some((link, ledger.column(link, 0)))
        }
    }
}

/// What a ledger of the promise's activity alone says of a period; with the label of
/// the technology that the promise rests on. `None` where the home has no such link.
pub fn count(
    ledger: &Ledger,
    guarantee: &Guarantee,
    period: Span,
    tz: &TimeZone,
) -> Option<(&'static str, Counted)> {
    let (link, column) = column(ledger, &guarantee.scope)?;
    let counted = count_within(ledger, column, guarantee, period, tz);
    Some((ledger.links[link].technology.label(), counted))
}

/// The slots of a column that count within a span.
pub(super) fn count_within(
    ledger: &Ledger,
    column: &[Cell],
    guarantee: &Guarantee,
    span: Span,
    tz: &TimeZone,
) -> Counted {
    let mut counted = Counted::default();
    for stretch in guarantee.hours.within(span, tz) {
        for slot in ledger.grid.touched(stretch) {
            // A slot counts where it starts.
            if ledger.at(slot) < stretch.from {
                continue;
            }
            let cell = column[slot];
            match cell.state() {
                State::Excluded => {}
                State::Unknown => counted.unknown += 1,
                State::Ok => counted.ok += 1,
                State::Degraded | State::Down => {
                    counted.bad += 1;
                    let anywhere = guarantee.scope == Scope::Anywhere;
                    counted.unsure += u64::from(anywhere && cell.is_unproven());
                }
            }
        }
    }
    counted
}

/// The replay so far. Replays of parts, merged, are the replay of the whole, whatever
/// the parts and their order.
#[derive(Debug, Clone, PartialEq)]
pub struct Replay {
    guarantee: Guarantee,
    audience: Audience,
    not_agreed: u64,
    shares: Vec<f64>,
    whole: Tally,
    areas: Groups,
    technologies: Groups,
    needs: Groups,
    kinds: Kinds,
    by_share: Vec<(Sums, u64)>,
    not_judged: u64,
    least: u64,
    most: u64,
    never: BTreeMap<HouseholdId, &'static str>,
    never_homes: u64,
}

impl Replay {
    /// Of nobody yet, for an audience: it counts homes that the audience may see.
    pub fn new(guarantee: Guarantee, audience: Audience) -> Self {
        let at = |points: f64| ((guarantee.share * 100.0 + points) * 1e6).round() / 1e8;
        let shares: Vec<f64> =
            NEIGHBOURS.map(at).into_iter().filter(|s| *s > 0.0 && *s <= 1.0).collect();
        Self {
            by_share: vec![(Sums::default(), 0); shares.len()],
            shares,
            guarantee,
            audience,
            not_agreed: 0,
            whole: Tally::default(),
            areas: Groups::default(),
            technologies: Groups::default(),
            needs: Groups::default(),
            kinds: Kinds::default(),
            not_judged: 0,
            least: 0,
            most: 0,
            never: BTreeMap::new(),
            never_homes: 0,
        }
    }

    /// What a share would make of a home's periods that are judged.
    fn sums(&self, share: f64, judged: &[&Counted]) -> Sums {
        let mut sums = Sums { judged: judged.len() as u64, ..Sums::default() };
        for c in judged.iter().filter(|c| under(share, c.ok, c.known())) {
            sums.broken += 1;
            sums.paid += self.guarantee.credit.of(share, c.ok, c.known());
        }
        sums.paid = self.guarantee.credit.cap_per_home.map_or(sums.paid, |cap| sums.paid.min(cap));
        sums
    }

    /// Whether a period has enough evidence.
    pub(super) fn judged(&self, counted: &Counted) -> bool {
        counted.judged(self.guarantee.minimum_coverage)
    }

    /// What the share promised makes of a home's periods.
    pub(super) fn as_promised(&self, judged: &[Counted]) -> Sums {
        self.sums(self.guarantee.share, &judged.iter().collect::<Vec<_>>())
    }

    /// Whether a home counts: one that does not needs no judging, and is passed on
    /// without periods.
    pub fn counts(&self, home: &Home) -> bool {
        self.audience.may_see(home)
    }

    /// Counts a home with its periods: those that [`count`] gave, `None` for one in which
    /// it had no link that the promise is about. Of a home that the audience may not see
    /// nothing is kept but that it was left out.
    pub fn home(
        &mut self,
        household: &HouseholdId,
        home: &Home,
        periods: &[Option<(&'static str, Counted)>],
    ) {
        if !self.counts(home) {
            self.not_agreed += 1;
            return;
        }
        let counted = periods.iter().flatten();
        let enough = |c: &&Counted| c.judged(self.guarantee.minimum_coverage);
        let judged: Vec<&Counted> = counted.clone().map(|(_, c)| c).filter(enough).collect();
        self.not_judged += (periods.len() - judged.len()) as u64;
        if judged.is_empty() {
            let why = match counted.clone().next() {
                None => "it has no link that the promise is about",
                Some(_) => "too little was measured in the hours that count",
            };
            self.name(household.clone(), why);
            self.never_homes += 1;
            return;
        }
        let share = self.guarantee.share;
        let sums = self.sums(share, &judged);
        for c in &judged {
            let all = c.known() + c.unknown;
            self.least += u64::from(under(share, c.ok + c.unknown + c.unsure, all));
            self.most += u64::from(under(share, c.ok, all));
        }
        for (i, share) in self.shares.iter().enumerate() {
            let sums = self.sums(*share, &judged);
            self.by_share[i].0.add(sums, 1);
            self.by_share[i].1 += u64::from(sums.broken > 0);
        }
        let draws: Vec<u64> = Draws::of(household.as_str()).take(RESAMPLES).collect();
        self.whole.home(sums, &draws);
        let one = |name: Option<String>| name.into_iter().collect::<BTreeSet<_>>();
        // As it was last.
        let technology = counted.clone().last().map(|(label, _)| (*label).to_owned());
        let kind = Kind {
            area: home.place.area.clone().filter(|_| home.consents.areas),
            technology: technology.filter(|_| home.consents.areas),
            needs: home.does.iter().filter(|_| home.consents.product).cloned().collect(),
        };
        self.areas.home(one(kind.area.clone()), sums, &draws);
        self.technologies.home(one(kind.technology.clone()), sums, &draws);
        self.needs.home(kind.needs.clone(), sums, &draws);
        self.kinds.home(kind);
    }

    /// Keeps the first by name, so that any order of homes names the same.
    fn name(&mut self, household: HouseholdId, why: &'static str) {
        self.never.insert(household, why);
        if self.never.len() > MOST_NAMED {
            self.never.pop_last();
        }
    }

    /// Adds another part's.
    pub fn merge(&mut self, other: Self) {
        self.whole.merge(&other.whole);
        self.areas.merge(&other.areas);
        self.technologies.merge(&other.technologies);
        self.needs.merge(&other.needs);
        self.kinds.merge(&other.kinds);
        self.not_agreed += other.not_agreed;
        for (mine, theirs) in self.by_share.iter_mut().zip(&other.by_share) {
            mine.0.add(theirs.0, 1);
            mine.1 += theirs.1;
        }
        self.not_judged += other.not_judged;
        self.least += other.least;
        self.most += other.most;
        self.never_homes += other.never_homes;
        for (household, why) in other.never {
            self.name(household, why);
        }
    }

    /// What comes of it, groups told by name as far as `k` lets them be.
    pub fn outcome(&self, periods: &[Stretch], catalogue: &str, k: K) -> Simulation {
        let names = self.kinds.names(k);
        let row = |name: &str, tally: &Tally| Row::of(name, tally);
        let table = |groups: &Groups, names: &BTreeSet<&str>| {
            let Told { groups, others, merged } = groups.told(names);
            let mut rows: Vec<Row> = groups.iter().map(|(name, t)| row(name, t)).collect();
            rows.sort_by(|a, b| b.share_broken().total_cmp(&a.share_broken()));
            if others.homes > 0 {
                rows.push(row("other homes", &others));
            }
            Table { rows, groups_not_told: merged }
        };
        let rows = self.shares.iter().zip(&self.by_share);
        let thresholds = rows.map(|(share, (sums, homes))| Threshold {
            share: *share,
            broken: sums.broken,
            homes_broken: *homes,
            paid: sums.paid as f64 / 100.0,
        });
        Simulation {
            guarantee: self.guarantee.clone(),
            audience: self.audience,
            not_agreed: self.not_agreed,
            catalogue: catalogue.to_owned(),
            from: periods.first().map(|p| p.from.to_string()),
            to: periods.last().map(|p| p.to.to_string()),
            periods: periods.len() as u64,
            k,
            whole: row("all homes", &self.whole),
            broken_at_least: self.least,
            broken_at_most: self.most,
            not_judged: self.not_judged,
            never_judged: self.never_homes,
            never_judged_named: self
                .never
                .iter()
                .map(|(household, why)| Never { household: household.clone(), why })
                .collect(),
            by_area: table(&self.areas, &names.areas),
            by_technology: table(&self.technologies, &names.technologies),
            by_need: table(&self.needs, &names.needs),
            thresholds: thresholds.collect(),
            limits: limits(self.audience),
        }
    }
}

#[cfg(test)]
#[path = "replay_tests.rs"]
mod tests;
