//! `measure latency`: STAMP or ICMP to one target.

use std::io::Write;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use clap::ValueEnum;
use hearth_proto::{Cause, Family};
use serde::Serialize;
use tokio::task::JoinSet;
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::figures::{Figures, Probed, Times, figures, name, nanos};
use super::{MeasureError, Stop, line};
use crate::clock;
use crate::probe::outlet::Outlet;
use crate::probe::{icmp, stamp};

/// How to ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// RFC 8762, against a reflector.
    Stamp,
    /// ICMP echo.
    Icmp,
}

/// What to measure.
#[derive(Debug, Clone)]
pub struct Latency {
    /// How to ask.
    pub protocol: Protocol,
    /// Whom, as the user wrote it.
    pub target: String,
    /// Whom.
    pub to: SocketAddr,
    /// By which link.
    pub outlet: Outlet,
    /// How often.
    pub count: u32,
    /// How far apart.
    pub interval: Duration,
    /// How STAMP is spoken.
    pub stamp: stamp::Settings,
}

/// The measurement and its circumstances, as in JSON.
#[derive(Debug, Serialize)]
pub struct Report {
    /// How it was asked.
    pub protocol: Protocol,
    /// Whom, as the user wrote it.
    pub target: String,
    /// Its address; with a port for STAMP.
    pub address: String,
    /// By which interface, if one was named.
    pub interface: Option<String>,
    /// The IP version.
    pub family: Family,
    /// Octets of UDP or ICMP payload.
    pub payload_bytes: u32,
    /// The time between two probes.
    pub interval_ms: f64,
    /// Wall time of the first probe, milliseconds since 1970.
    pub first_unix_ms: u64,
    /// From the first probe to the last outcome.
    pub duration_ms: f64,
    /// STAMP replies that changed nothing.
    pub ignored: Option<stamp::Ignored>,
    /// Whether STAMP's packets were authenticated.
    pub authenticated: bool,
    /// The figures.
    #[serde(flatten)]
    pub figures: Figures,
}

/// Measures, telling each outcome on `live` as it becomes known. `stop` ends it
/// early: what is still out then was not sent.
///
/// # Errors
/// When nothing can be sent at all.
pub async fn measure(
    what: &Latency,
    live: &mut dyn Write,
    stop: &mut Stop,
) -> Result<Report, MeasureError> {
    let first = clock::since_unix();
    let began = clock::now();
    let (probes, ignored) = match what.protocol {
        Protocol::Stamp => {
            let (probes, ignored) = stamp_probes(what, live, stop).await?;
            (probes, Some(ignored))
        }
        Protocol::Icmp => (icmp_probes(what, live, stop).await?, None),
    };
    Ok(Report {
        protocol: what.protocol,
        target: what.target.clone(),
        address: shown(what),
        interface: what.outlet.interface().map(ToString::to_string),
        family: if what.to.is_ipv4() { Family::V4 } else { Family::V6 },
        payload_bytes: match what.protocol {
            Protocol::Stamp => what.stamp.payload_bytes(),
            Protocol::Icmp => icmp::PAYLOAD_BYTES,
        },
        interval_ms: what.interval.as_secs_f64() * 1000.0,
        first_unix_ms: first.as_millis() as u64,
        duration_ms: nanos(began.elapsed().as_secs_f64() * 1000.0),
        ignored,
        authenticated: what.protocol == Protocol::Stamp && what.stamp.key.is_some(),
        figures: figures(&probes),
    })
}

fn shown(what: &Latency) -> String {
    match what.protocol {
        Protocol::Stamp => what.to.to_string(),
        Protocol::Icmp => what.to.ip().to_string(),
    }
}

/// A tick missed while the program was held up is left out: two probes back to
/// back would measure something else.
pub(super) fn ticker(period: Duration) -> Interval {
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    ticks
}

