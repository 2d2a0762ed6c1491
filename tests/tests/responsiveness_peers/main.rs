//! Responsiveness tests against independent programs, in both roles, on an emulated
//! link: other clients against our server, our client against other servers. Each
//! prints its figures beside ours; one that is not installed is skipped, and says so.
//! The client `mach` (crate cf-mach, 0.4) is named by `MACH`, else found by its name.
#![expect(clippy::disallowed_methods, reason = "waiting for another program takes real time")]

mod servers;

use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use hearth_tests::lab::emulator::MILLISECOND;
use hearth_tests::lab::emulator::params::{Capacity, DirectionParams};
use hearth_tests::lab::net::{LinkPlan, Network, SERVICE_V4};
use hearth_tests::lab::process::Process;
use hearth_tests::lab::programs::Programs;
use hearth_tests::lab::unavailable;
use libtest_mimic::{Arguments, Completion, Trial};
use serde_json::Value;
use servers::{SERVERS, Server};

const LINK: &str = "fttp";
const OURS: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(SERVICE_V4), 8621);
const THEIRS: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(SERVICE_V4), 8443);
const LINK_BPS: f64 = 20e6;
const QUEUE_MS: u64 = 100;
/// Of load in each direction.
const SECONDS: &str = "4";
/// The same of `mach`, whose goodput is the mean of its last four seconds, ramp-up and
/// all.
const MACH_MS: &str = "6000";
/// How far goodput may be from ours, as a share of it.
const GOODPUT_WITHIN: f64 = 0.15;
/// The same upwards of an upload by `mach`: it counts what it has handed over for sending,
/// and each connection that it adds may hand over a window ahead of the link.
const HANDED_OVER_WITHIN: f64 = 0.35;
/// How far round trips, and so RPM, may be from ours: a factor. How deep a server's
/// own queue is, and how long a client loads, are their own.
const DELAY_WITHIN: f64 = 2.5;
const PATIENCE: Duration = Duration::from_secs(20);

fn main() {
    let mach = std::env::var_os("MACH").unwrap_or_else(|| "mach".into());
    let mut trials = Vec::new();
    let version = version(&mach, "--version");
    trials.push(trial("mach_measures_our_server", "mach", version, move |version| {
        mach_measures(mach.as_ref(), version)
    }));
    trials.push(trial("curl_moves_load", "curl", self::version("curl", "-V"), curl_moves_load));
    let h2load = self::version("h2load", "--version");
    trials.push(trial("h2load_asks_on_many_streams", "h2load", h2load, h2load_asks));
    for server in SERVERS {
        let name = format!("we_measure_{}", server.name);
        let version = self::version(server.program, server.version);
        trials.push(trial(&name, server.package, version, move |version| {
            we_measure(server, version)
        }));
    }
    let mut arguments = Arguments::from_args();
    // They would share the machine.
    arguments.test_threads.get_or_insert(1);
    libtest_mimic::run(&arguments, trials).exit();
}

/// The first line in which a program says what it is; none where there is no such.
fn version(program: impl AsRef<std::ffi::OsStr>, argument: &str) -> Option<String> {
    let output = Command::new(program).arg(argument).output().ok()?;
    let text = [output.stdout, output.stderr].concat();
    String::from_utf8_lossy(&text).lines().next().map(str::to_owned)
}

fn trial(
    name: &str,
    needs: &'static str,
    version: Option<String>,
    test: impl FnOnce(&str) -> anyhow::Result<()> + Send + 'static,
) -> Trial {
    Trial::ignorable_test(name, move || {
        if let Some(reason) = unavailable() {
            return Ok(Completion::ignored_with(reason));
        }
        let Some(version) = version else {
            return Ok(Completion::ignored_with(format!("{needs} is not installed")));
        };
        test(&version).map(|()| Completion::Completed).map_err(|error| format!("{error:#}").into())
    })
}

/// What a client says of one direction.
#[derive(Clone, Copy, Debug)]
struct Way {
    goodput_bps: f64,
    rpm: Option<f64>,
    /// Beside the load; only ours says it.
    loaded_ms: Option<f64>,
}

impl Way {
    fn show(self) -> String {
        let rpm = self.rpm.map_or_else(|| "no".into(), |rpm| format!("{rpm:.0}"));
        format!("{:.1} Mbit/s, {rpm} RPM", self.goodput_bps / 1e6)
    }
}

/// Down and up.
type Both = [Way; 2];

