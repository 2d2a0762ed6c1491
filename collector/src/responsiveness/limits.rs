//! What a client may take, and who gets in.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Bounds on what clients may take. A client of the draft holds up to 16
/// load-generating connections and opens up to 100 more a second for its probes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Connections at once, of all clients.
    pub connections: u32,
    /// Connections at once from one address, or from one /64 of IPv6.
    pub per_address: u32,
    /// Streams at once on an HTTP/2 connection.
    pub streams: u32,
    /// How long a connection may last.
    pub lifetime: Duration,
    /// Bytes a connection may move, both ways together. The draft asks for downloads
    /// of at least 8 GB.
    pub bytes: u64,
    /// How long a connection may move nothing.
    pub idle: Duration,
    /// How long the TLS handshake may take, and an HTTP/1.1 request's head.
    pub handshake: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 1024,
            per_address: 256,
            streams: 128,
            lifetime: Duration::from_secs(120),
            bytes: 100_000_000_000,
            idle: Duration::from_secs(20),
            handshake: Duration::from_secs(10),
        }
    }
}

/// Who is in now. Holds at most as many entries as there are connections.
#[derive(Debug)]
pub(super) struct Admission {
    connections: u32,
    per_address: u32,
    inside: Mutex<Inside>,
}

#[derive(Debug, Default)]
struct Inside {
    all: u32,
    by_address: HashMap<IpAddr, u32>,
}

/// A place that is held until this is dropped.
#[derive(Debug)]
pub(super) struct Admitted {
    admission: Arc<Admission>,
    address: IpAddr,
}

impl Admission {
    pub(super) fn new(limits: &Limits) -> Arc<Self> {
        let (connections, per_address) = (limits.connections, limits.per_address);
        Arc::new(Self { connections, per_address, inside: Mutex::default() })
    }

    /// A place for a client at `peer`, unless it or all have enough.
    pub(super) fn admit(admission: &Arc<Self>, peer: IpAddr) -> Option<Admitted> {
        let address = whose(peer);
        let mut inside = admission.inside.lock().unwrap_or_else(PoisonError::into_inner);
        let own = inside.by_address.get(&address).copied().unwrap_or(0);
        if inside.all >= admission.connections || own >= admission.per_address {
            return None;
        }
        inside.all += 1;
        inside.by_address.insert(address, own + 1);
        Some(Admitted { admission: Arc::clone(admission), address })
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        let mut inside = self.admission.inside.lock().unwrap_or_else(PoisonError::into_inner);
        inside.all -= 1;
        if let Some(own) = inside.by_address.get_mut(&self.address) {
            *own -= 1;
            if *own == 0 {
                inside.by_address.remove(&self.address);
            }
        }
    }
}

/// The address that counts: a home has one of IPv4, and a /64 of IPv6 or more.
fn whose(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn admission(connections: u32, per_address: u32) -> Arc<Admission> {
        Admission::new(&Limits { connections, per_address, ..Limits::default() })
    }

    fn admit(admission: &Arc<Admission>, peer: &str) -> Option<Admitted> {
        Admission::admit(admission, peer.parse().unwrap())
    }

    #[test]
    fn a_home_is_counted_by_its_prefix() {
        let admission = admission(100, 1);
        let _six = admit(&admission, "2001:db8:0:1::1").unwrap();
        assert!(admit(&admission, "2001:db8:0:1:ffff::2").is_none(), "the same /64");
        assert!(admit(&admission, "2001:db8:0:2::1").is_some());
        let _four = admit(&admission, "192.0.2.1").unwrap();
        assert!(admit(&admission, "::ffff:192.0.2.1").is_none(), "the same, mapped");
        assert!(admit(&admission, "192.0.2.2").is_some());
    }

    proptest! {
        #[test]
        fn never_more_inside_than_allowed(
            steps in prop::collection::vec((0_u8..6, any::<bool>()), 0..200),
        ) {
            let admission = admission(7, 3);
            let mut inside: Vec<(u8, Admitted)> = Vec::new();
            for (host, leaves) in steps {
                if leaves && !inside.is_empty() {
                    inside.remove(usize::from(host) % inside.len());
                    continue;
                }
                let own = inside.iter().filter(|(of, _)| *of == host).count();
                let room = inside.len() < 7 && own < 3;
                let admitted = Admission::admit(&admission, IpAddr::from([192, 0, 2, host]));
                prop_assert_eq!(admitted.is_some(), room);
                inside.extend(admitted.map(|a| (host, a)));
            }
            inside.clear();
            prop_assert!(admission.inside.lock().unwrap().by_address.is_empty());
        }
    }
}
