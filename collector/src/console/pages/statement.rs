//! The customer's statement: in the console, and as a file that stands alone.
//! Both draw the same sheet, which prints on one A4 page.

use askama::Template;
use axum::extract::State as Extract;
use axum::http::header;
use axum::response::{Html, IntoResponse};
use hearth_proto::UnixMs;
use jiff::tz::TimeZone;

use super::frame::Frame;
use super::{Chrome, judged};
use crate::console::failure::Failure;
use crate::console::look::Shown;
use crate::console::query::{Home, Pairs};
use crate::console::theme::Theme;
use crate::console::{ConsoleState, words};
use crate::report::days::whole_length;
use crate::statement::{Level, Statement};

/// The sheet's style, also inside the file that stands alone.
pub(super) const STYLE: &str = include_str!("../../../assets/statement.css");
/// Lines of text that one A4 page holds beside the head, the table and the foot.
const LINES: usize = 24;
/// Characters on a printed line, and on one of the two columns' smaller lines.
const LINE: usize = 105;
const NARROW: usize = 56;
/// Times left out of account on the sheet.
const MOST_EXCLUSIONS: usize = 2;

#[derive(Template)]
#[template(path = "statement.html")]
struct StatementPage {
    chrome: Chrome,
    frame: Frame,
    file: String,
    sheet: Sheet,
}

#[derive(Template)]
#[template(path = "statement_file.html")]
struct StatementFile {
    sheet: Sheet,
    style: &'static str,
}

/// What the sheet shows.
struct Sheet {
    household: String,
    period: String,
    headline: String,
    rows: Vec<Row>,
    time: Vec<(&'static str, String)>,
    incidents: Vec<String>,
    no_incidents: &'static str,
    incidents_more: Option<String>,
    exclusions: Vec<String>,
    does_not_show: Vec<String>,
    how_measured: Vec<String>,
    drawn_up: String,
    zone: String,
    catalogue: String,
}

struct Row {
    name: String,
    level: Level,
    share: String,
    range: String,
}

impl Row {
    /// The outline of a sign in a box of 16 by 16, so that a level is told
    /// without colour.
    fn sign(&self) -> &'static str {
        match self.level {
            Level::Works => "M3 8.500 6.500 12 13 4.500",
            Level::MostlyWorks => "M2.500 9.500c2-3.500 4-3.500 5.500-1.500s3.500 2 5.500-1.500",
            Level::OftenFails => "M8 2.500 14 13H2zM8 6.500v3M8 11.300v.1",
            Level::NeverWorked => "M3.500 3.500l9 9M12.500 3.500l-9 9",
            Level::NotEnoughData => {
                "M5.500 5.500c0-3.500 5.200-3.200 5 0-.1 2-2.500 2-2.500 4M8 12.700v.1"
            }
        }
    }

    fn class(&self) -> &'static str {
        match self.level {
            Level::Works => "good",
            Level::MostlyWorks => "fair",
            Level::OftenFails => "poor",
            Level::NeverWorked => "bad",
            Level::NotEnoughData => "none",
        }
    }
}

/// `GET /households/{household}/statement`
pub(in crate::console) async fn statement(
    Extract(state): Extract<ConsoleState>,
    theme: Theme,
    Home(id): Home,
    pairs: Pairs,
) -> Result<Html<String>, Failure> {
    judged(state, id, &pairs, move |report, range, at| StatementPage {
        chrome: Chrome::new(format!("Statement for {}", report.household), theme),
        frame: Frame::new(report, range, "/statement", at),
        file: format!("/households/{}/statement.html{}", report.household, range.query()),
        sheet: sheet(&report.statement),
    })
    .await
}

/// `GET /households/{household}/statement.html`: the file that stands alone, as
/// a download.
pub(in crate::console) async fn statement_file(
    Extract(state): Extract<ConsoleState>,
    Home(id): Home,
    pairs: Pairs,
) -> Result<impl IntoResponse, Failure> {
    let range = state.range(&id, &pairs).await?;
    let name = format!("attachment; filename=\"statement-{id}.html\"");
    let html =
        state.blocking(move |s| Ok(statement_html(&s.examine(&id, range.span)?.report.statement)));
    Ok(([(header::CONTENT_DISPOSITION, name)], Html(html.await?)))
}

