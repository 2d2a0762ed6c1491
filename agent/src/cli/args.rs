//! The command line.

use std::fmt::Display;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use hearth_proto::Family;
use hearth_proto::stamp::Format;
use reqwest::Url;

use crate::config::{DEFAULT_PATH, Host, HostPort, Target};
use crate::link::InterfaceName;
use crate::measure::Wanted;
use crate::measure::latency::Protocol;
use crate::probe::dns::{self, PORT};
use crate::probe::path;
use crate::probe::stamp;

/// Measures every link of a home and streams the results to a collector.
#[derive(Debug, Parser)]
#[command(name = "hearth-agent", version)]
pub struct Cli {
    /// The configuration file.
    #[arg(long, global = true, value_name = "FILE", default_value = DEFAULT_PATH, env = "HEARTH_CONFIG")]
    pub config: PathBuf,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Measure all links and report to the collector, until told to stop.
    Run,
    /// Show what the running agent is doing: links, budget, spool, last results.
    Status {
        /// Its socket; else the one that the configuration names.
        #[arg(long, value_name = "FILE")]
        socket: Option<PathBuf>,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Show the links found, and how that is known.
    Links {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// See what keeps the agent from measuring here, and what would help.
    Doctor {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Measure one thing now.
    #[command(subcommand)]
    Measure(Measure),
}

/// What to measure.
#[derive(Debug, Subcommand)]
pub enum Measure {
    /// Round-trip time, its variation, and loss by direction.
    Latency(LatencyArgs),
    /// TCP connect, TLS handshake and HTTP time to first byte, each alone.
    Http(HttpArgs),
    /// A DNS lookup of a name's addresses.
    Dns(DnsArgs),
    /// Goodput, and responsiveness under load, against a test server
    /// (draft-ietf-ippm-responsiveness).
    Responsiveness(ResponsivenessArgs),
    /// What a link carries, with bounds, for 2 MB at most.
    Capacity(CapacityArgs),
    /// The routers on the way, hop by hop.
    Path(PathArgs),
}

/// Of `measure http`.
#[derive(Debug, Args)]
pub struct HttpArgs {
    /// What to ask for: an http or https URL.
    #[arg(value_name = "URL", value_parser = url)]
    pub url: Url,
    /// A certificate authority to trust beside the system's, in PEM.
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// How often and how.
    #[command(flatten)]
    pub pace: Pace,
    /// Where and how.
    #[command(flatten)]
    pub common: Common,
}

/// Of `measure dns`.
#[derive(Debug, Args)]
pub struct DnsArgs {
    /// The name to look up.
    #[arg(value_name = "NAME", value_parser = dns_name)]
    pub name: String,
    /// The server to ask, port 53 unless given; else the first that the system
    /// knows for the interface.
    #[arg(long, value_name = "ADDR[:PORT]", value_parser = server)]
    pub server: Option<SocketAddr>,
    /// Ask for IPv6 addresses (AAAA), as with -6, by either IP version.
    #[arg(long)]
    pub aaaa: bool,
    /// Ask by TCP at once, rather than only where UDP is too small.
    #[arg(long)]
    pub tcp: bool,
    /// How often and how.
    #[command(flatten)]
    pub pace: Pace,
    /// Where and how.
    #[command(flatten)]
    pub common: Common,
}

/// Of `measure responsiveness`.
#[derive(Debug, Args)]
pub struct ResponsivenessArgs {
    /// The test server.
    #[arg(long, value_name = "https://HOST[:PORT]", value_parser = test_server)]
    pub server: Url,
    /// A certificate authority to trust beside the system's, in PEM.
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// Which direction to load; both: down and then up.
    #[arg(long, value_enum, default_value_t = Directions::Both)]
    pub direction: Directions,
    /// The longest that each direction is loaded.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = whole::<u32>(1..=300))]
    pub seconds: u32,
    /// The most that may be used, in millions of bytes, both directions and
    /// headers included; as much as it takes unless given.
    #[arg(long, value_name = "N", value_parser = whole::<u32>(1..=u32::MAX))]
    pub max_mb: Option<u32>,
    /// Where and how.
    #[command(flatten)]
    pub common: Common,
}

/// Of `measure capacity`.
#[derive(Debug, Args)]
pub struct CapacityArgs {
    /// A test server with the discovery document of
    /// draft-ietf-ippm-responsiveness.
    #[arg(long, value_name = "https://HOST[:PORT]", value_parser = test_server)]
    pub server: Url,
    /// A certificate authority to trust beside the system's, in PEM.
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// Where and how.
    #[command(flatten)]
    pub common: Common,
}

/// Directions of the load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Directions {
    /// Towards the home.
    Down,
    /// From the home.
    Up,
    /// One after the other.
    Both,
}

fn test_server(text: &str) -> Result<Url, String> {
    match text.parse() {
        Ok(Target::Http(url)) if url.scheme() == "https" && url.path() == "/" => Ok(url),
        _ => Err("https://HOST[:PORT] is accepted".into()),
    }
}

/// Of the slower measurements.
#[derive(Debug, Args)]
pub struct Pace {
    /// How many times.
    #[arg(long, default_value_t = 5, value_parser = whole::<u32>(1..=100_000))]
    pub count: u32,
    /// Milliseconds from one start to the next.
    #[arg(long, value_name = "MS", default_value_t = 1000, value_parser = whole::<u32>(1..=3_600_000))]
    pub interval: u32,
}

/// A whole number in `range`, with words that say so.
fn whole<N>(range: RangeInclusive<N>) -> impl Fn(&str) -> Result<N, String> + Clone
where
    N: FromStr + PartialOrd + Display + Clone,
{
    move |text| match text.parse() {
        Ok(number) if range.contains(&number) => Ok(number),
        _ => {
            let (least, most) = (range.start(), range.end());
            Err(format!("a whole number from {least} to {most} is accepted"))
        }
    }
}

fn url(text: &str) -> Result<Url, String> {
    match text.parse() {
        Ok(Target::Http(url)) => Ok(url),
        _ => Err("an http or https URL without a password in it is accepted".into()),
    }
}

fn dns_name(text: &str) -> Result<String, String> {
    dns::Question::addresses(text, Family::V4).map_err(|e| e.to_string())?;
    Ok(text.to_owned())
}

fn server(text: &str) -> Result<SocketAddr, String> {
    match HostPort::parse(text, Some(PORT)) {
        Ok(HostPort { host: Host::Ip(ip), port }) => Ok((ip, port).into()),
        _ => Err("an address is accepted, with or without a port".into()),
    }
}

/// Of `measure latency`.
#[derive(Debug, Args)]
pub struct LatencyArgs {
    /// stamp (against a reflector) or icmp.
    #[arg(long, value_enum, default_value_t = Protocol::Stamp)]
    pub protocol: Protocol,
    /// Whom to ask. The port is STAMP's, 862 unless given.
    #[arg(long, value_name = "HOST[:PORT]")]
    pub target: String,
    /// How many probes.
    #[arg(long, default_value_t = 10, value_parser = whole::<u32>(1..=1_000_000))]
    pub count: u32,
    /// Milliseconds between two probes.
    #[arg(long, value_name = "MS", default_value_t = 1000, value_parser = whole::<u32>(1..=3_600_000))]
    pub interval: u32,
    /// STAMP with an HMAC of this key, shared with the reflector: a file of 32 to
    /// 128 hexadecimal digits that not everyone may read.
    #[arg(long, value_name = "FILE")]
    pub key_file: Option<PathBuf>,
    /// STAMP's timestamps as sent: ntp or ptp. Replies may be in either.
    #[arg(long, value_name = "FORMAT", default_value = "ntp", value_parser = timestamps)]
    pub timestamps: Format,
    /// Octets of UDP payload of each STAMP probe, filled with extra padding: 44 (112
    /// with a key) unless given.
    #[arg(long, value_name = "OCTETS")]
    pub size: Option<u32>,
    /// Where and how.
    #[command(flatten)]
    pub common: Common,
}

fn timestamps(text: &str) -> Result<Format, String> {
    match text {
        "ntp" => Ok(Format::Ntp),
        "ptp" => Ok(Format::Ptp),
        _ => Err("ntp or ptp is accepted".into()),
    }
}

impl LatencyArgs {
    /// How STAMP is spoken; reads the key file.
    ///
    /// # Errors
    /// What is accepted.
    pub fn stamp(&self) -> Result<stamp::Settings, String> {
        let asked = self.key_file.is_some() || self.size.is_some();
        if self.protocol != Protocol::Stamp && asked {
            return Err("--key-file and --size are for --protocol stamp".into());
        }
        stamp::Settings::new(self.key_file.as_deref(), self.timestamps, self.size)
            .map_err(|error| format!("{:#}", anyhow::Error::from(error)))
    }

    /// The time between two probes.
    pub fn interval(&self) -> Duration {
        Duration::from_millis(self.interval.into())
    }

    /// The target; its port means nothing to ICMP.
    ///
    /// # Errors
    /// What is accepted.
    pub fn host_port(&self) -> Result<HostPort, String> {
        target(&self.target, hearth_proto::stamp::PORT)
    }
}

/// Of `measure path`.
#[derive(Debug, Args)]
pub struct PathArgs {
    /// Whom to find the way to. The port is one where nobody listens, 33434 unless
    /// given.
    #[arg(long, value_name = "HOST[:PORT]")]
    pub target: String,
    /// The farthest hop to ask.
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = whole::<u8>(1..=64))]
    pub max_ttl: u8,
    /// How often to ask each hop.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = whole::<u32>(1..=10_000))]
    pub count: u32,
    /// Milliseconds between two probes to the same hop: routers answer about one a
    /// second.
    #[arg(long, value_name = "MS", default_value_t = 1000, value_parser = whole::<u32>(1..=3_600_000))]
    pub interval: u32,
    /// Where and how.
    #[command(flatten)]
    pub common: Common,
}

