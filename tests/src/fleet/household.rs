//! A virtual household: its script, seen through an agent's probes.
//!
//! Each second one STAMP probe leaves on each link, and fewer of the other kinds
//! ([`Pace`]). What comes back is drawn from the link's model, with what the
//! script does to it on top. The agent behind it is a perfect judge: a link is
//! down from the first probe sent in an outage to the first sent after it. What a
//! power cut interrupts is lost with it, and a new boot starts after it.

mod slot;
mod trouble;

use std::collections::VecDeque;

use hearth_proto::{
    AgentId, BootId, DefaultRoute, Event, EventKind, HouseholdId, LinkInfo, LinkName, Record, Role,
    Seq, SlotLength, Technology, UnixMs, Vantage,
};

use super::script::{Script, Times, Trouble};
use crate::models::{Model, ModelError, Random};
use slot::LinkState;

/// Milliseconds between probes of a kind; 0: never.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// STAMP to the reflector; all others go with one of these.
    pub stamp_ms: u32,
    /// ICMP to the gateway.
    pub gateway_ms: u32,
    /// A TTL-limited datagram to the first hop behind it.
    pub first_hop_ms: u32,
    /// DNS, TCP connect and HTTP time to first byte, each.
    pub services_ms: u32,
}

impl Default for Pace {
    fn default() -> Self {
        Self { stamp_ms: 1000, gateway_ms: 5_000, first_hop_ms: 10_000, services_ms: 20_000 }
    }
}

impl Pace {
    /// STAMP alone, one a second.
    pub fn stamp_only() -> Self {
        Self { stamp_ms: 1000, gateway_ms: 0, first_hop_ms: 0, services_ms: 0 }
    }
}

/// One link of a household.
#[derive(Debug, Clone)]
pub struct HomeLink {
    /// Its name, which is its interface's.
    pub name: LinkName,
    /// Its access technology.
    pub technology: Technology,
    /// Its default route's metric.
    pub metric: u32,
    /// What it is like.
    pub model: Model,
}

impl HomeLink {
    fn info(&self) -> LinkInfo {
        LinkInfo {
            link: self.name.clone(),
            interface: self.name.to_string(),
            technology: self.technology,
            technology_source: "configuration".to_owned(),
            v4: Some(DefaultRoute { metric: self.metric }),
            v6: None,
        }
    }
}

/// Why a household can't be made.
#[derive(Debug, thiserror::Error)]
pub enum HouseholdError {
    /// A link model.
    #[error("link model: {0}")]
    Model(#[from] ModelError),
    /// A name.
    #[error(transparent)]
    Name(#[from] hearth_proto::ids::IdError),
    /// The span.
    #[error("span of {0} ms is not accepted: whole slots, at least one")]
    Span(i64),
}

/// A virtual household and what happens to it.
#[derive(Debug, Clone)]
pub struct Household {
    /// Its pseudonym.
    pub id: HouseholdId,
    /// Its one agent.
    pub agent: AgentId,
    /// Where that stands.
    pub vantage: Vantage,
    /// Its links, in order of preference.
    pub links: Vec<HomeLink>,
    /// The slots its agent summarises over.
    pub slot: SlotLength,
    /// How often it probes.
    pub pace: Pace,
    /// Points on its ways out that never answer a probe, though they carry what
    /// goes through them.
    pub mute: Vec<Role>,
    /// From when to when it is told of.
    pub span: Times,
    /// What happens.
    pub script: Script,
    /// The same seed makes the same records.
    pub seed: u64,
}

/// A record with its identity.
#[derive(Debug, Clone, PartialEq)]
pub struct Reported {
    /// Which run of the agent.
    pub boot: BootId,
    /// Which of its records.
    pub seq: Seq,
    /// The record.
    pub record: Record,
}

impl Household {
    /// A home with FTTP, 5G and 4G, an ordinary script and one-minute slots. The
    /// recordings behind the mobile models were pinged to a far server: here the
    /// floors are 25 ms and 45 ms, to a reflector at the operator's edge.
    pub fn ordinary(id: &str, span: Times, seed: u64) -> Result<Self, HouseholdError> {
        let link = |name: &str, technology, metric, model: &str, base_us: Option<f64>| {
            let mut model = Model::built_in(model)?;
            model.rtt.base_us = base_us.unwrap_or(model.rtt.base_us);
            Ok::<_, HouseholdError>(HomeLink { name: name.parse()?, technology, metric, model })
        };
        let slot = SlotLength::MINUTE;
        let length = span.to.since(span.from);
        if length < i64::from(slot.ms()) || slot.start_of(span.from) != span.from {
            return Err(HouseholdError::Span(length));
        }
        Ok(Self {
            id: id.parse()?,
            agent: format!("{id}-agent").parse()?,
            vantage: Vantage::Device,
            links: vec![
                link("fibre0", Technology::Fttp, 100, "fttp", None)?,
                link("wwan0", Technology::NrNsa, 200, "nr-static", Some(25e3))?,
                link("wwan1", Technology::Lte, 300, "lte-static", Some(45e3))?,
            ],
            slot,
            pace: Pace::default(),
            mute: Vec::new(),
            span,
            script: Script::ordinary(span, seed),
            seed,
        })
    }

    /// The slots of the span.
    pub fn slots(&self) -> impl Iterator<Item = Times> + use<> {
        let length = i64::from(self.slot.ms());
        let (first, end) = (self.slot.start_of(self.span.from).0, self.span.to.0);
        (first..)
            .step_by(length as usize)
            .map(move |at| Times { from: UnixMs(at), to: UnixMs(at + length) })
            .take_while(move |t| t.to.0 <= end)
    }

    /// From when on `slot` was measured; `None`: it was not reported, because the
    /// power was out at its end.
    pub fn measured_from(&self, slot: Times) -> Option<UnixMs> {
        let mut from = slot.from;
        for trouble in self.script.within(slot) {
            if let Trouble::PowerCut { times } = trouble {
                if times.to >= slot.to {
                    return None;
                }
                from = from.max(times.to);
            }
        }
        Some(from)
    }

    /// How many link-slots are reported over the span.
    pub fn reported_link_slots(&self) -> usize {
        self.slots().filter(|s| self.measured_from(*s).is_some()).count() * self.links.len()
    }

    /// All records, in order, drawn as they are asked for.
    pub fn records(&self) -> Records<'_> {
        let states = self.links.iter().map(|l| LinkState::new(l, self)).collect();
        Records {
            home: self,
            slots: Box::new(self.slots()),
            states,
            ids: Random::new(self.seed, &format!("boots of {}", self.agent)),
            traffic: Random::new(self.seed, &format!("traffic of {}", self.agent)),
            boot: None,
            seq: 0,
            ready: VecDeque::new(),
        }
    }
}

/// A household's records.
pub struct Records<'a> {
    home: &'a Household,
    slots: Box<dyn Iterator<Item = Times> + 'a>,
    states: Vec<LinkState>,
    ids: Random,
    traffic: Random,
    /// The run under way and when it began.
    boot: Option<(BootId, UnixMs)>,
    seq: u64,
    ready: VecDeque<Reported>,
}

