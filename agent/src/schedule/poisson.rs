//! When a heavier test is due. Pure.
//!
//! Gaps are exponential, so that tests see the line's states in proportion to
//! their time (Poisson sampling: RFC 2330, section 11.1.1), but bounded, so that no
//! two crowd and none is far. The bounds cut the distribution off; they don't gather at
//! their ends what lies beyond, or one gap in five would be the least, to the second,
//! and foreseen. What was due is kept over restarts by when the last
//! test began: a machine that starts again and again does not test each time.

use std::time::Duration;

use hearth_proto::UnixMs;

/// The least gap, as a part of the mean.
pub const LEAST: f64 = 0.25;
/// The greatest gap, as a multiple of the mean.
pub const MOST: f64 = 3.0;
/// No test is due earlier after a start: the links have to be found and judged.
pub const AFTER_START: Duration = Duration::from_secs(300);
/// The first test of a link ever, and one that fell due while the agent did not
/// run, is due within so long after [`AFTER_START`].
pub const SPREAD: Duration = Duration::from_secs(3600);
/// Tests keep so far from a full hour.
pub const CLEAR_OF_HOUR: Duration = Duration::from_secs(90);

const HOUR_MS: i64 = 3_600_000;

/// The gap to the next test by `chance` (0 to 1): exponential with the mean `mean`, of
/// which only what is between [`LEAST`] and [`MOST`] times that is taken: 1.06 times it in
/// the mean, so that tests cost no more than foreseen.
pub fn gap(mean: Duration, chance: f64) -> Duration {
    let (least, most) = ((-LEAST).exp(), (-MOST).exp());
    let share = -(least - chance.clamp(0.0, 1.0) * (least - most)).ln();
    mean.mul_f64(share.clamp(LEAST, MOST))
}

/// When the next test is due: after `last` began, or as one of a start at `now`.
/// `last` is `None` where there never was one; one in the future is by a clock that
/// was wrong, and counts as now. Not about a full hour. Of `chance` (each 0 to 1) one is
/// for the gap, one for a start, one for getting off the hour: a start's would lead all
/// that it put near an hour to the same seconds behind it.
pub fn next(mean: Duration, last: Option<UnixMs>, now: UnixMs, chance: [f64; 3]) -> UnixMs {
    let after_start = now.plus(ms(AFTER_START + SPREAD.min(mean).mul_f64(chance[1].clamp(0., 1.))));
    let due = match last {
        None => after_start,
        Some(last) => {
            let due = last.min(now).plus(ms(gap(mean, chance[0])));
            // Nor all together as soon as they may.
            if due < now.plus(ms(AFTER_START)) { after_start } else { due }
        }
    };
    off_the_hour(due, chance[2])
}

/// Moves what is about a full hour behind it, spread over twice the distance.
fn off_the_hour(at: UnixMs, chance: f64) -> UnixMs {
    let clear = ms(CLEAR_OF_HOUR);
    let within = at.0.rem_euclid(HOUR_MS);
    let to_hour = if within < clear {
        -within
    } else if HOUR_MS - within <= clear {
        HOUR_MS - within
    } else {
        return off_the_minute(at, chance);
    };
    let spread = CLEAR_OF_HOUR.mul_f64(1.0 + 2.0 * chance.clamp(0.0, 1.0));
    off_the_minute(at.plus(to_hour + ms(spread)), chance)
}

/// Nor on a full minute, where others' small jobs begin.
fn off_the_minute(at: UnixMs, chance: f64) -> UnixMs {
    let within = at.0.rem_euclid(60_000);
    if (2_000..58_000).contains(&within) {
        return at;
    }
    at.plus(4_000 + (2_000.0 * chance.clamp(0.0, 1.0)) as i64)
}

