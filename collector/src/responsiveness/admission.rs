//! Who is in, and what each address has had. Time is passed in.
//!
//! Who comes when its address or all have as many connections as may be is closed at once,
//! but for a small [`RESERVE`]: those are let in to be told to come again, and get nothing
//! else.
//!
//! An address is remembered while it has a connection, and until the hour that began
//! with its first is over. At most [`REMEMBERED`] are: then the one whose hour began
//! first makes room.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::limits::{FLOWS, Limits, RESERVE, RESERVE_PER_ADDRESS};

/// The time that bytes are counted over.
const HOUR: Duration = Duration::from_secs(3600);
/// Addresses remembered: under 16 MB when full.
const REMEMBERED: usize = 65_536;
/// When to come again where tests of others have to end first: about a test's length.
const SOON: Duration = Duration::from_secs(60);

/// Why something is not given now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotNow {
    /// The address has had its bytes of the hour, which ends so much later.
    Hour(Duration),
    /// There are as many tests at this address as may be.
    Tests,
    /// The address has all connections it may have.
    Crowded,
    /// The server has all connections it can take.
    Full,
}

impl NotNow {
    /// When to come again, in whole seconds.
    pub(super) fn retry_after_s(self) -> u64 {
        let after = match self {
            Self::Hour(left) => left,
            Self::Tests | Self::Crowded | Self::Full => SOON,
        };
        // Not a moment before.
        after.as_secs() + 1
    }
}

/// What an address has had in its hour, and has now.
#[derive(Debug, Default)]
pub(super) struct Client {
    /// Bytes of the hour, both ways.
    moved: AtomicU64,
    /// Connections that bear load.
    loads: AtomicU32,
    /// Connections.
    inside: AtomicU32,
    /// Connections of the reserve.
    turned_away: AtomicU32,
    /// When the hour ends, since the admission's beginning.
    ends_ms: AtomicU64,
}

/// Who is in now, and was.
#[derive(Debug)]
pub(super) struct Admission {
    limits: Limits,
    room: usize,
    began: Instant,
    /// Connections in all.
    all: AtomicU32,
    /// Connections of the reserve in all.
    turned_away: AtomicU32,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    by_address: HashMap<IpAddr, (u64, Arc<Client>)>,
    /// By the end of the hour, in milliseconds since the beginning.
    by_end: BTreeSet<(u64, IpAddr)>,
}

/// A place that is held until this is dropped.
#[derive(Debug)]
pub(super) struct Admitted {
    admission: Arc<Admission>,
    /// The address that counts.
    pub(super) address: IpAddr,
    client: Arc<Client>,
    /// Why it is given nothing.
    refusal: Option<NotNow>,
    /// Transfers under way on this connection.
    transfers: Mutex<u32>,
}

/// A transfer of a connection, until this is dropped.
#[derive(Debug)]
pub(super) struct Transfer(Arc<Admitted>);

impl Admission {
    pub(super) fn new(limits: Limits, now: Instant) -> Arc<Self> {
        Self::with_room(limits, now, REMEMBERED)
    }

    fn with_room(limits: Limits, now: Instant, room: usize) -> Arc<Self> {
        let (all, turned_away, known) = Default::default();
        Arc::new(Self { limits, room, began: now, all, turned_away, known })
    }

    /// A place for a client at `peer`; one of the reserve where it or all have enough, and
    /// none where that is taken too.
    pub(super) fn admit(this: &Arc<Self>, peer: IpAddr, now: Instant) -> Option<Arc<Admitted>> {
        let address = this.limits.whose(peer);
        let now_ms = this.since(now);
        // Who comes in does so under this lock, so that no two take the last place.
        let mut known = this.known.lock().unwrap_or_else(PoisonError::into_inner);
        let all = this.all.load(Ordering::Relaxed);
        let known_client = known.by_address.get(&address).map(|(_, client)| Arc::clone(client));
        let own = |count: fn(&Client) -> &AtomicU32| {
            known_client.as_ref().map_or(0, |client| count(client).load(Ordering::Relaxed))
        };
        let refusal = if own(|client| &client.inside) >= this.limits.per_address {
            Some(NotNow::Crowded)
        } else {
            (all >= this.limits.connections).then_some(NotNow::Full)
        };
        if refusal.is_some()
            && (this.turned_away.load(Ordering::Relaxed) >= RESERVE
                || own(|client| &client.turned_away) >= RESERVE_PER_ADDRESS)
        {
            return None;
        }
        let client = known.of(address, now_ms, this.room);
        let (admission, transfers) = (Arc::clone(this), Mutex::new(0));
        let admitted = Admitted { admission, address, client, refusal, transfers };
        for count in admitted.counts() {
            count.fetch_add(1, Ordering::Relaxed);
        }
        drop(known);
        Some(Arc::new(admitted))
    }

    fn since(&self, now: Instant) -> u64 {
        let since = now.saturating_duration_since(self.began).as_millis();
        since.try_into().unwrap_or(u64::MAX)
    }
}

