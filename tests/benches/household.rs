//! What a household keeps of its line when it begins to use it during a test.
//!
//! A home with one line of 50 Mbit/s down and 20 up; the operator orders a
//! responsiveness test, and while it fills the line the household starts a
//! download (then, in other rounds, an upload). Its rate from the first second
//! on is held against the same transfer without any test.
//!
//! `cargo bench -p hearth-tests --bench household [-- --rounds 3]`, as root.
#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use clap::Parser;
use hearth_tests::lab::emulator::params::{Capacity, DirectionParams};
use hearth_tests::lab::emulator::trace::RateSteps;
use hearth_tests::lab::emulator::{Direction, MILLISECOND};
use hearth_tests::lab::net::{LinkPlan, Network, REFLECTOR_PORT, SERVICE_V4};
use hearth_tests::lab::process::Process;
use hearth_tests::lab::programs::{AGENT, COLLECTOR_PORT, HOUSEHOLD, Programs};
use hearth_tests::lab::traffic::Bulk;
use hearth_tests::lab::unavailable;

const LINK: &str = "wan";
const TEST_PORT: u16 = 8621;
const DOWN_BPS: u64 = 50_000_000;
const UP_BPS: u64 = 20_000_000;
/// The household's transfer: its first second, then what is compared.
const GRACE: Duration = Duration::from_secs(1);
const COMPARED: Duration = Duration::from_secs(5);
/// How long an ordered test may take to fill the line.
const PATIENCE: Duration = Duration::from_secs(120);
const GLANCE: Duration = Duration::from_millis(20);
/// The goal.
const GOAL: f64 = 0.95;

#[derive(Debug, Parser)]
struct Args {
    /// How often each direction is tried; an agent takes six orders an hour.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=3))]
    rounds: u32,
    /// Given by cargo.
    #[arg(long, hide = true)]
    bench: bool,
}

struct Home<'a> {
    network: Network,
    programs: &'a Programs,
    data: PathBuf,
    processes: Vec<Process>,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    if let Some(why) = unavailable() {
        println!("skipped: {why}");
        return Ok(());
    }
    let programs = Programs::find(None)?;
    let folder = tempfile::tempdir()?;
    let mut home = Home::start(&programs, folder.path())?;
    println!(
        "| household's transfer | alone, Mbit/s | begun during a test | kept | test ended as |"
    );
    println!("| --- | --- | --- | --- | --- |");
    let mut missed = Vec::new();
    for (name, direction) in [("download", Direction::Down), ("upload", Direction::Up)] {
        let (mut alone, mut beside, mut ended) = (Vec::new(), Vec::new(), String::new());
        for _ in 0..args.rounds {
            alone.push(home.transfer(direction)?);
            home.order()?;
            home.wait_for_load(direction)?;
            beside.push(home.transfer(direction)?);
            ended = home.outcome()?;
            ensure!(ended.contains("gave-way"), "the test did not give way: {ended}");
        }
        let (alone, beside) = (median(&mut alone), median(&mut beside));
        println!(
            "| {name} | {:.1} | {:.1} | {:.1} % | {ended} |",
            alone / 1e6,
            beside / 1e6,
            100.0 * beside / alone
        );
        if beside < GOAL * alone {
            missed.push(name);
        }
    }
    ensure!(missed.is_empty(), "under {} % kept: {missed:?}", 100.0 * GOAL);
    Ok(())
}

