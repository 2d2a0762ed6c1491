//! Wall time that does not jump while it is used: counted from a fixed point by
//! the monotonic clock. When the wall clock is set, or the machine slept, a new
//! one begins. Pure.

use std::time::{Duration, Instant};

use hearth_proto::UnixMs;

/// Wall time by the monotonic clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Timeline {
    /// Rises with each new one.
    pub(super) epoch: u32,
    mono: Instant,
    wall: UnixMs,
}

/// The clocks read at one instant.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading {
    /// Monotonic, standing still while the machine sleeps.
    pub(super) mono: Instant,
    /// Monotonic since the machine started, its sleep included.
    pub(super) since_boot: Duration,
    /// Wall time since 1970.
    pub(super) wall: Duration,
}

/// Why a new timeline begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Break {
    /// The last instant of the old one.
    pub(super) ended: UnixMs,
    /// The new one.
    pub(super) timeline: Timeline,
    /// How far the wall clock was set, forward or back, if it was.
    pub(super) stepped_ms: Option<i64>,
    /// How long the machine slept, if it did.
    pub(super) slept_ms: Option<i64>,
}

/// What is less is noise of reading the clocks, or slewing.
const TOLERANCE_MS: i64 = 500;

impl Timeline {
    /// From a reading on.
    pub(super) fn new(reading: &Reading) -> Self {
        Self { epoch: 0, mono: reading.mono, wall: UnixMs(reading.wall.as_millis() as i64) }
    }

    /// The wall time of a monotonic instant, before or after the fixed point.
    pub(super) fn at(&self, instant: Instant) -> UnixMs {
        let after = instant.saturating_duration_since(self.mono).as_millis() as i64;
        let before = self.mono.saturating_duration_since(instant).as_millis() as i64;
        self.wall.plus(after - before)
    }

    /// Whether a new timeline begins between two readings.
    pub(super) fn compare(&self, last: &Reading, now: &Reading) -> Option<Break> {
        let ran = now.mono.saturating_duration_since(last.mono).as_millis() as i64;
        let passed = now.since_boot.saturating_sub(last.since_boot).as_millis() as i64;
        let slept = passed - ran;
        let expected = self.at(now.mono).plus(if slept > TOLERANCE_MS { slept } else { 0 });
        let wall = UnixMs(now.wall.as_millis() as i64);
        let stepped = wall.since(expected);
        let past = |ms: i64| (ms.abs() > TOLERANCE_MS).then_some(ms);
        if past(slept).is_none() && past(stepped).is_none() {
            return None;
        }
        Some(Break {
            // Asleep, it did not measure: the old one ends where it was last awake.
            ended: if slept > TOLERANCE_MS { self.at(last.mono) } else { self.at(now.mono) },
            timeline: Self { epoch: self.epoch + 1, mono: now.mono, wall },
            stepped_ms: past(stepped),
            slept_ms: past(slept),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start() -> Reading {
        let wall = Duration::from_secs(1_700_000_000);
        Reading { mono: crate::clock::now(), since_boot: Duration::from_secs(500), wall }
    }

    fn later(r: &Reading, ran_ms: u64, slept_ms: u64, stepped_ms: i64) -> Reading {
        let passed = Duration::from_millis(ran_ms + slept_ms);
        let wall = (r.wall + passed).as_millis() as i64 + stepped_ms;
        Reading {
            mono: r.mono + Duration::from_millis(ran_ms),
            since_boot: r.since_boot + passed,
            wall: Duration::from_millis(wall as u64),
        }
    }

    #[test]
    fn a_quiet_clock_breaks_nothing() {
        let r = start();
        let timeline = Timeline::new(&r);
        assert_eq!(timeline.compare(&r, &later(&r, 1000, 0, 499)), None);
        assert_eq!(timeline.compare(&r, &later(&r, 60_000, 0, -400)), None);
        assert_eq!(timeline.at(r.mono + Duration::from_millis(1500)).0, 1_700_000_001_500);
    }

    #[test]
    fn a_clock_set_from_1970_dates_what_follows_and_its_slots_begin_on_their_multiples() {
        let r = Reading { wall: Duration::from_millis(12_345), ..start() };
        let timeline = Timeline::new(&r);
        let now = later(&r, 1000, 0, 1_700_000_000_000);
        let set = timeline.compare(&r, &now).unwrap();
        assert_eq!((set.stepped_ms, set.ended.0), (Some(1_700_000_000_000), 13_345));
        assert_eq!(set.timeline.at(now.mono).0, 1_700_000_013_345);
        let length = hearth_proto::SlotLength::MINUTE;
        for begin in [set.ended, set.timeline.at(now.mono)] {
            assert_eq!(length.start_of(begin).0 % i64::from(length.ms()), 0);
        }
        assert_eq!(set.timeline.compare(&now, &later(&now, 1000, 0, 0)), None, "told once");
    }

    #[test]
    fn a_clock_set_is_told_from_sleep() {
        let r = start();
        let timeline = Timeline::new(&r);
        let set = timeline.compare(&r, &later(&r, 1000, 0, -3_600_000)).unwrap();
        assert_eq!((set.stepped_ms, set.slept_ms), (Some(-3_600_000), None));
        assert_eq!(set.ended.0, 1_700_000_001_000);
        let now = later(&r, 1000, 0, -3_600_000);
        assert_eq!(set.timeline.at(now.mono).0, 1_699_996_401_000);
        assert_eq!(set.timeline.epoch, 1);

        let slept = timeline.compare(&r, &later(&r, 1000, 90_000, 0)).unwrap();
        assert_eq!((slept.stepped_ms, slept.slept_ms), (None, Some(90_000)));
        assert_eq!(slept.ended.0, 1_700_000_000_000);
        let both = timeline.compare(&r, &later(&r, 1000, 90_000, 700)).unwrap();
        assert_eq!((both.stepped_ms, both.slept_ms), (Some(700), Some(90_000)));
    }
}
