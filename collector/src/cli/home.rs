//! `home`: what is told of homes, by whom and since when.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use hearth_proto::HouseholdId;

use super::exclude::existing;
use super::households::instant;
use super::report::{CatalogueArgs, now};
use super::{CliError, DataArgs, Who, files, print, print_json, tell};
use crate::homes::{HomeEntry, file, list};
use crate::store::Store;
use crate::store::homes::{HomeChange, Homes};
use crate::store::sqlite::SqliteStore;

#[derive(Debug, Args)]
pub(super) struct HomeArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Tell of a home, in place of all that was told before.
    Set {
        /// The household's id
        household: HouseholdId,
        /// A TOML file, - for standard input: `time_zone`, `does` (activities), `[place]`
        /// with `area`, `pon`, `cell` and `power_area`, `[consents]` with `product` and
        /// `areas`, and for each link sold `[[plan]]` with `link`, `product`, `down` and
        /// `up` (`max_mbps`, `normal_mbps`, `min_mbps`), `latency_ms`,
        /// `availability_percent`, `cap_gb` and `backup`
        file: PathBuf,
        #[command(flatten)]
        catalogue: CatalogueArgs,
        #[command(flatten)]
        who: Who,
    },
    /// Take in an operator's list: all of it or nothing.
    Import {
        /// A CSV file, - for standard input, one row for each household and link: columns
        /// `household`, `time_zone`, `does` (activities, parted by `;`), `area`, `pon`,
        /// `cell`, `power_area`, `consent_product`, `consent_areas`, `link`, `product`,
        /// `down_max_mbps`, `down_normal_mbps`, `down_min_mbps`, the same for `up`,
        /// `latency_ms`, `availability_percent`, `cap_gb` and `backup`. What has no column stays as it was told
        file: PathBuf,
        #[command(flatten)]
        catalogue: CatalogueArgs,
        #[command(flatten)]
        who: Who,
    },
    /// Show what is told of a home.
    Show {
        /// The household's id
        household: HouseholdId,
        #[command(flatten)]
        data: DataArgs,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Take back what was told of a home.
    Clear {
        /// The household's id
        household: HouseholdId,
        #[command(flatten)]
        who: Who,
    },
    /// List everything ever told, who told it and when.
    Log {
        /// One household's only
        household: Option<HouseholdId>,
        #[command(flatten)]
        data: DataArgs,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
}

pub(super) fn run(args: HomeArgs) -> Result<(), CliError> {
    match args.action {
        Action::Set { household, file, catalogue, who } => {
            let (text, name) = files::text(&file)?;
            let home = file::parse(&text, &name, &catalogue.load()?)
                .map_err(|e| CliError::Data(crate::error_chain(&e)))?;
            let store = existing(&who.data)?;
            let change = HomeChange { household, home: Some(home), by: who.by, at: now() };
            let versions = store.change_homes(std::slice::from_ref(&change))?;
            heard(&store, &change.household)?;
            print(&format!("entry {}: {} is told of\n", versions[0], change.household))
        }
        Action::Import { file, catalogue, who } => import(&file, &catalogue, &who),
        Action::Show { household, data, json } => {
            let store = SqliteStore::open_read_only(&data.folder()?)?;
            let last = store.home_log(Some(&household))?.pop().filter(|e| e.home.is_some());
            if json {
                return print_json(&last);
            }
            print(&match last {
                Some(entry) => {
                    let home = entry.home.as_ref().map(file::text).unwrap_or_default();
                    format!("# {}\n{home}", line(&entry))
                }
                None => format!("# nothing is told of {household}\n"),
            })
        }
        Action::Clear { household, who } => {
            let change = HomeChange { household, home: None, by: who.by, at: now() };
            let versions = existing(&who.data)?.change_homes(std::slice::from_ref(&change))?;
            print(&format!(
                "entry {}: nothing is told of {} any more\n",
                versions[0], change.household
            ))
        }
        Action::Log { household, data, json } => {
            let store = SqliteStore::open_read_only(&data.folder()?)?;
            let log = store.home_log(household.as_ref())?;
            if json {
                return print_json(&log);
            }
            print(&log.iter().map(|e| line(e) + "\n").collect::<String>())
        }
    }
}

fn import(path: &Path, catalogue: &CatalogueArgs, who: &Who) -> Result<(), CliError> {
    let (text, name) = files::text(path)?;
    let list = list::parse(&text, &name, &catalogue.load()?)
        .map_err(|e| CliError::Data(crate::error_chain(&e)))?;
    let store = existing(&who.data)?;
    let at = now();
    let homes = list.applied(|household| store.home(household))?;
    let all = homes.len();
    let mut changes = Vec::new();
    for (household, home) in homes {
        if store.home(&household)? != home {
            changes.push(HomeChange { household, home: Some(home), by: who.by.clone(), at });
        }
    }
    store.change_homes(&changes)?;
    let same = all - changes.len();
    print(&format!("{} homes told of, {same} were told the same before\n", changes.len()))
}

/// Says where nothing was ever heard of a household: its id may be mistyped.
fn heard(store: &SqliteStore, household: &HouseholdId) -> Result<(), CliError> {
    if !store.households()?.iter().any(|h| h.household == *household) {
        tell(&format!("note: no agent of {household} has been heard yet"));
    }
    Ok(())
}

fn line(entry: &HomeEntry) -> String {
    let what = if entry.home.is_some() { "told" } else { "taken back" };
    let at = instant(entry.at);
    format!("entry {}  {at}  {}  {what} by {}", entry.version, entry.household, entry.by)
}
