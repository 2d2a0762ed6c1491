//! STAMP test packets (RFC 8762), unauthenticated and authenticated, with
//! RFC 8972's session identifier and extensions (TLVs).
//!
//! Read [`time`] first (NTP's and PTP's timestamps), then [`estimate`] (how far
//! off a clock may be), [`key`] (HMAC and key files), [`packet`] (both ends'
//! packets, in both modes) and [`tlv`] (what may follow them). [`clock`] asks the
//! system how far off its clock may be.

pub mod clock;
pub mod estimate;
pub mod key;
pub mod packet;
pub mod time;
pub mod tlv;

pub use estimate::ErrorEstimate;
pub use key::{Key, KeyError};
pub use packet::{
    AUTHENTICATED_LEN, LIGHT_LEN, PACKET_LEN, PacketError, ReflectorPacket, SenderPacket,
    looks_authenticated,
};
pub use time::{Format, Timestamp};

/// The port RFC 8762 names.
pub const PORT: u16 = 862;
