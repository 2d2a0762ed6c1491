//! Plays a scenario: builds the home, starts the programs under test, carries
//! out the script, and draws up what was true beside what was measured.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};

use super::emulator::io::{Emulator, Scheduled};
use super::emulator::ledger::Ledger;
use super::emulator::params::Change;
use super::emulator::{Direction, MILLISECOND, Nanos, SECOND};
use super::intervals::merged;
use super::measured::{self, Measured};
use super::net::{Gateway, LinkPlan, Network, SERVICE_V4};
use super::process::Process;
use super::programs::{COLLECTOR_PORT, Programs, agent_config};
use super::scenario::{Action, Scenario};
use super::traffic::Bulk;
use super::truth::{self, Applied, AppliedKind, LOSS_TIMEOUT, OutageCause, Truth};

/// How often the programs are looked at while waiting.
const GLANCE: Duration = Duration::from_millis(20);
/// How long a program may take until it listens or probes.
const READY: Nanos = 30 * SECOND;
/// How long a program may take to end.
const PATIENCE: Duration = Duration::from_secs(15);

/// What a run came to.
#[derive(Debug)]
pub struct Outcome {
    /// What was true.
    pub truth: Truth,
    /// What was measured.
    pub measured: Measured,
}

/// Plays a scenario. `folder` takes data, configuration and logs;
/// `interrupted` ends the run early, with an error, after cleaning up.
pub fn play(
    scenario: &Scenario,
    programs: &Programs,
    folder: &Path,
    interrupted: &AtomicBool,
) -> anyhow::Result<Outcome> {
    let plans = scenario.links.iter().map(|link| LinkPlan {
        name: link.name.clone(),
        up: link.up.clone(),
        down: link.down.clone(),
    });
    let network = Network::build(plans.collect(), scenario.seed)?;
    let data = folder.join("data");
    std::fs::create_dir_all(&data)?;
    let config = folder.join("agent.toml");
    std::fs::write(&config, agent_config(scenario, &folder.join("agent")))?;
    let mut run = Run {
        scenario,
        programs,
        folder,
        data,
        config,
        interrupted,
        network,
        processes: BTreeMap::new(),
        traffic: BTreeMap::new(),
        open: Vec::new(),
        applied: Vec::new(),
    };
    run.start(Role::Reflector)?;
    run.start(Role::Collector)?;
    run.wait_for("the collector to listen", |run| {
        let connected = run
            .network
            .core()
            .enter(|| std::net::TcpStream::connect((SERVICE_V4, COLLECTOR_PORT)).is_ok())?;
        Ok(connected)
    })?;
    run.start(Role::Agent)?;
    run.wait_for("a probe on every link", |run| {
        let emulator = run.emulator()?;
        Ok((0..run.scenario.links.len()).all(|link| emulator.probes_seen(link) > 0))
    })?;
    let (start, end) = run.play_script()?;
    let ledger = run.finish()?;
    let truth = truth::draw(scenario, &ledger, &run.applied, start, end);
    let profile = json(programs.report("profile", &run.data, truth.span))?;
    let gaps = json(programs.report("gaps", &run.data, truth.span))?;
    let measured = measured::interpret(&profile, &gaps)?;
    Ok(Outcome { truth, measured })
}

/// The programs of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Role {
    Agent,
    Collector,
    Reflector,
}

/// What is done at a time of the script by this thread; line outages and
/// changes are the emulator's, to the nanosecond.
#[derive(Clone, Copy, Debug)]
enum Act {
    Gateway(usize, Gateway),
    CorePath(usize, bool),
    Cut(Role),
    Start(Role),
    TrafficStart(usize),
    TrafficStop(usize),
}

struct Run<'a> {
    scenario: &'a Scenario,
    programs: &'a Programs,
    folder: &'a Path,
    data: PathBuf,
    config: PathBuf,
    interrupted: &'a AtomicBool,
    // Programs end before their network goes.
    processes: BTreeMap<Role, Process>,
    traffic: BTreeMap<usize, Bulk>,
    network: Network,
    /// Begun and not yet undone.
    open: Vec<(AppliedKind, Nanos)>,
    applied: Vec<Applied>,
}

