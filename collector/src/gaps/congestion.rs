//! Recurring congestion of one link, after the method published by CAIDA's MANIC.
//!
//! Per quarter of an hour of each local day, over up to 50 days: the far end's
//! latency is raised by more than half of the day's range, and by more than 10 ms,
//! over the day's least, while a point nearer to the home is not. The latency of a
//! quarter is the median of all its samples: a standing queue raises it, the home's
//! own short bursts do not.
//!
//! The point nearer by is the first router beyond the gateway; where that one is
//! raised too, or is not known, the gateway. A home that fills its own line raises
//! the first router like a crowd in the access network does, so against the
//! gateway alone a quarter counts only if the home's own traffic was not seen to
//! reach half of the greatest rate, and the access network is named only where all of
//! that traffic was counted: never from a device on a fixed line, which sees its own.
//!
//! Days with under 30 quarters read, or with a range under 7 ms, name no hour. An
//! hour is congested on a day if two of its quarters are, and is reported if that
//! was so on at least three days, on odd and on even ones, neither of the two
//! with over twice the other's share of days.

use hearth_proto::{Role, UnixMs, Vantage};
use jiff::tz::TimeZone;

use super::{CongestedHour, Congestion, Segment};
use crate::history::columns::{FarColumns, LinkColumns, QUARTER_MS, SeriesColumns, known};
use crate::ledger::{Ledger, State};
use crate::report::days::{Day, local};
use crate::report::figure::{Figure, NotEnough, Unit};
use crate::report::interval::wilson;
use crate::report::median::median;

const DAYS: usize = 50;
const QUARTERS: usize = 96;
/// The fewest quarters that a day is read from.
const GOOD: usize = 30;
/// The least range of a day that names an hour, in milliseconds.
const RANGE_MS: f64 = 7.0;
/// The least rise, in milliseconds.
const RISE_MS: f64 = 10.0;
/// The fewest days that an hour is congested on.
const RECURS: u64 = 3;
/// The share of the greatest rate from which the home fills its own line.
const FILLED: f64 = 0.5;

/// One point's median latency by quarter of the day, in milliseconds.
#[derive(Clone)]
struct Point {
    ms: [Option<f64>; QUARTERS],
    least: f64,
    range: f64,
}

impl Point {
    const NOTHING: Self = Self { ms: [None; QUARTERS], least: 0.0, range: 0.0 };

    /// Where clocks go back, two quarters are one: the quieter counts.
    fn put(&mut self, quarter: usize, ms: f64) {
        let held = &mut self.ms[quarter];
        *held = Some(held.map_or(ms, |h| h.min(ms)));
    }

    fn finish(&mut self) {
        let all = || self.ms.iter().flatten().copied();
        let least = all().reduce(f64::min).unwrap_or(0.0);
        self.range = all().reduce(f64::max).unwrap_or(0.0) - least;
        self.least = least;
    }

    /// How much a quarter stands over the day's least, and whether that is raised.
    fn rise(&self, quarter: usize) -> Option<(f64, bool)> {
        let rise = self.ms[quarter]? - self.least;
        Some((rise, rise > RISE_MS.max(self.range / 2.0)))
    }
}

#[derive(Clone)]
struct ADay {
    weekend: bool,
    /// Quarters of the day by their number of all, one of two where clocks go back.
    numbers: [i64; QUARTERS],
    far: Point,
    hop: Point,
    gateway: Point,
}

fn quarter(day: &Day, at: UnixMs, tz: &TimeZone) -> usize {
    if day.span.to.since(day.span.from) == 24 * 3_600_000 {
        return ((at.since(day.span.from) / QUARTER_MS).max(0) as usize).min(QUARTERS - 1);
    }
    let at = local(at, tz);
    usize::from(at.hour().unsigned_abs()) * 4 + usize::from(at.minute().unsigned_abs()) / 15
}

