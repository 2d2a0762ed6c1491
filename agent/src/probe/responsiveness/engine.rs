//! The algorithm of draft-ietf-ippm-responsiveness-09, section 4.4, for one
//! direction: no clock and no socket. Told what came of each interval, it says
//! whether to go on, with how many connections and probes, and at the end what
//! was found.
//!
//! Goodput becomes stable first, then responsiveness. Each has half of the time
//! at most; what did not become stable by then is reported with less confidence.
//! The measured part begins with the first of the intervals that agreed, so that
//! the ramp-up is not in it; the first interval is always part of the ramp-up.

use std::time::Duration;

use hearth_proto::{Confidence, DirectionFigures, Distribution};

use super::rpm::{Latencies, MAD, SDT, is_stable};

/// How long an interval is (ID).
pub const INTERVAL: Duration = Duration::from_secs(1);
/// The most connections that bear the load (MNP).
pub const MAX_FLOWS: u32 = 16;
/// The most probes a second, of both kinds together (MPS).
pub const MAX_PROBES: f64 = 100.0;
/// The most that probes may take of the capacity (PTC).
pub const PROBE_SHARE: f64 = 0.05;
/// Octets of a foreign and a self probe, as the draft estimates them.
const PAIR_OCTETS: f64 = 6000.0;
/// Pairs a second until the capacity is known.
const FIRST_PAIRS: f64 = 5.0;
/// Fewer than one pair in five seconds would tell nothing.
const LEAST_PAIRS: f64 = 0.2;
/// A part of an interval is worth a figure only if there is no other, and from
/// this length on.
const LEAST_PART: Duration = Duration::from_millis(200);

/// A probe's times.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Probe {
    /// On a new connection.
    Foreign {
        /// Connecting.
        tcp: Duration,
        /// The TLS handshake over its round trips.
        tls: Duration,
        /// The exchange.
        http: Duration,
    },
    /// On a loaded connection.
    Own(Duration),
}

/// What to do in the next interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Next {
    /// Go on with so many connections and pairs of probes a second.
    Go {
        /// Connections.
        flows: u32,
        /// Pairs.
        pairs_per_second: f64,
    },
    /// It is stable, or its time is over.
    End,
}

#[derive(Debug, Clone, Default)]
struct Interval {
    octets: u64,
    length: Duration,
    latencies: Latencies,
}

/// One direction's course.
#[derive(Debug)]
pub struct Engine {
    time: Duration,
    intervals: Vec<Interval>,
    current: Latencies,
    began: Duration,
    octets: u64,
    flows: u32,
    pairs: f64,
    goodput: Vec<f64>,
    /// The interval with which goodput's stage ended, and whether it was stable.
    loaded: Option<(usize, bool)>,
    responsiveness: Vec<f64>,
    responsive: bool,
}

impl Engine {
    /// For a direction that may load the link for `time`.
    pub fn new(time: Duration) -> Self {
        Self {
            time,
            intervals: Vec::new(),
            current: Latencies::default(),
            began: Duration::ZERO,
            octets: 0,
            flows: 1,
            pairs: FIRST_PAIRS,
            goodput: Vec::new(),
            loaded: None,
            responsiveness: Vec::new(),
            responsive: false,
        }
    }

    /// What to begin with.
    pub fn first(&self) -> Next {
        Next::Go { flows: self.flows, pairs_per_second: self.pairs }
    }

    /// A probe was answered.
    pub fn probe(&mut self, probe: Probe) {
        let ms = |d: Duration| d.as_secs_f64() * 1e3;
        match probe {
            Probe::Foreign { tcp, tls, http } => {
                self.current.tcp_f.push(ms(tcp));
                self.current.tls_f.push(ms(tls));
                self.current.http_f.push(ms(http));
            }
            Probe::Own(took) => self.current.http_l.push(ms(took)),
        }
    }

    /// An interval ended `now` after the load began, with so many octets of
    /// payload moved since then.
    pub fn tick(&mut self, now: Duration, octets: u64) -> Next {
        self.close(now, octets);
        let n = self.intervals.len();
        let bps = self.last_bps();
        if n > 1 {
            self.goodput.push(bps);
        }
        if self.loaded.is_none() {
            let stable = is_stable(&self.goodput, MAD, SDT) == Some(true);
            if stable || now >= self.time / 2 {
                self.loaded = Some((n, stable));
            }
        }
        if self.loaded.is_some()
            && let Some(rpm) = self.recent().rpm()
        {
            self.responsiveness.push(rpm);
            self.responsive = is_stable(&self.responsiveness, MAD, SDT) == Some(true);
        }
        let goodput_settled = self.loaded.is_some_and(|(_, stable)| stable);
        if (self.responsive && goodput_settled) || now >= self.time {
            return Next::End;
        }
        self.flows = (self.flows + 1).min(MAX_FLOWS);
        let affordable = PROBE_SHARE * bps / 8.0 / PAIR_OCTETS;
        self.pairs = affordable.clamp(LEAST_PAIRS, MAX_PROBES / 2.0);
        Next::Go { flows: self.flows, pairs_per_second: self.pairs }
    }

