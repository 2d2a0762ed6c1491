//! Two that answer, facing each other: how many replies it takes until nobody does.

use std::net::SocketAddr;
use std::time::Instant;

use hearth_proto::stamp::{ErrorEstimate, Key, LIGHT_LEN, SenderPacket};
use proptest::prelude::*;

use super::super::answer::{Asked, Policy, Refusal, SessionKey, answer};
use super::super::sessions::{MOST_REPEATS, Said, Sessions};
use super::*;

/// What one round trip between them takes.
const ROUND: Duration = Duration::from_millis(3);

/// A reflector of ours with a clock of its own.
struct Ours {
    policy: Policy,
    sessions: Sessions,
    /// Its wall clock when all begins.
    wall: Duration,
    began: Instant,
    replies: usize,
}

impl Ours {
    #[expect(clippy::disallowed_methods, reason = "only differences count")]
    fn new(wall_s: u64, key: Option<Key>) -> Self {
        let policy = Policy { key, open: false };
        let wall = Duration::from_secs(wall_s);
        Self { policy, sessions: Sessions::default(), wall, began: Instant::now(), replies: 0 }
    }

    fn hear(&mut self, octets: &[u8], from: SocketAddr, at: Duration) -> Result<Vec<u8>, Refusal> {
        let sessions = &mut self.sessions;
        let now = self.began + at;
        let mut number = |key: SessionKey, said: Said| Ok(sessions.next(key, said, now)?.0);
        let received = self.wall + at;
        let asked = Asked { octets, from, received, ttl: 60 };
        let made = answer(&self.policy, asked, None, &mut number)?;
        let mut out = Vec::new();
        made.write(received + Duration::from_micros(20), &mut out);
        self.replies += 1;
        Ok(out)
    }
}

fn spoofed(seq: u32, sent: Timestamp, key: Option<&Key>) -> Vec<u8> {
    let packet = SenderPacket { seq, sent, error: ErrorEstimate::UNSYNCHRONISED, ssid: 3 };
    match key {
        Some(key) => packet.encode_authenticated(key).to_vec(),
        None => packet.encode().to_vec(),
    }
}

fn at(port: u16) -> SocketAddr {
    ([192, 0, 2, 1], port).into()
}

/// Both answer what the other says until one does not: how many replies there were.
fn face(mut a: Ours, mut b: Ours, first: &[u8]) -> usize {
    let mut octets = first.to_vec();
    for turn in 0..1000 {
        let now = ROUND * turn;
        let answered = if turn % 2 == 0 {
            a.hear(&octets, at(8620), now)
        } else {
            b.hear(&octets, at(862), now)
        };
        match answered {
            Ok(reply) => octets = reply,
            Err(_) => break,
        }
    }
    a.replies + b.replies
}

const NOW: u64 = 1_800_000_000;

#[test]
fn two_reflectors_facing_each_other_die_out_after_one_reply_each() {
    let key = Key::new(&[7; 32]).unwrap();
    // One's clock is right, the other's as well, slow by hours, or not set.
    for (other, format) in
        [NOW, NOW - 7200, 5].into_iter().zip([Format::Ntp, Format::Ptp].into_iter().cycle())
    {
        for key in [None, Some(key.clone())] {
            let sent = Timestamp::from_unix(Duration::from_secs(NOW), format);
            let first = spoofed(0, sent, key.as_ref());
            let (a, b) = (Ours::new(NOW, key.clone()), Ours::new(other, key));
            let replies = face(a, b, &first);
            assert!((1..=2).contains(&replies), "{replies} replies, clocks {NOW} and {other}");
        }
    }
}

#[test]
fn an_echo_at_any_port_gets_one_reply() {
    for format in [Format::Ntp, Format::Ptp] {
        let mut ours = Ours::new(NOW, None);
        // As if it came from the echo.
        let first = spoofed(0, Timestamp { bits: 9, format }, None);
        let reply = ours.hear(&first, at(4007), ROUND).unwrap();
        assert_eq!(ours.hear(&reply, at(4007), ROUND * 2), Err(Refusal::MightLoop));
        // Cut short and with something behind it just so.
        assert_eq!(ours.hear(&reply[..LIGHT_LEN], at(4007), ROUND * 3), Err(Refusal::MightLoop));
        let longer = [&reply[..], b"and more"].concat();
        assert_eq!(ours.hear(&longer, at(4007), ROUND * 4), Err(Refusal::MightLoop));
    }
}

#[test]
fn a_service_that_says_something_else_gets_few_replies() {
    let mut ours = Ours::new(NOW, None);
    let text = b"500 unknown command; this server knows HELP and nothing else at all";
    let mut last = Ok(Vec::new());
    for turn in 0..1000 {
        last = ours.hear(text, at(5060), ROUND * turn);
    }
    assert_eq!(last, Err(Refusal::MightLoop));
    assert_eq!(ours.replies, usize::from(MOST_REPEATS) + 1);
}

#[test]
fn spoofed_packets_do_not_silence_the_sender_whose_address_they_bear() {
    let mut ours = Ours::new(NOW, None);
    let mut lost = 0;
    for seq in 0..2000 {
        let now = Duration::from_millis(10) * seq;
        let sent = Timestamp::from_unix(Duration::from_secs(NOW) + now, Format::Ntp);
        // Other sessions at the same address and port, all alike, and a reply of ours.
        for _ in 0..3 {
            let junk =
                SenderPacket { ssid: 9, ..SenderPacket::decode(&spoofed(1, sent, None)).unwrap() };
            let _ = ours.hear(&junk.encode(), at(40_000), now);
        }
        match ours.hear(&spoofed(seq, sent, None), at(40_000), now) {
            Ok(reply) => {
                assert_eq!(ours.hear(&reply, at(40_000), now), Err(Refusal::MightLoop));
            }
            Err(_) => lost += 1,
        }
    }
    assert_eq!(lost, 0, "an honest sender at 100 a second");
}

proptest! {
    #[test]
    fn a_senders_packet_is_never_taken_for_an_answer(
        seq in any::<u32>(), bits in any::<u64>(), ptp in any::<bool>(), error in any::<u16>(),
        ssid in any::<u16>(), wall in 0_u64..5_000_000_000, padding in 0_usize..100,
    ) {
        let format = if ptp { Format::Ptp } else { Format::Ntp };
        let error = ErrorEstimate(error).with_format(format);
        let packet = SenderPacket { seq, sent: Timestamp { bits, format }, error, ssid };
        let now = Duration::from_secs(wall);
        let mut octets = packet.encode().to_vec();
        octets.resize(octets.len() + padding, 0);
        prop_assert!(!is_an_answer(&octets, false, now));
        let signed = packet.encode_authenticated(&Key::new(&[1; 16]).unwrap());
        prop_assert!(!is_an_answer(&signed, true, now));
    }

    #[test]
    fn padding_is_not_taken_for_an_answer(
        padding in prop::collection::vec(any::<u8>(), LIGHT_LEN..100), wall in any::<u32>(),
    ) {
        prop_assert!(!is_an_answer(&padding, false, Duration::from_secs(wall.into())));
    }
}
