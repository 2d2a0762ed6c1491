//! The lab's own proof, and the scenarios end to end: real packets through
//! emulated links between network namespaces.
//!
//! Needs root and `/dev/net/tun`; without them every trial is ignored and says
//! so.
#![expect(clippy::disallowed_methods, reason = "end-to-end tests run in real time")]

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use hearth_tests::lab::emulator::flow::Flow;
use hearth_tests::lab::emulator::io::Scheduled;
use hearth_tests::lab::emulator::ledger::Ledger;
use hearth_tests::lab::emulator::params::{Capacity, Change, DirectionParams};
use hearth_tests::lab::emulator::{Direction, MILLISECOND, SECOND, to_ms};
use hearth_tests::lab::net::{Gateway, LinkPlan, Network, REFLECTOR_PORT, SERVICE_V4, SERVICE_V6};
use hearth_tests::lab::ping::answers;
use hearth_tests::lab::programs::{NotThere, Programs};
use hearth_tests::lab::scenario::file::load;
use hearth_tests::lab::traffic::Bulk;
use hearth_tests::lab::verify::Tolerance;
use hearth_tests::lab::{report, run, unavailable, verify};
use libtest_mimic::{Arguments, Failed, Trial};
use socket2::{Domain, Protocol, Socket, Type};

/// Scenarios that mostly wait are played this many at once.
const AT_ONCE: usize = 4;
/// Held for writing by a trial that wants the machine for itself, for reading by
/// the others.
static MACHINE: RwLock<()> = RwLock::new(());
/// Scenarios whose figures are held to a tenth of a millisecond, or that move
/// much traffic.
const ALONE: [&str; 3] = ["three-healthy", "bufferbloat", "trace"];
/// The one whose links carry nothing but probes.
const QUIET: &str = "three-healthy";

fn main() {
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(AT_ONCE);
    let skipped = unavailable();
    if let Some(reason) = skipped {
        eprintln!("skipped: {reason}");
    }
    let trial = |name: &str, run: fn() -> anyhow::Result<()>| {
        Trial::test(name, move || {
            let _alone = MACHINE.write().unwrap_or_else(PoisonError::into_inner);
            run().map_err(|error| Failed::from(format!("{error:#}")))
        })
        .with_ignored_flag(skipped.is_some())
    };
    let mut trials = vec![
        trial("emulator_carries_tcp_at_the_set_rate", tcp_at_the_set_rate),
        trial("emulator_ledger_tells_true_rtt_and_loss", rtt_and_loss_as_in_the_ledger),
        trial("emulator_outage_and_gateway_states", outage_and_gateway_states),
    ];
    trials.extend(scenario_trials(skipped.is_some(), arguments.list));
    libtest_mimic::run(&arguments, trials).exit();
}

/// A trial per shipped scenario: what Hearth measured agrees with the truth.
fn scenario_trials(skipped: bool, listing: bool) -> Vec<Trial> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .map(|entries| entries.filter_map(|entry| Some(entry.ok()?.path())).collect())
        .unwrap_or_default();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    files.sort();
    // Building the programs takes a while: only if a trial will run them.
    let programs = if skipped || listing { None } else { Some(Programs::find(None)) };
    let missing = matches!(&programs, Some(Err(error)) if error.is::<NotThere>());
    if let (Some(Err(error)), true) = (&programs, missing) {
        eprintln!("skipped: {error}");
    }
    let programs = Arc::new(programs);
    let trial = |path: PathBuf| {
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let name = stem.replace('-', "_");
        let programs = Arc::clone(&programs);
        Trial::test(format!("scenario_{name}"), move || match programs.as_ref() {
            Some(Ok(programs)) => {
                let alone = ALONE.contains(&stem.as_str());
                let _alone = alone.then(|| MACHINE.write().unwrap_or_else(PoisonError::into_inner));
                let _shared =
                    (!alone).then(|| MACHINE.read().unwrap_or_else(PoisonError::into_inner));
                play(&path, programs).map_err(|error| Failed::from(format!("{error:#}")))
            }
            Some(Err(error)) => Err(Failed::from(format!("{error:#}"))),
            None => Err(Failed::from("without the programs")),
        })
        .with_ignored_flag(skipped || missing)
    };
    files.into_iter().map(trial).collect()
}

fn play(path: &Path, programs: &Programs) -> anyhow::Result<()> {
    let scenario = load(path, &[])?;
    let folder = tempfile::tempdir()?;
    let outcome = run::play(&scenario, programs, folder.path(), &AtomicBool::new(false))?;
    let quiet = path.file_stem().is_some_and(|stem| stem == QUIET);
    let tolerance = if quiet { Tolerance::ALONE } else { Tolerance::BUSY };
    let deviations = verify::deviations(&outcome.truth, &outcome.measured, tolerance);
    println!("{}", report::text(&outcome.truth, &outcome.measured));
    ensure!(deviations.is_empty(), "deviations:\n{}", deviations.join("\n"));
    Ok(())
}

