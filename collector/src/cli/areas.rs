//! `areas`: gaps rolled up over areas and the operator, with area incidents.

use clap::Args;

use super::export::ExportArgs;
use super::report::{JudgeArgs, now, style};
use super::span::SpanArgs;
use super::{CliError, DataArgs, print, print_json, tell};
use crate::areas::K;
use crate::export;
use crate::homes::Audience;
use crate::render;
use crate::store::sqlite::SqliteStore;
use crate::survey::{Survey, survey};

#[derive(Debug, Args)]
pub(super) struct AreasArgs {
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    span: SpanArgs,
    #[command(flatten)]
    judge: JudgeArgs,
    /// The fewest homes that any figure is over, 2 to 1000
    #[arg(long, value_name = "HOMES", default_value_t, env = "HEARTH_AREA_K")]
    area_k: K,
    /// For whom: noc, or product, which sees only homes that agreed to it
    #[arg(long = "for", value_name = "WHOM", default_value_t)]
    audience: Audience,
    /// Rank area incidents by what this activity lost alone
    #[arg(long, value_name = "ACTIVITY")]
    activity: Option<String>,
    /// As JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    export: ExportArgs,
}

pub(super) fn run(args: &AreasArgs) -> Result<(), CliError> {
    let catalogue = args.judge.catalogue()?;
    if let Some(id) = &args.activity
        && !catalogue.activities.iter().any(|a| a.id == *id)
    {
        let ids: Vec<&str> = catalogue.activities.iter().map(|a| a.id.as_str()).collect();
        return Err(CliError::Usage(format!(
            "activity {id:?} is not accepted: one of {}",
            ids.join(", ")
        )));
    }
    let store = SqliteStore::open_read_only(&args.data.folder()?)?;
    let tz = args.judge.zone();
    let span = args.span.span(now())?;
    let Survey { rollup, unread } = survey(&store, span, &catalogue, &tz, args.audience)?;
    if unread > 0 {
        tell(&format!("{unread} homes could not be read and are left out"));
    }
    let mut report = rollup.report(args.area_k);
    if let Some(id) = &args.activity {
        report.rank_by(id);
    }
    if args.export.asked() {
        let name = match args.audience {
            Audience::Noc => "areas",
            Audience::Product => "areas-product",
        };
        args.export.run(name, &export::areas::tables(&report))
    } else if args.json {
        print_json(&report)
    } else {
        print(&render::areas(&report, args.activity.as_deref(), &style(tz)))
    }
}
