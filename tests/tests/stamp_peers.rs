//! STAMP against independent implementations, in both directions: scapy's packet
//! definitions (Python, 2.6 or later) and stamp-suite (Rust, 1.0; the program
//! named by `STAMP_SUITE`, else found by its name). One that is not installed is
//! skipped, and says so.
#![expect(clippy::disallowed_methods, reason = "waiting for another program takes real time")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use hearth_agent::measure::Stop;
use hearth_agent::measure::latency::{Latency, Protocol, Report, measure};
use hearth_agent::probe::outlet::Outlet;
use hearth_agent::probe::stamp::Settings;
use hearth_collector::reflector::{self, Counted, Counters, Policy};
use hearth_proto::stamp::{Format, Key};
use libtest_mimic::{Arguments, Completion, Trial};
use serde_json::Value;

const KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const COUNT: u32 = 5;
const PATIENCE: Duration = Duration::from_secs(20);

fn main() {
    let scapy = Command::new("python3")
        .args(["-c", "import scapy.contrib.stamp"])
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    let suite = std::env::var_os("STAMP_SUITE").unwrap_or_else(|| "stamp-suite".into());
    let suite: Option<PathBuf> =
        Command::new(&suite).arg("-V").output().is_ok().then(|| suite.into());
    let mut trials = Vec::new();
    for (name, host, format) in [
        ("scapys_sender_is_answered_by_ipv4_in_ntp", "127.0.0.1", "ntp"),
        ("scapys_sender_is_answered_by_ipv6_in_ptp", "::1", "ptp"),
    ] {
        trials.push(trial(name, scapy, "scapy", move || scapy_sender(host, format)));
    }
    trials.push(trial("scapys_reflector_answers_us", scapy, "scapy", scapy_reflector));
    for setting in SETTINGS {
        let (there, program) = (suite.is_some(), suite.clone().unwrap_or_default());
        let name = format!("stamp_suites_sender_is_answered_{}", setting.name);
        let ours = program.clone();
        trials.push(trial(&name, there, "stamp-suite", move || suite_sender(&ours, setting)));
        let name = format!("stamp_suites_reflector_answers_us_{}", setting.name);
        trials.push(trial(&name, there, "stamp-suite", move || suite_reflector(&program, setting)));
    }
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}

fn trial(
    name: &str,
    there: bool,
    needs: &'static str,
    test: impl FnOnce() -> anyhow::Result<()> + Send + 'static,
) -> Trial {
    Trial::ignorable_test(name, move || {
        if !there {
            return Ok(Completion::ignored_with(format!("{needs} is not installed")));
        }
        test().map(|()| Completion::Completed).map_err(|error| format!("{error:#}").into())
    })
}

/// How both ends speak.
#[derive(Clone, Copy, Debug)]
struct Setting {
    name: &'static str,
    host: &'static str,
    authenticated: bool,
    format: Format,
    padding: u32,
}

const SETTINGS: [Setting; 4] = [
    Setting {
        name: "by_ipv4",
        host: "127.0.0.1",
        authenticated: false,
        format: Format::Ntp,
        padding: 0,
    },
    Setting {
        name: "by_ipv6_in_ptp_padded",
        host: "::1",
        authenticated: false,
        format: Format::Ptp,
        padding: 100,
    },
    Setting {
        name: "authenticated",
        host: "127.0.0.1",
        authenticated: true,
        format: Format::Ntp,
        padding: 0,
    },
    Setting {
        name: "authenticated_by_ipv6_in_ptp_padded",
        host: "::1",
        authenticated: true,
        format: Format::Ptp,
        padding: 100,
    },
];

/// Our reflector while `work` runs; what it counted.
fn beside_reflector<T>(
    host: &str,
    policy: Policy,
    work: impl FnOnce(SocketAddr) -> anyhow::Result<T>,
) -> anyhow::Result<(T, Counted)> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let socket = reflector::bind(SocketAddr::new(host.parse()?, 0))?;
    let at = socket.local_addr()?;
    let counters = Arc::<Counters>::default();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = runtime.spawn(reflector::run(vec![socket], policy, counters.clone(), async {
        // Gone or told: either way it is time.
        let _ = stopped.await;
    }));
    let done = work(at);
    drop(stop);
    runtime.block_on(serving)??;
    Ok((done?, counters.read()))
}

