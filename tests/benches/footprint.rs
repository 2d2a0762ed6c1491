//! What it costs to watch three links at one probe a second each: CPU time,
//! resident memory, wake-ups and bytes, of the agent beside irtt and fping.
//!
//! Each program has three links of its own in one home, all at the same time.
//! irtt and fping send one packet a second and link; the agent asks the gateway
//! and the first hop as well, judges, summarises, and reports over gRPC.
//!
//! `cargo bench -p hearth-tests --bench footprint [-- --minutes 10]`, as root. With
//! `--packaged target/packaged/hearth-agent` the agent as it is packaged runs as well, on
//! three links of its own.
#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use clap::Parser;
use hearth_tests::lab::emulator::MILLISECOND;
use hearth_tests::lab::emulator::params::DirectionParams;
use hearth_tests::lab::net::{LinkPlan, Network, REFLECTOR_PORT, SERVICE_V4};
use hearth_tests::lab::process::Process;
use hearth_tests::lab::programs::{COLLECTOR_PORT, Programs};
use hearth_tests::lab::unavailable;

/// Of each program.
const LINKS: usize = 3;
/// The goals of the design: of one core, and resident.
const GOAL_CPU: f64 = 0.005;
const GOAL_MB: f64 = 12.0;

#[derive(Debug, Parser)]
struct Args {
    /// How long.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=120))]
    minutes: u64,
    /// Before that, not counted: starting up.
    #[arg(long, default_value_t = 20)]
    settle_s: u64,
    /// Another build of the agent, to run beside the first.
    #[arg(long, value_name = "PROGRAM")]
    packaged: Option<PathBuf>,
    /// Given by cargo.
    #[arg(long, hide = true)]
    bench: bool,
}

/// One program under comparison: its processes and its links' numbers.
struct Runner {
    name: &'static str,
    processes: Vec<Process>,
    /// Its links are this and a number from 1.
    links: &'static str,
}

/// The links of each program, by name, in the order of their numbers.
const NAMES: [&str; 4] = ["agent", "irtt", "fping", "packaged"];

/// What the kernel says of processes and links.
#[derive(Clone, Copy, Debug, Default)]
struct Reading {
    cpu: Duration,
    wakeups: u64,
    packets: u64,
    bytes: u64,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    if let Some(why) = unavailable() {
        println!("skipped: {why}");
        return Ok(());
    }
    let programs = Programs::find(None)?;
    let folder = tempfile::tempdir()?;
    let plans = NAMES.iter().flat_map(|name| (1..=LINKS).map(move |n| format!("{name}{n}")));
    let direction = DirectionParams { delay: 10 * MILLISECOND, ..DirectionParams::default() };
    let plans = plans.map(|name| LinkPlan { name, up: direction.clone(), down: direction.clone() });
    let network = Network::build(plans.collect(), 1)?;
    // A source address chooses its link, for programs that can't bind to a device.
    for n in 1..=NAMES.len() * LINKS {
        network.home().batch(&format!(
            "rule add from 10.100.{n}.2 table {n}\n\
             route add default via 10.100.{n}.1 table {n}\n"
        ))?;
    }
    let mut far = start_far(&network, &programs, folder.path())?;
    let mut runners = vec![start_agent(&network, &programs, folder.path(), AGENT)?];
    if let Some(packaged) = &args.packaged {
        let programs = programs.clone().with_agent(packaged)?;
        runners.push(start_agent(&network, &programs, folder.path(), PACKAGED)?);
    }
    runners.extend(start_irtt(&network, folder.path(), LINKS)?);
    runners.extend(start_fping(&network, folder.path())?);

    wait(Duration::from_secs(args.settle_s), &mut far, &mut runners)?;
    let before = read_all(&network, &runners)?;
    let began = Instant::now();
    wait(Duration::from_secs(60 * args.minutes), &mut far, &mut runners)?;
    let after = read_all(&network, &runners)?;
    let ran = began.elapsed();