fn plan(name: &str, params: &DirectionParams) -> LinkPlan {
    LinkPlan { name: name.into(), up: params.clone(), down: params.clone() }
}

fn finish(mut network: Network) -> anyhow::Result<Ledger> {
    ensure!(network.kernel_drops()? == 0, "the kernel dropped packets on their way in");
    let ledger = network.stop_emulator().context("stopped twice")??;
    ensure!(ledger.unrecorded == 0, "the ledger was full");
    Ok(ledger)
}

fn tcp_at_the_set_rate() -> anyhow::Result<()> {
    const BPS: u64 = 50_000_000;
    let params = DirectionParams {
        capacity: Capacity::constant(BPS),
        queue_bytes: 500_000,
        delay: 5 * MILLISECOND,
        ..DirectionParams::default()
    };
    let network = Network::build(vec![plan("fttp", &params)], 1)?;
    let emulator = network.emulator().context("no emulator")?;
    for direction in Direction::BOTH {
        let bulk = Bulk::start(&network, "fttp", direction, 2)?;
        let deadline = Instant::now() + Duration::from_secs(20);
        // Three seconds' worth at the set rate.
        while bulk.received() < BPS / 8 * 3 {
            ensure!(Instant::now() < deadline, "{direction:?}: {} bytes", bulk.received());
            std::thread::park_timeout(Duration::from_millis(10));
        }
    }
    let end = emulator.now();
    let ledger = finish(network)?;
    for (link, direction) in [(0, Direction::Up), (0, Direction::Down)] {
        let rate = ledger.rate(link, direction, 0, end);
        let ratio = rate.peak_1s_bps / BPS as f64;
        println!("{direction:?}: peak {:.1} Mbit/s", rate.peak_1s_bps / 1e6);
        // One packet may straddle the second's edge, a late write a few more.
        ensure!((0.95..1.01).contains(&ratio), "{direction:?}: peak is {ratio} of the set rate");
    }
    Ok(())
}

/// Answers like a reflector: its own number first, the sender's at byte 24.
fn reflect(socket: &UdpSocket, stop: &AtomicBool) -> std::io::Result<()> {
    socket.set_read_timeout(Some(Duration::from_millis(100)))?;
    let mut buffer = [0; 128];
    while !stop.load(Ordering::Relaxed) {
        let Ok((length, from)) = socket.recv_from(&mut buffer) else { continue };
        buffer.copy_within(0..4, 24);
        buffer[..4].fill(0xee);
        socket.send_to(&buffer[..length], from)?;
    }
    Ok(())
}

fn probe_socket(link: &str, target: SocketAddr) -> std::io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(target), Type::DGRAM, Some(Protocol::UDP))?;
    socket.bind_device(Some(link.as_bytes()))?;
    socket.connect(&target.into())?;
    socket.set_read_timeout(Some(Duration::from_millis(300)))?;
    Ok(socket.into())
}

/// Sends one probe and waits for its reply; none if it is lost.
fn probe(socket: &UdpSocket, seq: u32) -> std::io::Result<Option<Duration>> {
    let mut packet = [0; 44];
    packet[..4].copy_from_slice(&seq.to_be_bytes());
    let sent = Instant::now();
    socket.send(&packet)?;
    let mut buffer = [0; 128];
    while let Ok(length) = socket.recv(&mut buffer) {
        if length >= 28 && buffer[24..28] == seq.to_be_bytes() {
            return Ok(Some(sent.elapsed()));
        }
    }
    Ok(None)
}

/// Runs `work` beside a reflector at the core's service addresses.
fn with_reflector<T>(
    network: &Network,
    work: impl FnOnce() -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let stop = AtomicBool::new(false);
    let addresses: [SocketAddr; 2] =
        [(SERVICE_V4, REFLECTOR_PORT).into(), (SERVICE_V6, REFLECTOR_PORT).into()];
    let sockets = network
        .core()
        .enter(|| addresses.map(UdpSocket::bind))?
        .into_iter()
        .collect::<Result<Vec<_>, _>>()?;
    std::thread::scope(|scope| {
        let threads: Vec<_> =
            sockets.iter().map(|socket| scope.spawn(|| reflect(socket, &stop))).collect();
        let result = work();
        stop.store(true, Ordering::Relaxed);
        for thread in threads {
            thread.join().map_err(|_| anyhow::anyhow!("reflector panicked"))??;
        }
        result
    })
}

