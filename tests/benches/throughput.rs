//! Throughput and loaded delay beside iperf3, in one run on the same links.
//!
//! Emulated links at several rates and an unshaped veth pair: Hearth's agent against
//! Hearth's test server (HTTP/2 over TLS), then iperf3 (plain TCP, payload bit/s, its
//! first seconds omitted), in turn; medians and the ratio are shown. On the veth, also how
//! much of what its cores bear at most that is ([`limit`]). Then a link with a
//! queue of 200 ms: round trips as Hearth, fping beside iperf3, and the emulator's
//! ledger have them.
//!
//! `cargo bench -p hearth-tests --bench throughput [-- --runs 3 --seconds 8]`
#![expect(clippy::disallowed_methods, reason = "a benchmark waits in real time")]

#[path = "throughput/limit.rs"]
mod limit;

use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use clap::Parser;
use hearth_tests::lab::emulator::ledger::Ledger;
use hearth_tests::lab::emulator::params::{Capacity, DirectionParams};
use hearth_tests::lab::emulator::{Direction, MILLISECOND, Nanos, SECOND, to_ms};
use hearth_tests::lab::net::{LinkPlan, Network, SERVICE_V4};
use hearth_tests::lab::netns::Netns;
use hearth_tests::lab::process::Process;
use hearth_tests::lab::programs::Programs;
use hearth_tests::lab::unavailable;
use serde_json::Value;

const LINK: &str = "fttp";
const TESTS: u16 = 8621;
const IPERF: u16 = 5201;
/// One way, on the link whose queue is long.
const DELAY: Nanos = 5 * MILLISECOND;
/// Connections of iperf3, and of TLS without HTTP: enough to fill any of these links.
const FLOWS: u8 = 4;
/// Of iperf3, before its figures count.
const RAMP_UP_S: u32 = 2;
/// A full queue's delay where throughput is compared.
const SHORT_QUEUE_MS: u64 = 40;
/// The link whose queue is long.
const SLOW_MBPS: u64 = 20;
const LONG_QUEUE_MS: u64 = 200;
const PATIENCE: Duration = Duration::from_secs(15);

#[derive(Debug, Parser)]
struct Args {
    /// How many times each is measured.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..))]
    runs: u8,
    /// How long iperf3 measures.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(3..))]
    seconds: u32,
    /// Rates of the emulated links, Mbit/s.
    #[arg(long, value_delimiter = ',', default_values_t = [10, 100, 300])]
    rates: Vec<u64>,
    /// Their round trip with empty queues, ms.
    #[arg(long, default_value_t = 10)]
    round_trip: u64,
    /// Leave out the unshaped veth.
    #[arg(long)]
    no_veth: bool,
    /// Leave out the loaded delay.
    #[arg(long)]
    no_delay: bool,
    /// Given by cargo.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    if let Some(reason) = unavailable() {
        println!("skipped: {reason}");
        return Ok(());
    }
    for program in ["iperf3", "fping"] {
        if Command::new(program).arg("-v").output().is_err() {
            println!("skipped: {program} isn't there; it is in the Debian package {program}");
            return Ok(());
        }
    }
    let programs = Programs::find(None)?;
    println!("| link | direction | Hearth Mbit/s | flows | iperf3 Mbit/s | ratio | runs |");
    println!("| --- | --- | ---: | ---: | ---: | ---: | ---: |");
    for &rate in &args.rates {
        let mut network = link(rate, args.round_trip * MILLISECOND / 2, SHORT_QUEUE_MS)?;
        let bench = Bench::start(&programs, network.home(), network.core(), LINK, SERVICE_V4)?;
        bench.compare(&format!("{rate} Mbit/s, {} ms", args.round_trip), &args)?;
        drop(bench);
        whole_ledger(&mut network)?;
    }
    if !args.no_veth {
        let (home, core) = veth()?;
        let bench = Bench::start(&programs, &home, &core, LINK, VETH_FAR)?;
        bench.limits(&core, &args)?;
    }
    if !args.no_delay {
        println!();
        println!(
            "Loaded round trips, {SLOW_MBPS} Mbit/s, {} ms, a queue of {LONG_QUEUE_MS} ms:\n",
            to_ms(2 * DELAY)
        );
        println!("| load | direction | measured by | p50 ms | p95 ms | count |");
        println!("| --- | --- | --- | ---: | ---: | ---: |");
        for direction in [Direction::Down, Direction::Up] {
            loaded_by_hearth(&programs, direction)?;
            loaded_by_iperf3(&programs, direction, args.seconds)?;
        }
    }
    Ok(())
}

