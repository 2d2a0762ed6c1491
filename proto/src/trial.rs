//! Tests: heavier, occasional measurements, and those that were skipped.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::distribution::Distribution;
use crate::ids::LinkName;
use crate::sample::{Cause, Family};
use crate::slot::Own;
use crate::time::UnixMs;

/// A kind of test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TestKind {
    /// draft-ietf-ippm-responsiveness: goodput, loaded RTT and RPM.
    Responsiveness,
    /// A short one of at most 2 MB, for metered links.
    Capacity,
}

impl TestKind {
    /// All kinds.
    pub const ALL: [Self; 2] = [Self::Responsiveness, Self::Capacity];

    /// The stable name, as in JSON and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Responsiveness => "responsiveness",
            Self::Capacity => "capacity",
        }
    }
}

impl fmt::Display for TestKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What asked for a test, by its collector's number: see [`crate::plan::Order`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct OrderId(pub u64);

impl fmt::Display for OrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A test that was run, or would have been.
#[derive(Debug, Clone, PartialEq)]
pub struct TestResult {
    /// The link.
    pub link: LinkName,
    /// The kind.
    pub kind: TestKind,
    /// The IP version used; `None` where it did not come so far.
    pub family: Option<Family>,
    /// The server, as the user named it.
    pub server: String,
    /// When it began, or was due.
    pub start: UnixMs,
    /// Monotonic milliseconds since the agent started.
    pub start_boot_ms: u64,
    /// How long it took, in milliseconds.
    pub duration_ms: u32,
    /// The order it fulfils; `None`: it was scheduled.
    pub order: Option<OrderId>,
    /// What it cost on the link, headers included.
    pub cost: Own,
    /// What came of it.
    pub outcome: TestOutcome,
}

/// What came of a test.
#[derive(Debug, Clone, PartialEq)]
pub enum TestOutcome {
    /// It was run to its end.
    Done(Box<Figures>),
    /// It was not run, or given up in favour of the household.
    Skipped {
        /// Why.
        reason: SkipReason,
        /// More, for a person.
        detail: String,
    },
    /// It was begun and failed.
    Failed {
        /// Why.
        cause: Cause,
        /// More, for a person.
        why: String,
    },
}

/// Why a test was not run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SkipReason {
    /// The household used the line until the test's time was over.
    Busy,
    /// It was begun, and ended since the household began to use the line.
    GaveWay,
    /// The month's budget does not cover it.
    Budget,
    /// The link roams: nothing heavy runs.
    Roaming,
    /// The link is down.
    LinkDown,
    /// The order came too late.
    Expired,
    /// More orders than the agent accepts.
    Rate,
    /// No test server is configured, or the order names no link of this agent.
    NoServer,
    /// The test server has no room for it now, or gave this home its share.
    Refused,
    /// The agent was told to stop, or ended, before the test did.
    Stopped,
}

impl SkipReason {
    /// All reasons.
    pub const ALL: [Self; 10] = [
        Self::Busy,
        Self::GaveWay,
        Self::Budget,
        Self::Roaming,
        Self::LinkDown,
        Self::Expired,
        Self::Rate,
        Self::NoServer,
        Self::Refused,
        Self::Stopped,
    ];

    /// The stable name, as in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::GaveWay => "gave-way",
            Self::Budget => "budget",
            Self::Roaming => "roaming",
            Self::LinkDown => "link-down",
            Self::Expired => "expired",
            Self::Rate => "rate",
            Self::NoServer => "no-server",
            Self::Refused => "refused",
            Self::Stopped => "stopped",
        }
    }
}

/// How far a figure can be relied on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Confidence {
    /// Too few intervals.
    Low,
    /// It never became stable.
    Medium,
    /// Stable.
    High,
}

/// A test's figures.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Figures {
    /// Towards the home, where measured.
    pub down: Option<DirectionFigures>,
    /// From the home, where measured.
    pub up: Option<DirectionFigures>,
    /// Microseconds of round trips before the load, as far as there were any.
    pub idle_rtt: Distribution,
}

/// What a test found in one direction.
#[derive(Debug, Clone, PartialEq)]
pub struct DirectionFigures {
    /// `goodput_down`, `goodput_up`: payload bit/s over the stable part.
    pub goodput_bps: u64,
    /// The least that the link carries, where it is an estimate.
    pub low_bps: Option<u64>,
    /// The most, where it is an estimate; `None` with a low one: it may be more.
    pub high_bps: Option<u64>,
    /// Of the goodput.
    pub confidence: Confidence,
    /// Payload bytes of the stable part.
    pub bytes: u64,
    /// The stable part's length in milliseconds.
    pub measured_ms: u32,
    /// Connections that bore the load.
    pub flows: u32,
    /// `rpm_draft09` in this direction and its confidence.
    pub rpm: Option<(u32, Confidence)>,
    /// Microseconds to connect beside the load.
    pub tcp_f: Distribution,
    /// Microseconds of the TLS handshake beside the load, over its round trips.
    pub tls_f: Distribution,
    /// Microseconds of a request beside the load: [`Self::loaded_rtt`].
    pub http_f: Distribution,
    /// Microseconds of a request on the loaded connections.
    pub http_l: Distribution,
}

impl DirectionFigures {
    /// `loaded_rtt_down`, `loaded_rtt_up`: microseconds of a request on a connection of
    /// its own, beside the load. So were the idle round trips measured, and so it is the
    /// link that is measured: on the loaded connections a request also waits for their
    /// senders, and for what they lost to be sent again. RPM is made of both.
    pub fn loaded_rtt(&self) -> &Distribution {
        &self.http_f
    }
}
