//! `measure capacity`: what a metered link carries, for 2 MB at most.

use std::io::Write;
use std::sync::Arc;

use hearth_proto::{Confidence, DirectionFigures, Family, Own};
use reqwest::Url;
use serde::Serialize;
use tokio::sync::watch;

use super::failed::Failed;
use super::{MeasureError, Stop, line};
use crate::link::spending::Spending;
use crate::probe::capacity::{BYTES, TIME, measure as run};
use crate::probe::heavy::{Direction, Limits, Means, Partial, Step, TestServer};
use crate::probe::outlet::Outlet;
use crate::status::text::bytes;

/// What to measure against, and by which link.
#[derive(Debug)]
pub struct Capacity {
    /// The test server.
    pub server: Url,
    /// A further authority to trust, in PEM.
    pub ca_pem: Option<Arc<[u8]>>,
    /// By which link.
    pub outlet: Outlet,
    /// DNS servers of that link; empty: the system's way.
    pub resolvers: Arc<[std::net::SocketAddr]>,
    /// By which IP version.
    pub family: Option<Family>,
}

/// A measurement, as in JSON.
#[derive(Debug, Serialize)]
pub struct Report {
    /// The server, as named.
    pub server: String,
    /// By which interface, if one was named.
    pub interface: Option<String>,
    /// The IP version used; `null` where it did not come so far.
    pub family: Option<Family>,
    /// Towards the home; `null`: too little arrived to say.
    pub down: Option<Found>,
    /// From the home.
    pub up: Option<Found>,
    /// What it cost on the link, headers included.
    pub cost: Own,
    /// Why there are no figures, or not all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Failed>,
}

impl Report {
    /// Whether anything was measured.
    pub fn has_figures(&self) -> bool {
        self.down.is_some() || self.up.is_some()
    }
}

/// One direction's figures.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Found {
    /// Payload bit/s, estimated.
    pub goodput_bps: u64,
    /// The least that the link carried in the time measured.
    pub low_bps: Option<u64>,
    /// The most; `null`: it may be any more.
    pub high_bps: Option<u64>,
    /// Of the estimate.
    pub confidence: Confidence,
    /// Bytes that it rests on.
    pub bytes: u64,
    /// The time measured, in milliseconds, which the rates are of.
    pub measured_ms: u32,
    /// Whether the transfer broke, so that they rest on less than they should.
    pub partial: bool,
}

impl Found {
    fn of(figures: &DirectionFigures, partial: bool) -> Self {
        Self {
            partial,
            goodput_bps: figures.goodput_bps,
            low_bps: figures.low_bps,
            high_bps: figures.high_bps,
            confidence: figures.confidence,
            bytes: figures.bytes,
            measured_ms: figures.measured_ms,
        }
    }
}

/// Measures, tells what it does, and ends when the user has had enough.
///
/// # Errors
/// When the output can't be written; that nothing was found is in the report.
pub async fn capacity(
    what: &Capacity,
    live: &mut dyn Write,
    stop: &mut Stop,
) -> Result<Report, MeasureError> {
    let (give_way, given) = watch::channel(false);
    let means = Means {
        outlet: what.outlet.clone(),
        server: TestServer {
            url: what.server.clone(),
            ca_pem: what.ca_pem.clone(),
            resolvers: what.resolvers.clone(),
        },
        family: what.family,
        limits: Limits { bytes: BYTES, time: TIME },
        spending: Arc::<Spending>::default(),
        give_way: given,
    };
    let (steps, mut told) = tokio::sync::mpsc::unbounded_channel();
    let mut watch = |step: Step| {
        let _ = steps.send(step);
    };
    let mut running = std::pin::pin!(run(&means, &mut watch));
    let ended = loop {
        tokio::select! {
            ended = &mut running => break ended,
            Some(step) = told.recv() => line(live, format_args!("{}", progress(&step)))?,
            () = stop.stopped(), if !*give_way.borrow() => {
                give_way.send_replace(true);
            }
        }
    };
    let (Partial { figures, broken }, error) = match ended.result {
        Ok(figures) => (Partial { figures, broken: None }, None),
        Err(error) => (ended.partial, Some(Failed::from(error))),
    };
    let found = |figures: &Option<DirectionFigures>, direction| {
        figures.as_ref().map(|figures| Found::of(figures, broken == Some(direction)))
    };
    Ok(Report {
        server: what.server.as_str().trim_end_matches('/').to_owned(),
        interface: what.outlet.interface().map(ToString::to_string),
        family: ended.family,
        down: found(&figures.down, Direction::Down),
        up: found(&figures.up, Direction::Up),
        cost: ended.cost,
        error,
    })
}

