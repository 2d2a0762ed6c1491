//! Where an incident's trouble lay, and what speaks for it.
//!
//! Each point on the way out is compared with itself around the incident: it is
//! bad if it lost a good part of its probes, or if it explains at least half of
//! the far end's slower answers. A point that never answers is no evidence.

use std::ops::Range;

use hearth_proto::{
    Distribution, DownCause, LinkSlot, ProbeKind, Role, Series, SeriesKey, Vantage,
};

use super::Segment;
use super::fact::{Fact, Place, Times};
use super::runs::Run;
use crate::history::columns::{LinkColumns, QUARTER_MS, Quarter, SeriesColumns};
use crate::history::{History, LinkHistory};
use crate::ledger::Ledger;
use crate::qoe::activity::loss_lower_bound;
use crate::report::names::LinkRef;

/// How many quarters of an hour before and after an incident a link is compared
/// with itself.
const AROUND: usize = 4;

/// From so many slots on the times of an incident come from whole hours as far as
/// there are any.
const LONG: usize = 90;

/// Loss, by its lower bound, from which a point is bad.
const LOSS: f64 = 0.02;

/// The least rise of a near point's p95 that counts, in milliseconds.
const RISE_MS: f64 = 10.0;

/// One link's records and columns.
pub(super) struct Witness<'h> {
    pub(super) link: &'h LinkRef,
    history: &'h History,
    ledger: &'h Ledger,
    columns: &'h LinkColumns,
    /// By start.
    records: Vec<&'h LinkSlot>,
}

/// What one point answered during an incident and around it.
struct Point {
    during: Answers,
    /// The median of the quarters of an hour around it; none if none of them answered.
    around_ms: Option<f64>,
    /// Whether it answered in the quarters around it or in the incident's own, in which
    /// the incident may be all that is dark.
    answers_near: bool,
}

#[derive(Default)]
struct Answers {
    answered: u64,
    lost: u64,
    p95_ms: Option<f64>,
}

fn is_rtt(probe: ProbeKind) -> bool {
    matches!(probe, ProbeKind::Stamp | ProbeKind::Icmp | ProbeKind::TcpConnect)
}

