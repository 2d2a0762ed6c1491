//! `promise`: history held against a proposed guarantee.

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::Args;
use hearth_proto::HouseholdId;
use jiff::civil::Date;

use super::report::{JudgeArgs, now, style};
use super::{CliError, DataArgs, files, print, print_json};
use crate::anonymity::K;
use crate::homes::Audience;
use crate::ledger::Ledger;
use crate::over_homes::over_homes;
use crate::promise::by_day::count_days;
use crate::promise::guarantee::{self, Guarantee, GuaranteeError, Scope};
use crate::promise::hours::Stretch;
use crate::promise::replay::{Counted, Replay, count};
use crate::qoe::catalogue::Catalogue;
use crate::qoe::reading::Refusal;
use crate::render;
use crate::report::days::local;
use crate::store::homes::Homes;
use crate::store::sqlite::SqliteStore;
use crate::store::{HouseholdSummary, Store, StoreError};

/// How many whole periods are replayed unless asked otherwise.
const USUAL: i64 = 3;
/// The most: a home's calendar is kept to in years, not in centuries.
const MOST: usize = 400;
/// How many names of links a refusal lists at most.
const MOST_LINKS: usize = 20;

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
    let periods = periods(args, &guarantee)?;
    let store = SqliteStore::open_read_only(&args.data.folder()?)?;
    let known = store.households()?;
    let mut households: Vec<HouseholdId> = known.iter().map(|h| h.household.clone()).collect();
    if let Some(unknown) = args.household.iter().find(|h| !households.contains(h)) {
        return Err(StoreError::UnknownHousehold(unknown.clone()).into());
    }
    if !args.household.is_empty() {
        households.retain(|h| args.household.contains(h));
    }
    let only = catalogue.only(&guarantee.activity, guarantee.score);
    let only = only.ok_or_else(|| CliError::Data(format!("{name}: the score can't be used")))?;
    for household in &args.household {
        args.audience.check(household, &store.home(household)?)?;
    }
    if let Scope::Named(link) = &guarantee.scope {
        of_a_link(link, &name, &known, |household| {
            Ok(households.contains(household) && args.audience.may_see(&store.home(household)?))
        })?;
    }
    let work = Work {
        store: &store,
        catalogue: &only,
        judge: &args.judge,
        periods: &periods,
        guarantee: &guarantee,
        audience: args.audience,
    };
    let part = work.all(&households)?;
    let mut told = part.replay.outcome(&periods, &catalogue.version, args.k);
    // Of several homes it is the homes that are drawn again, not their days.
    told.over_days(&part.replay, &part.days);
    if args.json {
        return print_json(&told);
    }
    print(&render::simulation(&told, &style(args.judge.zone())))
}

/// That a link of this name is in a home which `is_asked`: a promise of one that nobody
/// has would only say that nothing was judged.
fn of_a_link(
    link: &str,
    file: &str,
    known: &[HouseholdSummary],
    is_asked: impl Fn(&HouseholdId) -> Result<bool, StoreError>,
) -> Result<(), CliError> {
    let mut names: BTreeSet<&str> = BTreeSet::new();
    for home in known {
        if is_asked(&home.household)? {
            let links = home.agents.iter().flat_map(|agent| &agent.links);
            names.extend(links.map(|info| info.link.as_str()));
        }
        if names.contains(link) {
            return Ok(());
        }
    }
    let shown: Vec<&str> = names.iter().copied().take(MOST_LINKS).collect();
    let accepted = match names.len() - shown.len() {
        _ if names.is_empty() => "a link of a home, and none has told of one yet".to_owned(),
        0 => format!("a link of a home: {}", shown.join(", ")),
        left => format!("a link of a home: {} and {left} more", shown.join(", ")),
    };
    let value = format!("{link:?}");
    let refusals = vec![Refusal { path: "link".to_owned(), value, accepted }];
    let error = GuaranteeError::Refused { file: file.to_owned(), refusals };
    Err(CliError::Data(crate::error_chain(&error)))
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
    guarantee: &'w Guarantee,
    audience: Audience,
}

/// What one thread keeps of its homes.
struct Part {
    replay: Replay,
    /// A single home's days by period.
    days: Vec<Vec<Counted>>,
}

impl Work<'_> {
    /// One home at a time on each core: what is kept of it are sums.
    fn all(&self, homes: &[HouseholdId]) -> Result<Part, StoreError> {
        let alone = homes.len() == 1;
        let begin = || Part {
            replay: Replay::new(self.guarantee.clone(), self.audience),
            days: Vec::new(),
        };
        let parts = over_homes(homes, begin, |part, home| self.one(part, home, alone))?;
        Ok(parts.into_iter().fold(begin(), |mut whole, part| {
            whole.replay.merge(part.replay);
            whole.days.extend(part.days);
            whole
        }))
    }

    fn one(&self, part: &mut Part, household: &HouseholdId, alone: bool) -> Result<(), StoreError> {
        let home = self.store.home(household)?;
        let mut periods = Vec::with_capacity(self.periods.len());
        if part.replay.counts(&home) {
            let tz = self.judge.zone_of(&home);
            for stretch in self.periods {
                let Some(span) = stretch.span(&tz) else {
                    periods.push(None);
                    continue;
                };
                let history = self.store.history_with_lead(household, span)?;
                let ledger = Ledger::build(&history, self.catalogue);
                periods.push(count(&ledger, self.guarantee, span, &tz));
                if alone {
                    part.days.extend(count_days(&ledger, self.guarantee, span, &tz));
                }
            }
        }
        part.replay.home(household, &home, &periods);
        Ok(())
    }
}
