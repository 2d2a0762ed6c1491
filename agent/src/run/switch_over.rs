//! When the household's own traffic took another link because one failed. Pure.
//!
//! Only what was seen is told. The failed link carried the household's traffic in the
//! minute before, else nobody asked for another way. The other link was quiet in that
//! minute beside what it carries then, so that a home which spreads its traffic, or
//! always uses its backup, does not switch over. And it carries both ways for some
//! seconds, more than what may be left of the agent's own traffic taken off.
//!
//! A router may lead its traffic another way some time before anybody uses it: where the
//! system's default route was seen to move, that instant is told beside the first answer.

use std::collections::{BTreeMap, VecDeque};

use hearth_proto::{EventKind, Family, LinkName, MAX_SWITCH_OVER_MS, UnixMs};

use crate::link::counters::Bytes;
use crate::link::discover::{Link, Links};

/// How far back the links' use before an outage is looked at.
const BEFORE_MS: i64 = 60_000;
/// Of that, so much has to be known of either link.
const LEAST_KNOWN_MS: i64 = 30_000;
/// Readings are kept so long for an outage that is yet to be judged: where a link is
/// probed once a minute that takes its time.
const KEEP_MS: i64 = 180_000;
/// The household uses a link in a second in which so many bytes go each way. Fewer may
/// be the agent's own that were counted a moment apart.
const LEAST_BYTES_PER_S: u64 = 500;
/// Nor is it the household where the agent's own bytes are more than so many times its:
/// what is taken off a test is known to a few per cent.
const MOST_OWN: u64 = 5;
/// The failed link was used in so many of the seconds before.
const LEAST_USED: usize = 10;
/// The first answer opens a window, in which several seconds have to be used: a single
/// one could be anything.
const WINDOW_MS: i64 = 5_000;
const LEAST_ANSWERED: usize = 3;
/// The window's rate is so many times the one before the outage.
const LEAST_RISE: u64 = 4;
/// A second that holds less than this part of the window's mean came before the traffic.
const FIRST_PART: u64 = 10;
/// A route may move a little before the first probe fails.
const ROUTE_LEAD_MS: i64 = 10_000;
/// Moves of the default route that are remembered.
const MOST_ROUTES: usize = 16;

/// What a link carried between two readings of its counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Carried {
    pub(super) from: UnixMs,
    pub(super) to: UnixMs,
    pub(super) household: Bytes,
    /// The agent's, which is taken off.
    pub(super) own: Bytes,
}

impl Carried {
    fn ms(&self) -> u64 {
        self.to.since(self.from).max(1) as u64
    }

    fn bytes(&self) -> u64 {
        self.household.rx.saturating_add(self.household.tx)
    }

    fn is_used(&self) -> bool {
        let enough = |household: u64, own: u64| {
            household.saturating_mul(1_000) >= LEAST_BYTES_PER_S * self.ms()
                && household.saturating_mul(MOST_OWN) >= own
        };
        enough(self.household.rx, self.own.rx) && enough(self.household.tx, self.own.tx)
    }
}

/// The household's traffic took another link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Moved {
    /// When it was seen answered.
    pub(super) at: UnixMs,
    pub(super) from: LinkName,
    pub(super) to: LinkName,
    pub(super) answered_after_ms: u32,
    pub(super) routed_after_ms: Option<u32>,
}

impl From<Moved> for EventKind {
    fn from(moved: Moved) -> Self {
        let Moved { from, to, answered_after_ms, routed_after_ms, .. } = moved;
        Self::TrafficMoved { from, to, answered_after_ms, routed_after_ms }
    }
}

#[derive(Debug, Clone, Copy)]
struct Outage {
    start: UnixMs,
    /// A switch-over was told, or is none any more.
    settled: bool,
}

#[derive(Debug, Default)]
struct Seen {
    carried: VecDeque<Carried>,
    outage: Option<Outage>,
}

impl Seen {
    fn within(&self, from: UnixMs, to: UnixMs) -> impl Iterator<Item = &Carried> {
        self.carried.iter().filter(move |c| c.from >= from && c.to <= to)
    }

    /// Bytes a second in the minute before, and in how many readings the household used
    /// the link; `None` where too little of it is known.
    fn before(&self, start: UnixMs) -> Option<(u64, usize)> {
        let minute = || self.within(start.plus(-BEFORE_MS), start);
        let known: u64 = minute().map(Carried::ms).sum();
        (known >= LEAST_KNOWN_MS as u64).then(|| {
            let bytes: u64 = minute().map(Carried::bytes).sum();
            (bytes.saturating_mul(1_000) / known, minute().filter(|c| c.is_used()).count())
        })
    }

    /// When the household's traffic was first answered over this link after `start`.
    fn answered(&self, start: UnixMs, failed: &Self) -> Option<UnixMs> {
        let (rate_before, _) = self.before(start)?;
        let newest = self.carried.back()?.to;
        let after = self.carried.partition_point(|c| c.to <= start);
        let mut all = self.carried.range(after..).enumerate().filter(|(_, c)| c.is_used());
        let (_, first) = all.find(|(i, first)| {
            let end = first.from.plus(WINDOW_MS);
            let window = || self.carried.range(after + i..).take_while(move |c| c.from < end);
            let ms: u64 = window().map(Carried::ms).sum();
            let bytes: u64 = window().map(Carried::bytes).sum();
            let rate = bytes.saturating_mul(1_000) / ms.max(1);
            let received: u64 = window().map(|c| c.household.rx).sum();
            let by_failed = || failed.within(first.from, end).map(|c| c.household.rx).sum::<u64>();
            // The last reading of the window may end a little beside it.
            newest >= end.plus(-WINDOW_MS / 5)
                && window().filter(|c| c.is_used()).count() >= LEAST_ANSWERED
                && rate >= rate_before.saturating_mul(LEAST_RISE)
                && first.bytes().saturating_mul(1_000 * FIRST_PART) / first.ms() >= rate
                && received > by_failed()
        })?;
        Some(first.to)
    }
}

