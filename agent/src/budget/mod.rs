//! What measuring a link may cost in a month, what it has cost, and what is shed as
//! the budget runs short. Pure: time is passed in.
//!
//! Read in this order: [`month`] (UTC months), [`ledger`] (what was spent on what)
//! and [`policy`] (how much detail what is left affords).

pub mod ledger;
pub mod month;
pub mod policy;

pub use ledger::{Account, Terms};
pub use month::Month;
