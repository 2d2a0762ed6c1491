//! One silent target is the target's fault: a far target that is bad while another
//! answers well does not speak against the link.
//!
//! A slot is looked at where the series that speaks for it is bad: it loses more than
//! chance explains, or its median is [`late`] by what it usually takes. It is then
//! compared with all other far series over the slots of a quarter of an hour, up to this
//! one, in which it spoke and was bad alike: some are asked a few times a minute only.
//! What counts is what was lost, and, where the speaker is late, what was late. Another
//! series is good if the upper bound of its bad share is under the lower bound of the
//! speaker's, and bad if its own lower bound is over [`LOSS`] (or [`SLOW`]), there or in
//! the slot itself. The speaker is set aside where
//! - the same target does well by another way (IPv4 and IPv6), or
//! - another target does well and none else is bad: two bad ones are the link's.
//!
//! What is good speaks instead where it supports a median and is of the same target or
//! not much nearer: 5 ms to a resolver prove nothing of a way of 40 ms.
//!
//! Only the slot and what came before it is read: no later record changes a verdict.
//! With one target alone nothing is told apart, and nothing is set aside.

use std::collections::VecDeque;

use hearth_proto::{LinkSlot, ProbeKind, SeriesKey};

use super::{Aside, FarColumns, HOUR_MS, LinkColumns, Outcomes, QUARTER_MS};
use crate::history::LinkHistory;
use crate::history::evidence::Far;
use crate::history::grid::Grid;
use crate::qoe::activity::loss_lower_bound;

/// The bad share, by its lower bound, over which a target is bad; own judgement, as
/// for the segments of incidents.
const LOSS: f64 = 0.02;

/// The share of lost and late probes, by its lower bound, over which another target is as
/// slow as the speaker, of which half are late. On a link that varies some always are.
const SLOW: f64 = 0.25;

/// The least rise over its usual that makes an answer late, in ms; own judgement.
const LATE_MS: f32 = 50.0;

/// How many hours before its own a target's usual is taken from.
const USUAL_HOURS: i64 = 24;

/// A SYN is sent again after a second (RFC 6298): an answer after that hides a loss.
const SYN_AGAIN_MS: f32 = 1000.0;

/// From which time on an answer is late, where the least time of the day before is
/// `usual`.
fn late(usual: f32) -> f32 {
    usual + usual.max(LATE_MS)
}

/// Sets aside what is to be in a link's columns, whose series are laid out.
pub(super) fn set_aside(grid: &Grid, link: &LinkHistory, c: &mut LinkColumns) {
    if c.series.iter().filter(|s| is_round_trip(&s.key)).count() < 2 {
        return;
    }
    let mut usual = Usual::default();
    let mut view = View::new(grid, link, c);
    for slot in 0..grid.slots {
        let lossy = f64::from(c.far.loss_low[slot]) > LOSS;
        // No usual makes less than this late.
        if !lossy && (c.far.p50_ms[slot] <= LATE_MS || !is_slow(grid, link, c, &mut usual, slot)) {
            continue;
        }
        let Some(found) = view.compare(c, &mut usual, slot) else { continue };
        let mut aside = found.aside;
        view.records(slot as i64, slot as i64, |_, record| {
            let able = Far::all(record).filter(Far::supports_a_median);
            let instead = Far::first(able.filter(|far| found.able.contains(&far.series.key)));
            let Some(far) = instead else { return };
            let place = c.series.iter().position(|s| s.key == far.series.key);
            c.far.speak(slot, &far, place_of(place));
            aside.replaced = true;
        });
        c.aside.push(aside);
    }
}

fn is_round_trip(key: &SeriesKey) -> bool {
    let probes = [ProbeKind::Stamp, ProbeKind::Icmp, ProbeKind::TcpConnect];
    key.role.is_far() && probes.contains(&key.probe)
}

fn is_slow(
    grid: &Grid,
    link: &LinkHistory,
    c: &LinkColumns,
    usual: &mut Usual,
    slot: usize,
) -> bool {
    let Some(series) = c.series.get(usize::from(c.far.series[slot])) else { return false };
    let usual = usual.of(grid, link, c, &series.key, grid.at(slot).0);
    usual.is_some_and(|ms| c.far.p50_ms[slot] > late(ms))
}

fn place_of(place: Option<usize>) -> u16 {
    place.and_then(|place| u16::try_from(place).ok()).unwrap_or(FarColumns::NONE)
}

impl Outcomes {
    /// What counts is what was lost, and, where `usual` is given, what was late by it.
    fn of(far: &Far<'_>, usual: Option<f32>) -> Self {
        let again = (far.series.key.probe == ProbeKind::TcpConnect).then_some(SYN_AGAIN_MS);
        let limit = usual.map(late).into_iter().chain(again).reduce(f32::min);
        let late = match limit.filter(|_| !far.series.after_idle) {
            Some(ms) => {
                let buckets = far.series.distribution.buckets();
                buckets.filter(|(us, ..)| *us as f32 / 1000.0 > ms).map(|(.., n)| n).sum()
            }
            None => 0_u32,
        };
        Self { bad: far.lost.saturating_add(late), tried: far.tried() }
    }

