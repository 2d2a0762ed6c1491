//! `promise`: history held against a proposed guarantee.

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use clap::Args;
use hearth_proto::HouseholdId;
use jiff::civil::Date;

use super::report::{JudgeArgs, now, style};
use super::{CliError, DataArgs, files, print, print_json};
use crate::anonymity::K;
use crate::homes::{Audience, Home};
use crate::promise::guarantee;
use crate::render;
use crate::report::days::local;
use crate::simulate::{Proposal, SimulateError, periods};
use crate::store::homes::Homes;
use crate::store::sqlite::SqliteStore;
use crate::store::{Store, StoreError};

#[derive(Debug, Args)]
pub(super) struct PromiseArgs {
    /// A TOML file, - for standard input: `name`, `activity`, `share` (0.98: it works in
    /// 98 % of the time), `period` (day, week or month), `minimum_coverage` (0.8: less
    /// evidence is not judged), `scope` (anywhere or link; then `link` may name one), if
    /// wanted `hours` (a list such as `["Mon-Fri 18:00-23:00"]`) and `score` (1 to 100, in place of the
    /// catalogue's), and `[credit]` with `currency`, `per_breach`, and if wanted
    /// `per_point`, `cap_per_period` and `cap_per_home`
    file: PathBuf,
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    judge: JudgeArgs,
    /// The first day, as 2026-08-01, by each home's own calendar [default: so that the
    /// last three whole periods are replayed]
    #[arg(long, value_name = "DATE", requires = "to")]
    from: Option<Date>,
    /// The day after the last
    #[arg(long, value_name = "DATE", requires = "from")]
    to: Option<Date>,
    /// These households only; may be given several times [default: all]
    #[arg(long, value_name = "ID")]
    household: Vec<HouseholdId>,
    /// The fewest homes that a figure of a group is over, 2 to 1000
    #[arg(short, long, value_name = "HOMES", default_value_t)]
    k: K,
    /// For whom: product, which sees only homes that agreed to it, or noc
    #[arg(long = "for", value_name = "WHOM", default_value_t = Audience::Product)]
    audience: Audience,
    /// As JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &PromiseArgs) -> Result<(), CliError> {
    let catalogue = args.judge.catalogue()?;
    let (text, name) = files::text(&args.file)?;
    let guarantee = guarantee::parse(&text, &name, &catalogue)
        .map_err(|e| CliError::Data(crate::error_chain(&e)))?;
    let zone = args.judge.zone();
    let asked = args.from.zip(args.to);
    let periods = periods(&guarantee, asked, local(now(), &zone).date()).map_err(|e| {
        let days = match asked {
            Some((from, to)) => format!("--from {from} --to {to}"),
            None => "the time up to today".to_owned(),
        };
        CliError::Usage(format!("{days} is not accepted: {e}"))
    })?;
    let store = SqliteStore::open_read_only(&args.data.folder()?)?;
    let mut households: Vec<HouseholdId> =
        store.households()?.into_iter().map(|h| h.household).collect();
    if let Some(unknown) = args.household.iter().find(|h| !households.contains(h)) {
        return Err(StoreError::UnknownHousehold(unknown.clone()).into());
    }
    if !args.household.is_empty() {
        households.retain(|h| args.household.contains(h));
    }
    for household in &args.household {
        args.audience.check(household, &store.home(household)?)?;
    }
    let proposal = Proposal {
        guarantee: &guarantee,
        periods: &periods,
        households: &households,
        audience: args.audience,
        k: args.k,
        zone: |home: &Home| args.judge.zone_of(home),
    };
    let told =
        proposal.simulate(&store, &catalogue, &AtomicBool::new(false)).map_err(|e| match e {
            SimulateError::Store(e) => e.into(),
            other => CliError::Data(format!("{name}: {other}")),
        })?;
    if args.json {
        return print_json(&told);
    }
    print(&render::simulation(&told, &style(zone)))
}
