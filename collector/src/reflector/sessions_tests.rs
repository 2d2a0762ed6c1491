use super::*;
use hearth_proto::stamp::{ErrorEstimate, Format, Timestamp};
use proptest::prelude::*;
use std::net::SocketAddr;

fn key(port: u16, ssid: u16) -> SessionKey {
    SessionKey { from: SocketAddr::from(([192, 0, 2, 1], port)), ssid }
}

#[expect(clippy::disallowed_methods, reason = "only differences count")]
fn start() -> Instant {
    Instant::now()
}

fn said(seq: u32, seconds: u32) -> Said {
    let sent = Timestamp { bits: u64::from(seconds) << 32, format: Format::Ntp };
    Said::of(&SenderPacket { seq, sent, error: ErrorEstimate::UNSYNCHRONISED, ssid: 0 })
}

impl Sessions {
    /// The next of a sender that has no other session, and counts.
    fn honest(&mut self, key: SessionKey, at: Instant) -> (u32, bool) {
        let seq = self.by_key.get(&key).map_or(0, |session| session.said.seq + 1);
        self.next(key, said(seq, 7), at).unwrap()
    }
}

#[test]
fn each_session_counts_for_itself_and_anew_after_a_pause() {
    let (mut sessions, t) = (Sessions::default(), start());
    assert_eq!(sessions.honest(key(5000, 1), t).0, 0);
    assert_eq!(sessions.honest(key(5000, 1), t).0, 1);
    assert_eq!(sessions.honest(key(5000, 2), t).0, 0);
    assert_eq!(sessions.honest(key(5001, 1), t).0, 0);
    assert_eq!(sessions.honest(key(5000, 1), t + IDLE / 2).0, 2);
    assert_eq!(sessions.honest(key(5000, 1), t + IDLE + IDLE / 2).0, 0);
    assert_eq!(sessions.by_key.len(), 1, "the idle ones are gone");
}

/// What is held, as far as the collections tell: the map's room with a octet of
/// control for each place, and the tree's entries in nodes half full at least.
fn octets(sessions: &Sessions) -> usize {
    // A hash map keeps an eighth of its places free.
    let places = sessions.by_key.capacity() * 8 / 7;
    places * (size_of::<(SessionKey, Session)>() + 1)
        + sessions.by_turn.len() * 2 * size_of::<(u64, SessionKey)>()
}

#[test]
fn a_flood_of_ports_and_identifiers_is_held_in_bounded_memory() {
    let (mut sessions, t) = (Sessions::default(), start());
    let flood = 3 * MAX_SESSIONS as u32 + 7;
    let mut evicted = 0;
    for i in 0..flood {
        let (seq, gone) = sessions.honest(key(1024 + (i >> 16) as u16, i as u16), t);
        assert_eq!(seq, 0);
        evicted += u32::from(gone);
    }
    assert_eq!(sessions.by_key.len(), MAX_SESSIONS);
    assert_eq!(evicted, flood - MAX_SESSIONS as u32);
    assert!(octets(&sessions) < 16 << 20, "{} octets", octets(&sessions));
    // And given back once they are idle.
    sessions.honest(key(1, 1), t + IDLE);
    assert_eq!((sessions.by_key.len(), sessions.by_turn.len()), (1, 1));
}

#[test]
fn what_does_not_go_on_is_left_alone_until_it_does() {
    let (mut sessions, t) = (Sessions::default(), start());
    let mut answered = |saids: &mut dyn Iterator<Item = Said>| {
        saids.filter(|said| sessions.next(key(5000, 0), *said, t).is_ok()).count()
    };
    let most = usize::from(MOST_REPEATS);
    let step = |i: u32| i.wrapping_mul(0x0101_0101);
    let letters = |i| said(step(i).wrapping_add(0x2021_2223), step(i).wrapping_add(0x2425_2627));
    // The same for ever; then letters that run on; then as padding has them.
    assert_eq!(answered(&mut (0..1000).map(|_| said(7, 7))), most + 1);
    assert_eq!(answered(&mut (0..1000).map(letters)), 0);
    assert_eq!(
        answered(
            &mut (0..1000_u32)
                .map(|i| said(i.wrapping_mul(0x9e37_79b9), i.wrapping_mul(0x85eb_ca6b)))
        ),
        0
    );
    // A sender: also one that lost some, and one that sends number 0 every minute.
    assert_eq!(
        answered(&mut (0..100).map(|i| said(1 + 3 * i, 1_000_000))),
        99,
        "all but the first"
    );
    assert_eq!(answered(&mut (1..100).map(|i| said(0, 1_000_000 + 60 * i))), 99);
    // Packets that came twice or thrice, and backwards ones.
    assert_eq!(answered(&mut (0..300).map(|i| said(i / 3, 1_100_000))), 300);
    assert_eq!(
        answered(&mut (0..300).map(|i| said(300 + i - i % 30 + 29 - i % 30, 1_100_000))),
        300
    );
}

#[test]
fn no_session_is_answered_faster_than_senders_measure() {
    let (mut sessions, t) = (Sessions::default(), start());
    let mut answered = |each: Duration, from: u32| {
        let at = |i| t + Duration::from_secs(u64::from(from)) + each * (i - from);
        let all = from..from + 10_000;
        all.filter(|i| sessions.next(key(5000, 0), said(*i, 7), at(*i)).is_ok()).count()
    };
    assert_eq!(answered(Duration::from_millis(10), 0), 10_000, "100 a second");
    assert_eq!(answered(Duration::from_micros(500), 20_000), 10_000, "2000 a second");
    let mut flood = answered(Duration::from_micros(50), 40_000);
    assert!((2900..=3000).contains(&flood), "the burst and half a second's: {flood}");
    flood = answered(Duration::ZERO, 60_000);
    assert_eq!(flood, usize::from(BURST));
    assert!(sessions.next(key(5001, 0), said(0, 0), t).is_ok(), "another's is its own");
}

proptest! {
    #[test]
    fn room_is_bounded_and_the_latest_are_kept(
        ports in prop::collection::vec(1_u16..12, 1..200),
    ) {
        let (mut sessions, t) = (Sessions::with_room(4), start());
        // The model: the last four distinct ports, latest last.
        let mut kept: Vec<(u16, u32)> = Vec::new();
        for port in ports {
            let (seq, evicted) = sessions.honest(key(port, 0), t);
            if let Some(at) = kept.iter().position(|k| k.0 == port) {
                let (_, next) = kept.remove(at);
                prop_assert_eq!((seq, evicted), (next, false));
                kept.push((port, next + 1));
            } else {
                prop_assert_eq!((seq, evicted), (0, kept.len() == 4));
                if kept.len() == 4 {
                    kept.remove(0);
                }
                kept.push((port, 1));
            }
            prop_assert!(sessions.by_key.len() <= 4);
            prop_assert_eq!(sessions.by_key.len(), sessions.by_turn.len());
        }
    }
}
