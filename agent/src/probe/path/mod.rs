//! The routers near the home: datagrams whose TTL ends at one, which it answers
//! by ICMP.
//!
//! Read [`walker`] first (sends and hears), then the pure parts: [`flight`]
//! (which probe an answer is about), [`watch`] (which routers there are, and when
//! they are others) and [`first`] (which of them is the operator's first).
//!
//! It needs no privilege: the socket's own error queue (`IP_RECVERR`) tells, and
//! the socket is bound to its link like any other. trippy-core does not fit: it
//! takes an interface's address for its source, which policy routing overrides,
//! never binds to the device, and on Linux hears by raw sockets only, on a thread
//! of its own per trace.
//!
//! All probes of a walker have one source port and one destination port, so that
//! routers that balance flows send them all one way (as Paris traceroute does).

pub mod first;
pub mod flight;
pub mod walker;
pub mod watch;

pub use first::{Stand, first_isp_hop, is_private};
pub use flight::{Answered, Resolved};
pub use walker::Walker;
pub use watch::{Found, Place, Watch, Who};

/// Octets of UDP payload.
pub const PAYLOAD_BYTES: u32 = 24;
/// A port where nobody listens, as traceroute's.
pub const PORT: u16 = 33_434;
/// How many routers are watched: far enough to see behind a second router in the
/// home, near enough to be the access network's.
pub const DEPTH: u8 = 4;
