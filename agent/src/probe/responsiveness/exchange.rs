//! HTTP/2 connections to a test server and exchanges over them.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use bytes::Bytes;
use h2::Reason;
use h2::client::{Builder, Connection, SendRequest};
use hearth_proto::load::{MOST_FRAME, PORTION, Shallow};
use hearth_proto::{Cause, Family};
use http::{Method, Request};
use reqwest::Url;
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;

use super::super::connection::{
    Account, ConnectError, Counted, MOST_HEADERS, Meter, Ration, Tls, connect,
};
use super::super::heavy::{NotNow, TestError};
use super::super::outlet::Outlet;
use crate::chain::chain;

/// The longest that a small exchange may take.
pub(super) const EXCHANGE_TIMEOUT: Duration = Duration::from_secs(10);
/// Windows so large that they never hold the load back.
const WINDOW: u32 = 16 * 1024 * 1024;
/// Octets of an upload that may wait to be framed.
const UNFRAMED: usize = 2 * MOST_FRAME;
/// Larger frames mean less work for each octet.
const FRAME: u32 = 64 * 1024;
/// So much of a URL that a server names is shown.
const MOST_SHOWN: usize = 200;
/// The status of an upload that is longer than the server takes.
pub(super) const TOO_LARGE: u16 = 413;

/// Why an exchange failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum ExchangeError {
    /// No connection.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// Another protocol.
    #[error("the server does not speak HTTP/2")]
    NotHttp2,
    /// The connection or the stream broke.
    #[error("the connection broke")]
    Broke(#[from] h2::Error),
    /// The server closed the connection.
    #[error("the server closed the connection")]
    Closed,
    /// It has no room for a test now.
    #[error(transparent)]
    NotNow(#[from] NotNow),
    /// Not a 200.
    #[error("the server answered with status {0}")]
    Status(u16),
    /// To somewhere else, which is not followed: it may be another path to measure.
    #[error("the server answered with status {status}, a redirect to {to}")]
    Redirect {
        /// Which.
        status: u16,
        /// As the server has it.
        to: String,
    },
    /// No answer in time.
    #[error("no answer within {} s", EXCHANGE_TIMEOUT.as_secs())]
    Timeout,
    /// More than can be.
    #[error("the answer is longer than {0} octets")]
    TooLong(usize),
    /// A transfer ended before anything was transferred.
    #[error("the server ended the transfer before anything flowed")]
    Nothing,
}

impl ExchangeError {
    fn cause(&self) -> Cause {
        match self {
            Self::Connect(error) => error.cause(),
            Self::Status(_) | Self::Redirect { .. } | Self::NotNow(_) => Cause::Status,
            Self::Timeout => Cause::Timeout,
            Self::Broke(error) if error.is_io() => Cause::Refused,
            Self::Closed => Cause::Refused,
            Self::NotHttp2 | Self::Broke(_) | Self::TooLong(_) | Self::Nothing => Cause::Protocol,
        }
    }

    fn remedy(&self) -> &'static str {
        match self {
            Self::Connect(error @ ConnectError::Tls { .. }) => error.remedy(),
            Self::Connect(error) if error.cause() == Cause::NoRoute => {
                "; `hearth-agent links` shows what leads where"
            }
            Self::Connect(_) | Self::Timeout => "; check the server's address and port",
            Self::NotHttp2 => "; a test server must offer h2 by ALPN",
            Self::Status(404) => "; check that it is a responsiveness server",
            Self::Status(TOO_LARGE) => {
                "; a test server must take uploads of any length: raise its limit \
                 (client_max_body_size, LimitRequestBody or alike)"
            }
            Self::Redirect { .. } => "; redirects are not followed: name that server instead",
            _ => "",
        }
    }

    /// Whether it is a server's regular end of a connection, after so many requests or
    /// so much time (RFC 9113, section 6.8): the next request goes to a new one.
    pub(super) fn is_goodbye(&self) -> bool {
        match self {
            Self::Closed => true,
            Self::Broke(error) => {
                error.is_go_away() && error.is_remote() && error.reason() == Some(Reason::NO_ERROR)
            }
            _ => false,
        }
    }

    /// Whether the connection itself broke.
    pub(super) fn is_io(&self) -> bool {
        matches!(self, Self::Broke(error) if error.is_io())
    }

    /// What the server said where it had no room.
    pub(super) fn refusal(&self) -> Option<NotNow> {
        if let Self::NotNow(refusal) = self { Some(*refusal) } else { None }
    }

    /// As the end of a test at this step ("fetch …").
    pub(super) fn at(&self, step: &str) -> TestError {
        if let Some(refusal) = self.refusal() {
            return TestError::Refused(refusal);
        }
        let why = format!("can't {step}: {}{}", chain(self), self.remedy());
        TestError::Failed { cause: self.cause(), why }
    }
}

/// How to reach a test server.
#[derive(Debug, Clone)]
pub(super) struct Route {
    pub(super) outlet: Outlet,
    pub(super) account: Account,
    pub(super) link_header: u64,
    pub(super) tls: Tls,
    pub(super) to: SocketAddr,
    pub(super) name: String,
}

/// A connection, not driven yet.
pub(super) struct Opened {
    pub(super) send: SendRequest<Bytes>,
    pub(super) connection: Connection<Shallow<TlsStream<Counted>>, Bytes>,
    pub(super) meter: Arc<Meter>,
    pub(super) tcp: Duration,
    /// Over its round trips.
    pub(super) tls: Duration,
    /// Octets that a frame of the load may have.
    pub(super) frame: Arc<AtomicUsize>,
}

