//! The number a session's next reply bears: how many of its packets came before.
//! Bounded; the session unused for longest makes room. Pure.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use super::answer::SessionKey;

/// Sessions remembered at once: under 16 MB when full.
const MAX_SESSIONS: usize = 65_536;
/// A session unused for so long begins anew.
const IDLE: Duration = Duration::from_secs(15 * 60);

#[derive(Debug)]
struct Session {
    next_seq: u32,
    last: Instant,
    turn: u64,
}

/// Every session's count.
#[derive(Debug)]
pub(super) struct Sessions {
    max: usize,
    by_key: HashMap<SessionKey, Session>,
    /// By the turn of their last use, so the longest unused is first.
    by_turn: BTreeMap<u64, SessionKey>,
    turn: u64,
}

impl Default for Sessions {
    fn default() -> Self {
        Self::with_room(MAX_SESSIONS)
    }
}

impl Sessions {
    fn with_room(max: usize) -> Self {
        Self { max, by_key: HashMap::new(), by_turn: BTreeMap::new(), turn: 0 }
    }

    /// The number of this packet within its session, from 0, and whether another
    /// session still in use was forgotten for it.
    pub(super) fn next(&mut self, key: SessionKey, now: Instant) -> (u32, bool) {
        self.forget_idle(now);
        self.turn += 1;
        let turn = self.turn;
        if let Some(session) = self.by_key.get_mut(&key) {
            self.by_turn.remove(&session.turn);
            self.by_turn.insert(turn, key);
            let seq = session.next_seq;
            *session = Session { next_seq: seq.wrapping_add(1), last: now, turn };
            return (seq, false);
        }
        let evicted = self.by_key.len() >= self.max;
        if evicted && let Some((_, oldest)) = self.by_turn.pop_first() {
            self.by_key.remove(&oldest);
        }
        self.by_key.insert(key, Session { next_seq: 1, last: now, turn });
        self.by_turn.insert(turn, key);
        (0, evicted)
    }

    fn forget_idle(&mut self, now: Instant) {
        while let Some(first) = self.by_turn.first_entry() {
            let idle = self
                .by_key
                .get(first.get())
                .is_none_or(|session| now.saturating_duration_since(session.last) >= IDLE);
            if !idle {
                return;
            }
            self.by_key.remove(first.get());
            first.remove();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::net::SocketAddr;

    fn key(port: u16, ssid: u16) -> SessionKey {
        SessionKey { from: SocketAddr::from(([192, 0, 2, 1], port)), ssid }
    }

    #[expect(clippy::disallowed_methods, reason = "only differences count")]
    fn start() -> Instant {
        Instant::now()
    }

    #[test]
    fn each_session_counts_for_itself_and_anew_after_a_pause() {
        let (mut sessions, t) = (Sessions::default(), start());
        assert_eq!(sessions.next(key(5000, 1), t).0, 0);
        assert_eq!(sessions.next(key(5000, 1), t).0, 1);
        assert_eq!(sessions.next(key(5000, 2), t).0, 0);
        assert_eq!(sessions.next(key(5001, 1), t).0, 0);
        assert_eq!(sessions.next(key(5000, 1), t + IDLE / 2).0, 2);
        assert_eq!(sessions.next(key(5000, 1), t + IDLE + IDLE / 2).0, 0);
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
            let (seq, gone) = sessions.next(key(1024 + (i >> 16) as u16, i as u16), t);
            assert_eq!(seq, 0);
            evicted += u32::from(gone);
        }
        assert_eq!(sessions.by_key.len(), MAX_SESSIONS);
        assert_eq!(evicted, flood - MAX_SESSIONS as u32);
        assert!(octets(&sessions) < 16 << 20, "{} octets", octets(&sessions));
        // And given back once they are idle.
        sessions.next(key(1, 1), t + IDLE);
        assert_eq!((sessions.by_key.len(), sessions.by_turn.len()), (1, 1));
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
                let (seq, evicted) = sessions.next(key(port, 0), t);
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
}
