//! Metrics over HTTP, at the address that the user chose and `/metrics`.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::metrics;
use crate::run::status::StatusReader;

/// Connections at once; more wait.
const CONNECTIONS: usize = 8;
/// How long a request's head may take.
const HEAD: Duration = Duration::from_secs(5);
/// How long a connection may last.
const LIFE: Duration = Duration::from_secs(60);

/// The address can't be had.
#[derive(Debug, thiserror::Error)]
#[error("can't serve metrics at {address}")]
pub struct ScrapeError {
    /// Which.
    pub address: SocketAddr,
    /// What the system said.
    #[source]
    pub source: io::Error,
}

/// Listens at `address`.
///
/// # Errors
/// When it is taken, or not this machine's.
pub async fn open(address: SocketAddr) -> Result<TcpListener, ScrapeError> {
    TcpListener::bind(address).await.map_err(|source| ScrapeError { address, source })
}

/// Answers scrapes until the run ends.
pub async fn serve(listener: TcpListener, reader: StatusReader) {
    let turns = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(turn) = Arc::clone(&turns).acquire_owned().await else { return };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::debug!(%error, "metrics: nobody could be taken in");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let reader = reader.clone();
        tokio::spawn(async move {
            let service = service_fn(|request| answer(request, reader.clone()));
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD)
                .serve_connection(TokioIo::new(stream), service);
            if !matches!(timeout(LIFE, connection).await, Ok(Ok(()))) {
                tracing::debug!("metrics: a connection ended early");
            }
            drop(turn);
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    reader: StatusReader,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let plain = |status, text: &str| {
        let mut response = Response::new(Full::from(text.to_owned()));
        *response.status_mut() = status;
        response
    };
    let mut response = match (request.method(), request.uri().path()) {
        (&Method::GET | &Method::HEAD, "/metrics") => match reader.read().await {
            Ok(status) => plain(StatusCode::OK, &metrics::render(&status)),
            Err(_) => plain(StatusCode::SERVICE_UNAVAILABLE, "the agent is stopping\n"),
        },
        (&Method::GET | &Method::HEAD, _) => {
            plain(StatusCode::NOT_FOUND, "metrics are at /metrics\n")
        }
        _ => plain(StatusCode::METHOD_NOT_ALLOWED, "GET and HEAD are accepted\n"),
    };
    let kind = if response.status().is_success() { metrics::CONTENT_TYPE } else { "text/plain" };
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static(kind));
    Ok(response)
}
