//! The agent at work: it follows the links, has each measured and judged, keeps
//! the records in the spool and sends them on, until it is told to stop.
//!
//! Read in this order: this file (what starts, and how it ends), [`plan`] (pure:
//! what is probed on a link), [`link`] (one link's task), [`prober`],
//! [`prober_stamp`] and [`pacer`] (the tasks that probe), [`found`] (pure: names'
//! addresses), [`usage`] (what the household itself carried), [`timeline`] (pure:
//! wall time that does not jump), [`recorder`], [`undated`] (pure: what happens
//! before the clock is set), [`state`] (what is kept over restarts) and
//! [`progress`] (what a watcher is told).

mod found;
mod link;
mod pacer;
mod plan;
mod prober;
mod prober_stamp;
mod progress;
mod recorder;
mod state;
mod timeline;
mod undated;
mod usage;

use std::collections::BTreeMap;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hearth_proto::{BootId, EventKind, LinkName};
use nix::time::{ClockId, clock_gettime};
use rand::RngExt;
use rand::rngs::SmallRng;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::clock;
use crate::config::{Collector, Config, TlsFiles};
use crate::link::bind::Binder;
use crate::link::classify::{classify, read_facts};
use crate::link::discover::{DiscoverError, Link, LinkChange, Watcher};
use crate::link::netlink::Netlink;
use crate::probe::stamp;
use crate::spool::{Spool, SpoolError, SpoolLimits, SpoolStats};
use crate::uplink::{self, UplinkConfig, UplinkError, UplinkState, UplinkTls};
use link::{Order, Shared};
pub use progress::{News, Progress, Unwatched};
use recorder::Recorder;
pub use state::StateError;
use timeline::{Reading, Timeline};

/// How long links may take to close their slots when the run ends.
const DRAIN_LINKS: Duration = Duration::from_secs(5);
/// How often what was learned is kept: the flash is spared.
const KEEP_EVERY: Duration = Duration::from_secs(3600);

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
    let stamp = Arc::new(stamp::Settings::of(&config.stamp)?);
    let boot = BootId(rand::make_rng::<SmallRng>().random());
    let agent = state::agent_id(&config.state_dir, config.agent.as_ref())?;
    let limits = SpoolLimits { max_bytes: config.spool_max_bytes, ..SpoolLimits::default() };
    let path = config.spool_path.clone();
    let spool = tokio::task::spawn_blocking(move || Spool::open(&path, limits, boot))
        .await
        .map_err(|_| SpoolError::Closed)??;
    let uplink = uplink_config(&config, agent.clone())?;
    tracing::info!(%agent, household = %config.household, %boot, "agent starts");

    let (uplink_state, seen) = watch::channel(UplinkState::default());
    let (stop_uplink, uplink_stopped) = oneshot::channel::<()>();
    let stopped = async {
        uplink_stopped.await.ok();
    };
    let sending = UplinkConfig { state: Some(uplink_state), ..uplink };
    let mut uplink = tokio::spawn(uplink::run(sending, spool.clone(), stopped));
    let watching = tokio::spawn(tell_uplink(seen, Arc::clone(&progress)));

    let netlink = Netlink::open().map_err(RunError::Netlink)?;
    let (links, watcher) = Watcher::start(netlink.clone(), config.links.selection()).await?;
    let first = read_clocks();
    let baselines = state::Kept::load(&config.state_dir);
    let shared = Shared {
        recorder: Recorder::new(spool.clone(), first.mono, progress),
        binder: Binder::new(netlink),
        baselines: Arc::clone(&baselines.links),
        stamp,
        config: Arc::new(config),
    };
    let mut run =
        Run { shared, timeline: Timeline::new(&first), last: first, tasks: BTreeMap::new() };
    run.begin(links.values()).await;
    let early = run.follow(watcher, &baselines, shutdown, &mut uplink).await;
    run.finish(&baselines).await;

    let _ = stop_uplink.send(());
    let ended = match early {
        Some(ended) => ended,
        None => (&mut uplink).await,
    };
    watching.abort();
    let spool = match spool.close().await {
        Ok(stats) => stats,
        Err(error) => {
            tracing::error!(error = prober::chain(&error), "spool was not closed cleanly");
            SpoolStats::default()
        }
    };
    tracing::info!(slots_left = spool.slots, events_left = spool.events, "agent stopped");
    // A panic there is a bug here: let it be seen.
    let uplink = ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))?;
    Ok(Ended { uplink, spool })
}

type UplinkEnd = Result<Result<UplinkState, UplinkError>, tokio::task::JoinError>;

struct Running {
    orders: mpsc::Sender<Order>,
    task: JoinHandle<()>,
}

struct Run {
    shared: Shared,
    timeline: Timeline,
    last: Reading,
    tasks: BTreeMap<LinkName, Running>,
}

impl Run {
    async fn begin(&mut self, links: impl Iterator<Item = &Link>) {
        let config = Arc::clone(&self.shared.config);
        let at = self.timeline.at(self.last.mono);
        let boot = EventKind::Boot {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            slot: config.slot,
            vantage: config.vantage,
        };
        self.shared.recorder.event(at, boot).await;
        if !undated::is_dated(at) {
            self.shared.recorder.cannot(at, undated::cannot_date()).await;
        }
        for cannot in plan::cannot_anywhere(&config) {
            self.shared.recorder.cannot(at, cannot).await;
        }
        let mut any = false;
        for link in links {
            any = true;
            self.appeared(link.clone(), self.last.mono).await;
        }
        if !any {
            let cannot = recorder::Cannot {
                link: None,
                what: "any link".into(),
                why: "no interface of this machine has a default route".into(),
                remedy: "connect one: it is measured as soon as it is there".into(),
            };
            self.shared.recorder.cannot(at, cannot).await;
        }
    }