impl PathArgs {
    /// The target.
    ///
    /// # Errors
    /// What is accepted.
    pub fn host_port(&self) -> Result<HostPort, String> {
        target(&self.target, path::PORT)
    }
}

fn target(text: &str, usual: u16) -> Result<HostPort, String> {
    HostPort::parse(text, Some(usual)).map_err(|_| {
        format!(
            "--target {text:?} is not accepted: a host name or an address, with or without \
             a port (an IPv6 address with a port stands in brackets)"
        )
    })
}

/// Of all measurements.
#[derive(Debug, Args)]
pub struct Common {
    /// Leave by this interface and no other.
    #[arg(long, value_name = "IF", value_parser = interface)]
    pub interface: Option<InterfaceName>,
    /// One JSON object instead of lines.
    #[arg(long)]
    pub json: bool,
    /// By IPv4 only.
    #[arg(short = '4', long, conflicts_with = "ipv6")]
    pub ipv4: bool,
    /// By IPv6 only.
    #[arg(short = '6', long)]
    pub ipv6: bool,
}

impl Common {
    /// The IP version, if only one is wanted.
    pub fn family(&self) -> Option<Family> {
        match self.wanted() {
            Wanted::Any => None,
            Wanted::V4 => Some(Family::V4),
            Wanted::V6 => Some(Family::V6),
        }
    }

    /// Which IP versions are wanted.
    pub fn wanted(&self) -> Wanted {
        match (self.ipv4, self.ipv6) {
            (true, _) => Wanted::V4,
            (_, true) => Wanted::V6,
            _ => Wanted::Any,
        }
    }
}

fn interface(text: &str) -> Result<InterfaceName, String> {
    text.parse().map_err(|e: crate::link::InterfaceNameError| e.to_string())
}

#[cfg(test)]
#[path = "args_tests.rs"]
mod tests;
