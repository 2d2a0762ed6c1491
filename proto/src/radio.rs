//! The radio under a link: Wi-Fi within the home, cells beyond it.

use serde::{Deserialize, Serialize};

use crate::link::Technology;

/// A Wi-Fi station's side of its link over a slot. Figures are medians.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wifi {
    /// How often it was read; over 0.
    pub samples: u32,
    /// Signal.
    pub signal_dbm: i32,
    /// The worst of the slot.
    pub signal_worst_dbm: i32,
    /// PHY rate towards the station in kbit/s.
    pub rx_kbps: Option<u32>,
    /// PHY rate from the station in kbit/s.
    pub tx_kbps: Option<u32>,
    /// The channel's centre in MHz.
    pub frequency_mhz: u32,
    /// The channel's width in MHz.
    pub width_mhz: Option<u32>,
    /// Frames sent within the slot.
    pub tx_packets: u32,
    /// Frames sent again within the slot.
    pub tx_retries: u32,
    /// Frames given up within the slot.
    pub tx_failed: u32,
}

/// A serving cell over a slot. Figures are medians, in tenths of their unit, as
/// 3GPP TS 36.133 and 38.133 report them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cell {
    /// Which layer.
    pub layer: Layer,
    /// How often it was read; over 0.
    pub samples: u32,
    /// Reference signal received power in tenths of dBm.
    pub rsrp_ddbm: Option<i32>,
    /// Reference signal received quality in tenths of dB.
    pub rsrq_ddb: Option<i32>,
    /// Signal to interference and noise in tenths of dB.
    pub sinr_ddb: Option<i32>,
    /// 3GPP band number.
    pub band: Option<u32>,
    /// E-UTRAN or NR cell identity.
    pub cell: Option<u64>,
    /// Physical cell identity.
    pub pci: Option<u32>,
    /// The network.
    pub plmn: Option<Plmn>,
    /// Whether the network is not the subscriber's own.
    pub roaming: bool,
}

/// A radio layer: 5G NSA has both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Layer {
    /// E-UTRA.
    Lte,
    /// NR.
    Nr,
}

impl Layer {
    /// The technology that stands for it on the wire.
    pub fn technology(self) -> Technology {
        match self {
            Self::Lte => Technology::Lte,
            Self::Nr => Technology::NrSa,
        }
    }
}

/// A network: MCC and MNC, as digits behind a 1 so that leading zeros stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Plmn(u32);

/// Text that is no network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("network {0:?} is not accepted: 5 or 6 digits")]
pub struct PlmnError(pub String);

impl Plmn {
    /// From its number on the wire.
    pub fn from_wire(number: u32) -> Option<Self> {
        (matches!(number, 100_000..=199_999 | 1_000_000..=1_999_999)).then_some(Self(number))
    }

    /// Its number on the wire.
    pub fn to_wire(self) -> u32 {
        self.0
    }
}

impl std::str::FromStr for Plmn {
    type Err = PlmnError;
    fn from_str(s: &str) -> Result<Self, PlmnError> {
        let digits = matches!(s.len(), 5 | 6) && s.bytes().all(|b| b.is_ascii_digit());
        let number = digits.then(|| format!("1{s}").parse().ok()).flatten();
        number.map(Self).ok_or_else(|| PlmnError(s.to_owned()))
    }
}

impl TryFrom<String> for Plmn {
    type Error = PlmnError;
    fn try_from(s: String) -> Result<Self, PlmnError> {
        s.parse()
    }
}

impl From<Plmn> for String {
    fn from(p: Plmn) -> Self {
        p.to_string()
    }
}

impl std::fmt::Display for Plmn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.to_string()[1..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_keep_their_zeros() {
        for text in ["26201", "310410", "00101"] {
            let plmn: Plmn = text.parse().unwrap();
            assert_eq!(plmn.to_string(), text);
            assert_eq!(Plmn::from_wire(plmn.to_wire()), Some(plmn));
        }
        for bad in ["", "2620", "2620111", "26 01", "٠٠١٠١"] {
            assert!(bad.parse::<Plmn>().unwrap_err().to_string().contains("5 or 6 digits"));
        }
        assert_eq!(Plmn::from_wire(0), None);
    }
}
