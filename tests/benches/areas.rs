//! A roll-up over many homes: what one home costs.
//!
//! Virtual homes, each judged and added. Shown: the median time of each step, what
//! 100,000 homes would take, were each like these, and how large the process grew, of
//! which most is the one history that is judged.
//!
//! `cargo bench -p hearth-tests --bench areas [-- --homes 1000 --days 31 --made 20]`

use anyhow::ensure;
use clap::Parser;
use hearth_collector::areas::{Contribution, K, RollUp};
use hearth_collector::gaps::Gaps;
use hearth_collector::ledger::Ledger;
use hearth_collector::qoe::catalogue::Catalogue;
use jiff::tz::TimeZone;

mod clock;
mod homes;

use clock::on_core;
use homes::{Homes, Steps};

#[derive(Debug, Parser)]
struct Args {
    #[command(flatten)]
    homes: Homes,
}

fn main() -> anyhow::Result<()> {
    let Args { homes } = Args::parse();
    let (catalogue, tz) = (Catalogue::built_in(), TimeZone::UTC);
    let mut rollup = RollUp::new(homes.span(), &catalogue, &tz);
    let mut steps = Steps::default();
    homes.each(&mut steps, |told, history, steps| {
        let ledger = Ledger::build(history, &catalogue);
        steps.done("ledger with columns");
        let gaps = Gaps::build(history, &ledger, &tz);
        steps.done("gaps");
        let contribution = Contribution::of(told, history, &ledger, &gaps);
        steps.done("contribution");
        rollup.add(&contribution);
        steps.done("add");
    })?;
    let began = on_core();
    let report = rollup.report(K::default());
    let drawing = on_core().saturating_sub(began);
    ensure!(report.homes == homes.count, "{} homes in the report", report.homes);
    let found = format!("{} areas, {} area incidents", report.areas.len(), report.incidents.len());
    homes.print(&steps, drawing, &found)
}
