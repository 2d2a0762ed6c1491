//! A way out that the far targets had and that is gone. Pure.
//!
//! A link with both IP versions can lose one, and with it every target that is asked by
//! that one. Nobody is left to ask then, but that is no silence: an address or route that
//! was there is missing.

use std::time::{Duration, Instant};

use hearth_proto::{DownCause, Family};

use crate::link::discover::Link;

/// A network that has come back without an IP version for so long has none any more:
/// then nobody is asked, and nothing is known.
const MOVED_ON: Duration = Duration::from_secs(3600);

/// By which IP versions far targets were asked, and since when they can't be.
#[derive(Debug, Default)]
pub(super) struct Ways {
    asked_by: Vec<Family>,
    gone: Option<Instant>,
}

impl Ways {
    /// The link as it is at `now`, with the IP versions by which it calls for far targets.
    /// Why none can be asked that was, where that is for want of an address or route.
    pub(super) fn look(
        &mut self,
        link: &Link,
        wanted: impl Iterator<Item = Family>,
        now: Instant,
    ) -> Option<DownCause> {
        let mut by: Vec<Family> = wanted.collect();
        if !by.is_empty() {
            by.dedup();
            (self.asked_by, self.gone) = (by, None);
            return None;
        }
        let missing: Option<Vec<DownCause>> =
            self.asked_by.iter().map(|family| link.family(*family).down_cause()).collect();
        let Some(cause) = missing.and_then(|causes| causes.first().copied()) else {
            // It is the plan that asks nobody.
            *self = Self::default();
            return None;
        };
        self.gone.get_or_insert(now);
        Some(cause)
    }

    /// Whether the link is to be looked at again, since it has been without for long. It is
    /// then one that never had them.
    pub(super) fn moved_on(&mut self, now: Instant) -> bool {
        let over = self.gone.is_some_and(|gone| now.saturating_duration_since(gone) >= MOVED_ON);
        if over {
            *self = Self::default();
        }
        over
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::discover::machine::MAIN_TABLE;
    use crate::link::discover::{FamilyState, OperState, Route};

    fn link(v4: bool, v6: bool) -> Link {
        let state = |usable: bool, family, address: &str| FamilyState {
            addresses: vec![address.parse().unwrap()],
            routes: usable.then(|| route(family)).into_iter().collect(),
        };
        Link {
            name: "fibre".parse().unwrap(),
            interface: "wan0".parse().unwrap(),
            index: Some(2),
            admin_up: true,
            carrier: true,
            oper: OperState::Up,
            kind: None,
            v4: state(v4, Family::V4, "192.0.2.2"),
            v6: state(v6, Family::V6, "2001:db8::2"),
        }
    }

    fn route(family: Family) -> Route {
        Route { family, table: MAIN_TABLE, metric: 100, gateway: None, source: None }
    }

    #[test]
    fn the_one_way_that_targets_had_is_missed_once_it_is_gone() {
        let (mut ways, now) = (Ways::default(), crate::clock::now());
        assert_eq!(ways.look(&link(false, true), [].into_iter(), now), None, "it never was");
        let mut look = |v4, v6, by: &[Family]| ways.look(&link(v4, v6), by.iter().copied(), now);
        assert_eq!(look(true, true, &[Family::V4, Family::V4]), None);
        assert_eq!(look(false, true, &[]), Some(DownCause::Route));
        assert_eq!(look(false, true, &[]), Some(DownCause::Route), "and stays so");
        assert_eq!(look(true, true, &[Family::V4]), None, "it is back");
        // The plan asks nobody any more, and then the route goes.
        assert_eq!(look(true, true, &[]), None);
        assert_eq!(look(false, true, &[]), None);
        // Targets by the other version judge for it.
        assert_eq!(look(true, true, &[Family::V4, Family::V6]), None);
        assert_eq!(look(false, true, &[Family::V6]), None);
    }

    #[test]
    fn a_network_without_it_for_an_hour_has_none() {
        let (mut ways, now) = (Ways::default(), crate::clock::now());
        ways.look(&link(true, true), [Family::V4].into_iter(), now);
        assert!(!ways.moved_on(now + MOVED_ON), "it is there");
        ways.look(&link(false, true), [].into_iter(), now);
        let later = now + MOVED_ON;
        ways.look(&link(false, true), [].into_iter(), now + MOVED_ON / 2);
        assert!(!ways.moved_on(now + MOVED_ON / 2) && ways.moved_on(later));
        assert_eq!(ways.look(&link(false, true), [].into_iter(), later), None);
        assert!(!ways.moved_on(later + MOVED_ON));
    }
}
