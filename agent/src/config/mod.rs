//! The agent's configuration: TOML, overridden by the environment.
//!
//! [`value`] has the types that can't hold a wrong value, `parse` (pure) says
//! what is accepted, by way of `source` (text and environment, merged, with where
//! each value stands) and `section` (a table being read), and [`error`] is what is
//! told of everything that isn't accepted, all at once.
//!
//! A key `a.b` is overridden by the variable `HEARTH_A__B`; a list is written
//! with commas there. The tables `[[link]]` have no variable.

pub mod error;
mod parse;
mod section;
mod source;
pub mod value;

use std::path::{Path, PathBuf};
use std::time::Duration;

use hearth_proto::{AgentId, HouseholdId, LinkName, SlotLength, Technology, Vantage};

pub use error::{ConfigErrors, Fault, Origin, Problem};
pub use parse::{parse, parse_links};
pub use value::{Collector, Host, HostPort, Target, TlsFiles};

use crate::link::InterfaceName;
use crate::link::discover::Selection;

/// Where the configuration is unless `--config` says otherwise.
pub const DEFAULT_PATH: &str = "/etc/hearth/agent.toml";
/// Where the agent keeps its state unless configured.
pub const DEFAULT_STATE_DIR: &str = "/var/lib/hearth";
/// Variables that begin like an override and are none.
pub const RESERVED_VARIABLES: [&str; 2] = ["HEARTH_CONFIG", "HEARTH_LOG"];

/// Everything that `hearth-agent run` needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The home that this agent measures.
    pub household: HouseholdId,
    /// This agent; where not given, the caller makes one and keeps it in the
    /// state folder.
    pub agent: Option<AgentId>,
    /// Where it stands in the home.
    pub vantage: Vantage,
    /// Whom it reports to.
    pub collector: Collector,
    /// The far end of its STAMP probes; without one the reflector isn't probed.
    pub reflector: Option<HostPort>,
    /// Further targets.
    pub targets: Vec<Target>,
    /// Where it keeps its state.
    pub state_dir: PathBuf,
    /// The spool's file: in the state folder unless given.
    pub spool_path: PathBuf,
    /// The spool's bound in bytes.
    pub spool_max_bytes: u64,
    /// The length of a slot.
    pub slot: SlotLength,
    /// How often it probes.
    pub pace: Pace,
    /// What it is told of links and their resolvers.
    pub links: LinkSettings,
    /// How to say that a setting is missing.
    pub wording: Wording,
}

/// What is said of a setting that is missing, in the terms of whoever gives the
/// settings: keys of a file, or a command line's flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wording {
    /// Why nothing is measured by STAMP.
    pub no_reflector: &'static str,
    /// How a reflector is given.
    pub give_reflector: &'static str,
    /// How somebody beyond the home is given.
    pub give_far: &'static str,
    /// How a DNS server is given.
    pub give_resolver: &'static str,
}

impl Default for Wording {
    fn default() -> Self {
        Self {
            no_reflector: "no reflector is configured",
            give_reflector: "set `reflector` in the configuration to the address of one",
            give_far: "set `reflector` or `targets` in the configuration",
            give_resolver: "name one as `resolvers` in the configuration",
        }
    }
}

/// The time between two probes of a kind on one link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// STAMP to the reflector.
    pub stamp: Duration,
    /// ICMP to the gateway.
    pub gateway: Duration,
    /// DNS, TCP connect and HTTP.
    pub slow: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        let second = Duration::from_secs(1);
        Self { stamp: second, gateway: second, slow: 60 * second }
    }
}

/// What `hearth-agent links` and `measure` need; no file has to exist for it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LinkSettings {
    /// What is said of single links.
    pub links: Vec<LinkConfig>,
    /// DNS servers to use on every link, in place of those that the system holds.
    pub resolvers: Vec<std::net::SocketAddr>,
}

/// What is said of one link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkConfig {
    /// Its interface.
    pub interface: InterfaceName,
    /// Its name, else the interface's.
    pub name: Option<LinkName>,
    /// Its technology, else as the system knows it.
    pub technology: Option<Technology>,
    /// Whether it is measured.
    pub enabled: bool,
    /// Whether its data costs money.
    pub metered: bool,
    /// The plan it runs on, in the user's words.
    pub plan: Option<String>,
}

impl LinkSettings {
    /// What is said of the link over an interface.
    pub fn of(&self, interface: &InterfaceName) -> Option<&LinkConfig> {
        self.links.iter().find(|link| link.interface == *interface)
    }

    /// Which interfaces are links, by what names.
    pub fn selection(&self) -> Selection {
        let (enabled, disabled): (Vec<_>, Vec<_>) = self.links.iter().partition(|l| l.enabled);
        let name = |l: &LinkConfig| l.name.clone().unwrap_or_else(|| l.interface.to_link_name());
        Selection {
            named: enabled.into_iter().map(|l| (l.interface.clone(), name(l))).collect(),
            disabled: disabled.into_iter().map(|l| l.interface.clone()).collect(),
        }
    }

    /// From the file, if there is one, and the environment.
    ///
    /// # Errors
    /// All problems found.
    pub fn load(
        path: &Path,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigErrors> {
        match std::fs::read_to_string(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                parse_links("", path, environment)
            }
            text => parse_links(&readable(path, text)?, path, environment),
        }
    }
}

impl Config {
    /// From the file and the environment. The file may be missing where the
    /// environment says all.
    ///
    /// # Errors
    /// All problems found.
    pub fn load(
        path: &Path,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigErrors> {
        match std::fs::read_to_string(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                // What is missing is told with the file that it is missing in.
                parse("", path, environment).map_err(|errors| errors.with_absent_file(path))
            }
            text => parse(&readable(path, text)?, path, environment),
        }
    }
}

fn readable(path: &Path, text: std::io::Result<String>) -> Result<String, ConfigErrors> {
    text.map_err(|error| ConfigErrors::unreadable(path, &error))
}

#[cfg(test)]
mod tests;
