//! The pages: each file builds what one template shows, from the judge's
//! reports, in words. Read `frame` first: what all pages of a household share.

mod activities;
mod areas;
mod assets;
mod explain;
mod frame;
mod gaps;
mod help;
mod home;
mod homes;
mod incidents;
mod measured;
mod profile;
mod promises;
mod recurring;
mod statement;
mod week;

pub(super) use areas::areas;
pub(super) use assets::{favicon, statement_style, style};
pub(super) use explain::explain;
pub(super) use gaps::gaps;
pub(super) use home::home;
pub(super) use homes::homes;
pub(super) use profile::profile;
pub(super) use promises::promises;
pub(super) use statement::{statement, statement_file};

pub use statement::statement_html;

use askama::Template;
use axum::response::Html;

use super::ConsoleState;
use super::failure::Failure;
use super::pairs::Pairs;
use super::query::Range;
use super::source::Examined;
use super::theme::Theme;
use crate::history::Span;
use frame::Clock;
use hearth_proto::HouseholdId;

/// What every page has around its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chrome {
    /// The page's title.
    pub title: String,
    /// Its colours.
    pub theme: Theme,
    /// The program's version: a new one fetches new assets.
    pub version: &'static str,
}

impl Chrome {
    /// For a page of this title.
    pub fn new(title: impl Into<String>, theme: Theme) -> Self {
        Self { title: title.into(), theme, version: env!("CARGO_PKG_VERSION") }
    }

    /// The colours to choose from.
    pub fn themes(&self) -> &'static [Theme; 3] {
        &Theme::ALL
    }
}

/// A link in a row of choices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tab {
    label: String,
    href: String,
    current: bool,
}

/// A page made of a household, judged over the range asked for.
async fn judged<P: Template + Send + 'static>(
    state: ConsoleState,
    household: HouseholdId,
    pairs: &Pairs,
    page: impl FnOnce(&ConsoleState, &Examined, &Range, &Clock) -> P + Send + 'static,
) -> Result<Html<String>, Failure> {
    judged_by(ConsoleState::examine, state, household, pairs, page).await
}

/// How a page wants a home judged.
type Examine = fn(&ConsoleState, &HouseholdId, Span) -> Result<Examined, Failure>;

async fn judged_by<P: Template + Send + 'static>(
    examine: Examine,
    state: ConsoleState,
    household: HouseholdId,
    pairs: &Pairs,
    page: impl FnOnce(&ConsoleState, &Examined, &Range, &Clock) -> P + Send + 'static,
) -> Result<Html<String>, Failure> {
    let range = state.range(&household, pairs).await?;
    let page = state.blocking(move |s| {
        let home = examine(s, &household, range.span)?;
        let at = Clock::new(s.now(), &home.zone, home.report.ledger.slot_ms);
        Ok(page(s, &home, &range, &at))
    });
    render(&page.await?)
}

fn render(page: &impl Template) -> Result<Html<String>, Failure> {
    page.render().map(Html).map_err(|e| Failure::internal(&e))
}
