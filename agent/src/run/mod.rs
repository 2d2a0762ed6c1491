//! The agent at work: it follows the links, has each measured and judged, keeps
//! the records in the spool and sends them on, until it is told to stop.
//!
//! Read in this order: this file (what starts, and how it ends), [`plan`] (pure:
//! what is probed on a link), [`link`] (one link's task), [`prober`],
//! [`prober_stamp`], [`path`] and [`pacer`] (the tasks that probe), [`found`] (pure: names'
//! addresses), [`usage`] (what the link carried), [`radio`] (what carries it through
//! the air), [`dozing`] (whether a radio was idle), [`heavy`] (tests), [`costs`] (what
//! it all costs), [`asked`] (what the collector asks for), [`desk`] (what is known of a link), [`timeline`] (pure: wall
//! time that does not jump), [`recorder`], [`undated`] (pure: what happens before the
//! clock is set), [`state`] and [`memory`] (what is kept over restarts), [`status`]
//! (what it is doing, on request) and [`progress`] (what a watcher is told).

mod asked;
mod costs;
mod desk;
mod dozing;
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
mod state;
pub mod status;
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
use crate::link::classify::{classify, read_facts, with_radio};
use crate::link::discover::{DiscoverError, Link, LinkChange, Watcher};
use crate::link::netlink::Netlink;
use crate::probe::heavy::TestServer;
use crate::probe::stamp;
use crate::spool::{Spool, SpoolError, SpoolLimits, SpoolStats};
use crate::uplink::{
    self, Asked, CLOCKS_AGREE_MS, UplinkConfig, UplinkError, UplinkState, UplinkTls,
};
use costs::Costs;
use desk::Desks;
pub use heavy::tester;
use heavy::{Testing, tester::Tester};
use link::{Order, Shared};
use memory::Memory;
use plan::Settings;
pub use progress::{News, Progress, Unwatched};
use recorder::Recorder;
pub use state::StateError;
use status::StatusReader;
use timeline::{Reading, Timeline};

/// How long links may take to close their slots when the run ends.
const DRAIN_LINKS: Duration = Duration::from_secs(5);
/// How long tests may take to give way when the run ends.
const DRAIN_TESTS: Duration = Duration::from_secs(1);
/// What the collector asks for that may wait.
const ASKS: usize = 32;
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

/// What a run may be given beside its configuration.
pub struct Hooks {
    /// Is told what happens.
    pub progress: Arc<dyn Progress>,
    /// Runs the tests.
    pub tester: Arc<dyn Tester>,
    /// Is given the means to ask what the run is doing, once it has begun.
    pub status: Option<oneshot::Sender<StatusReader>>,
}

impl Hooks {
    /// The usual ones, and nobody who asks.
    pub fn new(progress: Arc<dyn Progress>) -> Self {
        Self { progress, tester: Arc::new(tester::Probes), status: None }
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
        radios: crate::link::radio::follow::start(config.radio),
        stamp,
        config: Arc::new(config),
        memory: memory.clone(),
        testing,
        wall: told,
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
        clocks: Clocks { uplink: seen, wall, stepped, agreed: None },
        shared,
        timeline,
        last: first,
        tasks: BTreeMap::new(),
        desks,
    };
    run.begin(links.values()).await;
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
    settings: watch::Sender<Settings>,
    tests: mpsc::Sender<hearth_proto::Order>,
    testing: JoinHandle<()>,
}

/// Who is told when the clock is set, and who knows whether it was right.
struct Clocks {
    uplink: watch::Receiver<UplinkState>,
    wall: watch::Sender<Timeline>,
    stepped: watch::Sender<i64>,
    /// The last welcome's difference for which that was found, and whether the clock
    /// was right then.
    agreed: Option<(i64, bool)>,
}

impl Clocks {
    /// Whether the collector has found this clock right since it was set last.
    fn is_right(&mut self) -> bool {
        let ahead = self.uplink.borrow().collector_ahead_ms;
        if let Some(ahead) = ahead
            && self.agreed.is_none_or(|(known, _)| known != ahead)
        {
            self.agreed = Some((ahead, ahead.abs() <= CLOCKS_AGREE_MS));
        }
        self.agreed.is_some_and(|(_, agreed)| agreed)
    }
}

