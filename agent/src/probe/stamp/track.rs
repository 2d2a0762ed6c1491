//! Which probes of a session are out, and what came of each. Pure.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use hearth_proto::Cause;
use hearth_proto::stamp::{ErrorEstimate, NtpTime, ReflectorPacket, SenderPacket};

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
}

/// Replies that changed nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ignored {
    /// After the timeout, or a second time.
    pub late_or_duplicate: u64,
    /// Of another session, or not an answer to what was sent.
    pub foreign: u64,
}

#[derive(Debug, Clone, Copy)]
struct Out {
    sent: Instant,
    stamp: NtpTime,
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
    pub fn packet(&self, stamp: NtpTime) -> SenderPacket {
        SenderPacket {
            seq: self.next_seq,
            sent: stamp,
            error: ErrorEstimate::UNSYNCHRONISED,
            ssid: self.ssid,
        }
    }

    /// The packet has left at `sent`.
    pub fn sent(&mut self, packet: &SenderPacket, sent: Instant) {
        self.out.insert(packet.seq, Out { sent, stamp: packet.sent });
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
        if out.stamp != packet.sender.sent {
            self.ignored.foreign += 1;
            return None;
        }
        if at.saturating_duration_since(out.sent) > self.timeout {
            self.ignored.late_or_duplicate += 1;
            return None;
        }
        let sent = out.sent;
        self.out.remove(&seq);
        let reply = Reply {
            rtt: rtt(at.saturating_duration_since(sent), packet.held_nanos()),
            reflector_seq: packet.seq,
            ttl_there: packet.sender_ttl,
        };
        Some(Resolved { seq, sent, outcome: Ok(reply) })
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MS: Duration = Duration::from_millis(1);

    fn t0() -> Instant {
        crate::clock::now()
    }

    fn answer(sender: SenderPacket, seq: u32, held_ms: u64) -> ReflectorPacket {
        ReflectorPacket {
            seq,
            sent: NtpTime::from_unix(Duration::from_millis(1000 + held_ms)),
            error: ErrorEstimate::UNSYNCHRONISED,
            ssid: sender.ssid,
            received: NtpTime::from_unix(Duration::from_secs(1)),
            sender,
            sender_ttl: 60,
        }
    }

    fn send(track: &mut Track, at: Instant) -> SenderPacket {
        let packet = track.packet(NtpTime(u64::from(track.next_seq) + 77));
        track.sent(&packet, at);
        packet
    }

    #[test]
    fn time_at_the_reflector_is_taken_off() {
        let (mut track, t) = (Track::new(5, 3000 * MS), t0());
        let packet = send(&mut track, t);
        let resolved = track.reply(&answer(packet, 0, 4), t + 24 * MS).unwrap();
        let reply = resolved.outcome.unwrap();
        assert!(reply.rtt.abs_diff(20 * MS) < Duration::from_nanos(2), "{reply:?}");
        assert_eq!((resolved.seq, resolved.sent, reply.ttl_there), (0, t, 60));
    }

    #[test]
    fn a_holding_time_that_can_not_be_is_left_on() {
        assert_eq!(rtt(20 * MS, -5_000_000), 20 * MS);
        assert_eq!(rtt(20 * MS, 3_600_000_000_000), 20 * MS);
        assert_eq!(rtt(20 * MS, 20_000_000), Duration::ZERO);
    }

    #[test]
    fn duplicates_late_and_foreign_replies_change_nothing() {
        let (mut track, t) = (Track::new(5, 3000 * MS), t0());
        let packet = send(&mut track, t);
        let good = answer(packet, 0, 0);
        let others_ssid = ReflectorPacket { ssid: 6, ..good };
        let mut forged = good;
        forged.sender.sent = NtpTime(1);
        assert_eq!(track.reply(&others_ssid, t + MS), None);
        assert_eq!(track.reply(&forged, t + MS), None);
        assert!(track.reply(&good, t + MS).is_some());
        assert_eq!(track.reply(&good, t + 2 * MS), None);
        let late = send(&mut track, t);
        assert_eq!(track.reply(&answer(late, 1, 0), t + 3001 * MS), None);
        assert_eq!(track.expired(t + 3001 * MS).unwrap().outcome, Err(Cause::Timeout));
        assert_eq!(track.ignored(), Ignored { late_or_duplicate: 2, foreign: 2 });
    }

    #[test]
    fn icmp_fails_the_probe_it_quotes_else_the_latest() {
        let (mut track, t) = (Track::new(5, 3000 * MS), t0());
        let first = send(&mut track, t);
        send(&mut track, t + MS);
        send(&mut track, t + 2 * MS);
        let quoted = track.failed(&first.encode(), Cause::Refused).unwrap();
        assert_eq!((quoted.seq, quoted.outcome), (0, Err(Cause::Refused)));
        assert_eq!(track.failed(&[], Cause::Unreachable).unwrap().sent, t + 2 * MS);
        assert_eq!(track.failed(&first.encode(), Cause::Refused), None);
        assert_eq!(track.outstanding(), 1);
    }

    proptest! {
        /// Whatever happens, each probe sent is resolved exactly once.
        #[test]
        fn every_probe_is_resolved_once(fates in prop::collection::vec(0_u8..4, 1..60)) {
            let (mut track, t) = (Track::new(9, 30 * MS), t0());
            let mut resolved = Vec::new();
            for (i, fate) in fates.iter().enumerate() {
                let now = t + 10 * MS * i as u32;
                while let Some(r) = track.expired(now) { resolved.push(r.seq); }
                let packet = send(&mut track, now);
                let reply = answer(packet, 0, 0);
                match fate {
                    0 => {}
                    1 => resolved.extend(track.reply(&reply, now + MS).map(|r| r.seq)),
                    2 => for _ in 0..2 {
                        resolved.extend(track.reply(&reply, now + MS).map(|r| r.seq));
                    },
                    _ => resolved.extend(track.failed(&packet.encode(), Cause::Refused).map(|r| r.seq)),
                }
            }
            while let Some(at) = track.deadline() {
                resolved.extend(track.expired(at).map(|r| r.seq));
            }
            resolved.sort_unstable();
            let expected: Vec<u32> = std::iter::once(0).chain(2..).take(fates.len()).collect();
            prop_assert_eq!(resolved, expected);
        }
    }
}
