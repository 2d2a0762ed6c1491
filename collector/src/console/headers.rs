//! What guards every answer: response headers, and the Host check that keeps a
//! foreign page from reading a console on loopback through DNS rebinding.

use axum::extract::{Request, State};
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::http::{StatusCode, uri::Authority};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::ConsoleState;

/// Nothing is loaded from elsewhere, no script runs, nobody frames a page.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; \
                      base-uri 'none'; frame-ancestors 'none'";

const HEADERS: [(HeaderName, &str); 6] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    // The theme form goes back to where it was sent from.
    (header::REFERRER_POLICY, "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// Adds the headers; pages are not kept by caches unless they say otherwise.
pub(super) async fn guard(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// Refuses a request whose Host is not one of this console's names.
pub(super) async fn check_host(
    State(state): State<ConsoleState>,
    request: Request,
    next: Next,
) -> Response {
    // HTTP/1.1 carries the name in Host, an absolute target in the URI.
    let host = request
        .uri()
        .authority()
        .map(Authority::as_str)
        .or_else(|| request.headers().get(header::HOST).and_then(|h| h.to_str().ok()));
    if host.is_some_and(|h| state.hosts.accepts(h)) {
        return next.run(request).await;
    }
    tracing::warn!(host, "request refused: host is not this console's");
    let known = "this console answers to localhost, 127.0.0.1, [::1] and the names it was given\n";
    (StatusCode::MISDIRECTED_REQUEST, known).into_response()
}

/// Which names in a request's Host header are this console's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hosts {
    /// Any: for a console that listens beyond loopback.
    Any,
    /// Loopback addresses, `localhost`, and these names.
    Loopback(Vec<String>),
}

impl Hosts {
    fn accepts(&self, host: &str) -> bool {
        let Self::Loopback(names) = self else { return true };
        let Ok(authority) = host.parse::<Authority>() else { return false };
        let name = authority.host();
        let bare = name.trim_start_matches('[').trim_end_matches(']');
        name.eq_ignore_ascii_case("localhost")
            || bare.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
            || names.iter().any(|n| n.eq_ignore_ascii_case(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_own_names_are_accepted_on_loopback() {
        let hosts = Hosts::Loopback(vec!["hearth.example".into()]);
        for own in ["localhost", "LOCALHOST:8080", "127.0.0.1:1", "[::1]:80", "hearth.example"] {
            assert!(hosts.accepts(own), "{own}");
        }
        for foreign in ["evil.example", "localhost.evil.example", "10.0.0.1", "", "[::1", "a b"] {
            assert!(!hosts.accepts(foreign), "{foreign}");
        }
        assert!(Hosts::Any.accepts("evil.example"));
    }
}
