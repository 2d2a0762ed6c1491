//! Everything in one process, for a first look: a collector with its reflector
//! and console, and an agent that measures this machine's links.
//!
//! This room alone names the agent's crate. Read [`run`] first; `watch` shows
//! what happens meanwhile.

mod watch;

use std::future::Future;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use hearth_agent::config::{
    Collector, Config, HostPort, LinkSettings, Pace, StampSettings, Target,
    TestSettings, Wording,
};
use hearth_agent::measure::{self, latency};
use hearth_agent::probe::outlet::Outlet;
use hearth_proto::{HouseholdId, SlotLength, UnixMs, Vantage};
use jiff::tz::TimeZone;
use tokio::net::TcpListener;

use crate::console::ConsoleState;
use crate::history::Span;
use crate::homes::Home;
use crate::ingest::{CommitterConfig, Door};
use crate::lock::Alone;
use crate::qoe::catalogue::Catalogue;
use crate::report::{Report, household_report};
use crate::serve::{self, Companion, Listeners, ServeConfig, Shutdown};
use crate::store::Store;
use crate::store::sqlite::SqliteStore;
use watch::Watch;

/// Short slots, so that a minute already holds several.
const SLOT_MS: u32 = 10_000;
/// Holds a whole slot, wherever in one it begins, and the last answers' time.
const SHORTEST: Duration = Duration::from_secs(25);
/// Twenty probes a slot: as many as a 95th percentile needs.
const FAST: Duration = Duration::from_millis(500);
const SLOW: Duration = Duration::from_secs(5);
const SPOOL_BYTES: u64 = 32 << 20;
const DRAIN: Duration = Duration::from_secs(5);
/// How far back a report looks for what earlier runs left.
const DAY_MS: i64 = 86_400_000;
/// Probes to the own reflector over loopback.
const SELF_CHECK: u32 = 20;

/// Remedies that can be typed here.
const WORDING: Wording = Wording {
    no_reflector: "the reflector started here is on this machine, so probes to it leave by no link",
    give_reflector: "name one elsewhere with --reflector HOST:8620 (`hearth-collector reflector \
                     --listen 0.0.0.0:8620` runs one there)",
    give_far: "name somebody with --target HOST or --reflector HOST[:PORT]",
    give_resolver: "name one in /etc/resolv.conf",
};

/// What to do.
pub struct Plan {
    /// Where everything is kept.
    pub data: PathBuf,
    /// Whose links these are.
    pub household: HouseholdId,
    /// Until when; without it, until the shutdown.
    pub length: Option<Duration>,
    /// What to measure against.
    pub targets: Vec<Target>,
    /// A reflector elsewhere.
    pub reflector: Option<HostPort>,
    /// Where the console is wanted.
    pub console: SocketAddr,
    /// By what to judge.
    pub catalogue: Catalogue,
    /// Of local times.
    pub zone: TimeZone,
    /// The wall clock.
    pub now: fn() -> UnixMs,
}

/// Measures for the plan's length, or until `shutdown`; then drains, and gives
/// the report over what the last day has, earlier runs on the same data
/// included.
pub async fn run(plan: Plan, shutdown: impl Future<Output = ()> + Send) -> anyhow::Result<Report> {
    let store = SqliteStore::open(&plan.data)
        .context("quickstart needs a data folder (--data DIR names another)")?;
    let store = Arc::new(store);
    let _alone = Alone::over(&plan.data)?;
    let ingest =
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("listening for the agent")?;
    let ingest_addr = ingest.local_addr().context("listening for the agent")?;
    let sockets = reflector_sockets().context("answering probes")?;
    let own_reflector = sockets[0].local_addr().context("answering probes")?;
    let console = console_listener(plan.console).await?;
    let url = format!("http://{}", console.local_addr().context("listening for the console")?);

    let state = ConsoleState::new(
        store.clone(),
        Arc::new(plan.catalogue.clone()),
        plan.zone.clone(),
        plan.now,
    );
    let companions = vec![
        Companion::new("reflector", |stop: Shutdown| async move {
            let policy = crate::reflector::Policy::default();
            crate::reflector::run(sockets, policy, Arc::default(), async move {
                stop.begun().await;
            })
            .await?;
            Ok(())
        }),
        Companion::new("console", |stop: Shutdown| async move {
            Ok(crate::console::run(console, state, async move { stop.begun().await }).await?)
        }),
    ];
    let config = ServeConfig {
        store: store.clone(),
        door: Door::new(ingest_addr, None)?,
        commits: CommitterConfig::default(),
        drain: DRAIN,
    };
    let (stop_serving, serving_stopped) = tokio::sync::oneshot::channel::<()>();
    let collector = tokio::spawn(serve::run(config, Listeners { ingest }, companions, async {
        serving_stopped.await.ok();
    }));

    let watch = Arc::new(Watch::new());
    watch.say(&format!("console   {url}"));
    watch.say(&format!("data      {}", plan.data.display()));
    self_check(own_reflector, &watch).await;

    if let Some(length) = plan.length.filter(|length| *length < SHORTEST) {
        watch.say(&format!(
            "note      {} s may be too short to judge anything: a verdict takes a slot of {} s from \
             its beginning; give --for {}s or more",
            length.as_secs(),
            SLOT_MS / 1000,
            SHORTEST.as_secs()
        ));
    }

    let began = (plan.now)();
    let until = async {
        match plan.length {
            Some(length) => {
                tokio::select! {
                    () = tokio::time::sleep(length) => {}
                    () = shutdown => {}
                }
            }
            None => shutdown.await,
        }
    };
    let agent = hearth_agent::run::run(agent_config(&plan, ingest_addr)?, watch.clone(), until);
    let ticking = watch.tick(plan.length);
    let ended = tokio::select! {
        ended = agent => ended,
        never = ticking => match never {},
    };
    watch.done();
    let _ = stop_serving.send(());
    collector.await.context("the collector")??;
    let left = ended?.spool;
    if left.slots + left.events > 0 {
        watch.say(&format!(
            "note      {} records could not be handed over: the next start on this data does",
            left.slots + left.events
        ));
    }
    tokio::task::block_in_place(|| report(&plan, &*store, began))
}

