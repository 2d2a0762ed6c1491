//! Sends TTL-limited datagrams on the way to one destination, and hears who
//! answers them.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use hearth_proto::Cause;
use tokio::time::sleep_until;

use super::Answered;
use super::flight::{Flight, Resolved};
use crate::clock;
use crate::probe::TIMEOUT;
use crate::probe::datagram::{Datagrams, Heard, Trouble};
use crate::probe::outlet::Outlet;
use crate::probe::stamp::OpenError;

/// One flow towards one destination.
#[derive(Debug)]
pub struct Walker {
    datagrams: Datagrams,
    flight: Flight,
    to: IpAddr,
    buffer: Vec<u8>,
}

impl Walker {
    /// On the way to `to`, at whose port nobody should listen.
    ///
    /// # Errors
    /// When nothing leads there, or the system refuses a socket.
    pub async fn open(outlet: &Outlet, to: SocketAddr) -> Result<Self, OpenError> {
        let socket = outlet.udp(to).await?;
        let datagrams =
            Datagrams::new(socket).map_err(|source| OpenError::Socket { to, source })?;
        Ok(Self { datagrams, flight: Flight::default(), to: to.ip(), buffer: vec![0; 512] })
    }

    /// Sends one datagram whose TTL is `ttl`: its number, and when it left.
    ///
    /// # Errors
    /// When it could not leave: the time and the cause it counts under.
    pub fn send(&mut self, ttl: u8) -> Result<(u32, Instant), (Instant, Cause)> {
        let (seq, payload) = self.flight.packet();
        let limited = self.datagrams.set_ttl(u32::from(ttl));
        let at = clock::now();
        match limited.map_err(|_| Cause::Local).and_then(|()| self.datagrams.send(&payload)) {
            Ok(()) => {
                self.flight.sent(ttl, at);
                Ok((seq, at))
            }
            Err(cause) => {
                self.flight.skip();
                Err((at, cause))
            }
        }
    }

    /// What came of a probe, as it becomes known: waits for ever when none is
    /// out. Safe to drop and call again.
    ///
    /// # Errors
    /// Only when the runtime ends.
    pub async fn next(&mut self) -> io::Result<Resolved> {
        loop {
            let Some(deadline) = self.flight.deadline(TIMEOUT) else {
                // Late answers are still taken off the socket.
                let _ = self.datagrams.next(&mut self.buffer).await?;
                continue;
            };
            let heard = tokio::select! {
                biased;
                heard = self.datagrams.next(&mut self.buffer) => heard?,
                () = sleep_until(deadline.into()) => {
                    match self.flight.expired(clock::now(), TIMEOUT) {
                        Some(resolved) => return Ok(resolved),
                        None => continue,
                    }
                }
            };
            let resolved = match heard {
                Heard::Trouble { len, trouble, at } => {
                    self.flight.heard(&self.buffer[..len], told(trouble, self.to), at)
                }
                // Somebody listens there after all, and says something: whatever
                // answers with our number is the destination.
                Heard::Datagram { len, at } => {
                    let quote = self.buffer[..len].first_chunk::<4>().copied();
                    let reached = Trouble::Refused { by: None };
                    quote.and_then(|q| self.flight.heard(&q, reached, at))
                }
            };
            if let Some(resolved) = resolved {
                return Ok(resolved);
            }
        }
    }

    /// How many probes are out.
    pub fn outstanding(&self) -> usize {
        self.flight.outstanding()
    }

    /// Whether another may be sent now: see [`Flight::may_send`].
    pub fn may_send(&self) -> bool {
        self.flight.may_send()
    }

    /// Sends one probe and waits for its answer; for callers that have no other out.
    ///
    /// # Errors
    /// Why there was none. Many routers answer few of them, or none.
    pub async fn ask(&mut self, ttl: u8) -> Result<Answered, Cause> {
        let (seq, _) = self.send(ttl).map_err(|(_, cause)| cause)?;
        loop {
            let resolved = self.next().await.map_err(|_| Cause::Local)?;
            if resolved.seq == seq {
                return resolved.outcome;
            }
        }
    }
}

/// What is told on the way to `to`. A firewall refuses ports as well, and is not it.
fn told(trouble: Trouble, to: IpAddr) -> Trouble {
    match trouble {
        Trouble::Refused { by: Some(by) } if by != to => Trouble::Unreachable { by: Some(by) },
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_firewall_that_refuses_the_port_is_not_the_destination() {
        let [to, wall] = ["198.51.100.9", "192.0.2.1"].map(|ip| ip.parse::<IpAddr>().unwrap());
        let refused = |by| Trouble::Refused { by };
        assert_eq!(told(refused(Some(to)), to), refused(Some(to)));
        assert_eq!(told(refused(None), to), refused(None));
        assert_eq!(told(refused(Some(wall)), to), Trouble::Unreachable { by: Some(wall) });
    }

    #[tokio::test]
    async fn a_destination_nearer_than_the_hop_answers_itself() {
        for ip in ["127.0.0.1", "::1"] {
            let mut walker = {
                let to = SocketAddr::new(ip.parse().unwrap(), super::super::PORT);
                Walker::open(&Outlet::System, to).await
            }
            .unwrap();
            for ttl in [2, 1, 4] {
                let answer = walker.ask(ttl).await.unwrap();
                assert!(answer.rtt < TIMEOUT && answer.reached && answer.by.is_none());
            }
            assert_eq!(walker.outstanding(), 0);
        }
    }
}
