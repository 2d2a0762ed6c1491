//! The JSON API, version 1: the judge's reports as they are, the list, and
//! orders, which alone need a token. A promise is sent to be replayed, and changes nothing.
//!
//! It is for the operator's NOC, as the console is, and listens on loopback by default:
//! a home's reports name what it does and needs whether or not it agreed that product
//! may see that. What is under `/api/v1/product/` keeps to that consent, and is all that
//! a proxy may let product and marketing have.
//!
//! Errors are problem details (RFC 9457), drawn by the console's failure layer.

mod areas;
mod export;
mod homes;
mod ledger;
mod orders;
mod product;
mod promise;

pub use orders::Noc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Serialize;

use crate::console::ConsoleState;
use crate::console::failure::Failure;
use crate::console::pairs::{Instant, Query, Ranged, RangedTables};
use crate::console::query::Home;
use crate::console::source::Examined;
use crate::explain::{Asked, HomeAt};
use crate::export::household;
use export::Export;

/// `/api/v1/…`
pub fn routes() -> Router<ConsoleState> {
    Router::new()
        .route("/api/v1/areas", get(areas::areas))
        .route("/api/v1/product/areas", get(product::areas))
        .route("/api/v1/product/households", get(product::homes))
        .route("/api/v1/product/households/{household}/profile", get(product::profile))
        .route("/api/v1/product/households/{household}/remedies", get(product::remedies))
        .route("/api/v1/promise", post(promise::noc))
        .route("/api/v1/product/promise", post(promise::product))
        .route("/api/v1/households", get(homes::homes))
        .route("/api/v1/households/{household}", get(report))
        .route("/api/v1/households/{household}/profile", get(profile))
        .route("/api/v1/households/{household}/remedies", get(remedies))
        .route("/api/v1/households/{household}/gaps", get(gaps))
        .route("/api/v1/households/{household}/promises", get(promises))
        .route("/api/v1/households/{household}/statement", get(statement))
        .route("/api/v1/households/{household}/ledger", get(ledger_cells))
        .route("/api/v1/households/{household}/explain", get(explain))
        .route("/api/v1/households/{household}/orders", get(orders::orders).post(orders::order))
}

/// A home's reports over the range asked for, through `part`.
async fn part<T: Serialize + Send + 'static>(
    state: ConsoleState,
    Home(id): Home,
    pairs: Query<Ranged>,
    part: impl FnOnce(Examined) -> T + Send + 'static,
) -> Result<Json<T>, Failure> {
    let range = state.range(&id, &pairs).await?;
    let examined = state.blocking(move |s| Ok(part(s.examine(&id, range.span)?)));
    Ok(Json(examined.await?))
}

async fn report(
    State(state): State<ConsoleState>,
    home: Home,
    pairs: Query<Ranged>,
) -> Result<Json<crate::report::Report>, Failure> {
    part(state, home, pairs, |e| e.report).await
}

async fn profile(
    State(state): State<ConsoleState>,
    home: Home,
    pairs: Query<Ranged>,
) -> Result<Json<crate::profile::Profile>, Failure> {
    let Home(id) = home;
    let range = state.range(&id, &pairs).await?;
    let examined = state.blocking(move |s| Ok(s.examine_after(&id, range.span)?.report.profile));
    Ok(Json(examined.await?))
}

async fn remedies(
    State(state): State<ConsoleState>,
    home: Home,
    pairs: Query<Ranged>,
) -> Result<Json<crate::remedies::Remedies>, Failure> {
    part(state, home, pairs, |e| e.report.remedies).await
}

async fn gaps(
    State(state): State<ConsoleState>,
    Home(id): Home,
    pairs: Query<RangedTables>,
) -> Result<Response, Failure> {
    let export = Export::of(&pairs)?;
    let range = state.range(&id, &pairs).await?;
    let name = format!("gaps-{id}");
    let gaps = state.blocking(move |s| {
        let gaps = s.examine(&id, range.span)?.report.gaps;
        let tables = export.as_ref().map(|_| household::tables(&id, &gaps));
        Ok((export, tables, gaps))
    });
    match gaps.await? {
        (Some(export), Some(tables), _) => export.answer(&name, &tables),
        (_, _, gaps) => Ok(Json(gaps).into_response()),
    }
}

async fn promises(
    State(state): State<ConsoleState>,
    home: Home,
    pairs: Query<Ranged>,
) -> Result<Json<serde_json::Value>, Failure> {
    part(state, home, pairs, |e| e.report.headed("promises", &e.report.promises)).await
}

async fn statement(
    State(state): State<ConsoleState>,
    home: Home,
    pairs: Query<Ranged>,
) -> Result<Json<crate::statement::Statement>, Failure> {
    part(state, home, pairs, |e| e.report.statement).await
}

async fn explain(
    State(state): State<ConsoleState>,
    Home(id): Home,
    pairs: Query<Instant>,
) -> Result<Json<HomeAt>, Failure> {
    let asked = Asked::of(&pairs);
    Ok(Json(state.blocking(move |s| Ok(s.explain(&id, &asked)?.0)).await?))
}

async fn ledger_cells(
    State(state): State<ConsoleState>,
    home: Home,
    pairs: Query<Ranged>,
) -> Result<Json<ledger::Cells>, Failure> {
    part(state, home, pairs, |e| ledger::Cells::of(&e.ledger)).await
}
