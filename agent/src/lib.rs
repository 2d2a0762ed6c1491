//! Measures every link of a home and streams the results to a collector.

pub mod belief;
pub mod budget;
mod chain;
pub mod cli;
pub mod clock;
pub mod config;
pub mod direction;
pub mod doctor;
pub mod link;
pub mod measure;
pub mod probe;
pub mod run;
pub mod schedule;
pub mod slot;
pub mod spool;
pub mod status;
pub mod uplink;
