//! What held bad slots down: an outage, a percentile of the round trips, loss or speed,
//! with the worst figure found beside the one up to which the activity is OK. Pure: read
//! from the ledger and the columns that it was judged by.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::ops::Range;

use super::words;
use crate::history::Span;
use crate::ledger::{Ledger, Limit, State};
use crate::profile::{Factor, evidence};
use crate::qoe::activity::{Binding, judge_prepared};
use crate::qoe::catalogue::{Activity, Catalogue};

/// Of one household's ledger and the catalogue that it was judged by.
#[derive(Debug, Clone, Copy)]
pub struct Held<'a> {
    ledger: &'a Ledger,
    catalogue: &'a Catalogue,
}

/// Which of an activity's columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The link of this index.
    Link(usize),
    /// The household's.
    Anywhere,
}

/// What one factor did.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Found {
    /// Bad slots that it decided.
    slots: u64,
    /// The worst figure in them: milliseconds, or the loss that is certain.
    worst: f64,
}

/// What held a stretch of a column down.
#[derive(Debug, Clone, PartialEq)]
pub struct Tally {
    /// Only those that decided a slot.
    found: BTreeMap<Factor, Found>,
    /// Up to which figure the activity is OK: p50, p95, p99 and loss.
    bears: Option<[f32; 4]>,
    /// The speed that it needs, in bit/s: down and up.
    needs: [f64; 2],
}

impl<'a> Held<'a> {
    /// Of a ledger.
    pub fn new(ledger: &'a Ledger, catalogue: &'a Catalogue) -> Self {
        Self { ledger, catalogue }
    }

    fn activity(&self, activity: usize) -> Option<&'a Activity> {
        self.catalogue.get(&self.ledger.activities[activity].id)
    }

    /// Over the slots that `span` touches.
    pub fn within(&self, place: Place, activity: usize, span: Span) -> Tally {
        self.over(place, activity, self.ledger.grid.touched(span))
    }

    /// Over all slots.
    pub fn throughout(&self, place: Place, activity: usize) -> Tally {
        self.over(place, activity, 0..self.ledger.slots())
    }

    /// Over these slots.
    pub fn over(&self, place: Place, activity: usize, slots: Range<usize>) -> Tally {
        let of = self.activity(activity);
        let mbps =
            |a: &Activity| [&a.throughput_down, &a.throughput_up].map(|n| n.value.get() * 1e6);
        let mut tally = Tally {
            found: BTreeMap::new(),
            bears: of.map(|a| a.requirement().limits()),
            needs: of.map_or([0.0; 2], mbps),
        };
        let column = match place {
            Place::Link(link) => self.ledger.column(link, activity),
            Place::Anywhere => self.ledger.anywhere(activity),
        };
        for slot in slots {
            let state = column[slot].state();
            if !state.is_bad() {
                continue;
            }
            let link = match place {
                Place::Link(link) => Some(link),
                Place::Anywhere => self.speaks(activity, slot, state),
            };
            if let Some((factor, figure)) = link.and_then(|l| self.decided(l, activity, slot)) {
                let found = tally.found.entry(factor).or_default();
                found.slots += 1;
                found.worst = found.worst.max(figure);
            }
        }
        tally
    }

    /// The link whose cell is the household's: of those alike, the preferred.
    fn speaks(&self, activity: usize, slot: usize, state: State) -> Option<usize> {
        let mut links = 0..self.ledger.links.len();
        links.find(|link| self.ledger.column(*link, activity)[slot].state() == state)
    }

    /// What decided one bad cell, and by which figure where it has one.
    fn decided(&self, link: usize, activity: usize, slot: usize) -> Option<(Factor, f64)> {
        let far = &self.ledger.columns.links[link].far;
        Some(match self.ledger.column(link, activity)[slot].limit() {
            Limit::Outage => (Factor::Outage, 0.0),
            Limit::Loss => (Factor::Loss, far.loss_low[slot].into()),
            Limit::Throughput => (Factor::Throughput, 0.0),
            Limit::Latency => {
                let requirement = self.activity(activity)?.requirement();
                let evidence = evidence(self.ledger, link, slot)?;
                match judge_prepared(requirement, &evidence).binding? {
                    Binding::P50 => (Factor::RttP50, far.p50_ms[slot].into()),
                    Binding::P95 => (Factor::RttP95, far.p95_ms[slot].into()),
                    Binding::P99 => (Factor::RttP99, far.p99_ms[slot].into()),
                    Binding::Loss | Binding::ThroughputDown | Binding::ThroughputUp => return None,
                }
            }
            Limit::None | Limit::TooFewSamples | Limit::Silence | Limit::OneTarget => return None,
        })
    }
}