impl Known {
    /// The one at `address`, in an hour that is not over.
    fn of(&mut self, address: IpAddr, now_ms: u64, room: usize) -> Arc<Client> {
        self.forget(now_ms);
        let until = now_ms.saturating_add(HOUR.as_millis() as u64);
        if let Some((ends, client)) = self.by_address.get_mut(&address) {
            if *ends <= now_ms {
                self.by_end.remove(&(*ends, address));
                self.by_end.insert((until, address));
                *ends = until;
                client.begin(until);
            }
            return Arc::clone(client);
        }
        if self.by_address.len() >= room {
            // Those inside are far fewer than are remembered.
            let oldest = self.by_end.iter().find(|(_, address)| !self.is_inside(*address)).copied();
            if let Some((ends, oldest)) = oldest {
                self.by_end.remove(&(ends, oldest));
                self.by_address.remove(&oldest);
            }
        }
        let client = Arc::<Client>::default();
        client.begin(until);
        self.by_address.insert(address, (until, Arc::clone(&client)));
        self.by_end.insert((until, address));
        client
    }

    /// Forgets whose hour is over and who has gone.
    fn forget(&mut self, now_ms: u64) {
        let over: Vec<_> = self.by_end.range(..=(now_ms, LAST)).copied().collect();
        for (ends, address) in over {
            if !self.is_inside(address) {
                self.by_end.remove(&(ends, address));
                self.by_address.remove(&address);
            }
        }
    }

    fn is_inside(&self, address: IpAddr) -> bool {
        let client = self.by_address.get(&address);
        client.is_some_and(|(_, client)| {
            [&client.inside, &client.turned_away].iter().any(|n| n.load(Ordering::Relaxed) > 0)
        })
    }
}

/// After every other address.
const LAST: IpAddr = IpAddr::V6(std::net::Ipv6Addr::from_bits(u128::MAX));

impl Client {
    fn begin(&self, ends_ms: u64) {
        self.moved.store(0, Ordering::Relaxed);
        self.ends_ms.store(ends_ms, Ordering::Relaxed);
    }
}

impl Admitted {
    /// Whether its place is one of the reserve.
    pub(super) fn is_refused(&self) -> bool {
        self.refusal.is_some()
    }

    /// Where it counts: its address's connections and all.
    fn counts(&self) -> [&AtomicU32; 2] {
        if self.is_refused() {
            [&self.client.turned_away, &self.admission.turned_away]
        } else {
            [&self.client.inside, &self.admission.all]
        }
    }

    /// Counts what was moved.
    pub(super) fn moved(&self, bytes: u64) {
        let most = self.admission.limits.hour_bytes;
        let before = self.client.moved.fetch_add(bytes, Ordering::Relaxed);
        if before < most && before + bytes >= most {
            let client = self.address;
            tracing::info!(%client, bytes = most, "had its bytes of the hour: refused until it ends");
        }
    }

    /// Whether the address has had its bytes of the hour. Whoever stays connected beyond
    /// it gets no new one.
    pub(super) fn has_had_its_hour(&self) -> bool {
        self.client.moved.load(Ordering::Relaxed) >= self.admission.limits.hour_bytes
    }

    /// Whether anything is given at all.
    pub(super) fn may_ask(&self, now: Instant) -> Result<(), NotNow> {
        self.refusal.map_or(Ok(()), Err)?;
        if !self.has_had_its_hour() {
            return Ok(());
        }
        let ends_ms = self.client.ends_ms.load(Ordering::Relaxed);
        let left = Duration::from_millis(ends_ms.saturating_sub(self.admission.since(now)));
        Err(NotNow::Hour(left))
    }

    /// Whether another test may begin: there is room for all its connections, or nobody
    /// else is there. A hint, so that it is not refused half-way.
    pub(super) fn may_test(&self, now: Instant) -> Result<(), NotNow> {
        self.may_ask(now)?;
        let limits = &self.admission.limits;
        let lacks = |taken: u32, most: u32| taken > 0 && taken.saturating_add(FLOWS) > most;
        // This connection is no other's.
        let others = |count: &AtomicU32| count.load(Ordering::Relaxed).saturating_sub(1);
        if lacks(self.client.loads.load(Ordering::Relaxed), limits.loads())
            || lacks(others(&self.client.inside), limits.per_address)
        {
            return Err(NotNow::Tests);
        }
        if lacks(others(&self.admission.all), limits.connections) {
            return Err(NotNow::Full);
        }
        Ok(())
    }

    /// Begins a transfer, unless connections of the same address bear as many as they may.
    pub(super) fn transfer(self: &Arc<Self>, now: Instant) -> Result<Transfer, NotNow> {
        self.may_ask(now)?;
        let mut transfers = self.transfers.lock().unwrap_or_else(PoisonError::into_inner);
        if *transfers == 0 {
            let most = self.admission.limits.loads();
            let more = |loads| (loads < most).then_some(loads + 1);
            let taken = self.client.loads.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
            taken.map_err(|_| NotNow::Tests)?;
        }
        *transfers += 1;
        Ok(Transfer(Arc::clone(self)))
    }
}

impl Drop for Transfer {
    fn drop(&mut self) {
        let mut transfers = self.0.transfers.lock().unwrap_or_else(PoisonError::into_inner);
        *transfers -= 1;
        if *transfers == 0 {
            self.0.client.loads.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        for count in self.counts() {
            count.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
#[path = "admission_tests.rs"]
mod tests;