    println!(
        "| {:.0} minutes, {LINKS} links | CPU time | of one core | resident | of it data | wake-ups/s | packets/s and link | bytes/s and link |",
        ran.as_secs_f64() / 60.0
    );
    println!("| --- | --- | --- | --- | --- | --- | --- | --- |");
    for ((runner, before), after) in runners.iter().zip(&before).zip(&after) {
        let seconds = ran.as_secs_f64();
        let cpu = after.cpu.saturating_sub(before.cpu).as_secs_f64();
        let per_link = |n: u64| n as f64 / seconds / LINKS as f64;
        println!(
            "| {} | {cpu:.2} s | {:.3} % | {:.1} MB | {:.1} MB | {:.1} | {:.2} | {:.0} |",
            runner.name,
            100.0 * cpu / seconds,
            resident_mb(runner, "VmRSS:")?,
            resident_mb(runner, "RssAnon:")?,
            (after.wakeups - before.wakeups) as f64 / seconds,
            per_link(after.packets - before.packets),
            per_link(after.bytes - before.bytes),
        );
    }
    println!("goals for the agent: {} % of one core, {GOAL_MB} MB resident", 100.0 * GOAL_CPU);
    let agent = after[0].packets - before[0].packets;
    ensure!(
        agent as f64 >= ran.as_secs_f64() * LINKS as f64,
        "the agent probed too little: {agent}"
    );
    Ok(())
}

/// Collector, reflector and irtt's server.
fn start_far(
    network: &Network,
    programs: &Programs,
    folder: &Path,
) -> anyhow::Result<Vec<Process>> {
    let data = folder.join("data");
    fs::create_dir_all(&data)?;
    let core = network.core();
    let mut far = vec![
        Process::start("collector", programs.serve(core, &data), folder)?,
        Process::start("reflector", programs.reflector(core), folder)?,
    ];
    if has("irtt") {
        let mut server = core.command("irtt");
        server.args(["server", "-b", &format!("{SERVICE_V4}")]);
        far.push(Process::start("irtt-server", server, folder)?);
    }
    Ok(far)
}

/// A name for people, and the links'.
type Named = (&'static str, &'static str);
const AGENT: Named = ("hearth-agent", NAMES[0]);
const PACKAGED: Named = ("hearth-agent, packaged", NAMES[3]);

fn start_agent(
    network: &Network,
    programs: &Programs,
    folder: &Path,
    (name, links): Named,
) -> anyhow::Result<Runner> {
    let mut config = format!(
        "household = \"bench\"\nagent = \"{links}\"\ninsecure = true\n\
         collector = \"http://{SERVICE_V4}:{COLLECTOR_PORT}\"\n\
         reflector = \"{SERVICE_V4}:{REFLECTOR_PORT}\"\nstate_dir = \"{}\"\n",
        folder.join(links).display(),
    );
    for other in NAMES.into_iter().filter(|other| *other != links) {
        for n in 1..=LINKS {
            writeln!(config, "[[link]]\ninterface = \"{other}{n}\"\nenabled = false")?;
        }
    }
    let path = folder.join(format!("{links}.toml"));
    fs::write(&path, config)?;
    let process = Process::start(links, programs.agent(network.home(), &path), folder)?;
    Ok(Runner { name, processes: vec![process], links })
}

fn start_irtt(network: &Network, folder: &Path, first: usize) -> anyhow::Result<Option<Runner>> {
    if !has("irtt") {
        println!("irtt: skipped, it is not installed");
        return Ok(None);
    }
    let one = |n: usize| {
        let mut client = network.home().command("irtt");
        // 44 bytes of payload, as a STAMP packet has.
        client.args(["client", "-i", "1s", "-d", "24h", "-q", "-l", "44"]);
        client.arg(format!("--local=10.100.{}.2", first + n)).arg(SERVICE_V4.to_string());
        Process::start(&format!("irtt{n}"), client, folder)
    };
    let processes = (1..=LINKS).map(one).collect::<anyhow::Result<_>>()?;
    Ok(Some(Runner { name: "irtt, 3 clients", processes, links: NAMES[1] }))
}

