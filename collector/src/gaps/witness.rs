//! What each point on the way out answered during an incident and around it, from
//! a link's columns.

use std::cell::{Cell, OnceCell};
use std::ops::Range;

use hearth_proto::{DownCause, Merger, ProbeKind, Role, SeriesKey};

use super::fact::{Fact, Place, Times};
use crate::history::History;
use crate::history::columns::over::Found as Read;
use crate::history::columns::{Heard, LinkColumns, QUARTER_MS, Quarter};
use crate::ledger::Ledger;
use crate::qoe::activity::loss_lower_bound;
use crate::report::median::median;
use crate::report::names::LinkRef;

/// How many quarters of an hour before and after an incident a link is compared
/// with itself.
const AROUND: i64 = 4;

/// Loss, by its lower bound, from which a point is bad.
const LOSS: f64 = 0.02;

/// The least rise of a near point's p95 that counts, in milliseconds.
pub(super) const RISE_MS: f64 = 10.0;

/// One link, and which of its series stand for which point.
pub(super) struct Witness<'h> {
    pub(super) link: &'h LinkRef,
    history: &'h History,
    ledger: &'h Ledger,
    columns: &'h LinkColumns,
    pub(super) gateway: Way,
    pub(super) first_hop: Way,
    /// Far targets that a round trip is measured to, each with its name.
    pub(super) far: Vec<(Place, Way)>,
    /// The reflectors, as one.
    reflector: Way,
}

/// The places of the series that stand for one point.
pub(super) struct Way {
    series: Vec<usize>,
    /// The quarters that were looked around last, and what was found: incidents
    /// come in order, many within one quarter.
    around: Cell<Option<(Range<i64>, Around)>>,
}

/// What one point answered around an incident.
#[derive(Debug, Clone, Copy)]
struct Around {
    /// The median of the medians of the quarters of an hour before and after; none if
    /// none of them answered.
    ms: Option<f64>,
    /// Whether it answered in them or in the incident's own, in which the incident may
    /// be all that is dark.
    answers: bool,
}

/// What one point answered during an incident and around it.
pub(super) struct Point {
    during: Heard,
    p95_ms: Option<f64>,
    around: Around,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    Good,
    Bad,
    /// Not probed, or it never answers.
    Nothing,
}

fn is_rtt(probe: ProbeKind) -> bool {
    matches!(probe, ProbeKind::Stamp | ProbeKind::Icmp | ProbeKind::TcpConnect)
}

impl Way {
    fn of(columns: &LinkColumns, is: impl Fn(&SeriesKey) -> bool) -> Self {
        let series = columns.series.iter().enumerate().filter(|(_, s)| is(&s.key));
        Self { series: series.map(|(place, _)| place).collect(), around: Cell::new(None) }
    }
}

