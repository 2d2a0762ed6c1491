//! What the running agent is doing, told to whoever asks.
//!
//! [`crate::run::status`] says what there is to tell; [`socket`] tells it over a
//! local socket to `hearth-agent status`, [`text`] (pure) puts it in words for a
//! person, [`metrics`] (pure) as Prometheus reads it, and [`scrape`] serves that
//! over HTTP where the user asked for it.

pub mod metrics;
pub mod scrape;
pub mod socket;
pub mod text;

#[cfg(test)]
pub(crate) mod sample;