impl<'h> Witness<'h> {
    /// Of every link.
    pub(super) fn all(history: &'h History, ledger: &'h Ledger) -> Vec<Self> {
        let by_start = |link: &'h LinkHistory| {
            let mut records: Vec<&LinkSlot> = link.slots.iter().collect();
            if !records.is_sorted_by_key(|s| s.start) {
                records.sort_by_key(|s| s.start);
            }
            records
        };
        let links = ledger.links.iter().zip(&history.links).enumerate();
        links
            .map(|(l, (link, own))| Self {
                link,
                history,
                ledger,
                columns: &ledger.columns.links[l],
                records: by_start(own),
            })
            .collect()
    }

    fn within(&self, slots: &Range<usize>) -> &[&'h LinkSlot] {
        let place = |slot| {
            let at = self.ledger.at(slot);
            self.records.partition_point(|s| s.start < at)
        };
        &self.records[place(slots.start)..place(slots.end)]
    }

    /// What one series, or several of one role, answered in a run and around it.
    fn point(&self, during: &[&LinkSlot], run: Run, is: impl Fn(&SeriesKey) -> bool) -> Point {
        let series = || during.iter().flat_map(|s| &s.series).filter(|s| is(&s.key));
        let columns = || self.columns.series.iter().filter(|s| is(&s.key));
        let slots = run.first..run.last + 1;
        let p95_ms = match during {
            [_] if columns().count() == 1 => {
                let exact = columns().map(|s| f64::from(s.p95_ms[run.first])).next();
                exact.filter(|ms| ms.is_finite()).or_else(|| p95(series()))
            }
            _ if slots.len() < LONG => p95(series()),
            _ => {
                let parts = self.ledger.columns.over(
                    self.history,
                    self.link.index,
                    std::slice::from_ref(&slots),
                );
                let of = parts.iter().zip(&self.columns.series).filter(|(_, s)| is(&s.key));
                of_times(&Distribution::merge_all(of.map(|(tally, _)| &tally.times)))
            }
        };
        Point {
            during: Answers {
                answered: series().map(|s| u64::from(s.answered())).sum(),
                lost: series().map(|s| u64::from(s.lost())).sum(),
                p95_ms,
            },
            around_ms: self.around(columns(), &slots),
            answers_near: columns().any(|s| self.near(s, &slots).iter().any(|q| q.answered > 0)),
        }
    }

    /// The quarters of an hour that a run lies in, and those around them.
    fn near<'s>(&self, series: &'s SeriesColumns, slots: &Range<usize>) -> &'s [Quarter] {
        let [first, last] = self.quarters(slots);
        let place = |number| series.quarters.partition_point(|q| q.number < number);
        &series.quarters[place(first - AROUND as i64)..place(last + AROUND as i64 + 1)]
    }

    /// The numbers of the first and the last quarter that a run lies in.
    fn quarters(&self, slots: &Range<usize>) -> [i64; 2] {
        let until = self.ledger.at(slots.end).0 - 1;
        [self.ledger.at(slots.start).0, until].map(|at| at.div_euclid(QUARTER_MS))
    }

    /// The median of the medians of the quarters of an hour before and after.
    fn around<'s>(
        &self,
        series: impl Iterator<Item = &'s SeriesColumns>,
        slots: &Range<usize>,
    ) -> Option<f64> {
        let [first, last] = self.quarters(slots);
        let mut medians: Vec<f64> = Vec::with_capacity(4 * AROUND);
        for s in series {
            let from = s.quarters.partition_point(|q| q.number < first);
            let to = s.quarters.partition_point(|q| q.number <= last);
            let near = |q: &&Quarter| {
                q.answered > 0
                    && q.number >= first - AROUND as i64
                    && q.number <= last + AROUND as i64
            };
            let before = s.quarters[..from].iter().rev().take_while(near);
            let after = s.quarters[to..].iter().take_while(near);
            let known = before.chain(after).map(|q| f64::from(q.p50_ms));
            medians.extend(known.filter(|ms| ms.is_finite()));
        }
        medians.sort_by(f64::total_cmp);
        medians.get(medians.len() / 2).copied()
    }
}

fn of_times(times: &Distribution) -> Option<f64> {
    times.percentile_us(0.95).map(|us| us / 1000.0)
}

