//! Waits until a prober's next probe is due.

use std::time::{Duration, Instant};

use rand::RngExt;
use rand::rngs::SmallRng;
use tokio::sync::watch;
use tokio::time::sleep_until;

use crate::clock;
use crate::schedule::{Steady, TimerError, slow_pause};

/// While a link is in doubt it is asked so often.
const URGENT: Duration = Duration::from_secs(1);
/// The timers' own error is logged so often.
const REPORT_EVERY: u64 = 3600;

/// A prober's pace.
#[derive(Debug)]
pub(super) struct Pacer {
    pace: Pace,
    last: Option<Instant>,
    /// Whether the link is in doubt; `None` for a probe that says nothing of it.
    urgent: Option<watch::Receiver<bool>>,
    error: TimerError,
    recorded: u64,
    chance: SmallRng,
}

#[derive(Debug)]
enum Pace {
    Steady(Steady),
    Slow { period: Duration, due: Instant },
}

impl Pacer {
    pub(super) fn new(period: Duration, slow: bool, urgent: Option<watch::Receiver<bool>>) -> Self {
        let mut chance = rand::make_rng::<SmallRng>();
        let now = clock::now();
        let pace = if slow {
            // The first soon, so that there is something to show, but not all at
            // once.
            let first = period.min(Duration::from_secs(10)).mul_f64(chance.random());
            Pace::Slow { period, due: now + first }
        } else {
            Pace::Steady(Steady::soon(period, URGENT, now, [chance.random(), chance.random()]))
        };
        Self { pace, last: None, urgent, error: TimerError::default(), recorded: 0, chance }
    }

    /// Waits for the next probe. Safe to drop and call again.
    pub(super) async fn wait(&mut self) {
        loop {
            let in_doubt = self.urgent.as_ref().is_some_and(|urgent| *urgent.borrow());
            let planned = self.pace.due();
            let due = match self.last {
                Some(last) if in_doubt => planned.min(last + URGENT),
                _ => planned,
            };
            let changed = async {
                let changed = match &mut self.urgent {
                    Some(urgent) => urgent.changed().await.is_ok(),
                    None => false,
                };
                // Without it the link's task has ended, and this one will.
                if !changed {
                    std::future::pending::<()>().await;
                }
            };
            tokio::select! {
                biased;
                () = sleep_until(due.into()) => {}
                () = changed => continue,
            }
            let now = clock::now();
            self.note(due, now);
            self.last = Some(now);
            if now >= planned {
                let chance = self.chance.random();
                self.pace.advance(now, chance);
            }
            return;
        }
    }

    fn note(&mut self, due: Instant, now: Instant) {
        self.error.record(due, now);
        self.recorded += 1;
        if self.recorded.is_multiple_of(REPORT_EVERY) {
            let late = self.error.take();
            tracing::debug!(
                p50_us = late.percentile_us(0.5),
                p99_us = late.percentile_us(0.99),
                count = late.count(),
                "timers were late"
            );
        }
    }
}

impl Pace {
    fn due(&self) -> Instant {
        match self {
            Self::Steady(steady) => steady.due(),
            Self::Slow { due, .. } => *due,
        }
    }

    fn advance(&mut self, now: Instant, chance: f64) {
        match self {
            Self::Steady(steady) => steady.advance(now),
            Self::Slow { period, due } => {
                *due = now + slow_pause(*period, clock::since_unix(), chance);
            }
        }
    }
}
