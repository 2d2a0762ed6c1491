//! Households by the hundred, each with a day of lone troubles whose place is
//! known, and of whose ways out an agent sees more or less.

use hearth_collector::gaps::Segment;
use hearth_proto::{DownCause, Role, Technology, UnixMs, Vantage};

use super::household::{Household, HouseholdError};
use super::script::{Script, Times, Trouble};
use crate::models::Random;

const MINUTE: i64 = 60_000;
/// One trouble begins in each of these.
const APART: i64 = 180 * MINUTE;

/// Where a trouble truly is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// The home's own network.
    Home,
    /// Between the home and the operator's first router.
    Access,
    /// Beyond the first router.
    Core,
    /// The reflector alone.
    Reflector,
}

impl Place {
    /// All, from the home outwards.
    pub const ALL: [Self; 4] = [Self::Home, Self::Access, Self::Core, Self::Reflector];
}

/// A trouble of the fixed link, where it is, and what can be known of that.
#[derive(Debug, Clone, PartialEq)]
pub struct Known {
    /// When.
    pub times: Times,
    /// Where it is.
    pub place: Place,
    /// The segment that the agent's evidence allows; [`Segment::CannotTell`] where
    /// it allows several.
    pub segment: Segment,
}

/// What an agent in `home` can know of a trouble at `place`, by the method alone:
/// a segment is known by a near point that answers well and a farther one that
/// does not.
fn knowable(home: &Household, place: Place, is_carrier: bool) -> Segment {
    let sees = |role| !home.mute.contains(&role);
    let on_router = home.vantage == Vantage::Router;
    let one_target = home.pace.services_ms == 0;
    // The operator's first router that answers: the hop, or the gateway of a router.
    let sees_operator = sees(Role::FirstHop) || (on_router && sees(Role::Gateway));
    match place {
        // The interface itself tells.
        _ if is_carrier && on_router => Segment::Access,
        _ if is_carrier => Segment::Home,
        Place::Home if sees(Role::Gateway) => Segment::Home,
        Place::Access if on_router && sees(Role::Gateway) => Segment::Access,
        Place::Access if !on_router && sees(Role::Gateway) && sees(Role::FirstHop) => {
            Segment::Access
        }
        Place::Reflector if !one_target => Segment::Service,
        Place::Core | Place::Reflector if sees_operator => Segment::CoreOrService,
        Place::Home | Place::Access | Place::Core | Place::Reflector => Segment::CannotTell,
    }
}

/// A home with FTTP and 5G over `span`, its fixed link's troubles and what can be
/// known of them. One home in two sees all points of its ways out; the others lack
/// the gateway's answers, the hop's, both, or a second target. One in four has its
/// agent on the router.
pub fn household(
    id: &str,
    span: Times,
    seed: u64,
) -> Result<(Household, Vec<Known>), HouseholdError> {
    let mut home = Household::ordinary(id, span, seed)?;
    home.links.retain(|l| l.technology != Technology::Lte);
    let mut random = Random::new(seed, "seeded troubles");
    if random.chance(0.25) {
        home.vantage = Vantage::Router;
    }
    match random.between(0, 10) {
        0 => home.mute.push(Role::Gateway),
        1 => home.mute.push(Role::FirstHop),
        2 => home.mute.extend([Role::Gateway, Role::FirstHop]),
        3 => home.pace.services_ms = 0,
        4 => {
            home.pace.services_ms = 0;
            home.mute.push(Role::FirstHop);
        }
        _ => {}
    }
    let (mut troubles, mut known) = (Vec::new(), Vec::new());
    let mut at = span.from;
    while at.plus(APART) <= span.to {
        let from = at.plus(60 * MINUTE + random.between(0, 30 * MINUTE));
        let times = Times { from, to: from.plus(random.between(4 * MINUTE, 50 * MINUTE)) };
        let (trouble, place) = draw(&mut random, times, home.vantage);
        if let Some(place) = place {
            let is_carrier = matches!(trouble, Trouble::Outage { cause: DownCause::Carrier, .. });
            known.push(Known { times, place, segment: knowable(&home, place, is_carrier) });
        }
        troubles.push(trouble);
        at = at.plus(APART);
    }
    home.script = Script::new(troubles);
    Ok((home, known))
}

/// A trouble at `times`, and its place; without one: nobody was there to see it.
fn draw(random: &mut Random, times: Times, vantage: Vantage) -> (Trouble, Option<Place>) {
    let on_router = vantage == Vantage::Router;
    // The home behind a router does not show on the router's own links.
    let kind = if on_router { random.between(2, 9) } else { random.between(0, 9) };
    let extra_us = 1e3 * random.between(60, 160) as f64;
    match kind {
        0 => (Trouble::BoxOutage { link: 0, times }, Some(Place::Home)),
        1 => {
            let loss = 0.03 + 0.07 * random.uniform();
            (Trouble::HomeWifi { link: 0, times, extra_us, loss }, Some(Place::Home))
        }
        2 => {
            let place = if on_router { Place::Access } else { Place::Home };
            (Trouble::Outage { links: vec![0], times, cause: DownCause::Carrier }, Some(place))
        }
        3 => {
            let links = if random.chance(0.3) { vec![0, 1] } else { vec![0] };
            (Trouble::Outage { links, times, cause: DownCause::Probes }, Some(Place::Access))
        }
        4 => (Trouble::CoreOutage { link: 0, times }, Some(Place::Core)),
        5 | 6 => {
            let loss = 0.04 * random.uniform();
            (Trouble::Congestion { link: 0, times, extra_us, loss }, Some(Place::Core))
        }
        7 => {
            let loss = 0.2 + 0.5 * random.uniform();
            (Trouble::BadReflector { times, loss }, Some(Place::Reflector))
        }
        _ => (Trouble::PowerCut { times }, None),
    }
}

/// A day from `start`.
pub fn day(start: UnixMs) -> Times {
    Times { from: start, to: start.plus(24 * 60 * MINUTE) }
}
