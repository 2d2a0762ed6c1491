//! The programs under test: where they are, how they are called, and what
//! stands in their configuration. Nothing else knows their flags.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail, ensure};

use super::net::{REFLECTOR_PORT, SERVICE_V4};
use super::netns::Netns;
use super::scenario::Scenario;
use super::truth::Interval;

/// The household the agent enrols in.
pub const HOUSEHOLD: &str = "lab";
/// The agent's name.
pub const AGENT: &str = "lab-agent";
/// The collector's door for agents.
pub const COLLECTOR_PORT: u16 = 7411;

/// Between two DNS, TCP or HTTP probes.
const SLOW_MS: i64 = 5000;
const AGENT_BIN: &str = "hearth-agent";
const COLLECTOR_BIN: &str = "hearth-collector";
/// Names a folder with both programs.
pub const BIN_DIR_VARIABLE: &str = "HEARTH_BIN_DIR";

/// A program that no crate of the workspace builds, or not in this folder.
#[derive(Debug, thiserror::Error)]
#[error("program {}: not there", .0.display())]
pub struct NotThere(PathBuf);

/// Nothing sets one program's clock wrong here.
#[derive(Debug, thiserror::Error)]
#[error("libfaketime is not there: it is in the Debian package libfaketime")]
pub struct NoFakeClock;

/// Debian's libfaketime, which stands between one program and the wall clock.
pub fn fake_clock() -> Result<PathBuf, NoFakeClock> {
    let folders = std::fs::read_dir("/usr/lib").map_err(|_| NoFakeClock)?;
    // In the architecture's own folder.
    folders
        .filter_map(|folder| Some(folder.ok()?.path().join("faketime/libfaketime.so.1")))
        .find(|library| library.is_file())
        .ok_or(NoFakeClock)
}

/// The programs' paths.
#[derive(Clone, Debug)]
pub struct Programs {
    agent: PathBuf,
    collector: PathBuf,
}

impl Programs {
    /// From `bin_dir`, else from `$HEARTH_BIN_DIR`, else built by cargo in this
    /// executable's own profile and taken from its target folder.
    pub fn find(bin_dir: Option<&Path>) -> anyhow::Result<Self> {
        let given = bin_dir
            .map(Path::to_owned)
            .or_else(|| std::env::var_os(BIN_DIR_VARIABLE).map(PathBuf::from));
        let folder = match given {
            Some(folder) => folder,
            None => build()?,
        };
        let programs =
            Self { agent: folder.join(AGENT_BIN), collector: folder.join(COLLECTOR_BIN) };
        for path in [&programs.agent, &programs.collector] {
            ensure!(path.is_file(), NotThere(path.clone()));
        }
        Ok(programs)
    }

    /// The same with another build of the agent.
    ///
    /// # Errors
    /// Where it is not there.
    pub fn with_agent(self, agent: &Path) -> anyhow::Result<Self> {
        // Others start it from folders of their own.
        let agent = agent.canonicalize().map_err(|_| NotThere(agent.to_owned()))?;
        Ok(Self { agent, ..self })
    }

    /// The collector, with its data in `data`.
    pub fn serve(&self, core: &Netns, data: &Path) -> Command {
        self.serve_at(core, data, (SERVICE_V4, COLLECTOR_PORT).into())
    }

    /// The same, where it listens for agents at `listen`.
    pub fn serve_at(&self, core: &Netns, data: &Path, listen: SocketAddr) -> Command {
        let mut command = core.command(&self.collector);
        command
            .arg("serve")
            .arg("--data")
            .arg(data)
            .args(["--insecure-listen", &listen.to_string()])
            .arg("--no-console");
        command
    }

    /// The reflector, on every address of the core.
    pub fn reflector(&self, core: &Netns) -> Command {
        let mut command = core.command(&self.collector);
        command
            .args(["reflector", "--listen", &format!("0.0.0.0:{REFLECTOR_PORT}")])
            .args(["--listen", &format!("[::]:{REFLECTOR_PORT}")]);
        command
    }

    /// The server of responsiveness tests at `listen`, with a certificate made for it;
    /// what clients trust goes to `ca`.
    pub fn test_server_at(&self, at: &Netns, listen: SocketAddr, ca: &Path) -> Command {
        let mut command = at.command(&self.collector);
        command
            .args(["responsiveness", "--listen", &listen.to_string()])
            // A link that nothing shapes moves more in an hour than a household may.
            .args(["--max-gigabytes-per-hour", "100000"])
            .arg("--self-signed-cert-out")
            .arg(ca);
        command
    }

    /// Measures responsiveness by `link` in one direction, or both, and prints JSON.
    pub fn measure_responsiveness(
        &self,
        from: &Netns,
        link: &str,
        server: SocketAddr,
        ca: &Path,
        direction: &str,
    ) -> Command {
        let mut command = from.command(&self.agent);
        command
            .args(["measure", "responsiveness", "--json", "--interface", link])
            .args(["--direction", direction, "--server", &format!("https://{server}"), "--ca"])
            .arg(ca);
        command
    }

    /// The server of heavier tests; what its clients must trust goes to `authority`.
    pub fn test_server(&self, core: &Netns, port: u16, authority: &Path) -> Command {
        self.test_server_at(core, (SERVICE_V4, port).into(), authority)
    }

