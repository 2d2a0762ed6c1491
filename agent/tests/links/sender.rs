//! A program of its own that sends one kind of probe by one link and says what
//! came of it, so that it can be started as any user: the test's own program,
//! with [`VARIABLE`] set.

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use hearth_agent::link::InterfaceName;
use hearth_agent::link::bind::{Binder, bind_to_device, device_socket};
use hearth_agent::link::netlink::Netlink;
use hearth_agent::probe::connection::Account;
use hearth_agent::probe::dns::Transport;
use hearth_agent::probe::outlet::Outlet;
use hearth_agent::probe::path::{self, Walker};
use hearth_agent::probe::{dns, http, icmp, stamp, tcp};
use hearth_agent::run::News;
use hearth_proto::{Cause, Family, ProbeKind, Purpose};
use serde::{Deserialize, Serialize};
use socket2::Type;

use crate::agent::Agent;
use crate::services;

const VARIABLE: &str = "HEARTH_TEST_SENDER";
/// "nobody" everywhere.
const NOBODY: u32 = 65_534;
const PATIENCE: Duration = Duration::from_secs(20);

/// A kind of probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Kind {
    Stamp,
    Icmp,
    Dns,
    DnsByTcp,
    Tcp,
    Http,
    Https,
    Path,
    Run,
    /// Binds one socket to two links in turn.
    Twice,
}

impl Kind {
    pub(crate) const ALL: [Self; 9] = [
        Self::Stamp,
        Self::Icmp,
        Self::Dns,
        Self::DnsByTcp,
        Self::Tcp,
        Self::Http,
        Self::Https,
        Self::Path,
        Self::Run,
    ];

    /// Whether each probe is one packet there and one back.
    pub(crate) fn is_datagram(self) -> bool {
        matches!(self, Self::Stamp | Self::Icmp | Self::Dns | Self::Path)
    }
}

