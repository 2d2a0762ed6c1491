//! Measures every link of a home and streams the results to a collector.

pub mod config;
pub mod link;
