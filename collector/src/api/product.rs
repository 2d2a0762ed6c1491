//! What product and marketing may see: homes that agreed to it, and no other.
//!
//! `/api/v1/product/` is the only part of the API to put them on; all else is the
//! NOC's, which keeps every home running. Of a home that did not agree, or is not known,
//! they are told the same: 403.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use hearth_proto::HouseholdId;
use serde::Serialize;

use crate::console::ConsoleState;
use crate::console::failure::Failure;
use crate::console::pairs::{AreasTables, Nothing, Query, Ranged};
use crate::console::query::Home;
use crate::console::source::Examined;
use crate::homes::Audience;
use crate::profile::Profile;
use crate::remedies::Remedies;

const AUDIENCE: Audience = Audience::Product;

/// Who agreed.
#[derive(Debug, Serialize)]
pub(super) struct Agreed {
    /// By name.
    households: Vec<HouseholdId>,
}

pub(super) async fn homes(
    State(state): State<ConsoleState>,
    _: Query<Nothing>,
) -> Result<Json<Agreed>, Failure> {
    let entries = state.blocking(|s| s.store().homes().map_err(|e| Failure::internal(&e)));
    let agreed = |entry: crate::homes::HomeEntry| {
        entry.home.filter(|home| AUDIENCE.may_see(home)).map(|_| entry.household)
    };
    Ok(Json(Agreed { households: entries.await?.into_iter().filter_map(agreed).collect() }))
}

/// A part of a home's reports, if the home agreed.
async fn part<T: Send + 'static>(
    state: ConsoleState,
    Home(id): Home,
    pairs: Query<Ranged>,
    part: impl FnOnce(Examined) -> T + Send + 'static,
) -> Result<Json<T>, Failure> {
    let household = id.clone();
    let check = move |s: &ConsoleState| {
        let home = s.store().home(&household).map_err(|e| Failure::internal(&e))?;
        AUDIENCE.check(&household, &home).map_err(|e| Failure::Forbidden(e.to_string()))
    };
    state.blocking(check).await?;
    let range = state.range(&id, &pairs).await?;
    let examined = state.blocking(move |s| Ok(part(s.examine_after(&id, range.span)?)));
    Ok(Json(examined.await?))
}

pub(super) async fn profile(
    State(state): State<ConsoleState>,
    home: Home,
    pairs: Query<Ranged>,
) -> Result<Json<Profile>, Failure> {
    part(state, home, pairs, |e| e.report.profile).await
}

pub(super) async fn remedies(
    State(state): State<ConsoleState>,
    home: Home,
    pairs: Query<Ranged>,
) -> Result<Json<Remedies>, Failure> {
    part(state, home, pairs, |e| e.report.remedies).await
}

pub(super) async fn areas(
    State(state): State<ConsoleState>,
    pairs: Query<AreasTables>,
) -> Result<Response, Failure> {
    super::areas::answer(&state, &pairs, AUDIENCE).await
}