/// Who sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum User {
    Root,
    Nobody,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Job {
    pub(crate) kind: Kind,
    pub(crate) interface: String,
    /// All interfaces that are links, for a run.
    pub(crate) links: Vec<String>,
    pub(crate) target: IpAddr,
    pub(crate) count: u32,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Said {
    pub(crate) answered: u32,
    /// The cause under which the first that failed counts.
    pub(crate) cause: Option<Cause>,
    /// What a person is told before anything is sent.
    pub(crate) error: Option<String>,
}

impl Job {
    /// Sends as `user`, from the network namespace of the calling thread.
    pub(crate) fn send_as(&self, user: User) -> Result<Said> {
        // By the magic link: the folder may be closed to others.
        let mut command = Command::new("/proc/self/exe");
        command.env(VARIABLE, serde_json::to_string(self)?);
        if user == User::Nobody {
            command.uid(NOBODY).gid(NOBODY);
        }
        // On this very thread: the program starts in its namespace.
        let output = command.output()?;
        ensure!(
            output.status.success(),
            "{self:?} as {user:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        serde_json::from_slice(&output.stdout).context("no result")
    }
}

/// In the program that was started: sends and says, and ends.
pub(crate) fn main() {
    let Ok(job) = std::env::var(VARIABLE) else { return };
    let said = || -> Result<Said> {
        let job: Job = serde_json::from_str(&job)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(send(&job))
    };
    match said() {
        Ok(said) => {
            println!("{}", serde_json::to_string(&said).expect("plain data"));
            std::process::exit(0);
        }
        Err(error) => {
            eprintln!("{error:#}");
            std::process::exit(1);
        }
    }
}

async fn send(job: &Job) -> Result<Said> {
    let interface: InterfaceName = job.interface.parse()?;
    let outlet = Outlet::Link { binder: Binder::new(Netlink::open()?), interface };
    let mut said = Said { answered: 0, cause: None, error: None };
    if let Err(error) = outlet.check(job.target).await {
        said.error = Some(error.to_string());
    }
    if job.kind == Kind::Twice {
        let socket = device_socket(&job.interface.parse()?, job.target, Type::DGRAM)?;
        let other = job.links.iter().find(|link| **link != job.interface);
        let other = other.context("there is no other link")?.parse()?;
        match bind_to_device(&socket, &other) {
            Ok(()) => said.answered = 1,
            Err(error) => (said.cause, said.error) = (Some(error.cause()), Some(error.to_string())),
        }
        return Ok(said);
    }
    if job.kind == Kind::Run {
        said.answered = whole_run(job).await?;
        return Ok(said);
    }
    let mut asker = match Asker::open(job, &outlet).await {
        Ok(asker) => asker,
        Err((cause, error)) => {
            (said.cause, said.error) = (Some(cause), said.error.or(Some(error)));
            return Ok(said);
        }
    };
    for number in 0..job.count {
        match asker.ask(job, &outlet, number).await {
            Ok(()) => said.answered += 1,
            Err(cause) => said.cause = said.cause.or(Some(cause)),
        }
    }
    Ok(said)
}

enum Asker {
    Stamp(Box<stamp::Session>),
    Icmp(icmp::Echo),
    Path(Walker),
    Http(Box<http::Http>),
    Other,
}

impl Asker {
    async fn open(job: &Job, outlet: &Outlet) -> Result<Self, (Cause, String)> {
        let at = |port| SocketAddr::new(job.target, port);
        let family = if job.target.is_ipv4() { Family::V4 } else { Family::V6 };
        Ok(match job.kind {
            Kind::Stamp => {
                let session =
                    stamp::Session::open(outlet, at(services::STAMP), &stamp::Settings::default())
                        .await;
                Self::Stamp(Box::new(session.map_err(|error| (error.cause(), error.to_string()))?))
            }
            Kind::Path => {
                let walker = Walker::open(outlet, at(path::PORT)).await;
                Self::Path(walker.map_err(|error| (error.cause(), error.to_string()))?)
            }
            Kind::Icmp => {
                // As the agent does: the way is asked for before each echo.
                outlet.check(job.target).await.map_err(|e| (e.cause(), e.to_string()))?;
                let echo = icmp::Echo::open(outlet, family, 7);
                Self::Icmp(echo.map_err(|error| (Cause::Local, error.to_string()))?)
            }
            Kind::Http | Kind::Https => {
                let scheme = if job.kind == Kind::Http { "http" } else { "https" };
                let url = format!("{scheme}://far.example/");
                let url = url.parse().map_err(|_| (Cause::Local, "no URL".to_owned()))?;
                let http = http::Http::open(
                    outlet,
                    &url,
                    at(services::HTTP),
                    Account { spending: Arc::default(), purpose: Purpose::Probes },
                    None,
                );
                Self::Http(Box::new(http.map_err(|e| (Cause::Local, e.to_string()))?))
            }
            _ => Self::Other,
        })
    }

    async fn ask(&mut self, job: &Job, outlet: &Outlet, number: u32) -> Result<(), Cause> {
        let at = |port| SocketAddr::new(job.target, port);
        let dns = async |port| {
            let asked = dns::ask(outlet, at(port), &dns::Question::root(), Transport::Udp).await;
            asked.map(drop).map_err(|failed| failed.cause)
        };
        match self {
            Self::Stamp(session) => {
                session.send().map_err(|(_, cause)| cause)?;
                let resolved = session.next().await.map_err(|_| Cause::Local)?;
                resolved.outcome.map(drop)
            }
            Self::Icmp(echo) => echo.ping(job.target, number as u16).await.map(drop),
            Self::Path(walker) => walker.ask(2).await.map(drop),
            Self::Http(http) => match http.ask().await.outcome() {
                // It answered, though not by TLS.
                Err(Cause::Protocol) if job.kind == Kind::Https => Ok(()),
                other => other.map(drop),
            },
            Self::Other => match job.kind {
                Kind::Dns => dns(services::DNS).await,
                Kind::DnsByTcp => dns(services::LONG_DNS).await,
                _ => tcp::connect(outlet, at(services::HTTP)).await.map(drop),
            },
        }
    }
}

/// The agent itself, on one of the links, until each of its probes is answered.
async fn whole_run(job: &Job) -> Result<u32> {
    let target = job.target;
    let host = if target.is_ipv4() { target.to_string() } else { format!("[{target}]") };
    let (stamp, dns, http) = (services::STAMP, services::DNS, services::HTTP);
    let mut text = format!(
        "reflector = \"{host}:{stamp}\"\nresolvers = [\"{host}:{dns}\"]\n\
         targets = [\"{host}:{http}\", \"http://{host}:{http}/\"]\n\
         interval_ms = 200\nslow_interval_ms = 1000\n"
    );
    for link in &job.links {
        let enabled = *link == job.interface;
        writeln!(text, "[[link]]\ninterface = \"{link}\"\nenabled = {enabled}")?;
    }
    let mut agent = Agent::start(&text)?;
    let mut wanted = vec![
        ProbeKind::Stamp,
        ProbeKind::Hop,
        ProbeKind::Dns,
        ProbeKind::TcpConnect,
        ProbeKind::HttpTtfb,
    ];
    let (mut answered, mut failed) = (0, Vec::new());
    let heard = tokio::time::timeout(PATIENCE, async {
        while !wanted.is_empty() {
            match agent.news.recv().await.context("the agent ended")? {
                News::Probed { series, outcome: Ok(_), .. } => {
                    answered += 1;
                    wanted.retain(|kind| *kind != series.probe);
                }
                News::Probed { series, outcome: Err(cause), .. } => {
                    failed.push((series.probe, cause));
                }
                _ => {}
            }
        }
        anyhow::Ok(())
    });
    let heard = heard.await;
    if heard.is_err() {
        bail!("{wanted:?} were never answered; {failed:?}");
    }
    agent.stop().await?;
    Ok(answered)
}
