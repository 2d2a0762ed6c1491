//! The capacity probe against emulated links whose rate is known: its error, how
//! often the truth lies within its bounds, and what it cost by the interface's
//! own counters. Run it with `cargo bench -p hearth-tests --bench capacity`;
//! `-- RUNS` says how often each link is measured.
#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use hearth_agent::link::spending::Spending;
use hearth_agent::probe::capacity;
use hearth_agent::probe::capacity::Transfer;
use hearth_agent::probe::heavy::{Direction as Way, Limits, Means, TestServer};
use hearth_agent::probe::outlet::Outlet;
use hearth_collector::responsiveness::{self, Config, Counters, document::Place, tls};
use hearth_proto::{Confidence, DirectionFigures, Figures};
use hearth_tests::lab::emulator::Direction;
use hearth_tests::lab::emulator::params::{Capacity, DirectionParams};
use hearth_tests::lab::net::{LinkPlan, Network, SERVICE_V4};
use hearth_tests::lab::traces;
use hearth_tests::lab::unavailable;

const PORT: u16 = 4043;
const LINK: &str = "wan0";
const SEED: u64 = 7;
/// Payload of a full packet, as IPv4 and TCP with time stamps leave it.
const PAYLOAD: f64 = 1448.0 / 1500.0;

/// A link and what is true about it.
#[derive(Clone)]
struct Case {
    name: String,
    down: Capacity,
    up: Capacity,
    rtt_ms: u64,
    loss: f64,
    queue_ms: u64,
    congestion: &'static str,
}

/// One run's outcome.
struct Run {
    figures: Figures,
    truth: [f64; 2],
    cost: u64,
    counted: u64,
}

fn main() -> anyhow::Result<()> {
    if let Some(reason) = unavailable() {
        println!("skipped: {reason}");
        return Ok(());
    }
    let mut runs = 5;
    let mut only = None;
    for argument in std::env::args().skip(1) {
        match argument.parse() {
            Ok(n) => runs = n,
            Err(_) if !argument.starts_with("--") => only = Some(argument),
            Err(_) => {}
        }
    }
    println!(
        "{:<26} {:>9} {:>8} {:>7} {:>9} {:>8} {:>7} {:>9} {:>9}",
        "link", "down off", "within", "conf", "up off", "within", "conf", "cost kB", "most kB"
    );
    let (mut all, mut within) = ([0; 2], [0; 2]);
    for case in cases()? {
        if only.as_ref().is_some_and(|only| !case.name.contains(only.as_str())) {
            continue;
        }
        let found = measure(&case, runs).with_context(|| case.name.clone())?;
        let mut cells = Vec::new();
        for i in 0..2 {
            let of =
                |run: &Run| if i == 0 { run.figures.down.clone() } else { run.figures.up.clone() };
            let told: Vec<_> =
                found.iter().filter_map(|run| Some((of(run)?, run.truth[i]))).collect();
            let mut off: Vec<f64> =
                told.iter().map(|(f, truth)| f.goodput_bps as f64 / truth - 1.0).collect();
            off.sort_by(f64::total_cmp);
            let held = told.iter().filter(|(f, truth)| holds(f, *truth)).count();
            all[i] += found.len();
            within[i] += held;
            let off =
                off.get(off.len() / 2).map_or("none".into(), |o| format!("{:+.1} %", o * 100.0));
            cells.push((off, format!("{held}/{}", found.len()), confidences(&told)));
        }
        let cost = found.iter().map(|run| run.cost).max().unwrap_or(0) / 1000;
        let counted = found.iter().map(|run| run.counted).max().unwrap_or(0) / 1000;
        let [(d, dw, dc), (u, uw, uc)] = &cells[..] else { continue };
        println!(
            "{:<26} {d:>9} {dw:>8} {dc:>7} {u:>9} {uw:>8} {uc:>7} {cost:>9} {counted:>9}",
            case.name
        );
        anyhow::ensure!(counted <= 2000, "it cost {counted} kB");
    }
    for (name, i) in [("down", 0), ("up", 1)] {
        println!(
            "{name}: the truth lies within the bounds in {}/{} runs ({:.0} %)",
            within[i],
            all[i],
            100.0 * f64::from(within[i] as u32) / f64::from(all[i].max(1) as u32)
        );
    }
    Ok(())
}

fn holds(found: &DirectionFigures, truth: f64) -> bool {
    found.low_bps.is_some_and(|low| low as f64 <= truth)
        && found.high_bps.is_none_or(|high| truth <= high as f64)
}

