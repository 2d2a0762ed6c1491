//! The list of households with their state now.

use askama::Template;
use axum::extract::State as Extract;
use axum::response::Html;

use super::{Chrome, render};
use crate::console::board::{Entry, List};
use crate::console::failure::Failure;
use crate::console::look::{BY_TROUBLE, Look as _};
use crate::console::now::{LinkNow, Now};
use crate::console::pairs::{ListedPage, Query};
use crate::console::query::{Filter, PAGE};
use crate::console::source::{NOW_WINDOW, NowAt};
use crate::console::theme::Theme;
use crate::console::{ConsoleState, words};
use crate::ledger::State;

/// Counts older than two minutes say so.
const LATE: i64 = 120_000;

#[derive(Template)]
#[template(path = "homes.html")]
struct Homes {
    chrome: Chrome,
    as_of: String,
    refresh: bool,
    tabs: Vec<StateTab>,
    state: Option<State>,
    text: String,
    clear: String,
    any: bool,
    note: Option<String>,
    shown: String,
    rows: Vec<Row>,
    pages: usize,
    previous: Option<String>,
    next: Option<String>,
    window: String,
    here: String,
    fresh: String,
}

struct StateTab {
    state: Option<State>,
    href: String,
    count: String,
    current: bool,
}

struct Row {
    id: String,
    href: String,
    state: State,
    headline: String,
    trouble: Vec<String>,
    links: Vec<LinkNow>,
    evidence: String,
    coverage: String,
}

/// `GET /households`
pub(in crate::console) async fn homes(
    Extract(state): Extract<ConsoleState>,
    theme: Theme,
    pairs: Query<ListedPage>,
) -> Result<Html<String>, Failure> {
    let filter = Filter::of(&pairs)?;
    let refresh = pairs.get("refresh") == Some("60");
    let page = state.blocking(move |s| {
        let list = s.list(&filter)?;
        let rows = list.entries.iter().map(|e| row(s, e, list.now)).collect::<Result<_, _>>()?;
        Ok(page(s, &filter, &list, rows, theme, refresh))
    });
    render(&page.await?)
}

fn row(state: &ConsoleState, entry: &Entry, now: hearth_proto::UnixMs) -> Result<Row, Failure> {
    let NowAt { now: said, last_evidence } = state.now_of(&entry.summary.household, now)?;
    let Now { state, headline, trouble, links, coverage, .. } = said;
    // A home that has been silent for longer than the window has its age from
    // the list.
    let last = last_evidence.or(entry.summary.last_slot);
    let age = last.map(|at| words::length(now.since(at)));
    let headline = match &age {
        Some(age) if state == State::Unknown => {
            format!("No report for {age}: what works now is not known.")
        }
        _ => headline,
    };
    Ok(Row {
        id: entry.summary.household.to_string(),
        href: format!("/households/{}", entry.summary.household),
        state,
        headline,
        trouble,
        links,
        evidence: age.map_or_else(|| "none yet".to_owned(), |age| format!("{age} ago")),
        coverage: coverage.map_or_else(|| words::NONE.to_owned(), words::percent),
    })
}

fn page(
    state: &ConsoleState,
    filter: &Filter,
    list: &List,
    rows: Vec<Row>,
    theme: Theme,
    refresh: bool,
) -> Homes {
    let all: u64 = list.counts.values().sum();
    let mut tabs = vec![StateTab {
        state: None,
        href: filter.href(None, 1),
        count: words::count(all),
        current: filter.state.is_none(),
    }];
    tabs.extend(BY_TROUBLE.map(|s| StateTab {
        state: Some(s),
        href: filter.href(Some(s), 1),
        count: words::count(list.counts.get(s.name()).copied().unwrap_or(0)),
        current: filter.state == Some(s),
    }));
    let pages = list.matching.div_ceil(PAGE).max(1);
    let first = (filter.page - 1) * PAGE;
    let here = filter.href(filter.state, filter.page);
    let fresh = format!("{here}{}refresh=60", if here.contains('?') { '&' } else { '?' });
    let with = |href: String| {
        let join = if href.contains('?') { '&' } else { '?' };
        if refresh { format!("{href}{join}refresh=60") } else { href }
    };
    Homes {
        chrome: Chrome::new(
            filter.state.map_or("Households".to_owned(), |s| format!("Households: {}", s.word())),
            theme,
        ),
        as_of: words::full(list.now, &state.zone),
        refresh,
        tabs,
        state: filter.state,
        text: filter.text.clone(),
        clear: Filter { text: String::new(), ..filter.clone() }.href(filter.state, 1),
        any: list.known > 0,
        note: note(list),
        shown: format!(
            "{} to {} of {}, by name",
            words::count(first as u64 + u64::from(!rows.is_empty())),
            words::count((first + rows.len()) as u64),
            words::count(list.matching as u64)
        ),
        rows,
        pages,
        previous: (filter.page > 1)
            .then(|| with(filter.href(filter.state, (filter.page - 1).min(pages)))),
        next: (filter.page < pages).then(|| with(filter.href(filter.state, filter.page + 1))),
        window: words::length(NOW_WINDOW),
        here,
        fresh,
    }
}

/// What a reader must know of the counts where many homes wait for their turn.
fn note(list: &List) -> Option<String> {
    if list.unjudged > 0 {
        return Some(format!(
            "{} households are still to be judged: until then they are counted as UNKNOWN.",
            words::count(list.unjudged)
        ));
    }
    let age = list.now.since(list.oldest?);
    (age > LATE).then(|| {
        format!(
            "The counts rest on states judged up to {} ago; the rows below are of now.",
            words::length(age)
        )
    })
}
