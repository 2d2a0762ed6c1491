//! Whether the wall clock was right before it was set: what was recorded by one that was
//! wrong is mended. Pure.
//!
//! Two know: the kernel, whose clock an NTP or PTP daemon keeps, and the collector, which
//! says its own time with each welcome. Either is enough. What each said of the clock
//! before it was set says nothing of the clock after.

use std::time::Duration;

use crate::uplink::CLOCKS_AGREE_MS;

/// A welcome: the how manyeth it was, and how far the collector's clock was ahead.
pub(super) type Welcome = (u64, i64);

/// What is known of the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Rightness {
    /// The last welcome, and how far the collector is ahead of the clock as it is now.
    welcome: Option<Welcome>,
    /// The kernel knew it to be right at the last look.
    kernel: bool,
}

impl Rightness {
    /// A look, once a second: the last welcome, and the most that the kernel knows its
    /// clock to be off.
    pub(super) fn look(&mut self, welcome: Option<Welcome>, error: Option<Duration>) {
        self.kernel = error.is_some_and(|error| error.as_millis() <= CLOCKS_AGREE_MS as u128);
        if self.welcome.map(|(number, _)| number) != welcome.map(|(number, _)| number) {
            self.welcome = welcome;
        }
    }

    /// The clock was set by `by_ms` since the last look: whether it had been right. A
    /// welcome that came since is taken as one of the clock as it is now.
    pub(super) fn stepped(&mut self, by_ms: i64, welcome: Option<Welcome>) -> bool {
        let agreed = |welcome: Option<Welcome>| {
            welcome.is_some_and(|(_, ahead)| ahead.abs() <= CLOCKS_AGREE_MS)
        };
        let was_right = self.kernel || agreed(self.welcome);
        let is_known = self.welcome.map(|(number, _)| number) == welcome.map(|(number, _)| number);
        let moved = self.welcome.map(|(number, ahead)| (number, ahead.saturating_sub(by_ms)));
        *self = Self { welcome: if is_known { moved } else { welcome }, kernel: false };
        was_right
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;
    const UNKNOWN: Option<Duration> = None;

    #[test]
    fn nobody_knows_of_a_clock_that_was_never_compared() {
        let mut clock = Rightness::default();
        clock.look(None, UNKNOWN);
        assert!(!clock.stepped(HOUR, None));
    }

    #[test]
    fn a_welcome_of_before_the_step_says_nothing_of_after() {
        let mut clock = Rightness::default();
        let stale = Some((1, 40));
        clock.look(stale, UNKNOWN);
        // Somebody sets a clock wrong that was right, and then right again.
        assert!(clock.stepped(HOUR, stale));
        clock.look(stale, UNKNOWN);
        assert!(!clock.stepped(-HOUR, stale));
        clock.look(stale, UNKNOWN);
        assert!(clock.stepped(HOUR, stale), "it was right by what the welcome had said");
    }

    #[test]
    fn a_new_welcome_is_of_the_clock_as_it_is_even_with_the_same_difference() {
        let mut clock = Rightness::default();
        clock.look(Some((1, 0)), UNKNOWN);
        assert!(clock.stepped(HOUR, Some((1, 0))));
        clock.look(Some((2, 0)), UNKNOWN);
        assert!(clock.stepped(HOUR, Some((2, 0))));
        // One that came with the step: the clock was wrong until then.
        let mut clock = Rightness::default();
        clock.look(None, UNKNOWN);
        assert!(!clock.stepped(HOUR, Some((1, 10))));
        clock.look(Some((1, 10)), UNKNOWN);
        assert!(clock.stepped(HOUR, Some((1, 10))));
    }

    #[test]
    fn the_kernels_word_is_enough_where_it_is_sure() {
        for (error_ms, is_right) in [(20, true), (5_000, true), (16_000, false)] {
            let mut clock = Rightness::default();
            clock.look(Some((1, 2 * HOUR)), Some(Duration::from_millis(error_ms)));
            assert_eq!(clock.stepped(HOUR, Some((1, 2 * HOUR))), is_right, "{error_ms}");
            // Nor does that say anything of the clock after it was set.
            assert!(!clock.stepped(-HOUR, Some((1, 2 * HOUR))));
        }
    }
}
