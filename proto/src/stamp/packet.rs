//! Both ends' packets (RFC 8762, sections 4.2 and 4.3; RFC 8972, section 3).
//!
//! ```text
//! unauthenticated, 44 octets
//! sender     0 seq | 4 T1 | 12 error | 14 ssid | 16 zero (28)
//! reflector  0 seq | 4 T3 | 12 error | 14 ssid | 16 T2 | 24 sender seq
//!           28 T1  | 36 sender error | 38 zero | 40 sender TTL | 41 zero (3)
//!
//! authenticated, 112 octets; the HMAC is of the first 96
//! sender     0 seq | 4 zero (12) | 16 T1 | 24 error | 26 ssid | 28 zero (68) | 96 HMAC
//! reflector  0 seq | 4 zero (12) | 16 T3 | 24 error | 26 ssid | 28 zero (4) | 32 T2
//!           40 zero (8) | 48 sender seq | 52 zero (12) | 64 T1 | 72 sender error
//!           74 zero (6) | 80 sender TTL | 81 zero (15) | 96 HMAC
//! ```

use super::key::TAG_LEN;
use super::{ErrorEstimate, Key, Timestamp};

/// Octets of either unauthenticated packet.
pub const PACKET_LEN: usize = 44;
/// Octets of either authenticated packet.
pub const AUTHENTICATED_LEN: usize = 112;
/// Octets of a TWAMP Light reflector's packet (RFC 5357, section 4.2.1): STAMP's
/// without its last zeros.
pub const LIGHT_LEN: usize = 41;
/// The octets that the HMAC is of.
const COVERED: usize = 96;

/// A sender's packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SenderPacket {
    /// Rises by one with each packet of the session.
    pub seq: u32,
    /// T1: when it was sent.
    pub sent: Timestamp,
    /// Of the sender's clock. Its format flag is [`Self::sent`]'s on the wire.
    pub error: ErrorEstimate,
    /// Session identifier; 0: none.
    pub ssid: u16,
}

/// A reflector's packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReflectorPacket {
    /// The reflector's own number: in its stateful mode, of packets received in
    /// this session.
    pub seq: u32,
    /// T3: when it was sent.
    pub sent: Timestamp,
    /// Of the reflector's clock. Its format flag is [`Self::sent`]'s on the wire.
    pub error: ErrorEstimate,
    /// The session's identifier, returned.
    pub ssid: u16,
    /// T2: when the sender's packet was received, in [`Self::sent`]'s format.
    pub received: Timestamp,
    /// What it answers.
    pub sender: SenderPacket,
    /// The TTL or hop limit the sender's packet arrived with; 0: not known.
    pub sender_ttl: u8,
}

/// Why octets are no packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PacketError {
    /// Too short.
    #[error("this packet has at least {least} octets, here are {len}")]
    TooShort {
        /// What there must be.
        least: usize,
        /// What there is.
        len: usize,
    },
    /// The HMAC is not that of the key.
    #[error("the HMAC is not that of the key")]
    Unauthentic,
}

/// Where the fields of a mode are.
struct Layout {
    seq: usize,
    sent: usize,
    error: usize,
    ssid: usize,
    received: usize,
    sender_seq: usize,
    sender_sent: usize,
    sender_error: usize,
    sender_ttl: usize,
}

const OPEN: Layout = Layout {
    seq: 0,
    sent: 4,
    error: 12,
    ssid: 14,
    received: 16,
    sender_seq: 24,
    sender_sent: 28,
    sender_error: 36,
    sender_ttl: 40,
};
const AUTHENTICATED: Layout = Layout {
    seq: 0,
    sent: 16,
    error: 24,
    ssid: 26,
    received: 32,
    sender_seq: 48,
    sender_sent: 64,
    sender_error: 72,
    sender_ttl: 80,
};

/// Whether a sender's packet has the zeros that only an authenticated one has:
/// otherwise T1 and the error estimate stand there, and neither is zero.
pub fn looks_authenticated(octets: &[u8]) -> bool {
    octets.len() >= AUTHENTICATED_LEN && octets[4..16].iter().all(|octet| *octet == 0)
}

