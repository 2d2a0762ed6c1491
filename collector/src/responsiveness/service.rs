//! What is answered to a request.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use hyper::body::{Body, Bytes};
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HOST, HeaderValue, RETRY_AFTER};
use hyper::http::uri::Authority;
use hyper::{Method, Request, Response, StatusCode};

use super::admission::NotNow;
use super::body::Content;
use super::connection::Life;
use super::document::{LARGE, OLDER, Place, SMALL, UPLOAD, WELL_KNOWN};
use super::{Counters, now};

/// One of the resources.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Resource {
    Document,
    Small,
    Large,
    Upload,
}

impl Resource {
    fn at(path: &str) -> Option<Self> {
        match path {
            SMALL => Some(Self::Small),
            LARGE => Some(Self::Large),
            UPLOAD => Some(Self::Upload),
            path if path == WELL_KNOWN || OLDER.contains(&path) => Some(Self::Document),
            _ => None,
        }
    }

    fn method(self) -> Method {
        if self == Self::Upload { Method::POST } else { Method::GET }
    }

    /// The type of what it answers.
    fn kind(self) -> &'static str {
        match self {
            Self::Document => "application/json",
            Self::Small | Self::Large => "application/octet-stream",
            Self::Upload => "text/plain",
        }
    }
}

/// Answers one request that came in at `local`.
pub(super) async fn answer<B>(
    request: Request<B>,
    local: SocketAddr,
    place: &Place,
    life: &Arc<Life>,
    counters: &Counters,
) -> Response<Content>
where
    B: Body<Data = Bytes> + Unpin,
{
    super::count(&counters.requests, 1);
    // An answer to HEAD has no content: HTTP/2 clients take any for a broken stream.
    let said = |text: String| {
        if *request.method() == Method::HEAD { String::new() } else { text }
    };
    let Some(resource) = Resource::at(request.uri().path()) else {
        return with_type(
            StatusCode::NOT_FOUND,
            "text/plain",
            Content::short(said("not found\n".to_owned())),
        );
    };
    let method = resource.method();
    if method == Method::GET && *request.method() == Method::HEAD {
        // Whoever looks whether it is there (RFC 9110, section 9.3.2) takes no test's place.
        return with_type(StatusCode::OK, resource.kind(), Content::short(""));
    }
    if *request.method() != method {
        let allow = if method == Method::POST { "POST" } else { "GET, HEAD" };
        let text = said(format!("only {allow} is answered here\n"));
        let mut refused =
            with_type(StatusCode::METHOD_NOT_ALLOWED, "text/plain", Content::short(text));
        refused.headers_mut().insert(ALLOW, HeaderValue::from_static(allow));
        return refused;
    }
    match give(resource, request, local, place, life).await {
        Ok(response) => response,
        Err(refusal) => not_now(refusal, counters),
    }
}

async fn give<B>(
    resource: Resource,
    request: Request<B>,
    local: SocketAddr,
    place: &Place,
    life: &Arc<Life>,
) -> Result<Response<Content>, NotNow>
where
    B: Body<Data = Bytes> + Unpin,
{
    let admitted = life.admitted();
    // A small answer's head is part of what is timed: no more in it than the draft
    // asks for.
    Ok(match resource {
        Resource::Small => {
            admitted.may_ask(now())?;
            with_type(StatusCode::OK, resource.kind(), Content::short("0"))
        }
        Resource::Large => {
            let endless = Content::endless(Arc::clone(life), admitted.transfer(now())?);
            with_type(StatusCode::OK, resource.kind(), endless)
        }
        Resource::Document => {
            admitted.may_test(now())?;
            let asked = asked_authority(&request).unwrap_or_else(|| local.to_string());
            let document = place.document(&asked);
            let mut response = with_type(StatusCode::OK, resource.kind(), Content::short(document));
            response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
            response
        }
        Resource::Upload => {
            let _transfer = admitted.transfer(now())?;
            let (status, text) = match swallow(request.into_body(), life).await {
                Ok(bytes) => {
                    // It may have been cut short for that.
                    admitted.may_ask(now())?;
                    (StatusCode::OK, format!("{bytes}\n"))
                }
                Err(bytes) => {
                    let text = format!("the upload broke off after {bytes} bytes\n");
                    (StatusCode::BAD_REQUEST, text)
                }
            };
            with_type(status, resource.kind(), Content::short(text))
        }
    })
}

/// Refuses, and says when to come again (RFC 6585, section 4; RFC 9110, section 15.6.4).
fn not_now(refusal: NotNow, counters: &Counters) -> Response<Content> {
    super::count(&counters.turned_away, 1);
    let (status, text) = match refusal {
        NotNow::Hour(_) => (
            StatusCode::TOO_MANY_REQUESTS,
            "this address has had the bytes that it may have in an hour\n",
        ),
        NotNow::Tests => {
            (StatusCode::TOO_MANY_REQUESTS, "this address has as many tests as it may have\n")
        }
        NotNow::Crowded => {
            (StatusCode::TOO_MANY_REQUESTS, "this address has as many connections as it may have\n")
        }
        NotNow::Full => (StatusCode::SERVICE_UNAVAILABLE, "all connections are taken\n"),
    };
    tracing::debug!(%status, reason = text.trim_end(), "a test was refused");
    let mut refused = with_type(status, "text/plain", Content::short(text));
    refused.headers_mut().insert(RETRY_AFTER, HeaderValue::from(refusal.retry_after_s()));
    refused
}

fn with_type(status: StatusCode, kind: &'static str, content: Content) -> Response<Content> {
    let mut response = Response::new(content);
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

/// The host that was asked, as HTTP/2 has it in `:authority` and HTTP/1.1 in `Host`.
/// None where it isn't one.
fn asked_authority<B>(request: &Request<B>) -> Option<String> {
    let authority = match request.uri().authority() {
        Some(authority) => authority.clone(),
        None => request.headers().get(HOST)?.to_str().ok()?.parse::<Authority>().ok()?,
    };
    // A user's name before the host has no place in the URLs.
    (!authority.host().is_empty() && !authority.as_str().contains('@'))
        .then(|| authority.to_string())
}

/// Counts an upload without keeping any of it, to its end or the connection's. An
/// error, with what had come, where it broke off.
async fn swallow<B>(mut body: B, life: &Life) -> Result<u64, u64>
where
    B: Body<Data = Bytes> + Unpin,
{
    let mut bytes = 0;
    while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        let Ok(frame) = frame else { return Err(bytes) };
        bytes += frame.data_ref().map_or(0, |data| data.len() as u64);
        if life.is_over() {
            break;
        }
    }
    Ok(bytes)
}
