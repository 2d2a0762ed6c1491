//! The far end that answers the agent's probes: a stateful STAMP reflector
//! (RFC 8762, unauthenticated and authenticated, with RFC 8972's session
//! identifier and extensions), IPv4 and IPv6.
//!
//! Read [`answer`] first (pure: which packets are answered, and with what), then
//! [`sessions`] (pure: the number a session's next reply bears) and [`socket`]
//! (kernel timestamps, TTL and local address). This file is the loop around
//! them.
//!
//! It sends exactly as many octets as it received, answers from the address it was
//! asked at, and leaves alone what another reflector or a low port sends, since
//! two of a kind could answer each other without end. A TWAMP Light sender
//! (RFC 5357, appendix I) is answered if it pads its packets to 41 octets, as
//! RFC 6038 has it for packets of one size both ways: the least reply is that
//! long, and what is shorter (14 octets at least) is counted and not answered,
//! for a reply that is larger would serve an attack by a forged address.

#![expect(clippy::disallowed_methods, reason = "reads the clock beside the system calls")]

mod answer;
mod sessions;
mod socket;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use serde::Serialize;
use tokio::io::Interest;

pub use answer::Policy;
use answer::{Asked, Refusal, answer};
use hearth_proto::stamp::clock;
use sessions::Sessions;
pub use socket::bind;
use socket::{Received, prepare, receive, send};

/// The largest datagram looked at. More of one is not returned.
const MAX_DATAGRAM: usize = 9 * 1024;
/// Datagrams taken before other tasks of the thread get their turn.
const BATCH: usize = 64;

/// What a reflector has done since it started.
#[derive(Debug, Default)]
pub struct Counters {
    answered: AtomicU64,
    malformed: AtomicU64,
    loops: AtomicU64,
    unauthentic: AtomicU64,
    unauthenticated: AtomicU64,
    unsent: AtomicU64,
    evicted: AtomicU64,
}

/// [`Counters`] at one instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Counted {
    /// Packets answered.
    pub answered: u64,
    /// Packets too short to be STAMP's, or to be answered in their own size.
    pub malformed: u64,
    /// Packets from a port that might answer back: under 1024, or our own.
    pub loops: u64,
    /// Packets whose HMAC is wrong.
    pub unauthentic: u64,
    /// Packets without an HMAC, where one is wanted.
    pub unauthenticated: u64,
    /// Replies that the system refused to send.
    pub unsent: u64,
    /// Sessions forgotten to make room for others.
    pub evicted: u64,
}

impl Counters {
    /// What was counted until now.
    pub fn read(&self) -> Counted {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counted {
            answered: of(&self.answered),
            malformed: of(&self.malformed),
            loops: of(&self.loops),
            unauthentic: of(&self.unauthentic),
            unauthenticated: of(&self.unauthenticated),
            unsent: of(&self.unsent),
            evicted: of(&self.evicted),
        }
    }
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// Answers whom `policy` admits on `sockets` (see [`bind`]) until `shutdown` completes.
/// The sockets are closed when it returns.
///
/// # Errors
/// When a socket can't be set up. Once running, nothing ends it but `shutdown`.
pub async fn run(
    sockets: Vec<UdpSocket>,
    policy: Policy,
    counters: Arc<Counters>,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let policy = Arc::new(policy);
    let sessions = Arc::new(Mutex::new(Sessions::default()));
    let mut tasks = tokio::task::JoinSet::new();
    for socket in sockets {
        prepare(&socket)?;
        let local = socket.local_addr()?;
        let socket = tokio::net::UdpSocket::from_std(socket)?;
        let authenticated = policy.key.is_some();
        tracing::info!(%local, authenticated, "reflector answers");
        let reflector = Reflector {
            local,
            policy: Arc::clone(&policy),
            sessions: Arc::clone(&sessions),
            counters: Arc::clone(&counters),
        };
        tasks.spawn(reflector.serve(socket));
    }
    shutdown.await;
    tasks.shutdown().await;
    tracing::info!(counted = ?counters.read(), "reflector stopped");
    Ok(())
}

struct Reflector {
    local: SocketAddr,
    policy: Arc<Policy>,
    sessions: Arc<Mutex<Sessions>>,
    counters: Arc<Counters>,
}

impl Reflector {
    async fn serve(self, socket: tokio::net::UdpSocket) {
        let mut buffer = vec![0; MAX_DATAGRAM];
        let mut reply = Vec::with_capacity(MAX_DATAGRAM);
        loop {
            if let Err(error) = socket.readable().await {
                tracing::warn!(%error, local = %self.local, "reflector's runtime ended");
                return;
            }
            for _ in 0..BATCH {
                let received = socket.try_io(Interest::READABLE, || {
                    receive(&socket, &mut buffer).map_err(io::Error::from)
                });
                match received {
                    Ok(Some(received)) => self.reflect(&socket, &buffer, received, &mut reply),
                    Ok(None) => count(&self.counters.malformed),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    // An interrupted call, or an earlier reply's ICMP error.
                    Err(error) => tracing::debug!(%error, "reflector's receive failed"),
                }
            }
            tokio::task::yield_now().await;
        }
    }

    fn reflect(
        &self,
        socket: &tokio::net::UdpSocket,
        buffer: &[u8],
        received: Received,
        reply: &mut Vec<u8>,
    ) {
        let mut number = |key| {
            let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
            let (seq, evicted) = sessions.next(key, Instant::now());
            if evicted {
                count(&self.counters.evicted);
            }
            seq
        };
        let asked = Asked {
            octets: &buffer[..received.len],
            from: received.from,
            received: received.at.unwrap_or_else(since_unix),
            ttl: received.ttl,
        };
        let made = answer(&self.policy, asked, self.local.port(), clock::bound(), &mut number);
        match made {
            Ok(answer) => answer.write(since_unix(), reply),
            Err(refusal) => {
                return count(match refusal {
                    Refusal::TooShort => &self.counters.malformed,
                    Refusal::MightLoop => &self.counters.loops,
                    Refusal::Unauthentic => &self.counters.unauthentic,
                    Refusal::Unauthenticated => &self.counters.unauthenticated,
                });
            }
        }
        match send(socket, reply, &received) {
            Ok(()) => count(&self.counters.answered),
            Err(errno) => {
                tracing::debug!(%errno, to = %received.from, "reflector's reply was not sent");
                count(&self.counters.unsent);
            }
        }
    }
}

/// Wall time, which is what timestamps are of.
fn since_unix() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}
