//! Where an incident's trouble lay, and what speaks for it.
//!
//! Each point on the way out is compared with itself around the incident: it is
//! bad if it lost a good part of its probes, or if it explains at least half of
//! the far end's slower answers. A point that never answers is no evidence.

use hearth_proto::{Distribution, DownCause, LinkSlot, ProbeKind, Role, Series, UnixMs, Vantage};

use super::Segment;
use super::fact::{Fact, Place, Times};
use crate::history::Span;
use crate::qoe::activity::loss_lower_bound;
use crate::report::names::LinkRef;

/// How many slots before and after an incident a link is compared with itself.
const AROUND_SLOTS: i64 = 60;

/// Loss, by its lower bound, from which a point is bad.
const LOSS: f64 = 0.02;

/// The least rise of a near point's p95 that counts, in milliseconds.
const RISE_MS: f64 = 10.0;

/// One link's records by start, and its name.
pub(super) struct Records<'h> {
    pub(super) link: &'h LinkRef,
    pub(super) by_start: Vec<&'h LinkSlot>,
}

impl<'h> Records<'h> {
    pub(super) fn within(&self, span: Span) -> &[&'h LinkSlot] {
        let place = |at: UnixMs| self.by_start.partition_point(|s| s.start < at);
        &self.by_start[place(span.from)..place(span.to)]
    }
}

/// What one point answered during an incident and around it.
struct Point {
    during: Answers,
    around: Answers,
}

struct Answers {
    answered: u64,
    lost: u64,
    /// Median and p95 in milliseconds.
    ms: Option<[f64; 2]>,
}

impl Answers {
    fn of(records: &[&LinkSlot], is: impl Fn(&Series) -> bool) -> Self {
        let series = || records.iter().flat_map(|s| &s.series).filter(|s| is(s));
        // An idle radio's promotion is no part of the path.
        let steady = series().filter(|s| !s.after_idle);
        let times = Distribution::merge_all(steady.map(|s| &s.distribution));
        Self {
            answered: series().map(|s| u64::from(s.answered())).sum(),
            lost: series().map(|s| u64::from(s.lost())).sum(),
            ms: times.percentiles_us([0.5, 0.95]).map(|us| us.map(|us| us / 1000.0)),
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
    fn of(during: &[&LinkSlot], around: &[&LinkSlot], is: impl Fn(&Series) -> bool) -> Self {
        Self { during: Answers::of(during, &is), around: Answers::of(around, &is) }
    }

    /// How much slower it answered than around: p95 then over the median around.
    fn rise_ms(&self) -> Option<f64> {
        Some(self.during.ms?[1] - self.around.ms?[0])
    }

    fn found(&self, far_rise_ms: Option<f64>) -> Found {
        let Answers { answered, lost, .. } = self.during;
        let tried = answered + lost;
        let never = answered == 0 && self.around.answered == 0;
        if tried == 0 || never {
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
        let Answers { answered, lost, .. } = self.during;
        let tried = answered + lost;
        if tried == 0 {
            return Fact::NotProbed(place);
        }
        if answered == 0 && self.around.answered == 0 {
            return Fact::NeverAnswers(place);
        }
        let us = |ms: f64| (ms * 1000.0).round() as u64;
        let times = match (self.during.ms, self.around.ms) {
            (Some([_, during]), Some([around, _])) => {
                Some(Times { p95_us: us(during), median_around_us: us(around) })
            }
            _ => None,
        };
        Fact::Answered { place, answered, tried, times }
    }
}

/// The segment of one link's incident within whole slots, and its evidence.
pub(super) fn segment(
    own: &Records<'_>,
    others: &[Records<'_>],
    span: Span,
    slot_ms: i64,
) -> (Segment, Vec<Fact>) {
    let during = own.within(span);
    let reach = AROUND_SLOTS * slot_ms;
    let before = own.within(Span { from: span.from.plus(-reach), to: span.from });
    let after = own.within(Span { from: span.to, to: span.to.plus(reach) });
    let around = [before, after].concat();
    let mut evidence = Vec::new();

    let cause = during.iter().filter(|s| s.down_ms > 0).find_map(|s| s.down_cause);
    if let Some(cause) = cause {
        evidence.push(Fact::Down(cause));
    }
    let is_rtt = |s: &Series| {
        matches!(s.key.probe, ProbeKind::Stamp | ProbeKind::Icmp | ProbeKind::TcpConnect)
    };
    let mut targets: Vec<(Role, &str)> = during
        .iter()
        .flat_map(|s| &s.series)
        .filter(|s| s.key.role.is_far() && is_rtt(s))
        .map(|s| (s.key.role, s.key.target.as_str()))
        .collect();
    targets.sort_unstable();
    targets.dedup();
    let far: Vec<(Place, Point)> = targets
        .iter()
        .map(|(role, target)| {
            let point = Point::of(during, &around, |s| {
                is_rtt(s) && s.key.role == *role && s.key.target == *target
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
    let gateway = Point::of(during, &around, |s| s.key.role == Role::Gateway);
    let hop = Point::of(during, &around, |s| s.key.role == Role::FirstHop);
    evidence.push(gateway.fact(Place::Gateway));
    evidence.push(hop.fact(Place::FirstHop));
    evidence.extend(far.iter().map(|(place, p)| p.fact(place.clone())));
    for other in others {
        let records = other.within(span);
        let point = Point::of(records, &[], |s| is_rtt(s) && s.key.role == Role::Reflector);
        if point.during.answered > 0 {
            evidence.push(point.fact(Place::ReflectorOver(other.link.label.clone())));
        }
    }

    let bad = far_found.iter().filter(|f| **f == Found::Bad).count();
    let good = far_found.iter().filter(|f| **f == Found::Good).count();
    let on_a_device = own.link.vantage == Vantage::Device && !own.link.technology.is_mobile();
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