fn be<const N: usize>(octets: &[u8], at: usize) -> [u8; N] {
    std::array::from_fn(|i| octets[at + i])
}

fn put(out: &mut [u8], at: usize, octets: &[u8]) {
    out[at..at + octets.len()].copy_from_slice(octets);
}

fn stamp(octets: &[u8], at: usize, error: ErrorEstimate) -> Timestamp {
    Timestamp { bits: u64::from_be_bytes(be(octets, at)), format: error.format() }
}

fn estimate(octets: &[u8], at: usize) -> ErrorEstimate {
    ErrorEstimate(u16::from_be_bytes(be(octets, at)))
}

fn at_least(octets: &[u8], least: usize) -> Result<(), PacketError> {
    if octets.len() < least {
        return Err(PacketError::TooShort { least, len: octets.len() });
    }
    Ok(())
}

fn authentic(octets: &[u8], key: &Key) -> Result<(), PacketError> {
    at_least(octets, AUTHENTICATED_LEN)?;
    let (covered, tag) = octets[..AUTHENTICATED_LEN].split_at(COVERED);
    if key.verify(&[covered], tag) { Ok(()) } else { Err(PacketError::Unauthentic) }
}

fn sign(out: &mut [u8; AUTHENTICATED_LEN], key: &Key) {
    let tag: [u8; TAG_LEN] = key.tag(&[&out[..COVERED]]);
    put(out, COVERED, &tag);
}

impl SenderPacket {
    /// Into the [`PACKET_LEN`] octets of the unauthenticated mode.
    pub fn encode(&self) -> [u8; PACKET_LEN] {
        let mut out = [0; PACKET_LEN];
        self.write(&mut out, &OPEN);
        out
    }

    /// Into the [`AUTHENTICATED_LEN`] octets of the authenticated mode.
    pub fn encode_authenticated(&self, key: &Key) -> [u8; AUTHENTICATED_LEN] {
        let mut out = [0; AUTHENTICATED_LEN];
        self.write(&mut out, &AUTHENTICATED);
        sign(&mut out, key);
        out
    }

    fn write(&self, out: &mut [u8], layout: &Layout) {
        put(out, layout.seq, &self.seq.to_be_bytes());
        put(out, layout.sent, &self.sent.bits.to_be_bytes());
        put(out, layout.error, &self.error.with_format(self.sent.format).0.to_be_bytes());
        put(out, layout.ssid, &self.ssid.to_be_bytes());
    }

    /// From an unauthenticated packet of at least [`LIGHT_LEN`] octets.
    ///
    /// A TWAMP Light sender (RFC 5357) writes the same fields in its first 14
    /// octets, then padding of its own: where the octets that STAMP has zero are
    /// not, there is no session identifier either.
    ///
    /// # Errors
    /// When it is shorter.
    pub fn decode(octets: &[u8]) -> Result<Self, PacketError> {
        at_least(octets, LIGHT_LEN)?;
        let packet = Self::from_layout(octets, &OPEN);
        Ok(if Self::is_stamp(octets) { packet } else { Self { ssid: 0, ..packet } })
    }

    /// Whether the zeros of an unauthenticated packet are there; else it is a
    /// TWAMP Light sender's, with padding of its own after 14 octets.
    pub fn is_stamp(octets: &[u8]) -> bool {
        octets.iter().take(PACKET_LEN).skip(16).all(|octet| *octet == 0)
    }

    /// From an authenticated packet.
    ///
    /// # Errors
    /// When it is shorter than [`AUTHENTICATED_LEN`], or its HMAC is wrong.
    pub fn decode_authenticated(octets: &[u8], key: &Key) -> Result<Self, PacketError> {
        authentic(octets, key)?;
        Ok(Self::from_layout(octets, &AUTHENTICATED))
    }

