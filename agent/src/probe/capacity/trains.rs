//! Arrivals as points, and the runs between silences. Pure.

use super::estimate::Mark;

/// Arrivals closer than this are one: they were read one after the other.
const TOGETHER: f64 = 0.000_4;
/// Silence is longer than a share of the round trip, and than any timer's error,
const SILENCE_RTT: f64 = 0.12;
const SILENCE_LEAST: f64 = 0.002_5;
/// but it ends with the round trip: what lasts longer is a loss or an outage of
/// the link, which is part of what it carries;
const SILENCE_MOST_RTT: f64 = 1.6;
const SILENCE_MOST: f64 = 0.01;
/// and so many times longer than what came after it would take.
const SILENCE_TIMES: f64 = 4.0;
/// How soon, in silences, and how much of it has to be made up for.
const SOON: f64 = 0.3;
const MADE_UP: f64 = 0.6;
/// The same of what came later, until so many silences after it began.
const LATER: f64 = 4.0;
const CAUGHT_UP: f64 = 0.75;
/// A silence of so many round trips may be the wait for something sent again.
const HELD_RTT: f64 = 0.8;
/// What tells a repair: octets at once, a smaller window, a faster run.
const LUMP: f64 = 12_000.0;
const SMALLER: f64 = 0.8;
const FASTER: f64 = 1.4;
/// A span of arrivals whose rate says something.
const BRISK_POINTS: usize = 3;
/// Fewer points, octets or seconds are no train to measure.
const TRAIN_POINTS: usize = 4;
const TRAIN_OCTETS: f64 = 8_000.0;
const TRAIN_SECONDS: f64 = 0.000_8;

/// Seconds, and octets that had arrived by then.
pub(super) type Point = (f64, f64);

/// A run of arrivals without silence. Its first point says when it began; the
/// octets of that point came before.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Run(Vec<Point>);

/// The marks in order, those that came together as one.
pub(super) fn points(marks: &[Mark]) -> Vec<Point> {
    let mut points: Vec<Point> = Vec::with_capacity(marks.len());
    let mut began = 0.0;
    for mark in marks {
        let (at, octets) = (mark.at.as_secs_f64(), mark.octets as f64);
        match points.last_mut() {
            Some(last) if at - began < TOGETHER || octets <= last.1 => {
                *last = (at.max(last.0), octets.max(last.1));
            }
            _ => {
                began = at;
                points.push((at, octets));
            }
        }
    }
    points
}

/// What was lost or late.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Losses {
    /// The most octets that came at once after it; 0: nothing was.
    pub(super) held: f64,
    /// When the first was waited for.
    pub(super) first: Option<f64>,
    /// Whether the link had less to carry for it.
    pub(super) starved: bool,
}

/// The runs, in order, lone points left out, and what was lost.
pub(super) fn runs(points: &[Point], rtt: f64) -> (Vec<Run>, Losses) {
    let usual = usual_pace(points);
    let least = SILENCE_LEAST.max(SILENCE_RTT * rtt);
    // Where each silence ended.
    let silences: Vec<usize> = (1..points.len())
        .filter(|&i| {
            let (silence, octets) = between(points, i - 1, i);
            silence > least && silence > SILENCE_TIMES * usual * octets
        })
        .collect();
    let (mut runs, mut losses) = (Vec::new(), Losses::default());
    let mut began = 0;
    for (n, &i) in silences.iter().enumerate() {
        let next = silences.get(n + 1).copied().unwrap_or(points.len());
        let (silence, at_once) = between(points, i - 1, i);
        let too_long = silence >= SILENCE_MOST_RTT * rtt + SILENCE_MOST;
        let made_up = made_up_for(&points[i..], points[i - 1], usual);
        let repaired =
            !made_up && silence > HELD_RTT * rtt && is_repair(points, began, i, next, usual);
        if made_up || repaired {
            losses.held = losses.held.max(at_once);
            losses.first = losses.first.or(Some(points[i - 1].0));
        }
        losses.starved |=
            (repaired || too_long) && !made_up && !caught_up(&points[i - 1..], silence, usual);
        if !too_long && !made_up && !repaired {
            runs.push(Run(points[began..i].to_vec()));
            began = i;
        }
    }
    runs.push(Run(points.get(began..).unwrap_or_default().to_vec()));
    runs.retain(|run| run.0.len() > 1);
    (runs, losses)
}

/// Seconds and octets from one point to another.
fn between(points: &[Point], from: usize, to: usize) -> (f64, f64) {
    (points[to].0 - points[from].0, points[to].1 - points[from].1)
}

/// Whether what came after a silence tells of a loss: a lump that had been held
/// back, a smaller window than before, or octets faster than any before, since
/// each that fills a hole sets more free.
fn is_repair(points: &[Point], began: usize, at: usize, next: usize, usual: f64) -> bool {
    let (seconds, octets) = between(points, began, at - 1);
    let (seconds_after, octets_after) = between(points, at, next - 1);
    let lump = points[at].1 - points[at - 1].1;
    let is_last = next == points.len();
    let faster = octets_after / seconds_after.max(1e-6) > FASTER * octets / seconds.max(1e-6);
    // More than a fast link brings at one reading.
    (lump > LUMP.max(0.25 * octets) && lump * usual > 2.0 * TOGETHER)
        || (!is_last && octets_after + lump < SMALLER * octets)
        || (at - began > TRAIN_POINTS && octets > TRAIN_OCTETS && faster)
}