async fn stamp_probes(
    what: &Latency,
    live: &mut dyn Write,
    stop: &mut Stop,
) -> Result<(Vec<Probed>, stamp::Ignored), MeasureError> {
    let mut session = stamp::Session::open(&what.outlet, what.to, &what.stamp).await?;
    let mut ticks = ticker(what.interval);
    // In the order of sending; `None` while out.
    let mut probes: Vec<Option<Probed>> = Vec::new();
    // A probe's place by its number; those that could not leave have none.
    let mut places = std::collections::HashMap::new();
    let mut sent = 0;
    while sent < what.count || session.outstanding() > 0 {
        tokio::select! {
            biased;
            () = stop.stopped() => break,
            _ = ticks.tick(), if sent < what.count => {
                sent += 1;
                let send = || session.send().map_err(|(_, cause)| cause);
                match what.outlet.leave(what.to.ip(), send).await {
                    Ok(left) => {
                        places.insert(left.seq, probes.len());
                        probes.push(None);
                    }
                    Err(cause) => {
                        tell(live, what, sent, Err(cause))?;
                        probes.push(Some(Probed { outcome: Err(cause), numbers: None, one_way: None }));
                    }
                }
            }
            resolved = session.next(), if session.outstanding() > 0 => {
                let resolved = resolved.map_err(MeasureError::Runtime)?;
                let Some(place) = places.remove(&resolved.seq) else { continue };
                let outcome = resolved.outcome.map(|reply| reply.rtt);
                tell(live, what, place as u32 + 1, outcome)?;
                let reply = resolved.outcome.ok();
                let theirs = reply.map(|reply| reply.reflector_seq);
                probes[place] = Some(Probed {
                    outcome,
                    numbers: Some((resolved.seq, theirs)),
                    one_way: reply.and_then(|reply| reply.one_way),
                });
            }
        }
    }
    Ok((probes.into_iter().flatten().collect(), session.ignored()))
}

async fn icmp_probes(
    what: &Latency,
    live: &mut dyn Write,
    stop: &mut Stop,
) -> Result<Vec<Probed>, MeasureError> {
    let to: IpAddr = what.to.ip();
    let family = if to.is_ipv4() { Family::V4 } else { Family::V6 };
    let echo = std::sync::Arc::new(icmp::Echo::open(&what.outlet, family, super::identifier())?);
    echo.check(to).await?;
    let mut ticks = ticker(what.interval);
    let mut probes: Vec<Option<Probed>> = Vec::new();
    let mut out = JoinSet::new();
    while (probes.len() as u32) < what.count || !out.is_empty() {
        tokio::select! {
            biased;
            () = stop.stopped() => break,
            _ = ticks.tick(), if (probes.len() as u32) < what.count => {
                let (echo, place) = (echo.clone(), probes.len());
                out.spawn(async move {
                    let outcome = match echo.check(to).await {
                        Ok(()) => echo.ping(to, place as u16).await,
                        Err(error) => Err(error.cause()),
                    };
                    (place, outcome)
                });
                probes.push(None);
            }
            Some(done) = out.join_next(), if !out.is_empty() => {
                let Ok((place, outcome)) = done else { continue };
                tell(live, what, place as u32 + 1, outcome)?;
                probes[place] = Some(Probed { outcome, numbers: None, one_way: None });
            }
        }
    }
    Ok(probes.into_iter().flatten().collect())
}

fn tell(
    live: &mut dyn Write,
    what: &Latency,
    number: u32,
    outcome: Result<Duration, Cause>,
) -> Result<(), MeasureError> {
    let to = shown(what);
    match outcome {
        Ok(rtt) => line(live, format_args!("{number:>4}  {to}  {:.3} ms", rtt.as_secs_f64() * 1e3)),
        Err(cause) => line(live, format_args!("{number:>4}  {to}  {}", words(cause))),
    }
}

