//! STAMP test packets (RFC 8762), unauthenticated, with RFC 8972's session
//! identifier in the place of its first two must-be-zero octets.
//!
//! Both packets are 44 octets at least; what follows is padding, which the
//! reflector returns up to the size it received.
//!
//! ```text
//! sender     0 seq | 4 T1 | 12 error | 14 ssid | 16 zero (28)
//! reflector  0 seq | 4 T3 | 12 error | 14 ssid | 16 T2 | 24 sender seq
//!           28 T1  | 36 sender error | 38 zero | 40 sender TTL | 41 zero
//! ```

use std::time::Duration;

/// The least size of either packet in octets.
pub const PACKET_LEN: usize = 44;
/// The port RFC 8762 names.
pub const PORT: u16 = 862;

const NTP_TO_UNIX_S: u64 = 2_208_988_800;

/// A point in time in NTP's 64-bit format (RFC 5905): seconds since 1900 in the
/// upper half, 2⁻³² s in the lower. Wraps in 2036, so only differences count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct NtpTime(pub u64);

impl NtpTime {
    /// From the time since 1970.
    pub fn from_unix(since: Duration) -> Self {
        let s = since.as_secs().wrapping_add(NTP_TO_UNIX_S);
        let frac = (u64::from(since.subsec_nanos()) << 32) / 1_000_000_000;
        Self((s << 32) | frac)
    }

    /// Nanoseconds from `earlier` to this point, negative when it is later;
    /// right across the wrap for spans under 68 years.
    pub fn nanos_since(self, earlier: Self) -> i64 {
        let diff = self.0.wrapping_sub(earlier.0) as i64;
        ((i128::from(diff) * 1_000_000_000) >> 32) as i64
    }
}

/// RFC 8762's error estimate (RFC 4656, section 4.1.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ErrorEstimate(pub u16);

impl ErrorEstimate {
    /// A clock not known to be synchronised, off by up to about a second:
    /// multiplier 1, scale 32, NTP format.
    pub const UNSYNCHRONISED: Self = Self((32 << 8) | 1);

    /// Whether the sender says its clock is synchronised to UTC.
    pub fn synchronised(self) -> bool {
        self.0 & 0x8000 != 0
    }

    /// Whether timestamps are in PTP's format instead of NTP's.
    pub fn is_ptp(self) -> bool {
        self.0 & 0x4000 != 0
    }
}

/// A sender's packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SenderPacket {
    /// Rises by one with each packet of the session.
    pub seq: u32,
    /// T1: when it was sent.
    pub sent: NtpTime,
    /// Of the sender's clock.
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
    pub sent: NtpTime,
    /// Of the reflector's clock.
    pub error: ErrorEstimate,
    /// The session's identifier, returned.
    pub ssid: u16,
    /// T2: when the sender's packet was received.
    pub received: NtpTime,
    /// What it answers.
    pub sender: SenderPacket,
    /// The TTL or hop limit the sender's packet arrived with; 0: not known.
    pub sender_ttl: u8,
}

/// A packet too short to be one of STAMP's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a STAMP packet has at least {PACKET_LEN} octets, this has {0}")]
pub struct TooShort(pub usize);

fn be<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    std::array::from_fn(|i| bytes[at + i])
}

impl SenderPacket {
    /// Into the first [`PACKET_LEN`] octets.
    pub fn encode(&self) -> [u8; PACKET_LEN] {
        let mut out = [0; PACKET_LEN];
        out[0..4].copy_from_slice(&self.seq.to_be_bytes());
        out[4..12].copy_from_slice(&self.sent.0.to_be_bytes());
        out[12..14].copy_from_slice(&self.error.0.to_be_bytes());
        out[14..16].copy_from_slice(&self.ssid.to_be_bytes());
        out
    }

    /// From a packet of at least [`PACKET_LEN`] octets. A sender of TWAMP
    /// Light's (RFC 5357) writes the same fields in the first 14 octets.
    pub fn decode(bytes: &[u8]) -> Result<Self, TooShort> {
        if bytes.len() < PACKET_LEN {
            return Err(TooShort(bytes.len()));
        }
        Ok(Self {
            seq: u32::from_be_bytes(be(bytes, 0)),
            sent: NtpTime(u64::from_be_bytes(be(bytes, 4))),
            error: ErrorEstimate(u16::from_be_bytes(be(bytes, 12))),
            ssid: u16::from_be_bytes(be(bytes, 14)),
        })
    }
}

