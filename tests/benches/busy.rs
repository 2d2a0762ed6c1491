//! What an agent makes of its own machine being busy: a router at work, or a computer
//! that compiles. A test on a line that nobody else uses must not be taken for the
//! household's, and one that the household joins must still give way within a second.
//!
//! A home with one line of 50 Mbit/s down and 20 up, ordered responsiveness tests, and as
//! many loops beside them as are asked for, at the agent's own priority. First tests that
//! nobody joins, then some that a download of the household's joins.
//!
//! `cargo bench -p hearth-tests --bench busy [-- --loops 12 --quiet 9 --joined 3]`, as root.
//! All programs share the machine with the loops, the emulated line too.
#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, ensure};
use clap::Parser;
use hearth_tests::lab::emulator::params::{Capacity, DirectionParams};
use hearth_tests::lab::emulator::{Direction, MILLISECOND};
use hearth_tests::lab::home::{Home, LINK};
use hearth_tests::lab::process::Process;
use hearth_tests::lab::programs::Programs;
use hearth_tests::lab::traffic::Bulk;
use hearth_tests::lab::unavailable;

const DOWN_BPS: u64 = 50_000_000;
const UP_BPS: u64 = 20_000_000;
/// How long an ordered test may take to move something.
const PATIENCE: Duration = Duration::from_secs(60);
/// An agent takes so many orders an hour.
const ORDERS: usize = 6;
/// A household's download lasts so long, whatever becomes of the test.
const DOWNLOAD: Duration = Duration::from_secs(6);

#[derive(Debug, Parser)]
struct Args {
    /// Loops at work beside it.
    #[arg(long, default_value_t = 12)]
    loops: usize,
    /// Tests that nobody joins.
    #[arg(long, default_value_t = 9)]
    quiet: usize,
    /// Tests that the household joins.
    #[arg(long, default_value_t = 3)]
    joined: usize,
    /// Where programs write; else a folder that is removed.
    #[arg(long)]
    folder: Option<PathBuf>,
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
    let kinds: Vec<bool> = [vec![false; args.quiet], vec![true; args.joined]].concat();
    let (mut quiet, mut joined) = (Vec::new(), Vec::new());
    for (n, kinds) in kinds.chunks(ORDERS).enumerate() {
        let temporary = tempfile::tempdir()?;
        let folder =
            args.folder.as_ref().map_or(temporary.path().to_owned(), |f| f.join(n.to_string()));
        std::fs::create_dir_all(&folder)?;
        let mut home = Home::start(&programs, line(UP_BPS), line(DOWN_BPS), &folder)?;
        // Each ends when it is dropped.
        let _loops = (0..args.loops)
            .map(|n| {
                let mut busy = Command::new("sh");
                busy.args(["-c", "while :; do :; done"]);
                Process::start(&format!("loop-{n}"), busy, &folder)
            })
            .collect::<Result<Vec<_>, _>>()?;
        for joins in kinds {
            home.order()?;
            if *joins {
                joined.push(join(&mut home)?);
            } else {
                let (came, _) = outcome(&home.ended()?)?;
                println!("not joined: {came}, load {}", load()?);
                quiet.push(came);
            }
        }
    }
    let gave_way = quiet.iter().filter(|came| came.contains("gave-way")).count();
    println!("{gave_way} of {} tests that nobody joined gave way; joined: {joined:?}", quiet.len());
    ensure!(gave_way == 0, "tests gave way to nobody");
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

/// The household downloads while a test fills the line: how long after its beginning the
/// test was over.
fn join(home: &mut Home<'_>) -> anyhow::Result<Duration> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let before = home.carried()?.rx;
        home.pass(Duration::from_secs(1))?;
        if home.carried()?.rx - before > DOWN_BPS / 8 / 2 {
            break;
        }
        ensure!(Instant::now() < deadline, "no test filled the line");
    }
    let bulk = Bulk::start(&home.network, LINK, Direction::Down, 1)?;
    while bulk.received() == 0 {
        home.pass(Duration::from_millis(1))?;
    }
    let began = SystemTime::now().duration_since(UNIX_EPOCH)?;
    home.pass(DOWNLOAD)?;
    drop(bulk);
    let (came, ended) = outcome(&home.ended()?)?;
    let after = ended.saturating_sub(began);
    println!("joined: {came} after {after:?}, load {}", load()?);
    ensure!(came.contains("gave-way"), "the test did not give way: {came}");
    Ok(after)
}

/// What came of an order, and when its test was over.
fn outcome(order: &serde_json::Value) -> anyhow::Result<(String, Duration)> {
    let test = &order["test"];
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let ms = |key: &str| test[key].as_u64().with_context(|| format!("{key}: {order}"));
    let ended = Duration::from_millis(ms("start")? + ms("duration_ms")?);
    let what = format!(
        "{} {} {}",
        text(&order["state"]),
        text(&test["result"]["reason"]),
        text(&test["result"]["detail"])
    );
    Ok((what, ended))
}

/// Of the last minute.
fn load() -> anyhow::Result<String> {
    let text = std::fs::read_to_string("/proc/loadavg")?;
    Ok(text.split(' ').next().unwrap_or_default().to_owned())
}
