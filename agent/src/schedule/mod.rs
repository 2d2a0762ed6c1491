//! When to probe. Pure: clocks and chance are passed in.
//!
//! Steady probes keep their pace from a start of their own, so that a home's
//! links, and a country's homes, are not probed at the same instant. Slow probes
//! come at uneven intervals and keep away from the wall clock's full minutes,
//! when everybody else's jobs run. [`poisson`] says when a heavier test is due.

pub mod poisson;

use std::time::{Duration, Instant};

use hearth_proto::Distribution;

/// Probes a fixed time apart.
#[derive(Debug, Clone)]
pub struct Steady {
    period: Duration,
    next: Instant,
    /// When the second is due, where it is not a period after the first.
    second: Option<Instant>,
}

impl Steady {
    /// The first within one period from `now`, at the share `phase` (0 to 1) of
    /// it.
    pub fn new(period: Duration, now: Instant, phase: f64) -> Self {
        Self { period, next: now + period.mul_f64(phase.clamp(0.0, 1.0)), second: None }
    }

    /// The first within `soon` from `now`, the second half a period to one and a half
    /// after it, by `chance` (each 0 to 1): agents that begin at once, as when a plan
    /// changes the pace of all, don't go on together.
    pub fn soon(period: Duration, soon: Duration, now: Instant, chance: [f64; 2]) -> Self {
        let first = Self::new(period.min(soon), now, chance[0]).next;
        let gap = period.mul_f64(0.5 + chance[1].clamp(0.0, 1.0));
        Self { period, next: first, second: (period > soon).then_some(first + gap) }
    }

    /// When the next is due.
    pub fn due(&self) -> Instant {
        self.next
    }

    /// The one due has been sent at `now`. Those missed meanwhile are left out,
    /// since a burst would measure itself; the phase is kept.
    pub fn advance(&mut self, now: Instant) {
        if let Some(second) = self.second.take() {
            self.next = second;
            if now < second {
                return;
            }
        }
        let late = now.saturating_duration_since(self.next);
        let periods = late.as_nanos() / self.period.as_nanos().max(1) + 1;
        let periods = u32::try_from(periods).unwrap_or(u32::MAX);
        self.next += self.period.saturating_mul(periods);
    }

    /// The next is due no later than a second from `now`: the link is in doubt.
    pub fn hurry(&mut self, now: Instant) {
        self.next = self.next.min(now + Duration::from_secs(1));
    }
}

/// Keep so far away from a full minute.
const CLEAR: Duration = Duration::from_secs(2);
const MINUTE_NS: u128 = 60_000_000_000;

/// How long to wait before the next slow probe: three quarters to five quarters
/// of `period` by `chance` (0 to 1), and not onto a full minute of the wall clock
/// (`since_unix` now), where the period leaves room for that.
pub fn slow_pause(period: Duration, since_unix: Duration, chance: f64) -> Duration {
    let chance = chance.clamp(0.0, 1.0);
    let pause = period.mul_f64(0.75 + 0.5 * chance);
    if period < 5 * CLEAR {
        return pause;
    }
    let within = ((since_unix + pause).as_nanos() % MINUTE_NS) as u64;
    let within = Duration::from_nanos(within);
    let after = Duration::from_nanos(MINUTE_NS as u64).saturating_sub(within);
    let move_by = if within < CLEAR {
        CLEAR.saturating_sub(within)
    } else if after < CLEAR {
        after + CLEAR
    } else {
        return pause;
    };
    pause + move_by + CLEAR.mul_f64(chance)
}

/// How late a sender's timers were: part of what is known of its figures.
#[derive(Debug, Default)]
pub struct TimerError {
    late_us: Distribution,
}

impl TimerError {
    /// A probe due at `due` was sent at `sent`.
    pub fn record(&mut self, due: Instant, sent: Instant) {
        let late = sent.saturating_duration_since(due).as_micros();
        self.late_us.record(u32::try_from(late).unwrap_or(u32::MAX));
    }

    /// What was recorded since the last call.
    pub fn take(&mut self) -> Distribution {
        std::mem::take(&mut self.late_us)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn t0() -> Instant {
        crate::clock::now()
    }

    #[test]
    fn those_that_begin_at_once_ask_soon_and_then_anywhere_in_their_period() {
        let (t, period) = (t0(), 10 * SECOND);
        let mut seconds = [0; 10];
        for i in 0..1_000_u32 {
            let chance = |n: u32| f64::from(i * n % 1009) / 1009.0;
            let mut steady = Steady::soon(period, SECOND, t, [chance(57), chance(211)]);
            let first = steady.due();
            assert!(first <= t + SECOND);
            steady.advance(first);
            let gap = steady.due() - first;
            assert!((period / 2..=period * 3 / 2).contains(&gap), "{gap:?}");
            let second = steady.due();
            steady.advance(second);
            assert_eq!(steady.due(), second + period);
            seconds[(second - t).as_secs() as usize % 10] += 1;
        }
        assert!(seconds.iter().all(|n| (70..130).contains(n)), "{seconds:?}");
        // Where all of a period is soon, the first says when all are due.
        let mut steady = Steady::soon(SECOND, SECOND, t, [0.5, 0.9]);
        steady.advance(t + SECOND / 2);
        assert_eq!(steady.due(), t + SECOND * 3 / 2);
    }

    #[test]
    fn what_was_missed_is_left_out_and_the_phase_kept() {
        let t = t0();
        let mut steady = Steady::new(SECOND, t, 0.25);
        assert_eq!(steady.due(), t + SECOND / 4);
        steady.advance(t + SECOND / 4);
        assert_eq!(steady.due(), t + SECOND * 5 / 4);
        steady.advance(t + SECOND * 18 / 4);
        assert_eq!(steady.due(), t + SECOND * 21 / 4);
    }

    #[test]
    fn doubt_hurries_a_slow_pace() {
        let t = t0();
        let mut steady = Steady::new(60 * SECOND, t, 1.0);
        steady.hurry(t);
        assert_eq!(steady.due(), t + SECOND);
    }

    #[test]
    fn lateness_is_recorded() {
        let (t, mut error) = (t0(), TimerError::default());
        error.record(t, t + SECOND / 1000);
        error.record(t + SECOND, t);
        let got = error.take();
        assert_eq!((got.count(), got.min_us(), got.max_us()), (2, Some(0), Some(1000)));
        assert!(error.take().is_empty());
    }

    proptest! {
        #[test]
        fn slow_probes_keep_off_full_minutes_and_near_their_period(
            now_ms in 0_u64..10_000_000_000, chance in 0.0_f64..1.0, period_s in 10_u64..900,
        ) {
            let (now, period) = (Duration::from_millis(now_ms), SECOND * period_s as u32);
            let pause = slow_pause(period, now, chance);
            let within = (now + pause).as_millis() % 60_000;
            prop_assert!((1_999..=58_001).contains(&within), "{within}");
            prop_assert!(pause >= period.mul_f64(0.75));
            prop_assert!(pause <= period.mul_f64(1.25) + 3 * CLEAR);
        }
    }
}