fn progress(step: &Step) -> String {
    let after = step.after.as_secs_f64();
    match step.direction {
        None => format!("{after:>5.1} s  asking the server"),
        Some(direction) => {
            let way = if direction == Direction::Down { "down" } else { "up" };
            format!("{after:>5.1} s  {way} {}", rate(step.goodput_bps))
        }
    }
}

/// The result for a person.
///
/// # Errors
/// When `out` can't be written.
pub fn summarise(report: &Report, out: &mut dyn Write) -> Result<(), MeasureError> {
    line(out, format_args!(""))?;
    if let Some(failed) = &report.error {
        let partial = report.down.is_some() || report.up.is_some();
        line(out, format_args!("{}", failed.line(partial)))?;
    }
    for (way, found) in [("down", &report.down), ("up", &report.up)] {
        match found {
            Some(found) => line(out, format_args!("{}", words(way, found)))?,
            None if report.error.is_some() => {}
            None => line(out, format_args!("{way}: too little arrived to say"))?,
        }
    }
    let cost = report.cost.rx_bytes + report.cost.tx_bytes;
    line(out, format_args!("cost {}", bytes(cost)))
}

fn words(way: &str, found: &Found) -> String {
    let Found { goodput_bps, low_bps, high_bps, confidence, .. } = *found;
    let low = low_bps.unwrap_or(goodput_bps);
    // The bounds are of that time, and no other.
    let over = format!("{:.1}", f64::from(found.measured_ms.max(100)) / 1000.0);
    let confidence = match confidence {
        Confidence::Low => "low",
        Confidence::Medium => "medium",
        Confidence::High => "high",
    };
    let way = if found.partial { format!("{way} (partial)") } else { way.to_owned() };
    match high_bps {
        Some(high) => {
            let (about, unit) = scaled(goodput_bps, goodput_bps);
            let (low, high) = (scaled(low, goodput_bps).0, scaled(high, goodput_bps).0);
            format!(
                "about {about} {unit} {way} ({low} to {high}) over {over} s, {confidence} confidence"
            )
        }
        None => format!(
            "at least {} {way} over {over} s: the link may carry more than so short a test can show",
            rate(low)
        ),
    }
}

fn rate(bps: u64) -> String {
    let (number, unit) = scaled(bps, bps);
    format!("{number} {unit}")
}

/// `bps` in the unit that suits `like`, to two or three digits.
fn scaled(bps: u64, like: u64) -> (String, &'static str) {
    let (scale, unit) = if like < 1_000_000 { (1e3, "kbit/s") } else { (1e6, "Mbit/s") };
    let number = bps as f64 / scale;
    let digits = usize::from(number < 10.0);
    (format!("{number:.digits$}"), unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(bps: u64, low: u64, high: Option<u64>) -> Found {
        Found {
            goodput_bps: bps,
            low_bps: Some(low),
            high_bps: high,
            confidence: Confidence::Medium,
            bytes: 500_000,
            measured_ms: 95,
            partial: false,
        }
    }

    #[test]
    fn bounds_are_in_the_words() {
        assert_eq!(
            words("down", &found(42_100_000, 35_200_000, Some(50_000_000))),
            "about 42 Mbit/s down (35 to 50) over 0.1 s, medium confidence"
        );
        assert_eq!(
            words("up", &found(950_000, 900_000, Some(1_020_000))),
            "about 950 kbit/s up (900 to 1020) over 0.1 s, medium confidence"
        );
        let open = words("down", &found(300_000_000, 210_000_000, None));
        assert!(open.starts_with("at least 210 Mbit/s down"), "{open}");
    }
}
