//! The JSON API, version 1: the judge's reports as they are, the list, and
//! orders, which alone need a token.
//! Errors are problem details (RFC 9457), drawn by the console's failure layer.

mod homes;
mod ledger;
mod orders;

pub use orders::Noc;

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;

use crate::console::ConsoleState;
use crate::console::failure::Failure;
use crate::console::query::{Home, Pairs};
use crate::console::source::Examined;

/// `/api/v1/…`
pub fn routes() -> Router<ConsoleState> {
    Router::new()
        .route("/api/v1/households", get(homes::homes))
        .route("/api/v1/households/{household}", get(report))
        .route("/api/v1/households/{household}/profile", get(profile))
        .route("/api/v1/households/{household}/gaps", get(gaps))
        .route("/api/v1/households/{household}/statement", get(statement))
        .route("/api/v1/households/{household}/ledger", get(ledger_cells))
        .route("/api/v1/households/{household}/orders", get(orders::orders).post(orders::order))
}

/// A home's reports over the range asked for, through `part`.
async fn part<T: Serialize + Send + 'static>(
    state: ConsoleState,
    Home(id): Home,
    pairs: Pairs,
    part: impl FnOnce(Examined) -> T + Send + 'static,
) -> Result<Json<T>, Failure> {
    let range = state.range(&id, &pairs).await?;
    let examined = state.blocking(move |s| Ok(part(s.examine(&id, range.span)?)));
    Ok(Json(examined.await?))
}

async fn report(
    State(state): State<ConsoleState>,
    home: Home,
    pairs: Pairs,
) -> Result<Json<crate::report::Report>, Failure> {
    part(state, home, pairs, |e| e.report).await
}

async fn profile(
    State(state): State<ConsoleState>,
    home: Home,
    pairs: Pairs,
) -> Result<Json<crate::profile::Profile>, Failure> {
    part(state, home, pairs, |e| e.report.profile).await
}

async fn gaps(
    State(state): State<ConsoleState>,
    home: Home,
    pairs: Pairs,
) -> Result<Json<crate::gaps::Gaps>, Failure> {
    part(state, home, pairs, |e| e.report.gaps).await
}

async fn statement(
    State(state): State<ConsoleState>,
    home: Home,
    pairs: Pairs,
) -> Result<Json<crate::statement::Statement>, Failure> {
    part(state, home, pairs, |e| e.report.statement).await
}

async fn ledger_cells(
    State(state): State<ConsoleState>,
    home: Home,
    pairs: Pairs,
) -> Result<Json<ledger::Cells>, Failure> {
    part(state, home, pairs, |e| ledger::Cells::of(&e.ledger)).await
}