/// What is known of all links.
#[derive(Debug, Default)]
pub(super) struct SwitchOvers {
    /// The timeline that all times are of.
    epoch: u32,
    links: BTreeMap<LinkName, Seen>,
    /// Over which link the system's default route leads, from when on.
    routes: VecDeque<(UnixMs, Option<LinkName>)>,
}

impl SwitchOvers {
    /// A link has carried this.
    pub(super) fn carried(
        &mut self,
        epoch: u32,
        link: &LinkName,
        carried: Carried,
    ) -> Option<Moved> {
        if !self.is_of(epoch) {
            return None;
        }
        for seen in self.links.values_mut() {
            if let Some(outage) = &mut seen.outage {
                let bound = outage.start.plus(i64::from(MAX_SWITCH_OVER_MS) + WINDOW_MS);
                outage.settled |= carried.to > bound;
            }
        }
        let open = self.links.values().filter_map(|seen| seen.outage.filter(|o| !o.settled));
        let since = open.map(|o| o.start.plus(-BEFORE_MS)).min();
        let usual = carried.to.plus(-KEEP_MS);
        let keep = since.map_or(usual, |since| since.min(usual));
        let kept = &mut self.links.entry(link.clone()).or_default().carried;
        kept.retain(|c| c.from >= keep);
        kept.push_back(carried);
        self.look()
    }

    /// A link is down since then, or is not (known to be).
    pub(super) fn stands(
        &mut self,
        epoch: u32,
        link: &LinkName,
        down: Option<UnixMs>,
    ) -> Option<Moved> {
        if !self.is_of(epoch) {
            return None;
        }
        let outage = &mut self.links.entry(link.clone()).or_default().outage;
        match down {
            // For whatever cause it goes on, it is the same.
            Some(start) => {
                outage.get_or_insert(Outage { start, settled: false });
            }
            None => *outage = None,
        }
        self.look()
    }

    /// These are the links as seen at an instant.
    pub(super) fn routed(&mut self, epoch: u32, links: &Links, at: UnixMs) {
        if !self.is_of(epoch) {
            return;
        }
        let over = preferred(links);
        if self.routes.back().is_none_or(|(_, known)| *known != over) {
            self.routes.push_back((at, over));
        }
        if self.routes.len() > MOST_ROUTES {
            self.routes.pop_front();
        }
    }

    /// Times of two timelines can't be compared: with a new one all begins anew.
    fn is_of(&mut self, epoch: u32) -> bool {
        if epoch > self.epoch {
            let routes = self.routes.pop_back().into_iter().collect();
            *self = Self { epoch, routes, ..Self::default() };
        }
        epoch == self.epoch
    }

    fn look(&mut self) -> Option<Moved> {
        let moved = self.links.iter().find_map(|(from, failed)| {
            let start = failed.outage.filter(|outage| !outage.settled)?.start;
            let (_, used) = failed.before(start)?;
            if used < LEAST_USED {
                return None;
            }
            let others =
                self.links.iter().filter(|(to, seen)| *to != from && seen.outage.is_none());
            let answered = |(to, seen): (_, &Seen)| Some((seen.answered(start, failed)?, to));
            let (at, to) = others.filter_map(answered).min()?;
            let after = |at: UnixMs| u32::try_from(at.since(start).max(0)).ok();
            let answered_after_ms = after(at).filter(|ms| *ms <= MAX_SWITCH_OVER_MS)?;
            let (from, to): (LinkName, LinkName) = (from.clone(), LinkName::clone(to));
            let routed_after_ms = self.route_to(&to, start, at).and_then(after);
            Some(Moved { at, from, to, answered_after_ms, routed_after_ms })
        })?;
        let outage = self.links.get_mut(&moved.from).and_then(|seen| seen.outage.as_mut());
        if let Some(outage) = outage {
            outage.settled = true;
        }
        Some(moved)
    }

    /// When the default route came to lead over `to`, where it did at `at`.
    fn route_to(&self, to: &LinkName, start: UnixMs, at: UnixMs) -> Option<UnixMs> {
        // The first is where it led all along.
        let moves = self.routes.iter().skip(1);
        let (moved, over) = moves.rev().find(|(moved, _)| *moved <= at)?;
        (over.as_ref() == Some(to) && *moved >= start.plus(-ROUTE_LEAD_MS)).then_some(*moved)
    }
}

/// The link over which the kernel's own default route leads, IPv4's before IPv6's.
fn preferred(links: &Links) -> Option<LinkName> {
    let least = |link: &Link, family| {
        let routes = link.family(family).routes.iter().filter(|route| route.is_main());
        routes.map(|route| route.metric).min()
    };
    [Family::V4, Family::V6].into_iter().find_map(|family| {
        let routes = links.values().filter_map(|link| Some((least(link, family)?, &link.name)));
        routes.min().map(|(_, name)| name.clone())
    })
}

#[cfg(test)]
#[path = "switch_over_tests.rs"]
mod tests;
