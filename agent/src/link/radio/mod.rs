//! Cellular radios: which technology and which cells a modem is served by, how
//! strong they are, and whether it roams.
//!
//! A [`RadioReader`] is one way to know: [`modem_manager`] over D-Bus, [`ubus`]
//! by OpenWrt's helper programs. [`follow`] reads at a steady pace and gives what
//! was read to all who watch. Pure: [`band`] (channel numbers to bands),
//! [`modem`] and [`uqmi`] (what the two sources say, into a reading), [`sum`] (a
//! slot's readings into its cells) and [`changes`] (what is worth an event).

pub mod band;
pub mod changes;
pub mod follow;
pub mod modem;
pub mod modem_manager;
pub mod sum;
pub mod ubus;
pub mod uqmi;

use std::collections::BTreeMap;
use std::future::Future;
use std::time::Duration;

use hearth_proto::{Cell, Layer, Plmn, Technology};
use serde::Serialize;

use crate::link::InterfaceName;

/// What a modem says at one instant. What it does not say is `None`, never 0.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RadioReading {
    /// LTE, 5G NSA, 5G SA; a modem of an older generation is `Wwan`. `None`: not
    /// served, or not said.
    pub technology: Option<Technology>,
    /// Whether the network is not the subscriber's own.
    pub roaming: Option<bool>,
    /// The network.
    pub plmn: Option<Plmn>,
    /// One per layer at most, LTE first.
    pub cells: Vec<ServingCell>,
    /// Who says so, in words.
    pub source: &'static str,
    /// What it could not be asked, and why.
    pub lacks: Vec<Lack>,
}

/// A serving cell at one instant, in tenths of its figures' units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ServingCell {
    /// Which layer.
    pub layer: Layer,
    /// Reference signal received power in tenths of dBm.
    pub rsrp_ddbm: Option<i32>,
    /// Reference signal received quality in tenths of dB.
    pub rsrq_ddb: Option<i32>,
    /// Signal to interference and noise in tenths of dB.
    pub sinr_ddb: Option<i32>,
    /// 3GPP band number, where it is certain.
    pub band: Option<u32>,
    /// E-UTRAN or NR cell identity.
    pub cell: Option<u64>,
    /// Physical cell identity.
    pub pci: Option<u32>,
}

/// Something that a source could not be asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Lack {
    /// What.
    pub what: &'static str,
    /// Why.
    pub why: String,
    /// What would help.
    pub remedy: &'static str,
}

impl ServingCell {
    /// A cell of which nothing is known yet.
    pub fn new(layer: Layer) -> Self {
        Self {
            layer,
            rsrp_ddbm: None,
            rsrq_ddb: None,
            sinr_ddb: None,
            band: None,
            cell: None,
            pci: None,
        }
    }

    /// Keeps a power that can be: TS 36.133 and 38.133 report -156 to -31 dBm.
    pub fn rsrp(&mut self, dbm: f64) {
        self.rsrp_ddbm = tenths(dbm, -156.0, -31.0).or(self.rsrp_ddbm);
    }

    /// Keeps a quality that can be: -43 to 20 dB.
    pub fn rsrq(&mut self, db: f64) {
        self.rsrq_ddb = tenths(db, -43.0, 20.0).or(self.rsrq_ddb);
    }

    /// Keeps a ratio that can be: -23 to 40 dB.
    pub fn sinr(&mut self, db: f64) {
        self.sinr_ddb = tenths(db, -23.0, 40.0).or(self.sinr_ddb);
    }

    /// As it goes into a record, from one reading.
    pub fn record(&self, plmn: Option<Plmn>, roaming: bool) -> Cell {
        Cell {
            layer: self.layer,
            samples: 1,
            rsrp_ddbm: self.rsrp_ddbm,
            rsrq_ddb: self.rsrq_ddb,
            sinr_ddb: self.sinr_ddb,
            band: self.band,
            cell: self.cell,
            pci: self.pci,
            plmn,
            roaming,
        }
    }
}

fn tenths(value: f64, from: f64, to: f64) -> Option<i32> {
    (from..=to).contains(&value).then(|| (value * 10.0).round() as i32)
}

/// The technology of the layers that serve: both are 5G NSA.
pub fn of_layers(lte: bool, nr: bool) -> Option<Technology> {
    match (lte, nr) {
        (true, true) => Some(Technology::NrNsa),
        (false, true) => Some(Technology::NrSa),
        (true, false) => Some(Technology::Lte),
        (false, false) => None,
    }
}

/// All modems' readings by the interfaces that carry their data.
pub type Modems = BTreeMap<InterfaceName, RadioReading>;

/// Why no modem could be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RadioError {
    /// The source is not on this machine, or not now.
    #[error("{source_name} is not there: {why}")]
    NotThere {
        /// Which source.
        source_name: &'static str,
        /// How that shows.
        why: String,
    },
    /// It does not let this user ask.
    #[error("{source_name} does not let this user read: {why}")]
    Denied {
        /// Which source.
        source_name: &'static str,
        /// What it said.
        why: String,
        /// What would help.
        remedy: &'static str,
    },
    /// It answered with what can't be used, or not in time.
    #[error("{source_name} gave no usable answer: {why}")]
    Failed {
        /// Which source.
        source_name: &'static str,
        /// What it said.
        why: String,
    },
}

