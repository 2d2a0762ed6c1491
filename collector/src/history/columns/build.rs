//! Records in, columns out.

use hearth_proto::{Busy, Distribution, LinkSlot, Merger, Role, Series, SeriesKey, UnixMs};

use super::aside;
use super::tally::{Tally, Tallying};
use super::{
    Columns, FarColumns, HOUR_MS, Hour, LinkColumns, PeakBefore, QUARTER_MS, Quarter, SeriesColumns,
};
use crate::history::evidence::{Far, lost_while_up};
use crate::history::grid::Grid;
use crate::history::merge::judged_ms;
use crate::history::{History, LinkHistory};
use crate::qoe::activity::{MIN_SAMPLES, loss_lower_bound};
use crate::report::median::median;

impl Columns {
    /// Of a history. Records before its span serve to prove throughput alone.
    pub fn of(history: &History) -> Self {
        let grid = Grid::over(history);
        let links = history.links.iter().map(|link| of_link(&grid, link)).collect();
        Self { grid, links }
    }

    /// How many slots there are.
    pub fn slots(&self) -> usize {
        self.grid.slots
    }

    /// When a slot starts; `slots()` gives the end.
    pub fn at(&self, slot: usize) -> UnixMs {
        self.grid.at(slot)
    }

    /// The slot that holds an instant; negative before the first.
    pub(crate) fn place(&self, at: UnixMs) -> i64 {
        self.grid.place(at)
    }
}

fn of_link(grid: &Grid, link: &LinkHistory) -> LinkColumns {
    let slots = grid.slots;
    let mut c = LinkColumns {
        judged_ms: vec![0; slots],
        down_ms: vec![0; slots],
        down_cause: vec![None; slots],
        own_rx_bytes: vec![0; slots],
        own_tx_bytes: vec![0; slots],
        gateway_ms: vec![f32::NAN; slots],
        first_hop_ms: vec![f32::NAN; slots],
        in_order: link.in_order(),
        ..LinkColumns::default()
    };
    for column in [&mut c.far.p50_ms, &mut c.far.p95_ms, &mut c.far.p99_ms] {
        *column = vec![f32::NEG_INFINITY; slots];
    }
    c.far.loss_low = vec![0.0; slots];
    for column in [&mut c.far.answered, &mut c.far.lost, &mut c.far.tried] {
        *column = vec![0; slots];
    }
    c.far.series = vec![FarColumns::NONE; slots];
    c.busy.counted = vec![false; slots];
    let busy = &mut c.busy;
    for column in
        [&mut busy.rx_bytes, &mut busy.tx_bytes, &mut busy.rx_peak_bps, &mut busy.tx_peak_bps]
    {
        *column = vec![0; slots];
    }
    let mut gathering: Vec<Gathering> = Vec::new();
    grid.walk(link, |slot, record| {
        if let Ok(slot) = usize::try_from(slot) {
            add(&mut c, &mut gathering, slots, slot, record);
            return;
        }
        if let Some(Busy { rx_peak_bps: rx_bps, tx_peak_bps: tx_bps, .. }) = record.busy {
            c.before.push(PeakBefore { at: record.start, rx_bps, tx_bps });
        }
    });
    let before = |s: &LinkSlot| s.start < grid.from;
    c.before_grid = if c.in_order {
        link.slots.partition_point(before)
    } else {
        link.slots.iter().filter(|s| before(s)).count()
    };
    let last =
        if c.in_order { link.slots.last() } else { link.slots.iter().max_by_key(|s| s.start) };
    c.last_record = last.map(|s| s.start).filter(|start| *start >= grid.from);
    finish(&mut c, gathering);
    aside::set_aside(grid, link, &mut c);
    c
}

/// In the order of keys; the far columns' places follow.
fn finish(c: &mut LinkColumns, gathering: Vec<Gathering>) {
    let mut numbered: Vec<(usize, SeriesColumns)> =
        gathering.into_iter().map(Gathering::finish).enumerate().collect();
    numbered.sort_by(|a, b| a.1.key.cmp(&b.1.key));
    let mut place = vec![FarColumns::NONE; numbered.len()];
    for (to, (from, _)) in numbered.iter().enumerate() {
        place[*from] = u16::try_from(to).unwrap_or(FarColumns::NONE);
    }
    for series in &mut c.far.series {
        *series = place.get(usize::from(*series)).copied().unwrap_or(FarColumns::NONE);
    }
    c.series = numbered.into_iter().map(|(_, series)| series).collect();
}