impl Run<'_> {
    fn emulator(&self) -> anyhow::Result<&Emulator> {
        self.network.emulator().context("the emulator has stopped")
    }

    fn start(&mut self, role: Role) -> anyhow::Result<()> {
        let (core, home) = (self.network.core(), self.network.home());
        let (name, command) = match role {
            Role::Agent => ("agent", self.programs.agent(home, &self.config)),
            Role::Collector => ("collector", self.programs.serve(core, &self.data)),
            Role::Reflector => ("reflector", self.programs.reflector(core)),
        };
        self.processes.insert(role, Process::start(name, command, self.folder)?);
        Ok(())
    }

    /// The script from its start on the next whole second to the agent's end.
    /// Returns the script's start and the end of the whole.
    fn play_script(&mut self) -> anyhow::Result<(Nanos, Nanos)> {
        let emulator = self.emulator()?;
        let unix = emulator.epoch_unix_ns() + emulator.now();
        let start = unix.div_ceil(SECOND) * SECOND - emulator.epoch_unix_ns();
        self.schedule_line(start)?;
        for (at, act) in self.acts() {
            self.wait_until(start + at)?;
            self.perform(act)?;
        }
        let settled = LOSS_TIMEOUT + 2 * self.scenario.slot_ms * MILLISECOND;
        self.wait_until(start + self.scenario.duration + settled)?;
        let end = self.emulator()?.now();
        for (what, from) in std::mem::take(&mut self.open) {
            self.applied.push(Applied { what, from, until: end });
        }
        Ok((start, end))
    }

    /// Hands outages and changes to the emulator. Outages that overlap are one.
    fn schedule_line(&mut self, start: Nanos) -> anyhow::Result<()> {
        let mut outages: BTreeMap<(usize, Direction), Vec<(Nanos, Nanos)>> = BTreeMap::new();
        let mut all = Vec::new();
        for step in &self.scenario.script {
            match &step.action {
                Action::Outage { links, directions } => {
                    for link in links {
                        for direction in directions {
                            let lane = outages.entry((*link, *direction)).or_default();
                            lane.push((start + step.from, start + step.until));
                        }
                        self.applied.push(Applied {
                            what: AppliedKind::Outage { link: *link, cause: OutageCause::Line },
                            from: start + step.from,
                            until: start + step.until,
                        });
                    }
                }
                Action::Change { link, direction, changes } => {
                    all.extend(changes.iter().map(|change| Scheduled {
                        at: start + step.from,
                        link: *link,
                        direction: *direction,
                        change: change.clone(),
                    }));
                }
                _ => {}
            }
        }
        for ((link, direction), intervals) in outages {
            for (from, until) in merged(intervals) {
                for (at, out) in [(from, true), (until, false)] {
                    all.push(Scheduled { at, link, direction, change: Change::Outage(out) });
                }
            }
        }
        let emulator = self.emulator()?;
        for scheduled in all {
            emulator.schedule(scheduled);
        }
        Ok(())
    }

    /// What this thread does, in order of time.
    fn acts(&self) -> Vec<(Nanos, Act)> {
        let mut acts = Vec::new();
        for (index, traffic) in self.scenario.traffic.iter().enumerate() {
            acts.push((traffic.from, Act::TrafficStart(index)));
            acts.push((traffic.until, Act::TrafficStop(index)));
        }
        for step in &self.scenario.script {
            let mut both = |begin, undo| acts.extend([(step.from, begin), (step.until, undo)]);
            match &step.action {
                Action::Outage { .. } | Action::Change { .. } => {}
                Action::GatewayFail { links } => links.iter().for_each(|link| {
                    both(
                        Act::Gateway(*link, Gateway::Failed),
                        Act::Gateway(*link, Gateway::Working),
                    );
                }),
                Action::GatewayMute { links } => links.iter().for_each(|link| {
                    both(Act::Gateway(*link, Gateway::Mute), Act::Gateway(*link, Gateway::Working));
                }),
                Action::CoreFail { links } => links.iter().for_each(|link| {
                    both(Act::CorePath(*link, false), Act::CorePath(*link, true));
                }),
                Action::AgentPowerCut => both(Act::Cut(Role::Agent), Act::Start(Role::Agent)),
                Action::CollectorKill => {
                    both(Act::Cut(Role::Collector), Act::Start(Role::Collector));
                }
            }
        }
        acts.sort_by_key(|(at, _)| *at);
        acts
    }

    fn perform(&mut self, act: Act) -> anyhow::Result<()> {
        tracing::info!(?act, "script");
        match act {
            Act::Gateway(link, state) => {
                self.network.set_gateway(link, state)?;
                let cause = OutageCause::Gateway;
                match state {
                    Gateway::Failed => self.begin(AppliedKind::Outage { link, cause })?,
                    Gateway::Mute => self.begin(AppliedKind::Mute { link })?,
                    Gateway::Working => {
                        self.undo(AppliedKind::Outage { link, cause })?;
                        self.undo(AppliedKind::Mute { link })?;
                    }
                }
            }
            Act::CorePath(link, works) => {
                self.network.set_core_path(link, works)?;
                let what = AppliedKind::Outage { link, cause: OutageCause::Core };
                if works { self.undo(what)? } else { self.begin(what)? }
            }
            Act::Cut(role) => {
                let process = self.processes.remove(&role).context("cut what does not run")?;
                self.begin(absence(role))?;
                process.cut()?;
            }
            Act::Start(role) => {
                self.start(role)?;
                self.undo(absence(role))?;
            }
            Act::TrafficStart(index) => {
                let traffic = self.scenario.traffic[index];
                let link = &self.scenario.links[traffic.link].name;
                let bulk = Bulk::start(&self.network, link, traffic.direction, traffic.flows)?;
                self.traffic.insert(index, bulk);
            }
            Act::TrafficStop(index) => {
                if let Some(bulk) = self.traffic.get(&index) {
                    bulk.stop();
                }
            }
        }
        Ok(())
    }

    fn begin(&mut self, what: AppliedKind) -> anyhow::Result<()> {
        let now = self.emulator()?.now();
        self.open.push((what, now));
        Ok(())
    }

    fn undo(&mut self, what: AppliedKind) -> anyhow::Result<()> {
        let until = self.emulator()?.now();
        let (closed, open) = self.open.iter().partition(|(begun, _)| *begun == what);
        self.open = open;
        let closed: Vec<(AppliedKind, Nanos)> = closed;
        self.applied.extend(closed.iter().map(|(what, from)| Applied {
            what: *what,
            from: *from,
            until,
        }));
        Ok(())
    }

    fn wait_until(&mut self, at: Nanos) -> anyhow::Result<()> {
        loop {
            self.check()?;
            let now = self.emulator()?.now();
            if now >= at {
                return Ok(());
            }
            std::thread::park_timeout(GLANCE.min(Duration::from_nanos(at - now)));
        }
    }

    fn wait_for(
        &mut self,
        what: &str,
        ready: impl Fn(&Self) -> anyhow::Result<bool>,
    ) -> anyhow::Result<()> {
        let deadline = self.emulator()?.now() + READY;
        while !ready(self)? {
            self.check()?;
            if self.emulator()?.now() > deadline {
                let logs: Vec<String> = self
                    .processes
                    .iter()
                    .map(|(role, process)| format!("{role:?}:\n{}", process.tail()))
                    .collect();
                bail!("waited {} s in vain for {what}\n{}", READY / SECOND, logs.join("\n"));
            }
            std::thread::park_timeout(GLANCE);
        }
        Ok(())
    }

    /// An error if the run can't go on.
    fn check(&mut self) -> anyhow::Result<()> {
        ensure!(!self.interrupted.load(Ordering::Relaxed), "interrupted");
        ensure!(self.emulator()?.is_running(), "the emulator has stopped");
        self.processes.values_mut().try_for_each(Process::check)
    }

    /// Ends the programs, the agent first so that it can send what it has, and
    /// takes the ledger.
    fn finish(&mut self) -> anyhow::Result<Ledger> {
        self.traffic.clear();
        for role in [Role::Agent, Role::Collector, Role::Reflector] {
            if let Some(process) = self.processes.remove(&role) {
                let status = process.end(PATIENCE)?;
                tracing::debug!(?role, %status, "ended");
            }
        }
        let drops = self.network.kernel_drops()?;
        ensure!(drops == 0, "the kernel dropped {drops} packets on their way into the emulator");
        let ledger = self.network.stop_emulator().context("the emulator has stopped")??;
        ensure!(ledger.unrecorded == 0, "the ledger was full");
        Ok(ledger)
    }
}

/// Runs a command that prints JSON.
fn json(mut command: Command) -> anyhow::Result<serde_json::Value> {
    let output = command.output().with_context(|| format!("{command:?}"))?;
    ensure!(
        output.status.success(),
        "{command:?}: {}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).with_context(|| format!("{command:?}: its JSON"))
}

/// What it means that a program isn't there.
fn absence(role: Role) -> AppliedKind {
    match role {
        Role::Agent => AppliedKind::PowerOff,
        Role::Collector | Role::Reflector => AppliedKind::CollectorDown,
    }
}
