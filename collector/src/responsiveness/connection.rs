//! One client's connection, from the TLS handshake to its end.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use hearth_agent::link::sock_diag::Connection;
use hearth_proto::load::{MOST_FRAME, Shallow};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::server::Acceptor;
use socket2::SockRef;
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;

use super::admission::Admitted;
use super::http2::{self, Talk};
use super::limits::Limits;
use super::watched::Watched;
use super::{DRAIN, Server, count, service};
use crate::serve::Shutdown;

/// What HTTP/1.1 may read at once, a request's head included.
const MAX_READ: usize = 64 << 10;

/// What a connection has moved, and whether it has come to its end.
#[derive(Debug)]
pub(super) struct Life {
    admitted: Arc<Admitted>,
    sent: AtomicU64,
    received: AtomicU64,
    limits: Limits,
    over: AtomicBool,
    frame: AtomicUsize,
}

impl Life {
    /// Within `limits`, or less where it is only to be told to come again.
    pub(super) fn new(limits: Limits, admitted: Arc<Admitted>) -> Self {
        let limits = if admitted.is_refused() { limits.of_reserve() } else { limits };
        let (sent, received, frame) = Default::default();
        Self { admitted, sent, received, limits, over: AtomicBool::new(false), frame }
    }

    /// Who it is of.
    pub(super) fn admitted(&self) -> &Arc<Admitted> {
        &self.admitted
    }

    pub(super) fn limits(&self) -> Limits {
        self.limits
    }

    fn moved(&self) -> u64 {
        self.sent.load(Ordering::Relaxed) + self.received.load(Ordering::Relaxed)
    }

    fn has_spent_all(&self) -> bool {
        self.moved() >= self.limits.bytes
    }

    /// Whether what is under way is to end: with the connection, or since its address
    /// has had its bytes of the hour.
    pub(super) fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
            || self.has_spent_all()
            || self.admitted.has_had_its_hour()
    }

    pub(super) fn has_sent(&self, bytes: usize) {
        count(&self.sent, bytes as u64);
        self.admitted.moved(bytes as u64);
    }

    pub(super) fn has_received(&self, bytes: usize) {
        count(&self.received, bytes as u64);
        self.admitted.moved(bytes as u64);
    }

    /// Bytes sent, TLS and HTTP included.
    pub(super) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Bytes received, TLS and HTTP included.
    pub(super) fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    /// Payload bytes of a download's next frame.
    pub(super) fn frame(&self) -> usize {
        self.frame.load(Ordering::Relaxed)
    }

    pub(super) fn set_frame(&self, bytes: usize) {
        self.frame.store(bytes, Ordering::Relaxed);
    }

    fn end(&self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

/// Serves `stream` to its end.
pub(super) async fn serve(
    stream: TcpStream,
    peer: SocketAddr,
    admitted: Arc<Admitted>,
    server: &Arc<Server>,
    shutdown: &Shutdown,
) {
    let life = Arc::new(Life::new(server.limits, admitted));
    match talk(stream, peer, server, shutdown, &life).await {
        Ok(()) => {}
        Err(Ended::Handshake(error)) => {
            count(&server.counters.failed_handshakes, 1);
            tracing::debug!(%peer, %error, "TLS handshake failed");
        }
        // Clients break off once they know enough.
        Err(Ended::Http(error)) => {
            tracing::debug!(%peer, error = crate::error_chain(&*error), "connection broke off");
        }
        Err(Ended::Cut(reason)) => {
            count(&server.counters.cut, 1);
            tracing::debug!(%peer, reason, "connection cut");
        }
    }
    count(&server.counters.sent_bytes, life.sent.load(Ordering::Relaxed));
    count(&server.counters.received_bytes, life.received.load(Ordering::Relaxed));
}

/// Why a connection ended other than well.
enum Ended {
    Handshake(io::Error),
    Http(Box<dyn std::error::Error + Send + Sync>),
    Cut(&'static str),
}

async fn talk(
    stream: TcpStream,
    peer: SocketAddr,
    server: &Arc<Server>,
    shutdown: &Shutdown,
    life: &Arc<Life>,
) -> Result<(), Ended> {
    let connection = Connection::of(&SockRef::from(&stream), peer).map_err(Ended::Handshake)?;
    let watched = match Watched::new(stream, Arc::clone(life)) {
        Ok(watched) => watched,
        // It broke before it began.
        Err(error) => return Err(Ended::Handshake(error)),
    };
    let handshake = tokio::select! {
        () = shutdown.begun() => return Ok(()),
        handshake = timeout(life.limits.handshake, shake_hands(watched, server)) => handshake,
    };
    let mut stream = match handshake {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return Err(Ended::Handshake(error)),
        Err(late) => return Err(Ended::Handshake(late.into())),
    };
    // A frame and what may come before it, so that it is one write.
    stream.get_mut().1.set_buffer_limit(Some(2 * MOST_FRAME));
    let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    let io = Shallow::new(stream, |tls| tls.get_ref().1.wants_write());
    if is_http2 {
        let closing = Notify::new();
        let talk = Talk { connection, server: Arc::clone(server), life: Arc::clone(life) };
        let http = http2::serve(io, talk, &closing);
        watch(http, |_| closing.notify_one(), shutdown, life).await
    } else {
        let service = {
            let (server, life) = (Arc::clone(server), Arc::clone(life));
            service_fn(move |request| {
                let (server, life) = (Arc::clone(&server), Arc::clone(&life));
                async move {
                    let (place, counters) = (&server.place, &server.counters);
                    let answer = service::answer(request, connection.local, place, &life, counters);
                    Ok::<_, Infallible>(answer.await)
                }
            })
        };
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new())
            .header_read_timeout(life.limits.handshake)
            .max_buf_size(MAX_READ)
            .auto_date_header(false);
        let connection = http.serve_connection(TokioIo::new(io), service);
        watch(connection, http1::Connection::graceful_shutdown, shutdown, life).await
    }
}

async fn shake_hands(stream: Watched, server: &Server) -> io::Result<TlsStream<Watched>> {
    let greeted = LazyConfigAcceptor::new(Acceptor::default(), stream).await?;
    let config = server.tls.for_client(&greeted.client_hello());
    greeted.into_stream(config).await
}

/// Drives `connection` until it ends, is idle, or has had its time or its bytes; asks
/// it to end by `close`, and drops it where it doesn't soon.
async fn watch<C, E>(
    connection: C,
    close: impl FnOnce(Pin<&mut C>),
    shutdown: &Shutdown,
    life: &Life,
) -> Result<(), Ended>
where
    C: Future<Output = Result<(), E>>,
    E: std::error::Error + Send + Sync + 'static,
{
    let mut connection = pin!(connection);
    let mut end_of_life = pin!(sleep(life.limits.lifetime));
    let idle = async {
        let mut before = life.moved();
        loop {
            sleep(life.limits.idle).await;
            let now = life.moved();
            if now == before {
                break "idle";
            }
            if life.has_spent_all() {
                break "bytes";
            }
            before = now;
        }
    };
    let reason = tokio::select! {
        done = &mut connection => {
            return match done {
                // However its client takes that.
                _ if life.has_spent_all() => Err(Ended::Cut("bytes")),
                other => other.map_err(|error| Ended::Http(error.into())),
            };
        }
        () = &mut end_of_life => "time",
        reason = idle => reason,
        () = shutdown.begun() => "shutdown",
    };
    life.end();
    close(connection.as_mut());
    // What it still says no longer matters.
    let _ = timeout(DRAIN / 2, connection).await;
    if reason == "shutdown" { Ok(()) } else { Err(Ended::Cut(reason)) }
}
