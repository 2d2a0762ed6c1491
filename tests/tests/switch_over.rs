//! Fibre fails, and some seconds later a script in the home moves its default route to
//! LTE, as a multi-WAN manager does: what the gap report says of the time to switch
//! over is the truth, and it says nothing where the household asked for nothing.
//!
//! Needs root and `/dev/net/tun`; without them every trial is ignored and says so.
#![expect(clippy::disallowed_methods, reason = "end-to-end tests run in real time")]

mod trials;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use hearth_tests::lab::emulator::io::Scheduled;
use hearth_tests::lab::emulator::params::{Capacity, Change, DirectionParams};
use hearth_tests::lab::emulator::{Direction, MILLISECOND};
use hearth_tests::lab::net::{LinkPlan, Network, REFLECTOR_PORT, SERVICE_V4};
use hearth_tests::lab::process::{Process, pass};
use hearth_tests::lab::programs::{AGENT, COLLECTOR_PORT, HOUSEHOLD, Programs};
use hearth_tests::lab::requests::{Requests, unix_ms};
use hearth_tests::lab::truth::Interval;
use hearth_tests::lab::unavailable;
use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(30);
const GLANCE: Duration = Duration::from_millis(20);
/// The household's use before the outage: more than the half minute that has to be known.
const BEFORE: Duration = Duration::from_secs(45);
/// After the line fails the script waits so long.
const MOVES_AFTER: Duration = Duration::from_secs(11);
/// And the line stays down for as long again, in which the window of the answer closes.
const DOWN_AFTER: Duration = Duration::from_secs(12);
/// What is told may be off by this.
const TOLERANCE_MS: i64 = 1_500;

fn main() {
    trials::run(
        unavailable(),
        2,
        &[
            ("the_time_to_switch_over_is_the_truth", household_asks),
            ("a_household_that_asks_for_nothing_switches_nothing_over", household_sleeps),
        ],
    );
}

struct Home {
    network: Network,
    processes: BTreeMap<&'static str, Process>,
}

impl Home {
    fn start(programs: &Programs, folder: &Path) -> anyhow::Result<Self> {
        let plan = |name: &str, delay| {
            let params = DirectionParams {
                capacity: Capacity::constant(50_000_000),
                queue_bytes: 500_000,
                delay: delay * MILLISECOND,
                ..DirectionParams::default()
            };
            LinkPlan { name: name.into(), up: params.clone(), down: params }
        };
        let network = Network::build(vec![plan("fttp", 5), plan("lte", 20)], 7)?;
        let (data, config) = (folder.join("data"), folder.join("agent.toml"));
        std::fs::create_dir_all(&data)?;
        std::fs::write(
            &config,
            format!(
                "household = \"{HOUSEHOLD}\"\nagent = \"{AGENT}\"\nvantage = \"router\"\n\
                 insecure = true\ncollector = \"http://{SERVICE_V4}:{COLLECTOR_PORT}\"\n\
                 reflector = \"{SERVICE_V4}:{REFLECTOR_PORT}\"\nslot_ms = 1000\ninterval_ms = 100\n\
                 state_dir = \"{}\"\n\
                 [[link]]\ninterface = \"fttp\"\ntechnology = \"fttp\"\n\
                 [[link]]\ninterface = \"lte\"\ntechnology = \"lte\"\nmetered = false\n",
                folder.join("agent").display(),
            ),
        )?;
        let core = network.core();
        let mut processes = BTreeMap::new();
        for (name, command) in [
            ("collector", programs.serve(core, &data)),
            ("reflector", programs.reflector(core)),
            ("agent", programs.agent(network.home(), &config)),
        ] {
            processes.insert(name, Process::start(name, command, folder)?);
        }
        let mut home = Self { network, processes };
        let deadline = Instant::now() + PATIENCE;
        let asked = |home: &Self| {
            home.network.emulator().is_some_and(|e| (0..2).all(|link| e.probes_seen(link) > 0))
        };
        while !asked(&home) {
            ensure!(Instant::now() < deadline, "no probes: {}", home.processes["agent"].tail());
            home.pass(GLANCE)?;
        }
        Ok(home)
    }

    fn pass(&mut self, time: Duration) -> anyhow::Result<()> {
        pass(time, self.processes.values_mut())
    }

    /// The fibre carries nothing from now on, or all again.
    fn fibre(&self, out: bool) -> anyhow::Result<i64> {
        let emulator = self.network.emulator().context("the emulator has stopped")?;
        let at = emulator.now();
        for direction in Direction::BOTH {
            let change = Change::Outage(out);
            emulator.schedule(Scheduled { at, link: 0, direction, change });
        }
        Ok(unix_ms())
    }
}

/// What `gaps --json` says of an outage, and when the fibre failed and the route moved.
struct Told {
    gaps: Value,
    failed: i64,
    routed: i64,
    answered: Option<i64>,
}