struct Run {
    shared: Shared,
    timeline: Timeline,
    last: Reading,
    tasks: BTreeMap<LinkName, Running>,
    desks: Desks,
    costs: Costs,
    clocks: Clocks,
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
        mut asked: mpsc::Receiver<Asked>,
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
                Some(ask) = asked.recv() => self.asked(ask).await,
                _ = seconds.tick() => {
                    self.check_clocks().await;
                    self.check_costs().await;
                    if kept_at.elapsed() >= KEEP_EVERY {
                        kept_at = clock::now();
                        kept.save();
                        self.keep().await;
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
        let (measures, detail) =
            self.shared.memory.with(|kept| (kept.measures(&name), kept.account(&name).detail()));
        let (settings, told) = watch::channel(Settings { measures, detail });
        let started = link::start(self.shared.clone(), link, told, self.timeline, noticed);
        self.desks.add(name.clone(), started.desk.clone());
        let (tests, testing) = heavy::start(self.shared.clone(), started.desk);
        let (orders, task) = (started.orders, started.task);
        self.tasks.insert(name, Running { orders, task, settings, tests, testing });
    }

    /// Takes what was spent into the ledger, and writes it.
    async fn keep(&self) {
        let now = self.timeline.at(clock::now());
        for (name, desk) in self.desks.all() {
            let spent = desk.spending.by_purpose();
            self.shared.memory.with(|kept| kept.account(&name).take(spent, now));
        }
        self.shared.memory.save().await;
    }

    async fn check_costs(&mut self) {
        let (instant, config) = (clock::now(), Arc::clone(&self.shared.config));
        let now = self.timeline.at(instant);
        let changed = self.costs.tick(&config, &self.shared.recorder, instant, now).await;
        for (name, detail) in changed {
            if let Some(running) = self.tasks.get(&name) {
                running.settings.send_modify(|settings| settings.detail = detail);
            }
        }
    }

    fn info(&self, link: &Link) -> hearth_proto::LinkInfo {
        let facts = read_facts(Path::new("/sys"), &link.interface, link.kind.as_deref());
        let configured = self.shared.config.links.of(&link.interface).and_then(|c| c.technology);
        let radios = self.shared.radios.borrow();
        let verdict = classify(&facts, configured);
        link.info(&with_radio(verdict, configured, radios.of(&link.interface)))
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
        self.clocks.wall.send_replace(self.timeline);
        if let Some(by_ms) = broken.stepped_ms {
            let at = self.timeline.at(now.mono);
            self.costs.clock_stepped(broken.ended, at);
            let mends = !self.clocks.is_right();
            self.shared.recorder.clock_stepped(by_ms, at, mends).await;
            self.clocks.agreed = None;
            self.shared.recorder.event(at, EventKind::ClockStep { by_ms }).await;
        }
        for name in self.tasks.keys() {
            self.order(name, Order::Timeline(broken)).await;
        }
        // Last: what waited for it may be sent now.
        if let Some(by_ms) = broken.stepped_ms {
            self.clocks.stepped.send_modify(|sum| *sum += by_ms);
        }
    }

    /// Has all links close their slots, within a bound.
    async fn finish(&mut self, kept: &state::Kept) {
        for (name, running) in &mut self.tasks {
            // Without its sender a test gives way, and the task ends.
            running.tests = mpsc::channel(1).0;
            if timeout(DRAIN_TESTS, &mut running.testing).await.is_err() {
                tracing::warn!(link = %name, "a test did not end in time");
                running.testing.abort();
            }
        }
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

fn read_clocks() -> Reading {
    let mono = clock::now();
    let wall = clock::since_unix();
    // Without that clock, sleep would look like a step of the wall clock.
    let since_boot = clock_gettime(ClockId::CLOCK_BOOTTIME).map(Duration::from).unwrap_or_default();
    Reading { mono, since_boot, wall }
}
