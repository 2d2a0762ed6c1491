//! HTTP by a link, over a connection of its own each time: `tcp_connect_ms`,
//! `tls_handshake_ms` and `http_ttfb_ms`, each phase alone, as W3C Resource Timing
//! bounds them. A phase that failed ends the attempt; those behind it were not
//! tried.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use hearth_proto::{Cause, ProbeKind};
use http::header::{HOST, USER_AGENT};
use http::{Request, Uri};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use reqwest::Url;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use super::connection::{self, Account, Tls, TlsError};
use super::first_octet::FirstOctet;
use super::outlet::Outlet;
use crate::clock;

/// The longest an attempt may take, all phases together.
pub const HTTP_TIMEOUT: Duration = Duration::from_secs(10);

const HTTP2: &[u8] = b"h2";
/// The least window that HTTP/2 begins with (RFC 9113, section 6.9.2).
const WINDOW: u32 = 65_535;
const AGENT: &str = concat!("hearth-agent/", env!("CARGO_PKG_VERSION"));

/// Why a URL can't be asked for.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It has no host.
    #[error("{0} has no host")]
    NoHost(String),
    /// It can't stand in a request.
    #[error("{url} can't be asked for")]
    Request {
        /// Which.
        url: String,
        /// Why.
        #[source]
        source: http::Error,
    },
    /// TLS can't be used.
    #[error("can't ask for {url}")]
    Tls {
        /// For which URL.
        url: String,
        /// Why.
        #[source]
        source: TlsError,
    },
}

/// Asks for one URL, at one address of its host.
#[derive(Debug)]
pub struct Http {
    host: String,
    /// For HTTP/1.1, by its path alone, and for HTTP/2.
    requests: [Request<()>; 2],
    tls: Option<Tls>,
    to: SocketAddr,
    outlet: Outlet,
    account: Account,
    link_header: u64,
}

/// What came of a phase: how long it took, or why it failed.
pub type Phase = Result<Duration, Cause>;

/// What came of one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// `tcp_connect_ms`.
    pub connect: Phase,
    /// `tls_handshake_ms`, where it came so far and there is TLS.
    pub tls: Option<Phase>,
    /// `http_ttfb_ms`, where it came so far: from the request's start, on a
    /// connection that stands, to the response's. A status of 400 or over is a
    /// failure.
    pub ttfb: Option<Phase>,
    /// The status, where there was one.
    pub status: Option<u16>,
    /// Where there is no TLS, why, and whether a further authority could help.
    pub no_tls: Option<NoTls>,
}

/// Why there is no TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoTls {
    /// In words.
    pub why: String,
    /// Whether the certificate is of an authority that nobody named.
    pub unknown_authority: bool,
}

impl NoTls {
    fn of(error: &connection::ConnectError) -> Option<Self> {
        let unknown_authority = error.is_unknown_authority();
        error.tls_words().map(|why| Self { why, unknown_authority })
    }
}

impl Attempt {
    /// The phases that were tried, in their order.
    pub fn phases(&self) -> impl Iterator<Item = (ProbeKind, Phase)> {
        let phases = [
            (ProbeKind::TcpConnect, Some(self.connect)),
            (ProbeKind::TlsHandshake, self.tls),
            (ProbeKind::HttpTtfb, self.ttfb),
        ];
        phases.into_iter().filter_map(|(probe, phase)| Some((probe, phase?)))
    }

    /// Of the whole: the time to first byte, or why a phase failed.
    pub fn outcome(&self) -> Phase {
        self.ttfb.or(self.tls).unwrap_or(self.connect)
    }

    fn ended(connect: Phase) -> Self {
        Self { connect, tls: None, ttfb: None, status: None, no_tls: None }
    }
}

impl Http {
    /// For `url`, whose host has the address `to`; what it costs is counted into
    /// `account`. Beside the system's authorities those in `ca_pem` are trusted.
    ///
    /// # Errors
    /// When there is no host, or no certificate to trust.
    pub fn open(
        outlet: &Outlet,
        url: &Url,
        to: SocketAddr,
        account: Account,
        ca_pem: Option<&[u8]>,
    ) -> Result<Self, OpenError> {
        let tls = if url.scheme() == "https" {
            let tls = Tls::new(ca_pem, &[HTTP2, b"http/1.1"]);
            Some(tls.map_err(|source| OpenError::Tls { url: url.to_string(), source })?)
        } else {
            None
        };
        Self::with(outlet, url, to, account, tls)
    }

