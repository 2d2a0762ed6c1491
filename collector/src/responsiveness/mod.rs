//! The server of responsiveness and throughput tests: "Responsiveness under
//! Working Conditions", draft-ietf-ippm-responsiveness-09, sections "Responsiveness
//! Test Server" and "Responsiveness Test Server Discovery".
//!
//! HTTP/2 and HTTP/1.1 over TLS, chosen by ALPN. Its resources are a document that
//! names them, one octet to time, an endless download and an upload of any size.
//! Whoever can reach it can use it, so all it does is bounded ([`Limits`]), and an
//! upload is counted and never kept. A test that would be more than its address may have
//! is refused with status 429 and a time to come again, so that nobody takes the refusal
//! for a fault of the link; so is, by a few connections kept for that, who comes when all
//! others are taken. Beyond those it is closed at once.
//!
//! Read in this order: [`document`] (discovery), [`service`] (what is answered),
//! [`body`] (what is sent), [`limits`] (bounds), [`admission`] (who gets in, and what
//! each has had), [`files`] (the process's own limit), [`tls`] (certificates and ciphers), [`socket`] (the system's side), `watched`
//! (streams that count and hold little back), `window` (how far an upload may run ahead),
//! `connection` and `http2` (one client's life).

mod admission;
mod body;
mod connection;
pub mod document;
mod files;
mod http2;
mod limits;
#[cfg(test)]
mod refusal_tests;
mod service;
mod socket;
#[cfg(test)]
mod tests;
pub mod tls;
mod watched;
mod window;

pub use files::fit;
pub use limits::Limits;
pub use socket::bind;

use std::future::Future;
use std::io;
use std::net::TcpListener;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hearth_agent::link::sock_diag::SockDiag;
use serde::Serialize;
use tokio::task::JoinSet;

use crate::serve::Shutdown;
use admission::Admission;
use document::Place;

/// How long to wait after the system refused a connection, mostly for want of file
/// descriptors.
const REFUSED_PAUSE: Duration = Duration::from_millis(100);
/// How long a shutdown may go on answering what was asked.
const DRAIN: Duration = Duration::from_secs(2);

/// How the server serves.
#[derive(Debug, Clone)]
pub struct Config {
    /// Keys, ciphers and protocols.
    pub tls: tls::ServerTls,
    /// What the document says of where the server is.
    pub place: Place,
    /// What a client may take.
    pub limits: Limits,
}

/// What a server has done since it started.
#[derive(Debug, Default)]
pub struct Counters {
    connections: AtomicU64,
    refused: AtomicU64,
    turned_away: AtomicU64,
    failed_handshakes: AtomicU64,
    requests: AtomicU64,
    cut: AtomicU64,
    sent_bytes: AtomicU64,
    received_bytes: AtomicU64,
}

/// [`Counters`] at one instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Counted {
    /// Connections that were let in.
    pub connections: u64,
    /// Connections let in only to be told to come again, or closed at once, since their
    /// address or all had enough.
    pub refused: u64,
    /// Requests refused for now: the address had its bytes of the hour or as many tests
    /// as it may have, or all connections were taken.
    pub turned_away: u64,
    /// TLS handshakes that failed or took too long.
    pub failed_handshakes: u64,
    /// Requests answered, whatever the answer.
    pub requests: u64,
    /// Connections ended by a limit: time, bytes or idleness.
    pub cut: u64,
    /// Bytes sent by TCP, TLS and HTTP included.
    pub sent_bytes: u64,
    /// Bytes received by TCP, TLS and HTTP included.
    pub received_bytes: u64,
}

impl Counters {
    /// What was counted until now. The bytes of a connection are counted when it ends.
    pub fn read(&self) -> Counted {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counted {
            connections: of(&self.connections),
            refused: of(&self.refused),
            turned_away: of(&self.turned_away),
            failed_handshakes: of(&self.failed_handshakes),
            requests: of(&self.requests),
            cut: of(&self.cut),
            sent_bytes: of(&self.sent_bytes),
            received_bytes: of(&self.received_bytes),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the shell's clock")]
fn now() -> Instant {
    Instant::now()
}

fn count(counter: &AtomicU64, more: u64) {
    counter.fetch_add(more, Ordering::Relaxed);
}

/// Serves tests on `listeners` (see [`bind`]) until `shutdown` completes; what is
/// under way then is cut off within 2 s.
///
/// # Errors
/// When a listener can't be set up. Once running, nothing ends it but `shutdown`.
pub async fn run(
    listeners: Vec<TcpListener>,
    config: Config,
    counters: Arc<Counters>,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let (begin, signal) = Shutdown::new();
    let kernel = SockDiag::proven()
        .inspect_err(|error| tracing::debug!(%error, "all uploads get the largest window"))
        .ok();
    let server = Arc::new(Server {
        tls: config.tls,
        place: config.place,
        admission: Admission::new(config.limits, now()),
        limits: config.limits,
        counters: Arc::clone(&counters),
        kernel: Mutex::new(kernel),
    });
    let mut doors = JoinSet::new();
    for listener in listeners {
        let local = listener.local_addr()?;
        let listener = tokio::net::TcpListener::from_std(listener)?;
        tracing::info!(addr = %local, "responsiveness tests are served");
        doors.spawn(accept(listener, Arc::clone(&server), signal.clone()));
    }
    shutdown.await;
    begin.send_replace(true);
    while doors.join_next().await.is_some() {}
    tracing::info!(counted = ?counters.read(), "responsiveness server stopped");
    Ok(())
}

/// What every connection shares.
struct Server {
    tls: tls::ServerTls,
    place: Place,
    admission: Arc<Admission>,
    limits: Limits,
    counters: Arc<Counters>,
    /// Tells of connections' round trips, where it does.
    kernel: Mutex<Option<SockDiag>>,
}

/// Takes connections until the shutdown, then waits for those it has, within a bound.
async fn accept(listener: tokio::net::TcpListener, server: Arc<Server>, shutdown: Shutdown) {
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            () = shutdown.begun() => break,
            accepted = listener.accept() => accepted,
            // Ended ones are let go, or they would be kept for ever.
            Some(_) = connections.join_next() => continue,
        };
        match accepted {
            Ok((stream, peer)) => {
                let Some(admitted) = Admission::admit(&server.admission, peer.ip(), now()) else {
                    count(&server.counters.refused, 1);
                    tracing::debug!(%peer, "connection refused: too many");
                    continue;
                };
                let counters = &server.counters;
                let kind =
                    if admitted.is_refused() { &counters.refused } else { &counters.connections };
                count(kind, 1);
                let (server, shutdown) = (Arc::clone(&server), shutdown.clone());
                connections.spawn(async move {
                    connection::serve(stream, peer, admitted, &server, &shutdown).await;
                });
            }
            Err(error) => {
                tracing::debug!(%error, "a connection could not be taken");
                tokio::time::sleep(REFUSED_PAUSE).await;
            }
        }
    }
    drop(listener);
    let drained =
        tokio::time::timeout(DRAIN, async { while connections.join_next().await.is_some() {} });
    if drained.await.is_err() {
        connections.shutdown().await;
    }
}
