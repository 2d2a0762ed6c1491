//! Pauses between attempts: doubling up to a cap, with full jitter, so that the
//! agents of a restarted collector don't all come back in the same second.

use std::time::Duration;

use rand::RngExt;
use rand::rngs::SmallRng;

/// An exponential backoff that is never zero, and never over its cap.
#[derive(Debug, Clone)]
pub struct Backoff {
    min: Duration,
    max: Duration,
    attempt: u32,
    rng: SmallRng,
}

/// Bounds that make no backoff.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("backoff from {min:?} to {max:?} is not accepted: 10 ms ≤ least ≤ most ≤ 1 h")]
pub struct BackoffError {
    min: Duration,
    max: Duration,
}

impl Backoff {
    /// Pauses that grow from about `min` to at most `max`.
    pub fn try_new(min: Duration, max: Duration) -> Result<Self, BackoffError> {
        Self::with_rng(min, max, rand::make_rng::<SmallRng>())
    }

    fn with_rng(min: Duration, max: Duration, rng: SmallRng) -> Result<Self, BackoffError> {
        let sane =
            Duration::from_millis(10) <= min && min <= max && max <= Duration::from_secs(3600);
        if !sane {
            return Err(BackoffError { min, max });
        }
        Ok(Self { min, max, attempt: 0, rng })
    }

    /// The next pause: at random between half of the step and all of it.
    pub fn next_pause(&mut self) -> Duration {
        let step = self.min.saturating_mul(1 << self.attempt.min(20)).min(self.max);
        self.attempt = self.attempt.saturating_add(1);
        let ms = step.as_millis() as u64;
        Duration::from_millis(self.rng.random_range(ms / 2..=ms))
    }

    /// Begins again at the shortest.
    pub fn reset(&mut self) {
        self.attempt = 0;
    }
}

impl Default for Backoff {
    /// From half a second to a minute.
    fn default() -> Self {
        Self {
            min: Duration::from_millis(500),
            max: Duration::from_secs(60),
            attempt: 0,
            rng: rand::make_rng::<SmallRng>(),
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn pauses_double_up_to_the_cap_and_begin_again() {
        let (min, max) = (Duration::from_millis(100), Duration::from_secs(2));
        for seed in 0..50 {
            let mut backoff = Backoff::with_rng(min, max, SmallRng::seed_from_u64(seed)).unwrap();
            for step in [100, 200, 400, 800, 1600, 2000, 2000, 2000] {
                let pause = backoff.next_pause().as_millis();
                assert!((step / 2..=step).contains(&pause), "{pause} of {step}, seed {seed}");
            }
            for _ in 0..100 {
                backoff.next_pause();
            }
            backoff.reset();
            assert!(backoff.next_pause() <= min);
        }
    }

    #[test]
    fn bounds_that_make_no_sense_are_refused() {
        let s = Duration::from_secs;
        for (min, max) in [(s(0), s(1)), (s(2), s(1)), (s(1), s(3601))] {
            let e = Backoff::try_new(min, max).unwrap_err().to_string();
            assert!(e.contains("10 ms"), "{e}");
        }
        assert!(Backoff::try_new(s(2), s(2)).is_ok());
    }
}
