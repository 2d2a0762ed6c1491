//! Roll-ups over areas in JSON, CSV or Parquet.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};

use super::export::Export;
use crate::console::ConsoleState;
use crate::console::failure::Failure;
use crate::console::pairs::{AreasTables, Pairs, Query};
use crate::console::query::AreasQuery;
use crate::export::areas::tables;
use crate::homes::Audience;

/// Seconds after which a roll-up that is being drawn up is worth asking for again.
const AGAIN_S: u64 = 10;

pub(super) async fn areas(
    State(state): State<ConsoleState>,
    pairs: Query<AreasTables>,
) -> Result<Response, Failure> {
    answer(&state, &pairs, Audience::Noc).await
}

pub(super) async fn answer(
    state: &ConsoleState,
    pairs: &Pairs,
    audience: Audience,
) -> Result<Response, Failure> {
    let query = AreasQuery::of(pairs, state.catalogue())?;
    let export = Export::of(pairs)?;
    let drawn = state.areas(audience, query.range).await?;
    let drawn = drawn.ok_or(Failure::NotYet { what: "the roll-up", again_s: AGAIN_S })?;
    let mut report = drawn.report.clone();
    if let Some(activity) = &query.activity {
        report.rank_by(activity);
    }
    match export {
        Some(export) => {
            let name = match audience {
                Audience::Noc => "areas",
                Audience::Product => "areas-product",
            };
            export.answer(name, &tables(&report))
        }
        None => Ok(Json(report).into_response()),
    }
}
