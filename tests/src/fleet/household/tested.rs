//! Responsiveness tests of a line whose speeds and queues are known.

use hearth_proto::{
    Confidence, DirectionFigures, Distribution, Family, Figures, Own, TestKind, TestOutcome,
    TestResult, UnixMs,
};

use super::Household;
use crate::models::Random;

/// How long one takes, and its stable part.
const TEST_MS: u32 = 20_000;
const STABLE_MS: u32 = 8_000;

/// What a line is like under load.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Line {
    /// Payload towards the home, in bit/s.
    pub down_bps: u64,
    /// Payload from the home, in bit/s.
    pub up_bps: u64,
    /// Round trip of an idle line.
    pub idle_us: f64,
    /// What its queue adds when it is full, in each direction.
    pub queue_us: (f64, f64),
}

impl Line {
    fn direction(self, bps: u64, queue_us: f64, random: &mut Random) -> DirectionFigures {
        let mut times = |round_trips: f64| -> Distribution {
            let mut us: Vec<u32> = (0..60)
                .map(|_| ((self.idle_us + queue_us) * random.lognormal(round_trips, 0.1)) as u32)
                .collect();
            us.sort_unstable();
            us.into_iter().collect()
        };
        // Tests of one line differ by a few percent.
        let (tcp_f, tls_f, http_f, http_l) = (times(1.0), times(1.0), times(1.0), times(1.0));
        let goodput_bps = (bps as f64 * random.lognormal(1.0, 0.02)) as u64;
        let rpm = (60e6 / (self.idle_us + queue_us)) as u32;
        DirectionFigures {
            goodput_bps,
            low_bps: None,
            high_bps: None,
            confidence: Confidence::High,
            bytes: goodput_bps * u64::from(STABLE_MS) / 8_000,
            measured_ms: STABLE_MS,
            flows: 8,
            rpm: Some((rpm, Confidence::High)),
            tcp_f,
            tls_f,
            http_f,
            http_l,
        }
    }
}

impl Household {
    /// Adds a responsiveness test of `link` at each of `times`, undisturbed.
    pub fn tested(&mut self, link: usize, line: Line, times: impl IntoIterator<Item = UnixMs>) {
        let mut random = Random::new(self.seed, &format!("tests of {}", self.links[link].name));
        for start in times {
            let down = line.direction(line.down_bps, line.queue_us.0, &mut random);
            let up = line.direction(line.up_bps, line.queue_us.1, &mut random);
            let idle = (0..10).map(|_| random.lognormal(line.idle_us, 0.05) as u32);
            let cost = Own { rx_bytes: down.bytes * 2, tx_bytes: up.bytes * 2 };
            self.tests.push(TestResult {
                link: self.links[link].name.clone(),
                kind: TestKind::Responsiveness,
                family: Some(Family::V4),
                server: "https://test.example.net".to_owned(),
                start,
                start_boot_ms: start.since(self.span.from).max(0) as u64,
                duration_ms: TEST_MS,
                order: None,
                cost,
                outcome: TestOutcome::Done(Box::new(Figures {
                    idle_rtt: idle.collect::<Distribution>(),
                    down: Some(down),
                    up: Some(up),
                })),
            });
        }
        self.tests.sort_by_key(|t| t.start);
    }
}