    fn from_layout(octets: &[u8], layout: &Layout) -> Self {
        let error = estimate(octets, layout.error);
        Self {
            seq: u32::from_be_bytes(be(octets, layout.seq)),
            sent: stamp(octets, layout.sent, error),
            error,
            ssid: u16::from_be_bytes(be(octets, layout.ssid)),
        }
    }
}

impl ReflectorPacket {
    /// Into the [`PACKET_LEN`] octets of the unauthenticated mode.
    pub fn encode(&self) -> [u8; PACKET_LEN] {
        let mut out = [0; PACKET_LEN];
        self.write(&mut out, &OPEN);
        out
    }

    /// Into the [`AUTHENTICATED_LEN`] octets of the authenticated mode.
    pub fn encode_authenticated(&self, key: &Key) -> [u8; AUTHENTICATED_LEN] {
        let mut out = [0; AUTHENTICATED_LEN];
        self.write(&mut out, &AUTHENTICATED);
        sign(&mut out, key);
        out
    }

    fn write(&self, out: &mut [u8], layout: &Layout) {
        put(out, layout.seq, &self.seq.to_be_bytes());
        put(out, layout.sent, &self.sent.bits.to_be_bytes());
        put(out, layout.error, &self.error.with_format(self.sent.format).0.to_be_bytes());
        put(out, layout.ssid, &self.ssid.to_be_bytes());
        put(out, layout.received, &self.received.bits.to_be_bytes());
        put(out, layout.sender_seq, &self.sender.seq.to_be_bytes());
        put(out, layout.sender_sent, &self.sender.sent.bits.to_be_bytes());
        let error = self.sender.error.with_format(self.sender.sent.format);
        put(out, layout.sender_error, &error.0.to_be_bytes());
        out[layout.sender_ttl] = self.sender_ttl;
    }

    /// From an unauthenticated packet of at least [`LIGHT_LEN`] octets, which is
    /// what a TWAMP Light reflector sends.
    ///
    /// # Errors
    /// When it is shorter.
    pub fn decode(octets: &[u8]) -> Result<Self, PacketError> {
        at_least(octets, LIGHT_LEN)?;
        Ok(Self::from_layout(octets, &OPEN))
    }

    /// From an authenticated packet.
    ///
    /// # Errors
    /// When it is shorter than [`AUTHENTICATED_LEN`], or its HMAC is wrong.
    pub fn decode_authenticated(octets: &[u8], key: &Key) -> Result<Self, PacketError> {
        authentic(octets, key)?;
        Ok(Self::from_layout(octets, &AUTHENTICATED))
    }

    /// From a packet of either mode, whoever it is from: an HMAC is not looked at.
    ///
    /// # Errors
    /// When it is shorter than the mode's packets are.
    pub fn decode_unverified(octets: &[u8], authenticated: bool) -> Result<Self, PacketError> {
        if !authenticated {
            return Self::decode(octets);
        }
        at_least(octets, AUTHENTICATED_LEN)?;
        Ok(Self::from_layout(octets, &AUTHENTICATED))
    }

    fn from_layout(octets: &[u8], layout: &Layout) -> Self {
        let error = estimate(octets, layout.error);
        let sender_error = estimate(octets, layout.sender_error);
        let ssid = u16::from_be_bytes(be(octets, layout.ssid));
        Self {
            seq: u32::from_be_bytes(be(octets, layout.seq)),
            sent: stamp(octets, layout.sent, error),
            error,
            ssid,
            received: stamp(octets, layout.received, error),
            sender: SenderPacket {
                seq: u32::from_be_bytes(be(octets, layout.sender_seq)),
                sent: stamp(octets, layout.sender_sent, sender_error),
                error: sender_error,
                ssid,
            },
            sender_ttl: octets[layout.sender_ttl],
        }
    }

    /// T3 − T2 in nanoseconds: how long the reflector held the packet.
    pub fn held_nanos(&self) -> i64 {
        self.sent.nanos_since(self.received)
    }
}

#[cfg(test)]
#[path = "packet_tests.rs"]
mod tests;
