//! What the emulator did to every packet. What follows from it is the truth
//! that measurements are held against, whatever the scenario asked for.

use std::collections::HashMap;

use super::flow::Flow;
use super::{Direction, DropCause, Nanos, SECOND};

/// Records kept in one allocation, so that growing never copies millions.
const CHUNK: usize = 16_384;
/// Most packets one run keeps; later ones are forwarded but not recorded.
const MAX_RECORDS: usize = 20_000_000;

/// What became of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Still inside when the run ended.
    Inside,
    /// Written to the far side.
    Delivered {
        /// When it was written.
        at: Nanos,
        /// How long after the time the shaper had set for it.
        late: Nanos,
    },
    /// Not delivered.
    Dropped {
        /// When that was decided.
        at: Nanos,
        /// Why.
        cause: DropCause,
    },
}

/// One packet.
#[derive(Clone, Copy, Debug)]
pub struct Record {
    /// Index of the link, as the links were given.
    pub link: usize,
    /// Which way it went.
    pub direction: Direction,
    /// What it is.
    pub flow: Flow,
    /// IP packet's length in bytes.
    pub bytes: u32,
    /// When it was read from the near side.
    pub entered: Nanos,
    /// What became of it.
    pub fate: Fate,
}

impl Record {
    /// How long the packet was inside, if it was delivered.
    pub fn residency(&self) -> Option<Nanos> {
        match self.fate {
            Fate::Delivered { at, .. } => Some(at - self.entered),
            Fate::Inside | Fate::Dropped { .. } => None,
        }
    }

    /// When the packet was delivered.
    pub fn delivered_at(&self) -> Option<Nanos> {
        match self.fate {
            Fate::Delivered { at, .. } => Some(at),
            Fate::Inside | Fate::Dropped { .. } => None,
        }
    }
}

/// A probe and its reply, joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProbeTruth {
    /// What joins them.
    pub flow: Flow,
    /// When the probe entered the link.
    pub entered: Nanos,
    /// Time inside the link, both ways; none if either way was not completed.
    pub rtt: Option<Nanos>,
    /// The way on which the link dropped it. None with `rtt` none: the probe
    /// was delivered, but no reply came back through this link.
    pub lost: Option<Direction>,
}

/// A direction's delivered traffic.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RateTruth {
    /// Mean over the window, bit/s of IP packets.
    pub mean_bps: f64,
    /// Highest rate over a whole second of the window, bit/s.
    pub peak_1s_bps: f64,
}

/// Packets of one direction, counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Entered.
    pub entered: u64,
    /// Delivered.
    pub delivered: u64,
    /// Dropped, by cause.
    pub dropped: std::collections::BTreeMap<DropCause, u64>,
}

/// Every packet of a run.
#[derive(Debug, Default)]
pub struct Ledger {
    chunks: Vec<Vec<Record>>,
    /// Packets forwarded but not recorded, because the ledger was full.
    pub unrecorded: u64,
    /// Wall clock at the epoch of all its times, nanoseconds since 1970.
    pub epoch_unix_ns: u64,
}

impl Ledger {
    /// An empty ledger whose time 0 was `epoch_unix_ns`.
    pub fn new(epoch_unix_ns: u64) -> Self {
        Self { epoch_unix_ns, ..Self::default() }
    }

    /// Books a packet in; the number settles it later. None if full.
    pub fn enter(&mut self, record: Record) -> Option<usize> {
        let full = self.chunks.last().is_none_or(|chunk| chunk.len() == CHUNK);
        if full {
            if self.chunks.len() * CHUNK >= MAX_RECORDS {
                self.unrecorded += 1;
                return None;
            }
            self.chunks.push(Vec::with_capacity(CHUNK));
        }
        let chunk = self.chunks.len() - 1;
        self.chunks[chunk].push(record);
        Some(chunk * CHUNK + self.chunks[chunk].len() - 1)
    }

    /// Books what became of packet `number`.
    pub fn settle(&mut self, number: usize, fate: Fate) {
        self.chunks[number / CHUNK][number % CHUNK].fate = fate;
    }

    /// Every packet in order of entry.
    pub fn iter(&self) -> impl Iterator<Item = &Record> {
        self.chunks.iter().flatten()
    }

    /// Packets of one direction of one link.
    pub fn of(&self, link: usize, direction: Direction) -> impl Iterator<Item = &Record> {
        self.iter().filter(move |record| record.link == link && record.direction == direction)
    }

    /// Counts over packets that entered in `[from, to)`.
    pub fn counts(&self, link: usize, direction: Direction, from: Nanos, to: Nanos) -> Counts {
        let mut counts = Counts::default();
        for record in self.of(link, direction).filter(|r| (from..to).contains(&r.entered)) {
            counts.entered += 1;
            match record.fate {
                Fate::Inside => {}
                Fate::Delivered { .. } => counts.delivered += 1,
                Fate::Dropped { cause, .. } => *counts.dropped.entry(cause).or_default() += 1,
            }
        }
        counts
    }

