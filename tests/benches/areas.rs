//! A roll-up over many homes: what one home costs.
//!
//! Virtual homes of three links and 60 s slots, each judged and added, one after
//! the other on one core. Shown: the median time of each step, and what 100,000
//! homes would take, were each like these.
//!
//! `cargo bench -p hearth-tests --bench areas [-- --homes 1000 --days 1]`
#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

use std::time::{Duration, Instant};

use anyhow::ensure;
use clap::Parser;
use hearth_collector::areas::{Contribution, K, RollUp};
use hearth_collector::gaps::Gaps;
use hearth_collector::history::Span;
use hearth_collector::homes::{Consents, Home, Place};
use hearth_collector::ledger::Ledger;
use hearth_collector::qoe::catalogue::Catalogue;
use hearth_proto::UnixMs;
use hearth_tests::fleet::household::Household;
use hearth_tests::fleet::script::Times;
use jiff::tz::TimeZone;

/// 2026-10-01T00:00:00Z.
const FROM: UnixMs = UnixMs(1_790_812_800_000);
const MANY: f64 = 100_000.0;

#[derive(Debug, Parser)]
struct Args {
    /// How many homes.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(10..))]
    homes: u64,
    /// Over how many days.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(i64).range(1..=31))]
    days: i64,
    /// Homes of an area.
    #[arg(long, default_value_t = 100)]
    area: u64,
    /// Given by cargo.
    #[arg(long, hide = true)]
    bench: bool,
}

fn home(number: u64, area: u64) -> Home {
    let of = |what: &str, n: u64| Some(format!("{what}-{}", number / n.max(1)));
    Home {
        place: Place {
            area: of("area", area),
            pon: of("pon", 32),
            cell: of("cell", 60),
            power_area: of("power", 80),
        },
        consents: Consents { areas: true, product: false },
        ..Home::default()
    }
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let times = Times { from: FROM, to: FROM.plus(args.days * 86_400_000) };
    let (catalogue, tz) = (Catalogue::built_in(), TimeZone::UTC);
    let mut rollup = RollUp::new(Span { from: times.from, to: times.to }, &catalogue, &tz);
    let steps = ["ledger with columns", "gaps", "contribution", "add"];
    let mut took: [Vec<Duration>; 4] = Default::default();
    for number in 0..args.homes {
        let history = Household::ordinary(&format!("h{number}"), times, number)?.history();
        let told = home(number, args.area);
        let mut clock = Instant::now();
        let mut lap = |step: usize| {
            took[step].push(clock.elapsed());
            clock = Instant::now();
        };
        let ledger = Ledger::build(&history, &catalogue);
        lap(0);
        let gaps = Gaps::build(&history, &ledger, &tz);
        lap(1);
        let contribution = Contribution::of(&told, &history, &ledger, &gaps);
        lap(2);
        rollup.add(&contribution);
        lap(3);
    }
    let clock = Instant::now();
    let report = rollup.report(K::default());
    let drawing = clock.elapsed();
    ensure!(report.homes == args.homes, "{} homes in the report", report.homes);
    println!(
        "{} homes of 3 links, {} days of 60 s slots, {} areas",
        args.homes,
        args.days,
        report.areas.len()
    );
    let mut sum = 0.0;
    for (step, all) in steps.iter().zip(&mut took) {
        all.sort_unstable();
        let ms = |t: Duration| t.as_secs_f64() * 1e3;
        let median = ms(all[all.len() / 2]);
        sum += median;
        println!(
            "{step:<24} median {median:>9.3} ms, p99 {:>9.3} ms",
            ms(all[all.len() * 99 / 100])
        );
    }
    println!(
        "{:<24} {:>16.1} ms, {} area incidents",
        "report",
        drawing.as_secs_f64() * 1e3,
        report.incidents.len()
    );
    println!("100,000 homes alike: {:.0} core-minutes without reading", sum * MANY / 60_000.0);
    Ok(())
}