fn rtt_and_loss_as_in_the_ledger() -> anyhow::Result<()> {
    const PROBES: u32 = 100;
    let params = DirectionParams {
        capacity: Capacity::constant(100_000_000),
        queue_bytes: 500_000,
        delay: 10 * MILLISECOND,
        variation: 4 * MILLISECOND,
        loss: 0.05,
        ..DirectionParams::default()
    };
    let network = Network::build(vec![plan("fttp", &params), plan("lte", &params)], 42)?;
    let mut measured = Vec::new();
    with_reflector(&network, || {
        for (link, name) in ["fttp", "lte"].into_iter().enumerate() {
            let targets: [SocketAddr; 2] =
                [(SERVICE_V4, REFLECTOR_PORT).into(), (SERVICE_V6, REFLECTOR_PORT).into()];
            for target in targets {
                let socket = network.home().enter(|| probe_socket(name, target))??;
                let port = socket.local_addr()?.port();
                let version = if target.is_ipv4() { 4 } else { 6 };
                for seq in 0..PROBES {
                    let flow = Flow::Stamp { version, port, seq };
                    measured.push((link, flow, probe(&socket, seq)?));
                }
            }
        }
        Ok(())
    })?;
    let ledger = finish(network)?;
    let mut off_ms = Vec::new();
    for link in 0..2 {
        let truth = ledger.probes(link);
        let mine: Vec<_> = measured.iter().filter(|probe| probe.0 == link).collect();
        ensure!(truth.len() == mine.len(), "{} probes, {} in the ledger", mine.len(), truth.len());
        let lost = truth.iter().filter(|probe| probe.rtt.is_none()).count();
        println!("link {link}: {lost} of {} lost", truth.len());
        ensure!(lost > 0, "no loss in {} probes at 5 % each way", truth.len());
        for (truth, (_, flow, rtt)) in truth.iter().zip(mine) {
            ensure!(truth.flow == *flow, "{flow:?} is {:?} in the ledger", truth.flow);
            ensure!(
                truth.rtt.is_some() == rtt.is_some(),
                "{flow:?}: measured {rtt:?}, true {:?}, lost {:?}",
                truth.rtt,
                truth.lost
            );
            if let (Some(truth), Some(rtt)) = (truth.rtt, rtt) {
                off_ms.push(to_ms(rtt.as_nanos() as u64) - to_ms(truth));
            }
        }
    }
    off_ms.sort_unstable_by(f64::total_cmp);
    let median = off_ms[off_ms.len() / 2];
    println!(
        "measured minus ledger: min {:.3}, median {median:.3}, max {:.3} ms; late {:?} ns",
        off_ms[0],
        off_ms[off_ms.len() - 1],
        ledger.lateness()
    );
    ensure!((0.0..0.5).contains(&median), "median is {median} ms off the ledger");
    Ok(())
}

fn outage_and_gateway_states() -> anyhow::Result<()> {
    let params = DirectionParams { delay: MILLISECOND, ..DirectionParams::default() };
    let network = Network::build(vec![plan("fttp", &params)], 3)?;
    let emulator = network.emulator().context("no emulator")?;
    with_reflector(&network, || {
        let target = (SERVICE_V4, REFLECTOR_PORT).into();
        let socket = network.home().enter(|| probe_socket("fttp", target))??;
        let pings = |target: Ipv4Addr| -> anyhow::Result<bool> {
            Ok(network.home().enter(|| answers(target.into(), Duration::from_millis(300)))??)
        };
        let mut seq = 0;
        let mut state = |what: &str, expected: [bool; 3]| -> anyhow::Result<()> {
            seq += 1;
            // A failed gateway leaves a failed neighbour behind, which makes
            // sending fail: unanswered too.
            let answered = probe(&socket, seq).unwrap_or(None).is_some();
            let found = [answered, pings(Network::gateway_v4(0))?, pings(Network::isp_v4(0))?];
            ensure!(found == expected, "{what}: reflector, gateway, isp: {found:?}");
            Ok(())
        };
        state("healthy", [true, true, true])?;
        for direction in Direction::BOTH {
            for (out, at) in [(true, 0), (false, SECOND * 10)] {
                let at = emulator.now() + at;
                let change = Change::Outage(out);
                emulator.schedule(Scheduled { at, link: 0, direction, change });
            }
            state("outage", [false, true, false])?;
            let at = emulator.now();
            let change = Change::Outage(false);
            emulator.schedule(Scheduled { at, link: 0, direction, change });
            state("after the outage", [true, true, true])?;
        }
        network.set_gateway(0, Gateway::Mute)?;
        state("mute gateway", [true, false, true])?;
        network.set_gateway(0, Gateway::Failed)?;
        state("failed gateway", [false, false, false])?;
        network.set_gateway(0, Gateway::Working)?;
        state("gateway again", [true, true, true])?;
        network.set_core_path(0, false)?;
        state("core path broken", [false, true, true])?;
        network.set_core_path(0, true)?;
        state("core path mended", [true, true, true])?;
        Ok(())
    })?;
    finish(network).map(drop)
}
