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

/// The runs, in order; lone points are left out.
pub(super) fn runs(points: &[Point], rtt: f64) -> Vec<Run> {
    let usual = usual_pace(points);
    let least = SILENCE_LEAST.max(SILENCE_RTT * rtt);
    let mut runs = Vec::new();
    let mut run: Vec<Point> = Vec::new();
    for (i, &(at, octets)) in points.iter().enumerate() {
        if let Some(&(before, by)) = run.last() {
            let silence = at - before;
            if silence > least
                && silence < SILENCE_MOST_RTT * rtt + SILENCE_MOST
                && silence > SILENCE_TIMES * usual * (octets - by)
                && !made_up_for(&points[i..], (before, by), usual)
            {
                runs.push(Run(std::mem::take(&mut run)));
            }
        }
        run.push((at, octets));
    }
    runs.push(Run(run));
    runs.retain(|run| run.0.len() > 1);
    runs
}

/// Whether what came right after a silence makes up for it: it had been held up
/// behind something lost or late, and the link was not silent.
fn made_up_for(after: &[Point], (before, by): Point, usual: f64) -> bool {
    let Some(&(at, _)) = after.first() else { return false };
    let soon = at + SOON * (at - before);
    let last = after.iter().take_while(|point| point.0 <= soon).last();
    last.is_some_and(|&(until, octets)| (octets - by) * usual > MADE_UP * (until - before))
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
