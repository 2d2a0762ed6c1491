//! What is accepted. Pure: text and variables in, a configuration or all its
//! problems out.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hearth_proto::{SlotLength, Technology, Vantage};

use super::error::{ConfigErrors, Fault, Problem};
use super::section::Section;
use super::source::{Value, merge};
use super::value::{Collector, HostPort, STAMP_PORT, TlsFiles, http_url, is_loopback, resolver};
use super::{
    Config, DEFAULT_STATE_DIR, LinkConfig, LinkSettings, Pace, RadioSource, StampSettings,
    TestSettings, TimestampFormat,
};

const ID: &str = "1 to 63 characters of a-z, 0-9 and '-', not at either end";
const COLLECTOR: &str = "a URL: https://HOST[:PORT] with [tls] ca, cert and key, or http://HOST[:PORT] to a loopback \
     address; to another only with insecure = true";
const INTERFACE: &str = "an interface's name: 1 to 15 bytes without '/', ':' or white space";

/// Parses a whole configuration. `path` is named in the problems.
///
/// # Errors
/// All problems, in the order of the file, those of the environment last.
pub fn parse(
    text: &str,
    path: &Path,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<Config, ConfigErrors> {
    let (config, mut problems) = read(text, path, environment)?;
    problems.sort_by(|a, b| a.origin.cmp(&b.origin));
    match config {
        Some(config) if problems.is_empty() => Ok(config),
        _ => Err(ConfigErrors(problems)),
    }
}

/// Parses a configuration for what it says of links: keys that `run` needs may
/// be missing, but none may be wrong.
///
/// # Errors
/// As [`parse`].
pub fn parse_links(
    text: &str,
    path: &Path,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<LinkSettings, ConfigErrors> {
    let mut root = Section::root(merge(text, path, environment)?, path);
    let links = whole(&mut root).links;
    let mut problems = root.finish();
    problems.retain(|problem| {
        let only_for_run = ["household", "collector"].contains(&problem.key.as_str());
        !(only_for_run && matches!(problem.fault, Fault::Missing { .. }))
    });
    problems.sort_by(|a, b| a.origin.cmp(&b.origin));
    if problems.is_empty() { Ok(links) } else { Err(ConfigErrors(problems)) }
}

fn read(
    text: &str,
    path: &Path,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<(Option<Config>, Vec<Problem>), ConfigErrors> {
    let mut root = Section::root(merge(text, path, environment)?, path);
    let read = whole(&mut root);
    Ok((read.config(), root.finish()))
}

/// A configuration of which the needed parts may be missing.
struct Read {
    household: Option<hearth_proto::HouseholdId>,
    agent: Option<hearth_proto::AgentId>,
    vantage: Vantage,
    collector: Option<Collector>,
    reflector: Option<HostPort>,
    targets: Vec<super::Target>,
    state_dir: PathBuf,
    spool_path: Option<PathBuf>,
    spool_max_bytes: u64,
    slot: SlotLength,
    pace: Pace,
    tests: TestSettings,
    stamp: StampSettings,
    metrics: Option<SocketAddr>,
    status_socket: Option<PathBuf>,
    links: LinkSettings,
}

impl Read {
    fn config(self) -> Option<Config> {
        Some(Config {
            household: self.household?,
            agent: self.agent,
            vantage: self.vantage,
            collector: self.collector?,
            reflector: self.reflector,
            targets: self.targets,
            spool_path: self.spool_path.unwrap_or_else(|| self.state_dir.join("spool.sqlite")),
            status_socket: self.status_socket.unwrap_or_else(|| self.state_dir.join("agent.sock")),
            state_dir: self.state_dir,
            spool_max_bytes: self.spool_max_bytes,
            slot: self.slot,
            pace: self.pace,
            tests: self.tests,
            stamp: self.stamp,
            metrics: self.metrics,
            links: self.links,
            wording: super::Wording::default(),
        })
    }
}

fn whole(root: &mut Section) -> Read {
    let usual = Pace::default();
    let household = root.text("household", ID);
    root.need("household", ID);
    Read {
        household,
        agent: root.text("agent", ID),
        vantage: root
            .value("vantage", "\"router\" or \"device\"", |v| match v.text()? {
                "router" => Some(Vantage::Router),
                "device" => Some(Vantage::Device),
                _ => None,
            })
            .unwrap_or_default(),
        collector: collector(root),
        reflector: root.value("reflector", "HOST or HOST:PORT", |v| {
            HostPort::parse(v.text()?, Some(STAMP_PORT)).ok()
        }),
        targets: root.list("targets", "HOST, HOST:PORT, http://… or https://…", |v| {
            v.text()?.parse().ok()
        }),
        state_dir: root.path("state_dir").unwrap_or_else(|| DEFAULT_STATE_DIR.into()),
        spool_path: root.path("spool_path"),
        spool_max_bytes: root
            .integer("spool_max_bytes", 1 << 20..=1 << 40, "in bytes")
            .unwrap_or(64 << 20),
        slot: root
            .integer("slot_ms", 1_000..=900_000, "in milliseconds")
            .and_then(|ms| SlotLength::try_from(u32::try_from(ms).ok()?).ok())
            .unwrap_or(SlotLength::MINUTE),
        pace: Pace {
            stamp: root.pace("interval_ms", 100..=60_000).unwrap_or(usual.stamp),
            gateway: root.pace("gateway_interval_ms", 100..=60_000).unwrap_or(usual.gateway),
            slow: root.pace("slow_interval_ms", 1_000..=3_600_000).unwrap_or(usual.slow),
        },
        tests: tests(root),
        stamp: stamp(root),
        metrics: root.text("metrics", "an address with a port, as 127.0.0.1:9620 or [::1]:9620"),
        status_socket: root.path("status_socket"),
        links: LinkSettings {
            resolvers: root.list("resolvers", "an address, with :PORT unless it is 53", |v| {
                resolver(v.text()?)
            }),
            radio: root
                .value("radio", "\"auto\", \"modemmanager\", \"ubus\" or \"off\"", |v| {
                    match v.text()? {
                        "auto" => Some(RadioSource::Auto),
                        "modemmanager" => Some(RadioSource::ModemManager),
                        "ubus" => Some(RadioSource::Ubus),
                        "off" => Some(RadioSource::Off),
                        _ => None,
                    }
                })
                .unwrap_or_default(),
            links: links(root),
        },
    }
}

fn collector(root: &mut Section) -> Option<Collector> {
    let insecure = root.boolean("insecure").unwrap_or(false);
    let tls = root.section("tls", |tls| {
        let files = [("ca", "the authority's"), ("cert", "the agent's"), ("key", "the agent's")]
            .map(|(key, whose)| {
                let accepted = format!("an absolute path to {whose} {key} in PEM");
                let path = tls.value(key, &accepted, Value::absolute_path);
                tls.need(key, &accepted);
                path
            });
        let [ca, cert, key] = files;
        Some(TlsFiles { ca: ca?, cert: cert?, key: key? })
    });
    let tls_given = root.given("tls");
    let url = root.value("collector", COLLECTOR, |v| {
        let url = http_url(v.text()?)?;
        let acceptable = match url.scheme() {
            "https" => tls_given,
            _ => insecure || is_loopback(&url),
        };
        acceptable.then_some(url)
    });
    root.need("collector", COLLECTOR);
    let url = url?;
    if url.scheme() == "https" {
        Some(Collector::MutualTls(url, tls?))
    } else {
        Some(Collector::Plain(url))
    }
}

/// From 10 minutes to a month, in seconds; 0: never.
const TEST_EVERY: &str = "0 (never) or 600 to 2678400, in seconds";
const BUDGET: std::ops::RangeInclusive<u64> = 1..=1_000_000;

fn tests(root: &mut Section) -> TestSettings {
    let usual = TestSettings::default();
    let read = root.section("tests", |tests| {
        let server = tests.value("server", "a URL: https://HOST[:PORT]", |v| {
            http_url(v.text()?).filter(|url| url.scheme() == "https")
        });
        let ca = tests.path("ca");
        let mut every = |key, usual| match tests.value(key, TEST_EVERY, |v| match v.integer()? {
            0 => Some(None),
            s => u64::try_from(s)
                .ok()
                .filter(|s| (600..=2_678_400).contains(s))
                .map(|s| Some(Duration::from_secs(s))),
        }) {
            Some(every) => every,
            None => usual,
        };
        let responsiveness_every = every("responsiveness_every_s", usual.responsiveness_every);
        let capacity_every = every("capacity_every_s", usual.capacity_every);
        let mut budget = |key, usual| match tests.integer(key, BUDGET, "in MB a month") {
            Some(mb) => Some(mb * 1_000_000),
            None => usual,
        };
        let budget = super::Budgets {
            metered: budget("metered_budget_mb", usual.budget.metered),
            unmetered: budget("budget_mb", usual.budget.unmetered),
        };
        Some(TestSettings { server, ca, responsiveness_every, capacity_every, budget })
    });
    read.unwrap_or_default()
}

fn stamp(root: &mut Section) -> StampSettings {
    let read = root.section("stamp", |stamp| {
        Some(StampSettings {
            key_file: stamp.path("key_file"),
            timestamps: stamp
                .value("timestamps", "\"ntp\" or \"ptp\"", |v| match v.text()? {
                    "ntp" => Some(TimestampFormat::Ntp),
                    "ptp" => Some(TimestampFormat::Ptp),
                    _ => None,
                })
                .unwrap_or_default(),
        })
    });
    read.unwrap_or_default()
}

fn links(root: &mut Section) -> Vec<LinkConfig> {
    let mut interfaces = BTreeMap::new();
    let mut names = BTreeMap::new();
    root.tables("link", |link| {
        let interface = link.text("interface", INTERFACE);
        link.need("interface", INTERFACE);
        let name =
            link.text("name", "1 to 32 characters of A-Z, a-z, 0-9, '.', '_', ':', '@' and '-'");
        let technologies = Technology::ALL.map(Technology::name).join(", ");
        let technology = link.text("technology", &technologies);
        let enabled = link.boolean("enabled").unwrap_or(true);
        let metered = link.boolean("metered");
        let plan = link.value("plan", "1 to 100 characters", |v| {
            let text = v.text()?;
            (1..=100).contains(&text.chars().count()).then(|| text.to_owned())
        });
        let budget_bytes_per_month =
            link.integer("budget_mb", BUDGET, "in MB a month").map(|mb| mb * 1_000_000);
        // Only once every key was asked for, so that all problems are told.
        let config = LinkConfig {
            interface: interface?,
            name,
            technology,
            enabled,
            metered,
            plan,
            budget_bytes_per_month,
        };
        link.once(&mut interfaces, "interface", config.interface.to_string());
        let shown = config.name.clone().unwrap_or_else(|| config.interface.to_link_name());
        let key = if config.name.is_some() { "name" } else { "interface" };
        link.once(&mut names, key, shown.to_string());
        Some(config)
    })
}
