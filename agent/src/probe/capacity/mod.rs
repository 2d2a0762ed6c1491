//! A short capacity probe for metered links: a download and an upload that
//! together cost at most what they may (2 MB), and what they say of the link's
//! capacity, with bounds.
//!
//! Read in this order: [`share`] (pure: how the bytes are shared out),
//! [`estimate`] and its `trains` (pure: capacity from arrivals), `reach` (the
//! server and its document), `load` (the transfers, and their arrivals).
//!
//! The server is one of draft-ietf-ippm-responsiveness. HTTP/2's flow control is
//! what keeps the download to its share: its window is opened that far and never
//! further, so that nothing is under way that would have to be thrown away. The
//! upload is many small requests, each of whose responses says when the server had
//! it: any conforming server tells, and no kernel need be asked.
//!
//! **What is claimed** is the mean rate that the link could carry in the time that
//! the estimate rests on (`measured_ms`, often under a second), and no more: how the
//! link varies over minutes no single short test can tell. The bounds hold in nine
//! of ten cases, on links that fade, lose, drop early or are shared as well
//! (`simulated`, `coverage_tests`). A link that is faster for its first octets, and
//! whose bucket was not emptied, is told as fast as it was for these.

#[cfg(test)]
mod coverage_tests;
pub mod estimate;
mod load;
mod reach;
pub mod share;
#[cfg(test)]
mod simulated;
#[cfg(test)]
mod tests;
mod trains;

use std::time::{Duration, Instant};

use hearth_proto::{
    Cause, Confidence, DirectionFigures, Distribution, Family, Figures, Own, Purpose,
};

use super::heavy::{Direction, Ended, Means, Partial, Step, TestError};
use crate::clock;
use estimate::{Estimate, Mark};
use load::Transferred;
use share::Share;

/// What the probe may cost on a link, unless it may cost less.
pub const BYTES: u64 = 2_000_000;
/// The time of one direction's load: at 0.3 Mbit/s enough for a third of its share.
pub const TIME: Duration = Duration::from_secs(8);

/// One direction's transfer, and what was made of it.
#[derive(Debug, Clone)]
pub struct Transfer {
    /// Which way.
    pub direction: Direction,
    /// From when its marks count.
    pub began: Instant,
    /// When its octets had arrived.
    pub marks: Vec<Mark>,
    /// The least round trip that was seen before.
    pub rtt: Duration,
    /// What they say; `None`: not enough.
    pub estimate: Option<Estimate>,
}

/// Measures, and tells of each step on the way. Dropping the future ends it at
/// once.
pub async fn measure(means: &Means, watch: &mut (dyn FnMut(Step) + Send)) -> Ended {
    measure_traced(means, watch, &mut Vec::new()).await
}

/// The same, and keeps the transfers for whoever wants to see what an estimate
/// rests on.
pub async fn measure_traced(
    means: &Means,
    watch: &mut (dyn FnMut(Step) + Send),
    transfers: &mut Vec<Transfer>,
) -> Ended {
    let before = means.spending.of(Purpose::Capacity);
    let (mut family, mut partial) = (None, Partial::default());
    let mut give_way = means.give_way.clone();
    let result = tokio::select! {
        biased;
        () = told(&mut give_way) => Err(TestError::GaveWay),
        result = test(means, watch, &mut family, &mut partial, transfers) => result,
    };
    means.spending.refresh();
    let after = means.spending.of(Purpose::Capacity);
    let cost = Own {
        rx_bytes: after.rx_bytes.saturating_sub(before.rx_bytes),
        tx_bytes: after.tx_bytes.saturating_sub(before.tx_bytes),
    };
    match result {
        Ok(()) => Ended { family, cost, result: Ok(partial.figures), partial: Partial::default() },
        Err(error) => Ended { family, cost, result: Err(error), partial },
    }
}

async fn told(give_way: &mut tokio::sync::watch::Receiver<bool>) {
    if give_way.wait_for(|give_way| *give_way).await.is_err() {
        // Nobody is left who could say so.
        std::future::pending::<()>().await;
    }
}

async fn test(
    means: &Means,
    watch: &mut (dyn FnMut(Step) + Send),
    family: &mut Option<Family>,
    partial: &mut Partial,
    transfers: &mut Vec<Transfer>,
) -> Result<(), TestError> {
    let began = clock::now();
    let share = Share::of(means.limits.bytes.min(BYTES)).ok_or_else(|| TestError::Failed {
        cause: Cause::Local,
        why: format!("{} bytes are too few to measure a link's capacity", means.limits.bytes),
    })?;
    watch(Step { direction: None, after: Duration::ZERO, goodput_bps: 0, flows: 0, rpm: None });
    let limits = load::Limits { octets: share.down, time: means.limits.time };
    let (place, server) = reach::reach(means, limits.octets).await?;
    *family = Some(place.family());
    let mut say = |direction, goodput_bps| {
        let after = clock::now().saturating_duration_since(began);
        watch(Step { direction: Some(direction), after, goodput_bps, flows: 1, rpm: None });
    };
    let rtt = server.connected;
    let (url, large) = (&place.document.upload, &place.document.large);
    partial.figures.idle_rtt.record(rtt.as_micros() as u32);
    let mut found = |direction, of: Transferred, rtt| {
        let Transferred { began, marks, ended } = of;
        let estimate = estimate::estimate(&marks, rtt);
        transfers.push(Transfer { direction, began, marks, rtt, estimate });
        let mut figures = estimate.map(figures);
        if let (Some(figures), Err(_)) = (&mut figures, &ended) {
            // It rests on less than it should.
            figures.confidence = Confidence::Low;
        }
        (figures, ended)
    };
    partial.broken = Some(Direction::Down);
    let downloaded = load::down(server, large, limits, &mut |bps| say(Direction::Down, bps)).await;
    let (down, ended) = found(Direction::Down, downloaded, rtt);
    partial.figures.down = down;
    ended?;
    partial.broken = Some(Direction::Up);
    let server = place.open(0).await?;
    partial.figures.idle_rtt.record(server.connected.as_micros() as u32);
    let rtt = rtt.min(server.connected);
    let limits = load::Limits { octets: share.up, time: means.limits.time };
    let uploaded = load::up(server, url, limits, &mut |bps| say(Direction::Up, bps)).await;
    let (up, ended) = found(Direction::Up, uploaded, rtt);
    partial.figures.up = up;
    ended?;
    partial.broken = None;
    let Figures { down, up, .. } = &partial.figures;
    if down.is_none() && up.is_none() {
        return Err(TestError::Failed {
            cause: Cause::Timeout,
            why: format!(
                "too little arrived within {} s to say anything of the capacity",
                means.limits.time.as_secs()
            ),
        });
    }
    Ok(())
}

fn figures(estimate: Estimate) -> DirectionFigures {
    let Estimate { bps, low_bps, high_bps, confidence, octets, from, until } = estimate;
    DirectionFigures {
        goodput_bps: bps as u64,
        low_bps: Some(low_bps as u64),
        high_bps: high_bps.map(|high| high.ceil() as u64),
        // What may be any more is never sure.
        confidence: if high_bps.is_some() { confidence } else { Confidence::Low },
        bytes: octets,
        measured_ms: until.saturating_sub(from).as_millis().try_into().unwrap_or(u32::MAX),
        flows: 1,
        rpm: None,
        tcp_f: Distribution::default(),
        tls_f: Distribution::default(),
        http_f: Distribution::default(),
        http_l: Distribution::default(),
    }
}