/// An emulated link of `mbps` both ways whose full queue lasts `queue_ms`.
fn link(mbps: u64, delay: Nanos, queue_ms: u64) -> anyhow::Result<Network> {
    let params = DirectionParams {
        capacity: Capacity::constant(mbps * 1_000_000),
        queue_bytes: mbps * 1_000_000 / 8 * queue_ms / 1000,
        delay,
        ..DirectionParams::default()
    };
    let plan = LinkPlan { name: LINK.into(), up: params.clone(), down: params };
    Ok(Network::build(vec![plan], 1)?)
}

const VETH_FAR: Ipv4Addr = Ipv4Addr::new(10, 210, 0, 1);

/// Two namespaces with a wire between them.
fn veth() -> anyhow::Result<(Netns, Netns)> {
    let (home, core) = (Netns::create(u32::MAX, "home")?, Netns::create(u32::MAX, "core")?);
    home.batch(&format!("link add {LINK} type veth peer name {LINK} netns {}\n", core.name()))?;
    core.batch(&format!("addr add {VETH_FAR}/24 dev {LINK}\nlink set {LINK} up\n"))?;
    home.batch(&format!("addr add 10.210.0.2/24 dev {LINK}\nlink set {LINK} up\n"))?;
    Ok((home, core))
}

/// Both servers, and where their clients are.
struct Bench<'a> {
    programs: &'a Programs,
    home: &'a Netns,
    interface: &'a str,
    far: Ipv4Addr,
    folder: tempfile::TempDir,
    _servers: [Process; 2],
}

