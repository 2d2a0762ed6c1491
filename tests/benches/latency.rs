//! Our round trip times and loss beside irtt's, fping's and the truth.
//!
//! On an emulated link at 5, 20 and 80 ms and 0, 1 and 5 % loss (half of either in
//! each direction) `hearth-agent measure latency`, irtt and fping measure at the
//! same time, each at its own packets. The truth is the emulator's ledger of what
//! it did to ours. Medians over the runs, as a Markdown table. Our loss must equal
//! the ledger's, packet by packet: if not, it fails.
//!
//! `cargo bench -p hearth-tests --bench latency [-- --quick] [--runs 3]`; as root.

use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use clap::Parser;
use hearth_tests::lab::emulator::flow::Flow;
use hearth_tests::lab::emulator::ledger::Ledger;
use hearth_tests::lab::emulator::params::DirectionParams;
use hearth_tests::lab::emulator::{from_ms, to_ms};
use hearth_tests::lab::net::{LinkPlan, Network, SERVICE_V4};
use hearth_tests::lab::process::Process;
use hearth_tests::lab::programs::Programs;
use hearth_tests::lab::truth::LOSS_TIMEOUT;
use hearth_tests::lab::unavailable;
use serde_json::Value;

const RTT_MS: [f64; 3] = [5.0, 20.0, 80.0];
const LOSS: [f64; 3] = [0.0, 0.01, 0.05];
const LINK: &str = "line";
const IRTT_PORT: u16 = 2112;
/// How often and long a reflector is asked until it is there.
const ATTEMPTS: usize = 50;

#[derive(Debug, Parser)]
struct Args {
    /// How often each setting is measured.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..))]
    runs: u8,
    /// Probes of each program in one run.
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u32).range(20..))]
    count: u32,
    /// Milliseconds between two probes of a program.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(10..))]
    interval: u32,
    /// One run of 100 probes: under a minute.
    #[arg(long)]
    quick: bool,
    /// Given by cargo.
    #[arg(long, hide = true)]
    bench: bool,
}

/// One program's figures of one run: times in milliseconds.
#[derive(Clone, Debug, Default)]
struct Reading {
    p50: Option<f64>,
    p95: Option<f64>,
    p99: Option<f64>,
    sent: u64,
    lost: u64,
}

impl Reading {
    fn of(mut rtts: Vec<f64>, sent: u64) -> Self {
        rtts.sort_by(f64::total_cmp);
        let rank = |q: f64| {
            let rank = (q * rtts.len() as f64).ceil() as usize;
            rtts.get(rank.max(1) - 1).copied()
        };
        let lost = sent.saturating_sub(rtts.len() as u64);
        Self { p50: rank(0.5), p95: rank(0.95), p99: rank(0.99), sent, lost }
    }
}

/// All programs' of one run; none where one is not installed.
#[derive(Clone, Debug)]
struct Run {
    ours: Reading,
    irtt: Option<Reading>,
    fping: Option<Reading>,
    ledger: Reading,
}

fn main() -> anyhow::Result<()> {
    let mut args = Args::parse();
    if args.quick {
        (args.runs, args.count) = (1, 100);
    }
    if let Some(why) = unavailable() {
        println!("skipped: {why}");
        return Ok(());
    }
    let programs = Programs::find(None)?;
    let peers = [installed("irtt", "version"), installed("fping", "-v")];
    for (name, there) in ["irtt", "fping"].into_iter().zip(peers) {
        if !there {
            println!("{name}: skipped, it is not installed (Debian's `{name}`)");
        }
    }
    println!(
        "{} probes of each program, one every {} ms, at the same time; medians of {} runs; \
         RTT p50 / p95 / p99 in ms, and probes lost of those sent in all runs\n",
        args.count, args.interval, args.runs
    );
    println!(
        "| link | ours | irtt | fping | ledger (ours) | p50, ours − irtt | p50, ours − ledger |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- |");
    for (rtt, loss) in RTT_MS.into_iter().flat_map(|rtt| LOSS.map(|loss| (rtt, loss))) {
        let mut runs = Vec::new();
        for number in 0..args.runs {
            let seed = u64::from(number) * 100 + (rtt + loss * 100.0) as u64;
            let run = measure(&programs, &args, rtt, loss, seed, peers)
                .with_context(|| format!("{rtt} ms, loss {loss}, seed {seed}"))?;
            ensure!(
                (run.ours.sent, run.ours.lost) == (run.ledger.sent, run.ledger.lost),
                "{rtt} ms, loss {loss}, seed {seed}: we say {} of {} were lost, the ledger {} of {}",
                run.ours.lost,
                run.ours.sent,
                run.ledger.lost,
                run.ledger.sent
            );
            runs.push(run);
        }
        print_row(rtt, loss, &runs);
    }
    Ok(())
}

