//! `explain`: why a home's ledger says what it says of one instant.

use clap::Args;
use hearth_proto::HouseholdId;

use super::report::{JudgeArgs, now, style};
use super::{CliError, DataArgs, print, print_json};
use crate::explain::{Asked, ExplainError, explain};
use crate::render;
use crate::store::homes::Homes as _;
use crate::store::sqlite::SqliteStore;

#[derive(Debug, Args)]
pub(super) struct ExplainArgs {
    /// The household's id
    household: HouseholdId,
    /// When: as 2026-10-03T18:15:00Z or with an offset, or '2026-10-03 20:15' in the home's zone
    #[arg(long, value_name = "TIME")]
    at: String,
    /// One activity by its id, down to the samples [default: a line for each]
    #[arg(long, value_name = "ACTIVITY")]
    activity: Option<String>,
    /// One link by its name [default: all]
    #[arg(long, value_name = "LINK")]
    link: Option<String>,
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    judge: JudgeArgs,
    /// As JSON, with everything
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &ExplainArgs) -> Result<(), CliError> {
    let catalogue = args.judge.catalogue()?;
    let store = SqliteStore::open_read_only(&args.data.folder()?)?;
    let zone = args.judge.zone_of(&store.home(&args.household)?);
    let asked =
        Asked { at: args.at.clone(), activity: args.activity.clone(), link: args.link.clone() };
    let home =
        explain(&store, &args.household, &asked, &catalogue, &zone, now()).map_err(
            |e| match e {
                ExplainError::Store(e) => CliError::Store(e),
                value @ ExplainError::Value { .. } => CliError::Usage(format!("--{value}")),
            },
        )?;
    if args.json {
        return print_json(&home);
    }
    print(&render::explain(&home, args.activity.is_some(), &style(zone)))
}