/// How many runs of high, medium and low confidence.
fn confidences(told: &[(DirectionFigures, f64)]) -> String {
    let of = |c: Confidence| told.iter().filter(|(f, _)| f.confidence == c).count();
    let levels = [Confidence::High, Confidence::Medium, Confidence::Low];
    levels.map(|level| of(level).to_string()).join("/")
}

fn cases() -> anyhow::Result<Vec<Case>> {
    let mut cases = Vec::new();
    for mbps in [1, 5, 20, 50, 100, 300] {
        for rtt_ms in [20, 80] {
            cases.push(Case {
                name: format!("{mbps} Mbit/s, {rtt_ms} ms"),
                down: Capacity::constant(mbps * 1_000_000),
                up: Capacity::constant(mbps * 1_000_000),
                rtt_ms,
                loss: 0.0,
                queue_ms: 100,
                congestion: "reno",
            });
        }
    }
    let of = |name: &str, bps: u64, rtt_ms, loss, queue_ms| Case {
        name: name.to_owned(),
        down: Capacity::constant(bps),
        up: Capacity::constant(bps),
        rtt_ms,
        loss,
        queue_ms,
        congestion: "reno",
    };
    cases.push(of("0.3 Mbit/s, 100 ms", 300_000, 100, 0.0, 500));
    cases.push(of("20 Mbit/s, 40 ms, 1 % loss", 20_000_000, 40, 0.01, 100));
    cases.push(of("50 Mbit/s, 40 ms, 5 ms queue", 50_000_000, 40, 0.0, 5));
    cases.push(of("50 Mbit/s, 1000 ms queue", 50_000_000, 30, 0.0, 1000));
    for model in ["lte-static", "lte-driving", "nr-static", "nr-driving"] {
        let trace = format!("model:{model}");
        cases.push(Case {
            name: model.to_owned(),
            down: traces::resolve(&trace, Direction::Down, SEED)?,
            up: traces::resolve(&trace, Direction::Up, SEED)?,
            rtt_ms: 40,
            loss: 0.0,
            queue_ms: 200,
            congestion: "reno",
        });
    }
    let mut paced = Vec::new();
    for case in &cases {
        paced.push(Case {
            name: format!("{}, BBR", case.name),
            down: case.down.clone(),
            up: case.up.clone(),
            congestion: "bbr",
            ..*case
        });
    }
    cases.append(&mut paced);
    Ok(cases)
}

fn measure(case: &Case, runs: usize) -> anyhow::Result<Vec<Run>> {
    let direction = |capacity: &Capacity| {
        let bps = capacity.mean_bps().unwrap_or(1e9);
        DirectionParams {
            capacity: capacity.clone(),
            queue_bytes: ((bps * case.queue_ms as f64 / 8000.0) as u64).max(64 * 1500),
            delay: case.rtt_ms * 500_000,
            loss: case.loss,
            ..DirectionParams::default()
        }
    };
    let plan =
        LinkPlan { name: LINK.to_owned(), up: direction(&case.up), down: direction(&case.down) };
    let network = Network::build(vec![plan], SEED)?;
    for side in [network.home(), network.core()] {
        side.sysctl("ipv4/tcp_congestion_control", case.congestion)?;
    }
    let started = Instant::now();
    let at = SocketAddr::from((SERVICE_V4, PORT));
    let (identity, ca) = tls::Identity::self_signed(&[SERVICE_V4.to_string()])?;
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let (ready, listening) = std::sync::mpsc::channel();
    let core = network.core();
    std::thread::scope(|scope| {
        let server = scope.spawn(move || -> anyhow::Result<()> {
            core.enter_this_thread()?;
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async {
                let listener = responsiveness::bind(at)?;
                ready.send(())?;
                let config = Config {
                    tls: tls::ServerTls::new(&identity)?,
                    place: Place::default(),
                    limits: responsiveness::Limits::default(),
                };
                let shutdown = async {
                    let _ = stopped.await;
                };
                let counters = Arc::new(Counters::default());
                Ok(responsiveness::run(vec![listener], config, counters, shutdown).await?)
            })
        });
        let _ = listening.recv();
        let client = scope.spawn(|| -> anyhow::Result<Vec<Run>> {
            network.home().enter_this_thread()?;
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            (0..runs).map(|_| runtime.block_on(one(case, &network, &ca, started))).collect()
        });
        let found = client.join().map_err(|_| anyhow::anyhow!("the client panicked"))?;
        drop(stop);
        server.join().map_err(|_| anyhow::anyhow!("the server panicked"))??;
        found
    })
}