    fn with(
        outlet: &Outlet,
        url: &Url,
        to: SocketAddr,
        account: Account,
        tls: Option<Tls>,
    ) -> Result<Self, OpenError> {
        let host = url.host_str().ok_or_else(|| OpenError::NoHost(url.to_string()))?;
        let authority = match url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        };
        let path = match url.query() {
            Some(query) => format!("{}?{query}", url.path()),
            None => url.path().to_owned(),
        };
        let fail = |source: http::Error| OpenError::Request { url: url.to_string(), source };
        let whole = Uri::builder()
            .scheme(url.scheme())
            .authority(authority.as_str())
            .path_and_query(path.as_str())
            .build()
            .map_err(fail)?;
        let by_1 = Request::get(path).header(HOST, authority).header(USER_AGENT, AGENT).body(());
        let by_2 = Request::get(whole).header(USER_AGENT, AGENT).body(());
        Ok(Self {
            host: host.to_owned(),
            requests: [by_1.map_err(fail)?, by_2.map_err(fail)?],
            tls,
            to,
            outlet: outlet.clone(),
            account,
            link_header: connection::link_header(outlet),
        })
    }

    /// Asks once.
    pub async fn ask(&self) -> Attempt {
        let deadline = Instant::from_std(clock::now() + HTTP_TIMEOUT);
        let connecting =
            connection::connect(&self.outlet, self.to, self.account.clone(), self.link_header);
        let tcp = match timeout_at(deadline, connecting).await {
            Ok(Ok(tcp)) => tcp,
            Ok(Err(error)) => return Attempt::ended(Err(told(&error))),
            Err(_) => return Attempt::ended(Err(Cause::Timeout)),
        };
        let mut attempt = Attempt::ended(Ok(tcp.took));
        let responded = match &self.tls {
            Some(tls) => {
                let secured = timeout_at(deadline, tls.handshake(tcp.stream, &self.host)).await;
                let secured = match secured {
                    Ok(Ok(secured)) => secured,
                    Ok(Err(error)) => {
                        let no_tls = NoTls::of(&error);
                        return Attempt { tls: Some(Err(told(&error))), no_tls, ..attempt };
                    }
                    Err(_) => return Attempt { tls: Some(Err(Cause::Timeout)), ..attempt },
                };
                attempt.tls = Some(Ok(secured.took));
                let second = secured.protocol.as_deref() == Some(HTTP2);
                timeout_at(deadline, self.request(secured.stream, second)).await
            }
            None => timeout_at(deadline, self.request(tcp.stream, false)).await,
        };
        let ttfb = match responded {
            Ok(Ok((_, status))) if status >= 400 => {
                attempt.status = Some(status);
                Err(Cause::Status)
            }
            Ok(Ok((took, status))) => {
                attempt.status = Some(status);
                Ok(took)
            }
            Ok(Err(error)) => Err(cause(&error)),
            Err(_) => Err(Cause::Timeout),
        };
        Attempt { ttfb: Some(ttfb), ..attempt }
    }

    /// The time from the request to its response's first octet, of HTTP/2 to its head,
    /// which is one frame as a rule; and its status. What follows is not waited for.
    async fn request<S>(&self, stream: S, second: bool) -> Result<(Duration, u16), hyper::Error>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let [by_1, by_2] = &self.requests;
        let body = http_body_util::Empty::<Bytes>::new;
        // Ends the connection when it is dropped.
        let mut tasks = JoinSet::new();
        if second {
            // Only the head is wanted: a body waits at the server.
            let (mut sender, driver) = http2::Builder::new(TokioExecutor::new())
                .initial_stream_window_size(WINDOW)
                .initial_connection_window_size(WINDOW)
                .max_header_list_size(connection::MOST_HEADERS)
                .handshake(TokioIo::new(stream))
                .await?;
            tasks.spawn(driver);
            let asked = clock::now();
            let response = sender.send_request(by_2.clone().map(|()| body())).await?;
            let took = clock::now().saturating_duration_since(asked);
            Ok((took, response.status().as_u16()))
        } else {
            let (stream, first) = FirstOctet::of(stream);
            let (mut sender, driver) = http1::handshake(TokioIo::new(stream)).await?;
            tasks.spawn(driver);
            let asked = clock::now();
            let response = sender.send_request(by_1.clone().map(|()| body())).await?;
            let came = first.get().copied().unwrap_or_else(clock::now);
            Ok((came.saturating_duration_since(asked), response.status().as_u16()))
        }
    }
}

fn told(error: &connection::ConnectError) -> Cause {
    tracing::debug!(error = error as &dyn std::error::Error, "no connection");
    error.cause()
}

fn cause(error: &hyper::Error) -> Cause {
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        let io = inner
            .downcast_ref::<io::Error>()
            .or_else(|| inner.downcast_ref::<h2::Error>().and_then(h2::Error::get_io));
        if let Some(io) = io
            && io.raw_os_error().is_some()
        {
            return super::tcp::cause(io);
        }
        source = inner.source();
    }
    // It is no HTTP, or ended too soon: something answered.
    tracing::debug!(?error, "request failed");
    Cause::Protocol
}

#[cfg(test)]
#[path = "http_tests.rs"]
mod tests;
