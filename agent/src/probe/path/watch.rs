//! Which routers are at each TTL, and when they are others. Pure: time is passed
//! in.
//!
//! Several routers may answer at one TTL in turn (equal-cost paths): all that did
//! lately are its members, and none of them is news. A change is told once
//! [`HOLD`] answers in a row came from no member, or once the router that was
//! told has not answered among [`MEMORY`] answers. Silence is never a change:
//! routers answer when they like, and a link that is down is told elsewhere.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::DEPTH;

/// So many answers in a row from strangers make a change.
pub const HOLD: u32 = 9;
/// A member that so many answers came without is forgotten.
pub const MEMORY: u32 = 30;
/// So many probes without an answer, and a router counts as silent.
pub const SILENT: u32 = 5;
/// How often each TTL is asked in one walk.
const ROUNDS: u8 = 3;
/// The pause before the next walk while something is in doubt.
const AGAIN: Duration = Duration::from_secs(10);

/// Who answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// A router.
    Router(IpAddr),
    /// The destination: the path ends before this TTL.
    Destination,
}

/// One TTL.
#[derive(Debug, Clone, Default)]
pub struct Place {
    now: Option<Who>,
    /// Who answered lately, and how many answers ago.
    members: Vec<(Who, u32)>,
    /// Who answered since a member last did.
    strangers: Vec<Who>,
    /// Probes without an answer since the last one.
    silent: u32,
    asked: u32,
}

impl Place {
    /// Takes one probe's answer, or that there was none. Whether somebody else is
    /// told from now on.
    fn saw(&mut self, who: Option<Who>) -> bool {
        self.asked = self.asked.saturating_add(1);
        let Some(who) = who else {
            self.silent = self.silent.saturating_add(1);
            return false;
        };
        self.silent = 0;
        for (_, ago) in &mut self.members {
            *ago += 1;
        }
        if let Some((_, ago)) = self.members.iter_mut().find(|(member, _)| *member == who) {
            *ago = 0;
            // Whoever answered between two answers of a member shares the place.
            for stranger in std::mem::take(&mut self.strangers) {
                if self.members.iter().all(|(member, _)| *member != stranger) {
                    self.members.push((stranger, 1));
                }
            }
        } else {
            self.strangers.push(who);
            if self.now.is_none() || self.strangers.len() >= HOLD as usize {
                self.members.clear();
                for stranger in std::mem::take(&mut self.strangers) {
                    if self.members.iter().all(|(member, _)| *member != stranger) {
                        self.members.push((stranger, 0));
                    }
                }
            }
        }
        self.members.retain(|(_, ago)| *ago < MEMORY);
        let is_member = |who| self.members.iter().any(|(member, _)| *member == who);
        if self.now.is_some_and(is_member) {
            return false;
        }
        if !is_member(who) {
            // The last member was forgotten among strangers: they are heard out.
            return false;
        }
        self.now.replace(who).is_some()
    }

    /// Who answers here; `None` where nobody does.
    pub fn who(&self) -> Option<Who> {
        self.now.filter(|_| self.silent < SILENT)
    }

    /// Whether `who` answered here lately, be it beside others.
    pub fn has(&self, who: Who) -> bool {
        self.members.iter().any(|(member, _)| *member == who)
    }

    fn is_known(&self) -> bool {
        self.asked >= u32::from(ROUNDS)
    }

    /// Whether the answers of late are in dispute.
    fn in_doubt(&self) -> bool {
        !self.strangers.is_empty() && self.silent < SILENT
    }
}

/// What is found, told when it is first known and whenever it is another.
#[derive(Debug, Clone)]
pub struct Found {
    /// From TTL 1 to [`DEPTH`], or to the last before the destination.
    pub places: Vec<Place>,
}

impl Found {
    /// The routers, the gateway first; `None` where one does not answer. What is
    /// silent at the far end is left out.
    pub fn hops(&self) -> Vec<Option<IpAddr>> {
        let mut hops: Vec<_> = self
            .places
            .iter()
            .map(|place| match place.who() {
                Some(Who::Router(ip)) => Some(ip),
                _ => None,
            })
            .collect();
        while hops.last() == Some(&None) {
            hops.pop();
        }
        hops
    }

