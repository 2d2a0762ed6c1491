//! A link-slot: one link's summary over one slot.

use serde::{Deserialize, Serialize};

use crate::distribution::Distribution;
use crate::ids::LinkName;
use crate::radio::{Cell, Wifi};
use crate::sample::{Cause, SeriesKey};
use crate::time::{SlotLength, UnixMs};

/// What was found on one link within one slot.
#[derive(Debug, Clone, PartialEq)]
pub struct LinkSlot {
    /// The link.
    pub link: LinkName,
    /// Where the slot begins: a multiple of its length.
    pub start: UnixMs,
    /// How long it is.
    pub length: SlotLength,
    /// Milliseconds of it that the link was judged down, on evidence.
    pub down_ms: u32,
    /// Milliseconds of it that the agent could not judge: not running, asleep,
    /// or without a far target.
    pub unjudged_ms: u32,
    /// Why it was down, if it was.
    pub down_cause: Option<DownCause>,
    /// One per kind of probe and target.
    pub series: Vec<Series>,
    /// The household's own traffic, where the interface counts it.
    pub busy: Option<Busy>,
    /// What the agent itself used, headers included.
    pub own: Own,
    /// The Wi-Fi under it, where the link is one and the system tells.
    pub wifi: Option<Wifi>,
    /// The serving cells: one, with 5G NSA the LTE and the NR layer.
    pub cells: Vec<Cell>,
}

/// Bytes that the agent itself used of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Own {
    /// Received.
    pub rx_bytes: u64,
    /// Sent.
    pub tx_bytes: u64,
}

/// Why a link is down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DownCause {
    /// No far target answered.
    Probes,
    /// No carrier.
    Carrier,
    /// No address.
    Address,
    /// No default route.
    Route,
    /// The interface is gone.
    Interface,
}

/// What one kind of probe to one target found.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// Which probe, which target.
    pub key: SeriesKey,
    /// Probes sent within the slot. Those that could not leave count here too,
    /// and under their cause.
    pub sent: u32,
    /// Failures by cause, each cause at most once and never 0.
    pub failures: Vec<(Cause, u32)>,
    /// Of the failures, those sent while the link was judged down.
    pub failed_while_down: u32,
    /// The longest run of consecutive failures (`loss_burst`).
    pub longest_failure_run: u32,
    /// Loss per direction, where the far end is stateful.
    pub directions: Option<Directions>,
    /// `ipdv_mean_v1`, where there was a pair.
    pub ipdv: Option<Ipdv>,
    /// Of the answered ones' times.
    pub distribution: Distribution,
    /// The probe's UDP or ICMP payload in bytes; 0 where it has none of its own.
    pub payload_bytes: u32,
    /// Sent while a cellular radio was idle: the times hold its promotion delay,
    /// which is not the path's.
    pub after_idle: bool,
}

impl Series {
    /// All failures.
    #[inline]
    pub fn failed(&self) -> u32 {
        self.failures.iter().map(|f| f.1).sum()
    }

    /// Failures of one cause.
    #[inline]
    pub fn failed_by(&self, cause: Cause) -> u32 {
        self.failures.iter().filter(|f| f.0 == cause).map(|f| f.1).sum()
    }

    /// Probes lost on the path: see [`Cause::is_loss`].
    #[inline]
    pub fn lost(&self) -> u32 {
        self.failures.iter().filter(|f| f.0.is_loss()).map(|f| f.1).sum()
    }

    /// Probes that say something of the path: answered or lost. The base of
    /// every loss ratio.
    #[inline]
    pub fn tried(&self) -> u32 {
        self.answered() + self.lost()
    }

    /// Probes answered.
    #[inline]
    pub fn answered(&self) -> u32 {
        self.sent - self.failed()
    }
}

/// Losses by direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Directions {
    /// Probes that did not reach the reflector.
    pub lost_forward: u32,
    /// Replies that did not come back.
    pub lost_back: u32,
}

/// Mean of absolute differences of consecutive RTTs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ipdv {
    /// Microseconds.
    pub mean_us: u32,
    /// How many pairs it is the mean of.
    pub pairs: u32,
}

/// The household's own use of the link, the agent's subtracted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Busy {
    /// Bytes received.
    pub rx_bytes: u64,
    /// Bytes sent.
    pub tx_bytes: u64,
    /// The busiest second's rate in bit/s.
    pub rx_peak_bps: u64,
    /// The busiest second's rate in bit/s.
    pub tx_peak_bps: u64,
}
