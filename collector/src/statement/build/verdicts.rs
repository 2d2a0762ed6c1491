//! A verdict per activity, and the headline over them.

use super::super::{Gist, Headline, Level, ShareRange, TimeAccount, Verdict, ppm};
use crate::profile::{ActivityProfile, Profile};
use crate::report::figure::Interval;

/// The least time with evidence for a verdict on an activity: one hour. A run of
/// seconds says nothing of a home.
pub const LEAST_MEASURED_MS: u64 = 3_600_000;

/// The least share of the period, the excluded left out, for a verdict on it: a
/// tenth. Less may be its best or its worst part.
pub const LEAST_COVERED_PPM: u32 = 100_000;

/// The least time with evidence for a headline that speaks of the whole period, a
/// day; it also takes half of the period. With less it speaks of the time measured.
pub const LEAST_OVERALL_MS: u64 = 86_400_000;

const LEAST_OVERALL_PPM: u32 = 500_000;

/// A share in millionths, rounded down; the last digit of a sum of days is noise.
pub(super) fn share_ppm(share: f64) -> u32 {
    ((share + 1e-9) * 1e6).floor().clamp(0.0, 1e6) as u32
}

pub(super) fn range(interval: Option<Interval>) -> Option<ShareRange> {
    interval.filter(Interval::has_width).map(|i| ShareRange {
        low_ppm: share_ppm(i.low),
        high_ppm: share_ppm(i.high),
        method: i.method,
    })
}

fn level(a: &ActivityProfile, slot_ms: u64) -> Level {
    let counts = &a.anywhere.counts;
    let (ok, known) = (counts.ok, counts.known());
    let covered = ppm(known, known + counts.unknown).unwrap_or(0);
    // In whole numbers: 99 of 100 is 99 %.
    let at_least = |percent: u64| ok * 100 >= known * percent;
    match () {
        () if known * slot_ms < LEAST_MEASURED_MS || covered < LEAST_COVERED_PPM => {
            Level::NotEnoughData
        }
        () if at_least(99) => Level::Works,
        () if at_least(95) => Level::MostlyWorks,
        () if ok > 0 => Level::OftenFails,
        () => Level::NeverWorked,
    }
}

pub(super) fn verdicts(profile: &Profile, slot_ms: u64) -> Vec<Verdict> {
    let verdict = |a: &ActivityProfile| Verdict {
        id: a.activity.id.clone(),
        name: a.activity.name.clone(),
        level: level(a, slot_ms),
        counts: a.anywhere.counts,
        range: range(a.anywhere.worked.interval()),
        limit: a.limiting,
        unproven: a.anywhere.unproven,
        confidence: a.confidence,
    };
    profile.activities.iter().map(verdict).collect()
}

pub(super) fn headline(verdicts: &[Verdict], time: &TimeAccount) -> Headline {
    let period = time.measured_ms + time.unknown_ms;
    let whole = time.measured_ms >= LEAST_OVERALL_MS
        && ppm(time.measured_ms, period).is_some_and(|p| p >= LEAST_OVERALL_PPM);
    let which = |is: &dyn Fn(&Verdict) -> bool| -> Vec<usize> {
        verdicts.iter().enumerate().filter(|(_, v)| is(v)).map(|(place, _)| place).collect()
    };
    let of = |level| which(&|v| v.level == level);
    let gist = if time.measured_ms == 0 || verdicts.iter().all(|v| v.counts.known() == 0) {
        Gist::NothingMeasured
    } else if verdicts.iter().all(|v| v.level == Level::NotEnoughData) {
        Gist::TooShort {
            failed: which(&|v| v.counts.degraded + v.counts.down > 0),
            nothing_worked: verdicts.iter().all(|v| v.counts.ok == 0),
        }
    } else {
        Gist::Verdicts {
            works: of(Level::Works),
            mostly: of(Level::MostlyWorks),
            often_fails: of(Level::OftenFails),
            never: of(Level::NeverWorked),
        }
    };
    Headline { whole, gist }
}
