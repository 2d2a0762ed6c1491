//! Looks again whenever the kernel notifies. The only part of `discover` that
//! reads a clock.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rtnetlink::MulticastGroup;
use rtnetlink::sys::protocols::NETLINK_ROUTE;
use rtnetlink::sys::{AsyncSocket, AsyncSocketExt, SocketAddr, TokioSocket};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use super::follow::{LinkChange, Links, Selection, diff, follow};
use super::{DiscoverError, dump};
use crate::link::netlink::Netlink;

/// Notifications come in bursts: a look waits so long for the rest of one.
const COALESCE: Duration = Duration::from_millis(75);
/// After a look that found nothing new: some drivers notify without end.
const PAUSE: Duration = Duration::from_millis(200);
/// After a failure.
const RETRY: Duration = Duration::from_secs(1);
/// Updates that wait to be taken. When it is full the watcher waits, the kernel
/// queues and at last drops notifications, and one look makes up for them all.
const QUEUE: usize = 16;
/// Notifications are not parsed: the list is asked for instead.
const NOTIFICATION_BYTES: usize = 1 << 10;

const GROUPS: [MulticastGroup; 5] = [
    MulticastGroup::Link,
    MulticastGroup::Ipv4Ifaddr,
    MulticastGroup::Ipv6Ifaddr,
    MulticastGroup::Ipv4Route,
    MulticastGroup::Ipv6Route,
];

/// What changed since the update before.
#[derive(Debug, Clone)]
pub struct Update {
    /// When the first notification of the burst came; up to 0.2 s later where
    /// a driver notifies without end.
    pub noticed: Instant,
    /// At least one.
    pub changes: Vec<LinkChange>,
    /// All links as they are now.
    pub links: Arc<Links>,
}

/// Follows this machine's links. Dropping it ends that.
#[derive(Debug)]
pub struct Watcher {
    updates: mpsc::Receiver<Update>,
    overruns: Arc<AtomicU64>,
    task: AbortHandle,
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Watcher {
    /// The links as they are now, and a watcher of what happens to them from
    /// here on. It stays in the network namespace of the calling thread.
    ///
    /// # Errors
    /// When the kernel gives no socket, or refuses the first list.
    pub async fn start(
        netlink: Netlink,
        selection: Selection,
    ) -> Result<(Arc<Links>, Self), DiscoverError> {
        // Subscribed before the first look, so that nothing falls between.
        let socket = subscribe().map_err(DiscoverError::Open)?;
        let machine = dump::machine(&netlink).await?;
        let links = Arc::new(follow(&Links::new(), &machine, &selection));
        let (sender, updates) = mpsc::channel(QUEUE);
        let overruns = Arc::new(AtomicU64::new(0));
        let follower = Follower {
            netlink,
            selection,
            links: Arc::clone(&links),
            sender,
            overruns: Arc::clone(&overruns),
        };
        let task = tokio::spawn(follower.run(socket)).abort_handle();
        Ok((links, Self { updates, overruns, task }))
    }

    /// The next changes. Safe to drop and call again. `None` only once the
    /// runtime shuts down.
    pub async fn next(&mut self) -> Option<Update> {
        self.updates.recv().await
    }

    /// How often the kernel dropped notifications because too many waited. Each
    /// time a look made up for it.
    pub fn overruns(&self) -> u64 {
        self.overruns.load(Ordering::Relaxed)
    }
}

fn subscribe() -> io::Result<TokioSocket> {
    let mut socket = TokioSocket::new(NETLINK_ROUTE)?;
    let groups = GROUPS.iter().fold(0, |bits, group| bits | 1 << (*group as u32 - 1));
    socket.socket_mut().bind(&SocketAddr::new(0, groups))?;
    Ok(socket)
}

struct Follower {
    netlink: Netlink,
    selection: Selection,
    links: Arc<Links>,
    sender: mpsc::Sender<Update>,
    overruns: Arc<AtomicU64>,
}

impl Follower {
    async fn run(mut self, mut socket: TokioSocket) {
        loop {
            let noticed = match self.notified(&socket).await {
                Ok(at) => at,
                Err(error) => {
                    tracing::warn!(%error, "netlink notifications ended, subscribing again");
                    socket = resubscribe().await;
                    // What happened meanwhile is found by a look now.
                    now()
                }
            };
            tokio::time::sleep(COALESCE).await;
            self.drain(&socket);
            match self.look(noticed).await {
                Found::Changes => {}
                Found::Nothing => tokio::time::sleep(PAUSE).await,
                Found::NobodyListens => return,
            }
        }
    }

    /// Looks until it succeeds, and tells what it found.
    async fn look(&mut self, noticed: Instant) -> Found {
        let machine = loop {
            match dump::machine(&self.netlink).await {
                Ok(machine) => break machine,
                Err(error) => {
                    let cause = std::error::Error::source(&error).map(ToString::to_string);
                    tracing::warn!(%error, cause, "will look for links again");
                    tokio::time::sleep(RETRY).await;
                }
            }
        };
        let links = Arc::new(follow(&self.links, &machine, &self.selection));
        let changes = diff(&self.links, &links);
        self.links = Arc::clone(&links);
        if changes.is_empty() {
            return Found::Nothing;
        }
        match self.sender.send(Update { noticed, changes, links }).await {
            Ok(()) => Found::Changes,
            Err(_) => Found::NobodyListens,
        }
    }

    /// Waits for a notification and says when it came. That some were lost counts
    /// as one.
    async fn notified(&self, socket: &TokioSocket) -> io::Result<Instant> {
        let mut datagram = Vec::with_capacity(NOTIFICATION_BYTES);
        match socket.recv_from(&mut datagram).await {
            Ok(_) => {}
            Err(error) if is_overrun(&error) => self.overrun(),
            Err(error) => return Err(error),
        }
        Ok(now())
    }

    /// Takes what is queued: one look answers it all.
    fn drain(&self, socket: &TokioSocket) {
        let mut datagram = Vec::with_capacity(NOTIFICATION_BYTES);
        loop {
            datagram.clear();
            match socket.socket_ref().recv_from(&mut datagram, 0) {
                Ok(_) => {}
                Err(error) if is_overrun(&error) => self.overrun(),
                // Empty, or an error that the next wait will meet again.
                Err(_) => return,
            }
        }
    }

    fn overrun(&self) {
        self.overruns.fetch_add(1, Ordering::Relaxed);
        tracing::debug!("the kernel dropped netlink notifications, looking at all links");
    }
}

enum Found {
    Nothing,
    Changes,
    NobodyListens,
}

async fn resubscribe() -> TokioSocket {
    loop {
        match subscribe() {
            Ok(socket) => return socket,
            Err(error) => {
                tracing::warn!(%error, "can't open a netlink socket, trying again");
                tokio::time::sleep(RETRY).await;
            }
        }
    }
}

fn is_overrun(error: &io::Error) -> bool {
    error.raw_os_error() == Some(nix::errno::Errno::ENOBUFS as i32)
}

#[expect(clippy::disallowed_methods, reason = "the shell that stamps notifications")]
fn now() -> Instant {
    Instant::now()
}
