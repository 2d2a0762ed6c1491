//! Why a cell of the ledger says what it says.

use askama::Template;
use axum::extract::State as Extract;
use axum::response::Html;
use jiff::tz::TimeZone;

use super::frame::{Clock, Frame};
use super::{Chrome, Tab, render};
use crate::console::failure::Failure;
use crate::console::look::Look as _;
use crate::console::pairs::{Instant, Query};
use crate::console::query::{Home, Range};
use crate::console::theme::Theme;
use crate::console::{ConsoleState, words};
use crate::explain::{Asked, HomeAt};
use crate::history::Span;
use crate::ledger::State;
use crate::render::explain::{Sheet, anywhere, lead, reason, sheet, when};

/// On either side of the instant, for the household's other pages.
const AROUND_MS: i64 = 30 * 60_000;

#[derive(Template)]
#[template(path = "explain.html")]
struct ExplainPage {
    chrome: Chrome,
    frame: Frame,
    title: String,
    lead: String,
    ways: Vec<Tab>,
    rows: Vec<Row>,
    sheets: Vec<Sheet>,
}

/// One activity on one link, or on any.
struct Row {
    activity: String,
    place: String,
    state: State,
    why: String,
    href: String,
}

/// `GET /households/{household}/explain`
pub(in crate::console) async fn explain(
    Extract(state): Extract<ConsoleState>,
    theme: Theme,
    Home(id): Home,
    pairs: Query<Instant>,
) -> Result<Html<String>, Failure> {
    let asked = Asked::of(&pairs);
    let page = state.blocking(move |s| {
        let (home, zone) = s.explain(&id, &asked)?;
        Ok(page(s, &home, &asked, &zone, theme))
    });
    render(&page.await?)
}

fn page(
    state: &ConsoleState,
    home: &HomeAt,
    asked: &Asked,
    zone: &TimeZone,
    theme: Theme,
) -> ExplainPage {
    let at = Clock::new(state.now(), zone, 1_000);
    let around = Span { from: home.slot.from.plus(-AROUND_MS), to: home.slot.to.plus(AROUND_MS) };
    let range = Range { span: around, name: None };
    let foot = format!(
        "Drawn up {}. Times are {}. Judged by activity catalogue {}.",
        words::full(state.now(), zone),
        home.time_zone,
        home.catalogue
    );
    let activity = asked.activity.as_deref().unwrap_or_default();
    let link = asked.link.as_deref().unwrap_or_default();
    let way = |label: &str, at, activity, link| Tab {
        label: label.to_owned(),
        href: Asked::href(&home.household, at, &[("activity", activity), ("link", link)]),
        current: false,
    };
    let (from, to) = (home.slot.from, home.slot.to);
    let mut ways = vec![way("Slot before", from.plus(-1), activity, link)];
    if to <= state.now() {
        ways.push(way("Slot after", to, activity, link));
    }
    if !link.is_empty() {
        ways.push(way("All links", from, activity, ""));
    }
    if !activity.is_empty() {
        ways.push(way("All activities", from, "", link));
    }
    let sheets = if activity.is_empty() {
        Vec::new()
    } else {
        let links = home.activities.iter().flat_map(|a| &a.links);
        links.map(|e| sheet(e, zone)).collect()
    };
    let name = match home.activities.as_slice() {
        [one] if !activity.is_empty() => format!("{}, ", one.activity.name),
        _ => String::new(),
    };
    ExplainPage {
        chrome: Chrome::new(format!("Why: {}", home.household), theme),
        frame: Frame::of(&home.household, &range, "/explain", &at, foot),
        title: format!("{name}{}", when(home.slot, zone)),
        lead: lead(home, zone),
        ways,
        rows: rows(home),
        sheets,
    }
}

fn rows(home: &HomeAt) -> Vec<Row> {
    let mut rows = Vec::new();
    for one in &home.activities {
        let row = |place: &str, state, why: String, link: &str| Row {
            activity: one.activity.name.clone(),
            place: place.to_owned(),
            state,
            why: words::sentence(&why),
            href: Asked::href(
                &home.household,
                home.slot.from,
                &[("activity", &one.activity.id), ("link", link)],
            ),
        };
        rows.push(row("Anywhere", one.anywhere.state, anywhere(&one.anywhere), ""));
        for e in &one.links {
            rows.push(row(&e.link.label, e.state, reason(e), e.link.link.as_str()));
        }
    }
    rows
}
