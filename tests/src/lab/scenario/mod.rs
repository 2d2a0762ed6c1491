//! Scenarios: a home's links, what its household does, and what befalls it.
//!
//! - [`file`]: the TOML file, as written.
//! - [`check`]: its door: every problem is reported at once, and what passes
//!   can't hold a wrong value.

pub mod check;
pub mod file;

use std::path::PathBuf;

use hearth_proto::link::Technology;

use super::emulator::params::{Change, DirectionParams};
use super::emulator::{Direction, Nanos};

/// A checked scenario. Times are from its start.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// The file's name without extension.
    pub name: String,
    /// What it shows, in a sentence.
    pub about: String,
    /// Seed of every random draw.
    pub seed: u64,
    /// Length of the agent's slots in milliseconds.
    pub slot_ms: u64,
    /// Interval of the agent's probes in milliseconds.
    pub interval_ms: u64,
    /// How long it lasts.
    pub duration: Nanos,
    /// The home's links, the preferred one first.
    pub links: Vec<Link>,
    /// The household's own traffic.
    pub traffic: Vec<Traffic>,
    /// What happens, in the order of the file.
    pub script: Vec<Step>,
}

/// One link.
#[derive(Clone, Debug)]
pub struct Link {
    /// Name of the link and of its interface.
    pub name: String,
    /// Access technology.
    pub technology: Technology,
    /// From home to core.
    pub up: DirectionParams,
    /// From core to home.
    pub down: DirectionParams,
}

/// Bulk TCP on one link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Traffic {
    /// Index of the link.
    pub link: usize,
    /// Which way the data goes.
    pub direction: Direction,
    /// Number of connections.
    pub flows: usize,
    /// From when.
    pub from: Nanos,
    /// Until when.
    pub until: Nanos,
}

/// One line of the script.
#[derive(Clone, Debug)]
pub struct Step {
    /// When it begins.
    pub from: Nanos,
    /// When it ends by itself; the scenario's end if the file does not say.
    pub until: Nanos,
    /// What happens.
    pub action: Action,
}

/// What a step does.
#[derive(Clone, Debug)]
pub enum Action {
    /// The links carry nothing in these directions.
    Outage {
        /// Indices of the links.
        links: Vec<usize>,
        /// Which ways.
        directions: Vec<Direction>,
    },
    /// Parameters set anew, for good.
    Change {
        /// Index of the link.
        link: usize,
        /// Which way.
        direction: Direction,
        /// What is set.
        changes: Vec<Change>,
    },
    /// The gateways neither forward nor answer; the lines behind them are well.
    GatewayFail {
        /// Indices of the links.
        links: Vec<usize>,
    },
    /// The gateways do not answer ICMP echo, but forward.
    GatewayMute {
        /// Indices of the links.
        links: Vec<usize>,
    },
    /// The path from the ISP hops to the core is broken.
    CoreFail {
        /// Indices of the links.
        links: Vec<usize>,
    },
    /// The agent's power is cut (SIGKILL), and comes back.
    AgentPowerCut,
    /// The collector is killed (SIGKILL), and started again.
    CollectorKill,
}

/// Why a scenario can't be played.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    /// The file can't be read.
    #[error("scenario {path}: can't be read")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// It isn't TOML, or holds an unknown or missing key.
    #[error("scenario {path}")]
    Toml {
        /// The file.
        path: PathBuf,
        /// Line, key and what is expected.
        source: Box<toml::de::Error>,
    },
    /// Values that are not accepted.
    #[error("scenario {path}:\n  {}", problems.join("\n  "))]
    Values {
        /// The file.
        path: PathBuf,
        /// Each names the field, the value and what is accepted.
        problems: Vec<String>,
    },
}