impl Tally {
    /// Factors that decided, the most frequent first.
    fn ranked(&self) -> Vec<(Factor, Found)> {
        let mut ranked: Vec<_> =
            self.found.iter().map(|(factor, found)| (*factor, *found)).collect();
        ranked.sort_by_key(|(factor, found)| (Reverse(found.slots), *factor));
        ranked
    }

    /// The factor that decided most often.
    pub fn most(&self) -> Option<Factor> {
        self.ranked().first().map(|(factor, _)| *factor)
    }

    /// Takes over another's figures where they are worse.
    pub fn worsen(&mut self, other: &Self) {
        for (factor, found) in &mut self.found {
            if let Some(other) = other.found.get(factor) {
                found.worst = found.worst.max(other.worst);
            }
        }
    }

    fn name(&self, factor: Factor) -> &'static str {
        match (factor, self.needs) {
            (Factor::Outage, _) => "outages",
            (Factor::RttP50, _) => "RTT p50",
            (Factor::RttP95, _) => "RTT p95",
            (Factor::RttP99, _) => "RTT p99",
            (Factor::Loss, _) => "loss",
            (Factor::Throughput, [_, up]) if up <= 0.0 => "speed down",
            (Factor::Throughput, [down, _]) if down <= 0.0 => "speed up",
            (Factor::Throughput, _) => "speed",
        }
    }

    /// The factor that decided most often, by its name within a sentence.
    pub fn word(&self) -> Option<String> {
        self.most().map(|factor| self.name(factor).to_owned())
    }

    /// In a word or two: "RTT p99", or "RTT p99, 71 %" where it was not alone.
    pub fn brief(&self) -> Option<String> {
        let ranked = self.ranked();
        let (factor, found) = ranked.first()?;
        let name = words::sentence(self.name(*factor));
        if ranked.len() == 1 {
            return Some(name);
        }
        let all: u64 = ranked.iter().map(|(_, found)| found.slots).sum();
        Some(format!("{name}, {:.0} %", 100.0 * found.slots as f64 / all as f64))
    }

    /// The factor that decided most often with its worst figure, such as "RTT p99 (at
    /// worst 212 ms)".
    pub fn worst(&self) -> Option<String> {
        let ranked = self.ranked();
        let (factor, found) = ranked.first()?;
        let figure = Self::figure(*factor, *found);
        Some(if figure.is_empty() {
            self.name(*factor).to_owned()
        } else {
            format!("{} ({figure})", self.name(*factor))
        })
    }

    fn figure(factor: Factor, found: Found) -> String {
        match factor {
            Factor::RttP50 | Factor::RttP95 | Factor::RttP99 => {
                format!("at worst {}", words::ms(found.worst))
            }
            Factor::Loss => format!("at worst {}", words::percent(found.worst)),
            Factor::Outage | Factor::Throughput => String::new(),
        }
    }

    fn bears(&self, factor: Factor) -> Option<String> {
        let [p50, p95, p99, loss] = self.bears?.map(f64::from);
        let ok = |figure: String| Some(format!("OK up to {figure}"));
        match factor {
            Factor::RttP50 => ok(words::ms(p50)),
            Factor::RttP95 => ok(words::ms(p95)),
            Factor::RttP99 => ok(words::ms(p99)),
            Factor::Loss => ok(words::percent(loss)),
            Factor::Outage => None,
            Factor::Throughput => {
                let ways = self.needs.into_iter().zip(["down", "up"]);
                let ways = ways.filter(|(bps, _)| *bps > 0.0);
                let ways: Vec<String> =
                    ways.map(|(bps, way)| format!("{} {way}", words::rate(bps))).collect();
                Some(format!("{} needed", words::list(&ways)))
            }
        }
    }

    /// All that held it down. Empty where nothing did.
    pub fn full(&self) -> String {
        self.parts().join("; ")
    }

    /// Each factor with its figures: "RTT p99, at worst 212 ms (OK up to 160 ms)", and
    /// with its slots where there are several. The loss is what is certain of it.
    pub fn parts(&self) -> Vec<String> {
        let ranked = self.ranked();
        let several = ranked.len() > 1;
        ranked
            .into_iter()
            .map(|(factor, found)| {
                let slots = if found.slots == 1 { "slot" } else { "slots" };
                let share = format!(" in {} {slots}", words::count(found.slots));
                let figure = Self::figure(factor, found);
                let bears = self.bears(factor).map(|bears| format!(" ({bears})"));
                [
                    self.name(factor),
                    if several { &share } else { "" },
                    if figure.is_empty() { "" } else { ", " },
                    &figure,
                    bears.as_deref().unwrap_or_default(),
                ]
                .concat()
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use hearth_proto::Technology;

    use super::*;
    use crate::history::History;
    use crate::scripted::{Script, ScriptLink, What};

    const MINUTE: i64 = 60_000;

    /// An hour of two links: one slow from minute 10, lossy from 20, out from 30, each
    /// for five minutes; the other out from minute 30 too.
    fn hour() -> History {
        let at = |minute: i64| (minute * MINUTE, (minute + 5) * MINUTE);
        let trouble = |link: ScriptLink, minute, what| {
            let (from, to) = at(minute);
            link.trouble(from, to, what)
        };
        let fixed = ScriptLink::new("eth0", Technology::Fttp, 20);
        let fixed = trouble(fixed, 10, What::Slow(400));
        let fixed = trouble(fixed, 20, What::Loss(0.4));
        let fixed = trouble(fixed, 30, What::Access);
        let mobile = trouble(ScriptLink::new("wwan0", Technology::Lte, 40), 30, What::Access);
        Script::minutes(60, vec![fixed, mobile]).history()
    }

    fn over(place: Place, slots: Range<usize>) -> Tally {
        let (history, catalogue) = (hour(), Catalogue::built_in());
        let ledger = Ledger::build(&history, &catalogue);
        let call = ledger.activities.iter().position(|a| a.id == "video-call").unwrap();
        Held::new(&ledger, &catalogue).over(place, call, slots)
    }

    #[test]
    fn a_slow_stretch_names_its_percentile_with_what_is_borne() {
        let (history, catalogue) = (hour(), Catalogue::built_in());
        let ledger = Ledger::build(&history, &catalogue);
        for (activity, of) in ledger.activities.iter().enumerate() {
            let slot = ledger.grid.at(12);
            let found = ledger.explain(&history, &catalogue, 0, activity, slot).unwrap();
            let tally = Held::new(&ledger, &catalogue).over(Place::Link(0), activity, 12..13);
            let expected = match found.binding {
                _ if !found.state.is_bad() => None,
                Some(Binding::P50) => Some("RTT p50"),
                Some(Binding::P95) => Some("RTT p95"),
                Some(Binding::P99) => Some("RTT p99"),
                other => panic!("{}: {other:?}", of.id),
            };
            assert_eq!(tally.brief().as_deref(), expected, "{}", of.id);
        }
        let full = over(Place::Link(0), 10..15).full();
        assert!(full.starts_with("RTT p") && full.contains(" (OK up to "), "{full}");
        assert!(full.contains(", at worst 4"), "{full}");
    }

    #[test]
    fn several_factors_are_ranked_and_counted() {
        let tally = over(Place::Link(0), 0..33);
        assert!(tally.brief().unwrap().starts_with("RTT p"), "{tally:?}");
        assert!(tally.brief().unwrap().ends_with(", 38 %"), "{:?}", tally.brief());
        let full = tally.full();
        assert!(full.contains("loss in 5 slots, at worst "), "{full}");
        assert!(full.ends_with("outages in 3 slots"), "{full}");
    }

    #[test]
    fn worse_figures_are_taken_over_factor_by_factor() {
        let (mut calm, rough) = (over(Place::Link(0), 10..15), over(Place::Link(0), 10..25));
        let worst = |tally: &Tally, factor| tally.found.get(&factor).map(|found| found.worst);
        let delay = calm.most().unwrap();
        let found = calm.found.get_mut(&delay).unwrap();
        found.worst = 1.0;
        calm.worsen(&rough);
        assert_eq!(worst(&calm, delay), worst(&rough, delay));
        // What decided nothing here has no figure to be worse.
        assert!(worst(&rough, Factor::Loss).is_some());
        assert_eq!(worst(&calm, Factor::Loss), None);
    }

    #[test]
    fn anywhere_is_held_down_only_where_no_link_works() {
        assert_eq!(over(Place::Anywhere, 0..30).full(), "");
        assert_eq!(over(Place::Anywhere, 0..30).most(), None);
        let out = over(Place::Anywhere, 0..60);
        assert_eq!((out.most(), out.brief().as_deref()), (Some(Factor::Outage), Some("Outages")));
    }
}