/// Prints figures beside ours, and holds them to it.
fn beside(who: &str, theirs: Both, ours: Both, is_mach: bool) -> anyhow::Result<()> {
    for (n, way) in ["down", "up"].into_iter().enumerate() {
        let (theirs, ours) = (theirs[n], ours[n]);
        println!("{who}, {way}: {}; ours: {}", theirs.show(), ours.show());
        let off = theirs.goodput_bps / ours.goodput_bps - 1.0;
        let most = if is_mach && way == "up" { HANDED_OVER_WITHIN } else { GOODPUT_WITHIN };
        ensure!(
            (-GOODPUT_WITHIN..=most).contains(&off),
            "{way}: goodput off by {:.0} %",
            100.0 * off
        );
        let within = |a: f64, b: f64| (1.0 / DELAY_WITHIN..=DELAY_WITHIN).contains(&(a / b));
        if let (Some(theirs), Some(ours)) = (theirs.loaded_ms, ours.loaded_ms) {
            ensure!(within(theirs, ours), "{way}: {theirs} ms under load, {ours} ms ours");
        }
        if is_mach {
            let (theirs, ours) = (theirs.rpm.context("no RPM")?, ours.rpm.context("none of ours")?);
            ensure!(within(theirs, ours), "{way}: {theirs} RPM, {ours} ours");
        }
    }
    Ok(())
}

/// A link with our server at its far end.
struct Bench {
    programs: Programs,
    folder: tempfile::TempDir,
    servers: Vec<Process>,
    // Dropped after what runs in it.
    network: Network,
}

impl Bench {
    fn start() -> anyhow::Result<Self> {
        let programs = Programs::find(None)?;
        let way = DirectionParams {
            capacity: Capacity::constant(LINK_BPS as u64),
            queue_bytes: LINK_BPS as u64 / 8 * QUEUE_MS / 1000,
            delay: 5 * MILLISECOND,
            ..DirectionParams::default()
        };
        let plan = LinkPlan { name: LINK.into(), up: way.clone(), down: way };
        let network = Network::build(vec![plan], 1)?;
        let folder = tempfile::tempdir()?;
        let command = programs.test_server_at(network.core(), OURS, &folder.path().join("ca.pem"));
        let mut bench = Self { programs, folder, servers: Vec::new(), network };
        bench.serve("ours", command, OURS)?;
        Ok(bench)
    }

