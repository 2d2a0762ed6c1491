//! The customer's statement: in the console, and as a file that stands alone. Both
//! draw the same sheet, whose page one prints on A4 and whose annex follows it.

use askama::Template;
use axum::extract::State as Extract;
use axum::http::header;
use axum::response::{Html, IntoResponse};

use super::frame::Frame;
use super::{Chrome, judged};
use crate::console::ConsoleState;
use crate::console::failure::Failure;
use crate::console::pairs::{Pairs, Query, Worded};
use crate::console::query::Home;
use crate::console::theme::Theme;
use crate::statement::messages::Lang;
use crate::statement::seal::{Sealed, Signature};
use crate::statement::words::{Block, Sheet};
use crate::statement::{Level, base64};

/// The sheet's style, also inside the file that stands alone.
pub(super) const STYLE: &str = include_str!("../../../assets/statement.css");

#[derive(Template)]
#[template(path = "statement.html")]
struct StatementPage {
    chrome: Chrome,
    frame: Frame,
    files: Vec<(&'static str, String)>,
    sheet: Sheet,
}

#[derive(Template)]
#[template(path = "statement_file.html")]
struct StatementFile {
    sheet: Sheet,
    payload: String,
    signature: Option<String>,
    style: &'static str,
}

impl Level {
    /// The outline of a sign in a box of 16 by 16, so that a level is told without
    /// colour.
    fn sign(self) -> &'static str {
        match self {
            Self::Works => "M3 8.500 6.500 12 13 4.500",
            Self::MostlyWorks => "M2.500 9.500c2-3.500 4-3.500 5.500-1.500s3.500 2 5.500-1.500",
            Self::OftenFails => "M8 2.500 14 13H2zM8 6.500v3M8 11.300v.1",
            Self::NeverWorked => "M3.500 3.500l9 9M12.500 3.500l-9 9",
            Self::NotEnoughData => {
                "M5.500 5.500c0-3.500 5.200-3.200 5 0-.1 2-2.500 2-2.500 4M8 12.700v.1"
            }
        }
    }

    fn class(self) -> &'static str {
        match self {
            Self::Works => "good",
            Self::MostlyWorks => "fair",
            Self::OftenFails => "poor",
            Self::NeverWorked => "bad",
            Self::NotEnoughData => "none",
        }
    }
}

fn lang(pairs: &Pairs) -> Result<Lang, Failure> {
    let Some(given) = pairs.get("lang") else { return Ok(Lang::EN) };
    given.parse().map_err(|_| Failure::Value {
        field: "lang",
        value: given.to_owned(),
        accepted: Lang::all().map(Lang::tag).collect::<Vec<_>>().join(" or "),
    })
}

/// `GET /households/{household}/statement`
pub(in crate::console) async fn statement(
    Extract(state): Extract<ConsoleState>,
    theme: Theme,
    Home(id): Home,
    pairs: Query<Worded>,
) -> Result<Html<String>, Failure> {
    let lang = lang(&pairs)?;
    judged(state, id, &pairs, move |_, home, range, at| {
        let report = &home.report;
        let query = range.query();
        let and = if query.is_empty() { "?" } else { "&" };
        let files = Lang::all().map(|l| {
            let path = format!("/households/{}/statement.html", report.household);
            (l.tag(), format!("{path}{query}{and}lang={l}"))
        });
        StatementPage {
            chrome: Chrome::new(format!("Statement for {}", report.household), theme),
            frame: Frame::new(report, range, "/statement", at),
            files: files.collect(),
            sheet: Sealed::plain(report.statement.clone(), lang).sheet(),
        }
    })
    .await
}

/// `GET /households/{household}/statement.html`: the file that stands alone, as
/// a download.
pub(in crate::console) async fn statement_file(
    Extract(state): Extract<ConsoleState>,
    Home(id): Home,
    pairs: Query<Worded>,
) -> Result<impl IntoResponse, Failure> {
    let lang = lang(&pairs)?;
    let range = state.range(&id, &pairs).await?;
    let name = format!("attachment; filename=\"statement-{id}.html\"");
    let html = state.blocking(move |s| {
        let statement = s.examine(&id, range.span)?.report.statement;
        Ok(statement_html(&Sealed::plain(statement, lang)))
    });
    Ok(([(header::CONTENT_DISPOSITION, name)], Html(html.await?)))
}

/// The statement as one HTML file that needs nothing else: style inside, no
/// script, nothing loaded.
pub fn statement_html(sealed: &Sealed) -> String {
    let file = StatementFile {
        sheet: sealed.sheet(),
        payload: base64::encode(sealed.payload().as_bytes()),
        signature: sealed.signature.as_ref().map(Signature::text),
        style: STYLE,
    };
    file.render().expect("writing into a string does not fail")
}
