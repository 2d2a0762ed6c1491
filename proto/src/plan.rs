//! What a collector asks of its agents: a plan that holds until the next, and
//! single orders.

use serde::{Deserialize, Serialize};

use crate::ids::LinkName;
use crate::time::UnixMs;
use crate::trial::{OrderId, TestKind};

/// What to measure, and how much. It never widens what the household has
/// allowed: of two budgets the smaller holds, of two paces the slower.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Rises with every change.
    #[serde(default)]
    pub version: u64,
    /// Of every link.
    #[serde(default)]
    pub all: Measures,
    /// Of single ones, in place of `all`.
    #[serde(default, rename = "link")]
    pub links: Vec<LinkPlan>,
}

/// What is asked of one link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinkPlan {
    /// Which.
    pub link: LinkName,
    /// What.
    #[serde(default)]
    pub measures: Measures,
}

/// Paces and bounds. `None`: as the agent is configured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Measures {
    /// Milliseconds between two STAMP probes to the reflector: 100 to 600,000.
    pub interval_ms: Option<u32>,
    /// Milliseconds between two probes of the gateway: 100 to 600,000.
    pub gateway_interval_ms: Option<u32>,
    /// Milliseconds between two DNS, TCP or HTTP probes: 1,000 to 86,400,000.
    pub slow_interval_ms: Option<u32>,
    /// Mean seconds between two responsiveness tests: 600 to 31 days.
    pub responsiveness_every_s: Option<u32>,
    /// Mean seconds between two capacity tests: 600 to 31 days.
    pub capacity_every_s: Option<u32>,
    /// No tests but those that are ordered.
    pub no_tests: bool,
    /// Bytes a month, at least 1 MB.
    pub budget_bytes_per_month: Option<u64>,
}

impl Plan {
    /// What holds for `link`.
    pub fn of(&self, link: &LinkName) -> Measures {
        self.links.iter().find(|l| l.link == *link).map_or(self.all, |l| l.measures)
    }
}

/// One test, now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Its number.
    pub id: OrderId,
    /// On which link; `None`: the one in use.
    pub link: Option<LinkName>,
    /// Which test.
    pub kind: TestKind,
    /// It is not begun later than that.
    pub expires: UnixMs,
    /// Who asked for it.
    pub by: String,
}
