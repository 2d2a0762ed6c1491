//! `profile`, `gaps`, `statement` and `ledger`: what is said of one household.
#![expect(clippy::disallowed_methods, reason = "a shell: reports are drawn up now")]

use std::fmt::Write;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use clap::Args;
use hearth_proto::{HouseholdId, UnixMs};
use jiff::tz::TimeZone;
use serde_json::json;

use super::span::SpanArgs;
use super::{CliError, DataArgs, print, tell};
use crate::homes::Home;
use crate::ledger::Ledger;
use crate::qoe::catalogue::Catalogue;
use crate::render::{self, Style};
use crate::report::days::length;
use crate::report::{Report, household_report};
use crate::store::Store;
use crate::store::homes::Homes;
use crate::store::sqlite::SqliteStore;

#[derive(Debug, Args)]
pub(super) struct ReportArgs {
    /// The household's id [default: the only one there is]
    household: Option<HouseholdId>,
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    span: SpanArgs,
    #[command(flatten)]
    judge: JudgeArgs,
    /// As JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct StatementArgs {
    #[command(flatten)]
    report: ReportArgs,
    /// Write it as a page to this file, printable on A4
    #[arg(long, value_name = "FILE", conflicts_with = "json")]
    html: Option<PathBuf>,
}

/// By what a household is judged.
#[derive(Debug, Clone, Args)]
pub(crate) struct JudgeArgs {
    /// IANA name of the zone of local times [default: the home's own, else the system's]
    #[arg(long, value_name = "ZONE", value_parser = zone)]
    time_zone: Option<TimeZone>,
    #[command(flatten)]
    catalogue: CatalogueArgs,
}

/// Which activities there are.
#[derive(Debug, Clone, Args)]
pub(crate) struct CatalogueArgs {
    /// A catalogue of activities in place of the built-in one
    #[arg(long, value_name = "FILE", env = "HEARTH_CATALOGUE")]
    catalogue: Option<PathBuf>,
}

fn zone(name: &str) -> Result<TimeZone, String> {
    TimeZone::get(name)
        .map_err(|_| format!("{name:?} is not accepted: an IANA name such as Europe/Berlin or UTC"))
}

impl JudgeArgs {
    pub(crate) fn zone(&self) -> TimeZone {
        self.time_zone.clone().unwrap_or_else(TimeZone::system)
    }

    /// Of one home's local times: the zone given, else the home's own.
    pub(crate) fn zone_of(&self, home: &Home) -> TimeZone {
        self.time_zone.clone().unwrap_or_else(|| home.zone_or(&TimeZone::system()))
    }

    pub(crate) fn catalogue(&self) -> Result<Catalogue, CliError> {
        self.catalogue.load()
    }
}

impl CatalogueArgs {
    pub(crate) fn load(&self) -> Result<Catalogue, CliError> {
        match &self.catalogue {
            None => Ok(Catalogue::built_in()),
            Some(file) => {
                Catalogue::load(file).map_err(|e| CliError::Config(crate::error_chain(&e)))
            }
        }
    }
}

/// The wall clock.
pub(crate) fn now() -> UnixMs {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    UnixMs(since.map_or(0, |d| d.as_millis() as i64))
}

/// How to print here: as wide as the terminal, else 100 columns.
pub(crate) fn style(tz: TimeZone) -> Style {
    let out = std::io::stdout();
    let width = render::columns(&out).unwrap_or(100).clamp(40, 160);
    Style { width, tty: out.is_terminal(), tz }
}

struct Drawn {
    ledger: Ledger,
    report: Report,
    style: Style,
}

fn draw(args: &ReportArgs) -> Result<Drawn, CliError> {
    let catalogue = args.judge.catalogue()?;
    let store = SqliteStore::open_read_only(&args.data.folder()?)?;
    let household = match &args.household {
        Some(given) => given.clone(),
        None => only(&store)?,
    };
    let now = now();
    let history = store.history_with_day_before(&household, args.span.span(now)?)?;
    let home = store.home(&household)?;
    let tz = args.judge.zone_of(&home);
    let (ledger, report) = household_report(&history, &home, &catalogue, &tz, now);
    Ok(Drawn { ledger, report, style: style(tz) })
}

fn only(store: &dyn Store) -> Result<HouseholdId, CliError> {
    let mut all = store.households()?;
    match all.len() {
        1 => Ok(all.remove(0).household),
        0 => Err(CliError::Usage("no household has reported yet".to_owned())),
        n => Err(CliError::Usage(format!(
            "there are {n} households: name one (`hearth-collector households` lists them)"
        ))),
    }
}

