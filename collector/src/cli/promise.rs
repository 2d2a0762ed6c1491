//! `promise`: history held against a proposed guarantee.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use clap::Args;
use hearth_proto::HouseholdId;
use jiff::civil::Date;

use super::report::{JudgeArgs, now, style};
use super::{CliError, DataArgs, files, print};
use crate::ledger::Ledger;
use crate::promise::by_day::count_days;
use crate::promise::guarantee::{self, Guarantee};
use crate::promise::hours::Stretch;
use crate::promise::replay::{Counted, Replay, count};
use crate::qoe::catalogue::Catalogue;
use crate::render;
use crate::report::days::local;
use crate::store::homes::Homes;
use crate::store::sqlite::SqliteStore;
use crate::store::{Store, StoreError};

/// How many whole periods are replayed unless asked otherwise.
const USUAL: i64 = 3;
/// The most: a home's calendar is kept to in years, not in centuries.
const MOST: usize = 400;

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
    /// The fewest homes that a group is told of by name: 2 to 1000000
    #[arg(short, long, value_name = "N", default_value_t = 10,
          value_parser = clap::value_parser!(u64).range(2..=1_000_000))]
    k: u64,
    /// As JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &PromiseArgs) -> Result<(), CliError> {
    let catalogue = args.judge.catalogue()?;
    let (text, name) = files::text(&args.file)?;
    let guarantee = guarantee::parse(&text, &name, &catalogue)
        .map_err(|e| CliError::Data(crate::error_chain(&e)))?;
    let periods = periods(args, &guarantee)?;
    let store = SqliteStore::open_read_only(&args.data.folder()?)?;
    let mut households: Vec<HouseholdId> =
        store.households()?.into_iter().map(|h| h.household).collect();
    if let Some(unknown) = args.household.iter().find(|h| !households.contains(h)) {
        return Err(StoreError::UnknownHousehold(unknown.clone()).into());
    }
    if !args.household.is_empty() {
        households.retain(|h| args.household.contains(h));
    }
    let only = catalogue.only(&guarantee.activity, guarantee.score);
    let only = only.ok_or_else(|| CliError::Data(format!("{name}: the score can't be used")))?;
    let work = Work { store: &store, catalogue: &only, judge: &args.judge, periods: &periods };
    let replay = work.all(&guarantee, &households)?;
    let mut told = replay.outcome(&periods, &catalogue.version, args.k);
    if let [household] = households.as_slice() {
        told.over_days(&replay, &work.days(&guarantee, household)?);
    }
    if args.json {
        return print(&render::json(&told));
    }
    print(&render::simulation(&told, &style(args.judge.zone())))
}

fn periods(args: &PromiseArgs, guarantee: &Guarantee) -> Result<Vec<Stretch>, CliError> {
    let today = local(now(), &args.judge.zone()).date();
    let (from, to) = match (args.from, args.to) {
        (Some(from), Some(to)) => (from, to),
        _ => guarantee
            .period
            .last(USUAL, today)
            .ok_or_else(|| CliError::Usage("give --from and --to".to_owned()))?,
    };
    let periods = guarantee.period.whole(from, to);
    let (n, period) = (periods.len(), guarantee.period.name());
    if !(1..=MOST).contains(&n) {
        return Err(CliError::Usage(format!(
            "--from {from} --to {to} is not accepted: it holds {n} whole {period}s, and 1 to {MOST} \
             can be replayed"
        )));
    }
    Ok(periods)
}

/// What every thread reads.
struct Work<'w> {
    store: &'w SqliteStore,
    catalogue: &'w Catalogue,
    judge: &'w JudgeArgs,
    periods: &'w [Stretch],
}

impl Work<'_> {
    /// One home at a time on each core: what is kept of it are sums.
    fn all(&self, guarantee: &Guarantee, homes: &[HouseholdId]) -> Result<Replay, StoreError> {
        let next = AtomicUsize::new(0);
        let part = || {
            let mut replay = Replay::new(guarantee.clone());
            while let Some(household) = homes.get(next.fetch_add(1, Ordering::Relaxed)) {
                self.one(&mut replay, guarantee, household).inspect_err(|_| {
                    // The other threads find nothing left to do.
                    next.store(homes.len(), Ordering::Relaxed);
                })?;
            }
            Ok(replay)
        };
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let parts: Vec<_> = std::thread::scope(|scope| {
            let running: Vec<_> = (0..threads).map(|_| scope.spawn(part)).collect();
            running.into_iter().map(std::thread::ScopedJoinHandle::join).collect()
        });
        let mut whole = Replay::new(guarantee.clone());
        for part in parts {
            match part {
                Ok(part) => whole.merge(part?),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        Ok(whole)
    }

    /// A home's days by period.
    fn days(
        &self,
        guarantee: &Guarantee,
        household: &HouseholdId,
    ) -> Result<Vec<Vec<Counted>>, StoreError> {
        let tz = self.judge.zone_of(&self.store.home(household)?);
        let mut periods = Vec::with_capacity(self.periods.len());
        for span in self.periods.iter().filter_map(|stretch| stretch.span(&tz)) {
            let history = self.store.history_with_lead(household, span)?;
            let ledger = Ledger::build(&history, self.catalogue);
            periods.extend(count_days(&ledger, guarantee, span, &tz));
        }
        Ok(periods)
    }

    fn one(
        &self,
        replay: &mut Replay,
        guarantee: &Guarantee,
        household: &HouseholdId,
    ) -> Result<(), StoreError> {
        let home = self.store.home(household)?;
        let tz = self.judge.zone_of(&home);
        let mut periods = Vec::with_capacity(self.periods.len());
        for stretch in self.periods {
            let Some(span) = stretch.span(&tz) else {
                periods.push(None);
                continue;
            };
            let history = self.store.history_with_lead(household, span)?;
            let ledger = Ledger::build(&history, self.catalogue);
            periods.push(count(&ledger, guarantee, span, &tz));
        }
        replay.home(household, &home, &periods);
        Ok(())
    }
}