    /// A command of the collector on its data.
    pub fn collector(&self, arguments: &[&str], data: &Path) -> Command {
        let mut command = Command::new(&self.collector);
        command.args(arguments).arg("--data").arg(data);
        command
    }

    /// Measures `count` round trips to the reflector by `interface`, as JSON.
    pub fn latency(&self, home: &Netns, interface: &str, count: u32, interval_ms: u32) -> Command {
        let mut command = home.command(&self.agent);
        command
            .args(["measure", "latency", "--protocol", "stamp", "--json"])
            .args(["--target", &format!("{SERVICE_V4}:{REFLECTOR_PORT}")])
            .args(["--interface", interface])
            .args(["--count", &count.to_string(), "--interval", &interval_ms.to_string()]);
        command
    }

    /// Asks the reflector once from within its own namespace.
    pub fn latency_within(&self, core: &Netns) -> Command {
        let mut command = core.command(&self.agent);
        command
            .args(["measure", "latency", "--protocol", "stamp", "--json", "--count", "1"])
            .args(["--target", &format!("{SERVICE_V4}:{REFLECTOR_PORT}")]);
        command
    }

    /// The agent, configured by the file.
    pub fn agent(&self, home: &Netns, config: &Path) -> Command {
        let mut command = home.command(&self.agent);
        command.arg("run").arg("--config").arg(config);
        command
    }

    /// The same, whose wall clock is off by what stands in the file `off` while it runs:
    /// seconds, with their sign. Its monotonic clocks are the machine's.
    pub fn agent_by(
        &self,
        home: &Netns,
        config: &Path,
        off: &Path,
    ) -> Result<Command, NoFakeClock> {
        let library = fake_clock()?;
        let mut command = self.agent(home, config);
        command
            .env("LD_PRELOAD", library)
            .env("FAKETIME_TIMESTAMP_FILE", off)
            .env("FAKETIME_NO_CACHE", "1")
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            .env("FAKETIME_DISABLE_SHM", "1");
        Ok(command)
    }

    /// What the agent with this state folder says of itself, as JSON.
    pub fn status(&self, state: &Path) -> Command {
        let mut command = Command::new(&self.agent);
        command.args(["status", "--json", "--socket"]).arg(state.join("agent.sock"));
        command
    }

    /// Prints the household's `profile`, `gaps` or `ledger` over `span` as JSON.
    pub fn report(&self, what: &str, data: &Path, span: Interval) -> Command {
        let mut command = Command::new(&self.collector);
        command.args([what, HOUSEHOLD, "--json", "--data"]).arg(data);
        command.arg("--from").arg(rfc3339(span.from_unix_ms));
        command.arg("--to").arg(rfc3339(span.until_unix_ms));
        command
    }
}

fn rfc3339(unix_ms: i64) -> String {
    jiff::Timestamp::from_millisecond(unix_ms)
        .map_or_else(|_| unix_ms.to_string(), |t| t.to_string())
}

/// The agent's configuration for a scenario.
pub fn agent_config(scenario: &Scenario, state: &Path) -> String {
    let mut table = toml::Table::new();
    let mut set = |key: &str, value: toml::Value| table.insert(key.to_owned(), value);
    set("household", HOUSEHOLD.into());
    set("agent", AGENT.into());
    set("collector", format!("http://{SERVICE_V4}:{COLLECTOR_PORT}").into());
    set("reflector", format!("{SERVICE_V4}:{REFLECTOR_PORT}").into());
    set("insecure", true.into());
    set("state_dir", state.to_string_lossy().into_owned().into());
    set("gateway_interval_ms", (scenario.interval_ms as i64).into());
    set("slow_interval_ms", SLOW_MS.into());
    set("slot_ms", (scenario.slot_ms as i64).into());
    set("interval_ms", (scenario.interval_ms as i64).into());
    let links = scenario.links.iter().map(|link| {
        let mut table = toml::Table::new();
        table.insert("interface".into(), link.name.as_str().into());
        table.insert("name".into(), link.name.as_str().into());
        table.insert("technology".into(), link.technology.name().into());
        // All are to be probed alike.
        table.insert("metered".into(), false.into());
        toml::Value::Table(table)
    });
    set("link", toml::Value::Array(links.collect()));
    table.to_string()
}

/// Builds both programs in this executable's profile; the folder they are in.
fn build() -> anyhow::Result<PathBuf> {
    let exe = std::env::current_exe().context("this executable's path")?;
    // target/<profile>/lab or target/<profile>/deps/lab-<hash>.
    let folder = exe
        .ancestors()
        .skip(1)
        .find(|folder| folder.file_name().is_some_and(|name| name != "deps"))
        .context("this executable's folder")?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let mut command = Command::new(cargo);
    command
        .args(["build", "--quiet", "-p", "hearth-agent", "-p", "hearth-collector", "--bins"])
        .arg("--manifest-path")
        .arg(manifest);
    let profile = folder.file_name().unwrap_or_default();
    if profile != "debug" {
        command.arg("--profile").arg(profile);
    }
    if let Some(target) = folder.parent() {
        command.arg("--target-dir").arg(target);
    }
    let status = command.status().context("cargo build")?;
    if !status.success() {
        bail!("cargo build of the programs failed: {status}");
    }
    Ok(folder.to_owned())
}
