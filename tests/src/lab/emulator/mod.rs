//! Emulated access links: what a link does to every packet, and the ledger of
//! what it did.
//!
//! Read in this order:
//! - [`params`]: what one direction of a link can be told to do.
//! - [`trace`]: capacity recorded or modelled elsewhere (Mahimahi, rate steps).
//! - [`gate`]: random and bursty loss, each able to refuse a packet at entry.
//! - [`bottleneck`]: the drop-tail queue and the server that drains it.
//! - [`shaper`]: gates, delay variation, bottleneck and fixed delay in a row.
//!   Pure: time is passed in, packets are opaque.
//! - [`flow`]: what a packet is (ICMP, STAMP, UDP, TCP), to join probe and reply.
//! - [`ledger`]: what was done to each packet, and what follows from it.
//! - [`realtime`]: the thread's scheduling class and timer slack.
//! - `mover`: the thread that moves packets between TUN devices; [`io`] starts it
//!   and talks with it.

pub mod bottleneck;
pub mod flow;
pub mod gate;
pub mod io;
pub mod ledger;
mod mover;
pub mod params;
pub mod realtime;
pub mod shaper;
pub mod trace;

use serde::{Deserialize, Serialize};

/// Nanoseconds since the emulator's epoch, on the monotonic clock.
pub type Nanos = u64;

/// Nanoseconds in a second.
pub const SECOND: Nanos = 1_000_000_000;

/// Nanoseconds in a millisecond.
pub const MILLISECOND: Nanos = 1_000_000;

/// Which way a packet goes, seen from the home.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// From the home to the core.
    Up,
    /// From the core to the home.
    Down,
}

impl Direction {
    /// Both, up first.
    pub const BOTH: [Self; 2] = [Self::Up, Self::Down];
}

/// Why a packet did not come out at the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DropCause {
    /// Refused by the random loss gate.
    RandomLoss,
    /// Refused by the Gilbert-Elliott gate.
    BurstLoss,
    /// The drop-tail queue was full.
    QueueFull,
    /// The link was out when the packet entered or would have left.
    Outage,
    /// The kernel did not take the packet at the far side; a flaw of the lab,
    /// not of the link.
    WriteFailed,
}

/// Milliseconds, as people write them, to nanoseconds. Negative or not finite
/// becomes zero; the scenario's door has already refused such values.
pub fn from_ms(ms: f64) -> Nanos {
    (ms.max(0.0) * MILLISECOND as f64).round() as Nanos
}

/// Nanoseconds to milliseconds.
pub fn to_ms(nanos: Nanos) -> f64 {
    nanos as f64 / MILLISECOND as f64
}
