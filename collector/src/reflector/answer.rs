//! Which packets are answered, and with what. Pure.

use std::net::SocketAddr;

use hearth_proto::stamp::{ErrorEstimate, NtpTime, ReflectorPacket, SenderPacket, TooShort};

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
    /// It is not a STAMP packet.
    TooShort,
    /// Its sender might be something that answers replies.
    MightLoop,
}

/// The reply to `datagram`, but for T3, which is the caller's to take beside the
/// system call. `number` is asked only for packets that are answered.
pub(super) fn answer(
    datagram: &[u8],
    from: SocketAddr,
    own_port: u16,
    received: NtpTime,
    ttl: u8,
    number: &mut dyn FnMut(SessionKey) -> u32,
) -> Result<ReflectorPacket, Refusal> {
    let sender = SenderPacket::decode(datagram).map_err(|TooShort(_)| Refusal::TooShort)?;
    if from.port() < 1024 || from.port() == own_port {
        return Err(Refusal::MightLoop);
    }
    Ok(ReflectorPacket {
        seq: number(SessionKey { from, ssid: sender.ssid }),
        sent: received,
        error: ErrorEstimate::UNSYNCHRONISED,
        ssid: sender.ssid,
        received,
        sender,
        sender_ttl: ttl,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use hearth_proto::stamp::PACKET_LEN;

    const SENT: SenderPacket =
        SenderPacket { seq: 7, sent: NtpTime(42), error: ErrorEstimate(0x8001), ssid: 5 };

    fn ask(datagram: &[u8], from: &str) -> Result<ReflectorPacket, Refusal> {
        let from = from.parse().unwrap();
        answer(datagram, from, 862, NtpTime(99), 61, &mut |key| {
            assert_eq!(key, SessionKey { from, ssid: 5 });
            3
        })
    }

    #[test]
    fn a_reply_says_what_was_asked_and_how_it_came() {
        let reply = ask(&SENT.encode(), "192.0.2.1:40000").unwrap();
        assert_eq!((reply.sender, reply.seq, reply.sender_ttl), (SENT, 3, 61));
        assert_eq!((reply.ssid, reply.received), (5, NtpTime(99)));
    }

    #[test]
    fn short_packets_and_possible_loops_are_left_alone() {
        let packet = SENT.encode();
        assert!(matches!(
            ask(&packet[..PACKET_LEN - 1], "192.0.2.1:40000"),
            Err(Refusal::TooShort)
        ));
        for from in ["192.0.2.1:862", "[2001:db8::1]:53", "192.0.2.1:0"] {
            assert_eq!(ask(&packet, from), Err(Refusal::MightLoop), "{from}");
        }
    }
}