fn ms(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DAY: Duration = Duration::from_secs(86_400);

    #[test]
    fn gaps_are_exponential_about_their_mean() {
        let n = 10_000;
        let gaps: Vec<_> =
            (0..n).map(|i| gap(DAY, (f64::from(i) + 0.5) / f64::from(n)).as_secs_f64()).collect();
        let mean = gaps.iter().sum::<f64>() / f64::from(n) / DAY.as_secs_f64();
        // a + 1 − (b − a)/(e^(b − a) − 1) of what is between a and b.
        assert!((mean - 1.0621).abs() < 0.001, "{mean}");
        // As exponential within the bounds as without: (e^-¼ − e^-1)/(e^-¼ − e^-3).
        let under = gaps.iter().filter(|g| **g < DAY.as_secs_f64()).count();
        assert!((5_630..5_640).contains(&under), "{under}");
        // No gap is foreseen.
        let minutes: std::collections::BTreeSet<_> = gaps.iter().map(|g| *g as u64 / 60).collect();
        assert!(minutes.len() > 2_500, "{}", minutes.len());
    }

    /// A plan for all, or a power cut: agents whose tests are overdue, or are due while
    /// they may not be yet, don't have them together.
    #[test]
    fn those_that_start_at_once_do_not_test_at_once() {
        let now = UnixMs(1_700_000_000_000);
        let mean = Duration::from_secs(1800);
        let chance = |i: u32, n: u32| f64::from(i * n % 1009) / 1009.0;
        let mut minutes = std::collections::BTreeMap::<_, u32>::new();
        for i in 0..1_000 {
            let last = now.plus(-ms(mean.mul_f64(2.0 * chance(i, 31))));
            let due = next(mean, Some(last), now, [chance(i, 57), chance(i, 101), chance(i, 211)]);
            *minutes.entry(due.since(now) / 60_000).or_default() += 1;
        }
        let most = minutes.values().max();
        assert!(most < Some(&60), "{minutes:?}");
    }

    /// All start at once, a quarter of an hour before a full one.
    #[test]
    fn those_that_are_moved_off_the_hour_are_spread_behind_it() {
        let hour = UnixMs(472_222 * HOUR_MS);
        let now = hour.plus(-15 * 60_000);
        let mut tens = std::collections::BTreeMap::<_, u32>::new();
        for i in 0..1_000 {
            let chance = |n: u32| f64::from(i * n % 1009) / 1009.0;
            let due = next(DAY, None, now, [0.5, chance(57), chance(211)]);
            *tens.entry(due.since(hour).div_euclid(10_000)).or_default() += 1;
        }
        let most = tens.values().max();
        assert!(most < Some(&15), "{tens:?}");
    }

    #[test]
    fn a_machine_that_starts_again_and_again_does_not_test_each_time() {
        let began = UnixMs(1_700_000_000_000);
        for minutes in 1..300 {
            let now = began.plus(minutes * 60_000);
            let due = next(DAY, Some(began), now, [0.0, 0.5, 0.5]);
            assert!(due.since(began) >= 6 * HOUR_MS, "{minutes}");
        }
    }

    #[test]
    fn a_clock_that_ran_ahead_is_no_reason_to_wait_for_ever() {
        let now = UnixMs(1_700_000_000_000);
        let due = next(DAY, Some(now.plus(365 * 24 * HOUR_MS)), now, [0.5, 0.5, 0.5]);
        assert!((6 * HOUR_MS..73 * HOUR_MS).contains(&due.since(now)));
    }

    proptest! {
        #[test]
        fn a_test_is_due_within_bounds_off_the_hour_and_not_right_at_a_start(
            mean_s in 600_u64..31 * 86_400,
            now in 1_600_000_000_000_i64..1_900_000_000_000,
            before in prop::option::of(-1_000_000_000_i64..10_000_000_000),
            chance in [0.0..1.0, 0.0..1.0, 0.0..1.0],
        ) {
            let (mean, now) = (Duration::from_secs(mean_s), UnixMs(now));
            let due = next(mean, before.map(|ms| now.plus(-ms)), now, chance);
            prop_assert!(due.since(now) >= ms(AFTER_START));
            let most = ms(mean.mul_f64(MOST)).max(ms(AFTER_START + SPREAD));
            prop_assert!(due.since(now) <= most + 6 * 60_000, "{}", due.since(now));
            let (hour, minute) = (due.0.rem_euclid(HOUR_MS), due.0.rem_euclid(60_000));
            prop_assert!((90_000..=HOUR_MS - 84_000).contains(&hour), "{hour} past the hour");
            prop_assert!((2_000..58_000).contains(&minute), "{minute} past the minute");
        }
    }
}
