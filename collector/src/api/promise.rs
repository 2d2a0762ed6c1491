//! A proposed promise held against history over the API: one at a time, over so many
//! homes and days as half a minute allows; the command has no such limit.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Json;
use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::{HeaderMap, header};
use hearth_proto::HouseholdId;
use jiff::civil::Date;

use crate::console::ConsoleState;
use crate::console::failure::Failure;
use crate::console::pairs::{Pairs, Proposed, Query};
use crate::console::query::HOUSEHOLD;
use crate::homes::{Audience, Home};
use crate::promise::guarantee::{self, Guarantee, GuaranteeError};
use crate::promise::hours::Stretch;
use crate::promise::simulation::Simulation;
use crate::qoe::catalogue::Catalogue;
use crate::report::days::local;
use crate::simulate::{Proposal, SimulateError, periods};
use crate::store::StoreError;

/// The most bytes that a guarantee may have.
const MOST_BYTES: usize = 16 * 1024;
/// The most days over all homes: half a minute on two cores.
const MOST_HOME_DAYS: u64 = 1_000;
/// Seconds after which another may be asked for.
const AGAIN_S: u64 = 10;

/// `POST /api/v1/promise`
pub(super) async fn noc(
    State(state): State<ConsoleState>,
    pairs: Query<Proposed>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Simulation>, Failure> {
    simulate(state, Audience::Noc, &pairs, &headers, body).await
}

/// `POST /api/v1/product/promise`
pub(super) async fn product(
    State(state): State<ConsoleState>,
    pairs: Query<Proposed>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Simulation>, Failure> {
    simulate(state, Audience::Product, &pairs, &headers, body).await
}

/// The homes and days asked for.
struct Asked {
    days: Option<(Date, Date)>,
    /// Empty: all homes.
    households: Vec<HouseholdId>,
}

/// Stops the work once nobody waits for it.
struct Waiting(Arc<AtomicBool>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

async fn simulate(
    state: ConsoleState,
    audience: Audience,
    pairs: &Pairs,
    headers: &HeaderMap,
    body: Body,
) -> Result<Json<Simulation>, Failure> {
    let asked = asked(pairs)?;
    let guarantee = guarantee(headers, body, state.catalogue()).await?;
    // The work may outlive who asked for it by a moment, and the next one waits for it.
    let turn = state.turn_to_simulate().ok_or_else(|| Failure::TooMany {
        why: "a promise is being replayed, and there is one at a time".to_owned(),
        again_s: AGAIN_S,
    })?;
    let waiting = Waiting(Arc::default());
    let gone = waiting.0.clone();
    let told = state.blocking(move |s| {
        let told = replay(s, audience, &asked, &guarantee, &gone);
        drop(turn);
        told
    });
    let told = told.await?;
    drop(waiting);
    Ok(Json(told))
}

fn date(pairs: &Pairs, field: &'static str) -> Result<Option<Date>, Failure> {
    let Some(text) = pairs.get(field) else { return Ok(None) };
    text.parse().map(Some).map_err(|_| Failure::Value {
        field,
        value: text.to_owned(),
        accepted: "a day such as 2026-08-01".to_owned(),
    })
}

fn asked(pairs: &Pairs) -> Result<Asked, Failure> {
    let missing = |field, other: Date| Failure::Value {
        field,
        value: String::new(),
        accepted: format!("a day such as {other}: from and to go together"),
    };
    let days = match (date(pairs, "from")?, date(pairs, "to")?) {
        (Some(from), Some(to)) => Some((from, to)),
        (None, None) => None,
        (Some(from), None) => return Err(missing("to", from)),
        (None, Some(to)) => return Err(missing("from", to)),
    };
    let households = pairs.all("household").map(|text| {
        text.parse().map_err(|_| Failure::Value {
            field: "household",
            value: text.to_owned(),
            accepted: HOUSEHOLD.to_owned(),
        })
    });
    Ok(Asked { days, households: households.collect::<Result<_, _>>()? })
}

/// The body, as the type that it is sent with says. Neither of the two is what a form on
/// a foreign page can send.
async fn guarantee(
    headers: &HeaderMap,
    body: Body,
    catalogue: &Catalogue,
) -> Result<Guarantee, Failure> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let json = match kind.split(';').next().unwrap_or_default().trim() {
        "application/json" => true,
        "application/toml" => false,
        _ => {
            return Err(Failure::Value {
                field: "content-type",
                value: kind.to_owned(),
                accepted: "application/toml or application/json".to_owned(),
            });
        }
    };
    let refused = |value: &str, accepted: String| Failure::Value {
        field: "body",
        value: value.to_owned(),
        accepted,
    };
    let bytes = to_bytes(body, MOST_BYTES).await.map_err(|_| {
        refused("too long", format!("a guarantee of at most {MOST_BYTES} bytes, sent whole"))
    })?;
    let parsed = if json {
        guarantee::parse_json(&bytes, "body", catalogue)
    } else {
        let text = std::str::from_utf8(&bytes)
            .map_err(|e| refused(&e.to_string(), "TOML in UTF-8".to_owned()))?;
        guarantee::parse(text, "body", catalogue)
    };
    parsed.map_err(|e| Failure::Refused {
        why: crate::error_chain(&e),
        refusals: match e {
            GuaranteeError::Refused { refusals, .. } => refusals,
            GuaranteeError::NotToml { .. } | GuaranteeError::NotJson { .. } => Vec::new(),
        },
    })
}

fn replay(
    state: &ConsoleState,
    audience: Audience,
    asked: &Asked,
    guarantee: &Guarantee,
    gone: &AtomicBool,
) -> Result<Simulation, Failure> {
    let today = local(state.now(), state.zone()).date();
    let periods = periods(guarantee, asked.days, today).map_err(|e| Failure::Value {
        field: "from",
        value: asked.days.map_or_else(String::new, |(from, to)| format!("{from}, to {to}")),
        accepted: format!("days that hold a whole {}: {e}", guarantee.period.name()),
    })?;
    let households = households(state, audience, &asked.households)?;
    bounded(state, audience, &households, &periods)?;
    let proposal = Proposal {
        guarantee,
        periods: &periods,
        households: &households,
        audience,
        k: state.areas_k(),
        zone: |home: &Home| home.zone_or(state.zone()),
    };
    proposal.simulate(state.store(), state.catalogue(), gone).map_err(|e| match e {
        SimulateError::Store(e) => failed(e),
        SimulateError::Score => Failure::Value {
            field: "score",
            value: guarantee.score.map_or_else(String::new, |s| s.to_string()),
            accepted: e.to_string(),
        },
        SimulateError::Stopped => Failure::Internal(e.to_string()),
    })
}

fn failed(e: StoreError) -> Failure {
    match e {
        StoreError::UnknownHousehold(id) => Failure::UnknownHousehold(id),
        other => Failure::internal(&other),
    }
}

/// Those named, each once, or all. Of one that did not agree product is told no more
/// than of one that is not known.
fn households(
    state: &ConsoleState,
    audience: Audience,
    named: &[HouseholdId],
) -> Result<Vec<HouseholdId>, Failure> {
    for household in named {
        let home = state.store().home(household).map_err(failed)?;
        audience.check(household, &home).map_err(|e| Failure::Forbidden(e.to_string()))?;
    }
    let all = state.store().households().map_err(failed)?;
    let all: BTreeSet<HouseholdId> = all.into_iter().map(|h| h.household).collect();
    if named.is_empty() {
        return Ok(all.into_iter().collect());
    }
    let named: BTreeSet<&HouseholdId> = named.iter().collect();
    match named.iter().find(|h| !all.contains(**h)) {
        Some(unknown) => Err(Failure::UnknownHousehold((*unknown).clone())),
        None => Ok(named.into_iter().cloned().collect()),
    }
}

/// Refuses what would take longer than somebody waits for an answer.
fn bounded(
    state: &ConsoleState,
    audience: Audience,
    households: &[HouseholdId],
    periods: &[Stretch],
) -> Result<(), Failure> {
    let homes = match audience {
        Audience::Noc => households.len() as u64,
        Audience::Product => {
            let told = state.store().homes().map_err(failed)?;
            let households: BTreeSet<&HouseholdId> = households.iter().collect();
            let agreed = told.iter().filter(|e| {
                e.home.as_ref().is_some_and(|home| audience.may_see(home))
                    && households.contains(&e.household)
            });
            agreed.count() as u64
        }
    };
    let length = |p: &Stretch| u64::from((p.to - p.from).get_days().unsigned_abs());
    let days: u64 = periods.iter().map(length).sum();
    if homes.saturating_mul(days) <= MOST_HOME_DAYS {
        return Ok(());
    }
    Err(Failure::TooMuch(format!(
        "{homes} homes over {days} days are more than the {MOST_HOME_DAYS} days of homes that are \
         replayed at a time: ask for fewer days (from, to) or homes (household), or use \
         `hearth-collector promise FILE`, which has no such limit"
    )))
}

#[cfg(test)]
mod tests {
    use hearth_proto::UnixMs;
    use jiff::tz::TimeZone;

    use super::*;
    use crate::store::sqlite::SqliteStore;

    #[tokio::test]
    async fn one_is_replayed_at_a_time_and_the_next_is_told_to_come_again() {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(SqliteStore::open(folder.path()).unwrap());
        let catalogue = Arc::new(Catalogue::built_in());
        let state = ConsoleState::new(store, catalogue, TimeZone::UTC, || UnixMs(0));
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, "application/json".parse().unwrap());
        let ask = || {
            let body = r#"{"name": "n", "activity": "video-call", "share": 0.9, "period": "day",
                "minimum_coverage": 0.5, "scope": "anywhere",
                "credit": {"currency": "EUR", "per_breach": 5}}"#;
            let pairs = Pairs::default();
            let (state, headers) = (state.clone(), headers.clone());
            async move { simulate(state, Audience::Noc, &pairs, &headers, Body::from(body)).await }
        };
        let turn = state.turn_to_simulate().unwrap();
        assert!(matches!(ask().await, Err(Failure::TooMany { again_s: AGAIN_S, .. })));
        drop(turn);
        assert_eq!(ask().await.unwrap().0.periods, 3);
        assert_eq!(ask().await.unwrap().0.whole.homes, 0, "the turn was given back");
    }
}
