//! The far end that answers the agent's probes: a stateful STAMP reflector
//! (RFC 8762, unauthenticated and authenticated, with RFC 8972's session
//! identifier and extensions), IPv4 and IPv6.
//!
//! Read [`answer`] first (pure: which packets are answered, and with what), then
//! [`guard`] (pure: what is an answer itself), [`sessions`] (pure: the number a
//! session's next reply bears) and [`socket`] (kernel timestamps, TTL and local
//! address). This file is the loop around them.
//!
//! It sends exactly as many octets as it received and answers from the address it was
//! asked at. Two that answer can't go on answering each other: whoever forges an
//! address gets one reply out of another reflector or an echo and at most 33 out of any
//! other service that says the same, or no number that counts; and a session that does
//! count at most 2,000 a second. A TWAMP Light sender
//! (RFC 5357, appendix I) is answered if it pads its packets to 41 octets, as
//! RFC 6038 has it for packets of one size both ways: the least reply is that
//! long, and what is shorter (14 octets at least) is counted and not answered,
//! for a reply that is larger would serve an attack by a forged address.

#![expect(clippy::disallowed_methods, reason = "reads the clock beside the system calls")]

mod answer;
mod guard;
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
/// How often a loop that was broken is told of.
const TELL_EVERY: Duration = Duration::from_secs(3600);

/// What a reflector has done since it started.
#[derive(Debug, Default)]
pub struct Counters {
    answered: AtomicU64,
    malformed: AtomicU64,
    loops: AtomicU64,
    too_fast: AtomicU64,
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
    /// Packets that answered ours, or whose sender seems to do nothing else.
    pub loops: u64,
    /// Packets of sessions that sent more than 2,000 a second.
    pub too_fast: u64,
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
            too_fast: of(&self.too_fast),
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
    let told_of_a_loop = Arc::default();
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
            told_of_a_loop: Arc::clone(&told_of_a_loop),
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
    told_of_a_loop: Arc<Mutex<Option<Instant>>>,
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
        let mut number = |key, said| {
            let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
            let (seq, evicted) = sessions.next(key, said, Instant::now())?;
            if evicted {
                count(&self.counters.evicted);
            }
            Ok(seq)
        };
        let asked = Asked {
            octets: &buffer[..received.len],
            from: received.from,
            received: received.at.unwrap_or_else(since_unix),
            ttl: received.ttl,
        };
        let made = answer(&self.policy, asked, clock::bound(), &mut number);
        match made {
            Ok(answer) => answer.write(since_unix(), reply),
            Err(refusal) => {
                if refusal == Refusal::MightLoop {
                    self.tell_of_a_loop(received.from);
                }
                return count(match refusal {
                    Refusal::TooShort => &self.counters.malformed,
                    Refusal::MightLoop => &self.counters.loops,
                    Refusal::TooFast => &self.counters.too_fast,
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

impl Reflector {
    /// Once an hour: whoever forges packets must not fill the log as well.
    fn tell_of_a_loop(&self, from: SocketAddr) {
        let told_at = &self.told_of_a_loop;
        let mut told_at = told_at.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if told_at.is_some_and(|at| now.saturating_duration_since(at) < TELL_EVERY) {
            return;
        }
        *told_at = Some(now);
        let so_far = self.counters.loops.load(Ordering::Relaxed) + 1;
        tracing::warn!(
            %from, so_far,
            "not answered: it answers replies, or somebody forges its address"
        );
    }
}

/// Wall time, which is what timestamps are of.
fn since_unix() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}
