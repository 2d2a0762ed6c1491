//! Things that happen at an instant.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::ids::LinkName;
use crate::link::{LinkInfo, Technology};
use crate::radio::Cell;
use crate::sample::Family;
use crate::slot::{DownCause, LinkSlot, Own};
use crate::time::{SlotLength, UnixMs};
use crate::trial::TestResult;

/// What an agent reports, one unit of identity and acknowledgement.
#[derive(Debug, Clone, PartialEq)]
pub enum Record {
    /// One link's summary over one slot.
    Slot(LinkSlot),
    /// A heavier test, or that it was skipped.
    Test(TestResult),
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

/// What moves to another link later than this after an outage began did not switch over
/// for it.
pub const MAX_SWITCH_OVER_MS: u32 = 600_000;

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
    /// The routers near the home are others than before.
    PathChanged {
        /// By which link.
        link: LinkName,
        /// In which IP version.
        family: Family,
        /// The gateway first; `None` where a router does not answer. Empty: first
        /// seen.
        before: Vec<Option<IpAddr>>,
        /// As they are now.
        now: Vec<Option<IpAddr>>,
    },
    /// A link went down while the household used it, and the household's own traffic
    /// was answered over another one that was quiet before. `at` is when it was seen
    /// answered, at most a second late. Told once per outage; nothing is told where the
    /// household asked for nothing.
    TrafficMoved {
        /// The link that went down.
        from: LinkName,
        /// The link that carries the household's traffic now.
        to: LinkName,
        /// The switch-over: milliseconds from the first probe that the link failed to
        /// `at`, at most [`MAX_SWITCH_OVER_MS`].
        answered_after_ms: u32,
        /// Milliseconds from that probe until the system's default route led over `to`,
        /// where that was seen: the line could carry traffic from some time between this
        /// and the answer.
        routed_after_ms: Option<u32>,
    },
    /// A cellular link's technology or serving cells changed.
    RadioChanged {
        /// Which link.
        link: LinkName,
        /// Its technology now.
        technology: Technology,
        /// Whether the network is not the subscriber's own.
        roaming: bool,
        /// As read last.
        cells: Vec<Cell>,
        /// How it is known, in words.
        source: String,
    },
    /// What a link has cost this month: daily, and when the detail changes.
    Budget(BudgetReport),
    /// The agent measures by this plan from now on.
    PlanTaken {
        /// Its version.
        version: u64,
    },
}

/// What a link has cost in a month so far.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BudgetReport {
    /// Which link.
    pub link: LinkName,
    /// "2026-11", by the agent's clock in UTC.
    pub month: String,
    /// The bound in bytes.
    pub limit_bytes: Option<u64>,
    /// How much is still measured.
    pub detail: Detail,
    /// By purpose, each at most once.
    pub spent: Vec<(Purpose, Own)>,
    /// Tests run to their end.
    pub tests_run: u32,
    /// Tests that were not.
    pub tests_skipped: u32,
}

/// What the agent's own bytes were for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    /// Probes.
    Probes,
    /// Responsiveness tests.
    Responsiveness,
    /// Capacity tests.
    Capacity,
    /// Records to the collector, resent ones included.
    Telemetry,
}

impl Purpose {
    /// All purposes.
    pub const ALL: [Self; 4] =
        [Self::Probes, Self::Responsiveness, Self::Capacity, Self::Telemetry];

    /// The stable name, as in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Probes => "probes",
            Self::Responsiveness => "responsiveness",
            Self::Capacity => "capacity",
            Self::Telemetry => "telemetry",
        }
    }
}

/// How much is still measured as a budget runs short: each step sheds what the
/// one before it still had.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, Default,
)]
#[serde(rename_all = "kebab-case")]
pub enum Detail {
    /// All that is configured.
    #[default]
    Full,
    /// No responsiveness tests.
    NoResponsiveness,
    /// No tests at all.
    NoTests,
    /// DNS, TCP and HTTP ten times rarer.
    RarePhases,
    /// STAMP, ICMP beyond the home and hops ten times rarer as well.
    RareProbes,
    /// One far probe a minute, to know whether the link is up.
    Alive,
}

impl Detail {
    /// All steps, the fullest first.
    pub const ALL: [Self; 6] = [
        Self::Full,
        Self::NoResponsiveness,
        Self::NoTests,
        Self::RarePhases,
        Self::RareProbes,
        Self::Alive,
    ];

    /// The stable name, as in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::NoResponsiveness => "no-responsiveness",
            Self::NoTests => "no-tests",
            Self::RarePhases => "rare-phases",
            Self::RareProbes => "rare-probes",
            Self::Alive => "alive",
        }
    }
}