fn print_row(rtt: f64, loss: f64, runs: &[Run]) {
    let all = |of: &dyn Fn(&Run) -> Option<Reading>| -> Option<Vec<Reading>> {
        runs.iter().map(of).collect()
    };
    let ours = all(&|run| Some(run.ours.clone()));
    let irtt = all(&|run| run.irtt.clone());
    let ledger = all(&|run| Some(run.ledger.clone()));
    let apart = |other: &Option<Vec<Reading>>| {
        let pairs = ours.iter().flatten().zip(other.iter().flatten());
        let all = pairs.filter_map(|(a, b)| Some(a.p50? - b.p50?)).collect();
        median(all).map_or("skipped".to_owned(), |ms| format!("{ms:+.3} ms"))
    };
    println!(
        "| {rtt} ms, {} % | {} | {} | {} | {} | {} | {} |",
        loss * 100.0,
        cell(ours.as_deref()),
        cell(irtt.as_deref()),
        cell(all(&|run| run.fping.clone()).as_deref()),
        cell(ledger.as_deref()),
        apart(&irtt),
        apart(&ledger),
    );
}

fn cell(readings: Option<&[Reading]>) -> String {
    let Some(readings) = readings else { return "skipped".to_owned() };
    let of = |pick: fn(&Reading) -> Option<f64>| {
        median(readings.iter().filter_map(pick).collect())
            .map_or("none".to_owned(), |ms| format!("{ms:.2}"))
    };
    let sum = |pick: fn(&Reading) -> u64| readings.iter().map(pick).sum::<u64>();
    format!(
        "{} / {} / {}; {} of {}",
        of(|r| r.p50),
        of(|r| r.p95),
        of(|r| r.p99),
        sum(|r| r.lost),
        sum(|r| r.sent)
    )
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

/// All programs over one new link at once.
fn measure(
    programs: &Programs,
    args: &Args,
    rtt: f64,
    loss: f64,
    seed: u64,
    peers: [bool; 2],
) -> anyhow::Result<Run> {
    let folder = tempfile::tempdir()?;
    // Both ways together lose as many.
    let each_way = 1.0 - (1.0 - loss).sqrt();
    let way =
        DirectionParams { delay: from_ms(rtt / 2.0), loss: each_way, ..DirectionParams::default() };
    let plan = LinkPlan { name: LINK.to_owned(), up: way.clone(), down: way };
    let mut network = Network::build(vec![plan], seed)?;
    let reflector = Process::start("reflector", programs.reflector(network.core()), folder.path())?;
    let mut server = network.core().command("irtt");
    server.args(["server", "-i", "0", "-b", &format!("{SERVICE_V4}:{IRTT_PORT}")]);
    let irtt_server =
        peers[0].then(|| Process::start("irtt", server, folder.path())).transpose()?;
    await_reflector(programs, &network)?;

    let (count, interval) = (args.count, args.interval);
    let home = network.home();
    let ours = programs.latency(home, LINK, count, interval);
    let mut irtt = home.command("irtt");
    let duration = u64::from(count) * u64::from(interval);
    irtt.args(["client", "-i", &format!("{interval}ms"), "-d", &format!("{duration}ms")]).args([
        "-Q",
        "-o",
        "-",
        &format!("{SERVICE_V4}:{IRTT_PORT}"),
    ]);
    let mut fping = home.command("fping");
    fping.args(["-q", "-C", &count.to_string(), "-p", &interval.to_string(), "-t", "3000"]).args([
        "-I",
        LINK,
        &SERVICE_V4.to_string(),
    ]);
    let (ours, irtt, fping) = thread::scope(|scope| {
        let irtt = peers[0].then(|| scope.spawn(|| output(irtt)));
        let fping = peers[1].then(|| scope.spawn(|| output(fping)));
        let ours = output(ours);
        (ours, irtt.map(join), fping.map(join))
    });
    let (ours, _) = ours?;
    let irtt = irtt.transpose()?.map(|(out, _)| read_irtt(&out)).transpose()?;
    let fping = fping.transpose()?.map(|(_, errors)| read_fping(&errors)).transpose()?;
    let ours = read_ours(&ours)?;
    for process in [Some(reflector), irtt_server].into_iter().flatten() {
        process.end(Duration::from_secs(5))?;
    }
    let drops = network.kernel_drops()?;
    ensure!(drops == 0, "the kernel dropped {drops} packets where the ledger can't see it");
    let ledger = network.stop_emulator().context("the emulator has stopped")??;
    Ok(Run { ours, irtt, fping, ledger: truth(&ledger) })
}

/// Asks from within the core, so that the ledger holds nothing but the run.
fn await_reflector(programs: &Programs, network: &Network) -> anyhow::Result<()> {
    for _ in 0..ATTEMPTS {
        let mut once = programs.latency_within(network.core());
        if once.stdout(Stdio::null()).stderr(Stdio::null()).status()?.success() {
            return Ok(());
        }
        thread::park_timeout(Duration::from_millis(20));
    }
    anyhow::bail!("the reflector does not answer")
}

fn output(mut command: Command) -> anyhow::Result<(String, String)> {
    let output = command.output().with_context(|| format!("{command:?}"))?;
    let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
    Ok((text(&output.stdout), text(&output.stderr)))
}

fn join<T>(thread: thread::ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

fn installed(program: &str, version: &str) -> bool {
    let mut command = Command::new(program);
    command.arg(version).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok()
}

fn read_ours(text: &str) -> anyhow::Result<Reading> {
    let value: Value = serde_json::from_str(text).with_context(|| format!("ours: {text:?}"))?;
    let count = |key: &str| value[key].as_u64().with_context(|| format!("ours: {key}"));
    let time = |key: &str| value["rtt_ms"][key].as_f64();
    Ok(Reading {
        p50: time("p50"),
        p95: time("p95"),
        p99: time("p99"),
        sent: count("sent")?,
        lost: count("lost")?,
    })
}

fn read_irtt(text: &str) -> anyhow::Result<Reading> {
    let value: Value = serde_json::from_str(text).context("irtt's JSON")?;
    let trips = value["round_trips"].as_array().context("irtt's round trips")?;
    let rtts = trips.iter().filter_map(|trip| trip["delay"]["rtt"].as_f64());
    Ok(Reading::of(rtts.map(|nanos| nanos / 1e6).collect(), trips.len() as u64))
}

/// `ADDRESS : 5.12 - 5.09`
fn read_fping(text: &str) -> anyhow::Result<Reading> {
    let line = text.lines().find_map(|line| line.split_once(" : "));
    let times: Vec<&str> = line.context("fping's times")?.1.split_whitespace().collect();
    let rtts = times.iter().filter_map(|time| time.parse().ok()).collect();
    Ok(Reading::of(rtts, times.len() as u64))
}

/// What the emulator did to our probes.
fn truth(ledger: &Ledger) -> Reading {
    let probes: Vec<_> = ledger
        .probes(0)
        .into_iter()
        .filter(|probe| matches!(probe.flow, Flow::Stamp { .. }))
        .collect();
    let rtts = probes.iter().filter_map(|probe| probe.rtt).filter(|rtt| *rtt <= LOSS_TIMEOUT);
    Reading::of(rtts.map(to_ms).collect(), probes.len() as u64)
}
