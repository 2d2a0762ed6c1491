//! `measure http` and `measure dns`: each phase's time alone, failures by cause.

use std::collections::BTreeMap;
use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hearth_proto::{Cause, Family, ProbeKind, Purpose};
use reqwest::Url;
use serde::Serialize;

use super::figures::{Times, name, nanos};
use super::latency::{row, ticker, times, words};
use super::{MeasureError, Stop, Wanted, line, look_up, on_link};
use crate::clock;
use crate::config::{Host, HostPort};
use crate::link::{InterfaceName, resolvers};
use crate::probe::connection::Account;
use crate::probe::outlet::Outlet;
use crate::probe::{dns as dns_probe, http as http_probe};

/// How often.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    count: u32,
    interval: Duration,
}

impl Pace {
    /// So many times, so many milliseconds apart.
    pub fn of(count: u32, interval_ms: u32) -> Self {
        Self { count, interval: Duration::from_millis(interval_ms.into()) }
    }
}

/// A URL to ask for.
#[derive(Debug)]
pub struct Http {
    /// Which.
    pub url: Url,
    /// A further authority to trust, in PEM.
    pub ca_pem: Option<Vec<u8>>,
    /// By which link.
    pub outlet: Outlet,
    /// By which IP version.
    pub wanted: Wanted,
}

/// A name to look up.
#[derive(Debug)]
pub struct Dns {
    /// Which.
    pub name: String,
    /// Whom to ask; else the system's first for the link.
    pub server: Option<SocketAddr>,
    /// How.
    pub by: dns_probe::Transport,
    /// By which link.
    pub outlet: Outlet,
    /// Addresses of which IP version.
    pub family: Family,
    /// By which IP version to ask.
    pub wanted: Wanted,
}

/// A measurement and its circumstances, as in JSON.
#[derive(Debug, Serialize)]
pub struct Report {
    /// "http" or "dns".
    pub method: &'static str,
    /// The URL or the name, as asked for.
    pub target: String,
    /// Whom it was asked.
    pub address: SocketAddr,
    /// By which interface, if one was named.
    pub interface: Option<String>,
    /// The IP version of `address`.
    pub family: Family,
    /// Wall time of the first request, milliseconds since 1970.
    pub first_unix_ms: u64,
    /// From the first request to the last outcome.
    pub duration_ms: f64,
    /// Each phase's times, in milliseconds, by the metric's name.
    pub phases: BTreeMap<&'static str, Times>,
    /// What was answered, and how often: by DNS addresses, "there is no such name" or "no
    /// address of that version", by HTTP "status 200" or another.
    pub answers: BTreeMap<String, usize>,
    /// How many were answered.
    pub count: usize,
    /// How many were asked.
    pub sent: usize,
    /// Failures by cause.
    pub failures: BTreeMap<String, usize>,
    /// The same, by the metric of the phase that failed.
    pub phase_failures: BTreeMap<&'static str, BTreeMap<String, usize>>,
    /// Why there was no TLS, in words, and how often.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub no_tls: BTreeMap<String, usize>,
}

/// What is gathered on the way.
struct Gathered {
    phases: BTreeMap<&'static str, Vec<f64>>,
    answers: BTreeMap<String, usize>,
    count: usize,
    sent: usize,
    failures: BTreeMap<String, usize>,
    phase_failures: BTreeMap<&'static str, BTreeMap<String, usize>>,
    no_tls: BTreeMap<String, usize>,
}

impl Gathered {
    fn new() -> Self {
        Self {
            phases: BTreeMap::new(),
            answers: BTreeMap::new(),
            count: 0,
            sent: 0,
            failures: BTreeMap::new(),
            phase_failures: BTreeMap::new(),
            no_tls: BTreeMap::new(),
        }
    }

    fn failed(&mut self, phase: &'static str, cause: Cause) {
        *self.failures.entry(name(cause)).or_default() += 1;
        *self.phase_failures.entry(phase).or_default().entry(name(cause)).or_default() += 1;
    }

    fn took(&mut self, phase: &'static str, time: Duration) {
        self.phases.entry(phase).or_default().push(time.as_secs_f64() * 1e3);
    }

