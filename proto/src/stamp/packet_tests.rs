use proptest::prelude::*;

use super::*;
use crate::stamp::Format;

fn key() -> Key {
    Key::new(&[7; 32]).unwrap()
}

fn stamp_of(bits: u64, error: ErrorEstimate) -> Timestamp {
    Timestamp { bits, format: error.format() }
}

#[test]
fn layout_is_the_rfcs() {
    let sender = SenderPacket {
        seq: 0x0102_0304,
        sent: Timestamp { bits: 0x1112_1314_1516_1718, format: Format::Ntp },
        error: ErrorEstimate::UNSYNCHRONISED,
        ssid: 0x2122,
    };
    let octets = sender.encode();
    assert_eq!(&octets[..16], &[1, 2, 3, 4, 17, 18, 19, 20, 21, 22, 23, 24, 32, 1, 33, 34]);
    assert!(octets[16..].iter().all(|b| *b == 0));
    let octets = sender.encode_authenticated(&key());
    assert_eq!(&octets[..4], &[1, 2, 3, 4]);
    assert_eq!(&octets[16..28], &[17, 18, 19, 20, 21, 22, 23, 24, 32, 1, 33, 34]);
    assert!(octets[4..16].iter().chain(&octets[28..96]).all(|b| *b == 0));
    assert_eq!(octets[96..], key().tag(&[&octets[..96]]));
    assert!(looks_authenticated(&octets) && !looks_authenticated(&octets[..111]));
}

#[test]
fn short_packets_are_told_by_what_is_missing() {
    let short = |len, least| Err(PacketError::TooShort { least, len });
    assert_eq!(SenderPacket::decode(&[0; 40]), short(40, LIGHT_LEN));
    let octets = [0; AUTHENTICATED_LEN - 1];
    assert_eq!(SenderPacket::decode_authenticated(&octets, &key()), short(111, AUTHENTICATED_LEN));
}

#[test]
fn a_twamp_light_senders_padding_is_no_session_identifier() {
    let mut octets = [0xa5; LIGHT_LEN];
    octets[..4].copy_from_slice(&9_u32.to_be_bytes());
    let packet = SenderPacket::decode(&octets).unwrap();
    assert_eq!((packet.seq, packet.ssid), (9, 0));
    octets[16..].fill(0);
    assert_eq!(SenderPacket::decode(&octets).unwrap().ssid, 0xa5a5);
}

proptest! {
    #[test]
    fn packets_come_back_in_both_modes(
        seqs in any::<(u32, u32)>(), times in any::<(u64, u64, u64)>(),
        words in any::<(u16, u16, u16)>(), ttl in any::<u8>(),
    ) {
        let (theirs, ours) = (ErrorEstimate(words.0), ErrorEstimate(words.1));
        let sender = SenderPacket {
            seq: seqs.0, sent: stamp_of(times.0, theirs), error: theirs, ssid: words.2,
        };
        let reply = ReflectorPacket {
            seq: seqs.1, sent: stamp_of(times.2, ours), error: ours, ssid: words.2,
            received: stamp_of(times.1, ours), sender, sender_ttl: ttl,
        };
        prop_assert_eq!(SenderPacket::decode(&sender.encode()), Ok(sender));
        prop_assert_eq!(ReflectorPacket::decode(&reply.encode()), Ok(reply));
        // TWAMP Light's reflectors leave the last zeros out.
        prop_assert_eq!(ReflectorPacket::decode(&reply.encode()[..LIGHT_LEN]), Ok(reply));
        let (there, back) = (sender.encode_authenticated(&key()), reply.encode_authenticated(&key()));
        prop_assert_eq!(SenderPacket::decode_authenticated(&there, &key()), Ok(sender));
        prop_assert_eq!(ReflectorPacket::decode_authenticated(&back, &key()), Ok(reply));
    }

    #[test]
    fn one_changed_bit_is_noticed(at in 0_usize..AUTHENTICATED_LEN * 8) {
        let sender = SenderPacket {
            seq: 1, sent: Timestamp::default(), error: ErrorEstimate::UNSYNCHRONISED, ssid: 3,
        };
        let mut octets = sender.encode_authenticated(&key());
        octets[at / 8] ^= 1 << (at % 8);
        prop_assert_eq!(
            SenderPacket::decode_authenticated(&octets, &key()),
            Err(PacketError::Unauthentic)
        );
    }

    #[test]
    fn no_octets_break_the_readers(octets in prop::collection::vec(any::<u8>(), 0..160)) {
        let _ = SenderPacket::decode(&octets);
        let _ = ReflectorPacket::decode(&octets);
        let _ = SenderPacket::decode_authenticated(&octets, &key());
        looks_authenticated(&octets);
    }
}
