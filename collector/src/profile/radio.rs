//! The radio under a link: cells beyond the home, Wi-Fi within it. Figures are
//! medians over slots of the slots' medians.

use std::collections::BTreeSet;

use hearth_proto::{Cell, Layer, Technology, Wifi};
use serde::Serialize;

use crate::report::figure::{Figure, Unit};
use crate::report::median;

/// The fewest slots that a median is read from.
const FEWEST: usize = 3;

/// A cellular link's radio over the span.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RadioProfile {
    /// Share of the slots with a reading by technology: 4G, 5G NSA with both
    /// layers, 5G alone.
    pub technologies: Vec<(Technology, Figure)>,
    /// One per layer that was seen.
    pub layers: Vec<LayerProfile>,
    /// Slots in which the network was not the subscriber's own.
    pub roaming_slots: u64,
}

/// One layer of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LayerProfile {
    /// Which.
    pub layer: Layer,
    /// Reference signal received power.
    pub rsrp: Figure,
    /// Reference signal received quality.
    pub rsrq: Figure,
    /// Signal to interference and noise.
    pub sinr: Figure,
    /// 3GPP bands seen.
    pub bands: Vec<u32>,
    /// How many different cells served.
    pub cells: u64,
}

/// A link's Wi-Fi over the span.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WifiProfile {
    /// Signal.
    pub signal: Figure,
    /// The worst of any slot.
    pub signal_worst_dbm: i32,
    /// PHY rate towards the station.
    pub rx_bps: Figure,
    /// PHY rate from the station.
    pub tx_bps: Figure,
    /// Frames sent again over frames sent.
    pub retries: Figure,
    /// Channels' centres in MHz, and their widths where told, as last read.
    pub frequency_mhz: u32,
    /// The channel's width.
    pub width_mhz: Option<u32>,
}

fn median(values: impl Iterator<Item = f64>, unit: Unit, what: &str) -> Figure {
    let mut values: Vec<f64> = values.collect();
    let n = values.len();
    if n < FEWEST {
        let why = format!("too few readings of {what}");
        return Figure::not_enough(why, n as u64, FEWEST as u64, "slots");
    }
    let median = median::median(&mut values, f64::total_cmp).unwrap_or_default();
    Figure::new(median, unit, n as u64, "slots")
}

fn technology(cells: &[(u32, Cell)]) -> Technology {
    let has = |layer| cells.iter().any(|(_, c)| c.layer == layer);
    match (has(Layer::Lte), has(Layer::Nr)) {
        (true, true) => Technology::NrNsa,
        (false, true) => Technology::NrSa,
        _ => Technology::Lte,
    }
}

/// Of cells by slot; `counts` says of each slot whether it counts.
pub(super) fn radio(cells: &[(u32, Cell)], counts: &[bool]) -> Option<RadioProfile> {
    let read: Vec<&[(u32, Cell)]> =
        cells.chunk_by(|a, b| a.0 == b.0).filter(|slot| counts[slot[0].0 as usize]).collect();
    if read.is_empty() {
        return None;
    }
    let all = read.len() as u64;
    let share = |technology_: Technology| {
        let n = read.iter().filter(|slot| technology(slot) == technology_).count();
        let figure = Figure::new(n as f64 / all as f64, Unit::Ratio, all, "slots");
        (n > 0).then_some((technology_, figure))
    };
    let layer = |layer: Layer| {
        let cells: Vec<&Cell> = read
            .iter()
            .flat_map(|slot| slot.iter())
            .map(|(_, cell)| cell)
            .filter(|c| c.layer == layer)
            .collect();
        let tenths = |pick: fn(&Cell) -> Option<i32>, unit, what| {
            median(cells.iter().filter_map(|c| pick(c)).map(|v| f64::from(v) / 10.0), unit, what)
        };
        let bands: BTreeSet<u32> = cells.iter().filter_map(|c| c.band).collect();
        let served: BTreeSet<u64> = cells.iter().filter_map(|c| c.cell).collect();
        (!cells.is_empty()).then(|| LayerProfile {
            layer,
            rsrp: tenths(|c| c.rsrp_ddbm, Unit::Dbm, "RSRP"),
            rsrq: tenths(|c| c.rsrq_ddb, Unit::Db, "RSRQ"),
            sinr: tenths(|c| c.sinr_ddb, Unit::Db, "SINR"),
            bands: bands.into_iter().collect(),
            cells: served.len() as u64,
        })
    };
    let technologies = [Technology::Lte, Technology::NrNsa, Technology::NrSa];
    Some(RadioProfile {
        technologies: technologies.into_iter().filter_map(share).collect(),
        layers: [Layer::Lte, Layer::Nr].into_iter().filter_map(layer).collect(),
        roaming_slots: read.iter().filter(|slot| slot.iter().any(|(_, c)| c.roaming)).count()
            as u64,
    })
}

/// Of readings by slot; `counts` says of each slot whether it counts.
pub(super) fn wifi(readings: &[(u32, Wifi)], counts: &[bool]) -> Option<WifiProfile> {
    let within = readings.iter().filter(|(slot, _)| counts[*slot as usize]);
    let read: Vec<Wifi> = within.map(|(_, wifi)| *wifi).collect();
    let last = read.last()?;
    let sum = |of: fn(&Wifi) -> u32| read.iter().map(|w| u64::from(of(w))).sum::<u64>();
    let (sent, again) = (sum(|w| w.tx_packets), sum(|w| w.tx_retries));
    let rate = |pick: fn(&Wifi) -> Option<u32>| {
        median(read.iter().filter_map(pick).map(|k| f64::from(k) * 1e3), Unit::Bps, "the rate")
    };
    Some(WifiProfile {
        signal: median(read.iter().map(|w| f64::from(w.signal_dbm)), Unit::Dbm, "the signal"),
        signal_worst_dbm: read.iter().map(|w| w.signal_worst_dbm).min().unwrap_or_default(),
        rx_bps: rate(|w| w.rx_kbps),
        tx_bps: rate(|w| w.tx_kbps),
        retries: if sent == 0 {
            Figure::not_enough("no frame was sent", 0, 1, "frames")
        } else {
            Figure::new(again as f64 / sent as f64, Unit::Ratio, sent, "frames")
        },
        frequency_mhz: last.frequency_mhz,
        width_mhz: last.width_mhz,
    })
}
