//! The list of households in JSON, with the board's state of each.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State as Extract;
use hearth_proto::UnixMs;
use serde::Serialize;

use crate::console::ConsoleState;
use crate::console::failure::Failure;
use crate::console::pairs::{Listed, Query};
use crate::console::query::{Filter, PAGE};
use crate::ledger::State;
use crate::store::HouseholdSummary;

/// One page of households, by name.
#[derive(Debug, Serialize)]
pub(super) struct Listing {
    /// When.
    now: UnixMs,
    /// Households that match.
    matching: usize,
    /// Of those with the text, by state.
    counts: BTreeMap<&'static str, u64>,
    /// Those not judged yet, counted as unknown.
    unjudged: u64,
    /// From 1.
    page: usize,
    /// Households on a full page.
    page_size: usize,
    /// On this page.
    households: Vec<Row>,
}

/// One household.
#[derive(Debug, Serialize)]
struct Row {
    /// Its state now, on any link.
    state: State,
    /// When that was judged.
    judged_at: Option<UnixMs>,
    #[serde(flatten)]
    summary: HouseholdSummary,
}

pub(super) async fn homes(
    Extract(state): Extract<ConsoleState>,
    pairs: Query<Listed>,
) -> Result<Json<Listing>, Failure> {
    let filter = Filter::of(&pairs)?;
    let page = state.blocking(move |s| {
        let list = s.list(&filter)?;
        let row = |e: &crate::console::board::Entry| Row {
            state: e.state(list.now),
            judged_at: e.judged.map(|j| j.at),
            summary: e.summary.clone(),
        };
        Ok(Listing {
            now: list.now,
            matching: list.matching,
            counts: list.counts.clone(),
            unjudged: list.unjudged,
            page: filter.page,
            page_size: PAGE,
            households: list.entries.iter().map(row).collect(),
        })
    });
    Ok(Json(page.await?))
}
