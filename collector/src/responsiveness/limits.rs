//! What clients may take.

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

/// Connections of one test that bear load, at most (the draft's section 4.1).
pub(super) const FLOWS: u32 = 16;
/// Connections beyond the limits that are told to come again rather than closed: enough
/// for the agents that happen to come in the same few seconds.
pub(super) const RESERVE: u32 = 32;
/// The same, of one address: a flood must not take the others' word.
pub(super) const RESERVE_PER_ADDRESS: u32 = 4;
/// How long a place of the reserve may be held: a handshake and an exchange over a slow
/// link, so that who dallies there soon makes room.
const RESERVE_HANDSHAKE: Duration = Duration::from_secs(3);
const RESERVE_LIFETIME: Duration = Duration::from_secs(3);
const RESERVE_IDLE: Duration = Duration::from_secs(1);
const RESERVE_BYTES: u64 = 64 << 10;

/// Bounds on what clients may take. A client of the draft holds up to 16
/// load-generating connections and opens up to 100 more a second for its probes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Connections at once, of all clients.
    pub connections: u32,
    /// Connections at once from one address.
    pub per_address: u32,
    /// Tests at once from one address: for each, [`FLOWS`] connections that bear load.
    pub tests: u32,
    /// Bytes that one address may move in an hour, both ways together.
    pub hour_bytes: u64,
    /// Bits of an IPv6 address that count as one address: a home has one of IPv4 and,
    /// of IPv6, a /56 or a /64.
    pub ipv6_prefix: u8,
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
            tests: 8,
            // The agents' tests are of 2.5 GB at most, and six an hour may be ordered for
            // a home: room for six such homes behind one address.
            hour_bytes: 100_000_000_000,
            ipv6_prefix: 56,
            streams: 128,
            lifetime: Duration::from_secs(120),
            bytes: 100_000_000_000,
            idle: Duration::from_secs(20),
            handshake: Duration::from_secs(10),
        }
    }
}

impl Limits {
    /// Connections of one address that may bear load at once.
    pub(super) fn loads(&self) -> u32 {
        self.tests.saturating_mul(FLOWS)
    }

    /// What a connection may take that is only told to come again.
    pub(super) fn of_reserve(self) -> Self {
        Self {
            lifetime: self.lifetime.min(RESERVE_LIFETIME),
            bytes: self.bytes.min(RESERVE_BYTES),
            idle: self.idle.min(RESERVE_IDLE),
            handshake: self.handshake.min(RESERVE_HANDSHAKE),
            ..self
        }
    }

    /// The address that counts for a client at `peer`.
    pub(super) fn whose(&self, peer: IpAddr) -> IpAddr {
        match peer.to_canonical() {
            IpAddr::V6(v6) => {
                let rest = 128 - u32::from(self.ipv6_prefix.min(128));
                let kept = u128::MAX.checked_shl(rest).unwrap_or(0);
                Ipv6Addr::from_bits(v6.to_bits() & kept).into()
            }
            v4 @ IpAddr::V4(_) => v4,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_home_is_counted_by_its_prefix() {
        let whose = |ipv6_prefix, peer: &str| {
            let limits = Limits { ipv6_prefix, ..Limits::default() };
            limits.whose(peer.parse().unwrap()).to_string()
        };
        assert_eq!(whose(56, "2001:db8:0:1ff::1"), "2001:db8:0:100::");
        assert_eq!(whose(64, "2001:db8:0:1ff:5::1"), "2001:db8:0:1ff::");
        assert_eq!(whose(128, "2001:db8::1"), "2001:db8::1");
        assert_eq!(whose(0, "2001:db8::1"), "::");
        assert_eq!(whose(56, "::ffff:192.0.2.1"), "192.0.2.1", "the same, mapped");
    }
}