/// We measure.
fn ask(to: SocketAddr, settings: Settings, count: u32) -> anyhow::Result<Report> {
    let what = Latency {
        protocol: Protocol::Stamp,
        target: to.to_string(),
        to,
        outlet: Outlet::System,
        count,
        interval: Duration::from_millis(20),
        stamp: settings,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (_keep, mut stop) = Stop::new();
    Ok(runtime.block_on(measure(&what, &mut std::io::sink(), &mut stop))?)
}

fn check(report: &Report) -> anyhow::Result<()> {
    let figures = &report.figures;
    ensure!(figures.count == COUNT as usize, "{figures:?}");
    ensure!(figures.loss_forward.is_some(), "the reflector is stateful: {figures:?}");
    ensure!(figures.rtt_ms.p50.is_some_and(|ms| ms < 1000.0), "{figures:?}");
    Ok(())
}

fn script() -> Command {
    let mut command = Command::new("python3");
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/scapy_stamp.py"));
    command
}

fn scapy_sender(host: &str, format: &str) -> anyhow::Result<()> {
    let (text, counted) = beside_reflector(host, Policy::default(), |at| {
        let mut command = script();
        command.args(["send", host, &at.port().to_string(), &COUNT.to_string(), format]);
        let output = command.output()?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8(output.stdout)?)
    })?;
    let replies: Vec<Value> = text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    ensure!(replies.len() == COUNT as usize && counted.answered == u64::from(COUNT), "{text}");
    for (seq, reply) in replies.iter().enumerate() {
        let expected = serde_json::json!({
            "seq": seq, "ssid": 77, "z": u8::from(format == "ptp"), "seq_sender": seq,
            "ttl": 64, "returned": true, "same_size": true,
            "flags": [0, 0x80], "values": ["scapy!", "??"],
        });
        ensure!(*reply == expected, "{reply} instead of {expected}");
    }
    Ok(())
}

fn scapy_reflector() -> anyhow::Result<()> {
    let mut command = script();
    command.args(["reflect", &COUNT.to_string()]).stdout(Stdio::piped());
    let mut child = Ended(command.spawn()?);
    let mut line = String::new();
    BufReader::new(child.0.stdout.take().context("its output")?).read_line(&mut line)?;
    let to = SocketAddr::from(([127, 0, 0, 1], line.trim().parse()?));
    check(&ask(to, Settings::default(), COUNT)?)
}

/// Ended with its value.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn arguments(setting: Setting) -> Vec<&'static str> {
    let mut all = Vec::new();
    if setting.authenticated {
        all.extend(["-A", "A", "--hmac-key", KEY]);
    }
    if setting.format == Format::Ptp {
        all.extend(["-K", "PTP"]);
    }
    all
}

fn suite_sender(program: &Path, setting: Setting) -> anyhow::Result<()> {
    let policy = Policy { key: setting.authenticated.then(key).flatten(), open: false };
    let (text, counted) = beside_reflector(setting.host, policy, |at| {
        let mut command = Command::new(program);
        command
            .args(["-r", setting.host, "-p", &at.port().to_string(), "-c", &COUNT.to_string()])
            .args(["-S", setting.host, "-d", "20", "-L", "2", "--ssid", "4660"])
            .args(["--output-format", "json"])
            .args(arguments(setting));
        if setting.padding > 0 {
            command.args(["--extra-padding", &setting.padding.to_string()]);
        }
        let output = command.output()?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    })?;
    let wanted = Counted { answered: COUNT.into(), ..Counted::default() };
    ensure!(counted == wanted, "{counted:?}\n{text}");
    let received = format!("\"packets_received\":{COUNT}");
    ensure!(text.replace(' ', "").contains(&received), "{text}");
    Ok(())
}

fn key() -> Option<Key> {
    Key::from_hex(KEY)
}

fn suite_reflector(program: &Path, setting: Setting) -> anyhow::Result<()> {
    // The port is free at this moment, and taken by nobody here.
    let to = std::net::UdpSocket::bind((setting.host, 0))?.local_addr()?;
    let mut command = Command::new(program);
    command
        .args(["-i", "--stateful-reflector", "-S", setting.host, "-o", &to.port().to_string()])
        .args(arguments(setting))
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let _child = Ended(command.spawn()?);
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("key");
    let mut written = std::fs::File::create(&file)?;
    written.write_all(KEY.as_bytes())?;
    written.set_permissions(std::fs::Permissions::from_mode(0o600))?;
    let key_file = setting.authenticated.then_some(file.as_path());
    let size = (setting.padding > 0)
        .then_some(setting.padding + if setting.authenticated { 116 } else { 48 });
    let settings = Settings::new(key_file, setting.format, size)?;
    let deadline = Instant::now() + PATIENCE;
    while ask(to, settings.clone(), 1)?.figures.count == 0 {
        ensure!(Instant::now() < deadline, "it does not answer");
    }
    check(&ask(to, settings, COUNT)?)
}
