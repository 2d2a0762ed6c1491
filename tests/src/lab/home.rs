//! A home with one line whose agent tests it at an operator's order: collector,
//! reflector, test server and agent, each a program of its own.
#![expect(clippy::disallowed_methods, reason = "programs are waited for in real time")]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};

use super::emulator::params::DirectionParams;
use super::net::{LinkPlan, Network, REFLECTOR_PORT, SERVICE_V4};
use super::process::{Process, pass};
use super::programs::{AGENT, COLLECTOR_PORT, HOUSEHOLD, Programs};

/// The line's name.
pub const LINK: &str = "wan";
const TEST_PORT: u16 = 8621;
/// How long a program or an ordered test may take.
const PATIENCE: Duration = Duration::from_secs(120);
const GLANCE: Duration = Duration::from_millis(20);

/// A running home. Everything ends when this is dropped.
pub struct Home<'a> {
    /// Its network.
    pub network: Network,
    programs: &'a Programs,
    data: PathBuf,
    state: PathBuf,
    processes: Vec<Process>,
}

/// Bytes since the interface was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Carried {
    /// Received.
    pub rx: u64,
    /// Sent.
    pub tx: u64,
}

impl<'a> Home<'a> {
    /// Starts it, with what it writes in `folder`. Returns once the collector knows the
    /// home.
    pub fn start(
        programs: &'a Programs,
        up: DirectionParams,
        down: DirectionParams,
        folder: &Path,
    ) -> anyhow::Result<Self> {
        let network = Network::build(vec![LinkPlan { name: LINK.to_owned(), up, down }], 1)?;
        let data = folder.join("data");
        fs::create_dir_all(&data)?;
        let authority = folder.join("tests-ca.pem");
        let core = network.core();
        let mut processes = vec![
            Process::start("collector", programs.serve(core, &data), folder)?,
            Process::start("reflector", programs.reflector(core), folder)?,
            Process::start("tests", programs.test_server(core, TEST_PORT, &authority), folder)?,
        ];
        let deadline = Instant::now() + PATIENCE;
        while !authority.is_file() {
            processes.iter_mut().try_for_each(Process::check)?;
            ensure!(Instant::now() < deadline, "the test server wrote no certificate");
            std::thread::park_timeout(GLANCE);
        }
        let (config, state) = (folder.join("agent.toml"), folder.join("agent"));
        fs::write(
            &config,
            format!(
                "household = \"{HOUSEHOLD}\"\nagent = \"{AGENT}\"\nvantage = \"router\"\n\
                 insecure = true\ncollector = \"http://{SERVICE_V4}:{COLLECTOR_PORT}\"\n\
                 reflector = \"{SERVICE_V4}:{REFLECTOR_PORT}\"\nstate_dir = \"{}\"\n\
                 [tests]\nserver = \"https://{SERVICE_V4}:{TEST_PORT}\"\nca = \"{}\"\n",
                state.display(),
                authority.display(),
            ),
        )?;
        processes.push(Process::start("agent", programs.agent(network.home(), &config), folder)?);
        let mut home = Self { network, programs, data, state, processes };
        home.wait_for_household()?;
        Ok(home)
    }

    fn wait_for_household(&mut self) -> anyhow::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let shown = self.programs.collector(&["households", "--json"], &self.data).output()?;
            if String::from_utf8_lossy(&shown.stdout).contains(LINK) {
                return Ok(());
            }
            ensure!(Instant::now() < deadline, "the agent never reported");
            self.processes.iter_mut().try_for_each(Process::check)?;
            std::thread::park_timeout(Duration::from_millis(200));
        }
    }

    /// Has the line's interface be handed whole packets, one by one, as they go on the
    /// wire: what it then counts is what a card's own counters say.
    pub fn segment_in_software(&self) -> anyhow::Result<()> {
        Ok(self.network.home().batch(&format!("link set dev {LINK} gso_max_segs 1\n"))?)
    }

    /// Orders a responsiveness test.
    pub fn order(&self) -> anyhow::Result<()> {
        let arguments = ["run-now", HOUSEHOLD, "--kind", "responsiveness", "--by", "lab"];
        let said = self.programs.collector(&arguments, &self.data).output()?;
        ensure!(said.status.success(), "run-now: {}", String::from_utf8_lossy(&said.stderr));
        Ok(())
    }

    /// The last order as the collector's `orders --json` has it, once its test has ended.
    pub fn ended(&mut self) -> anyhow::Result<serde_json::Value> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let shown = self.programs.collector(&["orders", "--json"], &self.data).output()?;
            let orders: serde_json::Value = serde_json::from_slice(&shown.stdout)
                .with_context(|| String::from_utf8_lossy(&shown.stderr).into_owned())?;
            let list = orders["orders"].as_array().or(orders.as_array());
            let last = list.and_then(|l| l.iter().max_by_key(|o| o["order"].as_u64()));
            let last = last.context("no order is known")?;
            if !matches!(last["state"].as_str().unwrap_or_default(), "queued" | "sent") {
                return Ok(last.clone());
            }
            if Instant::now() > deadline {
                bail!("no test ended: {last}");
            }
            self.processes.iter_mut().try_for_each(Process::check)?;
            std::thread::park_timeout(Duration::from_millis(200));
        }
    }

    /// The line's status as the agent tells it.
    pub fn status(&self) -> anyhow::Result<serde_json::Value> {
        let shown = self.programs.status(&self.state).output()?;
        let status: serde_json::Value = serde_json::from_slice(&shown.stdout)
            .with_context(|| String::from_utf8_lossy(&shown.stderr).into_owned())?;
        Ok(status["links"][0].clone())
    }

    /// What the line's interface has carried.
    pub fn carried(&self) -> anyhow::Result<Carried> {
        let shown = self.network.home().json(&["-s", "link", "show", "dev", LINK])?;
        let of = |way: &str| shown[0]["stats64"][way]["bytes"].as_u64().context("no counter");
        Ok(Carried { rx: of("rx")?, tx: of("tx")? })
    }

    /// Lets time pass, while all programs run.
    pub fn pass(&mut self, time: Duration) -> anyhow::Result<()> {
        pass(time, self.processes.iter_mut())
    }
}