    fn report(self, began: (std::time::Instant, Duration), of: Asked<'_>) -> Report {
        let Asked { method, target, address, outlet } = of;
        let phases = self.phases.into_iter().map(|(phase, mut times)| {
            times.sort_by(f64::total_cmp);
            (phase, Times::of_sorted(&times))
        });
        Report {
            method,
            target,
            address,
            interface: outlet.interface().map(ToString::to_string),
            family: if address.is_ipv4() { Family::V4 } else { Family::V6 },
            first_unix_ms: began.1.as_millis() as u64,
            duration_ms: nanos(began.0.elapsed().as_secs_f64() * 1e3),
            phases: phases.collect(),
            answers: self.answers,
            count: self.count,
            sent: self.sent,
            failures: self.failures,
            phase_failures: self.phase_failures,
            no_tls: self.no_tls,
        }
    }
}

struct Asked<'a> {
    method: &'static str,
    target: String,
    address: SocketAddr,
    outlet: &'a Outlet,
}

/// Asks for a URL, each time over a new connection.
///
/// # Errors
/// When it can't be asked for at all.
pub async fn http(
    what: &Http,
    pace: Pace,
    live: &mut dyn Write,
    stop: &mut Stop,
) -> Result<Report, MeasureError> {
    let host = what.url.host_str().unwrap_or_default();
    let host: Host =
        host.parse().map_err(|_| http_probe::OpenError::NoHost(what.url.to_string()))?;
    let port = what.url.port_or_known_default().unwrap_or(80);
    let address = look_up(&HostPort { host, port }, what.wanted, &what.outlet).await?;
    what.outlet.check(address.ip()).await?;
    let account = Account { spending: Arc::default(), purpose: Purpose::Probes };
    let probe =
        http_probe::Http::open(&what.outlet, &what.url, address, account, what.ca_pem.as_deref())?;
    let began = (clock::now(), clock::since_unix());
    let mut got = Gathered::new();
    let mut ticks = ticker(pace.interval);
    for number in 1..=pace.count {
        let asked = async {
            ticks.tick().await;
            probe.ask().await
        };
        let asked = tokio::select! {
            asked = asked => asked,
            () = stop.stopped() => break,
        };
        got.sent += 1;
        let mut told = Vec::new();
        let no_tls = asked.no_tls.as_ref().map(|no_tls| in_words(no_tls, &what.url));
        for (phase, outcome) in asked.phases() {
            let (metric, word) = metric(phase);
            match outcome {
                Ok(time) => {
                    got.took(metric, time);
                    told.push(format!("{word} {:.3} ms", time.as_secs_f64() * 1e3));
                }
                Err(cause) => {
                    got.failed(metric, cause);
                    let why = no_tls.as_deref().unwrap_or(words(cause));
                    told.push(format!("{word} {why}"));
                }
            }
        }
        if let Some(no_tls) = no_tls {
            *got.no_tls.entry(no_tls).or_default() += 1;
        }
        if asked.outcome().is_ok() {
            got.count += 1;
        }
        if let Some(status) = asked.status.map(|status| format!("status {status}")) {
            *got.answers.entry(status.clone()).or_default() += 1;
            told.push(status);
        }
        line(live, format_args!("{number:>4}  {address}  {}", told.join(", ")))?;
    }
    let target = what.url.to_string();
    Ok(got.report(began, Asked { method: "http", target, address, outlet: &what.outlet }))
}

fn in_words(no_tls: &http_probe::NoTls, url: &Url) -> String {
    let http_probe::NoTls { why, unknown_authority } = no_tls;
    let host = url.host_str().unwrap_or_default();
    let remedy = match unknown_authority {
        true => format!("; if {host} has an authority of its own, name its file with --ca"),
        false => String::new(),
    };
    format!("{why}{remedy}")
}

