//! The responsiveness test of draft-ietf-ippm-responsiveness-09, the client:
//! goodput, round trips under load and RPM, down and then up.
//!
//! Read [`rpm`] (the arithmetic) and [`engine`] (the algorithm) first, both pure,
//! then [`super::discovery`] (the server's document), `exchange` (HTTP/2 connections),
//! `load` (what bears the load, and the probes), `direction` (the shell around
//! the engine) and `prepare` (whom to ask, idle round trips). This file runs it
//! all: on a runtime and threads of its own, so that the probes' clock is
//! not held up by the load, nor the agent by either.

mod direction;
pub mod engine;
mod exchange;
mod load;
mod prepare;
pub mod rpm;

use std::sync::Arc;
use std::time::Duration;

use hearth_proto::{Cause, Family, Figures, Own, Purpose};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{mpsc, watch};

use super::heavy::{Direction, Ended, Limits, Means, Partial, Step, TestError};
use crate::chain::chain;
use crate::clock;
use direction::{Course, Signals};
use prepare::Prepared;

/// The queue that one direction left behind drains before the next is loaded.
const PAUSE: Duration = Duration::from_millis(500);
/// How long the load's threads may take to end.
const WIND_UP: Duration = Duration::from_millis(500);

/// What to measure, and how a person ends it early.
#[derive(Debug, Clone)]
pub struct Options {
    /// In this order, one at a time.
    pub directions: Vec<Direction>,
    /// Turns true when what there is shall be enough.
    pub stop: watch::Receiver<bool>,
}

/// Measures down and then up, and tells `watch` of every interval. Ends at once
/// when it is to give way, with all connections aborted, or when it is dropped.
pub async fn measure(means: &Means, watch: &mut (dyn FnMut(Step) + Send)) -> Ended {
    let (_never, stop) = watch::channel(false);
    let options = Options { directions: vec![Direction::Down, Direction::Up], stop };
    measure_with(means, &options, watch).await
}

/// The same, as `options` say. Stopped early it yields the figures of what was
/// measured until then.
pub async fn measure_with(
    means: &Means,
    options: &Options,
    watch: &mut (dyn FnMut(Step) + Send),
) -> Ended {
    let before = means.spending.of(Purpose::Responsiveness);
    let (steps, mut told) = mpsc::unbounded_channel();
    // Dropped with this future, it ends the threads.
    let (alive, dropped) = watch::channel(());
    let (what, how) = (means.clone(), options.clone());
    let worker = tokio::task::spawn_blocking(move || on_threads(&what, &how, &steps, dropped));
    while let Some(step) = told.recv().await {
        watch(step);
    }
    let ended = worker.await;
    let (family, partial, result) = ended.unwrap_or_else(|error| could_not(&error));
    drop(alive);
    means.spending.refresh();
    let after = means.spending.of(Purpose::Responsiveness);
    let cost = Own {
        rx_bytes: after.rx_bytes.saturating_sub(before.rx_bytes),
        tx_bytes: after.tx_bytes.saturating_sub(before.tx_bytes),
    };
    match result {
        Ok(()) => Ended { family, cost, result: Ok(partial.figures), partial: Partial::default() },
        Err(error) => Ended { family, cost, result: Err(error), partial },
    }
}

fn local(error: &dyn std::error::Error) -> TestError {
    let why = format!("can't run a test here: {}", chain(error));
    TestError::Failed { cause: Cause::Local, why }
}

type Found = (Option<Family>, Partial, Result<(), TestError>);

fn could_not(error: &dyn std::error::Error) -> Found {
    (None, Partial::default(), Err(local(error)))
}

/// One thread with the probes' clock and two with the load.
fn on_threads(
    means: &Means,
    options: &Options,
    steps: &mpsc::UnboundedSender<Step>,
    mut dropped: watch::Receiver<()>,
) -> Found {
    let probes = Builder::new_current_thread().enable_all().build();
    let load =
        Builder::new_multi_thread().worker_threads(2).thread_name("load").enable_all().build();
    let (probes, load): (Runtime, Runtime) = match (probes, load) {
        (Ok(probes), Ok(load)) => (probes, load),
        (Err(error), _) | (_, Err(error)) => return could_not(&error),
    };
    let (mut family, mut partial) = (None, Partial::default());
    let result = probes.block_on(async {
        tokio::select! {
            biased;
            _ = dropped.changed() => Err(TestError::GaveWay),
            result = test(means, options, steps, &load, &mut family, &mut partial) => result,
        }
    });
    load.shutdown_timeout(WIND_UP);
    (family, partial, result)
}

async fn test(
    means: &Means,
    options: &Options,
    steps: &mpsc::UnboundedSender<Step>,
    load: &Runtime,
    family: &mut Option<Family>,
    partial: &mut Partial,
) -> Result<(), TestError> {
    let began = clock::now();
    let mut signals = Signals { give_way: means.give_way.clone(), stop: options.stop.clone() };
    let mut stop = signals.clone();
    let spent = || {
        let own = means.spending.of(Purpose::Responsiveness);
        own.rx_bytes + own.tx_bytes
    };
    let before = spent();
    let Prepared { route, document, idle_rtt } = tokio::select! {
        biased;
        () = signals.give_way() => return Err(TestError::GaveWay),
        () = stop.stop() => return Err(too_short()),
        prepared = prepare::prepare(means) => prepared?,
    };
    *family = Some(route.family());
    let route = Arc::new(route);
    partial.figures.idle_rtt = idle_rtt;
    for (n, direction) in options.directions.iter().enumerate() {
        if n > 0 {
            let mut stop = signals.clone();
            tokio::select! {
                biased;
                () = signals.give_way() => return Err(TestError::GaveWay),
                () = stop.stop() => break,
                () = tokio::time::sleep(PAUSE) => {}
            }
        }
        // What one direction leaves of its share is the next one's.
        let left = means.limits.bytes.saturating_sub(spent() - before);
        let share = left / (options.directions.len() - n) as u64;
        let course = Course {
            route: &route,
            document: &document,
            runtime: load.handle(),
            limits: Limits { bytes: share, time: means.limits.time },
            began,
            steps,
        };
        partial.broken = Some(*direction);
        let (found, ended) = direction::run(&course, *direction, &mut signals).await;
        match direction {
            Direction::Down => partial.figures.down = found,
            Direction::Up => partial.figures.up = found,
        }
        ended?;
        partial.broken = None;
        if *signals.stop.borrow() {
            break;
        }
    }
    let Figures { down, up, .. } = &partial.figures;
    if down.is_none() && up.is_none() { Err(too_short()) } else { Ok(()) }
}

fn too_short() -> TestError {
    let why = "it ended before anything could be measured; allow it more time or bytes";
    TestError::Failed { cause: Cause::Local, why: why.into() }
}