fn add(
    c: &mut LinkColumns,
    gathering: &mut Vec<Gathering>,
    slots: usize,
    slot: usize,
    record: &LinkSlot,
) {
    c.judged_ms[slot] = judged_ms(record);
    c.down_ms[slot] = record.down_ms;
    c.down_cause[slot] = record.down_cause;
    c.own_rx_bytes[slot] = record.own.rx_bytes;
    c.own_tx_bytes[slot] = record.own.tx_bytes;
    if let Some(busy) = record.busy {
        c.busy.counted[slot] = true;
        c.busy.rx_bytes[slot] = busy.rx_bytes;
        c.busy.tx_bytes[slot] = busy.tx_bytes;
        c.busy.rx_peak_bps[slot] = busy.rx_peak_bps;
        c.busy.tx_peak_bps[slot] = busy.tx_peak_bps;
    }
    c.wifi.extend(record.wifi.map(|wifi| (slot as u32, wifi)));
    c.cells.extend(record.cells.iter().map(|cell| (slot as u32, *cell)));
    let mut far_at = FarColumns::NONE;
    let far = Far::choose(record);
    for (i, series) in record.series.iter().enumerate() {
        let at = Gathering::place(gathering, i, &series.key, slots);
        if far.as_ref().is_some_and(|far| std::ptr::eq(far.series, series)) {
            far_at = u16::try_from(at).unwrap_or(FarColumns::NONE);
        }
        gathering[at].add(slot, record, series);
        let near = match series.key.role {
            Role::Gateway => &mut c.gateway_ms[slot],
            Role::FirstHop => &mut c.first_hop_ms[slot],
            Role::Reflector | Role::Target | Role::Resolver => continue,
        };
        // Of several (IPv4 and IPv6) the quicker: the slower is its own trouble.
        *near = near.min(gathering[at].columns.p50_ms[slot]);
    }
    if let Some(far) = far {
        c.far.speak(slot, &far, far_at);
    }
}

impl FarColumns {
    /// One series speaks for a slot.
    pub(super) fn speak(&mut self, slot: usize, far: &Far<'_>, series: u16) {
        let evidence = far.evidence();
        let ms = |known: Option<f64>| known.map_or(f32::NEG_INFINITY, |ms| ms as f32);
        self.p50_ms[slot] = ms(evidence.latency_ms[0]);
        self.p95_ms[slot] = ms(evidence.latency_ms[1]);
        self.p99_ms[slot] = ms(evidence.latency_ms[2]);
        self.loss_low[slot] = loss_lower_bound(evidence.lost, evidence.sent) as f32;
        self.answered[slot] = far.answered;
        self.lost[slot] = evidence.lost;
        self.tried[slot] = evidence.sent;
        self.series[slot] = series;
    }
}

/// A series in the making.
struct Gathering {
    columns: SeriesColumns,
    last_slot: Option<usize>,
    quarter: Option<Quarter>,
    quarter_times: Merger,
    hour: Option<i64>,
    in_hour: Tallying,
    whole: Tallying,
}

impl Gathering {
    fn new(key: SeriesKey, slots: usize) -> Self {
        Self {
            columns: SeriesColumns {
                key,
                answered: vec![0; slots],
                lost: vec![0; slots],
                tried: vec![0; slots],
                p50_ms: vec![f32::NAN; slots],
                p95_ms: vec![f32::NAN; slots],
                pdv_ms: vec![f32::NAN; slots],
                pdv_median: None,
                lost_apart: Vec::new(),
                quarters: Vec::new(),
                hours: Vec::new(),
                whole: Tally::default(),
            },
            last_slot: None,
            quarter: None,
            quarter_times: Merger::new(),
            hour: None,
            in_hour: Tallying::default(),
            whole: Tallying::default(),
        }
    }