    fn add(&mut self, other: Self) {
        self.bad = self.bad.saturating_add(other.bad);
        self.tried = self.tried.saturating_add(other.tried);
    }

    /// The least share that is bad.
    fn at_least(self) -> f64 {
        loss_lower_bound(self.bad, self.tried)
    }

    /// The greatest share that is bad.
    fn at_most(self) -> f64 {
        1.0 - loss_lower_bound(self.tried.saturating_sub(self.bad), self.tried)
    }
}

/// The least time of each series over the hours before one.
#[derive(Default)]
struct Usual {
    /// By key: the hour that was asked for last, and its answer.
    last: Vec<(SeriesKey, i64, Option<f32>)>,
    /// Of the records before the grid, once asked for: by key and hour.
    lead: Option<Vec<(SeriesKey, i64, f32)>>,
}

impl Usual {
    /// In ms; `None` where nothing was answered in them.
    fn of(
        &mut self,
        grid: &Grid,
        link: &LinkHistory,
        c: &LinkColumns,
        key: &SeriesKey,
        at_ms: i64,
    ) -> Option<f32> {
        let hour = at_ms.div_euclid(HOUR_MS);
        let last = self.last.iter().position(|l| l.0 == *key);
        if let Some(last) = last
            && self.last[last].1 == hour
        {
            return self.last[last].2;
        }
        let hours = hour - USUAL_HOURS..hour;
        let mut least = f32::INFINITY;
        if let Some(series) = c.series.iter().find(|s| s.key == *key) {
            let per_hour = HOUR_MS / QUARTER_MS;
            let from = series.quarter(hours.start * per_hour);
            let to = series.quarter(hours.end * per_hour);
            least = series.quarters[from..to].iter().fold(least, |least, q| least.min(q.min_ms));
        }
        if hours.start * HOUR_MS < grid.from.0 {
            let lead = self.lead.get_or_insert_with(|| lead(grid, link));
            let of = lead.iter().filter(|l| l.0 == *key && hours.contains(&l.1));
            least = of.fold(least, |least, l| least.min(l.2));
        }
        let found = least.is_finite().then_some(least);
        match last {
            Some(last) => (self.last[last].1, self.last[last].2) = (hour, found),
            None => self.last.push((key.clone(), hour, found)),
        }
        found
    }
}

/// The least times of the hours before the grid.
fn lead(grid: &Grid, link: &LinkHistory) -> Vec<(SeriesKey, i64, f32)> {
    // An hour more: slots before the grid ask too.
    let from = (grid.from.0.div_euclid(HOUR_MS) - USUAL_HOURS - 1) * HOUR_MS;
    let mut all: Vec<(SeriesKey, i64, f32)> = Vec::new();
    for record in link.slots.iter().filter(|s| s.start < grid.from && s.start.0 >= from) {
        let hour = record.start.0.div_euclid(HOUR_MS);
        for series in record.series.iter().filter(|s| !s.after_idle && is_round_trip(&s.key)) {
            let Some(us) = series.distribution.min_us() else { continue };
            let ms = (f64::from(us) / 1000.0) as f32;
            // The hours come in order, mostly.
            match all.iter_mut().rev().find(|l| l.1 == hour && l.0 == series.key) {
                Some(least) => least.2 = least.2.min(ms),
                None => all.push((series.key.clone(), hour, ms)),
            }
        }
    }
    all
}

/// A slot in which the series that speaks was bad.
struct Bad {
    slot: i64,
    /// By its median, whatever it lost: else by its losses alone.
    slow: bool,
    /// Of the series that speaks, then of the others.
    series: Vec<Counted>,
}

struct Counted {
    key: SeriesKey,
    outcomes: Outcomes,
    /// Whether anything was answered.
    heard: bool,
    /// The least time, of the day before or else of the slot, in ms.
    least_ms: Option<f32>,
    /// Whether what is late is known, as far as the speaker's badness is lateness.
    tells: bool,
}

/// What a comparison found.
struct Found {
    aside: Aside,
    /// What may speak instead.
    able: Vec<SeriesKey>,
}

/// The bad slots of the last quarter of an hour.
struct View<'a> {
    grid: &'a Grid,
    link: &'a LinkHistory,
    /// In order of start, where the link's own are not.
    sorted: Option<Vec<&'a LinkSlot>>,
    bad: VecDeque<Bad>,
    next: i64,
}

impl<'a> View<'a> {
    fn new(grid: &'a Grid, link: &'a LinkHistory, c: &LinkColumns) -> Self {
        let sorted = (!c.in_order).then(|| {
            let mut sorted: Vec<&LinkSlot> = link.slots.iter().collect();
            sorted.sort_by_key(|s| s.start);
            sorted
        });
        Self { grid, link, sorted, bad: VecDeque::new(), next: i64::MIN }
    }

