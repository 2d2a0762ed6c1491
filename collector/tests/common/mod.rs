//! What tests share: records, a collector as a process or within the test, an
//! agent's uplink, and a store that is filled without one.

#![allow(dead_code, unreachable_pub, reason = "each test file is a crate and uses its part")]

pub mod client;
pub mod kept;
pub mod program;

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use hearth_agent::spool::{Spool, SpoolLimits};
use hearth_agent::uplink::{self, Backoff, UplinkConfig, UplinkError, UplinkState};
use hearth_collector::ingest::{CommitterConfig, Door};
use hearth_collector::serve::{Listeners, ServeConfig, ServeError};
use hearth_collector::store::Store;
use hearth_proto::{
    BootId, Busy, Directions, Event, EventKind, Family, Ipdv, LinkSlot, ProbeKind, Record, Role,
    Series, SeriesKey, SlotLength, UnixMs,
};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// 2025-11-24T16:00:00Z.
pub const START: i64 = 1_764_000_000_000;
/// The longest any wait for a condition may take before the test fails.
pub const LONG: Duration = Duration::from_secs(60);

/// The `n`th minute of `link`: 60 STAMP probes, 60 to the gateway, and the
/// household's traffic.
pub fn slot(link: &str, n: u64) -> Record {
    let series = |probe, role, base: u32| Series {
        key: SeriesKey { probe, role, family: Family::V4, target: String::new() },
        sent: 60,
        failures: Vec::new(),
        failed_while_down: 0,
        longest_failure_run: 0,
        directions: (probe == ProbeKind::Stamp)
            .then_some(Directions { lost_forward: 0, lost_back: 0 }),
        ipdv: Some(Ipdv { mean_us: 412, pairs: 59 }),
        // Spread as an access link's: most near the base, a tail of some ms.
        distribution: (0..60_u32)
            .map(|i| base + (i * 7919 + n as u32 * 104_729) % 900 + (i % 15 / 14) * 2500)
            .collect(),
        payload_bytes: 44,
        after_idle: false,
    };
    Record::Slot(LinkSlot {
        link: link.parse().unwrap(),
        start: UnixMs(START + n as i64 * 60_000),
        length: SlotLength::MINUTE,
        down_ms: 0,
        unjudged_ms: 0,
        down_cause: None,
        series: vec![
            series(ProbeKind::Stamp, Role::Reflector, 20_000),
            series(ProbeKind::Icmp, Role::Gateway, 300),
        ],
        own: hearth_proto::Own::default(),
        wifi: None,
        cells: Vec::new(),
        busy: Some(Busy {
            rx_bytes: 1_234_567,
            tx_bytes: 98_765,
            rx_peak_bps: 4_500_000,
            tx_peak_bps: 300_000,
        }),
    })
}

pub fn event(n: u64) -> Record {
    let at = UnixMs(START + n as i64 * 60_000);
    Record::Event(Event { at, at_boot_ms: n, kind: EventKind::ClockStep { by_ms: 5 } })
}

/// A real `hearth-collector serve`, killed when dropped.
pub struct Process {
    child: Child,
    pub addr: SocketAddr,
}

impl Process {
    /// Starts it and waits until it listens.
    pub fn start(data: &Path, listen: SocketAddr) -> Self {
        Self::start_by(Command::new(env!("CARGO_BIN_EXE_hearth-collector")), data, listen)
    }

    /// Starts it by a command that adds the arguments to its own.
    pub fn start_by(mut command: Command, data: &Path, listen: SocketAddr) -> Self {
        let mut child = command
            // Tests run side by side, and the console's usual port is one.
            .args(["serve", "--no-console", "--listen", &listen.to_string(), "--data"])
            .arg(data)
            .env("HEARTH_LOG", "info")
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let addr = loop {
            let line = lines.next().expect("ended before it listened").unwrap();
            if let Some((_, rest)) = line.split_once("addr=") {
                break rest.split_whitespace().next().unwrap().parse().unwrap();
            }
        };
        // Read on, or the pipe fills up and stops it.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, addr }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Tells it to stop, and waits for its end.
    pub fn terminate(mut self) -> std::process::ExitStatus {
        let pid = nix::unistd::Pid::from_raw(self.child.id().cast_signed());
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
        self.child.wait().unwrap()
    }

    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A collector within the test.
pub struct Collector {
    pub addr: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), ServeError>>,
}

impl Collector {
    pub async fn start(store: Arc<dyn Store>) -> Self {
        let addr = "127.0.0.1:0".parse().unwrap();
        Self::start_behind(store, Door::new(addr, None).unwrap()).await
    }

    pub async fn start_behind(store: Arc<dyn Store>, door: Door) -> Self {
        let ingest = tokio::net::TcpListener::bind(door.addr()).await.unwrap();
        let addr = ingest.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let config = ServeConfig {
            store,
            door,
            commits: CommitterConfig::default(),
            drain: Duration::from_secs(10),
        };
        let task = tokio::spawn(async move {
            let shutdown = async move {
                let _ = stopped.await;
            };
            hearth_collector::serve::run(config, Listeners { ingest }, Vec::new(), shutdown).await
        });
        Self { addr, stop, task }
    }

    pub async fn stop(self) {
        self.stop.send(()).unwrap();
        timeout(LONG, self.task).await.unwrap().unwrap().unwrap();
    }
}

/// An agent's spool and its uplink.
pub struct Agent {
    pub spool: Spool,
    pub state: watch::Receiver<UplinkState>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<UplinkState, UplinkError>>,
}

pub fn config(collector: &str, agent: &str, household: &str) -> UplinkConfig {
    let mut config = UplinkConfig::new(
        collector.parse().unwrap(),
        agent.parse().unwrap(),
        household.parse().unwrap(),
    );
    config.backoff =
        Backoff::try_new(Duration::from_millis(10), Duration::from_millis(200)).unwrap();
    config
}

pub fn spool(folder: &Path, boot: u64) -> Spool {
    let limits = SpoolLimits { max_bytes: 256 << 20, ..SpoolLimits::default() };
    Spool::open(&folder.join("spool"), limits, BootId(boot)).unwrap()
}

impl Agent {
    pub fn start(mut config: UplinkConfig, spool: Spool) -> Self {
        let (tell, state) = watch::channel(UplinkState::default());
        config.state = Some(tell);
        let (stop, stopped) = oneshot::channel::<()>();
        let shutdown = async move {
            let _ = stopped.await;
        };
        let task = tokio::spawn(uplink::run(config, spool.clone(), shutdown));
        Self { spool, state, stop, task }
    }

    /// Waits until the uplink's state is as wanted.
    pub async fn until(&mut self, wanted: impl FnMut(&UplinkState) -> bool) -> UplinkState {
        let mut state = self.state.clone();
        let Ok(reached) = timeout(LONG, state.wait_for(wanted)).await else {
            panic!("still {:?}", self.state.borrow());
        };
        reached.unwrap().clone()
    }

    /// Stops the uplink; the spool stays open.
    pub async fn stop(self) -> (UplinkState, Spool) {
        self.stop.send(()).unwrap();
        (timeout(LONG, self.task).await.unwrap().unwrap().unwrap(), self.spool)
    }
}
