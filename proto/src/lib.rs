//! What agent and collector must agree on, bit for bit.
//!
//! Read in this order: [`ids`] and [`time`], then [`link`], [`sample`],
//! [`distribution`], [`radio`], [`slot`], [`trial`] (heavier tests) and [`event`]
//! (what is measured), [`plan`] (what is asked of an agent), [`stamp`] (the
//! probe's packets), [`load`] (how tests fill a connection) and [`convert`], the only
//! door between these types and the generated ones of [`wire`]. Nothing here reads a clock, a file or a socket.

pub mod convert;
pub mod distribution;
pub mod event;
pub mod ids;
pub mod link;
pub mod load;
pub mod plan;
pub mod radio;
pub mod sample;
pub mod slot;
pub mod stamp;
pub mod time;
pub mod trial;

pub use distribution::{Distribution, Merger};
pub use event::{
    BudgetReport, Detail, Event, EventKind, MAX_SWITCH_OVER_MS, Purpose, Record, Vantage,
};
pub use ids::{AgentId, BootId, HouseholdId, LinkName, Seq};
pub use link::{DefaultRoute, LinkInfo, Technology};
pub use plan::{LinkPlan, Measures, Order, Plan};
pub use radio::{Cell, Layer, Plmn, Wifi};
pub use sample::{Cause, Family, Outcome, ProbeKind, Role, Sample, SeriesKey};
pub use slot::{Busy, Directions, DownCause, Ipdv, LinkSlot, Own, Series};
pub use time::{SlotLength, UnixMs};
pub use trial::{
    Confidence, DirectionFigures, Figures, OrderId, SkipReason, TestKind, TestOutcome, TestResult,
};

/// The code generated from `hearth/v1/*.proto`.
#[expect(missing_docs, clippy::pedantic, clippy::large_enum_variant, reason = "generated")]
pub mod wire {
    include!("gen/hearth.v1.rs");
}
