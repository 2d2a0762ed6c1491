//! What telemetry costs a link, resends by TCP included, as the agent counts it and as
//! the interface does: a full spool goes to a real collector by an emulated line that
//! loses packets. By IPv4 and IPv6, with a far end that has TCP's time stamps and one
//! that has none; and where nobody answers.
//!
//! Needs root and `/dev/net/tun`; without them every trial is ignored and says so.
#![expect(clippy::disallowed_methods, reason = "end-to-end tests run in real time")]

mod trials;

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use hearth_agent::link::spending::Spending;
use hearth_agent::spool::{Spool, SpoolLimits};
use hearth_agent::uplink::{self, UplinkConfig, UplinkState};
use hearth_proto::{BootId, Own, Purpose, Record, UnixMs};
use hearth_tests::fleet::household::Household;
use hearth_tests::fleet::script::Times;
use hearth_tests::lab::emulator::MILLISECOND;
use hearth_tests::lab::emulator::params::{Capacity, DirectionParams};
use hearth_tests::lab::net::{LinkPlan, Network, SERVICE_V4, SERVICE_V6};
use hearth_tests::lab::process::Process;
use hearth_tests::lab::programs::{COLLECTOR_PORT, Programs};
use hearth_tests::lab::unavailable;
use tokio::sync::{oneshot, watch};

const LINK: &str = "wan";
/// Ethernet's header, which the home's interface counts.
const LINK_HEADER: u64 = 14;
/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(120);
/// 2025-11-24T16:00:00Z.
const START: i64 = 1_764_000_000_000;
/// Some 2 MB of records.
const HOURS: i64 = 36;

fn main() {
    trials::run(
        unavailable(),
        3,
        &[
            ("resends_are_counted_over_ipv4", || reported(SERVICE_V4.into(), true)),
            ("resends_are_counted_over_ipv6", || reported(SERVICE_V6.into(), true)),
            ("a_far_end_without_time_stamps_over_ipv4", || reported(SERVICE_V4.into(), false)),
            ("a_far_end_without_time_stamps_over_ipv6", || reported(SERVICE_V6.into(), false)),
            ("attempts_that_nobody_answers_are_counted", unanswered),
        ],
    );
}

fn network(loss: f64) -> anyhow::Result<Network> {
    let params = DirectionParams {
        capacity: Capacity::constant(20_000_000),
        queue_bytes: 100_000,
        delay: 10 * MILLISECOND,
        loss,
        ..DirectionParams::default()
    };
    let plan = LinkPlan { name: LINK.to_owned(), up: params.clone(), down: params };
    let network = Network::build(vec![plan], 7)?;
    // What the interface counts is then what a card puts on the wire, segment by segment.
    network.home().batch(&format!("link set dev {LINK} gso_max_segs 1\n"))?;
    Ok(network)
}

/// What the line's interface has carried: received, sent.
fn carried(network: &Network) -> anyhow::Result<Own> {
    let shown = network.home().json(&["-s", "link", "show", "dev", LINK])?;
    let of = |way: &str| shown[0]["stats64"][way]["bytes"].as_u64().context("no counter");
    Ok(Own { rx_bytes: of("rx")?, tx_bytes: of("tx")? })
}

/// Runs an uplink in the home until `done`. Gives what it counted, asked as often as the
/// agent asks, and the last time after it ended.
fn uplink(
    network: &Network,
    collector: SocketAddr,
    folder: &Path,
    records: Vec<Record>,
    done: impl Fn(&UplinkState, &Spending) -> bool + Send,
) -> anyhow::Result<Own> {
    let spending = Arc::<Spending>::default();
    let of_link = Arc::clone(&spending);
    let mut config = UplinkConfig::new(
        format!("http://{collector}").parse()?,
        "agent-1".parse()?,
        "home-1".parse()?,
    );
    config.spender = Some(Arc::new(move |local: IpAddr| {
        (!local.is_loopback()).then(|| (Arc::clone(&of_link), LINK_HEADER))
    }));
    let (tell, mut state) = watch::channel(UplinkState::default());
    config.state = Some(tell);
    let path = folder.join("spool");
    let run = async move {
        let spool = Spool::open(&path, SpoolLimits::default(), BootId(1))?;
        spool.append(records).await?;
        let (stop, stopped) = oneshot::channel::<()>();
        let running = tokio::spawn(uplink::run(config, spool, async {
            let _ = stopped.await;
        }));
        let deadline = Instant::now() + PATIENCE;
        loop {
            let _ = tokio::time::timeout(Duration::from_millis(500), state.changed()).await;
            spending.refresh();
            let state = state.borrow_and_update().clone();
            if done(&state, &spending) {
                break;
            }
            ensure!(Instant::now() < deadline, "still {state:?}");
        }
        let _ = stop.send(());
        running.await??;
        Ok(spending.of(Purpose::Telemetry))
    };
    // One thread: a socket belongs to the namespace of the thread that opens it.
    network.home().enter(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(run)
    })?
}

