//! ICMP echo by surge-ping: one client per link and IP version.

use std::io;
use std::net::IpAddr;
use std::time::Duration;

use hearth_proto::{Cause, Family};
use nix::net::if_::if_nametoindex;
use surge_ping::{Client, Config, ICMP, IcmpPacket, PingIdentifier, PingSequence, SurgeError};

use super::TIMEOUT;
use super::outlet::{Outlet, send_cause};

/// Octets of ICMP payload of each echo.
pub const PAYLOAD_BYTES: u32 = 56;

const V4_ECHO_REPLY: u8 = 0;
const V6_ECHO_REPLY: u8 = 129;

/// Why there is no ICMP.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Neither kind of socket is allowed.
    #[error("not permitted to open an ICMP socket")]
    Permission,
    /// The system refused otherwise.
    #[error("can't open an ICMP socket")]
    System(#[source] io::Error),
}

impl OpenError {
    /// What would help, in words.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Permission => {
                "as root, `sysctl -w net.ipv4.ping_group_range=\"0 2147483647\"` allows it to \
                 everybody, `setcap cap_net_raw+ep PROGRAM` to this program"
            }
            Self::System(_) => "see the system's message",
        }
    }
}

/// Sends echoes by one link in one IP version.
pub struct Echo {
    client: Client,
    outlet: Outlet,
    identifier: u16,
    /// What a link-local destination needs.
    scope: u32,
}

impl std::fmt::Debug for Echo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Echo").field("outlet", &self.outlet).finish_non_exhaustive()
    }
}

impl Echo {
    /// A client bound to the link: a datagram socket where `ping_group_range`
    /// allows it, else a raw one.
    ///
    /// # Errors
    /// When neither is allowed, or the interface is gone.
    pub fn open(outlet: &Outlet, family: Family, identifier: u16) -> Result<Self, OpenError> {
        let kind = match family {
            Family::V4 => ICMP::V4,
            Family::V6 => ICMP::V6,
        };
        let mut config = Config::builder().kind(kind);
        let mut scope = 0;
        if let Some(interface) = outlet.interface() {
            config = config.interface(interface.as_str());
            scope = if_nametoindex(interface.as_str()).unwrap_or(0);
        }
        let client = Client::new(&config.build()).map_err(|error| match error.kind() {
            io::ErrorKind::PermissionDenied => OpenError::Permission,
            _ => OpenError::System(error),
        })?;
        Ok(Self { client, outlet: outlet.clone(), identifier, scope })
    }

    /// Whether echoes to `destination` can leave.
    ///
    /// # Errors
    /// Why not.
    pub async fn check(&self, destination: IpAddr) -> Result<(), super::outlet::OutletError> {
        self.outlet.check(destination).await
    }

    /// Sends one echo and waits for its answer. Each outstanding echo to a
    /// destination needs a number of its own.
    ///
    /// # Errors
    /// Why there was none.
    pub async fn ping(&self, destination: IpAddr, seq: u16) -> Result<Duration, Cause> {
        let mut pinger = self.client.pinger(destination, PingIdentifier(self.identifier)).await;
        pinger.timeout(TIMEOUT);
        if matches!(destination, IpAddr::V6(v6) if v6.is_unicast_link_local()) {
            pinger.scope_id(self.scope);
        }
        match pinger.ping(PingSequence(seq), &[0; PAYLOAD_BYTES as usize]).await {
            Ok((packet, rtt)) if is_reply(&packet) => Ok(rtt),
            // A router's word on the echo, seen by raw sockets.
            Ok(_) => Err(Cause::Unreachable),
            Err(SurgeError::Timeout { .. }) => Err(Cause::Timeout),
            Err(SurgeError::IOError(error)) => Err(send_cause(&error)),
            Err(error) => {
                tracing::debug!(%error, %destination, "echo failed");
                Err(Cause::Local)
            }
        }
    }
}

fn is_reply(packet: &IcmpPacket) -> bool {
    match packet {
        IcmpPacket::V4(packet) => packet.get_icmp_type().0 == V4_ECHO_REPLY,
        IcmpPacket::V6(packet) => packet.get_icmpv6_type().0 == V6_ECHO_REPLY,
    }
}
