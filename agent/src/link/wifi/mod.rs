//! Wi-Fi, as nl80211 tells of a station: signal, rates, channel and frames sent
//! again. Neither SSID nor BSSID is kept: which network it is does not matter.
//!
//! [`message`] (pure) writes and reads nl80211's messages, [`socket`] asks the
//! kernel, [`sum`] (pure) makes a slot's figures of readings.
//!
//! The attributes are read by hand over `netlink-packet-core`, which is in the tree
//! already. The crate made for nl80211 (`wl-nl80211`) is the tests' peer instead: it
//! reads what is asked, and what it writes is read as it means it. In the program it
//! would save 200 lines, and cost 115 kB, a second `netlink-proto`, the channel of a
//! Wi-Fi 7 interface, and each reading of which one attribute is not as it expects.

pub mod message;
#[cfg(test)]
mod peer;
pub mod socket;
pub mod sum;

use serde::Serialize;

/// What the kernel says of a station's own link at one instant.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct WifiReading {
    /// Signal of the last frame in dBm.
    pub signal_dbm: Option<i32>,
    /// The driver's running mean of it.
    pub signal_mean_dbm: Option<i32>,
    /// PHY rate towards the station in kbit/s.
    pub rx_kbps: Option<u32>,
    /// PHY rate from the station in kbit/s.
    pub tx_kbps: Option<u32>,
    /// The channel's centre in MHz.
    pub frequency_mhz: Option<u32>,
    /// The channel's width in MHz.
    pub width_mhz: Option<u32>,
    /// Since when it is associated, in seconds.
    pub connected_s: Option<u32>,
    /// Frames sent since it is associated.
    pub tx_packets: Option<u32>,
    /// Frames sent again since then.
    pub tx_retries: Option<u32>,
    /// Frames given up since then.
    pub tx_failed: Option<u32>,
}

impl WifiReading {
    /// The signal to go by: the mean, which is less noisy, where the driver has one.
    /// Drivers without a figure say 0 or −128, which no signal ever is.
    pub fn signal(&self) -> Option<i32> {
        let is_one = |dbm: &i32| (-127..0).contains(dbm);
        self.signal_mean_dbm.filter(is_one).or(self.signal_dbm.filter(is_one))
    }
}

/// For a person: "Wi-Fi 5180 MHz, 80 MHz wide, −58 dBm, 433 Mbit/s".
impl std::fmt::Display for WifiReading {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Wi-Fi")?;
        if let Some(mhz) = self.frequency_mhz {
            write!(f, " {mhz} MHz")?;
        }
        if let Some(mhz) = self.width_mhz {
            write!(f, ", {mhz} MHz wide")?;
        }
        if let Some(dbm) = self.signal() {
            write!(f, ", \u{2212}{} dBm", dbm.unsigned_abs())?;
        }
        let rate = |kbps: u32| format!("{} Mbit/s", f64::from(kbps / 100) / 10.0);
        match (self.rx_kbps, self.tx_kbps) {
            (Some(rx), Some(tx)) => write!(f, ", {} down, {} up", rate(rx), rate(tx)),
            (Some(rx), None) => write!(f, ", {} down", rate(rx)),
            (None, Some(tx)) => write!(f, ", {} up", rate(tx)),
            (None, None) => Ok(()),
        }
    }
}
