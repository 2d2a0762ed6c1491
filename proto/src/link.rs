//! A link: one way out of the home.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::ids::LinkName;

/// How a link reaches the operator. What the system alone can tell is marked:
/// an Ethernet port says how the box is plugged in, not what lies behind it.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, Default,
)]
#[serde(rename_all = "kebab-case")]
pub enum Technology {
    /// Not configured, and the system does not say.
    #[default]
    Unknown,
    /// Fibre to the premises.
    Fttp,
    /// Cable (DOCSIS).
    Cable,
    /// Copper (ADSL, VDSL, G.fast).
    Dsl,
    /// Fixed wireless access with a receiver bound to the home.
    FixedWireless,
    /// Satellite.
    Satellite,
    /// 4G.
    Lte,
    /// 5G non-standalone: an LTE anchor with an NR layer.
    NrNsa,
    /// 5G standalone.
    NrSa,
    /// A modem whose generation is not known (from the system).
    Wwan,
    /// Wi-Fi to a router (from the system).
    Wifi,
    /// A point-to-point session (from the system).
    Ppp,
    /// An Ethernet port (from the system).
    Ethernet,
}

impl Technology {
    /// All of them, in the order shown to a person.
    pub const ALL: [Self; 13] = [
        Self::Fttp,
        Self::Cable,
        Self::Dsl,
        Self::FixedWireless,
        Self::Satellite,
        Self::Lte,
        Self::NrNsa,
        Self::NrSa,
        Self::Wwan,
        Self::Wifi,
        Self::Ppp,
        Self::Ethernet,
        Self::Unknown,
    ];

    /// The stable name, as in configuration and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Fttp => "fttp",
            Self::Cable => "cable",
            Self::Dsl => "dsl",
            Self::FixedWireless => "fixed-wireless",
            Self::Satellite => "satellite",
            Self::Lte => "lte",
            Self::NrNsa => "nr-nsa",
            Self::NrSa => "nr-sa",
            Self::Wwan => "wwan",
            Self::Wifi => "wifi",
            Self::Ppp => "ppp",
            Self::Ethernet => "ethernet",
        }
    }

    /// As a person knows it: "FTTP", "4G", "5G".
    pub fn label(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Fttp => "FTTP",
            Self::Cable => "cable",
            Self::Dsl => "DSL",
            Self::FixedWireless => "fixed wireless",
            Self::Satellite => "satellite",
            Self::Lte => "4G",
            Self::NrNsa => "5G (NSA)",
            Self::NrSa => "5G",
            Self::Wwan => "mobile",
            Self::Wifi => "Wi-Fi",
            Self::Ppp => "PPP",
            Self::Ethernet => "Ethernet",
        }
    }

    /// Whether it is a mobile network's: the M of the gap definitions.
    pub fn is_mobile(self) -> bool {
        matches!(self, Self::Lte | Self::NrNsa | Self::NrSa | Self::Wwan)
    }
}

impl fmt::Display for Technology {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A technology's name that is not one of [`Technology::ALL`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "technology {0:?} is not accepted: fttp, cable, dsl, fixed-wireless, satellite, lte, nr-nsa, \
     nr-sa, wwan, wifi, ppp, ethernet or unknown"
)]
pub struct TechnologyError(String);

impl FromStr for Technology {
    type Err = TechnologyError;
    fn from_str(s: &str) -> Result<Self, TechnologyError> {
        Self::ALL.into_iter().find(|t| t.name() == s).ok_or_else(|| TechnologyError(s.to_owned()))
    }
}

/// What the agent says of a link when it appears or changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkInfo {
    /// Its name.
    pub link: LinkName,
    /// The system's interface.
    pub interface: String,
    /// Its access technology.
    pub technology: Technology,
    /// How the technology is known, in words.
    pub technology_source: String,
    /// The IPv4 default route, if there is one together with an address.
    pub v4: Option<DefaultRoute>,
    /// The IPv6 default route, if there is one together with an address.
    pub v6: Option<DefaultRoute>,
}

impl LinkInfo {
    /// The lowest route metric of either family: what the system prefers.
    pub fn metric(&self) -> Option<u32> {
        [self.v4, self.v6].into_iter().flatten().map(|r| r.metric).min()
    }
}

/// A default route over a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DefaultRoute {
    /// Lower is preferred.
    pub metric: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_technology_reads_back_from_its_name() {
        for t in Technology::ALL {
            assert_eq!(t.name().parse::<Technology>(), Ok(t));
            assert_eq!(serde_json::to_value(t).unwrap(), t.name());
        }
        assert!("5g".parse::<Technology>().unwrap_err().to_string().contains("nr-sa"));
    }
}
