//! `measure responsiveness`: a link under load, for a person or as JSON.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hearth_proto::{Confidence, DirectionFigures, Distribution, Family, Own};
use reqwest::Url;
use serde::Serialize;
use tokio::sync::watch;

use super::failed::Failed;
use super::figures::nanos;
use super::latency::{in_ms, row};
use super::{MeasureError, Stop, Wanted, line};
use crate::cli::args::{Directions, ResponsivenessArgs};
use crate::link::resolvers;
use crate::link::spending::Spending;
use crate::probe::dns::PORT;
use crate::probe::heavy::{Direction, Ended, Limits, Means, Partial, Step, TestServer};
use crate::probe::outlet::Outlet;
use crate::probe::responsiveness::{Options, measure_with};
use crate::status::text::bytes;

/// What to measure.
#[derive(Debug)]
pub struct Responsiveness {
    server: Url,
    ca_pem: Option<Arc<[u8]>>,
    outlet: Outlet,
    family: Option<Family>,
    directions: Vec<Direction>,
    limits: Limits,
}

impl Responsiveness {
    /// As the command line has it.
    pub fn of(args: &ResponsivenessArgs, outlet: Outlet, ca_pem: Option<Vec<u8>>) -> Self {
        Self {
            server: args.server.clone(),
            ca_pem: ca_pem.map(Into::into),
            outlet,
            family: match args.common.wanted() {
                Wanted::Any => None,
                Wanted::V4 => Some(Family::V4),
                Wanted::V6 => Some(Family::V6),
            },
            directions: match args.direction {
                Directions::Down => vec![Direction::Down],
                Directions::Up => vec![Direction::Up],
                Directions::Both => vec![Direction::Down, Direction::Up],
            },
            limits: Limits {
                bytes: args.max_mb.map_or(u64::MAX, |mb| u64::from(mb) * 1_000_000),
                time: Duration::from_secs(args.seconds.into()),
            },
        }
    }
}

/// A measurement, as in JSON.
#[derive(Debug, Serialize)]
pub struct Report {
    /// The server, as named.
    pub server: String,
    /// By which interface, if one was named.
    pub interface: Option<String>,
    /// The IP version used.
    pub family: Option<Family>,
    /// Towards the home, where measured.
    pub down: Option<Loaded>,
    /// From the home, where measured.
    pub up: Option<Loaded>,
    /// Round trips before the load.
    pub idle_rtt: Rtt,
    /// `bufferbloat_ms_v1` of what was loaded; `null` where any of it has too few round
    /// trips: the other direction may be the worse one.
    pub bufferbloat_ms: Option<f64>,
    /// Bytes on the link, headers included.
    pub cost: Own,
    /// Why there are no figures, or not all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Failed>,
}

/// One direction's figures.
#[derive(Debug, Serialize)]
pub struct Loaded {
    /// Payload bit/s over the stable part.
    pub goodput_bps: u64,
    /// `rpm_draft09`.
    pub rpm: Option<u32>,
    /// In the goodput.
    pub confidence: Confidence,
    /// In the RPM.
    pub rpm_confidence: Option<Confidence>,
    /// Connections that bore the load.
    pub flows: u32,
    /// The stable part's length.
    pub measured_ms: u32,
    /// Payload bytes of the stable part.
    pub bytes: u64,
    /// `loaded_rtt_*`: the exchanges beside the load.
    pub loaded_rtt: Rtt,
    /// TCP handshakes beside the load.
    pub tcp_f: Rtt,
    /// TLS handshakes beside the load, over their round trips.
    pub tls_f: Rtt,
    /// Exchanges beside the load.
    pub http_f: Rtt,
    /// Exchanges on the loaded connections, their senders' own queues included.
    pub http_l: Rtt,
    /// Whether the load broke, so that the figures are of what was measured until then.
    pub partial: bool,
}

/// Round trips; `null` where there are too few for the figure.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Rtt {
    /// The median.
    pub p50_ms: Option<f64>,
    /// The 95th percentile.
    pub p95_ms: Option<f64>,
    /// How many.
    pub count: u64,
}