fn play(asks: bool) -> anyhow::Result<Told> {
    let programs = Programs::find(None)?;
    let folder = tempfile::tempdir()?;
    let mut home = Home::start(&programs, folder.path())?;
    let from_unix_ms = unix_ms() / 1_000 * 1_000;
    let requests = if asks { Some(Requests::start(&home.network)?) } else { None };
    home.pass(BEFORE)?;
    let failed = home.fibre(true)?;
    home.pass(MOVES_AFTER)?;
    let gateway = Network::gateway_v4(1);
    let moved = format!("route replace default via {gateway} dev lte metric 50\n");
    home.network.home().batch(&moved)?;
    let routed = unix_ms();
    home.pass(DOWN_AFTER)?;
    let answered = requests.as_ref().and_then(|r| r.answered_after(failed + 500));
    home.fibre(false)?;
    drop(requests);
    // The agent sends what it has once its way to the collector stands again.
    let deadline = Instant::now() + PATIENCE;
    let gaps = loop {
        let span = Interval { from_unix_ms, until_unix_ms: unix_ms() / 1_000 * 1_000 };
        let shown = programs.report("gaps", &folder.path().join("data"), span).output()?;
        let said = String::from_utf8_lossy(&shown.stderr);
        ensure!(shown.status.success(), "gaps: {said}");
        let gaps: Value = serde_json::from_slice(&shown.stdout)?;
        let gaps = gaps.get("gaps").cloned().unwrap_or(gaps);
        let outages = gaps["incidents"].as_array().context("no incidents")?;
        if outages.iter().any(|i| i["kind"] == "outage" && !i["end"].is_null()) {
            break gaps;
        }
        let agent = home.processes["agent"].tail();
        ensure!(Instant::now() < deadline, "no outage was seen: {outages:?}\n{said}\n{agent}");
        home.pass(Duration::from_secs(1))?;
    };
    Ok(Told { gaps, failed, routed, answered })
}

fn household_asks() -> anyhow::Result<()> {
    let Told { gaps, failed, routed, answered } = play(true)?;
    let truth = answered.context("nothing was answered by LTE")? - failed;
    let list = gaps["switch_overs"].as_array().context("no list of switch-overs")?;
    ensure!(list.len() == 1, "{list:?}");
    let one = &list[0];
    let ms = |key: &str| one[key].as_i64().with_context(|| format!("no {key} in {one}"));
    let (told, told_route) = (ms("answered_after_ms")?, ms("routed_after_ms")?);
    println!("told {told} ms, truth {truth} ms; route told {told_route} ms, {}", routed - failed);
    ensure!((told - truth).abs() <= TOLERANCE_MS, "told {told} ms, but it was {truth} ms");
    ensure!((told_route - (routed - failed)).abs() <= TOLERANCE_MS, "route: {told_route} ms");
    ensure!((ms("outage_start")? - failed).abs() <= TOLERANCE_MS, "{one}, failed at {failed}");
    ensure!((&one["from"]["link"], &one["to"]["link"]) == (&"fttp".into(), &"lte".into()), "{one}");
    let seconds = gaps["switch_over"]["value"].as_f64().context("no figure")?;
    ensure!((seconds * 1000.0 - told as f64).abs() < 1.0, "{seconds} s");
    // What it saved is told less that time.
    let alarm = gaps["activities"].as_array().into_iter().flatten();
    let alarm = alarm.into_iter().find(|a| a["activity"]["id"] == "alarm").context("no alarm")?;
    ensure!(alarm["rescues"]["switch_over_ms"].as_i64() == Some(told), "{}", alarm["rescues"]);
    let saved = alarm["saved"]["ms"].as_f64().context("nothing saved")?;
    let rescue = alarm["rescue"]["value"].as_f64().context("no rescue")?;
    let unsaved = alarm["unsaved"]["ms"].as_f64().unwrap_or(0.0);
    let undecided = alarm["undecided"]["ms"].as_f64().unwrap_or(0.0);
    let expected = (saved - told as f64) / (saved + unsaved - undecided);
    ensure!((rescue - expected).abs() < 1e-4, "rescue {rescue}, not {expected}");
    Ok(())
}

fn household_sleeps() -> anyhow::Result<()> {
    let Told { gaps, .. } = play(false)?;
    ensure!(gaps["switch_overs"] == Value::Array(Vec::new()), "{}", gaps["switch_overs"]);
    ensure!(gaps["switch_over"]["state"] == "not-enough-data", "{}", gaps["switch_over"]);
    let all = gaps["activities"].as_array().context("no activities")?;
    let none_off = all.iter().all(|a| a["rescues"]["switch_over_ms"].is_null());
    ensure!(none_off, "something was taken off");
    Ok(())
}
