//! A transfer over a simulated link: a sender with a window (slow start, then as
//! CUBIC after a loss), or one that paces by the rate that it has found (in the
//! manner of BBR); all losses are repaired as with SACK.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};

use super::super::estimate::Mark;
use super::Random;
use super::link::{Bottleneck, Link, PACKET, SEGMENT};
use std::time::Duration;

/// One request of an upload.
const PIECE: u64 = 8 * 1024;
const STARTUP: f64 = 2.885;
const CYCLE: [f64; 8] = [1.25, 0.75, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0];

/// How the sender finds its rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Manner {
    Window,
    /// It leaves slow start once the round trip grows (`HyStart`).
    Careful,
    Paced,
}

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Transfer {
    pub(in super::super) manner: Manner,
    pub(in super::super) octets: u64,
    /// Marks come with the answers to pieces, half a round trip later.
    pub(in super::super) is_upload: bool,
    pub(in super::super) seconds: f64,
}

/// The marks that a transfer leaves, and the link that it went over.
pub(in super::super) struct Sent<'a> {
    pub(in super::super) marks: Vec<Mark>,
    bottleneck: Bottleneck<'a>,
    later: f64,
}

impl Sent<'_> {
    /// What the link could carry in a time by the marks' clock, in bit/s.
    pub(in super::super) fn carries(&self, from: Duration, until: Duration) -> f64 {
        let at = |time: Duration| time.as_secs_f64() - self.later;
        self.bottleneck.carries(at(from), at(until))
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Ack {
    at: f64,
    /// `None`: it is only time to send.
    packet: Option<Packet>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Packet {
    sequence: u64,
    order: u64,
    sent: f64,
    delivered: f64,
    delivered_at: f64,
}

impl Eq for Ack {}
impl PartialOrd for Ack {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Ack {
    fn cmp(&self, other: &Self) -> Ordering {
        other.at.total_cmp(&self.at)
    }
}

struct Sender<'a> {
    link: &'a Link,
    bottleneck: Bottleneck<'a>,
    manner: Manner,
    packets: u64,
    next: u64,
    again: VecDeque<u64>,
    out: BTreeMap<u64, Packet>,
    order: u64,
    window: f64,
    threshold: f64,
    recovery: u64,
    events: BinaryHeap<Ack>,
    delivered: f64,
    delivered_at: f64,
    // Of the paced one.
    next_send: f64,
    is_waiting: bool,
    rates: VecDeque<(u64, f64)>,
    round: u64,
    round_ends: f64,
    found: f64,
    flat: u32,
    drained: Option<f64>,
    arrivals: Vec<(f64, u64)>,
}

/// Sends, and tells what the receiver saw.
pub(in super::super) fn send(link: &Link, transfer: Transfer, random: Random) -> Sent<'_> {
    let mut random = random;
    let bottleneck = Bottleneck::new(link, Random(random.0 ^ 0x5eed));
    let mut sender = Sender {
        link,
        bottleneck,
        manner: transfer.manner,
        packets: (transfer.octets as f64 / SEGMENT).ceil() as u64,
        next: 0,
        again: VecDeque::new(),
        out: BTreeMap::new(),
        order: 0,
        window: 10.0,
        threshold: f64::INFINITY,
        recovery: 0,
        events: BinaryHeap::new(),
        delivered: 0.0,
        delivered_at: 0.0,
        next_send: 0.0,
        is_waiting: false,
        rates: VecDeque::new(),
        round: 0,
        round_ends: 0.0,
        found: 0.0,
        flat: 0,
        drained: None,
        arrivals: Vec::new(),
    };
    sender.run(transfer.seconds);
    let marks = marks(&sender.arrivals, link, transfer, &mut random);
    let later = if transfer.is_upload { link.rtt / 2.0 } else { 0.0 };
    Sent { marks, bottleneck: sender.bottleneck, later }
}

impl Sender<'_> {
    fn run(&mut self, seconds: f64) {
        let mut now = 0.0;
        self.send(now);
        while now < seconds && (self.delivered as u64) < self.packets {
            if let Some(ack) = self.events.pop() {
                now = ack.at;
                match ack.packet {
                    Some(packet) => self.acked(packet, now),
                    None => self.is_waiting = false,
                }
            } else {
                // All that is under way is lost.
                now += (2.0 * self.link.rtt).max(0.2);
                self.again.extend(std::mem::take(&mut self.out).values().map(|p| p.sequence));
                self.threshold = (self.window / 2.0).max(4.0);
                self.window = 10.0;
                self.recovery = self.order;
            }
            self.send(now);
        }
    }

    fn pace(&self) -> f64 {
        let best = self.rates.iter().map(|(_, rate)| *rate).fold(0.0, f64::max);
        if best == 0.0 { 10.0 * PACKET * 8.0 / self.link.rtt } else { best }
    }

    fn gain(&self, now: f64) -> f64 {
        match self.drained {
            Some(since) => CYCLE[((now - since) / self.link.rtt) as usize % CYCLE.len()],
            None if self.flat >= 3 => 1.0 / STARTUP,
            None => STARTUP,
        }
    }

    fn send(&mut self, now: f64) {
        while (self.out.len() as f64) < self.window
            && (!self.again.is_empty() || self.next < self.packets)
        {
            if self.manner == Manner::Paced {
                if now < self.next_send {
                    if !std::mem::replace(&mut self.is_waiting, true) {
                        self.events.push(Ack { at: self.next_send, packet: None });
                    }
                    return;
                }
                let rate = self.pace() * self.gain(now);
                self.next_send = self.next_send.max(now - 0.001) + PACKET * 8.0 / rate;
            }
            let sequence = self.again.pop_front().unwrap_or_else(|| {
                self.next += 1;
                self.next - 1
            });
            self.order += 1;
            let packet = Packet {
                sequence,
                order: self.order,
                sent: now,
                delivered: self.delivered,
                delivered_at: self.delivered_at,
            };
            self.out.insert(self.order, packet);
            if let Some(left) = self.bottleneck.offer(now + self.link.rtt / 2.0) {
                self.arrivals.push((left, sequence));
                let at = left + self.link.rtt / 2.0;
                self.events.push(Ack { at, packet: Some(packet) });
            }
        }
    }

    fn acked(&mut self, packet: Packet, now: f64) {
        if self.out.remove(&packet.order).is_none() {
            // It was taken for lost, wrongly.
            return;
        }
        self.delivered += 1.0;
        self.delivered_at = now;
        let mut lost = false;
        while let Some(entry) = self.out.first_entry() {
            if entry.get().order + 3 > packet.order {
                break;
            }
            let gone = entry.remove();
            self.again.push_back(gone.sequence);
            lost |= gone.order > self.recovery;
        }
        match self.manner {
            Manner::Paced => self.learned(packet, now),
            _ if lost => {
                self.window = (self.window * 0.7).max(2.0);
                self.threshold = self.window;
                self.recovery = self.order;
            }
            _ if self.window < self.threshold => {
                self.window += 1.0;
                let grew =
                    now - packet.sent > self.link.rtt + (self.link.rtt / 8.0).clamp(0.004, 0.016);
                if self.manner == Manner::Careful && grew {
                    self.threshold = self.window;
                }
            }
            _ => self.window += 1.0 / self.window,
        }
    }

    fn learned(&mut self, packet: Packet, now: f64) {
        let rate = (self.delivered - packet.delivered) * PACKET * 8.0
            / (now - packet.delivered_at.max(1e-9)).max(1e-6);
        if packet.delivered >= self.round_ends {
            self.round += 1;
            self.round_ends = self.delivered;
            let best = self.pace();
            if best > 1.25 * self.found {
                (self.found, self.flat) = (best, 0);
            } else {
                self.flat += 1;
            }
        }
        if packet.delivered_at > 0.0 {
            self.rates.push_back((self.round, rate));
        }
        while self.rates.front().is_some_and(|(round, _)| round + 10 < self.round) {
            self.rates.pop_front();
        }
        let product = self.pace() * self.link.rtt / (PACKET * 8.0);
        if self.flat >= 3 && self.drained.is_none() && self.out.len() as f64 <= product {
            self.drained = Some(now);
        }
        let gain = if self.drained.is_some() { 2.0 } else { STARTUP };
        self.window = (gain * product).max(if self.rates.is_empty() { 10.0 } else { 4.0 });
    }
}

/// What the application sees: octets in order, when it comes to read them.
fn marks(
    arrivals: &[(f64, u64)],
    link: &Link,
    transfer: Transfer,
    random: &mut Random,
) -> Vec<Mark> {
    let mut had = std::collections::BTreeSet::new();
    let (mut in_order, mut read, mut marks) = (0_u64, 0.0_f64, Vec::<Mark>::new());
    let mut pieces = 0;
    for &(at, sequence) in arrivals {
        had.insert(sequence);
        let before = in_order;
        while had.remove(&in_order) {
            in_order += 1;
        }
        if in_order == before || at > transfer.seconds {
            continue;
        }
        let handed = if link.tick > 0.0 { (at / link.tick).ceil() * link.tick } else { at };
        read = read.max(handed + random.exponential(link.late));
        let octets = (in_order as f64 * SEGMENT) as u64;
        if transfer.is_upload {
            while (pieces + 1) * PIECE <= octets {
                pieces += 1;
                let at = Duration::from_secs_f64(read + link.rtt / 2.0);
                marks.push(Mark { at, octets: pieces * PIECE });
            }
        } else {
            marks.push(Mark { at: Duration::from_secs_f64(read), octets });
        }
    }
    marks
}
