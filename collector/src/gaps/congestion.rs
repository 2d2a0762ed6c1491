//! Recurring congestion of one link, after the method published by CAIDA's MANIC.
//!
//! Per quarter of an hour of each local day, over up to 50 days: the far end's
//! latency is raised by more than half of the day's range, and by more than 10 ms,
//! over the day's least, while a point nearer to the home is not. The latency of a
//! quarter is the least of its slots' medians: a queue that lets a whole minute
//! pass is no standing one, and the home's own short bursts do not count.
//!
//! The point nearer by is the first router beyond the gateway; where that one is
//! raised too, or is not known, the gateway. A home that fills its own line raises
//! the first router like a crowd in the access network does, so against the
//! gateway alone a quarter counts only if the home's own traffic, where it is
//! counted, was under half of the greatest rate seen.
//!
//! Days with under 30 quarters read, or with a range under 7 ms, name no hour. An
//! hour is congested on a day if two of its quarters are, and is reported if that
//! was so on at least three days, on odd and on even ones, neither of the two
//! with over twice the other's share of days.

use hearth_proto::{LinkSlot, Role, UnixMs, Vantage};
use jiff::tz::TimeZone;

use super::{CongestedHour, Congestion, Segment};
use crate::history::History;
use crate::ledger::evidence::Far;
use crate::ledger::{Ledger, State};
use crate::report::days::{Day, days, local};
use crate::report::figure::{Figure, NotEnough, Unit};
use crate::report::interval::wilson;

const DAYS: usize = 50;
const QUARTERS: usize = 96;
const QUARTER_MS: i64 = 900_000;
/// The fewest quarters that a day is read from.
const GOOD: usize = 30;
/// The least range of a day that names an hour, in milliseconds.
const RANGE_MS: f32 = 7.0;
/// The least rise, in milliseconds.
const RISE_MS: f32 = 10.0;
/// The fewest days that an hour is congested on.
const RECURS: u64 = 3;
/// The fewest answers that a slot's median is read from.
const ANSWERS: u64 = 5;
/// The share of the greatest rate from which the home fills its own line.
const FILLED: f64 = 0.5;

/// One point's latency by quarter of the day, in milliseconds.
#[derive(Clone, Copy)]
struct Point([Option<f32>; QUARTERS]);

impl Point {
    const NOTHING: Self = Self([None; QUARTERS]);

    fn lower(&mut self, quarter: usize, ms: Option<f32>) {
        let Some(ms) = ms else { return };
        let held = &mut self.0[quarter];
        *held = Some(held.map_or(ms, |h| h.min(ms)));
    }

    fn least_and_range(&self) -> Option<(f32, f32)> {
        let all = || self.0.iter().flatten().copied();
        let least = all().reduce(f32::min)?;
        Some((least, all().reduce(f32::max)? - least))
    }

    /// How much a quarter stands over the day's least, and whether that is raised.
    fn rise(&self, quarter: usize) -> Option<(f32, bool)> {
        let (least, range) = self.least_and_range()?;
        let rise = self.0[quarter]? - least;
        Some((rise, rise > RISE_MS.max(range / 2.0)))
    }
}

#[derive(Clone)]
struct ADay {
    weekend: bool,
    far: Point,
    hop: Point,
    gateway: Point,
    /// Bytes received and sent by the home itself, where counted.
    used: Vec<(u64, u64)>,
}

/// A slot's median latency to a point of this role, in milliseconds.
fn near(record: &LinkSlot, role: Role) -> Option<f32> {
    let series = record.series.iter().filter(|s| s.key.role == role && !s.after_idle);
    let best = series.max_by_key(|s| s.distribution.count())?;
    median(&best.distribution)
}

fn median(d: &hearth_proto::Distribution) -> Option<f32> {
    let enough = d.count() >= ANSWERS;
    d.percentile_us(0.5).filter(|_| enough).map(|us| (us / 1000.0) as f32)
}

fn far(record: &LinkSlot) -> Option<f32> {
    let far = Far::choose(record).filter(|f| !f.series.after_idle)?;
    median(&far.series.distribution)
}

