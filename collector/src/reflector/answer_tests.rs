use super::*;
use hearth_proto::stamp::tlv::extra_padding;
use hearth_proto::stamp::{AUTHENTICATED_LEN, Format, PACKET_LEN};
use proptest::prelude::*;

const T2: Duration = Duration::from_secs(1_800_000_000);
const BOUND: Option<Duration> = Some(Duration::from_millis(2));

fn sent(format: Format) -> SenderPacket {
    let error = ErrorEstimate(0x8001).with_format(format);
    SenderPacket { seq: 7, sent: Timestamp { bits: 42, format }, error, ssid: 5 }
}

fn key() -> Key {
    Key::new(&[9; 32]).unwrap()
}

fn keyed(open: bool) -> Policy {
    Policy { key: Some(key()), open }
}

fn ask_from(policy: &Policy, octets: &[u8], from: &str) -> Result<Vec<u8>, Refusal> {
    let from = from.parse().unwrap();
    let asked = Asked { octets, from, received: T2, ttl: 61 };
    let answered = answer(policy, asked, BOUND, &mut |key, _| {
        assert_eq!(key.from, from);
        Ok(3)
    })?;
    let mut out = vec![1; 7];
    answered.write(T2 + Duration::from_millis(1), &mut out);
    Ok(out)
}

fn ask(policy: &Policy, octets: &[u8]) -> Result<Vec<u8>, Refusal> {
    ask_from(policy, octets, "192.0.2.1:40000")
}

#[test]
fn a_reply_says_what_was_asked_and_how_it_came_in_the_senders_format() {
    for format in [Format::Ntp, Format::Ptp] {
        let out = ask(&Policy::default(), &sent(format).encode()).unwrap();
        let reply = ReflectorPacket::decode(&out).unwrap();
        assert_eq!((reply.sender, reply.seq, reply.sender_ttl), (sent(format), 3, 61));
        assert_eq!((reply.ssid, reply.error.format()), (5, format));
        assert_eq!(reply.received, Timestamp::from_unix(T2, format));
        assert!(reply.held_nanos().abs_diff(1_000_000) <= 1);
        let bound = reply.error.bound().unwrap();
        assert!(bound >= BOUND.unwrap() && bound < Duration::from_millis(3), "{bound:?}");
    }
}

#[test]
fn what_is_shorter_than_the_least_reply_and_possible_loops_are_left_alone() {
    let (policy, packet) = (Policy::default(), sent(Format::Ntp).encode());
    // TWAMP Light's least packet unauthenticated, and up to the reply's size.
    for len in [0, 14, LIGHT_LEN - 1] {
        assert_eq!(ask(&policy, &packet[..len]), Err(Refusal::TooShort), "{len}");
    }
    for from in ["192.0.2.1:7", "[2001:db8::1]:53", "192.0.2.1:0"] {
        assert_eq!(ask_from(&policy, &packet, from), Err(Refusal::MightLoop), "{from}");
    }
    for from in ["192.0.2.1:862", "[2001:db8::1]:1", "192.0.2.1:65535"] {
        assert!(ask_from(&policy, &packet, from).is_ok(), "a sender may have any other: {from}");
    }
}

#[test]
fn a_twamp_light_sender_gets_its_reflectors_packet_in_its_own_size() {
    let mut light = sent(Format::Ntp).encode()[..14].to_vec();
    light.extend([0x5a; 300]);
    for len in [41, 42, 43, 44, 50, 300] {
        let out = ask(&Policy::default(), &light[..len]).unwrap();
        assert_eq!(out.len(), len);
        let reply = ReflectorPacket::decode(&out).unwrap();
        assert_eq!((reply.sender.seq, reply.sender_ttl, reply.ssid), (7, 61, 0));
        assert_eq!(out[PACKET_LEN.min(len)..], light[PACKET_LEN.min(len)..len], "padding returns");
    }
}

#[test]
fn with_a_key_only_the_authentic_are_answered() {
    let (packet, policy) = (sent(Format::Ntp), keyed(false));
    let good = packet.encode_authenticated(&key());
    let reply = ReflectorPacket::decode_authenticated(&ask(&policy, &good).unwrap(), &key());
    assert_eq!(reply.unwrap().sender, packet);
    let mut forged = good;
    forged[20] ^= 1;
    assert_eq!(ask(&policy, &forged), Err(Refusal::Unauthentic));
    let mut padded = packet.encode().to_vec();
    padded.resize(200, 0);
    for open in [&packet.encode()[..], &padded] {
        assert_eq!(ask(&policy, open), Err(Refusal::Unauthenticated));
        let reply = ask(&keyed(true), open).unwrap();
        assert_eq!(ReflectorPacket::decode(&reply).unwrap().sender, packet);
    }
    assert_eq!(ask(&keyed(true), &forged), Err(Refusal::Unauthentic));
    assert_eq!(ask(&keyed(true), &good).unwrap().len(), AUTHENTICATED_LEN);
}

#[test]
fn extra_padding_comes_back_understood_and_others_unrecognised() {
    let mut octets = sent(Format::Ntp).encode().to_vec();
    octets.extend([0x80, 4, 0, 4, 1, 2, 3, 4]);
    octets.extend(extra_padding(0, 20, |value| value.fill(9)));
    let out = ask(&Policy::default(), &octets).unwrap();
    assert_eq!((out[44], out[52]), (0x80, 0));
    assert_eq!((&out[45..52], &out[53..]), (&octets[45..52], &octets[53..]));
}

proptest! {
    #[test]
    fn a_reply_is_exactly_as_long_as_what_it_answers(
        octets in prop::collection::vec(any::<u8>(), 0..300), open in any::<bool>(),
        signed in any::<bool>(),
    ) {
        let policy = if open { Policy::default() } else { keyed(signed) };
        let mut octets = octets;
        if signed && octets.len() >= AUTHENTICATED_LEN {
            let packet = sent(Format::Ptp).encode_authenticated(&key());
            octets[..AUTHENTICATED_LEN].copy_from_slice(&packet);
        }
        if let Ok(out) = ask(&policy, &octets) {
            prop_assert_eq!(out.len(), octets.len());
        }
    }
}