/// A cause for a person.
pub(crate) fn words(cause: Cause) -> &'static str {
    match cause {
        Cause::Timeout => "no answer in time",
        Cause::Refused => "refused: nobody answers at that port",
        Cause::Unreachable => "unreachable, says a router on the way",
        Cause::NoRoute => "not sent: no route or address",
        Cause::Local => "not sent: refused by this system",
        Cause::Name => "the name did not resolve",
        Cause::Protocol => "the answer breaks the protocol",
        Cause::Status => "answered with an error status",
    }
}

/// The summary for a person.
///
/// # Errors
/// When `out` can't be written.
pub fn summarise(report: &Report, out: &mut dyn Write) -> Result<(), MeasureError> {
    let f = &report.figures;
    let by = report.interface.as_deref().map(|i| format!(" by {i}")).unwrap_or_default();
    let protocol = match report.protocol {
        Protocol::Stamp if report.authenticated => "authenticated STAMP",
        Protocol::Stamp => "STAMP",
        Protocol::Icmp => "ICMP",
    };
    line(out, format_args!(""))?;
    line(
        out,
        format_args!(
            "{protocol} to {} ({}){by}, one every {} ms, {} octets",
            report.target, report.address, report.interval_ms, report.payload_bytes
        ),
    )?;
    times(out, "rtt", &f.rtt_ms)?;
    if let Some(delays) = &f.one_way {
        let within = |value: Option<f64>| {
            value.map_or_else(
                || in_ms(None),
                |value| format!("{value:.3} ms ± {:.3} ms", delays.bound_ms),
            )
        };
        row(out, "delay_forward", &within(delays.delay_forward_ms.p50))?;
        row(out, "delay_back", &within(delays.delay_back_ms.p50))?;
    }
    row(out, "count", &f.count.to_string())?;
    row(out, "sent", &f.sent.to_string())?;
    row(out, "lost", &f.lost.to_string())?;
    row(out, "loss", &share(f.loss))?;
    if report.protocol == Protocol::Stamp {
        row(out, "loss_forward", &direction(f, f.loss_forward))?;
        row(out, "loss_back", &direction(f, f.loss_back))?;
        if let Some(unplaced @ 1..) = f.lost_unplaced {
            let why = "no later answer tells the direction";
            row(out, "lost either way", &format!("{unplaced}: {why}"))?;
        }
    }
    row(out, "loss_burst", &f.loss_burst.to_string())?;
    if let Some(ignored) = report.ignored.filter(|ignored| ignored.unauthentic > 0) {
        row(out, "not authentic", &format!("{} replies, dropped", ignored.unauthentic))?;
    }
    row(out, "ipdv_mean_v1", &in_ms(f.ipdv_mean_v1))?;
    row(out, "pdv_p95_v1", &in_ms(f.pdv_p95_v1))?;
    let others = f.failures.iter().filter(|(cause, _)| **cause != name(Cause::Timeout));
    for (cause, n) in others {
        row(out, "failed", &format!("{n} {cause}"))?;
    }
    Ok(())
}

pub(super) fn times(out: &mut dyn Write, what: &str, t: &Times) -> Result<(), MeasureError> {
    for (name, value) in
        [("min", t.min), ("p50", t.p50), ("p95", t.p95), ("p99", t.p99), ("max", t.max)]
    {
        row(out, &format!("{what} {name}"), &in_ms(value))?;
    }
    Ok(())
}

pub(super) fn row(out: &mut dyn Write, name: &str, value: &str) -> Result<(), MeasureError> {
    line(out, format_args!("  {name:<15} {value}"))
}

/// Only a reflector that counts for itself tells the direction.
fn direction(f: &Figures, value: Option<f64>) -> String {
    match value {
        None if f.count > 1 => "the reflector does not count for itself".into(),
        value => share(value),
    }
}

const TOO_FEW: &str = "not enough data";

pub(super) fn in_ms(value: Option<f64>) -> String {
    value.map_or_else(|| TOO_FEW.to_owned(), |v| format!("{v:.3} ms"))
}

fn share(value: Option<f64>) -> String {
    value.map_or_else(|| TOO_FEW.to_owned(), |v| format!("{:.3} %", v * 100.0))
}
