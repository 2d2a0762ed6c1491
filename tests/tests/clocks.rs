//! A real agent whose wall clock is wrong, or is set while it runs, on an emulated link
//! to a real collector: what it measured stands at its true times in the collector's
//! store, and the clock's steps do.
//!
//! The agent's clock is Debian's libfaketime's, which is between this one program and
//! the C library: the machine's clock is left alone. Needs that, root and
//! `/dev/net/tun`, and a kernel whose clock no time service keeps, since the agent
//! believes the kernel; without them every trial is ignored and says so.
#![expect(clippy::disallowed_methods, reason = "end-to-end tests run in real time")]

mod trials;

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, ensure};
use hearth_collector::history::{History, Span};
use hearth_collector::store::Store as _;
use hearth_collector::store::sqlite::SqliteStore;
use hearth_proto::{EventKind, ProbeKind, UnixMs};
use hearth_tests::lab::emulator::MILLISECOND;
use hearth_tests::lab::emulator::params::DirectionParams;
use hearth_tests::lab::net::{LinkPlan, Network, REFLECTOR_PORT, SERVICE_V4};
use hearth_tests::lab::process::Process;
use hearth_tests::lab::programs::{AGENT, COLLECTOR_PORT, HOUSEHOLD, Programs, fake_clock};
use hearth_tests::lab::unavailable;

const LINK: &str = "wan";
const SLOT_MS: i64 = 1000;
const PROBE_MS: i64 = 200;
const HOUR_S: i64 = 3600;
/// How long a figure may take to be what it should.
const PATIENCE: Duration = Duration::from_secs(60);
const GLANCE: Duration = Duration::from_millis(100);
/// So many slots are measured between two changes of the clock.
const SOME: u64 = 6;

fn main() {
    trials::run(
        cannot().as_deref(),
        4,
        &[
            ("a_clock_an_hour_late_from_the_start", || from_the_start(-HOUR_S)),
            ("a_clock_an_hour_early_from_the_start", || from_the_start(HOUR_S)),
            ("a_clock_that_begins_in_1970", in_1970),
            ("a_right_clock_set_wrong_and_right_again", set_wrong),
        ],
    );
}

fn cannot() -> Option<String> {
    if let Some(reason) = unavailable() {
        return Some(reason.to_owned());
    }
    if let Err(error) = fake_clock() {
        return Some(error.to_string());
    }
    // It keeps the true time, and would vouch for the false one.
    let kept = hearth_proto::stamp::clock::bound().is_some();
    kept.then(|| "a time service keeps this machine's clock".to_owned())
}

/// True time.
fn now() -> UnixMs {
    UnixMs(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as i64)
}

/// A home with one link, whose agent has a clock of its own.
struct Case {
    programs: Programs,
    began: UnixMs,
    agent: Option<Process>,
    _others: [Process; 2],
    _network: Network,
    folder: tempfile::TempDir,
}

impl Case {
    /// Starts it with a clock that is off by so many seconds.
    fn start(off_s: i64) -> anyhow::Result<Self> {
        let programs = Programs::find(None)?;
        let folder = tempfile::tempdir()?;
        let way = DirectionParams { delay: 5 * MILLISECOND, ..DirectionParams::default() };
        let plan = LinkPlan { name: LINK.to_owned(), up: way.clone(), down: way };
        let network = Network::build(vec![plan], 1)?;
        let path = folder.path();
        let data = path.join("data");
        fs::create_dir_all(&data)?;
        let others = [
            Process::start("collector", programs.serve(network.core(), &data), path)?,
            Process::start("reflector", programs.reflector(network.core()), path)?,
        ];
        let config = path.join("agent.toml");
        fs::write(
            &config,
            format!(
                "household = \"{HOUSEHOLD}\"\nagent = \"{AGENT}\"\ninsecure = true\n\
                 collector = \"http://{SERVICE_V4}:{COLLECTOR_PORT}\"\n\
                 reflector = \"{SERVICE_V4}:{REFLECTOR_PORT}\"\nslot_ms = {SLOT_MS}\n\
                 interval_ms = {PROBE_MS}\ngateway_interval_ms = {PROBE_MS}\nstate_dir = \"{}\"\n",
                path.join("agent").display(),
            ),
        )?;
        let off = path.join("off");
        set(&off, off_s)?;
        let command = programs.agent_by(network.home(), &config, &off)?;
        let began = now();
        let agent = Some(Process::start("agent", command, path)?);
        Ok(Self { programs, began, agent, _others: others, _network: network, folder })
    }