    /// Visits the records of some slots, merged.
    fn records(&self, first: i64, last: i64, visit: impl FnMut(i64, &LinkSlot)) {
        let length = i64::from(self.grid.length.ms());
        let (from, to) =
            (self.grid.from.plus(first * length), self.grid.from.plus((last + 1) * length));
        let found: Vec<&LinkSlot> = if let Some(sorted) = &self.sorted {
            let first = sorted.partition_point(|s| s.start < from);
            sorted[first..].iter().copied().take_while(|s| s.start < to).collect()
        } else {
            let first = self.link.slots.partition_point(|s| s.start < from);
            self.link.slots[first..].iter().take_while(|s| s.start < to).collect()
        };
        self.grid.walk_sorted(&found, visit);
    }

    /// Looks at the slots up to one.
    fn look(&mut self, c: &LinkColumns, usual: &mut Usual, slot: i64) {
        let first = slot + 1 - (QUARTER_MS / i64::from(self.grid.length.ms())).max(1);
        let mut seen = Vec::new();
        self.records(first.max(self.next), slot, |slot, record| {
            let mut of = |key: &SeriesKey| usual.of(self.grid, self.link, c, key, record.start.0);
            seen.extend(bad_slot(slot, record, &mut of));
        });
        self.next = slot + 1;
        self.bad.extend(seen);
        while self.bad.front().is_some_and(|bad| bad.slot < first) {
            self.bad.pop_front();
        }
    }

    fn compare(&mut self, c: &LinkColumns, usual: &mut Usual, slot: usize) -> Option<Found> {
        self.look(c, usual, slot as i64);
        let here = self.bad.back().filter(|bad| bad.slot == slot as i64)?;
        let (speaker, others) = here.series.split_first()?;
        let alike = || {
            let by_one = |bad: &&Bad| bad.slow == here.slow && bad.series[0].key == speaker.key;
            self.bad.iter().filter(by_one)
        };
        let too_much = if here.slow { SLOW } else { LOSS };
        let pooled = |key: &SeriesKey| {
            let mut sum = Outcomes::default();
            let all = alike().flat_map(|bad| &bad.series);
            all.filter(|s| s.key == *key).for_each(|s| sum.add(s.outcomes));
            sum
        };
        let target = |key: &SeriesKey| (key.role, key.target.clone());
        let of_speaker = pooled(&speaker.key);
        let is_bad =
            |s: &Counted| s.outcomes.at_least() > too_much || pooled(&s.key).at_least() > too_much;
        let is_good = |s: &&Counted| {
            let most = pooled(&s.key).at_most();
            s.heard && s.tells && !is_bad(s) && most < of_speaker.at_least()
        };
        let same = |s: &&Counted| target(&s.key) == target(&speaker.key);
        let mut good: Vec<&Counted> = others.iter().filter(same).filter(is_good).collect();
        if good.is_empty() {
            let another_is_bad =
                alike().flat_map(|bad| &bad.series).any(|s| !same(&s) && is_bad(s));
            if another_is_bad {
                return None;
            }
            good = others.iter().filter(is_good).collect();
        }
        let best = good
            .iter()
            .min_by(|a, b| pooled(&a.key).at_most().total_cmp(&pooled(&b.key).at_most()))?;
        let is_near = |s: &Counted| match (s.least_ms, speaker.least_ms) {
            (Some(its), Some(usual)) => its < usual / 2.0,
            _ => false,
        };
        let able = good.iter().filter(|s| same(s) || !is_near(s)).map(|s| s.key.clone());
        let place = |key: &SeriesKey| place_of(c.series.iter().position(|s| s.key == *key));
        Some(Found {
            aside: Aside {
                slot: slot as u32,
                series: place(&speaker.key),
                outcomes: of_speaker,
                good: place(&best.key),
                good_outcomes: pooled(&best.key),
                replaced: false,
            },
            able: able.collect(),
        })
    }
}

/// A slot as far as its speaker is bad in it.
fn bad_slot(
    slot: i64,
    record: &LinkSlot,
    usual: &mut impl FnMut(&SeriesKey) -> Option<f32>,
) -> Option<Bad> {
    let speaker = Far::choose(record)?;
    let evidence = speaker.evidence();
    let lossy = loss_lower_bound(evidence.lost, evidence.sent) > LOSS;
    let p50 = evidence.latency_ms[0].map(|ms| ms as f32);
    let slow = match (p50, usual(&speaker.series.key)) {
        (Some(p50), Some(usual)) => p50 > late(usual),
        _ => false,
    };
    if !lossy && !slow {
        return None;
    }
    let mut series: Vec<Counted> = Far::all(record)
        .map(|far| {
            let of_day = usual(&far.series.key);
            let times = (!far.series.after_idle).then_some(&far.series.distribution);
            let least = times
                .and_then(hearth_proto::Distribution::min_us)
                .map(|us| (f64::from(us) / 1000.0) as f32);
            Counted {
                key: far.series.key.clone(),
                outcomes: Outcomes::of(&far, of_day.filter(|_| slow)),
                heard: far.tried() > far.lost,
                least_ms: of_day.or(least),
                tells: !slow || of_day.is_some(),
            }
        })
        .collect();
    let speaks = series.iter().position(|s| s.key == speaker.series.key)?;
    series.swap(0, speaks);
    Some(Bad { slot, slow, series })
}