impl<'a> Home<'a> {
    fn start(programs: &'a Programs, folder: &Path) -> anyhow::Result<Self> {
        let of = |bps: u64| DirectionParams {
            capacity: Capacity::Rate(Arc::new(RateSteps::constant(bps))),
            // 60 ms at the full rate.
            queue_bytes: bps / 8 * 60 / 1000,
            delay: 10 * MILLISECOND,
            ..DirectionParams::default()
        };
        let plan = LinkPlan { name: LINK.to_owned(), up: of(UP_BPS), down: of(DOWN_BPS) };
        let network = Network::build(vec![plan], 1)?;
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
        let config = folder.join("agent.toml");
        fs::write(
            &config,
            format!(
                "household = \"{HOUSEHOLD}\"\nagent = \"{AGENT}\"\nvantage = \"router\"\n\
                 insecure = true\ncollector = \"http://{SERVICE_V4}:{COLLECTOR_PORT}\"\n\
                 reflector = \"{SERVICE_V4}:{REFLECTOR_PORT}\"\nstate_dir = \"{}\"\n\
                 [tests]\nserver = \"https://{SERVICE_V4}:{TEST_PORT}\"\nca = \"{}\"\n",
                folder.join("agent").display(),
                authority.display(),
            ),
        )?;
        processes.push(Process::start("agent", programs.agent(network.home(), &config), folder)?);
        let mut home = Self { network, programs, data, processes };
        home.wait_for_household()?;
        Ok(home)
    }

    /// Until the collector knows the home.
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

    /// The household's transfer for [`GRACE`] and [`COMPARED`]: its rate in bit/s
    /// over the latter.
    fn transfer(&mut self, direction: Direction) -> anyhow::Result<f64> {
        let bulk = Bulk::start(&self.network, LINK, direction, 1)?;
        self.pass(GRACE)?;
        let (before, began) = (bulk.received(), Instant::now());
        self.pass(COMPARED)?;
        let bits = (bulk.received() - before) as f64 * 8.0;
        Ok(bits / began.elapsed().as_secs_f64())
    }

    fn order(&self) -> anyhow::Result<()> {
        let arguments = ["run-now", HOUSEHOLD, "--kind", "responsiveness", "--by", "bench"];
        let said = self.programs.collector(&arguments, &self.data).output()?;
        ensure!(said.status.success(), "run-now: {}", String::from_utf8_lossy(&said.stderr));
        Ok(())
    }

    /// Until the test has filled the line that way for a second.
    fn wait_for_load(&mut self, direction: Direction) -> anyhow::Result<()> {
        let (way, full) = match direction {
            Direction::Down => ("rx", DOWN_BPS),
            Direction::Up => ("tx", UP_BPS),
        };
        let deadline = Instant::now() + PATIENCE;
        loop {
            let before = self.bytes(way)?;
            let began = Instant::now();
            self.pass(Duration::from_secs(1))?;
            let bits = (self.bytes(way)? - before) as f64 * 8.0;
            if bits / began.elapsed().as_secs_f64() > 0.8 * full as f64 {
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!("no test filled the line; orders: {}", self.outcome()?);
            }
        }
    }

    /// What came of the last order, once that is known.
    fn outcome(&self) -> anyhow::Result<String> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let shown = self.programs.collector(&["orders", "--json"], &self.data).output()?;
            let orders: serde_json::Value = serde_json::from_slice(&shown.stdout)
                .with_context(|| String::from_utf8_lossy(&shown.stderr).into_owned())?;
            let list = orders["orders"].as_array().or(orders.as_array());
            let last = list.and_then(|l| l.iter().max_by_key(|o| o["order"].as_u64()));
            let last = last.context("no order is known")?;
            let state = last["state"].as_str().unwrap_or_default();
            if !matches!(state, "queued" | "sent") || Instant::now() > deadline {
                return Ok(format!(
                    "{state} {}",
                    last["test"]["result"]["reason"].as_str().unwrap_or_default()
                ));
            }
            std::thread::park_timeout(Duration::from_millis(200));
        }
    }

    fn bytes(&self, way: &str) -> anyhow::Result<u64> {
        let shown = self.network.home().json(&["-s", "link", "show", "dev", LINK])?;
        shown[0]["stats64"][way]["bytes"].as_u64().context("no counter")
    }

    fn pass(&mut self, time: Duration) -> anyhow::Result<()> {
        let until = Instant::now() + time;
        loop {
            self.processes.iter_mut().try_for_each(Process::check)?;
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            std::thread::park_timeout(left.min(GLANCE));
        }
    }
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
