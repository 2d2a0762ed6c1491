//! Where an incident's trouble lay, and what speaks for it.
//!
//! Each point on the way out is compared with itself around the incident: it is
//! bad if it lost a good part of its probes, or if it explains at least half of
//! the far end's slower answers. A point that never answers is no evidence.

use std::cell::OnceCell;

use hearth_proto::{DownCause, Merger, Vantage};

use super::Segment;
use super::fact::{Fact, Place};
use super::runs::Run;
use super::witness::{Found, Point, RISE_MS, Witness};

impl Witness<'_> {
    /// The segment of this link's incident, and its evidence. `times` is room to
    /// merge in.
    pub(super) fn segment(
        &self,
        run: Run,
        others: &[Self],
        times: &mut Merger,
    ) -> (Segment, Vec<Fact>) {
        let slots = run.first..run.last + 1;
        let cause = self.down_cause(&slots);
        let read = OnceCell::new();
        let gateway = self.point(&self.gateway, &slots, &read, times);
        let hop = self.point(&self.first_hop, &slots, &read, times);
        let far: Vec<(&Place, Point)> = self
            .far
            .iter()
            .filter_map(|(place, way)| Some((place, self.point(way, &slots, &read, times)?)))
            .collect();
        let fact = |point: &Option<Point>, place| match point {
            Some(point) => point.fact(place),
            None => Fact::NotProbed(place),
        };
        let mut evidence = Vec::with_capacity(3 + far.len() + others.len());
        evidence.extend(cause.map(Fact::Down));
        evidence.push(fact(&gateway, Place::Gateway));
        evidence.push(fact(&hop, Place::FirstHop));
        evidence.extend(far.iter().map(|(place, point)| point.fact((*place).clone())));
        for other in others.iter().filter(|o| o.link.index != self.link.index) {
            let heard = other.reflector(&slots);
            if heard.answered > 0 {
                evidence.push(Fact::Answered {
                    place: Place::ReflectorOver(other.link.index),
                    answered: heard.answered,
                    tried: heard.answered + heard.lost,
                    times: None,
                });
            }
        }

        let far_rise = far.iter().filter_map(|(_, p)| p.rise_ms()).reduce(f64::max);
        let found = |point: &Option<Point>| {
            point.as_ref().map_or(Found::Nothing, |point| point.found(far_rise))
        };
        let of_far =
            |found: Found| far.iter().filter(|f| f.1.found(Some(RISE_MS)) == found).count();
        let (bad, good) = (of_far(Found::Bad), of_far(Found::Good));
        let on_a_device = self.link.vantage == Vantage::Device && !self.link.technology.is_mobile();
        let near = if on_a_device { Segment::Home } else { Segment::Access };
        let beyond = if bad == 1 && good >= 1 { Segment::Service } else { Segment::CoreOrService };
        let segment = match (cause, found(&gateway), found(&hop)) {
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
