//! An ordered test on an emulated line that nobody else uses: it is not taken for the
//! household, and what it says it cost is what the line carried.
//!
//! Needs root and `/dev/net/tun`; without them every trial is ignored and says so.
#![expect(clippy::disallowed_methods, reason = "end-to-end tests run in real time")]

mod trials;

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use hearth_tests::lab::emulator::MILLISECOND;
use hearth_tests::lab::emulator::params::{Capacity, DirectionParams};
use hearth_tests::lab::home::Home;
use hearth_tests::lab::programs::Programs;
use hearth_tests::lab::unavailable;

/// How long a figure may take to be what it should.
const PATIENCE: Duration = Duration::from_secs(10);

fn main() {
    trials::run(
        unavailable(),
        1,
        &[
            ("a_queue_that_drops_is_not_the_household", a_queue_that_drops),
            ("segments_that_are_counted_together_are_not_the_household", counted_together),
            ("a_far_end_without_time_stamps_is_not_the_household", without_time_stamps),
        ],
    );
}

/// A line that holds so many milliseconds at its rate, and drops what is over.
fn line(bps: u64, queue_ms: u64) -> DirectionParams {
    DirectionParams {
        capacity: Capacity::constant(bps),
        queue_bytes: bps / 8 * queue_ms / 1000,
        delay: 10 * MILLISECOND,
        ..DirectionParams::default()
    }
}

/// Counted as most cards do, segment by segment: it agrees with what the agent says.
fn a_queue_that_drops() -> anyhow::Result<()> {
    test(true, true, |rx, tx| rx.abs() < 0.003 && tx.abs() < 0.005)
}

/// Counted as some drivers do, as many segments as they are handed as one: a header for
/// each of those, of 66 bytes to 1,448, is all that they miss.
fn counted_together() -> anyhow::Result<()> {
    test(false, true, |rx, tx| rx.abs() < 0.003 && (-0.005..66.0 / 1448.0).contains(&tx))
}

/// The same where headers are shorter by 12 bytes than those of telemetry, whose
/// connection was made before. Of the test's bytes 0.9 % too many would be its own.
fn without_time_stamps() -> anyhow::Result<()> {
    test(false, false, |rx, tx| rx.abs() < 0.003 && (-0.005..54.0 / 1460.0).contains(&tx))
}

/// Tests both directions of a line whose queues are short; its own bytes are off from
/// the interface's by no more than `agrees`.
fn test(apart: bool, stamps: bool, agrees: impl Fn(f64, f64) -> bool) -> anyhow::Result<()> {
    let programs = Programs::find(None)?;
    let folder = tempfile::tempdir()?;
    let mut home =
        Home::start(&programs, line(20_000_000, 20), line(50_000_000, 20), folder.path())?;
    if apart {
        home.segment_in_software()?;
    }
    if !stamps {
        home.network.core().sysctl("ipv4/tcp_timestamps", "0")?;
    }
    let (own_before, before) = (own(&home)?, home.carried()?);
    home.order()?;
    let order = home.ended()?;
    let result = &order["test"]["result"];
    ensure!(order["state"] == "done", "{order}");
    for (direction, bps) in [("down", 50e6), ("up", 20e6)] {
        let goodput = result[direction]["goodput_bps"].as_f64().context("no goodput")?;
        ensure!((0.4 * bps..bps).contains(&goodput), "{direction}: {result}");
    }
    let dropped = resent(&home)?;
    ensure!(dropped > 100, "only {dropped} segments were sent again: the queue hardly dropped");
    // Its own bytes, all purposes, beside the interface's. Either may be a moment late.
    let deadline = Instant::now() + PATIENCE;
    loop {
        let (own, carried) = (own(&home)?, home.carried()?);
        let off = |mine: u64, mine_before: u64, all: u64, all_before: u64| {
            (mine - mine_before) as f64 / (all - all_before) as f64 - 1.0
        };
        let rx = off(own.0, own_before.0, carried.rx, before.rx);
        let tx = off(own.1, own_before.1, carried.tx, before.tx);
        if agrees(rx, tx) {
            println!(
                "{dropped} segments sent again; off by {:.3} % received, {:.3} % sent",
                100.0 * rx,
                100.0 * tx
            );
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "off by {rx:.5} received, {tx:.5} sent");
        home.pass(Duration::from_secs(1))?;
    }
}

/// The agent's bytes on the line, received and sent.
fn own(home: &Home<'_>) -> anyhow::Result<(u64, u64)> {
    let status = home.status()?;
    let of = |key: &str| status["own"][key].as_u64().with_context(|| format!("{key}: {status}"));
    Ok((of("rx_bytes")?, of("tx_bytes")?))
}

/// Segments that the home's kernel sent again.
fn resent(home: &Home<'_>) -> anyhow::Result<u64> {
    let read = || std::fs::read_to_string("/proc/thread-self/net/snmp");
    let text = home.network.home().enter(read)??;
    let mut lines = text.lines().filter(|line| line.starts_with("Tcp:"));
    let names = lines.next().context("no names")?.split_whitespace();
    let values = lines.next().context("no values")?.split_whitespace();
    let found = names.zip(values).find(|(name, _)| *name == "RetransSegs");
    Ok(found.context("no RetransSegs")?.1.parse()?)
}