    /// Probes that entered going up, each joined to its reply: of two probes
    /// with one flow, the reply belongs to the latest before it.
    pub fn probes(&self, link: usize) -> Vec<ProbeTruth> {
        let mut probes: Vec<ProbeTruth> = Vec::new();
        let mut forward: HashMap<Flow, (usize, Nanos)> = HashMap::new();
        for record in self.iter().filter(|record| record.link == link) {
            if !matches!(record.flow, Flow::Stamp { .. }) {
                continue;
            }
            match record.direction {
                Direction::Up => {
                    let lost = matches!(record.fate, Fate::Dropped { .. });
                    if let Some(residency) = record.residency() {
                        forward.insert(record.flow, (probes.len(), residency));
                    }
                    probes.push(ProbeTruth {
                        flow: record.flow,
                        entered: record.entered,
                        rtt: None,
                        lost: lost.then_some(Direction::Up),
                    });
                }
                Direction::Down => {
                    let Some((index, residency)) = forward.remove(&record.flow) else { continue };
                    probes[index].rtt = record.residency().map(|back| residency + back);
                    if matches!(record.fate, Fate::Dropped { .. }) {
                        probes[index].lost = Some(Direction::Down);
                    }
                }
            }
        }
        probes
    }

    /// Rates over `[from, to)` of what was delivered then.
    pub fn rate(&self, link: usize, direction: Direction, from: Nanos, to: Nanos) -> RateTruth {
        let seconds = (to.saturating_sub(from)) / SECOND;
        let mut per_second = vec![0u64; seconds as usize];
        let mut bits = 0u64;
        for record in self.of(link, direction) {
            let Some(at) = record.delivered_at().filter(|at| (from..to).contains(at)) else {
                continue;
            };
            bits += u64::from(record.bytes) * 8;
            if let Some(second) = per_second.get_mut(((at - from) / SECOND) as usize) {
                *second += u64::from(record.bytes) * 8;
            }
        }
        let window = to.saturating_sub(from).max(1) as f64 / SECOND as f64;
        RateTruth {
            mean_bps: bits as f64 / window,
            peak_1s_bps: per_second.into_iter().max().unwrap_or(0) as f64,
        }
    }

    /// How late packets were written after the time set for them: median and
    /// 99th percentile in nanoseconds, none without a delivered packet.
    pub fn lateness(&self) -> Option<(Nanos, Nanos)> {
        let mut all: Vec<Nanos> = self
            .iter()
            .filter_map(|record| match record.fate {
                Fate::Delivered { late, .. } => Some(late),
                Fate::Inside | Fate::Dropped { .. } => None,
            })
            .collect();
        all.sort_unstable();
        Some((*all.get(all.len() / 2)?, *all.get(all.len() * 99 / 100)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(direction: Direction, seq: u32, entered: Nanos, fate: Fate) -> Record {
        let flow = Flow::Stamp { version: 4, port: 1, seq };
        Record { link: 0, direction, flow, bytes: 125, entered, fate }
    }

    #[test]
    fn a_probe_is_joined_to_its_reply() {
        let mut ledger = Ledger::new(0);
        let done = |at| Fate::Delivered { at, late: 0 };
        let lost = Fate::Dropped { at: 0, cause: DropCause::RandomLoss };
        ledger.enter(record(Direction::Up, 1, 0, done(10)));
        ledger.enter(record(Direction::Down, 1, 12, done(27)));
        ledger.enter(record(Direction::Up, 2, 100, lost));
        ledger.enter(record(Direction::Up, 3, 200, done(210)));
        ledger.enter(record(Direction::Down, 3, 211, lost));
        ledger.enter(record(Direction::Up, 4, 300, done(310)));
        let probes = ledger.probes(0);
        assert_eq!(
            probes.iter().map(|probe| (probe.rtt, probe.lost)).collect::<Vec<_>>(),
            [
                (Some(25), None),
                (None, Some(Direction::Up)),
                (None, Some(Direction::Down)),
                (None, None),
            ]
        );
    }

    #[test]
    fn rates_are_of_what_was_delivered_in_the_window() {
        let mut ledger = Ledger::new(0);
        for (seq, at) in [(0, 0), (1, SECOND / 2), (2, SECOND), (3, 3 * SECOND)] {
            let fate = Fate::Delivered { at, late: 0 };
            ledger.enter(record(Direction::Down, seq, at, fate));
        }
        let rate = ledger.rate(0, Direction::Down, 0, 3 * SECOND);
        assert_eq!(rate, RateTruth { mean_bps: 1000.0, peak_1s_bps: 2000.0 });
    }
}
