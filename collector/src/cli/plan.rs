//! `plan`: what households are asked to measure, and how much.
#![expect(clippy::format_push_string, reason = "a few short lines, built once")]

use std::path::PathBuf;

use clap::{Args, Subcommand};
use hearth_proto::HouseholdId;
use hearth_proto::{Measures, Plan};

use super::exclude::existing;
use super::households::instant;
use super::report::now;
use super::{CliError, DataArgs, Who, print, print_json};
use crate::plans::read_file;
use crate::store::asks::{Asks, PlanChange, PlanEntry};
use crate::store::sqlite::SqliteStore;

#[derive(Debug, Args)]
pub(super) struct PlanArgs {
    #[command(subcommand)]
    action: Action,
}

/// Whom a plan is for.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Whom {
    /// One household: in place of the general plan
    #[arg(long, value_name = "ID")]
    household: Option<HouseholdId>,
    /// All households without a plan of their own
    #[arg(long)]
    all: bool,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Put a plan in force; connected agents are told within two seconds.
    Set {
        /// A TOML file: `[all]`, and for a single link `[[link]]` with `link` (its name)
        /// and `[link.measures]`. Each may have `interval_ms`, `gateway_interval_ms`,
        /// `slow_interval_ms`, `responsiveness_every_s`, `capacity_every_s`, `no_tests`
        /// and `budget_bytes_per_month`
        file: PathBuf,
        #[command(flatten)]
        whom: Whom,
        #[command(flatten)]
        who: Who,
    },
    /// Show the plan in force.
    Show {
        /// One household's [default: the general one]
        #[arg(long, value_name = "ID")]
        household: Option<HouseholdId>,
        #[command(flatten)]
        data: DataArgs,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Take a plan back: the general one holds again, or the agents' own settings.
    Clear {
        #[command(flatten)]
        whom: Whom,
        #[command(flatten)]
        who: Who,
    },
    /// List every plan there ever was, who entered it and when.
    Log {
        /// One household's own only
        #[arg(long, value_name = "ID")]
        household: Option<HouseholdId>,
        #[command(flatten)]
        data: DataArgs,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
}

pub(super) fn run(args: PlanArgs) -> Result<(), CliError> {
    match args.action {
        Action::Set { file, whom, who } => {
            let plan = read_file(&file).map_err(|e| CliError::Data(crate::error_chain(&e)))?;
            change(whom, who, Some(plan))
        }
        Action::Clear { whom, who } => change(whom, who, None),
        Action::Show { household, data, json } => {
            let store = SqliteStore::open_read_only(&data.folder()?)?;
            let general = last(&store, None)?;
            let own = match &household {
                Some(household) => last(&store, Some(household))?,
                None => None,
            };
            let in_force = own.or(general);
            if json {
                return print_json(&in_force);
            }
            print(&match in_force {
                Some(entry) => format!("{}\n{}", line(&entry), plan(entry.plan.as_ref())),
                None => "no plan: agents measure as they are configured\n".to_owned(),
            })
        }
        Action::Log { household, data, json } => {
            let store = SqliteStore::open_read_only(&data.folder()?)?;
            let log = store.plan_log(household.as_ref())?;
            if json {
                return print_json(&log);
            }
            print(&log.iter().map(|e| line(e) + "\n").collect::<String>())
        }
    }
}

fn change(whom: Whom, who: Who, plan: Option<Plan>) -> Result<(), CliError> {
    let said = match (&whom.household, &plan) {
        (Some(household), Some(_)) => format!("in force for {household}"),
        (None, Some(_)) => "in force for all without a plan of their own".to_owned(),
        (Some(household), None) => format!("the plan of {household} is taken back"),
        (None, None) => "the general plan is taken back".to_owned(),
    };
    let change = PlanChange { household: whom.household, plan, by: who.by, at: now() };
    let version = existing(&who.data)?.change_plan(&change)?;
    print(&format!("plan {version}: {said}\n"))
}

/// The last change where it put a plan in force: of a household, or of all.
fn last(
    store: &SqliteStore,
    household: Option<&HouseholdId>,
) -> Result<Option<PlanEntry>, CliError> {
    let log = store.plan_log(household)?;
    let last = log.into_iter().rev().find(|e| e.household.as_ref() == household);
    Ok(last.filter(|e| e.plan.is_some()))
}

fn line(entry: &PlanEntry) -> String {
    let whom = entry.household.as_ref().map_or("all", |h| h.as_str());
    let what = if entry.plan.is_some() { "set" } else { "taken back" };
    format!("plan {}  {}  {whom}  {what} by {}", entry.version, instant(entry.at), entry.by)
}

/// As a file has it.
fn plan(plan: Option<&Plan>) -> String {
    let Some(plan) = plan else { return String::new() };
    let mut text = String::from("[all]\n");
    text += &measures(&plan.all);
    for link in &plan.links {
        text += &format!("\n[[link]]\nlink = \"{}\"\n[link.measures]\n", link.link);
        text += &measures(&link.measures);
    }
    text
}

fn measures(m: &Measures) -> String {
    let numbers = [
        ("interval_ms", m.interval_ms.map(u64::from)),
        ("gateway_interval_ms", m.gateway_interval_ms.map(u64::from)),
        ("slow_interval_ms", m.slow_interval_ms.map(u64::from)),
        ("responsiveness_every_s", m.responsiveness_every_s.map(u64::from)),
        ("capacity_every_s", m.capacity_every_s.map(u64::from)),
        ("budget_bytes_per_month", m.budget_bytes_per_month),
    ];
    let mut text: String =
        numbers.iter().filter_map(|(k, v)| v.map(|v| format!("{k} = {v}\n"))).collect();
    if m.no_tests {
        text += "no_tests = true\n";
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_can_be_set_again() {
        let text = "[all]\ninterval_ms = 2000\nno_tests = true\n\n[[link]]\nlink = \"lte\"\n\
                    [link.measures]\nbudget_bytes_per_month = 200000000\n";
        let read: Plan = toml::from_str(text).unwrap();
        assert_eq!(plan(Some(&read)), text);
        assert_eq!(toml::from_str::<Plan>(&plan(Some(&read))).unwrap(), read);
    }
}