impl Rtt {
    fn of(all: &Distribution) -> Self {
        let percentile = |q| all.supported_percentile_ms(q).map(nanos);
        Self { p50_ms: percentile(0.5), p95_ms: percentile(0.95), count: all.count() }
    }
}

impl Loaded {
    fn of(figures: &DirectionFigures, partial: bool) -> Self {
        Self {
            partial,
            goodput_bps: figures.goodput_bps,
            rpm: figures.rpm.map(|(rpm, _)| rpm),
            confidence: figures.confidence,
            rpm_confidence: figures.rpm.map(|(_, confidence)| confidence),
            flows: figures.flows,
            measured_ms: figures.measured_ms,
            bytes: figures.bytes,
            loaded_rtt: Rtt::of(figures.loaded_rtt()),
            tcp_f: Rtt::of(&figures.tcp_f),
            tls_f: Rtt::of(&figures.tls_f),
            http_f: Rtt::of(&figures.http_f),
            http_l: Rtt::of(&figures.http_l),
        }
    }
}

impl Report {
    fn of(server: &Url, family: Option<Family>, cost: Own, partial: &Partial) -> Self {
        let Partial { figures, broken } = partial;
        let loaded = |figures: &Option<DirectionFigures>, direction| {
            figures.as_ref().map(|figures| Loaded::of(figures, *broken == Some(direction)))
        };
        let down = loaded(&figures.down, Direction::Down);
        let up = loaded(&figures.up, Direction::Up);
        let idle_rtt = Rtt::of(&figures.idle_rtt);
        let loaded: Option<Vec<f64>> =
            [&down, &up].into_iter().flatten().map(|loaded| loaded.loaded_rtt.p95_ms).collect();
        let loaded = loaded.and_then(|p95| p95.into_iter().max_by(f64::total_cmp));
        let bufferbloat_ms = loaded.zip(idle_rtt.p50_ms).map(|(p95, idle)| nanos(p95 - idle));
        Self {
            server: server.as_str().trim_end_matches('/').to_owned(),
            interface: None,
            family,
            down,
            up,
            idle_rtt,
            bufferbloat_ms,
            cost,
            error: None,
        }
    }
}

impl Report {
    /// Whether any direction has any, or the idle round trips.
    pub fn has_figures(&self) -> bool {
        self.down.is_some() || self.up.is_some() || self.idle_rtt.count > 0
    }
}

/// Measures, with a line for every interval. Stopped or broken, it yields what there is.
///
/// # Errors
/// When the output can't be written; that something failed is in the report.
pub async fn measure(
    what: &Responsiveness,
    live: &mut dyn Write,
    mut stop: Stop,
) -> Result<Report, MeasureError> {
    let (stopper, stopped) = watch::channel(false);
    let (_household, give_way) = watch::channel(false);
    let means = Means {
        outlet: what.outlet.clone(),
        server: TestServer {
            url: what.server.clone(),
            ca_pem: what.ca_pem.clone(),
            resolvers: resolvers_of(&what.outlet).into(),
        },
        family: what.family,
        limits: what.limits,
        spending: Arc::new(Spending::default()),
        give_way,
    };
    let options = Options { directions: what.directions.clone(), stop: stopped };
    let (told, mut steps) = tokio::sync::mpsc::unbounded_channel();
    let mut tell = move |step| drop(told.send(step));
    line(live, format_args!("measuring {} under load; Ctrl-C ends it", what.server))?;
    let measuring = async {
        let ended = measure_with(&means, &options, &mut tell).await;
        drop(tell);
        ended
    };
    let showing = async {
        while let Some(step) = steps.recv().await {
            show(live, &step)?;
        }
        Ok::<_, MeasureError>(())
    };
    let stopping = async {
        stop.stopped().await;
        let _ = stopper.send(true);
        std::future::pending::<()>().await;
    };
    let (ended, shown) = tokio::select! {
        both = async { tokio::join!(measuring, showing) } => both,
        () = stopping => unreachable!("it never ends"),
    };
    shown?;
    let Ended { family, cost, result, partial } = ended;
    let (partial, error) = match result {
        Ok(figures) => (Partial { figures, broken: None }, None),
        Err(error) => (partial, Some(Failed::from(error))),
    };
    let interface = what.outlet.interface().map(ToString::to_string);
    Ok(Report { interface, error, ..Report::of(&what.server, family, cost, &partial) })
}

