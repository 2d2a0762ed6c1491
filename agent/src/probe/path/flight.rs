//! Which probe an answer is about, and which are given up. Pure.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use hearth_proto::Cause;

use super::PAYLOAD_BYTES;
use crate::probe::datagram::Trouble;

/// What came of one probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resolved {
    /// Its number, from 0.
    pub seq: u32,
    /// Its TTL.
    pub ttl: u8,
    /// Who answered, or why nobody did.
    pub outcome: Result<Answered, Cause>,
    /// The router that says it goes no further, where that is the cause.
    pub barred_by: Option<IpAddr>,
}

/// An answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answered {
    /// The round trip.
    pub rtt: Duration,
    /// The router. `None`: not told, or it was the destination.
    pub by: Option<IpAddr>,
    /// Whether the destination itself answered: it is no farther than the TTL.
    pub reached: bool,
}

#[derive(Debug, Clone, Copy)]
struct Out {
    seq: u32,
    ttl: u8,
    at: Instant,
}

/// The probes that are out, in the order of sending.
#[derive(Debug, Default)]
pub struct Flight {
    out: VecDeque<Out>,
    next: u32,
    terse: bool,
}

impl Flight {
    /// The next probe's number and payload: the number first, since a router quotes
    /// the beginning.
    pub fn packet(&self) -> (u32, [u8; PAYLOAD_BYTES as usize]) {
        let mut payload = [0; PAYLOAD_BYTES as usize];
        payload[..4].copy_from_slice(&self.next.to_be_bytes());
        (self.next, payload)
    }

    /// That packet left.
    pub fn sent(&mut self, ttl: u8, at: Instant) {
        self.out.push_back(Out { seq: self.next, ttl, at });
        self.skip();
    }

    /// That packet could not leave: its number is not used again.
    pub fn skip(&mut self) {
        self.next = self.next.wrapping_add(1);
    }

    /// ICMP says this of a probe, and quotes so much of its payload. Routers may
    /// quote as little as the UDP header (RFC 792): then it is about the only one
    /// that is out, or it can't be told.
    pub fn heard(&mut self, quote: &[u8], trouble: Trouble, at: Instant) -> Option<Resolved> {
        let place = if let Some(number) = quote.first_chunk::<4>() {
            let seq = u32::from_be_bytes(*number);
            self.out.iter().position(|out| out.seq == seq)?
        } else {
            self.terse = true;
            if self.out.len() != 1 {
                return None;
            }
            0
        };
        let out = self.out.remove(place)?;
        let rtt = at.saturating_duration_since(out.at);
        let outcome = match trouble {
            Trouble::TtlEnded { by } => Ok(Answered { rtt, by, reached: false }),
            Trouble::Refused { .. } => Ok(Answered { rtt, by: None, reached: true }),
            other => Err(other.cause()),
        };
        let barred_by = if let Trouble::Unreachable { by } = trouble { by } else { None };
        Some(Resolved { seq: out.seq, ttl: out.ttl, outcome, barred_by })
    }

    /// Gives up the oldest probe if it has been out for `patience` at `now`.
    pub fn expired(&mut self, now: Instant, patience: Duration) -> Option<Resolved> {
        if self.out.front()?.at + patience > now {
            return None;
        }
        let out = self.out.pop_front()?;
        let outcome = Err(Cause::Timeout);
        Some(Resolved { seq: out.seq, ttl: out.ttl, outcome, barred_by: None })
    }

    /// When the oldest is given up.
    pub fn deadline(&self, patience: Duration) -> Option<Instant> {
        Some(self.out.front()?.at + patience)
    }

    /// How many are out.
    pub fn outstanding(&self) -> usize {
        self.out.len()
    }

    /// Whether another may be sent now. Once a router quotes too little to tell
    /// probes apart, they go one at a time.
    pub fn may_send(&self) -> bool {
        !self.terse || self.out.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PATIENCE: Duration = Duration::from_secs(3);
    const REFUSED: Trouble = Trouble::Refused { by: None };

    fn send(flight: &mut Flight, ttl: u8, at: Instant) -> Vec<u8> {
        let (_, payload) = flight.packet();
        flight.sent(ttl, at);
        payload.to_vec()
    }

    #[test]
    fn a_terse_router_is_asked_one_at_a_time() {
        let (mut flight, t) = (Flight::default(), crate::clock::now());
        send(&mut flight, 1, t);
        send(&mut flight, 2, t);
        assert!(flight.may_send());
        let ended = Trouble::TtlEnded { by: None };
        assert_eq!(flight.heard(&[], ended, t), None, "it can't be told which");
        assert!(!flight.may_send());
        let given_up = flight.expired(t + PATIENCE, PATIENCE).unwrap();
        assert_eq!((given_up.ttl, given_up.outcome), (1, Err(Cause::Timeout)));
        assert_eq!(flight.heard(&[], ended, t).map(|r| r.ttl), Some(2));
        assert!(flight.may_send());
    }

    proptest! {
        #[test]
        fn each_answer_finds_its_probe_in_any_order(
            ttls in proptest::collection::vec(1_u8..30, 1..20),
            order in any::<prop::sample::Index>(),
        ) {
            let (mut flight, t) = (Flight::default(), crate::clock::now());
            let mut sent: Vec<_> = ttls.iter().map(|ttl| (*ttl, send(&mut flight, *ttl, t))).collect();
            let from = order.index(sent.len());
            sent.rotate_left(from);
            for (ttl, payload) in &sent {
                let resolved = flight.heard(payload, REFUSED, t + PATIENCE).unwrap();
                prop_assert_eq!(resolved.ttl, *ttl);
                let answered = resolved.outcome.unwrap();
                prop_assert!(answered.reached && answered.rtt == PATIENCE);
                prop_assert_eq!(flight.heard(payload, REFUSED, t), None, "only once");
            }
            prop_assert_eq!(flight.outstanding(), 0);
        }
    }
}