impl<'a> Bench<'a> {
    fn start(
        programs: &'a Programs,
        home: &'a Netns,
        core: &Netns,
        interface: &'a str,
        far: Ipv4Addr,
    ) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let at = SocketAddr::from((far, TESTS));
        let ca = folder.path().join("ca.pem");
        let server =
            Process::start("server", programs.test_server_at(core, at, &ca), folder.path())?;
        let mut iperf = core.command("iperf3");
        iperf.args(["-s", "-p", &IPERF.to_string()]);
        let mut servers = [server, Process::start("iperf3", iperf, folder.path())?];
        for port in [TESTS, IPERF] {
            let deadline = Instant::now() + PATIENCE;
            while home.enter(|| TcpStream::connect((far, port)).is_err())? {
                servers.iter_mut().try_for_each(Process::check)?;
                ensure!(Instant::now() < deadline, "nobody listens on port {port}");
                std::thread::park_timeout(Duration::from_millis(20));
            }
        }
        Ok(Self { programs, home, interface, far, folder, _servers: servers })
    }

    /// Prints both directions' rows.
    fn compare(&self, name: &str, args: &Args) -> anyhow::Result<()> {
        for direction in [Direction::Down, Direction::Up] {
            let (mut ours, mut theirs, mut flows) = (Vec::new(), Vec::new(), Vec::new());
            for _ in 0..args.runs {
                let report = self.hearth(direction)?;
                ours.push(figure(&report, "goodput_bps")? / 1e6);
                flows.push(figure(&report, "flows")?);
                theirs.push(self.iperf3(direction, args.seconds)? / 1e6);
            }
            let (ours, theirs) = (median(&mut ours), median(&mut theirs));
            println!(
                "| {name} | {} | {ours:.1} | {:.0} | {theirs:.1} | {:.3} | {} |",
                word(direction),
                median(&mut flows),
                ours / theirs,
                args.runs
            );
        }
        Ok(())
    }

    /// Prints what the cores bear at most, where they and not the link are the limit.
    fn limits(&self, core: &Netns, args: &Args) -> anyhow::Result<()> {
        let cores = limit::cores()?;
        println!("\nA veth that nothing shapes, Gbit/s (and the cores that took, of {cores}):\n");
        println!(
            "| direction | iperf3: TCP alone | TLS alone, a core: seals | opens | TCP and TLS, \
             added | TLS over TCP | Hearth | of iperf3 | of added | of TLS over TCP | runs |"
        );
        println!("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
        let time = Duration::from_secs(args.seconds.into());
        let ramp_up = Duration::from_secs(RAMP_UP_S.into());
        for direction in [Direction::Down, Direction::Up] {
            // Rates, and cores busy meanwhile.
            let (mut tcp, mut tls, mut ours) = <([Vec<f64>; 2], [_; 2], [_; 2])>::default();
            let (mut seals, mut opens) = (Vec::new(), Vec::new());
            for _ in 0..args.runs {
                let (rate, busy) = limit::cores_busy(|| self.iperf3(direction, args.seconds))?;
                push(&mut tcp, rate / 1e9, busy);
                let alone = limit::alone(ramp_up)?;
                seals.push(alone.seals_bps / 1e9);
                opens.push(alone.opens_bps / 1e9);
                let ends = (self.home, core, self.far);
                let (rate, busy) = limit::over_tcp(ends, direction, FLOWS, (ramp_up, time))?;
                push(&mut tls, rate / 1e9, busy);
                let (report, busy) = limit::cores_busy(|| self.hearth(direction))?;
                push(&mut ours, figure(&report, "goodput_bps")? / 1e9, busy);
            }
            let [tcp, tls, ours] = [tcp, tls, ours].map(|mut both| {
                let [rates, busy] = &mut both;
                [median(rates), median(busy)]
            });
            let alone =
                limit::Alone { seals_bps: median(&mut seals), opens_bps: median(&mut opens) };
            let added = alone.over(tcp[0], tcp[1], cores);
            let show = |[rate, busy]: [f64; 2]| format!("{rate:.1} ({busy:.2})");
            println!(
                "| {} | {} | {:.1} | {:.1} | {added:.1} | {} | {} | {:.3} | {:.3} | {:.3} | {} |",
                word(direction),
                show(tcp),
                alone.seals_bps,
                alone.opens_bps,
                show(tls),
                show(ours),
                ours[0] / tcp[0],
                ours[0] / added,
                ours[0] / tls[0],
                args.runs
            );
        }
        Ok(())
    }

    /// One direction's figures.
    fn hearth(&self, direction: Direction) -> anyhow::Result<Value> {
        let at = SocketAddr::from((self.far, TESTS));
        let word = word(direction);
        let ca = self.folder.path().join("ca.pem");
        let mut report =
            json(self.programs.measure_responsiveness(self.home, self.interface, at, &ca, word))?;
        Ok(report[word].take())
    }

    fn iperf3_client(&self, direction: Direction, seconds: u32) -> Command {
        let mut command = self.home.command("iperf3");
        command
            .args(["-J", "-c", &self.far.to_string(), "-p", &IPERF.to_string()])
            .args(["-P", &FLOWS.to_string()])
            .args(["-t", &seconds.to_string(), "-O", &RAMP_UP_S.to_string()]);
        if direction == Direction::Down {
            command.arg("-R");
        }
        command
    }

    /// Payload bit/s that arrived.
    fn iperf3(&self, direction: Direction, seconds: u32) -> anyhow::Result<f64> {
        let report = json(self.iperf3_client(direction, seconds))?;
        let rate = report["end"]["sum_received"]["bits_per_second"].as_f64();
        rate.with_context(|| format!("iperf3 says no rate: {}", report["error"]))
    }
}

fn word(direction: Direction) -> &'static str {
    if direction == Direction::Down { "down" } else { "up" }
}