fn p95<'s>(series: impl Iterator<Item = &'s Series>) -> Option<f64> {
    // An idle radio's promotion is no part of the path.
    let mut steady = series.filter(|s| !s.after_idle).map(|s| &s.distribution);
    match (steady.next(), steady.next()) {
        (None, _) => None,
        (Some(one), None) => of_times(one),
        (Some(one), Some(two)) => {
            of_times(&Distribution::merge_all([one, two].into_iter().chain(steady)))
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    Good,
    Bad,
    /// Not probed, or it never answers.
    Nothing,
}

impl Point {
    /// How much slower it answered than around: p95 then over the median around.
    fn rise_ms(&self) -> Option<f64> {
        Some(self.during.p95_ms? - self.around_ms?)
    }

    fn never_answers(&self) -> bool {
        self.during.answered == 0 && !self.answers_near
    }

    fn found(&self, far_rise_ms: Option<f64>) -> Found {
        let Answers { answered, lost, .. } = self.during;
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

    fn fact(&self, place: Place) -> Fact {
        let Answers { answered, lost, p95_ms } = self.during;
        let tried = answered + lost;
        if tried == 0 {
            return Fact::NotProbed(place);
        }
        if self.never_answers() {
            return Fact::NeverAnswers(place);
        }
        let us = |ms: f64| (ms * 1000.0).round() as u64;
        let times = match (p95_ms, self.around_ms) {
            (Some(during), Some(around)) => {
                Some(Times { p95_us: us(during), median_around_us: us(around) })
            }
            _ => None,
        };
        Fact::Answered { place, answered, tried, times }
    }
}

impl Witness<'_> {
    /// The segment of this link's incident, and its evidence.
    pub(super) fn segment(&self, run: Run, others: &[Self]) -> (Segment, Vec<Fact>) {
        let slots = run.first..run.last + 1;
        let during = self.within(&slots);
        let mut evidence = Vec::new();

        let cause = during.iter().filter(|s| s.down_ms > 0).find_map(|s| s.down_cause);
        if let Some(cause) = cause {
            evidence.push(Fact::Down(cause));
        }
        let mut targets: Vec<(Role, &str)> = during
            .iter()
            .flat_map(|s| &s.series)
            .filter(|s| s.key.role.is_far() && is_rtt(s.key.probe))
            .map(|s| (s.key.role, s.key.target.as_str()))
            .collect();
        targets.sort_unstable();
        targets.dedup();
        let far: Vec<(Place, Point)> = targets
            .iter()
            .map(|(role, target)| {
                let point = self.point(during, run, |key| {
                    is_rtt(key.probe) && key.role == *role && key.target == *target
                });
                let place = match (role, *target) {
                    (Role::Reflector, _) => Place::Reflector,
                    (_, target) => Place::Target(target.to_owned()),
                };
                (place, point)
            })
            .collect();
        let far_rise = far.iter().filter_map(|(_, p)| p.rise_ms()).reduce(f64::max);
        let far_found: Vec<Found> = far.iter().map(|(_, p)| p.found(Some(RISE_MS))).collect();
        let gateway = self.point(during, run, |key| key.role == Role::Gateway);
        let hop = self.point(during, run, |key| key.role == Role::FirstHop);
        evidence.push(gateway.fact(Place::Gateway));
        evidence.push(hop.fact(Place::FirstHop));
        evidence.extend(far.iter().map(|(place, p)| p.fact(place.clone())));
        for other in others.iter().filter(|o| o.link.index != self.link.index) {
            let meanwhile = other.within(&slots);
            let reflector = meanwhile
                .iter()
                .flat_map(|s| &s.series)
                .filter(|s| is_rtt(s.key.probe) && s.key.role == Role::Reflector);
            let (answered, lost) = reflector.fold((0, 0), |sum, s| {
                (sum.0 + u64::from(s.answered()), sum.1 + u64::from(s.lost()))
            });
            if answered > 0 {
                evidence.push(Fact::Answered {
                    place: Place::ReflectorOver(other.link.index),
                    answered,
                    tried: answered + lost,
                    times: None,
                });
            }
        }

        let bad = far_found.iter().filter(|f| **f == Found::Bad).count();
        let good = far_found.iter().filter(|f| **f == Found::Good).count();
        let on_a_device = self.link.vantage == Vantage::Device && !self.link.technology.is_mobile();
        let near = if on_a_device { Segment::Home } else { Segment::Access };
        let beyond = if bad == 1 && good >= 1 { Segment::Service } else { Segment::CoreOrService };
        let segment = match (cause, gateway.found(far_rise), hop.found(far_rise)) {
            (Some(DownCause::Carrier | DownCause::Interface), _, _) | (_, Found::Bad, _) => near,
            (Some(DownCause::Address | DownCause::Route), _, _) => Segment::CannotTell,
            (_, Found::Good, Found::Bad) => Segment::Access,
            (_, _, Found::Good) => beyond,
            // One target alone fails: whatever carries the others is in order.
            _ if beyond == Segment::Service => Segment::Service,
            // A router's gateway is the operator's own first router.
            (_, Found::Good, Found::Nothing) if !on_a_device => Segment::CoreOrService,
            _ => Segment::CannotTell,
        };
        (segment, evidence)
    }
}
