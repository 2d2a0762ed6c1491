//! Orders over the API: the one thing that it lets a caller do, and so the one
//! that asks who calls.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{FromRequestParts, State as Extract};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use hearth_proto::{AgentId, LinkName, TestKind};
use serde::Deserialize;

use crate::console::ConsoleState;
use crate::console::failure::Failure;
use crate::console::pairs::{Nothing, Query};
use crate::console::query::Home;
use crate::plans::{Limits, Refusal, Tokens};
use crate::render::order_json;
use crate::store::StoreError;
use crate::store::asks::{NewOrder, Via};

/// An order that names no expiry is not begun later than 10 minutes on.
const EXPIRES_S: u32 = 600;
/// Orders that a list has at most.
const MOST: usize = 200;
/// The most bytes that an order's body may have.
const MOST_BYTES: usize = 4096;

/// Who may write over the API, and how much.
#[derive(Debug, Clone, Default)]
pub struct Noc {
    /// `None`: nobody.
    pub tokens: Option<Arc<Tokens>>,
    /// How many orders an hour.
    pub limits: Limits,
}

/// The name behind a request's token. What writes takes one.
pub(super) struct Caller(String);

impl FromRequestParts<ConsoleState> for Caller {
    type Rejection = Failure;
    async fn from_request_parts(parts: &mut Parts, state: &ConsoleState) -> Result<Self, Failure> {
        let Some(tokens) = &state.noc().tokens else {
            return Err(Failure::Forbidden(
                "ordering over the API is off: start `hearth-collector serve` with \
                 --noc-token-file FILE, one `name:token` a line"
                    .to_owned(),
            ));
        };
        let given = parts.headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok());
        let token = given.and_then(|v| {
            let (scheme, token) = v.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
        });
        if let Some(name) = token.and_then(|t| tokens.name_of(t)) {
            Ok(Self(name.to_owned()))
        } else {
            tracing::warn!(path = parts.uri.path(), "request refused: no known bearer token");
            Err(Failure::Unauthorised)
        }
    }
}

/// What to run.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    kind: TestKind,
    #[serde(default)]
    link: Option<LinkName>,
    #[serde(default)]
    agent: Option<AgentId>,
    #[serde(default)]
    expires_s: Option<u32>,
}

fn body(bytes: &[u8]) -> Result<Body, Failure> {
    let refused =
        |value: String, accepted: String| Failure::Value { field: "body", value, accepted };
    if bytes.len() > MOST_BYTES {
        let accepted = format!("at most {MOST_BYTES} bytes of JSON");
        return Err(refused(format!("{} bytes", bytes.len()), accepted));
    }
    let body: Body = serde_json::from_slice(bytes).map_err(|e| {
        let shown: String = String::from_utf8_lossy(bytes).chars().take(80).collect();
        let accepted = format!(
            "JSON with kind (responsiveness or capacity) and, if wanted, link, agent and \
             expires_s ({e})"
        );
        refused(shown, accepted)
    })?;
    match body.expires_s {
        Some(s) if !(10..=86_400).contains(&s) => Err(Failure::Value {
            field: "expires_s",
            value: s.to_string(),
            accepted: "10 to 86400".to_owned(),
        }),
        _ => Ok(body),
    }
}

/// `POST /api/v1/households/{household}/orders`
pub(super) async fn order(
    Extract(state): Extract<ConsoleState>,
    Caller(by): Caller,
    Home(household): Home,
    _: Query<Nothing>,
    bytes: Bytes,
) -> Result<(StatusCode, Json<serde_json::Value>), Failure> {
    let body = body(&bytes)?;
    let at = state.now();
    let expires_s = body.expires_s.unwrap_or(EXPIRES_S);
    let order = NewOrder {
        household,
        agent: body.agent,
        link: body.link,
        kind: body.kind,
        by,
        via: Via::Api,
        at,
        expires: at.plus(i64::from(expires_s) * 1000),
    };
    let entered = state.blocking(move |s| {
        let entered = s.store().enter_order(&order, &s.noc().limits).map_err(failed)?;
        let (household, by) = (&order.household, &order.by);
        match entered {
            Ok(id) => {
                tracing::info!(order = %id, %household, by, kind = %order.kind, "test ordered");
                let entry = s.store().order(id).map_err(failed)?;
                entry.ok_or_else(|| Failure::Internal("an order is gone".to_owned()))
            }
            Err(refusal) => {
                tracing::warn!(%household, by, why = %refusal, "order refused");
                Err(refused(&refusal))
            }
        }
    });
    let entry = entered.await?;
    Ok((StatusCode::ACCEPTED, Json(order_json(&entry, at))))
}

/// `GET /api/v1/households/{household}/orders`
pub(super) async fn orders(
    Extract(state): Extract<ConsoleState>,
    Home(household): Home,
    _: Query<Nothing>,
) -> Result<Json<serde_json::Value>, Failure> {
    let now = state.now();
    let listed =
        state.blocking(move |s| s.store().orders(Some(&household), MOST).map_err(failed)).await?;
    Ok(Json(listed.iter().map(|o| order_json(o, now)).collect()))
}

fn failed(e: StoreError) -> Failure {
    match e {
        StoreError::UnknownHousehold(id) => Failure::UnknownHousehold(id),
        other => Failure::internal(&other),
    }
}

fn refused(refusal: &Refusal) -> Failure {
    match refusal {
        Refusal::Household { again_s, .. } | Refusal::Name { again_s, .. } => {
            Failure::TooMany { why: refusal.to_string(), again_s: *again_s }
        }
        Refusal::Nobody { field, value, known, .. } => {
            Failure::Value { field, value: value.clone(), accepted: known.clone() }
        }
    }
}