/// The rate that arrivals have over spans of so many seconds, which a share of the
/// octets exceed: a sender that does not fill a link still shows what it carries.
pub(super) fn brisk(points: &[Point], span: f64, share: f64) -> f64 {
    let (mut rates, mut j) = (Vec::new(), 0);
    for i in 0..points.len() {
        j = j.max(i + BRISK_POINTS);
        while j < points.len() && points[j].0 - points[i].0 < span {
            j += 1;
        }
        if j >= points.len() {
            break;
        }
        let (seconds, octets) = between(points, i, j);
        rates.push((octets * 8.0 / seconds, octets / seconds.max(span)));
    }
    rates.sort_by(|a, b| b.0.total_cmp(&a.0));
    let least = rates.iter().map(|rate| rate.1).sum::<f64>() * share;
    let mut sum = 0.0;
    let found = rates.iter().find(|rate| {
        sum += rate.1;
        sum >= least
    });
    found.map_or(0.0, |rate| rate.0)
}

/// Whether what came right after a silence makes up for it: it had been held up
/// behind something lost or late, and the link was not silent.
fn made_up_for(after: &[Point], (before, by): Point, usual: f64) -> bool {
    let Some(&(at, _)) = after.first() else { return false };
    let soon = at + SOON * (at - before);
    let last = after.iter().take_while(|point| point.0 <= soon).last();
    last.is_some_and(|&(until, octets)| (octets - by) * usual > MADE_UP * (until - before))
}

/// Whether not much later as much had arrived as if there had been no silence.
fn caught_up(since: &[Point], silence: f64, usual: f64) -> bool {
    let Some(&(before, by)) = since.first() else { return false };
    let soon = since[1..].iter().take_while(|point| point.0 <= before + LATER * silence);
    soon.into_iter().any(|&(at, octets)| (octets - by) * usual > CAUGHT_UP * (at - before))
}

/// The median seconds per octet, each octet counted once.
fn usual_pace(points: &[Point]) -> f64 {
    let mut paces: Vec<(f64, f64)> = points
        .windows(2)
        .map(|pair| {
            let octets = pair[1].1 - pair[0].1;
            ((pair[1].0 - pair[0].0) / octets, octets)
        })
        .collect();
    paces.sort_by(|a, b| a.0.total_cmp(&b.0));
    let half = paces.iter().map(|pace| pace.1).sum::<f64>() / 2.0;
    let mut sum = 0.0;
    paces
        .iter()
        .find(|pace| {
            sum += pace.1;
            sum >= half
        })
        .map_or(0.0, |pace| pace.0)
}

impl Run {
    pub(super) fn octets(&self) -> f64 {
        self.ends().map_or(0.0, |(first, last)| last.1 - first.1)
    }

    pub(super) fn seconds(&self) -> f64 {
        self.ends().map_or(0.0, |(first, last)| last.0 - first.0)
    }

    pub(super) fn bps(&self) -> Option<f64> {
        let (octets, seconds) = (self.octets(), self.seconds());
        (octets > 0.0 && seconds > 0.0).then(|| octets * 8.0 / seconds)
    }

    /// Whether there is enough of it to measure.
    pub(super) fn is_train(&self) -> bool {
        self.0.len() >= TRAIN_POINTS
            && self.octets() >= TRAIN_OCTETS
            && self.seconds() >= TRAIN_SECONDS
    }

    /// Its part until an instant.
    pub(super) fn before(&self, until: f64) -> Self {
        Self(self.0[..self.0.partition_point(|point| point.0 <= until)].to_vec())
    }

    pub(super) fn points(&self) -> &[Point] {
        &self.0
    }

    /// Without its first round trip, in which the link may have been filling
    /// still, where there is enough left.
    pub(super) fn settled(&self, rtt: f64) -> Self {
        let Some((first, _)) = self.ends() else { return self.clone() };
        let skip = rtt.min(self.seconds() / 4.0);
        let from = self.0.partition_point(|point| point.0 < first.0 + skip);
        Self(self.0[from.min(self.0.len() - 2)..].to_vec())
    }

    /// The rates of its whole spans of so many seconds, counted from its end.
    pub(super) fn rates_per(&self, seconds: f64) -> Vec<f64> {
        let Some((first, last)) = self.ends() else { return Vec::new() };
        let mut rates = Vec::new();
        let mut until = last.0;
        while until - seconds >= first.0 && rates.len() < 64 {
            rates.push((self.by(until) - self.by(until - seconds)) * 8.0 / seconds);
            until -= seconds;
        }
        rates.reverse();
        rates
    }

    /// Octets that had arrived at an instant, between two points in proportion.
    fn by(&self, at: f64) -> f64 {
        let i = self.0.partition_point(|point| point.0 <= at);
        match (i.checked_sub(1).map(|i| self.0[i]), self.0.get(i)) {
            (Some(before), Some(after)) => {
                before.1 + (after.1 - before.1) * (at - before.0) / (after.0 - before.0)
            }
            (Some(last), None) => last.1,
            (None, first) => first.map_or(0.0, |first| first.1),
        }
    }

    /// The rates of so many blocks of about as many octets; fewer where there are
    /// fewer points.
    pub(super) fn block_rates(&self, blocks: usize) -> Vec<f64> {
        let Some((first, last)) = self.ends() else { return Vec::new() };
        let size = (last.1 - first.1) / blocks as f64;
        let mut rates = Vec::new();
        let mut from = first;
        for &point in &self.0[1..] {
            let whole = point.1 - from.1 >= 0.9 * size && point.0 - from.0 >= TOGETHER;
            if whole {
                rates.push((point.1 - from.1) * 8.0 / (point.0 - from.0));
                from = point;
            }
        }
        rates
    }

    pub(super) fn from(&self) -> f64 {
        self.ends().map_or(0.0, |(first, _)| first.0)
    }

    pub(super) fn until(&self) -> f64 {
        self.ends().map_or(0.0, |(_, last)| last.0)
    }

    fn ends(&self) -> Option<(Point, Point)> {
        Some((*self.0.first()?, *self.0.last()?))
    }
}
