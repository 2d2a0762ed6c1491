//! STAMP (RFC 8762, unauthenticated, with RFC 8972's session identifier): the
//! `rtt` metric over UDP. IPv4 and IPv6 alike.
//!
//! [`track`] decides what came of each probe; this file sends and receives.

pub mod track;

use std::io;
use std::net::SocketAddr;
use std::time::Instant;

use hearth_proto::Cause;
use hearth_proto::stamp::{NtpTime, PACKET_LEN, ReflectorPacket};
use rand::RngExt;
use rand::rngs::SmallRng;
use tokio::time::sleep_until;

use super::TIMEOUT;
use super::datagram::{Datagrams, Heard};
use super::outlet::{Outlet, OutletError};
use crate::clock;
pub use track::{Reply, Resolved, Track};

/// Octets of UDP payload of each probe, and of its answer.
pub const PAYLOAD_BYTES: u32 = PACKET_LEN as u32;

/// Why a session can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// No socket.
    #[error(transparent)]
    Outlet(#[from] OutletError),
    /// The system refused an option.
    #[error("can't prepare a socket for {to}")]
    Socket {
        /// To where.
        to: SocketAddr,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

impl OpenError {
    /// The cause under which a probe that met this error counts.
    pub fn cause(&self) -> Cause {
        match self {
            Self::Outlet(error) => error.cause(),
            Self::Socket { .. } => Cause::Local,
        }
    }
}

/// A probe that is on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Left {
    /// Its number within the session.
    pub seq: u32,
    /// T1.
    pub at: Instant,
}

/// A session with one reflector over one socket.
#[derive(Debug)]
pub struct Session {
    datagrams: Datagrams,
    track: Track,
    buffer: Vec<u8>,
}

impl Session {
    /// A new session, with a new identifier, to the reflector at `to`.
    ///
    /// # Errors
    /// When nothing leads there, or the system refuses a socket.
    pub async fn open(outlet: &Outlet, to: SocketAddr) -> Result<Self, OpenError> {
        let socket = outlet.udp(to).await?;
        let datagrams =
            Datagrams::new(socket).map_err(|source| OpenError::Socket { to, source })?;
        let ssid = rand::make_rng::<SmallRng>().random_range(1..=u16::MAX);
        Ok(Self { datagrams, track: Track::new(ssid, TIMEOUT), buffer: vec![0; 2048] })
    }

    /// Sends one probe.
    ///
    /// # Errors
    /// When it could not leave: the time and the cause it counts under.
    pub fn send(&mut self) -> Result<Left, (Instant, Cause)> {
        let packet = self.track.packet(NtpTime::from_unix(clock::since_unix()));
        let octets = packet.encode();
        let sent = clock::now();
        match self.datagrams.send(&octets) {
            Ok(()) => {
                self.track.sent(&packet, sent);
                Ok(Left { seq: packet.seq, at: sent })
            }
            Err(cause) => Err((sent, cause)),
        }
    }

    /// What came of a probe, as it becomes known: waits for ever when none is
    /// out. Safe to drop and call again.
    ///
    /// # Errors
    /// Only when the runtime ends.
    pub async fn next(&mut self) -> io::Result<Resolved> {
        loop {
            let Some(deadline) = self.track.deadline() else {
                // Late answers are still taken off the socket.
                let _ = self.datagrams.next(&mut self.buffer).await?;
                continue;
            };
            let heard = tokio::select! {
                biased;
                heard = self.datagrams.next(&mut self.buffer) => heard?,
                () = sleep_until(deadline.into()) => {
                    match self.track.expired(clock::now()) {
                        Some(resolved) => return Ok(resolved),
                        None => continue,
                    }
                }
            };
            let resolved = match heard {
                Heard::Datagram { len, at } => ReflectorPacket::decode(&self.buffer[..len])
                    .ok()
                    .and_then(|packet| self.track.reply(&packet, at)),
                Heard::Trouble { len, trouble, .. } => {
                    self.track.failed(&self.buffer[..len], trouble.cause())
                }
            };
            if let Some(resolved) = resolved {
                return Ok(resolved);
            }
        }
    }

    /// How many probes are out.
    pub fn outstanding(&self) -> usize {
        self.track.outstanding()
    }

    /// This end's address.
    ///
    /// # Errors
    /// The system's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.datagrams.local_addr()
    }
}