fn json(mut command: Command) -> anyhow::Result<Value> {
    let output = command.output().with_context(|| format!("{command:?}"))?;
    if !output.status.success() {
        bail!("{command:?}: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr));
    }
    serde_json::from_slice(&output.stdout).with_context(|| format!("{command:?}: its JSON"))
}

fn figure(report: &Value, name: &str) -> anyhow::Result<f64> {
    report[name].as_f64().with_context(|| format!("{name} is missing: {report}"))
}

fn median(all: &mut [f64]) -> f64 {
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

fn push([rates, busy]: &mut [Vec<f64>; 2], rate: f64, cores: f64) {
    rates.push(rate);
    busy.push(cores);
}

/// The ledger of a run that the kernel took nothing from.
fn whole_ledger(network: &mut Network) -> anyhow::Result<Ledger> {
    let drops = network.kernel_drops()?;
    ensure!(drops == 0, "the kernel dropped {drops} packets on their way into the emulator");
    let ledger = network.stop_emulator().context("the emulator has stopped")??;
    ensure!(ledger.unrecorded == 0, "the ledger was full");
    Ok(ledger)
}

/// The agent loads the link and says what its round trips were.
fn loaded_by_hearth(programs: &Programs, direction: Direction) -> anyhow::Result<()> {
    let mut network = link(SLOW_MBPS, DELAY, LONG_QUEUE_MS)?;
    let bench = Bench::start(programs, network.home(), network.core(), LINK, SERVICE_V4)?;
    let report = bench.hearth(direction)?;
    let word = word(direction);
    for (name, key) in [
        ("Hearth, exchanges on the loaded connections", "http_l"),
        ("Hearth, TCP handshakes beside them", "tcp_f"),
        ("Hearth, exchanges beside them: `loaded_rtt`", "loaded_rtt"),
    ] {
        let rtt = &report[key];
        let (p50, p95) = (figure(rtt, "p50_ms")?, figure(rtt, "p95_ms")?);
        let count = figure(rtt, "count")?;
        println!("| Hearth | {word} | {name} | {p50:.1} | {p95:.1} | {count:.0} |");
    }
    drop(bench);
    print_truth("Hearth", direction, &whole_ledger(&mut network)?);
    Ok(())
}

/// iperf3 loads the link; fping says what its round trips were.
fn loaded_by_iperf3(programs: &Programs, direction: Direction, seconds: u32) -> anyhow::Result<()> {
    let mut network = link(SLOW_MBPS, DELAY, LONG_QUEUE_MS)?;
    let bench = Bench::start(programs, network.home(), network.core(), LINK, SERVICE_V4)?;
    let mut load = bench.iperf3_client(direction, seconds);
    let load = load.stdout(Stdio::null()).spawn().context("iperf3")?;
    let mut fping = network.home().command("fping");
    let count = (seconds + RAMP_UP_S) * 10;
    // It would else wait no longer than its period.
    fping.args(["-q", "-C", &count.to_string(), "-p", "100", "-t", "3000"]);
    fping.arg(SERVICE_V4.to_string());
    let output = fping.output().context("fping")?;
    let _ = load.wait_with_output()?;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let mut all: Vec<f64> = text
        .lines()
        .filter_map(|line| line.split_once(" : "))
        .flat_map(|(_, times)| times.split_whitespace())
        .filter_map(|time| time.parse().ok())
        .collect();
    // As the ledger is read: once the load has settled.
    let mut all = all.split_off(all.len() / 2);
    ensure!(!all.is_empty(), "fping: {text}");
    all.sort_by(f64::total_cmp);
    print_row("iperf3", direction, "fping", &all);
    drop(bench);
    print_truth("iperf3", direction, &whole_ledger(&mut network)?);
    Ok(())
}

/// What the emulator did to the loaded direction's full packets in the second half of
/// the load, and the way back of an idle link.
fn print_truth(load: &str, direction: Direction, ledger: &Ledger) {
    let full = || ledger.of(0, direction).filter(|record| record.bytes >= 1400);
    let (first, last) = full().fold((Nanos::MAX, 0), |(first, last), record| {
        (first.min(record.entered), last.max(record.entered))
    });
    let from =
        first.saturating_add(last.saturating_sub(first) / 2).max(last.saturating_sub(20 * SECOND));
    let mut all: Vec<f64> = full()
        .filter(|record| record.entered >= from)
        .filter_map(|record| Some(to_ms(record.residency()? + DELAY)))
        .collect();
    all.sort_by(f64::total_cmp);
    print_row(load, direction, "the emulator's ledger", &all);
}

fn print_row(load: &str, direction: Direction, by: &str, sorted: &[f64]) {
    let at = |q: usize| sorted.get(sorted.len() * q / 100).copied().unwrap_or(f64::NAN);
    println!(
        "| {load} | {} | {by} | {:.1} | {:.1} | {} |",
        word(direction),
        at(50),
        at(95),
        sorted.len()
    );
}
