//! STAMP (RFC 8762, unauthenticated or authenticated, with RFC 8972's session
//! identifier and extra padding): the `rtt` metric over UDP. IPv4 and IPv6 alike.
//!
//! [`settings`] says how it is spoken, [`track`] decides what came of each probe; this file sends and receives.

pub mod settings;
pub mod track;

use std::io;
use std::net::SocketAddr;
use std::time::Instant;

use hearth_proto::Cause;
use hearth_proto::stamp::{ErrorEstimate, PacketError, ReflectorPacket, Timestamp, tlv};
use rand::rngs::SmallRng;
use rand::{Rng, RngExt};
use tokio::time::sleep_until;

use super::TIMEOUT;
use super::datagram::{Datagrams, Heard};
use super::outlet::{Outlet, OutletError};
use crate::clock;
pub use settings::{Settings, SettingsError};
pub use track::{Ignored, OneWay, Reply, Resolved, Track};

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
    settings: Settings,
    /// The extension after each packet, if it is to be larger.
    padding: Vec<u8>,
    packet: Vec<u8>,
    buffer: Vec<u8>,
}

impl Session {
    /// A new session, with a new identifier, to the reflector at `to`.
    ///
    /// # Errors
    /// When nothing leads there, or the system refuses a socket.
    pub async fn open(
        outlet: &Outlet,
        to: SocketAddr,
        settings: &Settings,
    ) -> Result<Self, OpenError> {
        let socket = outlet.udp(to).await?;
        let datagrams =
            Datagrams::new(socket).map_err(|source| OpenError::Socket { to, source })?;
        let mut random = rand::make_rng::<SmallRng>();
        let ssid = random.random_range(1..=u16::MAX);
        let size = settings.payload_bytes() as usize;
        let base = tlv::base_len(settings.key.is_some());
        Ok(Self {
            datagrams,
            track: Track::new(ssid, TIMEOUT),
            settings: settings.clone(),
            // Not to be squeezed out of sight by a link that compresses.
            padding: tlv::extra_padding(base, size, |value| random.fill_bytes(value)),
            packet: Vec::with_capacity(size),
            buffer: vec![0; size.max(2048)],
        })
    }

    /// Sends one probe.
    ///
    /// # Errors
    /// When it could not leave: the time and the cause it counts under.
    pub fn send(&mut self) -> Result<Left, (Instant, Cause)> {
        let format = self.settings.format;
        let error = ErrorEstimate::of(hearth_proto::stamp::clock::bound(), format);
        let stamp = Timestamp::from_unix(clock::since_unix(), format);
        let packet = self.track.packet(stamp, error);
        self.packet.clear();
        match &self.settings.key {
            Some(key) => self.packet.extend(packet.encode_authenticated(key)),
            None => self.packet.extend(packet.encode()),
        }
        self.packet.extend(&self.padding);
        let sent = clock::now();
        match self.datagrams.send(&self.packet) {
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
                Heard::Datagram { len, at } => {
                    if let Ok(packet) = self.read(len) {
                        self.track.reply(&packet, at)
                    } else {
                        self.track.unreadable(self.settings.key.is_some());
                        None
                    }
                }
                Heard::Trouble { len, trouble, .. } => {
                    self.track.failed(&self.buffer[..len], trouble.cause())
                }
            };
            if let Some(resolved) = resolved {
                return Ok(resolved);
            }
        }
    }

    fn read(&self, len: usize) -> Result<ReflectorPacket, PacketError> {
        let octets = &self.buffer[..len];
        match &self.settings.key {
            Some(key) => ReflectorPacket::decode_authenticated(octets, key),
            None => ReflectorPacket::decode(octets),
        }
    }

    /// Replies that changed nothing.
    pub fn ignored(&self) -> Ignored {
        self.track.ignored()
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
