//! Packets recorded from independent implementations, octet by octet: stamp-suite
//! 1.0.0, sender and stateful reflector, on loopback.

use hearth_proto::stamp::{
    ErrorEstimate, Format, Key, PacketError, ReflectorPacket, SenderPacket, Timestamp,
    looks_authenticated, tlv,
};

const KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

/// `stamp-suite -r 127.0.0.1 -p PORT -c 1 --ssid 4660`
const SENDER: &str = "00000000eeb0474327cbc73500011234\
    00000000000000000000000000000000000000000000000000000000";
/// The same with `-K PTP --extra-padding 12`
const SENDER_PTP_PADDED: &str = "000000006b05c8c40b65692940011234\
    00000000000000000000000000000000000000000000000000000000\
    8001000cf1dcd80345d64dd508716686";
/// The same with `-A A --hmac-key KEY`
const SENDER_AUTHENTICATED: &str = "00000000000000000000000000000000eeb04745385033b800011234\
    0000000000000000000000000000000000000000000000000000000000000000000000000000000000000000\
    000000000000000000000000000000000000000000000000\
    2e4021578737b1905680a07dbbce16e1";
/// Sent to the reflectors: number 7, session 0x1234, synchronised within 2⁻³² s.
const ASKED: &str = "00000007ecaf8a008000000080011234\
    00000000000000000000000000000000000000000000000000000000";
/// `stamp-suite -i --stateful-reflector`, to [`ASKED`]
const REFLECTOR: &str = "00000000eeb04747be2d239700011234eeb04747be27a3e6\
    00000007ecaf8a00800000008001000040000000";
/// The same, to [`ASKED`] with extra padding aabbccdd
const REFLECTOR_PADDED: &str = "00000001eeb04747be3dd0ac00011234eeb04747be37bb71\
    00000007ecaf8a00800000008001000040000000\
    00010004aabbccdd";
/// `stamp-suite -i --stateful-reflector -A A --hmac-key KEY`
const REFLECTOR_AUTHENTICATED: &str = "00000000000000000000000000000000eeb0474940337d05000112340000\
    0000eeb04749402c724e000000000000000000000007000000000000000000000000ecaf8a0080000000\
    8001000000000000400000000000000000000000000000003137d4a1b7c84034e6e347984b03e2be";

fn octets(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> =
        hex.chars().map(|c| u8::try_from(c.to_digit(16).unwrap()).unwrap()).collect();
    digits.chunks(2).map(|two| (two[0] << 4) | two[1]).collect()
}

fn key() -> Key {
    Key::from_hex(KEY).unwrap()
}

/// What the recorded replies answer.
fn asked() -> SenderPacket {
    SenderPacket {
        seq: 7,
        sent: Timestamp { bits: 0xecaf_8a00_8000_0000, format: Format::Ntp },
        error: ErrorEstimate(0x8001),
        ssid: 0x1234,
    }
}

#[test]
fn a_senders_packets_are_read_and_would_be_written_alike() {
    let packet = SenderPacket::decode(&octets(SENDER)).unwrap();
    assert_eq!((packet.seq, packet.ssid, packet.sent.format), (0, 0x1234, Format::Ntp));
    assert_eq!(packet.encode().as_slice(), octets(SENDER));
    let authentic = octets(SENDER_AUTHENTICATED);
    assert!(looks_authenticated(&authentic));
    let packet = SenderPacket::decode_authenticated(&authentic, &key()).unwrap();
    assert_eq!((packet.seq, packet.ssid), (0, 0x1234));
    assert_eq!(packet.encode_authenticated(&key()).as_slice(), authentic);
    let other = Key::new(&[0; 32]).unwrap();
    let refused = SenderPacket::decode_authenticated(&authentic, &other);
    assert_eq!(refused, Err(PacketError::Unauthentic));
}

#[test]
fn a_senders_ptp_time_is_that_of_its_ntp_time_a_second_before() {
    let (ntp, ptp) = (octets(SENDER), octets(SENDER_PTP_PADDED));
    let ptp = SenderPacket::decode(&ptp).unwrap();
    let ntp = SenderPacket::decode(&ntp).unwrap();
    assert_eq!(ptp.sent.format, Format::Ptp);
    let apart = ptp.sent.nanos_since(ntp.sent);
    assert!((0..3_000_000_000).contains(&apart), "{apart} ns");
}

#[test]
fn a_senders_extra_padding_is_understood_and_ours_is_like_it() {
    let mut following = octets(SENDER_PTP_PADDED)[44..].to_vec();
    let value = following[4..].to_vec();
    let ours = tlv::extra_padding(44, 60, |out| out.copy_from_slice(&value));
    assert_eq!(ours, following);
    tlv::reflect(&mut following, tlv::Base { theirs: 0, ours: 0, key: None, authenticated: false });
    assert_eq!(following[..4], [0, 1, 0, 12]);
    assert_eq!(following[4..], value);
}

#[test]
fn a_reflectors_packets_are_read_and_would_be_written_alike() {
    let reply = ReflectorPacket::decode(&octets(REFLECTOR)).unwrap();
    assert_eq!((reply.seq, reply.sender, reply.sender_ttl), (0, asked(), 64));
    assert!((0..1_000_000).contains(&reply.held_nanos()), "{} ns", reply.held_nanos());
    assert_eq!(reply.encode().as_slice(), octets(REFLECTOR));
    let padded = octets(REFLECTOR_PADDED);
    assert_eq!(ReflectorPacket::decode(&padded).unwrap().seq, 1);
    // A reflector that knows it clears the flags that the sender set.
    let mut following = octets("80010004aabbccdd");
    tlv::reflect(&mut following, tlv::Base { theirs: 7, ours: 1, key: None, authenticated: false });
    assert_eq!(following, padded[44..]);
    let authentic = octets(REFLECTOR_AUTHENTICATED);
    let reply = ReflectorPacket::decode_authenticated(&authentic, &key()).unwrap();
    assert_eq!((reply.seq, reply.sender, reply.sender_ttl), (0, asked(), 64));
    assert_eq!(reply.encode_authenticated(&key()).as_slice(), authentic);
}

#[test]
fn what_was_sent_to_the_reflectors_is_what_we_would_send() {
    assert_eq!(asked().encode().as_slice(), octets(ASKED));
}
