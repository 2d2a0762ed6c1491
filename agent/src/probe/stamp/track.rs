//! Which probes of a session are out, and what came of each. Pure.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use hearth_proto::Cause;
use hearth_proto::stamp::{ErrorEstimate, ReflectorPacket, SenderPacket, Timestamp};
use serde::Serialize;

/// What came of one probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resolved {
    /// Its number within the session.
    pub seq: u32,
    /// T1: when it was sent.
    pub sent: Instant,
    /// Its answer, or why there is none.
    pub outcome: Result<Reply, Cause>,
}

/// An answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reply {
    /// (T4 − T1) − (T3 − T2).
    pub rtt: Duration,
    /// The reflector's own number for it.
    pub reflector_seq: u32,
    /// The TTL or hop limit that the probe reached the reflector with; 0: not
    /// known.
    pub ttl_there: u8,
    /// Each way alone, where both clocks are said to be synchronised.
    pub one_way: Option<OneWay>,
}

/// Each way's delay by the clocks of both ends (RFC 7679): T2 − T1 and T4 − T3,
/// T4 being T1 and the time since, so that a clock set meanwhile changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OneWay {
    /// To the reflector, in nanoseconds.
    pub forward_nanos: i64,
    /// From the reflector, in nanoseconds.
    pub back_nanos: i64,
    /// The most that either may be off: the sum of what both ends say of their
    /// clocks.
    pub bound: Duration,
}

/// Replies that changed nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Ignored {
    /// After the timeout, or a second time.
    pub late_or_duplicate: u64,
    /// Of another session, or not an answer to what was sent.
    pub foreign: u64,
    /// With a wrong HMAC, or none, where there is a key.
    pub unauthentic: u64,
}

#[derive(Debug, Clone, Copy)]
struct Out {
    sent: Instant,
    stamp: Timestamp,
    error: ErrorEstimate,
}

/// One session's probes.
#[derive(Debug)]
pub struct Track {
    ssid: u16,
    timeout: Duration,
    next_seq: u32,
    out: BTreeMap<u32, Out>,
    ignored: Ignored,
}

impl Track {
    /// A new session with this identifier (RFC 8972; 0 would mean none).
    pub fn new(ssid: u16, timeout: Duration) -> Self {
        Self { ssid, timeout, next_seq: 0, out: BTreeMap::new(), ignored: Ignored::default() }
    }

    /// The next packet. It counts only once [`Self::sent`] is told of it.
    pub fn packet(&self, sent: Timestamp, error: ErrorEstimate) -> SenderPacket {
        SenderPacket { seq: self.next_seq, sent, error, ssid: self.ssid }
    }

    /// The packet has left at `sent`.
    pub fn sent(&mut self, packet: &SenderPacket, sent: Instant) {
        self.out.insert(packet.seq, Out { sent, stamp: packet.sent, error: packet.error });
        // Number 1 is never used: a stateful reflector numbers our second packet
        // 1, a stateless one repeats our 2. So they can be told apart.
        self.next_seq = if packet.seq == 0 { 2 } else { packet.seq.wrapping_add(1) };
    }

    /// A packet came from the reflector at `at` (T4).
    pub fn reply(&mut self, packet: &ReflectorPacket, at: Instant) -> Option<Resolved> {
        // A reflector without RFC 8972 returns zeros in the identifier's place.
        if packet.ssid != self.ssid && packet.ssid != 0 {
            self.ignored.foreign += 1;
            return None;
        }
        let seq = packet.sender.seq;
        let Some(out) = self.out.get(&seq) else {
            self.ignored.late_or_duplicate += 1;
            return None;
        };
        // Its format is ours, whatever a reflector makes of the flag.
        if out.stamp.bits != packet.sender.sent.bits {
            self.ignored.foreign += 1;
            return None;
        }
        if at.saturating_duration_since(out.sent) > self.timeout {
            self.ignored.late_or_duplicate += 1;
            return None;
        }
        let (sent, out) = (out.sent, *out);
        self.out.remove(&seq);
        let rtt = rtt(at.saturating_duration_since(sent), packet.held_nanos());
        let reply = Reply {
            rtt,
            one_way: one_way(&out, packet, rtt),
            reflector_seq: packet.seq,
            ttl_there: packet.sender_ttl,
        };
        Some(Resolved { seq, sent, outcome: Ok(reply) })
    }

    /// Something came that is no reply: too short, or not authentic where a key is
    /// shared.
    pub fn unreadable(&mut self, keyed: bool) {
        let counter = if keyed { &mut self.ignored.unauthentic } else { &mut self.ignored.foreign };
        *counter += 1;
    }

    /// The network said that a probe failed; `quoted` is what it quoted of it.
    /// Without a quote it is taken to be the latest.
    pub fn failed(&mut self, quoted: &[u8], cause: Cause) -> Option<Resolved> {
        let seq = if let Some(seq) = quoted.first_chunk::<4>() {
            u32::from_be_bytes(*seq)
        } else {
            *self.out.last_key_value()?.0
        };
        let out = self.out.remove(&seq)?;
        Some(Resolved { seq, sent: out.sent, outcome: Err(cause) })
    }

    /// The oldest probe, if it has waited too long at `now`.
    pub fn expired(&mut self, now: Instant) -> Option<Resolved> {
        let oldest = self.out.first_entry()?;
        if now < oldest.get().sent + self.timeout {
            return None;
        }
        let (seq, out) = oldest.remove_entry();
        Some(Resolved { seq, sent: out.sent, outcome: Err(Cause::Timeout) })
    }

    /// When [`Self::expired`] has something next.
    pub fn deadline(&self) -> Option<Instant> {
        self.out.first_key_value().map(|(_, out)| out.sent + self.timeout)
    }

    /// How many probes are out.
    pub fn outstanding(&self) -> usize {
        self.out.len()
    }

    /// Replies that changed nothing.
    pub fn ignored(&self) -> Ignored {
        self.ignored
    }
}

/// The time on the way. A holding time that can't be, since the reflector's
/// clock was set meanwhile, is not taken off.
fn rtt(total: Duration, held_nanos: i64) -> Duration {
    let held = Duration::from_nanos(u64::try_from(held_nanos).unwrap_or(0));
    total.checked_sub(held).unwrap_or(total)
}

/// Only where both ends say that they are synchronised, and are not proven wrong by
/// a delay under zero that their bounds don't explain.
fn one_way(out: &Out, packet: &ReflectorPacket, rtt: Duration) -> Option<OneWay> {
    let bound = out.error.bound()? + packet.error.bound()?;
    let forward_nanos = packet.received.nanos_since(out.stamp);
    let back_nanos = (rtt.as_nanos() as i64).checked_sub(forward_nanos)?;
    let least = -(bound.as_nanos() as i64);
    (forward_nanos >= least && back_nanos >= least).then_some(OneWay {
        forward_nanos,
        back_nanos,
        bound,
    })
}

#[cfg(test)]
#[path = "track_tests.rs"]
mod tests;
