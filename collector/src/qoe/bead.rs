//! The performance rule of the US BEAD programme (NTIA, 2025): 80 % of speed
//! tests at 80 % of the committed speed or more, 95 % of latency tests at 100 ms
//! or less, all run between 18:00 and 24:00 local time.

use jiff::civil::Time;

use super::units::{Mbps, Millis, NotEnoughData, PositiveMbps, at_least_share};

/// What a verdict is not.
pub const DOES_NOT_PROVE: &str = "an indication, not evidence: the programme prescribes who \
    tests, towards where, and how many subscribers at once";

/// The latency that a test may take, in ms.
pub const LATENCY_LIMIT_MS: f64 = 100.0;

/// Whether a test at this local time counts.
pub fn in_window(local: Time) -> bool {
    local.hour() >= 18
}

/// Tests of one line, all from inside the hours that count.
#[derive(Debug, Clone, PartialEq)]
pub struct Tests {
    /// The speed committed in this direction.
    pub committed: PositiveMbps,
    /// Speed tests.
    pub speed: Vec<Mbps>,
    /// Latency tests, round trip.
    pub latency: Vec<Millis>,
}

/// Which half failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Binding {
    /// Too few speed tests reached their share.
    Speed,
    /// Too few latency tests were quick enough.
    Latency,
    /// Both.
    Both,
}

/// A verdict and its evidence.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Verdict {
    /// Both halves held.
    pub conforms: bool,
    /// Share of speed tests at 80 % of the committed speed or more.
    pub speed_share: f64,
    /// Share of latency tests at 100 ms or less.
    pub latency_share: f64,
    /// What failed; `None` if nothing did.
    pub binding: Option<Binding>,
}

/// One half of the rule.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Half {
    /// Share of the tests that were good enough.
    pub share: f64,
    /// Enough of them were.
    pub holds: bool,
}

fn half(good: usize, of: usize, percent: usize) -> Option<Half> {
    (of > 0).then(|| Half { share: good as f64 / of as f64, holds: good * 100 >= of * percent })
}

/// The speed tests' half; `None` without tests.
pub fn speed(committed: PositiveMbps, tests: &[Mbps]) -> Option<Half> {
    let fast = tests.iter().filter(|s| at_least_share(s.get(), 0.8, committed.get())).count();
    half(fast, tests.len(), 80)
}

/// The latency tests' half; `None` without tests.
pub fn latency(tests: &[Millis]) -> Option<Half> {
    let quick = tests.iter().filter(|l| l.get() <= LATENCY_LIMIT_MS).count();
    half(quick, tests.len(), 95)
}

/// Judges one line.
pub fn judge(tests: &Tests) -> Result<Verdict, NotEnoughData> {
    let (speed, latency) = (speed(tests.committed, &tests.speed), latency(&tests.latency));
    let (Some(speed), Some(latency)) = (speed, latency) else {
        let there = [("speed_mbps", speed.is_some()), ("latency_ms", latency.is_some())];
        let missing = there.iter().filter(|(_, there)| !there).map(|(name, _)| (*name).into());
        return Err(NotEnoughData { missing: missing.collect() });
    };
    let binding = match (speed.holds, latency.holds) {
        (true, true) => None,
        (false, true) => Some(Binding::Speed),
        (true, false) => Some(Binding::Latency),
        (false, false) => Some(Binding::Both),
    };
    Ok(Verdict {
        conforms: binding.is_none(),
        speed_share: speed.share,
        latency_share: latency.share,
        binding,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tests(speed: &[f64], latency: &[f64]) -> Tests {
        Tests {
            committed: PositiveMbps::new(100.0).unwrap(),
            speed: speed.iter().map(|v| Mbps::new(*v).unwrap()).collect(),
            latency: latency.iter().map(|v| Millis::new(*v).unwrap()).collect(),
        }
    }

    #[test]
    fn no_tests_is_no_verdict() {
        let missing = judge(&tests(&[], &[])).unwrap_err().missing;
        assert_eq!(missing, ["speed_mbps", "latency_ms"]);
    }

    #[test]
    fn each_half_can_fail_alone() {
        let mut latency = [100.0; 20];
        let verdict = |s: &[f64], l: &[f64]| judge(&tests(s, l)).unwrap();
        assert_eq!(verdict(&[80.0], &latency).binding, None);
        assert_eq!(verdict(&[79.9], &latency).binding, Some(Binding::Speed));
        latency[0] = 100.1;
        assert_eq!(verdict(&[80.0], &latency).binding, None, "19 of 20");
        latency[1] = 100.1;
        assert_eq!(verdict(&[80.0], &latency).binding, Some(Binding::Latency));
        assert_eq!(verdict(&[79.9], &latency).binding, Some(Binding::Both));
    }

    #[test]
    fn the_window_is_the_evening() {
        assert!(!in_window(Time::constant(17, 59, 59, 0)));
        assert!(in_window(Time::constant(18, 0, 0, 0)));
        assert!(in_window(Time::constant(23, 59, 59, 0)));
        assert!(!in_window(Time::midnight()));
    }

    proptest! {
        #[test]
        fn worse_tests_never_conform_better(
            speed in prop::collection::vec(0.0..120.0, 1..20),
            latency in prop::collection::vec(0.0..150.0, 1..20),
            less in 0.0..1.0, more in 0.0..100.0,
        ) {
            let before = judge(&tests(&speed, &latency)).unwrap();
            prop_assert!((0.0..=1.0).contains(&before.speed_share));
            prop_assert!((0.0..=1.0).contains(&before.latency_share));
            let slower: Vec<_> = speed.iter().map(|v| v * less).collect();
            let later: Vec<_> = latency.iter().map(|v| v + more).collect();
            prop_assert!(judge(&tests(&slower, &latency)).unwrap().conforms <= before.conforms);
            prop_assert!(judge(&tests(&speed, &later)).unwrap().conforms <= before.conforms);
        }
    }
}
