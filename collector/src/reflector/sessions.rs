//! The number a session's next reply bears: how many of its packets came before.
//! Bounded; the session unused for longest makes room. Pure.
//!
//! A sender counts its packets, and its clock goes on (RFC 8762, section 4.2). What does
//! neither again and again answers replies rather than measures, and is left alone until
//! it does: the same text, or one that says something else each time. And no session is
//! answered faster than any sender measures, so that what counts and yet answers can't
//! take more than that.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use hearth_proto::stamp::SenderPacket;

use super::answer::{Refusal, SessionKey};

/// Sessions remembered at once: under 16 MB when full.
const MAX_SESSIONS: usize = 65_536;
/// A session unused for so long begins anew.
const IDLE: Duration = Duration::from_secs(15 * 60);
/// Packets on end that may not go on from the one before: more than a path repeats
/// or puts in the wrong order.
pub(super) const MOST_REPEATS: u8 = 32;
/// Packets that may be lost on end, by their numbers.
const MOST_LOST: u32 = 1 << 16;
/// The longest pause, by the sender's clock, in seconds.
const LONGEST_PAUSE: u32 = 3600;
/// Packets a millisecond that a session may go on with, and at once.
const RATE: u64 = 2;
pub(super) const BURST: u16 = 2000;

/// What a packet says of its sender's progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Said {
    seq: u32,
    /// T1's seconds.
    seconds: u32,
}

impl Said {
    pub(super) fn of(packet: &SenderPacket) -> Self {
        Self { seq: packet.seq, seconds: (packet.sent.bits >> 32) as u32 }
    }

    /// Whether a sender that said `before` could say this next.
    fn follows(self, before: Self) -> bool {
        (1..=MOST_LOST).contains(&self.seq.wrapping_sub(before.seq))
            || (1..=LONGEST_PAUSE).contains(&self.seconds.wrapping_sub(before.seconds))
    }
}

#[derive(Debug)]
struct Session {
    turn: u64,
    /// Of its last packet, since the first of all.
    last_ms: u64,
    next_seq: u32,
    said: Said,
    /// Packets more than the rate allowed so far.
    ahead: u16,
    repeats: u8,
}

impl Session {
    /// The number of the packet that says `said` now.
    fn next(&mut self, said: Said, now_ms: u64) -> Result<u32, Refusal> {
        let allowed = now_ms.saturating_sub(self.last_ms).saturating_mul(RATE);
        self.ahead = self.ahead.saturating_sub(allowed.try_into().unwrap_or(u16::MAX));
        self.last_ms = now_ms;
        self.repeats = if said.follows(self.said) { 0 } else { self.repeats.saturating_add(1) };
        self.said = said;
        if self.repeats > MOST_REPEATS {
            return Err(Refusal::MightLoop);
        }
        if self.ahead >= BURST {
            return Err(Refusal::TooFast);
        }
        self.ahead += 1;
        let seq = self.next_seq;
        self.next_seq = seq.wrapping_add(1);
        Ok(seq)
    }
}

/// Every session's count.
#[derive(Debug)]
pub(super) struct Sessions {
    max: usize,
    began: Option<Instant>,
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
        Self { max, began: None, by_key: HashMap::new(), by_turn: BTreeMap::new(), turn: 0 }
    }

    /// The number of this packet within its session, from 0, and whether another
    /// session still in use was forgotten for it.
    pub(super) fn next(
        &mut self,
        key: SessionKey,
        said: Said,
        now: Instant,
    ) -> Result<(u32, bool), Refusal> {
        let since = now.saturating_duration_since(*self.began.get_or_insert(now));
        let now_ms = since.as_millis().try_into().unwrap_or(u64::MAX);
        self.forget_idle(now_ms);
        self.turn += 1;
        let turn = self.turn;
        if let Some(session) = self.by_key.get_mut(&key) {
            self.by_turn.remove(&session.turn);
            self.by_turn.insert(turn, key);
            session.turn = turn;
            return session.next(said, now_ms).map(|seq| (seq, false));
        }
        let evicted = self.by_key.len() >= self.max;
        if evicted && let Some((_, oldest)) = self.by_turn.pop_first() {
            self.by_key.remove(&oldest);
        }
        let session = Session { turn, last_ms: now_ms, next_seq: 1, said, ahead: 1, repeats: 0 };
        self.by_key.insert(key, session);
        self.by_turn.insert(turn, key);
        Ok((0, evicted))
    }

    fn forget_idle(&mut self, now_ms: u64) {
        while let Some(first) = self.by_turn.first_entry() {
            let idle = self.by_key.get(first.get()).is_none_or(|session| {
                Duration::from_millis(now_ms.saturating_sub(session.last_ms)) >= IDLE
            });
            if !idle {
                return;
            }
            self.by_key.remove(first.get());
            first.remove();
        }
    }
}

#[cfg(test)]
#[path = "sessions_tests.rs"]
mod tests;
