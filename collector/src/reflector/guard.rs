//! What tells a sender's packet from an answer to ours, so that two that answer
//! never go on answering each other. Pure.
//!
//! RFC 8762 leaves this open, and known reflectors bound their rate at most. A port
//! tells little: a TWAMP Light sender may use any, its reflector's own as well. A TTL
//! tells nothing, since every reply leaves with a new one. So it is told by content.
//! A reflector returns T1, and says T2; in a sender's packet zeros are there, or a
//! TWAMP Light sender's padding. What comes back to us therefore holds a time that our
//! clock has just read: as the T1 that another reflector returns, or as the T2 of a
//! reply of our own that is echoed. Padding holds one by chance in one packet of 10^12.
//!
//! What answers in another way than a reflector or an echo is told by not counting:
//! see [`super::sessions`].

use std::time::Duration;

use hearth_proto::stamp::{Format, ReflectorPacket, Timestamp};

/// Ports of services that answer whatever comes: active users, chargen, daytime, DNS,
/// echo, NTP, QOTD, TFTP, time. And none at all.
const ANSWERING: [u16; 10] = [0, 7, 11, 13, 17, 19, 37, 53, 69, 123];
/// Longer than any packet is under way.
const UNDER_WAY: Duration = Duration::from_secs(30);

/// Whether nobody sends probes from `port`, but something there may answer.
pub(super) fn is_of_a_service(port: u16) -> bool {
    ANSWERING.contains(&port)
}

/// Whether `octets`, which came at `now` (since 1970), are an answer to a reply of ours,
/// or the reply itself.
pub(super) fn is_an_answer(octets: &[u8], authenticated: bool, now: Duration) -> bool {
    // Zeros in every reflector's packet, and in padding seldom.
    let zeros = authenticated || octets.get(38..40).is_some_and(|must_be| must_be == [0, 0]);
    let read = ReflectorPacket::decode_unverified(octets, authenticated);
    zeros
        && read.is_ok_and(|as_reply| {
            is_now(as_reply.received.bits, now) || is_now(as_reply.sender.sent.bits, now)
        })
}

/// In either format: a peer need not return the flag that says which.
fn is_now(bits: u64, now: Duration) -> bool {
    bits != 0
        && [Format::Ntp, Format::Ptp].into_iter().any(|format| {
            let apart = Timestamp { bits, format }.nanos_since(Timestamp::from_unix(now, format));
            Duration::from_nanos(apart.unsigned_abs()) <= UNDER_WAY
        })
}

#[cfg(test)]
#[path = "guard_tests.rs"]
mod tests;
