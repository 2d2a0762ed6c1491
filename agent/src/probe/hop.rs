//! The first router behind the gateway: a datagram whose TTL ends there, which
//! it answers by ICMP. Needs no privilege: the error queue tells.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hearth_proto::Cause;
use tokio::time::timeout;

use super::TIMEOUT;
use super::datagram::{Datagrams, Heard, Trouble};
use super::outlet::Outlet;
use super::stamp::OpenError;
use crate::clock;

/// Octets of UDP payload.
pub const PAYLOAD_BYTES: u32 = 24;
/// The gateway is the first hop, what is behind it the second.
const TTL: u32 = 2;
/// A port where nobody listens, as traceroute's.
const PORT: u16 = 33_434;

/// Asks the router on the way to one destination.
#[derive(Debug)]
pub struct Hop {
    datagrams: Datagrams,
    next: u32,
    buffer: Vec<u8>,
}

/// The router's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answered {
    /// The round trip.
    pub rtt: Duration,
    /// The router. `None`: not told, or it was the destination.
    pub by: Option<IpAddr>,
    /// Whether the destination itself answered: it is no farther than the hop.
    pub reached: bool,
}

impl Hop {
    /// On the way to `destination`.
    ///
    /// # Errors
    /// When nothing leads there, or the system refuses a socket.
    pub async fn open(outlet: &Outlet, destination: IpAddr) -> Result<Self, OpenError> {
        let to = SocketAddr::new(destination, PORT);
        let socket = outlet.udp(to).await?;
        let fail = |source| OpenError::Socket { to, source };
        let datagrams = Datagrams::new(socket).map_err(fail)?;
        datagrams.set_ttl(TTL).map_err(fail)?;
        Ok(Self { datagrams, next: 0, buffer: vec![0; 512] })
    }

    /// Sends one datagram and waits for the answer.
    ///
    /// # Errors
    /// Why there was none. Many routers answer few of them, or none.
    pub async fn ask(&mut self) -> Result<Answered, Cause> {
        let mut payload = [0; PAYLOAD_BYTES as usize];
        payload[..4].copy_from_slice(&self.next.to_be_bytes());
        self.next = self.next.wrapping_add(1);
        let sent = clock::now();
        self.datagrams.send(&payload)?;
        let answer = async {
            loop {
                let heard = self.datagrams.next(&mut self.buffer).await?;
                let Heard::Trouble { len, trouble, at } = heard else { continue };
                // Routers quote as little as the UDP header: then it is taken to
                // be about the one that is out.
                if len >= 4 && self.buffer[..4] != payload[..4] {
                    continue;
                }
                return Ok::<_, io::Error>((trouble, at));
            }
        };
        let (trouble, at) = match timeout(TIMEOUT, answer).await {
            Ok(Ok(heard)) => heard,
            Ok(Err(_)) => return Err(Cause::Local),
            Err(_) => return Err(Cause::Timeout),
        };
        let rtt = at.saturating_duration_since(sent);
        match trouble {
            Trouble::TtlEnded { by } => Ok(Answered { rtt, by, reached: false }),
            Trouble::Refused => Ok(Answered { rtt, by: None, reached: true }),
            other => Err(other.cause()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_destination_nearer_than_the_hop_answers_itself() {
        for ip in ["127.0.0.1", "::1"] {
            let mut hop = Hop::open(&Outlet::System, ip.parse().unwrap()).await.unwrap();
            for _ in 0..2 {
                let answer = hop.ask().await.unwrap();
                assert!(answer.rtt < TIMEOUT && answer.reached);
            }
        }
    }
}
