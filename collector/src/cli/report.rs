//! `profile`, `gaps` and `ledger`: what is said of one household.
#![expect(clippy::disallowed_methods, reason = "a shell: reports are drawn up now")]

use std::fmt::Write;
use std::io::IsTerminal;
use std::path::PathBuf;

use clap::Args;
use hearth_proto::{HouseholdId, UnixMs};
use jiff::tz::TimeZone;
use serde_json::json;

use super::export::ExportArgs;
use super::span::SpanArgs;
use super::{CliError, DataArgs, print, print_json, tell};
use crate::export;
use crate::gaps::MOST_INCIDENTS;
use crate::homes::{Audience, Home};
use crate::ledger::Ledger;
use crate::qoe::catalogue::Catalogue;
use crate::render::{self, Style};
use crate::report::days::length;
use crate::report::{Report, household_report, household_report_after, period_before};
use crate::store::Store;
use crate::store::homes::Homes;
use crate::store::sqlite::SqliteStore;

#[derive(Debug, Args)]
pub(super) struct ReportArgs {
    /// The household's id [default: the only one there is]
    pub(super) household: Option<HouseholdId>,
    #[command(flatten)]
    pub(super) data: DataArgs,
    #[command(flatten)]
    pub(super) span: SpanArgs,
    #[command(flatten)]
    pub(super) judge: JudgeArgs,
    /// As JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct ProfileArgs {
    #[command(flatten)]
    report: ReportArgs,
    /// For whom: noc, or product, which sees only homes that agreed to it
    #[arg(long = "for", value_name = "WHOM", default_value_t)]
    audience: Audience,
}

#[derive(Debug, Args)]
pub(super) struct GapsArgs {
    #[command(flatten)]
    report: ReportArgs,
    #[command(flatten)]
    export: ExportArgs,
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

/// The system's, where it has a name.
fn system_zone() -> TimeZone {
    crate::report::named(TimeZone::system())
}

impl JudgeArgs {
    pub(crate) fn zone(&self) -> TimeZone {
        self.time_zone.clone().unwrap_or_else(system_zone)
    }

    /// Of one home's local times: the zone given, else the home's own.
    pub(crate) fn zone_of(&self, home: &Home) -> TimeZone {
        self.time_zone.clone().unwrap_or_else(|| home.zone_or(&system_zone()))
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

/// Whether a report's trends are wanted: they take the period before too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trends {
    Wanted,
    Left,
}

fn draw(args: &ReportArgs, trends: Trends) -> Result<Drawn, CliError> {
    draw_for(args, trends, Audience::Noc)
}

/// Of a home that the audience may see.
fn draw_for(args: &ReportArgs, trends: Trends, audience: Audience) -> Result<Drawn, CliError> {
    let catalogue = args.judge.catalogue()?;
    let store = SqliteStore::open_read_only(&args.data.folder()?)?;
    let household = match &args.household {
        Some(given) => given.clone(),
        None => only(&store)?,
    };
    let now = now();
    let home = store.home(&household)?;
    audience.check(&household, &home)?;
    let history = store.history_with_lead(&household, args.span.span(now)?)?;
    let tz = args.judge.zone_of(&home);
    let (ledger, report) = match trends {
        Trends::Left => household_report(&history, &home, &catalogue, &tz, now),
        Trends::Wanted => {
            let before = store.history_with_lead(&household, period_before(history.span, &tz))?;
            household_report_after(&history, Some(&before), &home, &catalogue, &tz, now)
        }
    };
    Ok(Drawn { ledger, report, style: style(tz) })
}

pub(super) fn only(store: &dyn Store) -> Result<HouseholdId, CliError> {
    let mut all = store.households()?;
    match all.len() {
        1 => Ok(all.remove(0).household),
        0 => Err(CliError::Usage("no household has reported yet".to_owned())),
        n => Err(CliError::Usage(format!(
            "there are {n} households: name one (`hearth-collector households` lists them)"
        ))),
    }
}

pub(super) fn profile(args: &ProfileArgs) -> Result<(), CliError> {
    let drawn = draw_for(&args.report, Trends::Wanted, args.audience)?;
    let report = &drawn.report;
    if !Audience::Product.may_see(&report.home) {
        tell("note: for the NOC alone, this home has not agreed that product and marketing see it");
    }
    if args.report.json {
        let mut document = report.headed("profile", &report.profile);
        document["remedies"] = json!(report.remedies);
        document["audience"] = json!(args.audience);
        print_json(&document)?;
    } else {
        print(&render::profile(&report.profile, &drawn.style))?;
        print(&render::remedies(&report.remedies, &drawn.style))?;
    }
    Ok(())
}

pub(super) fn gaps(args: &GapsArgs) -> Result<(), CliError> {
    let Drawn { report, style, .. } = draw(&args.report, Trends::Left)?;
    if args.export.asked() {
        let gaps = &report.gaps;
        if let Some(note) = partial(gaps.incidents_left_off + gaps.household_incidents_left_off) {
            tell(&note);
        }
        args.export.run("gaps", &export::household::tables(&report.household, &report.gaps))
    } else if args.report.json {
        print_json(&report.headed("gaps", &report.gaps))
    } else {
        print(&render::gaps(&report.gaps, &style))
    }
}

/// That a table of incidents is not whole, which the table itself can't say.
fn partial(left_off: u64) -> Option<String> {
    (left_off > 0).then(|| {
        format!(
            "note: the table `incidents` holds the weightiest {MOST_INCIDENTS} of each link and of \
             the household, {left_off} more are left off: ask for a shorter time to have all"
        )
    })
}

pub(super) fn promises(args: &ReportArgs) -> Result<(), CliError> {
    let drawn = draw(args, Trends::Left)?;
    if args.json {
        print_json(&drawn.report.headed("promises", &drawn.report.promises))
    } else {
        print(&render::promises(&drawn.report.promises, &drawn.style))
    }
}

/// The ledger slot by slot: one letter a slot, per link and activity.
pub(super) fn ledger(args: &ReportArgs) -> Result<(), CliError> {
    let drawn = draw(args, Trends::Left)?;
    let columns = letters(&drawn.ledger);
    if args.json {
        print_json(&columns)?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_that_is_not_whole_is_said_to_be_so() {
        assert_eq!(partial(0), None);
        let note = partial(298).unwrap();
        assert!(note.contains("298 more") && note.contains("200 of each link"), "{note}");
        // What readers of the files are told has the same number.
        let told = include_str!("../../../docs/exports.md");
        assert!(told.contains(&format!("at most {MOST_INCIDENTS} of each link")));
    }
}