    /// Payload bit/s of the last interval.
    pub fn last_bps(&self) -> f64 {
        self.intervals.last().map_or(0.0, bps)
    }

    /// RPM over the last intervals, where there is any.
    pub fn rpm(&self) -> Option<u32> {
        self.recent().rpm().map(|rpm| rpm.round() as u32)
    }

    /// Forgets what came after `until`, when the load broke: there was none any more.
    pub fn cut(&mut self, until: Duration) {
        let mut end = Duration::ZERO;
        let whole = self.intervals.iter().take_while(|interval| {
            end += interval.length;
            end <= until
        });
        let whole = whole.count();
        let cut = self.intervals.len() - whole;
        if cut == 0 {
            return;
        }
        self.intervals.truncate(whole);
        self.began = self.intervals.iter().map(|interval| interval.length).sum();
        self.octets = self.intervals.iter().map(|interval| interval.octets).sum();
        self.responsiveness.truncate(self.responsiveness.len().saturating_sub(cut));
        self.responsive = false;
        self.loaded = self.loaded.filter(|(with, _)| *with <= whole);
    }

    /// What was found, ended `now` with so many octets moved; `None` if that is
    /// too little for any figure. `flows` bore the load at the end.
    pub fn finish(mut self, now: Duration, octets: u64, flows: u32) -> Option<DirectionFigures> {
        let part = now.saturating_sub(self.began);
        if self.intervals.is_empty() && part >= LEAST_PART {
            self.close(now, octets);
        }
        let n = self.intervals.len();
        let recent = n.saturating_sub(MAD);
        let from = match self.loaded {
            Some((end, true)) => end.saturating_sub(MAD).min(recent),
            _ => recent.max(usize::from(n > 1)),
        };
        let measured = &self.intervals[from..];
        let length: Duration = measured.iter().map(|i| i.length).sum();
        let bytes: u64 = measured.iter().map(|i| i.octets).sum();
        if length.is_zero() || bytes == 0 {
            return None;
        }
        let mut latencies = Latencies::default();
        for interval in measured {
            latencies.extend(&interval.latencies);
        }
        let rpm = self.rpm().map(|rpm| (rpm, self.rpm_confidence()));
        Some(DirectionFigures {
            goodput_bps: (bytes as f64 * 8.0 / length.as_secs_f64()).round() as u64,
            low_bps: None,
            high_bps: None,
            confidence: match self.loaded {
                _ if n < MAD => Confidence::Low,
                Some((_, true)) => Confidence::High,
                _ => Confidence::Medium,
            },
            bytes,
            measured_ms: length.as_millis() as u32,
            flows,
            rpm,
            tcp_f: distribution(&latencies.tcp_f),
            tls_f: distribution(&latencies.tls_f),
            http_f: distribution(&latencies.http_f),
            http_l: distribution(&latencies.http_l),
        })
    }

    fn rpm_confidence(&self) -> Confidence {
        if self.responsive {
            Confidence::High
        } else if self.responsiveness.len() < MAD {
            Confidence::Low
        } else {
            Confidence::Medium
        }
    }

    fn close(&mut self, now: Duration, octets: u64) {
        self.intervals.push(Interval {
            octets: octets.saturating_sub(self.octets),
            length: now.saturating_sub(self.began),
            latencies: std::mem::take(&mut self.current),
        });
        self.began = now;
        self.octets = self.octets.max(octets);
    }

    /// The probes of the last intervals.
    fn recent(&self) -> Latencies {
        let mut all = Latencies::default();
        for interval in &self.intervals[self.intervals.len().saturating_sub(MAD)..] {
            all.extend(&interval.latencies);
        }
        all
    }
}

fn bps(interval: &Interval) -> f64 {
    let seconds = interval.length.as_secs_f64();
    if seconds > 0.0 { interval.octets as f64 * 8.0 / seconds } else { 0.0 }
}

/// Of microseconds.
fn distribution(ms: &[f64]) -> Distribution {
    let mut all = Distribution::default();
    for ms in ms {
        all.record((ms * 1e3).round() as u32);
    }
    all
}

#[cfg(test)]
#[path = "engine_tests.rs"]
mod tests;
