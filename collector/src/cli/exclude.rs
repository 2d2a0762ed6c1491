//! `exclude`: times that count neither for nor against a household's links.

use clap::{Args, Subcommand};
use hearth_proto::convert::MAX_TEXT;
use hearth_proto::{HouseholdId, LinkName, UnixMs};

use super::households::instant;
use super::report::now;
use super::{CliError, DataArgs, print, print_json};
use crate::history::{Exclusion, Span};
use crate::store::Store as _;
use crate::store::exclusions::{ExclusionEntry, Exclusions as _, Removal};
use crate::store::homes::Homes as _;
use crate::store::sqlite::SqliteStore;

#[derive(Debug, Args)]
pub(super) struct ExcludeArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List a household's exclusions.
    List {
        /// The household's id
        household: HouseholdId,
        #[command(flatten)]
        data: DataArgs,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Enter one, also afterwards.
    Add {
        /// The household's id
        household: HouseholdId,
        #[command(flatten)]
        data: DataArgs,
        /// Its beginning, as 2026-01-31T22:00:00Z or with an offset
        #[arg(long, value_name = "TIME")]
        from: jiff::Timestamp,
        /// Its end, as --from
        #[arg(long, value_name = "TIME")]
        to: jiff::Timestamp,
        /// One link only [default: all of the household's links]
        #[arg(long)]
        link: Option<LinkName>,
        /// Why: it is shown beside the figures
        #[arg(long, value_parser = text)]
        why: String,
        /// Who enters it
        #[arg(long, value_parser = text, env = "USER")]
        by: String,
    },
    /// Take one back: what was found in its time counts again.
    Remove {
        /// The household's id
        household: HouseholdId,
        /// Its number, from the list
        number: i64,
        #[command(flatten)]
        data: DataArgs,
        /// Why: it stays in the log
        #[arg(long, value_parser = text)]
        why: String,
        /// Who takes it back
        #[arg(long, value_parser = text, env = "USER")]
        by: String,
    },
    /// Show all ever entered, those taken back too: who, when and why.
    Log {
        /// The household's id
        household: HouseholdId,
        #[command(flatten)]
        data: DataArgs,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
}

/// A text that a person reads beside figures.
pub(super) fn text(value: &str) -> Result<String, String> {
    let length = value.trim().chars().count();
    if (1..=MAX_TEXT).contains(&length) && !value.chars().any(char::is_control) {
        Ok(value.trim().to_owned())
    } else {
        Err(format!("1 to {MAX_TEXT} characters are accepted, none of them control characters"))
    }
}

pub(super) fn run(args: ExcludeArgs) -> Result<(), CliError> {
    match args.action {
        Action::List { household, data, json } => {
            let store = SqliteStore::open_read_only(&data.folder()?)?;
            list(&store.exclusions(&household)?, json)
        }
        Action::Add { household, data, from, to, link, why, by } => {
            if from >= to {
                return Err(CliError::Usage(format!(
                    "--to {to} is not accepted: it must be after --from {from}"
                )));
            }
            let span =
                Span { from: UnixMs(from.as_millisecond()), to: UnixMs(to.as_millisecond()) };
            let store = existing(&data)?;
            if let Some(link) = &link {
                known(&store, &household, link)?;
            }
            let exclusion = Exclusion { link: link.map(String::from), span, by, why };
            let number = store.exclude(&household, &exclusion, now())?;
            print(&format!("exclusion {number} entered\n"))?;
            Ok(())
        }
        Action::Log { household, data, json } => {
            let store = SqliteStore::open_read_only(&data.folder()?)?;
            log(&store.exclusion_log(&household)?, json)
        }
        Action::Remove { household, number, data, why, by } => {
            let removal = Removal { at: now(), by, why };
            if existing(&data)?.include(&household, number, &removal)? {
                print(&format!("exclusion {number} removed\n"))?;
                Ok(())
            } else {
                Err(CliError::Usage(format!(
                    "exclusion {number} is not known for {household}: `hearth-collector exclude \
                     list {household}` shows those that are"
                )))
            }
        }
    }
}

/// Refuses a link that neither an agent nor a plan has told of: nothing would be left out,
/// and the statement would say that it was.
fn known(store: &SqliteStore, household: &HouseholdId, link: &LinkName) -> Result<(), CliError> {
    let heard = store.households()?.into_iter().filter(|home| home.household == *household);
    let links = heard.flat_map(|home| home.agents).flat_map(|agent| agent.links);
    let mut names: Vec<String> = links.map(|heard| heard.link.to_string()).collect();
    names.extend(store.home(household)?.plans.into_iter().map(|sold| sold.link));
    if names.iter().any(|name| name == link.as_str()) {
        return Ok(());
    }
    names.sort_unstable();
    names.dedup();
    let known = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    Err(CliError::Usage(format!(
        "--link {link} is not accepted: neither an agent nor a plan of {household} has told of \
         it; known: {known}"
    )))
}

/// The store for writing, but only where there is one already.
pub(super) fn existing(data: &DataArgs) -> Result<SqliteStore, CliError> {
    let folder = data.folder()?;
    SqliteStore::open_read_only(&folder)?;
    Ok(SqliteStore::open(&folder)?)
}

fn list(exclusions: &[(i64, Exclusion)], json: bool) -> Result<(), CliError> {
    if json {
        let all: Vec<_> = exclusions
            .iter()
            .map(|(number, e)| serde_json::json!({ "number": number, "exclusion": e }))
            .collect();
        return print_json(&all);
    }
    for (number, e) in exclusions {
        print(&format!("{}\n", line(*number, e)))?;
    }
    Ok(())
}

fn line(number: i64, e: &Exclusion) -> String {
    let link = e.link.as_deref().unwrap_or("all links");
    let (from, to) = (instant(e.span.from), instant(e.span.to));
    format!("{number}  {from} to {to}  {link}  by {}: {}", e.by, e.why)
}

fn log(entries: &[ExclusionEntry], json: bool) -> Result<(), CliError> {
    if json {
        return print_json(entries);
    }
    for entry in entries {
        print(&format!("{}\n", line(entry.number, &entry.exclusion)))?;
        if let Some(at) = entry.entered_at {
            print(&format!("    entered {}\n", instant(at)))?;
        }
        if let Some(Removal { at, by, why }) = &entry.removed {
            print(&format!("    taken back {} by {by}: {why}\n", instant(*at)))?;
        }
    }
    Ok(())
}