fn start_fping(network: &Network, folder: &Path) -> anyhow::Result<Option<Runner>> {
    if !has("fping") {
        println!("fping: skipped, it is not installed");
        return Ok(None);
    }
    let one = |n: usize| {
        let mut client = network.home().command("fping");
        client.args(["-q", "-l", "-p", "1000", "-I", &format!("fping{n}")]);
        client.arg(SERVICE_V4.to_string());
        Process::start(&format!("fping{n}"), client, folder)
    };
    let processes = (1..=LINKS).map(one).collect::<anyhow::Result<_>>()?;
    Ok(Some(Runner { name: "fping, 3 processes", processes, links: NAMES[2] }))
}

fn has(program: &str) -> bool {
    Command::new("which").arg(program).output().is_ok_and(|found| found.status.success())
}

/// Lets time pass, as long as everything runs.
fn wait(time: Duration, far: &mut [Process], runners: &mut [Runner]) -> anyhow::Result<()> {
    let until = Instant::now() + time;
    loop {
        far.iter_mut().try_for_each(Process::check)?;
        for runner in &mut *runners {
            runner.processes.iter_mut().try_for_each(Process::check)?;
        }
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(());
        }
        std::thread::park_timeout(left.min(Duration::from_secs(1)));
    }
}

fn read_all(network: &Network, runners: &[Runner]) -> anyhow::Result<Vec<Reading>> {
    let shown = network.home().json(&["-s", "link"])?;
    let links = shown.as_array().context("the links are no list")?;
    let count = |name: &str, what: &str| -> anyhow::Result<u64> {
        let link = links.iter().find(|l| l["ifname"] == name).context("a link is gone")?;
        let of = |way: &str| link["stats64"][way][what].as_u64();
        Ok(of("rx").context("no counter")? + of("tx").context("no counter")?)
    };
    runners
        .iter()
        .map(|runner| {
            let mut reading = Reading::default();
            for process in &runner.processes {
                let pid = process.id();
                reading.cpu += cpu_time(pid)?;
                reading.wakeups += wakeups(pid)?;
            }
            for n in 1..=LINKS {
                let link = format!("{}{n}", runner.links);
                reading.packets += count(&link, "packets")?;
                reading.bytes += count(&link, "bytes")?;
            }
            Ok(reading)
        })
        .collect()
}

/// User and system time of all its threads, to the nanosecond: the kernel's own
/// count, since clock ticks are too coarse for what costs so little.
fn cpu_time(pid: u32) -> anyhow::Result<Duration> {
    let mut sum = 0;
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        let text = fs::read_to_string(task?.path().join("schedstat"))?;
        let ran = text.split_whitespace().next().context("an empty schedstat")?;
        sum += ran.parse::<u64>()?;
    }
    Ok(Duration::from_nanos(sum))
}

/// How often its threads slept and woke.
fn wakeups(pid: u32) -> anyhow::Result<u64> {
    let mut sum = 0;
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        let text = fs::read_to_string(task?.path().join("status"))?;
        sum += field(&text, "voluntary_ctxt_switches:")?;
    }
    Ok(sum)
}

/// A figure of `/proc/PID/status`: all that is resident, or what of it is no file's.
fn resident_mb(runner: &Runner, what: &str) -> anyhow::Result<f64> {
    let mut kb = 0;
    for process in &runner.processes {
        kb += field(&fs::read_to_string(format!("/proc/{}/status", process.id()))?, what)?;
    }
    Ok(kb as f64 / 1024.0)
}

fn field(text: &str, name: &str) -> anyhow::Result<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name)).context("no such field")?;
    Ok(line.split_whitespace().next().context("an empty field")?.parse()?)
}