/// The servers of a named interface; else the system resolves as it does.
fn resolvers_of(outlet: &Outlet) -> Vec<std::net::SocketAddr> {
    let Some(interface) = outlet.interface() else { return Vec::new() };
    let index = nix::net::if_::if_nametoindex(interface.as_str()).ok();
    let found = resolvers::of_link(Path::new("/"), interface, index);
    found.servers.into_iter().map(|ip| (ip, PORT).into()).collect()
}

fn show(live: &mut dyn Write, step: &Step) -> Result<(), MeasureError> {
    let direction = match step.direction {
        Some(Direction::Down) => "down",
        Some(Direction::Up) => "up",
        None => "idle",
    };
    let rpm = step.rpm.map_or_else(String::new, |rpm| format!("  {rpm:>6} RPM"));
    let flows = if step.flows == 1 { "connection" } else { "connections" };
    line(
        live,
        format_args!(
            "{:>5.1} s  {direction:<4}  {:>14}  {:>2} {flows}{rpm}",
            step.after.as_secs_f64(),
            rate(step.goodput_bps),
            step.flows,
        ),
    )
}

/// The summary for a person.
///
/// # Errors
/// When `out` can't be written.
pub fn summarise(report: &Report, out: &mut dyn Write) -> Result<(), MeasureError> {
    line(out, format_args!(""))?;
    let family = match report.family {
        Some(Family::V4) => " over IPv4",
        Some(Family::V6) => " over IPv6",
        None => "",
    };
    line(out, format_args!("RESPONSIVENESS {}{family}", report.server))?;
    if let Some(failed) = &report.error {
        line(out, format_args!("{}", failed.line(report.has_figures())))?;
        if !report.has_figures() {
            return line(out, format_args!("{}", used(&report.cost)));
        }
    }
    for (name, loaded) in [("down", &report.down), ("up", &report.up)] {
        let Some(loaded) = loaded else { continue };
        let confidence = confidence(loaded.confidence);
        row(
            out,
            name,
            &format!(
                "{}, {confidence} confidence{}",
                rate(loaded.goodput_bps).trim_start(),
                if loaded.partial { ", partial" } else { "" }
            ),
        )?;
        let rtt = loaded.loaded_rtt;
        let (p50, p95) = (in_ms(rtt.p50_ms), in_ms(rtt.p95_ms));
        let rpm = match (loaded.rpm, loaded.rpm_confidence) {
            (Some(rpm), Some(sure)) => {
                format!("{rpm} RPM ({} confidence), ", self::confidence(sure))
            }
            _ => "not enough data for RPM, ".into(),
        };
        row(out, &format!("{name} loaded"), &format!("{rpm}RTT p50 {p50}, p95 {p95}"))?;
        let own = loaded.http_l;
        let (p50, p95) = (in_ms(own.p50_ms), in_ms(own.p95_ms));
        row(out, "", &format!("on the loaded connections: p50 {p50}, p95 {p95}"))?;
    }
    row(out, "idle RTT p50", &in_ms(report.idle_rtt.p50_ms))?;
    row(out, "bufferbloat", &in_ms(report.bufferbloat_ms))?;
    line(out, format_args!("{}", used(&report.cost)))
}

fn used(cost: &Own) -> String {
    let (rx, tx) = (bytes(cost.rx_bytes), bytes(cost.tx_bytes));
    format!("  {:<15} {rx} received, {tx} sent", "used")
}

fn confidence(confidence: Confidence) -> &'static str {
    match confidence {
        Confidence::Low => "low",
        Confidence::Medium => "medium",
        Confidence::High => "high",
    }
}

fn rate(bps: u64) -> String {
    match bps {
        0..1_000_000 => format!("{:.1} kbit/s", bps as f64 / 1e3),
        _ => format!("{:.1} Mbit/s", bps as f64 / 1e6),
    }
}

#[cfg(test)]
#[path = "responsiveness_tests.rs"]
mod tests;
