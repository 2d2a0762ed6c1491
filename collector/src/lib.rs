//! Receives what agents measure and judges what works in a home.

pub mod anonymity;
pub mod api;
pub mod areas;
pub mod cli;
pub mod console;
pub mod explain;
pub mod export;
pub mod gaps;
pub mod history;
pub mod homes;
pub mod ingest;
pub mod ledger;
pub mod lock;
mod over_homes;
pub mod plans;
pub mod profile;
pub mod promise;
pub mod qoe;
pub mod quickstart;
pub mod reflector;
pub mod remedies;
pub mod render;
pub mod report;
pub mod responsiveness;
pub mod score;
#[cfg(test)]
mod scripted;
pub mod serve;
pub mod simulate;
pub mod statement;
pub mod store;
pub mod survey;

/// An error with all its causes, for a log line.
pub fn error_chain(e: &dyn std::error::Error) -> String {
    let mut text = e.to_string();
    let mut cause = e.source();
    while let Some(e) = cause {
        text.push_str(": ");
        text.push_str(&e.to_string());
        cause = e.source();
    }
    text
}