fn quarter(day: &Day, at: UnixMs, tz: &TimeZone) -> usize {
    if day.span.to.since(day.span.from) == 24 * 3_600_000 {
        return ((at.since(day.span.from) / QUARTER_MS).max(0) as usize).min(QUARTERS - 1);
    }
    let at = local(at, tz);
    usize::from(at.hour().unsigned_abs()) * 4 + usize::from(at.minute().unsigned_abs()) / 15
}

/// One link's days, and the greatest rates it was seen to carry, in bit/s.
struct Read {
    days: Vec<ADay>,
    peak: (u64, u64),
}

fn read(history: &History, ledger: &Ledger, link: usize, tz: &TimeZone) -> Read {
    let all = days(ledger.span, tz);
    let all = &all[all.len().saturating_sub(DAYS)..];
    let weekend = |d: &Day| d.date.weekday().to_monday_zero_offset() >= 5;
    let mut days: Vec<ADay> = all
        .iter()
        .map(|d| ADay {
            weekend: weekend(d),
            far: Point::NOTHING,
            hop: Point::NOTHING,
            gateway: Point::NOTHING,
            used: vec![(0, 0); QUARTERS],
        })
        .collect();
    let mut peak = (0, 0);
    let mut number = 0;
    let connection = ledger.connection(link);
    ledger.grid.walk_within(&history.links[link], |slot, record| {
        while all.get(number).is_some_and(|d| d.span.to <= record.start) {
            number += 1;
        }
        let Some(day) = all.get(number).filter(|d| d.span.from <= record.start) else { return };
        if connection[slot].state() == State::Excluded {
            return;
        }
        let q = quarter(day, record.start, tz);
        let held = &mut days[number];
        held.far.lower(q, far(record));
        held.hop.lower(q, near(record, Role::FirstHop));
        held.gateway.lower(q, near(record, Role::Gateway));
        if let Some(busy) = record.busy {
            let used = &mut held.used[q];
            *used = (used.0 + busy.rx_bytes, used.1 + busy.tx_bytes);
            peak = (peak.0.max(busy.rx_peak_bps), peak.1.max(busy.tx_peak_bps));
        }
    });
    Read { days, peak }
}

/// What a day's quarter is: not read, or how much the far end rose and, if that
/// is congestion, between which points.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Quarter {
    NotRead,
    Fine,
    Congested(f32, Segment),
}

fn judge(day: &ADay, q: usize, peak: (u64, u64), on_a_device: bool) -> Quarter {
    let (hop, gateway) = (day.hop.rise(q), day.gateway.rise(q));
    let Some((rise, raised)) = day.far.rise(q).filter(|_| hop.is_some() || gateway.is_some())
    else {
        return Quarter::NotRead;
    };
    if !raised {
        return Quarter::Fine;
    }
    let rate = |bytes: u64| bytes as f64 * 8000.0 / QUARTER_MS as f64;
    let filled = |bytes: u64, peak: u64| peak > 0 && rate(bytes) >= FILLED * peak as f64;
    let own = filled(day.used[q].0, peak.0) || filled(day.used[q].1, peak.1);
    match (hop, gateway) {
        (Some((_, false)), _) => Quarter::Congested(rise, Segment::CoreOrService),
        (Some(_), Some((_, false))) if !own => Quarter::Congested(rise, Segment::Access),
        // A router's gateway is the operator's own first router.
        (None, Some((_, false))) if !on_a_device => {
            Quarter::Congested(rise, Segment::CoreOrService)
        }
        (None, Some((_, false))) if !own => Quarter::Congested(rise, Segment::CannotTell),
        _ => Quarter::Fine,
    }
}

/// One hour of one day: read or not, and its congested quarters.
#[derive(Debug, Default, Clone)]
struct Hour {
    read: usize,
    rises: Vec<(f32, Segment)>,
}

impl Hour {
    fn of(day: &ADay, hour: usize, flat: bool, peak: (u64, u64), on_a_device: bool) -> Self {
        let mut found = Self::default();
        for q in hour * 4..hour * 4 + 4 {
            match judge(day, q, peak, on_a_device) {
                Quarter::NotRead => {}
                Quarter::Congested(rise, segment) if !flat => {
                    found.read += 1;
                    found.rises.push((rise, segment));
                }
                Quarter::Fine | Quarter::Congested(..) => found.read += 1,
            }
        }
        found
    }