    /// Until `shutdown`, or until the uplink ends by itself.
    async fn follow(
        &mut self,
        mut watcher: Watcher,
        kept: &state::Kept,
        shutdown: impl Future<Output = ()>,
        uplink: &mut JoinHandle<Result<UplinkState, UplinkError>>,
    ) -> Option<UplinkEnd> {
        let mut seconds = interval(Duration::from_secs(1));
        // A late look at the clocks is as good as one on time.
        seconds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut kept_at = clock::now();
        let mut shutdown = std::pin::pin!(shutdown);
        loop {
            tokio::select! {
                () = &mut shutdown => return None,
                ended = &mut *uplink => return Some(ended),
                Some(update) = watcher.next() => {
                    for change in once_per_link(update.changes) {
                        self.changed(change, update.noticed).await;
                    }
                }
                _ = seconds.tick() => {
                    self.check_clocks().await;
                    if kept_at.elapsed() >= KEEP_EVERY {
                        kept_at = clock::now();
                        kept.save();
                    }
                }
            }
        }
    }

    async fn changed(&mut self, change: LinkChange, noticed: Instant) {
        let at = self.timeline.at(noticed);
        let link = change.link().clone();
        match change {
            LinkChange::Appeared(_) if !self.tasks.contains_key(&link.name) => {
                self.appeared(link, noticed).await;
                return;
            }
            LinkChange::Appeared(_) => {
                let info = self.info(&link);
                self.shared.recorder.tell(News::Link(info.clone()));
                self.shared.recorder.event(at, EventKind::LinkAppeared(info)).await;
            }
            LinkChange::Gone(_) => {
                self.shared.recorder.tell(News::Gone(link.name.clone()));
                let gone = EventKind::LinkGone { link: link.name.clone() };
                self.shared.recorder.event(at, gone).await;
            }
            _ => {
                let info = self.info(&link);
                self.shared.recorder.tell(News::Link(info.clone()));
                self.shared.recorder.event(at, EventKind::LinkChanged(info)).await;
            }
        }
        self.order(&link.name.clone(), Order::Link(Box::new(link), noticed)).await;
    }

    async fn appeared(&mut self, link: Link, noticed: Instant) {
        let info = self.info(&link);
        let at = self.timeline.at(noticed);
        self.shared.recorder.tell(News::Link(info.clone()));
        self.shared.recorder.event(at, EventKind::LinkAppeared(info)).await;
        let name = link.name.clone();
        let (orders, task) = link::start(self.shared.clone(), link, self.timeline, noticed);
        self.tasks.insert(name, Running { orders, task });
    }

    fn info(&self, link: &Link) -> hearth_proto::LinkInfo {
        let facts = read_facts(Path::new("/sys"), &link.interface, link.kind.as_deref());
        let configured = self.shared.config.links.of(&link.interface);
        link.info(&classify(&facts, configured.and_then(|c| c.technology)))
    }

    async fn order(&self, link: &LinkName, order: Order) {
        if let Some(running) = self.tasks.get(link)
            && running.orders.send(order).await.is_err()
        {
            tracing::error!(%link, "the link's task has ended");
        }
    }

    async fn check_clocks(&mut self) {
        let now = read_clocks();
        let broken = self.timeline.compare(&self.last, &now);
        self.last = now;
        let Some(broken) = broken else { return };
        self.timeline = broken.timeline;
        if let Some(ms) = broken.slept_ms {
            tracing::info!(ms, "the machine slept");
        }
        if let Some(by_ms) = broken.stepped_ms {
            let at = self.timeline.at(now.mono);
            self.shared.recorder.clock_stepped(by_ms, at).await;
            self.shared.recorder.event(at, EventKind::ClockStep { by_ms }).await;
        }
        for name in self.tasks.keys() {
            self.order(name, Order::Timeline(broken)).await;
        }
    }

    /// Has all links close their slots, within a bound.
    async fn finish(&mut self, kept: &state::Kept) {
        for (name, running) in &self.tasks {
            if running.orders.send(Order::Stop).await.is_err() {
                tracing::error!(link = %name, "the link's task has ended");
            }
        }
        let deadline = clock::now() + DRAIN_LINKS;
        for (name, running) in std::mem::take(&mut self.tasks) {
            let left = deadline.saturating_duration_since(clock::now());
            let abort = running.task.abort_handle();
            if timeout(left, running.task).await.is_err() {
                tracing::warn!(link = %name, "the link's last slots were not closed in time");
                abort.abort();
            }
        }
        kept.save();
        let at = self.timeline.at(clock::now());
        self.shared.recorder.event(at, EventKind::Shutdown).await;
        let (slots, events) = self.shared.recorder.never_dated();
        if slots > 0 || events > 0 {
            tracing::warn!(slots, events, "lost: the clock was never set");
        }
    }
}

/// All changes of one look carry the link as it is now: one of them is enough,
/// and that it came or went says the most.
fn once_per_link(changes: Vec<LinkChange>) -> Vec<LinkChange> {
    let mut kept: Vec<LinkChange> = Vec::new();
    for change in changes {
        let name = &change.link().name;
        match kept.iter_mut().find(|known| known.link().name == *name) {
            Some(known) if matches!(change, LinkChange::Appeared(_) | LinkChange::Gone(_)) => {
                *known = change;
            }
            Some(_) => {}
            None => kept.push(change),
        }
    }
    kept
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

fn read_clocks() -> Reading {
    let mono = clock::now();
    let wall = clock::since_unix();
    // Without that clock, sleep would look like a step of the wall clock.
    let since_boot = clock_gettime(ClockId::CLOCK_BOOTTIME).map(Duration::from).unwrap_or_default();
    Reading { mono, since_boot, wall }
}
