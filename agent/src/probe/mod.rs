//! Probes: one file each, and each a thin shell around packets.
//!
//! Read [`outlet`] first (by which link a socket leaves), then [`datagram`] (UDP
//! with kernel timestamps and ICMP errors) and [`connection`] (TCP and TLS, each
//! phase timed, every octet counted), then the probes: [`stamp`], [`icmp`],
//! [`dns`], [`tcp`], [`http`] and [`path`], and the heavier ones, [`capacity`] and
//! [`responsiveness`], with what they share, [`heavy`] and
//! [`discovery`]. A probe says what came of
//! each packet; what it means is decided elsewhere.

use std::time::Duration;

pub mod capacity;
pub mod connection;
pub mod datagram;
pub mod discovery;
pub mod dns;
mod first_octet;
pub mod heavy;
#[cfg(test)]
mod hostile;
pub mod http;
pub mod icmp;
pub mod outlet;
pub mod path;
pub mod responsiveness;
pub mod stamp;
pub mod tcp;
#[cfg(test)]
pub(crate) mod test_tls;

/// After so long without an answer a probe counts as lost.
pub const TIMEOUT: Duration = Duration::from_secs(3);
