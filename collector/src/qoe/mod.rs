//! Quality of experience: what measurements mean for what people do. Pure: no
//! clock, runtime, database or network.
//!
//! Read in this order:
//! 1. `units`: the quantities, as types that can't hold a wrong value;
//! 2. `qoo`: the framework behind the ledger, one file per framework after it:
//!    `iqb`, `emodel`, `aim`, `rpm`, and the promises `bnetza`, `bead`, `ofcom` and `sla`;
//! 3. `catalogue`: the activities and what each needs, with sources;
//! 4. `activity`: one activity judged over one slot, fast;
//! 5. `parts` and `confidence`: a score taken apart, and how far its samples carry it;
//! 6. `reading`: how JSON and TOML become these types, all errors at once.

pub mod activity;
pub mod aim;
pub mod bead;
pub mod bnetza;
pub mod catalogue;
pub mod confidence;
pub mod emodel;
pub mod iqb;
pub mod ofcom;
pub mod parts;
pub mod qoo;
pub(crate) mod reading;
pub mod rpm;
pub mod sla;
pub mod units;

pub use reading::Refusal;
pub use units::NotEnoughData;
