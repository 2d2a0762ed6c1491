//! A proposed promise replayed over many homes: what one home costs.
//!
//! Virtual homes, each held against the promise over all of its days and added. Shown:
//! the median time of each step, what 100,000 homes would take, were each like these, and
//! how large the process grew, of which most is the one history that is judged.
//!
//! `cargo bench -p hearth-tests --bench promise [-- --homes 1000 --days 31 --made 20]`

use anyhow::{Context as _, ensure};
use clap::Parser;
use hearth_collector::anonymity::K;
use hearth_collector::homes::Audience;
use hearth_collector::ledger::Ledger;
use hearth_collector::promise::guarantee;
use hearth_collector::promise::hours::Stretch;
use hearth_collector::promise::replay::{Replay, count};
use hearth_collector::qoe::catalogue::Catalogue;
use jiff::ToSpan as _;
use jiff::civil::date;
use jiff::tz::TimeZone;

mod clock;
mod homes;

use clock::on_core;
use homes::{Homes, Steps};

const GUARANTEE: &str = r#"
name = "Calls in the evening"
activity = "video-call"
share = 0.98
hours = ["daily 18:00-23:00"]
period = "month"
minimum_coverage = 0.8
scope = "anywhere"

[credit]
currency = "EUR"
per_breach = 5.0
"#;

#[derive(Debug, Parser)]
struct Args {
    #[command(flatten)]
    homes: Homes,
}

fn main() -> anyhow::Result<()> {
    let Args { homes } = Args::parse();
    let (catalogue, tz) = (Catalogue::built_in(), TimeZone::UTC);
    let guarantee = guarantee::parse(GUARANTEE, "the benchmark's", &catalogue)?;
    let only = catalogue.only(&guarantee.activity, None).context("the activity alone")?;
    let from = date(2026, 10, 1);
    let stretch = Stretch { from, to: from.checked_add(homes.days.days())? };
    let period = stretch.span(&tz).context("its instants")?;
    ensure!(period == homes.span(), "{period:?}");
    let mut replay = Replay::new(guarantee.clone(), Audience::Product);
    let mut steps = Steps::default();
    homes.each(&mut steps, |told, history, steps| {
        let ledger = Ledger::build(history, &only);
        steps.done("ledger with columns");
        let counted = count(&ledger, &guarantee, period, &tz);
        steps.done("count");
        replay.home(&history.household, told, &[counted]);
        steps.done("add");
    })?;
    let began = on_core();
    let told = replay.outcome(&[stretch], &catalogue.version, K::default());
    let drawing = on_core().saturating_sub(began);
    // Where the power was out for long, too little was measured to judge.
    let homes_in_it = told.whole.homes + told.never_judged;
    ensure!(homes_in_it == homes.count, "{homes_in_it} homes in it");
    let found = format!(
        "{} of {} homes broken, {} groups told",
        told.whole.homes_broken,
        told.whole.homes,
        told.by_area.rows.len() + told.by_technology.rows.len() + told.by_need.rows.len()
    );
    homes.print(&steps, drawing, &found)
}