impl RadioError {
    /// What would help.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::NotThere { .. } => {
                "install and start ModemManager, or on OpenWrt uqmi; or set radio = \"off\""
            }
            Self::Denied { remedy, .. } => remedy,
            Self::Failed { .. } => "see the modem's own log; it is asked again",
        }
    }
}

/// One way to know what the modems say.
pub trait RadioReader: Send {
    /// How often it may be asked: what starts programs is dear.
    fn every(&self) -> Duration;

    /// All modems that it knows, by the interface that carries their data.
    fn read(&mut self) -> impl Future<Output = Result<Modems, RadioError>> + Send;

    /// Completes when something but the signal may have changed. A source that
    /// can't tell never completes.
    fn changed(&mut self) -> impl Future<Output = ()> + Send;
}

/// For a person: "5G NSA, band n78+b3, RSRP −95 dBm, SINR 12 dB".
impl std::fmt::Display for RadioReading {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.technology {
            None => "not served",
            Some(Technology::Lte) => "LTE",
            Some(Technology::NrNsa) => "5G NSA",
            Some(Technology::NrSa) => "5G SA",
            Some(_) => "older than LTE",
        })?;
        // NR first: it carries the most where there are both.
        let cells = || self.cells.iter().rev();
        let bands: Vec<_> = cells()
            .filter_map(|c| {
                let letter = if c.layer == Layer::Nr { 'n' } else { 'b' };
                c.band.map(|band| format!("{letter}{band}"))
            })
            .collect();
        if !bands.is_empty() {
            write!(f, ", band {}", bands.join("+"))?;
        }
        let both = self.cells.len() > 1;
        for cell in cells() {
            let layer = match (both, cell.layer) {
                (false, _) => "",
                (true, Layer::Nr) => "NR ",
                (true, Layer::Lte) => "LTE ",
            };
            let mut figures = Vec::new();
            let mut figure = |name, value: Option<i32>, unit| {
                figures.extend(value.map(|v| format!("{name} {} {unit}", decimal(v))));
            };
            figure("RSRP", cell.rsrp_ddbm, "dBm");
            figure("RSRQ", cell.rsrq_ddb, "dB");
            figure("SINR", cell.sinr_ddb, "dB");
            if !figures.is_empty() {
                write!(f, ", {layer}{}", figures.join(", "))?;
            }
        }
        if self.roaming == Some(true) {
            f.write_str(", roaming")?;
        }
        Ok(())
    }
}

/// Tenths as a person writes them, with a true minus and no needless ".0".
fn decimal(tenths: i32) -> String {
    let minus = if tenths < 0 { "\u{2212}" } else { "" };
    let (whole, part) = (tenths.unsigned_abs() / 10, tenths.unsigned_abs() % 10);
    if part == 0 { format!("{minus}{whole}") } else { format!("{minus}{whole}.{part}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_not_be_is_not_kept() {
        let mut cell = ServingCell::new(Layer::Nr);
        for bad in [f64::MIN, f64::NAN, f64::INFINITY, 0.0, -32768.0, -3276.8] {
            cell.rsrp(bad);
        }
        for bad in [f64::MIN, f64::NAN, 255.0, -32768.0] {
            cell.rsrq(bad);
            cell.sinr(bad);
        }
        assert_eq!(cell, ServingCell::new(Layer::Nr));
        cell.rsrp(-95.04);
        cell.sinr(0.0);
        assert_eq!((cell.rsrp_ddbm, cell.sinr_ddb), (Some(-950), Some(0)));
        cell.rsrp(f64::MIN);
        assert_eq!(cell.rsrp_ddbm, Some(-950));
    }

    #[test]
    fn a_person_can_read_it() {
        let mut lte = ServingCell::new(Layer::Lte);
        (lte.band, lte.rsrp_ddbm, lte.rsrq_ddb) = (Some(3), Some(-950), Some(-115));
        let mut nr = ServingCell::new(Layer::Nr);
        (nr.band, nr.rsrp_ddbm, nr.sinr_ddb) = (Some(78), Some(-1013), Some(120));
        let mut reading = RadioReading {
            technology: Some(Technology::NrNsa),
            roaming: Some(true),
            plmn: None,
            cells: vec![lte, nr],
            source: "ModemManager",
            lacks: vec![],
        };
        assert_eq!(
            reading.to_string(),
            "5G NSA, band n78+b3, NR RSRP −101.3 dBm, SINR 12 dB, LTE RSRP −95 dBm, RSRQ −11.5 dB, \
             roaming"
        );
        reading.cells = vec![lte];
        reading.technology = Some(Technology::Lte);
        reading.roaming = None;
        assert_eq!(reading.to_string(), "LTE, band b3, RSRP −95 dBm, RSRQ −11.5 dB");
    }
}
