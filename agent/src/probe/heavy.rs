//! What the heavier tests share: whom they ask, how much they may use, how they
//! are told to stop, and how they end.
//!
//! A test counts every byte into its link's [`Spending`] while it runs, so that
//! what the household uses meanwhile can be told from it at any time.

use std::sync::Arc;
use std::time::Duration;

use hearth_proto::{Cause, Family, Figures, Own};
use reqwest::Url;
use tokio::sync::watch;

use super::outlet::Outlet;
use crate::link::spending::Spending;

/// A server of tests: draft-ietf-ippm-responsiveness' discovery document is at
/// its well-known path.
#[derive(Debug, Clone)]
pub struct TestServer {
    /// `https://HOST[:PORT]`.
    pub url: Url,
    /// A further authority to trust, in PEM.
    pub ca_pem: Option<Arc<[u8]>>,
    /// DNS servers of the link, for a name; empty: the system's way.
    pub resolvers: Arc<[std::net::SocketAddr]>,
}

/// What a test may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of both directions together, headers included.
    pub bytes: u64,
    /// Time of one direction's load.
    pub time: Duration,
}

/// What a test needs.
#[derive(Debug, Clone)]
pub struct Means {
    /// By which link.
    pub outlet: Outlet,
    /// Whom to ask.
    pub server: TestServer,
    /// In which IP version; `None`: whichever connects first, IPv6 preferred.
    pub family: Option<Family>,
    /// How much at most.
    pub limits: Limits,
    /// Where it counts what it uses.
    pub spending: Arc<Spending>,
    /// Turns true when it must end at once: the household needs the line.
    pub give_way: watch::Receiver<bool>,
}

/// Told while a test runs, for a person to see.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// Which direction is loaded; `None`: neither yet.
    pub direction: Option<Direction>,
    /// How long the test has run.
    pub after: Duration,
    /// Payload bit/s over the last interval.
    pub goodput_bps: u64,
    /// Connections that bear the load.
    pub flows: u32,
    /// RPM so far, where there is any.
    pub rpm: Option<u32>,
}

/// A direction of the load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Towards the home.
    Down,
    /// From the home.
    Up,
}

/// How a test that was begun ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Ended {
    /// The IP version used, once that was known.
    pub family: Option<Family>,
    /// What it cost, headers included.
    pub cost: Own,
    /// Its figures, or why there are none.
    pub result: Result<Figures, TestError>,
}

/// Why a test gave no figures.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TestError {
    /// It was told to give way.
    #[error("gave way to the household")]
    GaveWay,
    /// It failed.
    #[error("{why}")]
    Failed {
        /// By this cause.
        cause: Cause,
        /// For a person: what failed, at which step, with its own causes.
        why: String,
    },
}