impl std::fmt::Debug for Records<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Records").field("boot", &self.boot).field("seq", &self.seq).finish()
    }
}

impl Iterator for Records<'_> {
    type Item = Reported;

    fn next(&mut self) -> Option<Reported> {
        while self.ready.is_empty() {
            let slot = self.slots.next()?;
            self.report(slot);
        }
        self.ready.pop_front()
    }
}

impl Records<'_> {
    fn report(&mut self, slot: Times) {
        let Some(from) = self.home.measured_from(slot) else {
            self.boot = None;
            return;
        };
        if from > slot.from {
            self.boot = None;
        }
        let (boot, started) = *self.boot.get_or_insert_with(|| (BootId(self.ids.bits()), from));
        let mut events = Vec::new();
        if started == from {
            self.seq = 0;
            events.push((
                from,
                EventKind::Boot {
                    version: env!("CARGO_PKG_VERSION").to_owned(),
                    slot: self.home.slot,
                    vantage: self.home.vantage,
                },
            ));
            for (link, state) in self.home.links.iter().zip(&mut self.states) {
                state.restart();
                events.push((from, EventKind::LinkAppeared(link.info())));
            }
        }
        let measured = Times { from, to: slot.to };
        let mut summaries = Vec::with_capacity(self.states.len());
        for (i, state) in self.states.iter_mut().enumerate() {
            let troubles = trouble::Troubles::on(&self.home.script, i, measured);
            let mut summary = state.measure(slot, from, self.home.slot, &troubles);
            events.extend(state.take_events());
            summary.busy = Some(slot::idle());
            summaries.push(summary);
        }
        // The household uses the first link that is up.
        if let Some(used) = summaries.iter_mut().find(|s| s.down_ms == 0) {
            let hour = slot.from.0.rem_euclid(86_400_000) as f64 / 3.6e6;
            used.busy = Some(slot::traffic(&mut self.traffic, hour, self.home.slot));
        }
        events.sort_by_key(|e| e.0);
        let events = events.into_iter().map(|(at, kind)| {
            let at_boot_ms = at.since(started).max(0) as u64;
            Record::Event(Event { at, at_boot_ms, kind })
        });
        for record in events.chain(summaries.into_iter().map(Record::Slot)) {
            self.seq += 1;
            self.ready.push_back(Reported { boot, seq: Seq(self.seq), record });
        }
    }
}

#[cfg(test)]
mod tests;
