//! What a household keeps of its line when it begins to use it during a test.
//!
//! A home with one line of 50 Mbit/s down and 20 up; the operator orders a
//! responsiveness test, and while it fills the line the household starts a
//! download (then, in other rounds, an upload). Its rate from the first second
//! on is held against the same transfer without any test, and a download's also against
//! one beside a plain load of as many flows that ends by itself: what is lost then, no
//! test could have kept. What that is depends on the congestion control, which is the
//! same for all (CUBIC, or Reno where the kernel lets a namespace have no CUBIC).
//!
//! `cargo bench -p hearth-tests --bench household [-- --rounds 3]`, as root.
#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

use std::time::{Duration, Instant};

use anyhow::{bail, ensure};
use clap::Parser;
use hearth_tests::lab::emulator::params::{Capacity, DirectionParams};
use hearth_tests::lab::emulator::{Direction, MILLISECOND};
use hearth_tests::lab::home::{Home, LINK};
use hearth_tests::lab::programs::Programs;
use hearth_tests::lab::traffic::Bulk;
use hearth_tests::lab::unavailable;

const DOWN_BPS: u64 = 50_000_000;
const UP_BPS: u64 = 20_000_000;
/// The household's transfer: its first second, then what is compared.
const GRACE: Duration = Duration::from_secs(1);
const COMPARED: Duration = Duration::from_secs(5);
/// How long an ordered test may take to fill the line.
const PATIENCE: Duration = Duration::from_secs(120);
/// The plain load's flows, and how long after the household it ends.
const FLOWS: usize = 8;
const ENDS_AFTER: Duration = Duration::from_millis(200);
/// The goal.
const GOAL: f64 = 0.95;

#[derive(Debug, Parser)]
struct Args {
    /// How often each direction is tried; an agent takes six orders an hour.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=3))]
    rounds: u32,
    /// Given by cargo.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    if let Some(why) = unavailable() {
        println!("skipped: {why}");
        return Ok(());
    }
    let programs = Programs::find(None)?;
    let folder = tempfile::tempdir()?;
    let mut home = Home::start(&programs, line(UP_BPS), line(DOWN_BPS), folder.path())?;
    println!("congestion control: {}", home.network.congestion_control());
    println!(
        "| household's transfer | alone, Mbit/s | begun during a test | kept | beside a load that \
         ends after {ENDS_AFTER:?} | test ended as |"
    );
    println!("| --- | --- | --- | --- | --- | --- |");
    let mut missed = Vec::new();
    for (name, direction) in [("download", Direction::Down), ("upload", Direction::Up)] {
        let (mut alone, mut beside, mut ended) = (Vec::new(), Vec::new(), String::new());
        let mut plain = Vec::new();
        for _ in 0..args.rounds {
            alone.push(transfer(&mut home, direction, None)?);
            if direction == Direction::Down {
                let load = Bulk::start(&home.network, LINK, direction, FLOWS)?;
                wait_for_load(&mut home, direction)?;
                plain.push(transfer(&mut home, direction, Some(&load))?);
            }
            home.order()?;
            wait_for_load(&mut home, direction)?;
            beside.push(transfer(&mut home, direction, None)?);
            ended = outcome(&home.ended()?);
            ensure!(ended.contains("gave-way"), "the test did not give way: {ended}");
        }
        let (alone, beside) = (median(&mut alone), median(&mut beside));
        let kept = |rate: f64| format!("{:.1} %", 100.0 * rate / alone);
        let limit = if plain.is_empty() { "-".to_owned() } else { kept(median(&mut plain)) };
        println!(
            "| {name} | {:.1} | {:.1} | {} | {limit} | {ended} |",
            alone / 1e6,
            beside / 1e6,
            kept(beside)
        );
        if beside < GOAL * alone {
            missed.push(name);
        }
    }
    ensure!(missed.is_empty(), "under {} % kept: {missed:?}", 100.0 * GOAL);
    Ok(())
}

fn line(bps: u64) -> DirectionParams {
    DirectionParams {
        capacity: Capacity::constant(bps),
        // 60 ms at the full rate.
        queue_bytes: bps / 8 * 60 / 1000,
        delay: 10 * MILLISECOND,
        ..DirectionParams::default()
    }
}

/// The household's transfer for [`GRACE`] and [`COMPARED`]: its rate in bit/s over the
/// latter. `load` ends soon after its beginning.
fn transfer(home: &mut Home<'_>, direction: Direction, load: Option<&Bulk>) -> anyhow::Result<f64> {
    let bulk = Bulk::start(&home.network, LINK, direction, 1)?;
    home.pass(ENDS_AFTER)?;
    if let Some(load) = load {
        load.stop();
    }
    home.pass(GRACE.saturating_sub(ENDS_AFTER))?;
    let (before, began) = (bulk.received(), Instant::now());
    home.pass(COMPARED)?;
    let bits = (bulk.received() - before) as f64 * 8.0;
    Ok(bits / began.elapsed().as_secs_f64())
}

/// Until the test has filled the line that way for a second.
fn wait_for_load(home: &mut Home<'_>, direction: Direction) -> anyhow::Result<()> {
    let full = match direction {
        Direction::Down => DOWN_BPS,
        Direction::Up => UP_BPS,
    };
    let deadline = Instant::now() + PATIENCE;
    loop {
        let (before, began) = (home.carried()?, Instant::now());
        home.pass(Duration::from_secs(1))?;
        let now = home.carried()?;
        let bytes = match direction {
            Direction::Down => now.rx - before.rx,
            Direction::Up => now.tx - before.tx,
        };
        if bytes as f64 * 8.0 / began.elapsed().as_secs_f64() > 0.8 * full as f64 {
            return Ok(());
        }
        if Instant::now() > deadline {
            bail!("no test filled the line; the order: {}", home.ended()?);
        }
    }
}

/// What came of an order.
fn outcome(order: &serde_json::Value) -> String {
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    format!("{} {}", text(&order["state"]), text(&order["test"]["result"]["reason"]))
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    f64::midpoint(values[(values.len() - 1) / 2], values[values.len() / 2])
}