async fn one(case: &Case, network: &Network, ca: &str, started: Instant) -> anyhow::Result<Run> {
    let means = Means {
        outlet: Outlet::System,
        server: TestServer {
            url: format!("https://{SERVICE_V4}:{PORT}").parse()?,
            ca_pem: Some(ca.as_bytes().into()),
            resolvers: Arc::default(),
        },
        family: None,
        limits: Limits { bytes: capacity::BYTES, time: capacity::TIME },
        spending: Arc::<Spending>::default(),
        give_way: tokio::sync::watch::channel(false).1,
    };
    let before = counted(network)?;
    let mut transfers = Vec::new();
    let ended = capacity::measure_traced(&means, &mut |_| (), &mut transfers).await;
    // What was under way when it ended belongs to it.
    let mut last = before;
    loop {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let now = counted(network)?;
        if now - last < 500 {
            last = now;
            break;
        }
        last = now;
    }
    let figures = ended.result?;
    if std::env::var_os("CAPACITY_VERBOSE").is_some() {
        for f in [&figures.down, &figures.up].into_iter().flatten() {
            println!(
                "  {:.2} ({:.2} to {:?}) {:?}, {} B in {} ms",
                f.goodput_bps as f64 / 1e6,
                f.low_bps.unwrap_or(0) as f64 / 1e6,
                f.high_bps.map(|h| h as f64 / 1e6),
                f.confidence,
                f.bytes,
                f.measured_ms
            );
        }
    }
    let mut truths = [f64::INFINITY; 2];
    for transfer in &transfers {
        let began = transfer.began.saturating_duration_since(started);
        let is_down = transfer.direction == Way::Down;
        let capacity = if is_down { &case.down } else { &case.up };
        // Octets are seen half a round trip after they left the queue, and those
        // of an upload the other half later, with their answer.
        let later = Duration::from_micros(case.rtt_ms * if is_down { 500 } else { 1000 });
        if let Some(found) = &transfer.estimate {
            truths[usize::from(!is_down)] = truth(
                capacity,
                (began + found.from).saturating_sub(later),
                (began + found.until).saturating_sub(later),
            );
        }
        dump(case, capacity, transfer, began.saturating_sub(later))?;
    }
    let cost = ended.cost.rx_bytes + ended.cost.tx_bytes;
    Ok(Run { figures, truth: truths, cost, counted: last - before })
}

/// Keeps a transfer's marks, and what the link could carry meanwhile, in the file
/// that `CAPACITY_DUMP` names.
fn dump(
    case: &Case,
    capacity: &Capacity,
    transfer: &Transfer,
    began: Duration,
) -> anyhow::Result<()> {
    let Some(path) = std::env::var_os("CAPACITY_DUMP") else { return Ok(()) };
    let end = transfer.marks.last().map_or(Duration::ZERO, |mark| mark.at);
    let step = Duration::from_millis(10);
    let steps = (end.as_millis() / step.as_millis()) as u32;
    let truth: Vec<f64> =
        (0..=steps).map(|n| truth(capacity, began + step * n, began + step * (n + 1))).collect();
    let line = serde_json::json!({
        "case": case.name,
        "down": transfer.direction == Way::Down,
        "rtt_us": transfer.rtt.as_micros() as u64,
        "marks": transfer.marks.iter().map(|m| (m.at.as_micros() as u64, m.octets)).collect::<Vec<_>>(),
        "truth": truth.iter().map(|bps| *bps as u64).collect::<Vec<_>>(),
    });
    let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path)?;
    Ok(writeln!(file, "{line}")?)
}

/// What the link could carry of payload in that time.
fn truth(capacity: &Capacity, from: Duration, until: Duration) -> f64 {
    let bps = match capacity {
        Capacity::Opportunities(trace) => {
            let (mut cursor, end) =
                (trace.first_from(from.as_nanos() as u64), until.as_nanos() as u64);
            let mut packets = 0;
            while trace.time(cursor) < end {
                packets += 1;
                cursor = trace.after(cursor);
            }
            f64::from(packets) * 12_000.0 / until.saturating_sub(from).as_secs_f64()
        }
        other => other.mean_bps().unwrap_or(f64::INFINITY),
    };
    bps * PAYLOAD
}

/// Bytes that the home's interface counted, both ways.
fn counted(network: &Network) -> anyhow::Result<u64> {
    let shown = network.home().json(&["-s", "link", "show", "dev", LINK])?;
    let of = |way: &str| shown[0]["stats64"][way]["bytes"].as_u64().context("no counter");
    Ok(of("rx")? + of("tx")?)
}