/// Looks a name's addresses up.
///
/// # Errors
/// When nobody can be asked.
pub async fn dns(
    what: &Dns,
    pace: Pace,
    live: &mut dyn Write,
    stop: &mut Stop,
) -> Result<Report, MeasureError> {
    let question = dns_probe::Question::addresses(&what.name, what.family)?;
    let address = server(what)?;
    if !what.wanted.accepts(address.ip()) {
        let family = what.wanted.words();
        return Err(MeasureError::NoAddress { host: address.ip().to_string(), family });
    }
    what.outlet.check(on_link(address.ip(), &what.outlet)?).await?;
    let began = (clock::now(), clock::since_unix());
    let mut got = Gathered::new();
    let mut ticks = ticker(pace.interval);
    for number in 1..=pace.count {
        let asked = async {
            ticks.tick().await;
            dns_probe::ask(&what.outlet, address, &question, what.by).await
        };
        let asked = tokio::select! {
            asked = asked => asked,
            () = stop.stopped() => break,
        };
        got.sent += 1;
        match asked {
            Ok(answer) => {
                got.count += 1;
                got.took("dns_ms", answer.took);
                let addresses: Vec<_> = answer.addresses.iter().map(ToString::to_string).collect();
                let addresses = match (answer.exists, addresses.len()) {
                    (false, _) => "there is no such name".to_owned(),
                    (true, 0) => "no address of that version".to_owned(),
                    _ => addresses.join(", "),
                };
                let ms = answer.took.as_secs_f64() * 1e3;
                *got.answers.entry(addresses.clone()).or_default() += 1;
                let by = if answer.by == what.by { "" } else { " (by TCP, too long for UDP)" };
                line(live, format_args!("{number:>4}  {address}  {ms:.3} ms  {addresses}{by}"))?;
            }
            Err(failed) => {
                got.failed("dns_ms", failed.cause);
                let code = failed.code.map(|code| format!(": {code}")).unwrap_or_default();
                line(live, format_args!("{number:>4}  {address}  {}{code}", words(failed.cause)))?;
            }
        }
    }
    let target = what.name.clone();
    Ok(got.report(began, Asked { method: "dns", target, address, outlet: &what.outlet }))
}

/// A phase's metric, and what a person calls it.
fn metric(phase: ProbeKind) -> (&'static str, &'static str) {
    match phase {
        ProbeKind::TcpConnect => ("tcp_connect_ms", "connect"),
        ProbeKind::TlsHandshake => ("tls_handshake_ms", "TLS"),
        _ => ("http_ttfb_ms", "first byte"),
    }
}

/// The DNS servers of a link, or none for the system's way.
pub fn servers(interface: Option<&InterfaceName>) -> Vec<SocketAddr> {
    let Some(interface) = interface else { return Vec::new() };
    let index = nix::net::if_::if_nametoindex(interface.as_str()).ok();
    let found = resolvers::of_link(Path::new("/"), interface, index);
    found.servers.into_iter().map(|ip| SocketAddr::new(ip, dns_probe::PORT)).collect()
}

fn server(what: &Dns) -> Result<SocketAddr, MeasureError> {
    if let Some(server) = what.server {
        return Ok(server);
    }
    let (found, by) = match what.outlet.interface() {
        Some(interface) => {
            let index = nix::net::if_::if_nametoindex(interface.as_str()).ok();
            let found = resolvers::of_link(Path::new("/"), interface, index);
            (found, format!(" for {interface}"))
        }
        None => (resolvers::of_machine(Path::new("/")), String::new()),
    };
    let mut servers = found.servers.iter().filter(|server| what.wanted.accepts(**server));
    let first = servers.next().ok_or(MeasureError::NoServer(by))?;
    Ok(SocketAddr::new(*first, dns_probe::PORT))
}

/// The summary for a person.
///
/// # Errors
/// When `out` can't be written.
pub fn summarise(report: &Report, out: &mut dyn Write) -> Result<(), MeasureError> {
    let by = report.interface.as_deref().map(|i| format!(" by {i}")).unwrap_or_default();
    line(out, format_args!(""))?;
    let (method, target) = (report.method.to_uppercase(), &report.target);
    line(out, format_args!("{method} {target} ({}){by}", report.address))?;
    for (phase, figures) in &report.phases {
        times(out, phase.trim_end_matches("_ms"), figures)?;
    }
    row(out, "count", &report.count.to_string())?;
    row(out, "sent", &report.sent.to_string())?;
    for (phase, failures) in &report.phase_failures {
        let phase = phase.trim_end_matches("_ms");
        for (cause, n) in failures {
            row(out, "failed", &format!("{n} {cause} ({phase})"))?;
        }
    }
    for why in report.no_tls.keys() {
        row(out, "", why)?;
    }
    Ok(())
}