/// The statement as one HTML file that needs nothing else: style inside, no
/// script, nothing loaded.
pub fn statement_html(statement: &Statement) -> String {
    let file = StatementFile { sheet: sheet(statement), style: STYLE };
    file.render().expect("writing into a string does not fail")
}

fn sheet(s: &Statement) -> Sheet {
    let zone = TimeZone::get(&s.time_zone).unwrap_or(TimeZone::UTC);
    let length = |ms: u64| if ms == 0 { "none".to_owned() } else { whole_length(ms) };
    let exclusions = exclusions(s, &zone);
    let pair = lines(&s.how_measured, NARROW) + lines(&s.does_not_show, NARROW);
    let taken = lines(&exclusions, LINE) + pair.div_ceil(2);
    let shown = fitting(s, LINES.saturating_sub(taken));
    let left_off = s.incidents_left_off + (s.incidents.len() - shown) as u64;
    Sheet {
        household: s.household.to_string(),
        period: s.period.clone(),
        headline: s.headline.clone(),
        rows: s.verdicts.iter().map(row).collect(),
        time: vec![
            ("Measured", length(s.time.measured_ms)),
            ("Not measured", length(s.time.unknown_ms)),
            ("Left out", length(s.time.excluded_ms)),
        ],
        no_incidents: if s.time.measured_ms == 0 {
            "Nothing beyond the home was measured, so nobody can say what worked."
        } else {
            "Nothing did in the time measured."
        },
        incidents: s.incidents[..shown].iter().map(|i| i.sentence.clone()).collect(),
        incidents_more: (left_off > 0).then(|| more(left_off)),
        exclusions,
        does_not_show: s.does_not_show.clone(),
        how_measured: s.how_measured.clone(),
        drawn_up: words::full(s.generated_at, &zone),
        zone: s.time_zone.clone(),
        catalogue: s.catalogue.clone(),
    }
}

fn more(left_off: u64) -> String {
    match left_off {
        1 => "1 shorter one is in the gap report.".to_owned(),
        n => format!("{} shorter ones are in the gap report.", words::count(n)),
    }
}

fn lines(texts: &[String], width: usize) -> usize {
    texts.iter().map(|t| t.chars().count().div_ceil(width)).sum()
}

/// How many of the statement's incidents fit into so many lines; two at least.
fn fitting(s: &Statement, room: usize) -> usize {
    let mut used = 0;
    let fit = s.incidents.iter().take_while(|i| {
        used += i.sentence.chars().count().div_ceil(LINE);
        used <= room
    });
    fit.count().max(s.incidents.len().min(2))
}

fn row(v: &crate::statement::Verdict) -> Row {
    let shown = Shown::of(&v.worked);
    let range = match v.worked.interval() {
        Some(i) if shown.measured => {
            let (low, high) = (words::percent(i.low), words::percent(i.high));
            if i.has_width() { format!("{low} to {high}") } else { words::NONE.to_owned() }
        }
        _ => words::NONE.to_owned(),
    };
    Row {
        name: v.activity.name.clone(),
        level: v.level,
        share: if shown.measured { shown.text } else { words::NONE.to_owned() },
        range,
    }
}

fn exclusions(s: &Statement, zone: &TimeZone) -> Vec<String> {
    let say = |at: UnixMs| words::clock(at, s.generated_at, zone, false);
    let mut lines: Vec<String> = s
        .exclusions
        .iter()
        .take(MOST_EXCLUSIONS)
        .map(|e| {
            let place = e.link.as_deref().unwrap_or("all links");
            format!(
                "{} to {}, {place}: {} (entered by {})",
                say(e.span.from),
                say(e.span.to),
                e.why,
                e.by
            )
        })
        .collect();
    if s.exclusions.len() > MOST_EXCLUSIONS {
        lines.push(format!("and {} more", s.exclusions.len() - MOST_EXCLUSIONS));
    }
    lines
}