    fn congested(&self) -> bool {
        self.rises.len() >= 2
    }
}

/// Whether an hour's days hold on odd and on even ones alike.
fn alike(odd: (u64, u64), even: (u64, u64)) -> bool {
    let [odd, even] = [odd, even].map(|(hits, n)| hits as f64 / (n.max(1)) as f64);
    odd > 0.0 && even > 0.0 && odd <= 2.0 * even && even <= 2.0 * odd
}

fn hour(number: usize, days: &[(usize, bool, Hour)]) -> Option<CongestedHour> {
    let read = || days.iter().filter(|d| d.2.read >= 2);
    let hit = || read().filter(|d| d.2.congested());
    let (hits, n) = (hit().count() as u64, read().count() as u64);
    let half = |odd: usize| {
        let of = |days: &mut dyn Iterator<Item = &(usize, bool, Hour)>| {
            days.filter(|d| d.0 % 2 == odd).count() as u64
        };
        (of(&mut hit()), of(&mut read()))
    };
    if hits < RECURS || !alike(half(1), half(0)) {
        return None;
    }
    let mut rises: Vec<f32> = hit().flat_map(|d| &d.2.rises).map(|r| r.0).collect();
    rises.sort_by(f32::total_cmp);
    let mut segments: Vec<(usize, Segment)> = Vec::new();
    for (_, segment) in hit().flat_map(|d| &d.2.rises) {
        match segments.iter_mut().find(|s| s.1 == *segment) {
            Some(s) => s.0 += 1,
            None => segments.push((1, *segment)),
        }
    }
    let most = segments.iter().max_by_key(|s| s.0)?;
    // Named if three quarters of the evidence agree.
    let agree = most.0 * 4 >= rises.len() * 3;
    let rise = f64::from(rises[rises.len() / 2]);
    Some(CongestedHour {
        hour: number as u8,
        days: hits,
        weekend_days: hit().filter(|d| d.1).count() as u64,
        share: Figure::new(hits as f64 / n as f64, Unit::Ratio, n, "days").within(wilson(hits, n)),
        rise: Figure::new(rise, Unit::Ms, rises.len() as u64, "quarters of an hour"),
        segment: if agree { most.1 } else { Segment::CannotTell },
    })
}

/// One link's recurring congestion.
pub(super) fn of_link(
    history: &History,
    ledger: &Ledger,
    link: usize,
    tz: &TimeZone,
) -> Congestion {
    let Read { days, peak } = read(history, ledger, link, tz);
    let own = &ledger.links[link];
    let on_a_device = own.vantage == Vantage::Device && !own.technology.is_mobile();
    let mut hours: Vec<Vec<(usize, bool, Hour)>> = vec![Vec::new(); 24];
    let (mut read, mut flat_days, mut thin_days) = (0, 0, 0);
    for (number, day) in days.iter().enumerate() {
        let good = (0..QUARTERS).filter(|q| {
            day.far.0[*q].is_some() && (day.hop.0[*q].is_some() || day.gateway.0[*q].is_some())
        });
        if good.count() < GOOD {
            thin_days += 1;
            continue;
        }
        read += 1;
        // A flat day speaks against congestion, never for it.
        let flat = day.far.least_and_range().is_none_or(|(_, range)| range < RANGE_MS);
        flat_days += u64::from(flat);
        for (h, all) in hours.iter_mut().enumerate() {
            all.push((number, day.weekend, Hour::of(day, h, flat, peak, on_a_device)));
        }
    }
    let why = "too few days on which the far end and a point nearer by were measured for long \
               enough";
    Congestion {
        link: own.clone(),
        days: read,
        flat_days,
        thin_days,
        not_enough: (read < RECURS).then(|| NotEnough {
            why: why.to_owned(),
            have: read,
            need: RECURS,
            of: "days",
        }),
        hours: hours.iter().enumerate().filter_map(|(h, days)| hour(h, days)).collect(),
    }
}