/// The far series that speaks most often: one day is compared with one target.
fn far(columns: &LinkColumns) -> Option<&SeriesColumns> {
    let mut spoke = vec![0_u32; columns.series.len()];
    for series in columns.far.series.iter().filter(|s| **s != FarColumns::NONE) {
        spoke[usize::from(*series)] += 1;
    }
    let most = spoke.iter().copied().max().filter(|n| *n > 0)?;
    columns.series.get(spoke.iter().position(|n| *n == most)?)
}

fn near(columns: &LinkColumns, role: Role) -> Option<&SeriesColumns> {
    let of = columns.series.iter().filter(|s| s.key.role == role);
    of.max_by_key(|s| s.whole.times.count())
}

/// One link's last days.
fn read(ledger: &Ledger, link: usize, all: &[Day], tz: &TimeZone) -> Vec<ADay> {
    let all = &all[all.len().saturating_sub(DAYS)..];
    let columns = &ledger.columns.links[link];
    let connection = ledger.connection(link);
    let excluded = |from: UnixMs| {
        let touched = ledger.grid.touched(crate::history::Span { from, to: from.plus(QUARTER_MS) });
        connection[touched].iter().any(|c| c.state() == State::Excluded)
    };
    let any_excluded = connection.iter().any(|c| c.state() == State::Excluded);
    let mut days: Vec<ADay> = all
        .iter()
        .map(|d| ADay {
            weekend: d.date.weekday().to_monday_zero_offset() >= 5,
            numbers: [0; QUARTERS],
            far: Point::NOTHING,
            hop: Point::NOTHING,
            gateway: Point::NOTHING,
        })
        .collect();
    let point = |of: fn(&mut ADay) -> &mut Point,
                 series: Option<&SeriesColumns>,
                 days: &mut [ADay]| {
        let mut number = 0;
        for q in series.map_or(&[][..], |s| &s.quarters) {
            while all.get(number).is_some_and(|d| d.span.to <= q.from()) {
                number += 1;
            }
            let Some(day) = all.get(number) else { break };
            let Some(ms) = known(q.p50_ms).filter(|_| day.span.from <= q.from()) else { continue };
            if any_excluded && excluded(q.from()) {
                continue;
            }
            let place = quarter(day, q.from(), tz);
            days[number].numbers[place] = q.number;
            of(&mut days[number]).put(place, ms);
        }
    };
    point(|d| &mut d.far, far(columns), &mut days);
    point(|d| &mut d.hop, near(columns, Role::FirstHop), &mut days);
    point(|d| &mut d.gateway, near(columns, Role::Gateway), &mut days);
    for day in &mut days {
        [&mut day.far, &mut day.hop, &mut day.gateway].into_iter().for_each(Point::finish);
    }
    days
}

/// Whether the home's own traffic filled its link.
struct Own<'l> {
    ledger: &'l Ledger,
    columns: &'l LinkColumns,
    /// Whether all that the home sends passes what is counted.
    sees_all: bool,
    /// The greatest rates it was seen to carry, in bit/s; found when first asked.
    peak: std::cell::OnceCell<(u64, u64)>,
}

impl Own<'_> {
    /// `None`: the traffic was not counted, or not all of it, and what was did not.
    fn filled(&self, quarter: i64) -> Option<bool> {
        let busy = &self.columns.busy;
        let most = |of: &[u64]| of.iter().copied().max().unwrap_or(0);
        let peak = self.peak.get_or_init(|| (most(&busy.rx_peak_bps), most(&busy.tx_peak_bps)));
        let from = UnixMs(quarter * QUARTER_MS);
        let slots =
            self.ledger.grid.touched(crate::history::Span { from, to: from.plus(QUARTER_MS) });
        let length_ms = (slots.len() as u64 * u64::from(self.ledger.slot.ms())).max(1);
        let over = |bytes: &[u64], peak: u64| {
            let sum: u64 = bytes[slots.clone()].iter().sum();
            let rate = sum as f64 * 8000.0 / length_ms as f64;
            peak > 0 && rate >= FILLED * peak as f64
        };
        if over(&busy.rx_bytes, peak.0) || over(&busy.tx_bytes, peak.1) {
            return Some(true);
        }
        let mut measured = slots.clone().filter(|s| self.columns.judged_ms[*s] > 0).peekable();
        let counted = measured.peek().is_some() && measured.all(|s| busy.counted[s]);
        (self.sees_all && counted).then_some(false)
    }
}

