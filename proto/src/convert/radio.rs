//! Wi-Fi and cells.

use super::RecordError;
use crate::radio::{Cell, Layer, Plmn, Wifi};
use crate::wire;

/// The most serving cells that a slot or an event may have.
const MAX_CELLS: usize = 4;

fn told(value: u32) -> Option<u32> {
    (value > 0).then_some(value)
}

impl From<Wifi> for wire::Wifi {
    fn from(w: Wifi) -> Self {
        Self {
            samples: w.samples,
            signal_dbm: w.signal_dbm,
            signal_worst_dbm: w.signal_worst_dbm,
            rx_kbps: w.rx_kbps.unwrap_or_default(),
            tx_kbps: w.tx_kbps.unwrap_or_default(),
            frequency_mhz: w.frequency_mhz,
            width_mhz: w.width_mhz.unwrap_or_default(),
            tx_packets: w.tx_packets,
            tx_retries: w.tx_retries,
            tx_failed: w.tx_failed,
        }
    }
}

pub(super) fn wifi(w: wire::Wifi) -> Result<Wifi, RecordError> {
    if w.samples == 0 {
        return Err(RecordError::field("samples", w.samples, "over 0"));
    }
    for (field, dbm) in [("signal_dbm", w.signal_dbm), ("signal_worst_dbm", w.signal_worst_dbm)] {
        if !(-150..=50).contains(&dbm) {
            return Err(RecordError::field(field, dbm, "-150 to 50"));
        }
    }
    if !(1..=100_000).contains(&w.frequency_mhz) {
        return Err(RecordError::field("frequency_mhz", w.frequency_mhz, "1 to 100000"));
    }
    Ok(Wifi {
        samples: w.samples,
        signal_dbm: w.signal_dbm,
        signal_worst_dbm: w.signal_worst_dbm,
        rx_kbps: told(w.rx_kbps),
        tx_kbps: told(w.tx_kbps),
        frequency_mhz: w.frequency_mhz,
        width_mhz: told(w.width_mhz),
        tx_packets: w.tx_packets,
        tx_retries: w.tx_retries,
        tx_failed: w.tx_failed,
    })
}

impl From<&Cell> for wire::Cell {
    fn from(c: &Cell) -> Self {
        Self {
            layer: super::enums::technology_out(c.layer.technology()),
            samples: c.samples,
            rsrp_ddbm: c.rsrp_ddbm,
            rsrq_ddb: c.rsrq_ddb,
            sinr_ddb: c.sinr_ddb,
            band: c.band.unwrap_or_default(),
            cell: c.cell.unwrap_or_default(),
            pci: c.pci,
            plmn: c.plmn.map(Plmn::to_wire).unwrap_or_default(),
            roaming: c.roaming,
        }
    }
}

pub(super) fn cells(field: &str, cells: Vec<wire::Cell>) -> Result<Vec<Cell>, RecordError> {
    if cells.len() > MAX_CELLS {
        return Err(RecordError::field(field, cells.len(), format!("at most {MAX_CELLS} of them")));
    }
    let within = |(i, c)| cell(c).map_err(|e: RecordError| e.within(&format!("{field}[{i}]")));
    cells.into_iter().enumerate().map(within).collect()
}

fn cell(c: wire::Cell) -> Result<Cell, RecordError> {
    let layer = [Layer::Lte, Layer::Nr]
        .into_iter()
        .find(|l| super::enums::technology_out(l.technology()) == c.layer)
        .ok_or_else(|| {
            let (lte, nr) = (wire::Technology::Lte as i32, wire::Technology::NrSa as i32);
            RecordError::field("layer", c.layer, format!("{lte} (LTE) or {nr} (NR)"))
        })?;
    if c.samples == 0 {
        return Err(RecordError::field("samples", c.samples, "over 0"));
    }
    // 3GPP TS 38.133: RSRP -156 to -31 dBm, RSRQ -43 to 20 dB, SINR -23 to 40 dB;
    // a little more is left for modems that report outside of it.
    for (field, value, from, to) in [
        ("rsrp_ddbm", c.rsrp_ddbm, -2_000, 0),
        ("rsrq_ddb", c.rsrq_ddb, -600, 300),
        ("sinr_ddb", c.sinr_ddb, -600, 600),
    ] {
        if let Some(value) = value.filter(|v| !(from..=to).contains(v)) {
            return Err(RecordError::field(field, value, format!("{from} to {to}")));
        }
    }
    let plmn =
        match c.plmn {
            0 => None,
            number => Some(Plmn::from_wire(number).ok_or_else(|| {
                RecordError::field("plmn", number, "5 or 6 digits behind a 1, or 0")
            })?),
        };
    Ok(Cell {
        layer,
        samples: c.samples,
        rsrp_ddbm: c.rsrp_ddbm,
        rsrq_ddb: c.rsrq_ddb,
        sinr_ddb: c.sinr_ddb,
        band: told(c.band),
        cell: (c.cell > 0).then_some(c.cell),
        pci: c.pci,
        plmn,
        roaming: c.roaming,
    })
}
