//! One result of one probe.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::time::UnixMs;

/// A kind of measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProbeKind {
    /// RFC 8762: the `rtt` metric over UDP.
    Stamp,
    /// ICMP echo: the `rtt` metric over ICMP.
    Icmp,
    /// `dns_ms`.
    Dns,
    /// `tcp_connect_ms`.
    TcpConnect,
    /// `tls_handshake_ms`.
    TlsHandshake,
    /// `http_ttfb_ms`.
    HttpTtfb,
    /// A TTL-limited datagram, answered by a router on the way.
    Hop,
}

impl ProbeKind {
    /// The stable name, as in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Stamp => "stamp",
            Self::Icmp => "icmp",
            Self::Dns => "dns",
            Self::TcpConnect => "tcp-connect",
            Self::TlsHandshake => "tls-handshake",
            Self::HttpTtfb => "http-ttfb",
            Self::Hop => "hop",
        }
    }
}

impl fmt::Display for ProbeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a target stands for on the way out of the home.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// The link's next hop.
    Gateway,
    /// The first router behind the gateway.
    FirstHop,
    /// The far end that answers the agent's probes.
    Reflector,
    /// A host named by the user.
    Target,
    /// A DNS resolver.
    Resolver,
}

impl Role {
    /// Whether an answer proves that the link carries traffic beyond the home.
    #[inline]
    pub fn is_far(self) -> bool {
        matches!(self, Self::Reflector | Self::Target)
    }
}

/// An IP version. Figures of the two are kept apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// Why a probe got no answer that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// Nothing came back in time.
    Timeout,
    /// The far end refused: a reset, a closed port.
    Refused,
    /// A router on the way said that it can't be reached.
    Unreachable,
    /// It never left: no route or address on the link.
    NoRoute,
    /// It never left: permission, buffer or binding.
    Local,
    /// The name did not resolve.
    Name,
    /// The answer breaks the protocol.
    Protocol,
    /// An HTTP status of 400 or over, or a DNS error code.
    Status,
}

impl Cause {
    /// All causes.
    pub const ALL: [Self; 8] = [
        Self::Timeout,
        Self::Refused,
        Self::Unreachable,
        Self::NoRoute,
        Self::Local,
        Self::Name,
        Self::Protocol,
        Self::Status,
    ];

    /// Whether it is a loss: it left, and nothing came back that proves the path.
    /// A refusal is the target's, an error here is ours; neither is the link's.
    #[inline]
    pub fn is_loss(self) -> bool {
        matches!(self, Self::Timeout | Self::Unreachable)
    }

    /// Whether something beyond the link answered, if only to refuse.
    pub fn proves_the_path(self) -> bool {
        matches!(self, Self::Refused | Self::Protocol | Self::Status)
    }
}

/// Which probe to which target: what samples are summarised by.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SeriesKey {
    /// The kind of probe.
    pub probe: ProbeKind,
    /// What the target stands for.
    pub role: Role,
    /// The IP version used.
    pub family: Family,
    /// The target as the user wrote it; empty where the role says it all.
    pub target: String,
}

/// One probe's result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// When the probe was sent: its slot is the one that holds this instant.
    pub sent_at: UnixMs,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of a probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was answered after so many microseconds.
    Answered {
        /// Microseconds, by the metric's definition.
        us: u32,
    },
    /// It was not.
    Failed(Cause),
}
