//! The agent at work: it follows the links, has each measured and judged, keeps
//! the records in the spool and sends them on, until it is told to stop.
//!
//! Read in this order: this file (what starts, and how it ends), [`follow`] (the
//! run while it lasts), [`plan`] (pure: what is probed on a link), [`link`] (one
//! link's task), [`prober`], [`prober_stamp`], [`path`] and [`pacer`] (the tasks
//! that probe), [`found`] (pure: names' addresses), [`usage`] (what the link
//! carried), [`switch_over`] (pure: which link it takes when another fails), [`radio`]
//! (what carries it through the air), [`dozing`] (whether a radio was idle), [`heavy`]
//! (tests), [`costs`] (what it all costs), [`asked`]
//! (what the collector asks for), [`desk`] (what is known of a link), [`timeline`]
//! (pure: wall time that does not jump), [`rightness`] (pure: whether it was right),
//! [`dating`] (pure: what was dated by a clock that was not), [`recorder`], [`undated`] (pure: what happens before the clock is set), [`state`]
//! and [`memory`] (what is kept over restarts), [`status`] (what it is doing, on
//! request), [`times`] (pure: how long probes took) and [`progress`] (what a
//! watcher is told).

mod asked;
mod costs;
mod dating;
mod desk;
mod dozing;
mod follow;
mod found;
mod heavy;
mod link;
mod memory;
mod pacer;
mod path;
mod plan;
mod prober;
mod prober_stamp;
mod progress;
mod radio;
mod recorder;
mod rightness;
mod state;
pub mod status;
mod switch_over;
mod timeline;
pub mod times;
mod undated;
mod usage;

use std::collections::BTreeMap;
use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;

use hearth_proto::BootId;
use rand::RngExt;
use rand::rngs::SmallRng;
use tokio::sync::{mpsc, oneshot, watch};

use crate::config::{Collector, Config, TlsFiles};
use crate::link::bind::Binder;
use crate::link::discover::{DiscoverError, Watcher};
use crate::link::netlink::Netlink;
use crate::link::radio::follow::{self as radio_source, Radios};
use crate::probe::heavy::TestServer;
use crate::probe::stamp;
use crate::spool::{Spool, SpoolError, SpoolLimits, SpoolStats};
use crate::uplink::{self, UplinkConfig, UplinkError, UplinkState, UplinkTls};
use costs::Costs;
use desk::Desks;
use follow::{Clocks, Run, read_clocks};
pub use heavy::tester;
use heavy::{Testing, tester::Tester};
use link::Shared;
use memory::Memory;
pub(crate) use plan::affords;
pub use progress::{News, Progress, Unwatched};
use recorder::Recorder;
use rightness::Rightness;
pub use state::StateError;
use status::StatusReader;
use timeline::Timeline;

/// What the collector asks for that may wait.
const ASKS: usize = 32;