    /// Sets the agent's clock: it is off by so many seconds from now on. Gives when that
    /// truly was.
    fn set(&self, off_s: i64) -> anyhow::Result<UnixMs> {
        set(&self.folder.path().join("off"), off_s)?;
        Ok(now())
    }

    /// Waits until what the agent says of itself is as wanted.
    fn until(
        &mut self,
        what: &str,
        wanted: impl Fn(&serde_json::Value) -> bool,
    ) -> anyhow::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let shown = self.programs.status(&self.folder.path().join("agent")).output()?;
            let status: serde_json::Value =
                serde_json::from_slice(&shown.stdout).unwrap_or_default();
            if wanted(&status) {
                return Ok(());
            }
            let agent = self.agent.as_mut().context("it was ended")?;
            agent.check()?;
            ensure!(Instant::now() < deadline, "never {what}: {status:#}\n{}", agent.tail());
            std::thread::park_timeout(GLANCE);
        }
    }

    /// So many slots wait in the agent's spool.
    fn until_kept(&mut self, slots: u64) -> anyhow::Result<()> {
        self.until("kept", |status| status["spool"]["slots"].as_u64() >= Some(slots))
    }

    /// So many records were acknowledged, and so many more from then on.
    fn until_sent(&mut self, more: u64) -> anyhow::Result<()> {
        let sent = |status: &serde_json::Value| status["uplink"]["acknowledged"].as_u64();
        let before = std::cell::Cell::new(None);
        self.until("sent", |status| {
            let Some(sent) = sent(status) else { return false };
            let since = before.get().unwrap_or(sent);
            before.set(Some(since));
            sent >= since + more && sent > 0
        })
    }

    /// Ends the agent. Gives when that was, and all that the collector has.
    fn end(mut self) -> anyhow::Result<(UnixMs, History)> {
        let agent = self.agent.take().context("it was ended")?;
        let status = agent.end(PATIENCE)?;
        ensure!(status.success(), "the agent ended: {status}");
        let ended = now();
        let store = SqliteStore::open_read_only(&self.data())?;
        let all = Span { from: UnixMs(0), to: UnixMs(4_000_000_000_000) };
        let history = store.history(&HOUSEHOLD.parse()?, all)?;
        held_to_the_truth(&history, self.began, ended)?;
        Ok((ended, history))
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }
}

/// Replaces the file whole: it is read at any time.
fn set(off: &std::path::Path, off_s: i64) -> anyhow::Result<()> {
    let new = off.with_extension("new");
    fs::write(&new, format!("{off_s:+}\n"))?;
    Ok(fs::rename(&new, off)?)
}

/// Every slot and event lies between the agent's true start and end; slots follow each
/// other without a hole, and hold each probe once.
fn held_to_the_truth(history: &History, began: UnixMs, ended: UnixMs) -> anyhow::Result<()> {
    ensure!(history.links.len() == 1, "{} links", history.links.len());
    let slots = &history.links[0].slots;
    let starts: Vec<i64> = slots.iter().map(|slot| slot.start.0).collect();
    let (first, last) = (starts.first().context("no slot")?, starts.last().context("no slot")?);
    println!(
        "{} slots from {} to {} ms after the start; it ended at {} ms",
        starts.len(),
        first - began.0,
        last - began.0,
        ended.since(began)
    );
    // A slot that was moved may be told up to one length early.
    ensure!(*first >= began.0 - 2 * SLOT_MS && *last <= ended.0, "{starts:?}: {began:?} {ended:?}");
    for two in starts.windows(2) {
        // Where the clock was set, what was begun before and after are parts of one slot.
        ensure!((0..=2 * SLOT_MS).contains(&(two[1] - two[0])), "a hole: {starts:?}");
    }
    let span_ms = ended.since(began);
    ensure!(last - first > span_ms - 8 * SLOT_MS, "{starts:?} of {span_ms} ms");
    let series = slots.iter().flat_map(|slot| &slot.series);
    let stamps = series.filter(|series| series.key.probe == ProbeKind::Stamp);
    let sent: u32 = stamps.map(|series| series.sent).sum();
    // One at its beginning, and one after each whole period.
    let most = span_ms / PROBE_MS + 1;
    ensure!(
        (most * 7 / 10..=most * 102 / 100).contains(&i64::from(sent)),
        "{sent} probes of {most}"
    );
    for (_, event) in &history.events {
        let within = began.0 - 1000..=ended.0;
        ensure!(within.contains(&event.at.0), "{event:?} is not within {within:?}");
    }
    Ok(())
}