    /// Whether these are the routers of `before` as far as both answer: one that
    /// shares its place with another is the same, and silence is no news.
    pub fn agrees_with(&self, before: &[Option<IpAddr>]) -> bool {
        self.places.iter().zip(before).all(|(place, hop)| match (place.who(), hop) {
            (Some(_), Some(ip)) => place.has(Who::Router(*ip)),
            _ => true,
        })
    }
}

/// Watches one link's path in one IP version.
#[derive(Debug)]
pub struct Watch {
    places: Vec<Place>,
    every: Duration,
    next_walk: Instant,
    rounds_left: u8,
    /// Whether what is found must be told once nothing is in doubt.
    untold: bool,
    /// One router is another: the others are asked before that is told.
    walk_first: bool,
    was_silent: bool,
}

impl Watch {
    /// Nothing is known yet; the first walk is due now, others `every` so often.
    pub fn new(every: Duration, now: Instant) -> Self {
        Self {
            places: vec![Place::default(); usize::from(DEPTH)],
            every,
            next_walk: now,
            rounds_left: 0,
            untold: true,
            walk_first: false,
            was_silent: false,
        }
    }

    /// The TTLs to ask now, beside `asked` which is asked all the time. A walk
    /// asks each of the others three times, once each time that this is called:
    /// routers answer few of many at once.
    pub fn asks(&mut self, asked: u8, now: Instant) -> Vec<u8> {
        if self.rounds_left == 0 {
            if now < self.next_walk {
                return Vec::new();
            }
            self.rounds_left = ROUNDS;
        }
        self.rounds_left -= 1;
        if self.rounds_left == 0 {
            self.walk_first = false;
            self.next_walk = now + if self.in_doubt() { AGAIN.min(self.every) } else { self.every };
        }
        (1..=self.length()).filter(|ttl| *ttl != asked).collect()
    }

    /// What came of a probe with this TTL; `None` where nothing did.
    pub fn saw(&mut self, ttl: u8, who: Option<Who>, now: Instant) {
        let Some(place) = usize::from(ttl).checked_sub(1).and_then(|i| self.places.get_mut(i))
        else {
            return;
        };
        let changed = place.saw(who);
        if changed {
            (self.untold, self.walk_first) = (true, true);
            (self.rounds_left, self.next_walk) = (0, now);
        }
        if self.places[usize::from(ttl) - 1].in_doubt() {
            self.next_walk = self.next_walk.min(now + AGAIN.min(self.every));
        }
    }

    /// The router that is asked all the time is `ttl`: a walk is due at once when
    /// it goes silent, since it may have moved.
    pub fn first_hop_is(&mut self, ttl: u8, now: Instant) {
        let silent =
            self.places.get(usize::from(ttl) - 1).is_some_and(|place| place.silent >= SILENT);
        if silent && !self.was_silent {
            self.next_walk = now;
        }
        self.was_silent = silent;
    }

    /// What is found, once it is first known, and again whenever it is another.
    pub fn found(&mut self) -> Option<Found> {
        let places = &self.places[..usize::from(self.length())];
        if !self.untold || self.walk_first || self.in_doubt() || !places.iter().all(Place::is_known)
        {
            return None;
        }
        self.untold = false;
        let places = match places.last().map(Place::who) {
            Some(Some(Who::Destination)) => &places[..places.len() - 1],
            _ => places,
        };
        Some(Found { places: places.to_vec() })
    }

    /// TTLs up to the destination's, or all.
    fn length(&self) -> u8 {
        let end = self.places.iter().position(|place| place.now == Some(Who::Destination));
        end.map_or(DEPTH, |i| i as u8 + 1)
    }

    fn in_doubt(&self) -> bool {
        self.places[..usize::from(self.length())].iter().any(Place::in_doubt)
    }
}

#[cfg(test)]
#[path = "watch_tests.rs"]
mod tests;
