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

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hearth_proto::{AgentId, HouseholdId, LinkName, SlotLength, Technology, Vantage};
use reqwest::Url;

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
    /// Its heavier tests.
    pub tests: TestSettings,
    /// How STAMP is spoken.
    pub stamp: StampSettings,
    /// Where Prometheus may read its metrics; off where not given.
    pub metrics: Option<SocketAddr>,
    /// The socket that `hearth-agent status` asks: in the state folder unless given.
    pub status_socket: PathBuf,
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

/// The heavier tests. Without a server none is run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestSettings {
    /// The server's address: its discovery document is at the well-known path.
    pub server: Option<Url>,
    /// A further authority to trust for the server, in PEM.
    pub ca: Option<PathBuf>,
    /// The mean time between two responsiveness tests on a link that is not
    /// metered; `None`: none but those that are ordered.
    pub responsiveness_every: Option<Duration>,
    /// The mean time between two capacity tests on a metered link.
    pub capacity_every: Option<Duration>,
    /// A month's bound in bytes for a link without one of its own, by whether it is
    /// metered; `None`: no bound.
    pub budget: Budgets,
}

/// A month's bounds in bytes, for links that have none of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budgets {
    /// Of a link whose data costs money.
    pub metered: Option<u64>,
    /// Of any other.
    pub unmetered: Option<u64>,
}

impl Default for TestSettings {
    fn default() -> Self {
        Self {
            server: None,
            ca: None,
            responsiveness_every: Some(Duration::from_secs(24 * 3600)),
            capacity_every: Some(Duration::from_secs(12 * 3600)),
            // STAMP and hops at their metered pace cost 80 MB a month, capacity
            // tests at theirs 120 MB.
            budget: Budgets { metered: Some(300_000_000), unmetered: Some(50_000_000_000) },
        }
    }
}

/// How STAMP is spoken.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StampSettings {
    /// A file with the key that is shared with the reflector, as hexadecimal digits:
    /// with one, packets are authenticated (RFC 8762, HMAC-SHA-256).
    pub key_file: Option<PathBuf>,
    /// The format of time stamps sent.
    pub timestamps: TimestampFormat,
}

/// A time stamp's format (RFC 8762, section 4.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TimestampFormat {
    /// NTP's 64 bits.
    #[default]
    Ntp,
    /// The truncated 64 bits of `PTPv2` (IEEE 1588).
    Ptp,
}

/// Where cellular radios are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RadioSource {
    /// Whichever of the others is there.
    #[default]
    Auto,
    /// ModemManager, over the system's D-Bus.
    ModemManager,
    /// OpenWrt's ubus and uqmi.
    Ubus,
    /// Nowhere.
    Off,
}

/// What `hearth-agent links` and `measure` need; no file has to exist for it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LinkSettings {
    /// What is said of single links.
    pub links: Vec<LinkConfig>,
    /// DNS servers to use on every link, in place of those that the system holds.
    pub resolvers: Vec<SocketAddr>,
    /// Where cellular radios are read.
    pub radio: RadioSource,
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
    /// Whether its data costs money; `None`: it does where the link is a mobile one.
    pub metered: Option<bool>,
    /// The plan it runs on, in the user's words.
    pub plan: Option<String>,
    /// The most bytes a month that measuring it may cost; `None`: as in
    /// [`TestSettings::budget`].
    pub budget_bytes_per_month: Option<u64>,
}

impl LinkSettings {
    /// What is said of the link over an interface.
    pub fn of(&self, interface: &InterfaceName) -> Option<&LinkConfig> {
        self.links.iter().find(|link| link.interface == *interface)
    }

    /// Whether a link's data is taken to cost money: as is said of it, else where it
    /// `is_mobile`. Who pays for each megabyte unawares is not to find out by the bill.
    pub fn is_metered(&self, interface: &InterfaceName, is_mobile: bool) -> bool {
        self.of(interface).and_then(|link| link.metered).unwrap_or(is_mobile)
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
