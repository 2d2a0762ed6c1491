//! What can't be answered, and why: one type for pages and API. A handler
//! returns it, and a layer around all routes draws it as a page or, under
//! `/api`, as problem details (RFC 9457).

use askama::Template;
use axum::Json;
use axum::extract::Request;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Response};
use hearth_proto::HouseholdId;
use serde::Serialize;

use super::pages::Chrome;
use super::theme::Theme;
use crate::qoe::Refusal;

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// A value in the address that is not accepted.
    #[error("{field} {value:?} is not accepted: {accepted}")]
    Value {
        /// Its name in the address.
        field: &'static str,
        /// As it came.
        value: String,
        /// What is accepted.
        accepted: String,
    },
    /// What was sent, with all that is wrong in it.
    #[error("{why}")]
    Refused {
        /// What is wrong, as text.
        why: String,
        /// Each value refused; empty where it can't be read at all.
        refusals: Vec<Refusal>,
    },
    /// More than is worked on while somebody waits.
    #[error("{0}")]
    TooMuch(String),
    /// A key in the address that it does not take.
    #[error("the key {key:?} is not accepted here: {}", takes(.accepted))]
    Key {
        /// As it came.
        key: String,
        /// Those that it takes.
        accepted: Vec<&'static str>,
    },
    /// No such household.
    #[error("household {0} is not known here")]
    UnknownHousehold(HouseholdId),
    /// No such page.
    #[error("there is nothing at {0}")]
    NoPage(String),
    /// The page is there, not with this method.
    #[error("{method} is not possible here: use {other}", method = .0, other = instead(.0))]
    Method(Method),
    /// What nobody may here.
    #[error("{0}")]
    Forbidden(String),
    /// Without a token that is known.
    #[error("a known token is needed: `Authorization: Bearer TOKEN`")]
    Unauthorised,
    /// More than is allowed.
    #[error("{why}")]
    TooMany {
        /// Of what, and how many are.
        why: String,
        /// Seconds until it may be asked again.
        again_s: u64,
    },
    /// What is asked for is being drawn up.
    #[error("{what} is being drawn up: ask again in {again_s} s")]
    NotYet {
        /// What.
        what: &'static str,
        /// Seconds until it is worth asking again.
        again_s: u64,
    },
    /// The collector's own fault; the log says more.
    #[error("the collector can't answer: {0}")]
    Internal(String),
}

/// The method of those routes that do not take this one.
fn instead(method: &Method) -> Method {
    if [Method::GET, Method::HEAD].contains(method) { Method::POST } else { Method::GET }
}

/// The keys that an address takes.
fn takes(keys: &[&str]) -> String {
    if keys.is_empty() { "no key is".to_owned() } else { format!("one of {}", keys.join(", ")) }
}

impl Failure {
    /// With the whole chain of causes.
    pub fn internal(error: &dyn std::error::Error) -> Self {
        Self::Internal(crate::error_chain(error))
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::Value { .. } | Self::Key { .. } | Self::Refused { .. } => StatusCode::BAD_REQUEST,
            Self::TooMuch(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::UnknownHousehold(_) | Self::NoPage(_) => StatusCode::NOT_FOUND,
            Self::Method(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::Forbidden(_) => StatusCode::FORBIDDEN,
            Self::Unauthorised => StatusCode::UNAUTHORIZED,
            Self::TooMany { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::NotYet { .. } => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn title(&self) -> &'static str {
        match self {
            Self::Value { .. } => "That value is not accepted",
            Self::Key { .. } => "That key is not accepted",
            Self::Refused { .. } => "What was sent is not accepted",
            Self::TooMuch(_) => "Too much at once",
            Self::UnknownHousehold(_) => "No such household",
            Self::NoPage(_) => "No such page",
            Self::Method(_) => "Not possible here",
            Self::Forbidden(_) => "Not allowed here",
            Self::Unauthorised => "Who are you?",
            Self::TooMany { .. } => "Too many at once",
            Self::NotYet { .. } => "Not yet",
            Self::Internal(_) => "The collector can't answer",
        }
    }

    fn refusals(&self) -> Vec<Wrong<'_>> {
        let Self::Refused { refusals, .. } = self else { return Vec::new() };
        let all = refusals.iter();
        all.map(|r| Wrong { field: &r.path, value: &r.value, accepted: &r.accepted }).collect()
    }

    fn problem(&self, instance: &str) -> Response {
        let (field, value, accepted) = match self {
            Self::Value { field, value, accepted } => {
                (Some(*field), Some(value.as_str()), Some(accepted.clone()))
            }
            Self::Key { key, accepted } => (Some(key.as_str()), None, Some(takes(accepted))),
            _ => (None, None, None),
        };
        let body = Problem {
            kind: "about:blank",
            title: self.title(),
            status: self.status().as_u16(),
            detail: self.to_string(),
            instance,
            field,
            value,
            accepted,
            refusals: self.refusals(),
        };
        let media = HeaderValue::from_static("application/problem+json");
        (self.status(), [(header::CONTENT_TYPE, media)], Json(body)).into_response()
    }

    fn page(&self, theme: Theme) -> Response {
        let page = FailurePage {
            chrome: Chrome::new(self.title(), theme),
            status: self.status().as_u16(),
            failure: self,
        };
        match page.render() {
            Ok(html) => (self.status(), Html(html)).into_response(),
            Err(_) => (self.status(), self.to_string()).into_response(),
        }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// RFC 9457, with the field at fault.
#[derive(Serialize)]
struct Problem<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'static str,
    status: u16,
    detail: String,
    instance: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    accepted: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    refusals: Vec<Wrong<'a>>,
}

/// One value of what was sent.
#[derive(Serialize)]
struct Wrong<'a> {
    field: &'a str,
    value: &'a str,
    accepted: &'a str,
}

#[derive(Template)]
#[template(path = "failure.html")]
struct FailurePage<'a> {
    chrome: Chrome,
    status: u16,
    failure: &'a Failure,
}

/// Draws the failures that handlers return.
pub(super) async fn draw(theme: Theme, request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let response = next.run(request).await;
    let Some(failure) = response.extensions().get::<Failure>() else { return response };
    if let Failure::Internal(why) = failure {
        tracing::error!(path, why, "request failed");
    }
    let mut drawn =
        if path.starts_with("/api/") { failure.problem(&path) } else { failure.page(theme) };
    match failure {
        Failure::Unauthorised => {
            let scheme = HeaderValue::from_static("Bearer");
            drawn.headers_mut().insert(header::WWW_AUTHENTICATE, scheme);
        }
        Failure::TooMany { again_s, .. } | Failure::NotYet { again_s, .. } => {
            drawn.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(*again_s));
        }
        _ => {}
    }
    drawn
}

/// For paths that lead nowhere.
pub(super) async fn no_page(request: Request) -> Failure {
    Failure::NoPage(request.uri().path().to_owned())
}

/// For methods that a path does not take.
pub(super) async fn no_method(request: Request) -> Failure {
    Failure::Method(request.method().clone())
}
