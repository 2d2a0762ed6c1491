//! `measure path`: who is on the way to a target, hop by hop.
//!
//! [`table`] (pure) makes the rows; this file sends and hears.

pub mod table;

use std::io::Write;
use std::net::SocketAddr;
use std::time::Duration;

use hearth_proto::{Family, Vantage};
use serde::Serialize;
use tokio::time::{MissedTickBehavior, interval};

use super::{MeasureError, Stop, line};
use crate::clock;
use crate::probe::outlet::Outlet;
use crate::probe::path::{PAYLOAD_BYTES, Stand, Walker};
use table::{Hop, Table};

/// Between two probes: routers on the way are not flooded.
const GAP: Duration = Duration::from_millis(50);

/// What to measure.
#[derive(Debug, Clone)]
pub struct Path {
    /// Whom, as the user wrote it.
    pub target: String,
    /// Whom, and a UDP port where nobody listens.
    pub to: SocketAddr,
    /// By which link.
    pub outlet: Outlet,
    /// The farthest TTL that is asked.
    pub max_ttl: u8,
    /// How often each hop is asked.
    pub count: u32,
    /// The least time between two probes with the same TTL.
    pub interval: Duration,
}

/// The measurement and its circumstances, as in JSON.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Whom, as the user wrote it.
    pub target: String,
    /// Its address and the UDP port.
    pub address: String,
    /// By which interface, if one was named.
    pub interface: Option<String>,
    /// The IP version.
    pub family: Family,
    /// Octets of UDP payload.
    pub payload_bytes: u32,
    /// Wall time of the first probe, milliseconds since 1970.
    pub first_unix_ms: u64,
    /// Whether the target itself answered.
    pub reached: bool,
    /// By TTL; those at the end that never answer are left out.
    pub hops: Vec<Hop>,
}

/// Measures, telling on `live` whoever answers at a TTL for the first time. `stop`
/// ends it early.
///
/// # Errors
/// When nothing can be sent at all.
pub async fn measure(
    what: &Path,
    live: &mut dyn Write,
    stop: &mut Stop,
) -> Result<Report, MeasureError> {
    let first = clock::since_unix();
    let mut walker = Walker::open(&what.outlet, what.to).await?;
    let gateway = match &what.outlet {
        Outlet::Link { binder, interface } => {
            binder.check(interface, what.to.ip()).await?.gateway.is_some()
        }
        Outlet::System => true,
    };
    let mut table = Table::new(what.max_ttl);
    let mut ticks = interval(GAP);
    // A burst after being held up would meet the routers' limits.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut round, mut ttl, mut began) = (0, 1, clock::now());
    while round < what.count || walker.outstanding() > 0 {
        tokio::select! {
            biased;
            () = stop.stopped() => break,
            resolved = walker.next(), if walker.outstanding() > 0 => {
                let resolved = resolved.map_err(MeasureError::Runtime)?;
                if let Some(news) = table.resolved(&resolved) {
                    line(live, format_args!("{news}"))?;
                }
            }
            _ = ticks.tick(), if round < what.count => {
                if ttl > table.end() {
                    (round, ttl) = (round + 1, 1);
                }
                if round == what.count || !walker.may_send() {
                    continue;
                }
                if ttl == 1 {
                    if round > 0 && began.elapsed() < what.interval {
                        continue;
                    }
                    began = clock::now();
                }
                let send = || walker.send(ttl).map_err(|(_, cause)| cause);
                match what.outlet.leave(what.to.ip(), send).await {
                    Ok(_) => table.sent(ttl),
                    Err(cause) => {
                        line(live, format_args!("{ttl:>4}  {}", super::latency::words(cause)))?;
                        table.unsent(ttl, cause);
                    }
                }
                ttl += 1;
            }
        }
    }
    Ok(Report {
        target: what.target.clone(),
        address: what.to.to_string(),
        interface: what.outlet.interface().map(ToString::to_string),
        family: if what.to.is_ipv4() { Family::V4 } else { Family::V6 },
        payload_bytes: PAYLOAD_BYTES,
        first_unix_ms: first.as_millis() as u64,
        reached: table.reached(),
        hops: table.hops(Stand { vantage: Vantage::Device, gateway }, what.to.ip()),
    })
}

/// The table for a person.
///
/// # Errors
/// When `out` can't be written.
pub fn summarise(report: &Report, out: &mut dyn Write) -> Result<(), MeasureError> {
    let by = report.interface.as_deref().map(|i| format!(" by {i}")).unwrap_or_default();
    line(out, format_args!(""))?;
    line(out, format_args!("UDP to {} ({}){by}", report.target, report.address))?;
    line(
        out,
        format_args!(
            "{:>4}  {:<39} {:>5} {:>5} {:>9} {:>9} {:>9}",
            "TTL", "ADDRESS", "SENT", "LOST", "BEST ms", "MEDIAN ms", "WORST ms"
        ),
    )?;
    for hop in &report.hops {
        let ms = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |v| format!("{v:.3}"));
        let mut addresses = hop.addresses.iter().map(ToString::to_string);
        let row = format!(
            "{:>4}  {:<39} {:>5} {:>5} {:>9} {:>9} {:>9}  {}",
            hop.ttl,
            addresses.next().unwrap_or_else(|| "*".into()),
            hop.sent,
            hop.lost,
            ms(hop.best_ms),
            ms(hop.median_ms),
            ms(hop.worst_ms),
            hop.words(),
        );
        line(out, format_args!("{}", row.trim_end()))?;
        for address in addresses {
            line(out, format_args!("      {address}"))?;
        }
    }
    if !report.reached {
        line(out, format_args!("The target itself did not answer."))?;
    }
    Ok(())
}