/// What stands over each report, with the report under its own name.
fn document(report: &Report, name: &str, body: &serde_json::Value) -> serde_json::Value {
    json!({
        "household": report.household,
        "span": report.span,
        "generated_at": report.generated_at,
        "time_zone": report.time_zone,
        "catalogue": report.catalogue,
        "ledger": report.ledger,
        name: body,
    })
}

pub(super) fn profile(args: &ReportArgs) -> Result<(), CliError> {
    let drawn = draw(args)?;
    if args.json {
        let body = json!(drawn.report.profile);
        print(&render::json(&document(&drawn.report, "profile", &body)))?;
    } else {
        print(&render::profile(&drawn.report.profile, &drawn.style))?;
    }
    Ok(())
}

pub(super) fn gaps(args: &ReportArgs) -> Result<(), CliError> {
    let drawn = draw(args)?;
    if args.json {
        let body = json!(drawn.report.gaps);
        print(&render::json(&document(&drawn.report, "gaps", &body)))?;
    } else {
        print(&render::gaps(&drawn.report.gaps, &drawn.style))?;
    }
    Ok(())
}

pub(super) fn promises(args: &ReportArgs) -> Result<(), CliError> {
    let drawn = draw(args)?;
    if args.json {
        let body = json!(drawn.report.promises);
        print(&render::json(&document(&drawn.report, "promises", &body)))
    } else {
        print(&render::promises(&drawn.report.promises, &drawn.style))
    }
}

pub(super) fn statement(args: &StatementArgs) -> Result<(), CliError> {
    let drawn = draw(&args.report)?;
    if let Some(file) = &args.html {
        write_statement(file, &drawn.report)?;
        tell(&format!("written to {}", file.display()));
    } else if args.report.json {
        print(&render::json(&drawn.report.statement))?;
    } else {
        print(&render::statement(&drawn.report.statement, &drawn.style))?;
    }
    Ok(())
}

/// The statement's page, whole or not at all: written beside, then renamed.
pub(crate) fn write_statement(file: &Path, report: &Report) -> Result<(), CliError> {
    let refused = |source| CliError::Io { doing: format!("writing {}", file.display()), source };
    let beside = beside(file);
    std::fs::write(&beside, crate::console::statement_html(&report.statement)).map_err(refused)?;
    std::fs::rename(&beside, file).map_err(refused)
}

/// Where a page is written until it is whole.
pub(crate) fn beside(file: &Path) -> PathBuf {
    file.with_extension("html.part")
}

/// The ledger slot by slot: one letter a slot, per link and activity.
pub(super) fn ledger(args: &ReportArgs) -> Result<(), CliError> {
    let drawn = draw(args)?;
    let columns = letters(&drawn.ledger);
    if args.json {
        print(&render::json(&columns))?;
        return Ok(());
    }
    let mut text = format!(
        "O OK, D degraded, X down, - unknown, e excluded; a letter is {}\n",
        length(drawn.ledger.slot.ms().into())
    );
    for link in columns["links"].as_array().into_iter().flatten() {
        text.extend(["\n", link["label"].as_str().unwrap_or_default(), "\n"]);
        text += &rows(&link["activities"], drawn.style.width);
    }
    text += "\nanywhere\n";
    text += &rows(&columns["anywhere"], drawn.style.width);
    print(&text)
}

fn rows(activities: &serde_json::Value, width: usize) -> String {
    let mut text = String::new();
    for one in activities.as_array().into_iter().flatten() {
        let states = one["states"].as_str().unwrap_or_default();
        let room = width.saturating_sub(20).max(20);
        for (i, part) in states.as_bytes().chunks(room).enumerate() {
            let title = if i == 0 { one["activity"].as_str().unwrap_or_default() } else { "" };
            let _infallible = writeln!(text, "  {title:<18}{}", String::from_utf8_lossy(part));
        }
    }
    text
}

fn letters(ledger: &Ledger) -> serde_json::Value {
    let text = |column: &[crate::ledger::Cell]| -> String {
        column.iter().map(|cell| cell.state().letter()).collect()
    };
    let activities = |column: &dyn Fn(usize) -> String| -> serde_json::Value {
        let all = ledger.activities.iter().enumerate();
        all.map(|(a, one)| json!({ "activity": one.id, "states": column(a) })).collect()
    };
    let links: Vec<_> = ledger
        .links
        .iter()
        .enumerate()
        .map(|(l, link)| {
            json!({
                "link": link.link,
                "agent": link.agent,
                "label": link.label,
                "technology": link.technology,
                "activities": activities(&|a| text(ledger.column(l, a))),
            })
        })
        .collect();
    json!({
        "household": ledger.household,
        "span": ledger.span,
        "slot_ms": ledger.slot,
        "links": links,
        "anywhere": activities(&|a| text(ledger.anywhere(a))),
    })
}