    /// Starts a server and waits until it listens.
    fn serve(&mut self, name: &str, command: Command, at: SocketAddr) -> anyhow::Result<()> {
        self.servers.push(Process::start(name, command, self.folder.path())?);
        let deadline = Instant::now() + PATIENCE;
        while self.network.home().enter(|| TcpStream::connect(at).is_err())? {
            self.servers.iter_mut().try_for_each(Process::check)?;
            ensure!(Instant::now() < deadline, "nobody listens at {at}");
            std::thread::park_timeout(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Our client's figures.
    fn measure(&self, server: SocketAddr, ca: &str) -> anyhow::Result<Both> {
        let (home, ca) = (self.network.home(), self.folder.path().join(ca));
        let mut command = self.programs.measure_responsiveness(home, LINK, server, &ca, "both");
        let report = json(command.args(["--seconds", SECONDS]))?;
        let way = |name: &str| -> anyhow::Result<Way> {
            let way = &report[name];
            Ok(Way {
                goodput_bps: way["goodput_bps"].as_f64().with_context(|| report.to_string())?,
                rpm: way["rpm"].as_f64(),
                loaded_ms: way["loaded_rtt"]["p50_ms"].as_f64(),
            })
        };
        Ok([way("down")?, way("up")?])
    }

    /// Ours against ours, once for all trials: the link is the same.
    fn ours(&self) -> anyhow::Result<Both> {
        static OURS_ONCE: Mutex<Option<Both>> = Mutex::new(None);
        let mut once = OURS_ONCE.lock().unwrap_or_else(PoisonError::into_inner);
        if once.is_none() {
            *once = Some(self.measure(OURS, "ca.pem")?);
        }
        once.context("just measured")
    }

    /// What a client prints that runs in the home.
    fn client(&self, program: &Path, arguments: &[&str]) -> anyhow::Result<String> {
        let mut command = self.network.home().command(program);
        output(command.args(arguments))
    }

    fn url(path: &str) -> String {
        format!("https://{OURS}{path}")
    }
}

fn output(command: &mut Command) -> anyhow::Result<String> {
    let output = command.stdin(Stdio::null()).output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?}: {}\n{said}", output.status);
    Ok(String::from_utf8(output.stdout)?)
}

fn json(command: &mut Command) -> anyhow::Result<Value> {
    let text = output(command)?;
    serde_json::from_str(&text).with_context(|| format!("{command:?}: its JSON"))
}

fn we_measure(server: Server, version: &str) -> anyhow::Result<()> {
    let mut bench = Bench::start()?;
    let ours = bench.ours()?;
    let command = server.command(bench.network.core(), bench.folder.path(), THEIRS, OURS)?;
    bench.serve(server.name, command, THEIRS)?;
    let theirs = bench.measure(THEIRS, "cert.pem")?;
    // Where the RPM hangs on the server's own queue only the round trips are compared.
    ensure!(theirs[0].rpm.is_some() || !server.interleaves, "{theirs:?}");
    ensure!(theirs[1].rpm.is_some(), "{theirs:?}");
    beside(&format!("our client, {} ({version})", server.name), theirs, ours, false)
}

/// A whole test: idle, down, up.
fn mach_measures(mach: &Path, version: &str) -> anyhow::Result<()> {
    let bench = Bench::start()?;
    let ours = bench.ours()?;
    let document = Bench::url("/.well-known/nq");
    let arguments =
        ["rpm", "--insecure", "--disable-aim-scores", "--test-duration", MACH_MS, "-c", &document];
    let report: Value = serde_json::from_str(&bench.client(mach, &arguments)?)?;
    let way = |name: &str| -> anyhow::Result<Way> {
        let goodput = report[name]["throughput"].as_f64();
        Ok(Way {
            goodput_bps: goodput.with_context(|| report.to_string())?,
            rpm: report[name]["rpm"].as_f64(),
            loaded_ms: None,
        })
    };
    let theirs = [way("download")?, way("upload")?];
    beside(&format!("{version}, our server"), theirs, ours, true)
}

fn curl_moves_load(_: &str) -> anyhow::Result<()> {
    let bench = Bench::start()?;
    let ca = bench.folder.path().join("ca.pem");
    let ca = ca.to_string_lossy().into_owned();
    let curl = |arguments: &[&str]| {
        let common = ["-sS", "--http2", "--cacert", &ca];
        bench.client(Path::new("curl"), &[&common, arguments].concat())
    };
    let document: Value = serde_json::from_str(&curl(&[&Bench::url("/.well-known/nq")])?)?;
    let url = |key: &str| document["urls"][key].as_str().context("no URL").map(str::to_owned);
    ensure!(curl(&[&url("small_download_url")?])?.len() == 1, "one octet");
    let large = url("large_download_url")?;
    let head = curl(&["-I", &large])?;
    ensure!(head.starts_with("HTTP/2 200"), "{head}");
    // Uploads of known and of unknown length, on four streams of one connection.
    let file = bench.folder.path().join("upload");
    std::fs::File::create(&file)?.set_len(2_000_000)?;
    let name = file.to_string_lossy().into_owned();
    let posted = curl(&["--data-binary", &format!("@{name}"), &url("upload_url")?])?;
    ensure!(posted.trim() == "2000000", "{posted}");
    let upload = url("upload_url")?;
    let mut many = vec!["-Z", "-X", "POST", "-H", "content-length:"];
    for _ in 0..4 {
        many.extend(["-T", &name, &upload]);
    }
    let posted = curl(&many)?;
    ensure!(posted.split_whitespace().all(|line| line == "2000000"), "{posted}");
    // An endless download: at the link's rate until curl has had enough (its status 28).
    let mut command = bench.network.home().command("curl");
    command.args(["-sS", "--http2", "--cacert", &ca, "-m", SECONDS, "-o", "/dev/null"]);
    let output = command.args(["-w", "%{http_version} %{speed_download}", &large]).output()?;
    let text = String::from_utf8(output.stdout)?;
    let (http, speed) = text.split_once(' ').with_context(|| text.clone())?;
    let share = speed.trim().parse::<f64>()? * 8.0 / LINK_BPS;
    ensure!(output.status.code() == Some(28) && http == "2", "{text}");
    ensure!((1.0 - GOODPUT_WITHIN..1.0).contains(&share), "{share} of the link");
    Ok(())
}

fn h2load_asks(_: &str) -> anyhow::Result<()> {
    let bench = Bench::start()?;
    let url = Bench::url("/small");
    let program = PathBuf::from("h2load");
    let text = bench.client(&program, &["-n", "2000", "-c", "10", "-m", "32", &url])?;
    let all = "2000 total, 2000 started, 2000 done, 2000 succeeded, 0 failed, 0 errored";
    ensure!(text.contains(all), "{text}");
    Ok(())
}