fn records() -> anyhow::Result<Vec<Record>> {
    let from = UnixMs(START);
    let span = Times { from, to: from.plus(HOURS * 3_600_000) };
    let home = Household::ordinary("home-1", span, 3)?;
    Ok(home.records().map(|reported| reported.record).collect())
}

fn reported(to: IpAddr, has_timestamps: bool) -> anyhow::Result<()> {
    let programs = Programs::find(None)?;
    let folder = tempfile::tempdir()?;
    let network = network(0.05)?;
    if !has_timestamps {
        network.core().sysctl("ipv4/tcp_timestamps", "0")?;
    }
    let (data, collector) = (folder.path().join("data"), SocketAddr::from((to, COLLECTOR_PORT)));
    std::fs::create_dir_all(&data)?;
    let serve = programs.serve_at(network.core(), &data, collector);
    let _collector = Process::start("collector", serve, folder.path())?;
    let records = records()?;
    let all = records.len() as u64;
    let before = carried(&network)?;
    let own =
        uplink(&network, collector, folder.path(), records, |state, _| state.acknowledged == all)?;
    let after = carried(&network)?;
    let resent = tcp(&network, "RetransSegs")?;
    ensure!(resent > 30, "only {resent} segments were sent again: the line hardly lost any");
    let off = |own: u64, before: u64, after: u64| own as f64 / (after - before) as f64 - 1.0;
    let rx = off(own.rx_bytes, before.rx_bytes, after.rx_bytes);
    let tx = off(own.tx_bytes, before.tx_bytes, after.tx_bytes);
    println!(
        "{all} records in {} bytes, {resent} segments sent again; off by {:.3} % received, \
         {:.3} % sent",
        own.tx_bytes,
        100.0 * rx,
        100.0 * tx
    );
    ensure!(tx.abs() < 0.002, "off by {tx:.5} sent: {own:?} of {before:?} to {after:?}");
    // The kernel does not tell how many SACK blocks came with the acknowledgements.
    ensure!(rx.abs() < 0.15, "off by {rx:.5} received: {own:?} of {before:?} to {after:?}");
    Ok(())
}

/// Nobody is there, and the line carries nothing: the SYNs that the kernel sends are
/// all that it costs.
fn unanswered() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let network = network(1.0)?;
    let collector = (SERVICE_V4, COLLECTOR_PORT).into();
    // It gives up after 10 s, and once more when it is told to stop.
    let own = uplink(&network, collector, folder.path(), Vec::new(), |_, spending| {
        spending.of(Purpose::Telemetry).tx_bytes > 0
    })?;
    // Nothing else in the home speaks TCP.
    let syns = tcp(&network, "OutSegs")? + tcp(&network, "RetransSegs")?;
    println!("{syns} segments, {} bytes sent", own.tx_bytes);
    ensure!(syns >= 4, "{syns} segments");
    ensure!(own == Own { rx_bytes: 0, tx_bytes: 74 * syns }, "{own:?} of {syns} segments");
    Ok(())
}

/// One of the home's kernel's counters of TCP.
fn tcp(network: &Network, name: &str) -> anyhow::Result<u64> {
    let read = || std::fs::read_to_string("/proc/thread-self/net/snmp");
    let text = network.home().enter(read)??;
    let mut lines = text.lines().filter(|line| line.starts_with("Tcp:"));
    let names = lines.next().context("no names")?.split_whitespace();
    let values = lines.next().context("no values")?.split_whitespace();
    let found = names.zip(values).find(|(known, _)| *known == name);
    Ok(found.with_context(|| format!("no {name}"))?.1.parse()?)
}