/// What a day's quarter is: not read, or how much the far end rose and, if that
/// is congestion, between which points.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Quarter {
    NotRead,
    Fine,
    Congested(f64, Segment),
}

fn judge(day: &ADay, q: usize, own: &Own<'_>, on_a_device: bool) -> Quarter {
    let (hop, gateway) = (day.hop.rise(q), day.gateway.rise(q));
    let Some((rise, raised)) = day.far.rise(q).filter(|_| hop.is_some() || gateway.is_some())
    else {
        return Quarter::NotRead;
    };
    if !raised {
        return Quarter::Fine;
    }
    let filled = || own.filled(day.numbers[q]);
    match (hop, gateway) {
        (Some((_, false)), _) => Quarter::Congested(rise, Segment::CoreOrService),
        (Some(_), Some((_, false))) => match filled() {
            Some(true) => Quarter::Fine,
            Some(false) => Quarter::Congested(rise, Segment::Access),
            None => Quarter::Congested(rise, Segment::CannotTell),
        },
        // A router's gateway is the operator's own first router.
        (None, Some((_, false))) if !on_a_device => {
            Quarter::Congested(rise, Segment::CoreOrService)
        }
        (None, Some((_, false))) if filled() != Some(true) => {
            Quarter::Congested(rise, Segment::CannotTell)
        }
        _ => Quarter::Fine,
    }
}

/// One hour of one day: read or not, and its congested quarters.
#[derive(Debug, Default, Clone)]
struct Hour {
    read: usize,
    rises: Vec<(f64, Segment)>,
}

impl Hour {
    fn of(day: &ADay, hour: usize, flat: bool, own: &Own<'_>, on_a_device: bool) -> Self {
        let mut found = Self::default();
        for q in hour * 4..hour * 4 + 4 {
            match judge(day, q, own, on_a_device) {
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
    let mut rises: Vec<f64> = hit().flat_map(|d| &d.2.rises).map(|r| r.0).collect();
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
    let rise = median(&mut rises, f64::total_cmp)?;
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
pub(super) fn of_link(ledger: &Ledger, link: usize, days: &[Day], tz: &TimeZone) -> Congestion {
    let days = read(ledger, link, days, tz);
    let named = &ledger.links[link];
    let on_a_device = named.vantage == Vantage::Device && !named.technology.is_mobile();
    let columns = &ledger.columns.links[link];
    let own = Own { ledger, columns, sees_all: !on_a_device, peak: std::cell::OnceCell::new() };
    let mut hours: Vec<Vec<(usize, bool, Hour)>> = vec![Vec::new(); 24];
    let (mut read, mut flat_days, mut thin_days) = (0, 0, 0);
    for (number, day) in days.iter().enumerate() {
        let good = (0..QUARTERS).filter(|q| {
            let near = day.hop.ms[*q].or(day.gateway.ms[*q]);
            day.far.ms[*q].is_some() && near.is_some()
        });
        if good.count() < GOOD {
            thin_days += 1;
            continue;
        }
        read += 1;
        // A flat day speaks against congestion, never for it.
        let flat = day.far.range < RANGE_MS;
        flat_days += u64::from(flat);
        for (h, all) in hours.iter_mut().enumerate() {
            all.push((number, day.weekend, Hour::of(day, h, flat, &own, on_a_device)));
        }
    }
    let why = "too few days on which the far end and a point nearer by were measured for long \
               enough";
    Congestion {
        link: named.clone(),
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
