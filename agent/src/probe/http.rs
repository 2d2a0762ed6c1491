//! HTTP by a link: `http_ttfb_ms`, from the request's start to the response's
//! first byte, as W3C Resource Timing bounds them. Each probe makes a connection
//! of its own; that phase is told apart.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use hearth_proto::Cause;
use reqwest::{Client, Url, redirect};
use tower_layer::Layer;
use tower_service::Service;

use super::outlet::Outlet;
use crate::clock;

/// The longest a request may take, connecting included.
pub const HTTP_TIMEOUT: Duration = Duration::from_secs(10);

/// Why a URL can't be asked for.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It has no host.
    #[error("{0} has no host")]
    NoHost(Url),
    /// The client could not be made: most often there are no root certificates.
    #[error("can't make an HTTP client for {url}")]
    Client {
        /// For which URL.
        url: Url,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
}

/// Asks for one URL, at one address of its host.
#[derive(Debug)]
pub struct Http {
    client: Client,
    url: Url,
    to: SocketAddr,
    outlet: Outlet,
    connected: Arc<Mutex<Option<Instant>>>,
}

/// A response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Responded {
    /// Connecting, TLS included.
    pub connect: Duration,
    /// `http_ttfb_ms`.
    pub ttfb: Duration,
    /// The status, under 400.
    pub status: u16,
}

/// A request without a response that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failed {
    /// Why.
    pub cause: Cause,
    /// The status, where there was one.
    pub status: Option<u16>,
}

impl From<Cause> for Failed {
    fn from(cause: Cause) -> Self {
        Self { cause, status: None }
    }
}

impl Http {
    /// For `url`, whose host has the address `to`.
    ///
    /// # Errors
    /// When there is no host, or no client can be made.
    pub fn open(outlet: &Outlet, url: &Url, to: SocketAddr) -> Result<Self, OpenError> {
        // Another part of the program may have installed one: either will do.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let host = url.host_str().ok_or_else(|| OpenError::NoHost(url.clone()))?;
        let connected = Arc::new(Mutex::new(None));
        let mut builder = Client::builder()
            .user_agent(concat!("hearth-agent/", env!("CARGO_PKG_VERSION")))
            .no_proxy()
            .redirect(redirect::Policy::none())
            .pool_max_idle_per_host(0)
            .timeout(HTTP_TIMEOUT)
            .resolve(host, to)
            .connector_layer(Stopwatch(Arc::clone(&connected)));
        if url.scheme() == "http" {
            // Nothing is encrypted, so no roots need to be there.
            builder = builder.tls_certs_only([]);
        }
        if let Some(interface) = outlet.interface() {
            builder = builder.interface(interface.as_str());
        }
        let client =
            builder.build().map_err(|source| OpenError::Client { url: url.clone(), source })?;
        Ok(Self { client, url: url.clone(), to, outlet: outlet.clone(), connected })
    }

    /// Asks once. One at a time.
    ///
    /// # Errors
    /// Why there was no response that counts; a status of 400 or over is one.
    pub async fn ask(&mut self) -> Result<Responded, Failed> {
        self.outlet.check(self.to.ip()).await.map_err(|error| error.cause())?;
        *self.connected.lock().unwrap_or_else(PoisonError::into_inner) = None;
        let began = clock::now();
        let response = self.client.get(self.url.clone()).send().await;
        let ended = clock::now();
        let response = response.map_err(|error| cause(&error))?;
        let status = response.status().as_u16();
        if status >= 400 {
            return Err(Failed { cause: Cause::Status, status: Some(status) });
        }
        let connected = *self.connected.lock().unwrap_or_else(PoisonError::into_inner);
        let connected = connected.ok_or(Cause::Local)?;
        Ok(Responded {
            connect: connected.saturating_duration_since(began),
            ttfb: ended.saturating_duration_since(connected),
            status,
        })
    }
}

fn cause(error: &reqwest::Error) -> Cause {
    if error.is_timeout() {
        return Cause::Timeout;
    }
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        if let Some(io) = inner.downcast_ref::<std::io::Error>()
            && io.raw_os_error().is_some()
        {
            return super::tcp::cause(io);
        }
        source = inner.source();
    }
    // TLS, or what is no HTTP: something answered.
    tracing::debug!(?error, "request failed");
    Cause::Protocol
}

/// Notes when a connection is ready to bear the request.
#[derive(Debug, Clone)]
struct Stopwatch(Arc<Mutex<Option<Instant>>>);

#[derive(Debug, Clone)]
struct Timed<S> {
    inner: S,
    connected: Arc<Mutex<Option<Instant>>>,
}

impl<S> Layer<S> for Stopwatch {
    type Service = Timed<S>;
    fn layer(&self, inner: S) -> Timed<S> {
        Timed { inner, connected: Arc::clone(&self.0) }
    }
}

impl<S, R> Service<R> for Timed<S>
where
    S: Service<R>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: R) -> Self::Future {
        let connecting = self.inner.call(request);
        let connected = Arc::clone(&self.connected);
        Box::pin(async move {
            let connection = connecting.await?;
            *connected.lock().unwrap_or_else(PoisonError::into_inner) = Some(clock::now());
            Ok(connection)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    /// Answers every connection with `response` after reading something.
    async fn server(response: &'static [u8]) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut buffer = [0; 1024];
                let _ = stream.read(&mut buffer).await;
                let _ = stream.write_all(response).await;
            }
        });
        at
    }

    async fn ask(response: &'static [u8]) -> Result<Responded, Failed> {
        let at = server(response).await;
        let url = Url::parse(&format!("http://home.example:{}/", at.port())).unwrap();
        Http::open(&Outlet::System, &url, at).unwrap().ask().await
    }

    #[tokio::test]
    async fn phases_are_told_apart() {
        let got = ask(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
        assert_eq!(got.status, 204);
        assert!(got.connect > Duration::ZERO && got.ttfb > Duration::ZERO);
    }

    #[tokio::test]
    async fn failures_count_by_cause() {
        let failed = ask(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n").await.unwrap_err();
        assert_eq!((failed.cause, failed.status), (Cause::Status, Some(503)));
        assert_eq!(ask(b"220 mail.example\r\n").await.unwrap_err().cause, Cause::Protocol);
        let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let url = Url::parse("http://home.example/").unwrap();
        let failed = Http::open(&Outlet::System, &url, closed).unwrap().ask().await.unwrap_err();
        assert_eq!(failed.cause, Cause::Refused);
    }

    #[tokio::test]
    async fn each_request_connects_anew() {
        let at = server(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
        let url = Url::parse(&format!("http://{at}/")).unwrap();
        let mut http = Http::open(&Outlet::System, &url, at).unwrap();
        for _ in 0..3 {
            assert!(http.ask().await.unwrap().connect > Duration::ZERO);
        }
    }
}
