//! Which packets are answered, and with what. Pure.

use std::net::SocketAddr;
use std::time::Duration;

use super::guard;
use super::sessions::Said;
use hearth_proto::stamp::tlv::{Base, base_len, reflect};
use hearth_proto::stamp::{
    ErrorEstimate, Key, LIGHT_LEN, PacketError, ReflectorPacket, SenderPacket, Timestamp,
    looks_authenticated,
};

/// Who is answered.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    /// The key of authenticated packets.
    pub key: Option<Key>,
    /// With a key: answer packets without an HMAC too. Without a key all are
    /// answered as they are.
    pub open: bool,
}

/// What makes a session: where it comes from, and its identifier (0: none).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct SessionKey {
    /// The sender's address and port.
    pub(super) from: SocketAddr,
    /// RFC 8972's identifier.
    pub(super) ssid: u16,
}

/// Why a packet is not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The least reply would be more than was received.
    TooShort,
    /// It answers a reply, or its sender is something that may.
    MightLoop,
    /// More than a session may send.
    TooFast,
    /// Its HMAC is wrong.
    Unauthentic,
    /// It has no HMAC, and one is wanted.
    Unauthenticated,
}

/// A datagram and how it came.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'a> {
    /// Its octets.
    pub(super) octets: &'a [u8],
    /// Who sent it.
    pub(super) from: SocketAddr,
    /// T2, since 1970.
    pub(super) received: Duration,
    /// The TTL or hop limit it came with; 0: not known.
    pub(super) ttl: u8,
}

/// A reply, but for T3.
#[derive(Debug)]
pub(super) struct Answer<'a> {
    packet: ReflectorPacket,
    /// Of an authenticated reply.
    signed: Option<&'a Key>,
    key: Option<&'a Key>,
    asked: &'a [u8],
}

/// The reply to `asked` by a clock off by at most `bound`. `number` is asked only
/// for packets that may be answered, and has the last word.
pub(super) fn answer<'a>(
    policy: &'a Policy,
    asked: Asked<'a>,
    bound: Option<Duration>,
    number: &mut dyn FnMut(SessionKey, Said) -> Result<u32, Refusal>,
) -> Result<Answer<'a>, Refusal> {
    let Asked { octets, from, received, ttl } = asked;
    if octets.len() < LIGHT_LEN {
        return Err(Refusal::TooShort);
    }
    if guard::is_of_a_service(from.port()) {
        return Err(Refusal::MightLoop);
    }
    let signed = policy.key.as_ref().filter(|_| !policy.open || looks_authenticated(octets));
    let sender = match signed {
        Some(key) => SenderPacket::decode_authenticated(octets, key),
        None => SenderPacket::decode(octets),
    };
    let sender = sender.map_err(|error| match error {
        PacketError::Unauthentic if looks_authenticated(octets) => Refusal::Unauthentic,
        _ => Refusal::Unauthenticated,
    })?;
    if guard::is_an_answer(octets, signed.is_some(), received) {
        return Err(Refusal::MightLoop);
    }
    // In the sender's own format: so it understands it whichever it knows.
    let format = sender.error.format();
    let received = Timestamp::from_unix(received, format);
    let packet = ReflectorPacket {
        seq: number(SessionKey { from, ssid: sender.ssid }, Said::of(&sender))?,
        sent: received,
        error: ErrorEstimate::of(bound, format),
        ssid: sender.ssid,
        received,
        sender,
        sender_ttl: ttl,
    };
    Ok(Answer { packet, signed, key: policy.key.as_ref(), asked: octets })
}

impl Answer<'_> {
    /// Into `out`, as many octets as were received, with T3 (since 1970).
    pub(super) fn write(mut self, sent: Duration, out: &mut Vec<u8>) {
        self.packet.sent = Timestamp::from_unix(sent, self.packet.received.format);
        out.clear();
        match self.signed {
            Some(key) => out.extend(self.packet.encode_authenticated(key)),
            None => out.extend(self.packet.encode()),
        }
        let base = base_len(self.signed.is_some());
        // TWAMP Light's least packet leaves STAMP's last zeros out.
        out.truncate(self.asked.len());
        out.extend(self.asked.iter().skip(base));
        let extended = self.signed.is_some() || SenderPacket::is_stamp(self.asked);
        if extended && out.len() > base {
            let base_packet = Base {
                theirs: self.packet.sender.seq,
                ours: self.packet.seq,
                key: self.key,
                authenticated: self.signed.is_some(),
            };
            reflect(&mut out[base..], base_packet);
        }
    }
}

#[cfg(test)]
#[path = "answer_tests.rs"]
mod tests;