/// Why a run can't begin, or go on.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// What is kept over restarts can't be read or made.
    #[error(transparent)]
    State(#[from] StateError),
    /// STAMP can't be spoken as configured.
    #[error(transparent)]
    Stamp(#[from] stamp::SettingsError),
    /// The spool can't be used.
    #[error(transparent)]
    Spool(#[from] SpoolError),
    /// The kernel does not say which links there are.
    #[error(transparent)]
    Discover(#[from] DiscoverError),
    /// The kernel gives no netlink socket.
    #[error("can't open a netlink socket")]
    Netlink(#[source] std::io::Error),
    /// A certificate's file can't be read.
    #[error("can't read {path}")]
    Certificate {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The collector's address can't be used.
    #[error(transparent)]
    Collector(#[from] uplink::CollectorUriError),
    /// The uplink can't begin.
    #[error(transparent)]
    Uplink(#[from] UplinkError),
}

/// How a run ended.
#[derive(Debug, Clone)]
pub struct Ended {
    /// How the uplink stood.
    pub uplink: UplinkState,
    /// What is left in the spool for the next run.
    pub spool: SpoolStats,
}

/// What a run may be given beside its configuration.
pub struct Hooks {
    /// Is told what happens.
    pub progress: Arc<dyn Progress>,
    /// Runs the tests.
    pub tester: Arc<dyn Tester>,
    /// Is given the means to ask what the run is doing, once it has begun.
    pub status: Option<oneshot::Sender<StatusReader>>,
    /// What the modems say; `None`: it is read where the configuration says.
    pub radios: Option<watch::Receiver<Radios>>,
}

impl Hooks {
    /// The usual ones, and nobody who asks.
    pub fn new(progress: Arc<dyn Progress>) -> Self {
        Self { progress, tester: Arc::new(tester::Probes), status: None, radios: None }
    }
}

/// Measures until `shutdown` completes, then closes all slots, sends what can be
/// sent within the uplink's bound, and keeps the rest for the next run.
///
/// # Errors
/// When it can't begin, or the uplink can't go on.
pub async fn run(
    config: Config,
    progress: Arc<dyn Progress>,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<Ended, RunError> {
    run_with(config, Hooks::new(progress), shutdown).await
}

/// The same, with other means.
///
/// # Errors
/// As [`run`].
pub async fn run_with(
    config: Config,
    hooks: Hooks,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<Ended, RunError> {
    let stamp = Arc::new(stamp::Settings::of(&config.stamp)?);
    let boot = BootId(rand::make_rng::<SmallRng>().random());
    let agent = state::agent_id(&config.state_dir, config.agent.as_ref())?;
    let limits = SpoolLimits { max_bytes: config.spool_max_bytes, ..SpoolLimits::default() };
    let path = config.spool_path.clone();
    let spool = tokio::task::spawn_blocking(move || Spool::open(&path, limits, boot))
        .await
        .map_err(|_| SpoolError::Closed)??;
    let sending = uplink_config(&config, agent.clone())?;
    let server = test_server(&config)?;
    tracing::info!(%agent, household = %config.household, %boot, "agent starts");

    let first = read_clocks();
    let timeline = Timeline::new(&first);
    let memory = Memory::load(&config.state_dir, timeline.at(first.mono));
    let desks = Desks::default();

    let (uplink_state, seen) = watch::channel(UplinkState::default());
    let (stop_uplink, uplink_stopped) = oneshot::channel::<()>();
    let stopped = async {
        uplink_stopped.await.ok();
    };
    let (asks, asked) = mpsc::channel(ASKS);
    let (stepped, steps) = watch::channel(0);
    let spenders = desks.clone();
    let sending = UplinkConfig {
        state: Some(uplink_state),
        asks: Some(asks),
        spender: Some(Arc::new(move |local| spenders.spender(local))),
        stepped: Some(steps),
        ..sending
    };
    let mut uplink = tokio::spawn(uplink::run(sending, spool.clone(), stopped));
    let watching = tokio::spawn(tell_uplink(seen.clone(), Arc::clone(&hooks.progress)));

    let netlink = Netlink::open().map_err(RunError::Netlink)?;
    let (links, watcher) = Watcher::start(netlink.clone(), config.links.selection()).await?;
    let baselines = state::Kept::load(&config.state_dir);
    let (wall, told) = watch::channel(timeline);
    let testing =
        Testing { tester: hooks.tester, server, free: Arc::new(tokio::sync::Semaphore::new(1)) };
    let shared = Shared {
        recorder: Recorder::new(spool.clone(), first.mono, hooks.progress),
        binder: Binder::new(netlink),
        baselines: Arc::clone(&baselines.links),
        radios: hooks.radios.unwrap_or_else(|| radio_source::start(config.links.radio)),
        stamp,
        config: Arc::new(config),
        memory: memory.clone(),
        testing,
        wall: told,
        switch_overs: Arc::default(),
    };
    if let Some(status) = hooks.status {
        // Whoever wanted it may have gone.
        let _ = status.send(StatusReader {
            agent,
            boot,
            began: first.mono,
            config: Arc::clone(&shared.config),
            wall: shared.wall.clone(),
            memory: memory.clone(),
            desks: desks.clone(),
            uplink: seen.clone(),
            spool: spool.clone(),
        });
    }
    let mut run = Run {
        costs: Costs::new(memory, desks.clone(), first.mono),
        clocks: Clocks { uplink: seen, wall, stepped, rightness: Rightness::default() },
        shared,
        timeline,
        last: first,
        tasks: BTreeMap::new(),
        desks,
    };
    run.routed(&links, first.mono);
    run.begin(links.values()).await;
    run.interrupted().await;
    let early = run.follow(watcher, &baselines, asked, shutdown, &mut uplink).await;
    run.finish(&baselines).await;

    let _ = stop_uplink.send(());
    let ended = match early {
        Some(ended) => ended,
        None => (&mut uplink).await,
    };
    watching.abort();
    // What was sent last has cost something too.
    run.keep().await;
    let spool = match spool.close().await {
        Ok(stats) => stats,
        Err(error) => {
            tracing::error!(error = crate::chain::chain(&error), "spool was not closed cleanly");
            SpoolStats::default()
        }
    };
    tracing::info!(slots_left = spool.slots, events_left = spool.events, "agent stopped");
    // A panic there is a bug here: let it be seen.
    let uplink = ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))?;
    Ok(Ended { uplink, spool })
}

fn test_server(config: &Config) -> Result<Option<TestServer>, RunError> {
    let Some(url) = config.tests.server.clone() else { return Ok(None) };
    let ca_pem = match &config.tests.ca {
        None => None,
        Some(path) => {
            let read = std::fs::read(path);
            let fail = |source| RunError::Certificate { path: path.clone(), source };
            Some(read.map_err(fail)?.into())
        }
    };
    Ok(Some(TestServer { url, ca_pem, resolvers: Arc::default() }))
}

async fn tell_uplink(mut state: watch::Receiver<UplinkState>, progress: Arc<dyn Progress>) {
    while state.changed().await.is_ok() {
        let news = state.borrow_and_update().clone();
        progress.tell(News::Uplink(news));
    }
}

fn uplink_config(config: &Config, agent: hearth_proto::AgentId) -> Result<UplinkConfig, RunError> {
    let uri = config.collector.url().as_str().parse()?;
    let tls = match &config.collector {
        Collector::Plain(_) => None,
        Collector::MutualTls(_, TlsFiles { ca, cert, key }) => {
            let read = |path: &PathBuf| {
                std::fs::read(path)
                    .map_err(|source| RunError::Certificate { path: path.clone(), source })
            };
            Some(UplinkTls {
                ca: read(ca)?,
                certificate: read(cert)?,
                key: read(key)?,
                server_name: None,
            })
        }
    };
    let usual = UplinkConfig::new(uri, agent, config.household.clone());
    Ok(UplinkConfig { tls, vantage: config.vantage, ..usual })
}
