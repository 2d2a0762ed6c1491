//! `fleet month`.
#![expect(clippy::disallowed_methods, reason = "the command line times its steps")]

use std::time::Instant;

use anyhow::{Context as _, bail};
use hearth_proto::UnixMs;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::fleet::household::{Household, Line};
use crate::fleet::script::Times;
use crate::fleet::seeded;
use crate::fleet::send::{Encoded, Options, send};

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The collector's door, like `http://127.0.0.1:7411`; without it the records are
    /// made and measured, not sent.
    #[arg(long)]
    collector: Option<String>,
    /// The household's pseudonym.
    #[arg(long, default_value = "h1")]
    household: String,
    /// The same seed makes the same household.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The first day, in UTC.
    #[arg(long, default_value = "2026-10-01")]
    from: Date,
    /// End with the last whole minute instead of at a day's end: for looking at a console.
    #[arg(long, conflicts_with = "from")]
    until_now: bool,
    /// Test the fixed link's speed each night: 240 Mbit/s down, 38 up.
    #[arg(long)]
    tested: bool,
    /// A bad month: a trouble every three hours instead of an ordinary home's.
    #[arg(long)]
    troubled: bool,
    /// How many days.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u16).range(1..=366))]
    days: u16,
    /// Records per batch.
    #[arg(long, default_value_t = Options::default().batch)]
    batch: usize,
    /// Batches on their way without an acknowledgement.
    #[arg(long, default_value_t = Options::default().window)]
    window: usize,
}

fn household(args: &Args) -> anyhow::Result<Household> {
    let length = i64::from(args.days) * DAY;
    let from = if args.until_now {
        let now = Timestamp::now().as_millisecond();
        now - now.rem_euclid(60_000) - length
    } else {
        args.from.to_zoned(TimeZone::UTC)?.timestamp().as_millisecond()
    };
    let span = Times { from: UnixMs(from), to: UnixMs(from + length) };
    let mut home = if args.troubled {
        seeded::household(&args.household, span, args.seed)?.0
    } else {
        Household::ordinary(&args.household, span, args.seed)?
    };
    if args.tested {
        let line = Line {
            down_bps: 240_000_000,
            up_bps: 38_000_000,
            idle_us: 9e3,
            queue_us: (12e3, 45e3),
        };
        // Some minutes past four, never at the same minute.
        let nights = (from.div_euclid(DAY)..=span.to.0.div_euclid(DAY))
            .map(|day| UnixMs(day * DAY + 4 * HOUR + day * 7_919_000 % HOUR));
        home.tested(0, line, nights.filter(|at| span.holds(*at)));
    }
    Ok(home)
}

pub(super) fn run(args: &Args) -> anyhow::Result<()> {
    let home = household(args)?;

    let started = Instant::now();
    let records: Vec<Encoded> = home.records().map(|r| Encoded::from(&r)).collect();
    let generate = started.elapsed();
    let slots = records.iter().filter(|r| r.is_slot).count();
    let slot_bytes: usize = records.iter().filter(|r| r.is_slot).map(|r| r.bytes.len()).sum();
    println!(
        "generate  {:>8.3} s  {} records, {slots} link-slots, {:.1} B encoded each",
        generate.as_secs_f64(),
        records.len(),
        slot_bytes as f64 / slots.max(1) as f64
    );

    let Some(collector) = &args.collector else {
        super::size::print(&home);
        return Ok(());
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let options = Options { batch: args.batch, window: args.window };
    let started = Instant::now();
    let sent = runtime.block_on(send(collector, &home, &records, options)).context("sending")?;
    let took = started.elapsed().as_secs_f64();
    println!(
        "send      {took:>8.3} s  {} records acknowledged in {} batches, {:.0} records/s",
        sent.acknowledged,
        sent.batches,
        sent.acknowledged as f64 / took
    );
    println!(
        "wire                {:.1} B out and {:.2} B in per link-slot",
        sent.bytes_out as f64 / slots.max(1) as f64,
        sent.bytes_in as f64 / slots.max(1) as f64
    );
    for (boot, seq, reason) in sent.refused.iter().take(10) {
        println!("refused   boot {boot} seq {seq}: {reason}");
    }
    if !sent.refused.is_empty() {
        bail!("the collector refused {} records", sent.refused.len());
    }
    Ok(())
}