/// One in each IP version that the machine has, on loopback.
fn reflector_sockets() -> std::io::Result<Vec<std::net::UdpSocket>> {
    let v4 = crate::reflector::bind((Ipv4Addr::LOCALHOST, 0).into())?;
    // Without IPv6 on the machine, IPv4 is enough.
    let v6 = crate::reflector::bind((Ipv6Addr::LOCALHOST, 0).into());
    Ok(std::iter::once(v4).chain(v6).collect())
}

async fn console_listener(wanted: SocketAddr) -> anyhow::Result<TcpListener> {
    match TcpListener::bind(wanted).await {
        Err(e) if e.kind() == std::io::ErrorKind::AddrInUse => {
            TcpListener::bind((wanted.ip(), 0)).await.context("listening for the console")
        }
        other => other.with_context(|| format!("listening on {wanted} for the console")),
    }
}

fn agent_config(plan: &Plan, collector: SocketAddr) -> anyhow::Result<Config> {
    let state_dir = plan.data.join("agent");
    Ok(Config {
        household: plan.household.clone(),
        agent: None,
        vantage: Vantage::Device,
        collector: Collector::Plain(format!("http://{collector}").parse()?),
        reflector: plan.reflector.clone(),
        targets: plan.targets.clone(),
        spool_path: state_dir.join("spool.sqlite"),
        status_socket: state_dir.join("agent.sock"),
        state_dir,
        spool_max_bytes: SPOOL_BYTES,
        slot: SlotLength::try_from(SLOT_MS)?,
        pace: Pace { stamp: FAST, gateway: FAST, slow: SLOW },
        tests: TestSettings::default(),
        stamp: StampSettings::default(),
        metrics: None,
        links: LinkSettings::default(),
        wording: WORDING,
    })
}

/// The floor under every figure: what the programs themselves add.
async fn self_check(reflector: SocketAddr, watch: &Watch) {
    let what = latency::Latency {
        protocol: latency::Protocol::Stamp,
        target: reflector.to_string(),
        to: reflector,
        outlet: Outlet::System,
        count: SELF_CHECK,
        interval: Duration::from_millis(5),
        stamp: hearth_agent::probe::stamp::Settings::default(),
    };
    let (_keep, mut stop) = measure::Stop::new();
    match latency::measure(&what, &mut std::io::sink(), &mut stop).await {
        Ok(report) => match report.figures.rtt_ms.p50 {
            Some(p50) => watch.say(&format!(
                "floor     {p50:.3} ms median round trip to the own reflector, within this machine"
            )),
            None => watch.say("note      the own reflector did not answer: see the log"),
        },
        Err(e) => watch.say(&format!("note      the own reflector can't be measured: {e}")),
    }
}

/// Over what there is of the last day: from the first slot to the last one's end.
fn report(plan: &Plan, store: &dyn Store, began: UnixMs) -> anyhow::Result<Report> {
    let now = (plan.now)();
    let day = Span { from: now.plus(-DAY_MS), to: now.plus(i64::from(SLOT_MS)) };
    let mut history = store.history_with_day_before(&plan.household, day)?;
    let all = || history.links.iter().flat_map(|l| &l.slots);
    let slots = || all().filter(|s| s.start >= day.from);
    let from = slots().map(|s| s.start).min().unwrap_or(began);
    let to = slots().map(|s| s.start.plus(i64::from(s.length.ms()))).max().unwrap_or(now);
    history.span = Span { from, to: to.max(from.plus(i64::from(SLOT_MS))) };
    Ok(household_report(&history, &Home::default(), &plan.catalogue, &plan.zone, now).1)
}

/// A target as `--target` takes it.
pub fn target(text: &str) -> Result<Target, String> {
    text.parse().map_err(|_| {
        format!("{text:?} is not accepted: HOST, HOST:PORT or a URL with http:// or https://")
    })
}

/// A reflector as `--reflector` takes it; STAMP's port unless given.
pub fn reflector(text: &str) -> Result<HostPort, String> {
    HostPort::parse(text, Some(hearth_proto::stamp::PORT))
        .map_err(|_| format!("{text:?} is not accepted: HOST or HOST:PORT"))
}

/// What the command line may name, so that nobody else names the agent's crate.
pub type TargetArg = Target;
/// As [`TargetArg`].
pub type ReflectorArg = HostPort;