/// The events of the clock having been set, each with when that truly was.
fn hold_steps(history: &History, expected: &[(i64, UnixMs)]) -> anyhow::Result<()> {
    let steps: Vec<_> = history
        .events
        .iter()
        .filter_map(|(_, event)| match event.kind {
            EventKind::ClockStep { by_ms } => Some((by_ms, event.at)),
            _ => None,
        })
        .collect();
    println!("steps: {steps:?}");
    ensure!(steps.len() == expected.len(), "{steps:?}, not {expected:?}");
    for ((by_ms, at), (expected_s, truly)) in steps.iter().zip(expected) {
        ensure!((by_ms - 1000 * expected_s).abs() < 500, "by {by_ms} ms, not {expected_s} s");
        // It looks once a second.
        let late = at.since(*truly);
        ensure!((-1000..5000).contains(&late), "noticed {late} ms after it was");
    }
    Ok(())
}

/// Wrong from the start and connected: nothing is sent before the clock is set, and
/// all that was measured until then is mended.
fn from_the_start(off_s: i64) -> anyhow::Result<()> {
    let mut case = Case::start(off_s)?;
    let ahead_ms = -1000 * off_s;
    case.until("told of its clock", |status| {
        let told = status["uplink"]["collector_ahead_ms"].as_i64();
        told.is_some_and(|told| (told - ahead_ms).abs() < 2000)
    })?;
    case.until_kept(SOME)?;
    let stored = SqliteStore::open_read_only(&case.data())?.totals()?;
    ensure!(stored.slots == 0, "{} slots were sent with wrong dates", stored.slots);
    let at = case.set(0)?;
    case.until_sent(2 * SOME)?;
    let began = case.began;
    let (_, history) = case.end()?;
    hold_steps(&history, &[(-off_s, at)])?;
    let early = history.links[0].slots.iter().filter(|slot| slot.start < at).count() as u64;
    ensure!(early >= SOME, "{early} slots of the {} ms before", at.since(began));
    Ok(())
}

/// As a router without a battery boots: what it measures has no date until it is set.
fn in_1970() -> anyhow::Result<()> {
    let off_s = 600 - now().0 / 1000;
    let mut case = Case::start(off_s)?;
    case.until("connected", |status| status["uplink"]["connected"] == true)?;
    // Undated, they wait in memory: only time tells.
    let until = case.began.plus(SOME as i64 * SLOT_MS + 4000);
    case.until("a while on", |_| now() >= until)?;
    let at = case.set(0)?;
    case.until_sent(2 * SOME)?;
    let (_, history) = case.end()?;
    hold_steps(&history, &[(-off_s, at)])?;
    let early = history.links[0].slots.iter().filter(|slot| slot.start < at).count() as u64;
    ensure!(early >= SOME, "{early} slots of before it was set");
    Ok(())
}

/// What was measured while it was right stays, what was measured while it was wrong is
/// moved.
fn set_wrong() -> anyhow::Result<()> {
    let mut case = Case::start(0)?;
    case.until_sent(SOME)?;
    let wrong = case.set(-2 * HOUR_S)?;
    case.until_kept(SOME)?;
    let right = case.set(0)?;
    case.until_sent(2 * SOME)?;
    let (_, history) = case.end()?;
    hold_steps(&history, &[(-2 * HOUR_S, wrong), (2 * HOUR_S, right)])
}
