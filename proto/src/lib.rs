//! What agent and collector must agree on, bit for bit.
//!
//! Read in this order: [`ids`] and [`time`], then [`link`], [`sample`],
//! [`distribution`], [`slot`] and [`event`] (what is measured), [`stamp`] (the
//! probe's packets) and [`convert`], the only door between these types and the
//! generated ones of [`wire`]. Nothing here reads a clock, a file or a socket.

pub mod convert;
pub mod distribution;
pub mod event;
pub mod ids;
pub mod link;
pub mod sample;
pub mod slot;
pub mod stamp;
pub mod time;

pub use distribution::{Distribution, Merger};
pub use event::{Event, EventKind, Record, Vantage};
pub use ids::{AgentId, BootId, HouseholdId, LinkName, Seq};
pub use link::{DefaultRoute, LinkInfo, Technology};
pub use sample::{Cause, Family, Outcome, ProbeKind, Role, Sample, SeriesKey};
pub use slot::{Busy, Directions, DownCause, Ipdv, LinkSlot, Series};
pub use time::{SlotLength, UnixMs};

/// The code generated from `hearth/v1/*.proto`.
#[expect(missing_docs, clippy::pedantic, reason = "generated")]
pub mod wire {
    include!("gen/hearth.v1.rs");
}