    /// Where a series is gathered. A link's slots mostly hold the same series in
    /// the same order, so `guess` mostly holds.
    fn place(all: &mut Vec<Self>, guess: usize, key: &SeriesKey, slots: usize) -> usize {
        if all.get(guess).is_some_and(|g| g.columns.key == *key) {
            return guess;
        }
        all.iter().position(|g| g.columns.key == *key).unwrap_or_else(|| {
            all.push(Self::new(key.clone(), slots));
            all.len() - 1
        })
    }

    fn add(&mut self, slot: usize, record: &LinkSlot, series: &Series) {
        let quarter = record.start.0.div_euclid(QUARTER_MS);
        if self.quarter.is_none_or(|q| q.number != quarter) {
            self.end_quarter();
            self.quarter = Some(Quarter {
                number: quarter,
                answered: 0,
                lost: 0,
                slots: 0,
                min_ms: f32::NAN,
                p50_ms: f32::NAN,
                p95_ms: f32::NAN,
            });
        }
        let hour = record.start.0.div_euclid(HOUR_MS);
        if self.hour.is_none_or(|h| h != hour) {
            self.end_hour();
            self.hour = Some(hour);
        }
        let lost = lost_while_up(series);
        self.columns.lost[slot] += lost;
        self.columns.tried[slot] += lost + series.answered();
        if let Some(quarter) = &mut self.quarter {
            quarter.lost += lost;
        }
        self.add_apart(slot, series.lost() - lost);
        if !series.after_idle {
            self.add_times(slot, &series.distribution);
        }
        self.in_hour.count(record, series, self.last_slot == Some(slot));
        self.last_slot = Some(slot);
    }

    fn add_apart(&mut self, slot: usize, lost: u32) {
        if lost == 0 && self.columns.tried[slot] > 0 {
            return;
        }
        match self.columns.lost_apart.last_mut() {
            Some(last) if last.0 == slot as u32 => last.1 += lost,
            _ => self.columns.lost_apart.push((slot as u32, lost)),
        }
    }

    fn add_times(&mut self, slot: usize, times: &Distribution) {
        let answered = u32::try_from(times.count()).unwrap_or(u32::MAX);
        self.columns.answered[slot] = answered;
        if let Some(quarter) = &mut self.quarter {
            quarter.answered = quarter.answered.saturating_add(answered);
            quarter.slots += u32::from(answered > 0);
        }
        self.quarter_times.add(times);
        let [p50, p95] = percentiles_ms(times);
        self.columns.p50_ms[slot] = p50 as f32;
        self.columns.p95_ms[slot] = p95 as f32;
        let min = times.min_us().map_or(f64::NAN, f64::from) / 1000.0;
        self.columns.pdv_ms[slot] = (p95 - min) as f32;
    }

    fn end_quarter(&mut self) {
        let Some(mut quarter) = self.quarter.take() else { return };
        let times = self.quarter_times.take();
        let [p50, p95] = percentiles_ms(&times);
        (quarter.p50_ms, quarter.p95_ms) = (p50 as f32, p95 as f32);
        quarter.min_ms = times.min_us().map_or(f64::NAN, |us| f64::from(us) / 1000.0) as f32;
        self.in_hour.add_times(&times);
        self.columns.quarters.push(quarter);
    }

    fn end_hour(&mut self) {
        let Some(number) = self.hour.take() else { return };
        let tally = self.in_hour.take();
        self.whole.add(&tally);
        self.columns.hours.push(Hour { number, tally });
    }

    fn finish(mut self) -> SeriesColumns {
        self.end_quarter();
        self.end_hour();
        self.columns.whole = self.whole.take();
        let mut pdv: Vec<f32> =
            self.columns.pdv_ms.iter().copied().filter(|ms| ms.is_finite()).collect();
        let median = median(&mut pdv, f32::total_cmp);
        self.columns.pdv_median = median.map(|ms| (ms, pdv.len() as u64));
        self.columns
    }
}

/// The median and the 95th percentile in ms, `NAN` where the count does not
/// support them.
fn percentiles_ms(times: &Distribution) -> [f64; 2] {
    let Some(us) = times.percentiles_us([0.5, 0.95]) else { return [f64::NAN; 2] };
    let supported = |i: usize| {
        if times.count() >= u64::from(MIN_SAMPLES[i]) { us[i] / 1000.0 } else { f64::NAN }
    };
    [supported(0), supported(1)]
}
