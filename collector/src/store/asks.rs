//! What is asked of agents, as the store keeps it: plans and orders, both logs
//! that are only ever added to.

use hearth_proto::{AgentId, HouseholdId, LinkName, OrderId, Plan, TestKind, UnixMs};
use serde::Serialize;

use super::StoreError;
use crate::plans::{Addressed, Limits, OrderEntry, Refusal};

/// A change of plan, to be entered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanChange {
    /// Whose; `None`: of all households without a plan of their own.
    pub household: Option<HouseholdId>,
    /// `None`: what was planned is taken back.
    pub plan: Option<Plan>,
    /// Who enters it.
    pub by: String,
    /// When.
    pub at: UnixMs,
}

/// A change of plan that was entered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlanEntry {
    /// Rises with every change of any plan.
    pub version: u64,
    /// Whose; `None`: of all households without a plan of their own.
    pub household: Option<HouseholdId>,
    /// With its version; `None`: what was planned is taken back.
    pub plan: Option<Plan>,
    /// Who entered it.
    pub by: String,
    /// When.
    pub at: UnixMs,
}

/// By which door an order came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Via {
    /// The command line, by access to the data folder.
    Cli,
    /// The API, by a token.
    Api,
}

impl Via {
    /// The stable name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cli => "cli",
            Self::Api => "api",
        }
    }
}

/// An order to be entered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewOrder {
    /// Of which household.
    pub household: HouseholdId,
    /// Which agent; `None`: the one that has the link.
    pub agent: Option<AgentId>,
    /// Which link; `None`: the one in use.
    pub link: Option<LinkName>,
    /// Which test.
    pub kind: TestKind,
    /// Who orders it.
    pub by: String,
    /// By which door.
    pub via: Via,
    /// When.
    pub at: UnixMs,
    /// It is not begun later than that.
    pub expires: UnixMs,
}

/// How far both logs have come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Mark {
    /// The last plan's version.
    pub plan: u64,
    /// The last order's number.
    pub order: u64,
}

/// Plans and orders.
pub trait Asks: Send + Sync + 'static {
    /// Enters a change of plan and gives its version.
    fn change_plan(&self, change: &PlanChange) -> Result<u64, StoreError>;

    /// All changes, by rising version: of one household, or, for `None`, of all.
    fn plan_log(&self, household: Option<&HouseholdId>) -> Result<Vec<PlanEntry>, StoreError>;

    /// The last change of each household, and of all, where it is later than
    /// `version`; by rising version.
    fn plans_after(&self, version: u64) -> Result<Vec<PlanEntry>, StoreError>;

    /// Enters an order where `limits` allow it, whatever other process enters one
    /// at the same time.
    fn enter_order(
        &self,
        order: &NewOrder,
        limits: &Limits,
    ) -> Result<Result<OrderId, Refusal>, StoreError>;

    /// Enters that an order was handed to its agent.
    fn order_sent(&self, order: OrderId, at: UnixMs) -> Result<(), StoreError>;

    /// Orders later than `order` without a result that are not expired at `now`,
    /// by rising number.
    fn open_orders(&self, order: OrderId, now: UnixMs) -> Result<Vec<Addressed>, StoreError>;

    /// Orders, the latest first, at most `most`: of one household or of all.
    fn orders(
        &self,
        household: Option<&HouseholdId>,
        most: usize,
    ) -> Result<Vec<OrderEntry>, StoreError>;

    /// One order.
    fn order(&self, order: OrderId) -> Result<Option<OrderEntry>, StoreError>;

    /// How far both logs have come: cheap enough to ask every second.
    fn asked(&self) -> Result<Mark, StoreError>;
}