/// What a connection is for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Bears<'a> {
    /// Small exchanges.
    Exchanges,
    /// Load, on a ration where that is limited.
    Load(Option<&'a Arc<Ration>>),
}

impl Route {
    pub(super) fn family(&self) -> Family {
        if self.to.is_ipv4() { Family::V4 } else { Family::V6 }
    }

    /// Connects anew.
    pub(super) async fn open(&self, bears: Bears<'_>) -> Result<Opened, ExchangeError> {
        let account = self.account.clone();
        let mut tcp = connect(&self.outlet, self.to, account, self.link_header).await?;
        let meter = Arc::clone(tcp.stream.meter());
        let mut http = Builder::new();
        http.enable_push(false).max_header_list_size(MOST_HEADERS);
        let mut frame = Arc::default();
        if let Bears::Load(ration) = bears {
            let refused = |source| ConnectError::Tcp { to: self.to, source };
            // One system call for what is taken in at once.
            tcp.stream.read_ahead(PORTION);
            // The test's own limit holds over all its connections together.
            tcp.stream.allow(u64::MAX);
            if let Some(ration) = ration {
                tcp.stream.live_on(Arc::clone(ration));
            }
            tcp.stream.abort_when_dropped().map_err(refused)?;
            frame = tcp.stream.hold_little().map_err(refused)?;
            http.initial_window_size(WINDOW)
                .initial_connection_window_size(WINDOW)
                .max_send_buffer_size(UNFRAMED)
                .max_frame_size(FRAME);
        }
        let mut secured = match self.tls.handshake(tcp.stream, &self.name).await {
            Err(error) if error.is_no_protocol() => return Err(ExchangeError::NotHttp2),
            secured => secured?,
        };
        if secured.protocol.as_deref() != Some(b"h2") {
            return Err(ExchangeError::NotHttp2);
        }
        // A frame and what may come before it, so that it is one write.
        secured.stream.get_mut().1.set_buffer_limit(Some(UNFRAMED));
        let holds = |tls: &TlsStream<Counted>| tls.get_ref().1.wants_write();
        let tls = secured.took / secured.round_trips;
        let (send, connection) =
            timeout(EXCHANGE_TIMEOUT, http.handshake(Shallow::new(secured.stream, holds)))
                .await
                .map_err(|_| ExchangeError::Timeout)??;
        Ok(Opened { send, connection, meter, tcp: tcp.took, tls, frame })
    }
}

/// A request with the draft's header fields.
pub(super) fn request(method: &Method, url: &Url) -> Request<()> {
    let mut request = Request::new(());
    *request.method_mut() = method.clone();
    // Both hold the same syntax (RFC 3986): a URL is always a URI.
    *request.uri_mut() = url.as_str().parse().unwrap_or_default();
    let headers = request.headers_mut();
    let agent = concat!("hearth-agent/", env!("CARGO_PKG_VERSION"));
    headers.insert(http::header::USER_AGENT, http::HeaderValue::from_static(agent));
    if *method == Method::POST {
        let kind = http::HeaderValue::from_static("application/octet-stream");
        headers.insert(http::header::CONTENT_TYPE, kind);
    } else {
        let identity = http::HeaderValue::from_static("identity");
        headers.insert(http::header::ACCEPT_ENCODING, identity);
    }
    request
}

/// Whether what was asked for is given.
pub(super) fn check<T>(response: &http::Response<T>) -> Result<(), ExchangeError> {
    if let Some(refusal) = NotNow::of(response) {
        return Err(refusal.into());
    }
    let status = response.status();
    let location = response.headers().get(http::header::LOCATION);
    match location.filter(|_| status.is_redirection()) {
        Some(to) => {
            let to = String::from_utf8_lossy(to.as_bytes()).chars().take(MOST_SHOWN).collect();
            Err(ExchangeError::Redirect { status: status.as_u16(), to })
        }
        None if status.is_success() => Ok(()),
        None => Err(ExchangeError::Status(status.as_u16())),
    }
}

/// Gets a small object whole, over a connection that another task drives.
pub(super) async fn get(
    send: &SendRequest<Bytes>,
    url: &Url,
    longest: usize,
) -> Result<Vec<u8>, ExchangeError> {
    let exchange = async {
        let mut send = send.clone().ready().await?;
        let (response, _) = send.send_request(request(&Method::GET, url), true)?;
        let response = response.await?;
        check(&response)?;
        if response.status() != http::StatusCode::OK {
            return Err(ExchangeError::Status(response.status().as_u16()));
        }
        let mut body = response.into_body();
        let mut whole = Vec::new();
        while let Some(chunk) = body.data().await {
            let chunk = chunk?;
            body.flow_control().release_capacity(chunk.len())?;
            whole.extend_from_slice(&chunk);
            if whole.len() > longest {
                return Err(ExchangeError::TooLong(longest));
            }
        }
        Ok(whole)
    };
    timeout(EXCHANGE_TIMEOUT, exchange).await.map_err(|_| ExchangeError::Timeout)?
}

/// Drives a connection while something is done with it.
pub(super) async fn beside<T>(
    connection: Connection<Shallow<TlsStream<Counted>>, Bytes>,
    doing: impl Future<Output = Result<T, ExchangeError>>,
) -> Result<T, ExchangeError> {
    let mut doing = pin!(doing);
    let ended = tokio::select! {
        biased;
        done = &mut doing => return done,
        ended = connection => ended,
    };
    // An answer may have come with the end and be unread as yet. Whatever needs more than
    // came fails at once.
    match doing.await {
        Err(ExchangeError::Broke(_)) => Err(match ended {
            Ok(()) => ExchangeError::Closed,
            Err(error) => error.into(),
        }),
        done => done,
    }
}
