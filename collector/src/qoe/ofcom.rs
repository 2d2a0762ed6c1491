//! An Ofcom-style range of speeds: minimum and normal speed at peak time, maximum
//! off peak. Ofcom's cut points are across a provider's customers; here they are
//! over one household's tests in time, and must be labelled so.

use jiff::civil::Time;

use super::units::{Mbps, NotEnoughData};

/// What a range is not.
pub const DOES_NOT_PROVE: &str = "over one household's tests in time: not the range across \
    customers that the code of practice asks a provider to state";

/// The fewest tests, at peak and off it, that support a 10th percentile.
pub const MIN_TESTS: usize = 10;

/// Whose peak. Homes do both, so compute both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peak {
    /// 20:00 to 22:00.
    Leisure,
    /// 12:00 to 14:00.
    Business,
}

impl Peak {
    /// Whether a local time is within it.
    pub fn contains(self, local: Time) -> bool {
        match self {
            Self::Leisure => (20..22).contains(&local.hour()),
            Self::Business => (12..14).contains(&local.hour()),
        }
    }
}

/// A range of speeds in Mbit/s, by nearest-rank percentiles.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Range {
    /// At peak, p10.
    pub minimum: f64,
    /// At peak, p20 to p80.
    pub normal: (f64, f64),
    /// Off peak, p80.
    pub maximum: f64,
    /// Tests at peak.
    pub peak_tests: usize,
    /// Tests off peak.
    pub off_peak_tests: usize,
}

/// The value that `percent` of the sorted, non-empty values do not exceed.
fn nearest_rank(sorted: &[f64], percent: usize) -> f64 {
    sorted[(sorted.len() * percent).div_ceil(100).max(1) - 1]
}

/// The range of one household's tests, each with its local time of day.
pub fn range(peak: Peak, tests: &[(Time, Mbps)]) -> Result<Range, NotEnoughData> {
    let (at_peak, off): (Vec<_>, Vec<_>) = tests.iter().partition(|(at, _)| peak.contains(*at));
    let sorted = |tests: Vec<&(Time, Mbps)>| {
        let mut speeds: Vec<f64> = tests.iter().map(|(_, speed)| speed.get()).collect();
        speeds.sort_by(f64::total_cmp);
        speeds
    };
    let (at_peak, off) = (sorted(at_peak), sorted(off));
    NotEnoughData::unless_all(&[
        ("tests at peak", at_peak.len() >= MIN_TESTS),
        ("tests off peak", off.len() >= MIN_TESTS),
    ])?;
    Ok(Range {
        minimum: nearest_rank(&at_peak, 10),
        normal: (nearest_rank(&at_peak, 20), nearest_rank(&at_peak, 80)),
        maximum: nearest_rank(&off, 80),
        peak_tests: at_peak.len(),
        off_peak_tests: off.len(),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(hour: i8, speeds: impl IntoIterator<Item = f64>) -> Vec<(Time, Mbps)> {
        let time = Time::constant(hour, 30, 0, 0);
        speeds.into_iter().map(|v| (time, Mbps::new(v).unwrap())).collect()
    }

    #[test]
    fn each_peak_has_its_own_range() {
        let ten = |from: u32| (from..from + 10).map(f64::from);
        let tests = [at(21, ten(1)), at(13, ten(101)), at(3, ten(201))].concat();
        let leisure = range(Peak::Leisure, &tests).unwrap();
        assert_eq!((leisure.peak_tests, leisure.off_peak_tests), (10, 20));
        assert_eq!((leisure.minimum, leisure.normal, leisure.maximum), (1.0, (2.0, 8.0), 206.0));
        let business = range(Peak::Business, &tests).unwrap();
        assert_eq!((business.minimum, business.normal), (101.0, (102.0, 108.0)));
    }

    #[test]
    fn ranks_between_tests_go_to_the_higher_one() {
        let eleven = |from: u32| (from..from + 11).map(f64::from);
        let tests = [at(21, eleven(1)), at(3, eleven(101))].concat();
        let range = range(Peak::Leisure, &tests).unwrap();
        assert_eq!((range.minimum, range.normal, range.maximum), (2.0, (3.0, 9.0), 109.0));
    }

    #[test]
    fn peaks_end_before_their_last_hour() {
        let time = |h, m| Time::constant(h, m, 0, 0);
        assert!(Peak::Leisure.contains(time(20, 0)) && Peak::Leisure.contains(time(21, 59)));
        assert!(!Peak::Leisure.contains(time(22, 0)) && !Peak::Leisure.contains(time(19, 59)));
        assert!(Peak::Business.contains(time(12, 0)) && !Peak::Business.contains(time(14, 0)));
    }

    #[test]
    fn too_few_tests_give_no_range() {
        let tests = at(21, [5.0; 9]);
        let missing = range(Peak::Leisure, &tests).unwrap_err().missing;
        assert_eq!(missing, ["tests at peak", "tests off peak"]);
    }

    proptest! {
        #[test]
        fn a_range_is_in_order_and_slower_tests_never_raise_it(
            peak in prop::collection::vec(0.0..1000.0, 10..40),
            off in prop::collection::vec(0.0..1000.0, 10..40), less in 0.0..1.0,
        ) {
            let tests = [at(20, peak.clone()), at(5, off.clone())].concat();
            let before = range(Peak::Leisure, &tests).unwrap();
            prop_assert!(before.minimum <= before.normal.0 && before.normal.0 <= before.normal.1);
            let slower = |v: &[f64]| v.iter().map(|v| v * less).collect::<Vec<_>>();
            let tests = [at(20, slower(&peak)), at(5, slower(&off))].concat();
            let after = range(Peak::Leisure, &tests).unwrap();
            prop_assert!(after.minimum <= before.minimum && after.maximum <= before.maximum);
        }
    }
}