impl ReflectorPacket {
    /// Into the first [`PACKET_LEN`] octets.
    pub fn encode(&self) -> [u8; PACKET_LEN] {
        let mut out = [0; PACKET_LEN];
        out[0..4].copy_from_slice(&self.seq.to_be_bytes());
        out[4..12].copy_from_slice(&self.sent.0.to_be_bytes());
        out[12..14].copy_from_slice(&self.error.0.to_be_bytes());
        out[14..16].copy_from_slice(&self.ssid.to_be_bytes());
        out[16..24].copy_from_slice(&self.received.0.to_be_bytes());
        out[24..28].copy_from_slice(&self.sender.seq.to_be_bytes());
        out[28..36].copy_from_slice(&self.sender.sent.0.to_be_bytes());
        out[36..38].copy_from_slice(&self.sender.error.0.to_be_bytes());
        out[40] = self.sender_ttl;
        out
    }

    /// From a packet of at least [`PACKET_LEN`] octets.
    pub fn decode(bytes: &[u8]) -> Result<Self, TooShort> {
        if bytes.len() < PACKET_LEN {
            return Err(TooShort(bytes.len()));
        }
        let ssid = u16::from_be_bytes(be(bytes, 14));
        Ok(Self {
            seq: u32::from_be_bytes(be(bytes, 0)),
            sent: NtpTime(u64::from_be_bytes(be(bytes, 4))),
            error: ErrorEstimate(u16::from_be_bytes(be(bytes, 12))),
            ssid,
            received: NtpTime(u64::from_be_bytes(be(bytes, 16))),
            sender: SenderPacket {
                seq: u32::from_be_bytes(be(bytes, 24)),
                sent: NtpTime(u64::from_be_bytes(be(bytes, 28))),
                error: ErrorEstimate(u16::from_be_bytes(be(bytes, 36))),
                ssid,
            },
            sender_ttl: bytes[40],
        })
    }

    /// T3 − T2 in nanoseconds: how long the reflector held the packet.
    pub fn held_nanos(&self) -> i64 {
        self.sent.nanos_since(self.received)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ntp_time_of_the_unix_epoch() {
        assert_eq!(NtpTime::from_unix(Duration::ZERO).0, 2_208_988_800 << 32);
    }

    #[test]
    fn differences_hold_across_the_wrap_of_2036() {
        let before = NtpTime(u64::MAX - (1 << 31) + 1);
        let after = NtpTime(1 << 31);
        assert_eq!(after.nanos_since(before), 1_000_000_000);
        assert_eq!(before.nanos_since(after), -1_000_000_000);
    }

    #[test]
    fn layout_is_the_rfcs() {
        let sender = SenderPacket {
            seq: 0x0102_0304,
            sent: NtpTime(0x1112_1314_1516_1718),
            error: ErrorEstimate::UNSYNCHRONISED,
            ssid: 0x2122,
        };
        let bytes = sender.encode();
        assert_eq!(&bytes[..16], &[1, 2, 3, 4, 17, 18, 19, 20, 21, 22, 23, 24, 32, 1, 33, 34]);
        assert!(bytes[16..].iter().all(|b| *b == 0));
        assert_eq!(SenderPacket::decode(&bytes[..43]), Err(TooShort(43)));
    }

    proptest! {
        #[test]
        fn packets_come_back(
            seqs in any::<(u32, u32)>(), times in any::<(u64, u64, u64)>(),
            words in any::<(u16, u16, u16)>(), ttl in any::<u8>(),
        ) {
            let sender = SenderPacket {
                seq: seqs.0, sent: NtpTime(times.0), error: ErrorEstimate(words.0), ssid: words.2,
            };
            let reply = ReflectorPacket {
                seq: seqs.1, sent: NtpTime(times.2), error: ErrorEstimate(words.1), ssid: words.2,
                received: NtpTime(times.1), sender, sender_ttl: ttl,
            };
            prop_assert_eq!(SenderPacket::decode(&sender.encode()), Ok(sender));
            prop_assert_eq!(ReflectorPacket::decode(&reply.encode()), Ok(reply));
        }

        #[test]
        fn spans_are_kept_to_the_nanosecond(a in 0_u64..4_000_000_000_000_000_000, d in 0_u64..1_000_000_000_000) {
            let t = NtpTime::from_unix(Duration::from_nanos(a));
            let u = NtpTime::from_unix(Duration::from_nanos(a + d));
            prop_assert!((u.nanos_since(t) - d as i64).abs() <= 1);
        }
    }
}
