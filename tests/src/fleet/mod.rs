//! Virtual households: what their links did is scripted, what their agents
//! report is drawn from the link models and sent over the real wire.
//!
//! Read in this order: [`script`] (what happens to the home: the truth),
//! [`household`] (the truth seen through an agent's probes, as records), [`send`]
//! (records through the collector's door) or `told` (as its judge reads them), [`truth`] (what an honest ledger must
//! say of them), [`verify`] (whether it does), [`seeded`] (homes by the hundred), [`cli`].

pub mod cli;
pub mod household;
pub mod script;
pub mod seeded;
pub mod send;
mod told;
pub mod truth;
pub mod verify;
