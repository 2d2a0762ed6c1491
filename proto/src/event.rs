//! Things that happen at an instant.

use serde::{Deserialize, Serialize};

use crate::ids::LinkName;
use crate::link::LinkInfo;
use crate::slot::{DownCause, LinkSlot};
use crate::time::{SlotLength, UnixMs};

/// What an agent reports, one unit of identity and acknowledgement.
#[derive(Debug, Clone, PartialEq)]
pub enum Record {
    /// One link's summary over one slot.
    Slot(LinkSlot),
    /// Something that happened.
    Event(Event),
}

/// Where an agent stands in the home.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
pub enum Vantage {
    /// On the router: its gateways are the operator's.
    Router,
    /// On a device behind it: its gateway is the home's router.
    #[default]
    Device,
}

/// Something that happened at an instant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Wall time.
    pub at: UnixMs,
    /// Monotonic milliseconds since the agent started.
    pub at_boot_ms: u64,
    /// What it was.
    pub kind: EventKind,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum EventKind {
    /// The agent started.
    Boot {
        /// Its version.
        version: String,
        /// The slots it will summarise over.
        slot: SlotLength,
        /// Where it stands.
        vantage: Vantage,
    },
    /// A link was found.
    LinkAppeared(LinkInfo),
    /// A link's address, route or technology changed.
    LinkChanged(LinkInfo),
    /// A link's interface is gone.
    LinkGone {
        /// Which.
        link: LinkName,
    },
    /// The belief that the link works has changed; `at` is when the first probe
    /// that shows the new state was sent, or the system's own notice came.
    LinkState {
        /// Which.
        link: LinkName,
        /// `None`: up. Else why it is down.
        down: Option<DownCause>,
    },
    /// The spool was full and let records go.
    SpoolDropped {
        /// Slots let go.
        slots: u64,
        /// Events let go.
        events: u64,
    },
    /// The wall clock jumped.
    ClockStep {
        /// By so much, positive when forward.
        by_ms: i64,
    },
    /// The agent was told to stop.
    Shutdown,
    /// Something can't be measured here.
    CannotMeasure {
        /// On which link; `None`: on the whole machine.
        link: Option<LinkName>,
        /// What.
        what: String,
        /// Why.
        why: String,
        /// What would help.
        remedy: String,
    },
}