impl<'h> Witness<'h> {
    /// Of every link.
    pub(super) fn all(history: &'h History, ledger: &'h Ledger) -> Vec<Self> {
        let of = |link: &'h LinkRef| {
            let columns = &ledger.columns.links[link.index];
            let far = |key: &&SeriesKey| key.role.is_far() && is_rtt(key.probe);
            let mut targets: Vec<(Role, &str)> = columns
                .series
                .iter()
                .map(|s| &s.key)
                .filter(far)
                .map(|key| (key.role, key.target.as_str()))
                .collect();
            targets.sort_unstable();
            targets.dedup();
            let target = |(role, target): (Role, &str)| {
                let is =
                    |key: &SeriesKey| is_rtt(key.probe) && key.role == role && key.target == target;
                let place = match role {
                    Role::Reflector => Place::Reflector,
                    _ => Place::Target(target.to_owned()),
                };
                (place, Way::of(columns, is))
            };
            Self {
                link,
                history,
                ledger,
                columns,
                gateway: Way::of(columns, |key| key.role == Role::Gateway),
                first_hop: Way::of(columns, |key| key.role == Role::FirstHop),
                far: targets.into_iter().map(target).collect(),
                reflector: Way::of(columns, |key| is_rtt(key.probe) && key.role == Role::Reflector),
            }
        };
        ledger.links.iter().map(of).collect()
    }

    /// Why the agent judged the link down in some slots, if it did.
    pub(super) fn down_cause(&self, slots: &Range<usize>) -> Option<DownCause> {
        let down = self.columns.down_ms[slots.clone()].iter();
        let mut causes = down.zip(&self.columns.down_cause[slots.clone()]);
        causes.find_map(|(ms, cause)| cause.filter(|_| *ms > 0))
    }

    /// How a point answered in some slots; `None`: it was not probed in them.
    fn heard(&self, way: &Way, slots: &Range<usize>) -> Option<Heard> {
        let each = way.series.iter().filter_map(|s| self.columns.series[*s].heard(slots));
        each.reduce(|a, b| Heard { answered: a.answered + b.answered, lost: a.lost + b.lost })
    }

    /// How the reflectors answered in some slots.
    pub(super) fn reflector(&self, slots: &Range<usize>) -> Heard {
        self.heard(&self.reflector, slots).unwrap_or_default()
    }

    /// What one point answered in some slots and around them; `None`: it was not
    /// probed in them. `read` is where the slots are read from, once that was needed;
    /// `times` is room to merge in.
    pub(super) fn point(
        &self,
        way: &Way,
        slots: &Range<usize>,
        read: &OnceCell<Read<'h>>,
        times: &mut Merger,
    ) -> Option<Point> {
        let during = self.heard(way, slots)?;
        let p95_ms = match &way.series[..] {
            _ if during.answered == 0 => None,
            [one]
                if slots.len() == 1
                    && self.columns.series[*one].p95_ms[slots.start].is_finite() =>
            {
                Some(f64::from(self.columns.series[*one].p95_ms[slots.start]))
            }
            series => {
                let (columns, link) = (&self.ledger.columns, self.link.index);
                let read = read.get_or_init(|| columns.find(self.history, link, slots));
                columns.add_times(self.history, link, series, read, times);
                times.take_percentile_us(0.95).map(|us| us / 1000.0)
            }
        };
        Some(Point { during, p95_ms, around: self.around(way, slots) })
    }

    /// The quarters of an hour that some slots lie in, and those around them.
    fn around(&self, way: &Way, slots: &Range<usize>) -> Around {
        let first = self.ledger.at(slots.start).0.div_euclid(QUARTER_MS);
        let after = (self.ledger.at(slots.end).0 - 1).div_euclid(QUARTER_MS) + 1;
        if let Some((quarters, around)) = way.around.take()
            && quarters == (first..after)
        {
            way.around.set(Some((quarters, around)));
            return around;
        }
        let mut medians: Vec<f32> = Vec::with_capacity(4 * AROUND as usize);
        let mut answers = false;
        for series in way.series.iter().map(|s| &self.columns.series[*s]) {
            let own = series.quarter(first)..series.quarter(after);
            let near = series.quarter(first - AROUND)..series.quarter(after + AROUND);
            answers |= series.quarters[near.clone()].iter().any(|q| q.answered > 0);
            let before = series.quarters[near.start..own.start].iter().rev();
            let later = series.quarters[own.end..near.end].iter();
            let answered = |q: &&Quarter| q.answered > 0;
            let counted = before.take_while(answered).chain(later.take_while(answered));
            medians.extend(counted.map(|q| q.p50_ms).filter(|ms| ms.is_finite()));
        }
        let ms = median(&mut medians, f32::total_cmp).map(f64::from);
        let around = Around { ms, answers };
        way.around.set(Some((first..after, around)));
        around
    }
}

impl Point {
    /// How much slower it answered than around: p95 then over the median around.
    pub(super) fn rise_ms(&self) -> Option<f64> {
        Some(self.p95_ms? - self.around.ms?)
    }

    fn never_answers(&self) -> bool {
        self.during.answered == 0 && !self.around.answers
    }

    /// Whether it was bad, by its own losses and by how much of the far end's rise
    /// it explains.
    pub(super) fn found(&self, far_rise_ms: Option<f64>) -> Found {
        let Heard { answered, lost } = self.during;
        let tried = answered + lost;
        if tried == 0 || self.never_answers() {
            return Found::Nothing;
        }
        let small = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
        let lossy = loss_lower_bound(small(lost), small(tried)) > LOSS;
        let slow = match (self.rise_ms(), far_rise_ms) {
            (Some(near), Some(far)) => near >= RISE_MS.max(far / 2.0),
            _ => false,
        };
        if lost * 2 >= tried || lossy || slow { Found::Bad } else { Found::Good }
    }

    /// The same as a fact.
    pub(super) fn fact(&self, place: Place) -> Fact {
        let Heard { answered, lost } = self.during;
        let tried = answered + lost;
        if tried == 0 {
            return Fact::NotProbed(place);
        }
        if self.never_answers() {
            return Fact::NeverAnswers(place);
        }
        let us = |ms: f64| (ms * 1000.0).round() as u64;
        let times = match (self.p95_ms, self.around.ms) {
            (Some(during), Some(around)) => {
                Some(Times { p95_us: us(during), median_around_us: us(around) })
            }
            _ => None,
        };
        Fact::Answered { place, answered, tried, times }
    }
}
