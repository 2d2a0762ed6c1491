//! Whether a fixed line keeps its promise, by the rules of Bundesnetzagentur
//! Vfg. 99/2021. A pre-check: only the regulator's own tool makes evidence.

use jiff::civil::Date;

use super::units::{Mbps, PositiveMbps, at_least_share};

/// What a verdict is not.
pub const DOES_NOT_PROVE: &str = "an indication, not evidence: the regulator accepts only \
    measurements made with its own tool, over a cable and with no other traffic";

/// Days in a campaign.
pub const DAYS: usize = 3;
/// Tests on each day.
pub const TESTS_A_DAY: usize = 10;

/// The speeds that a contract promises in one direction.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Contract {
    max: PositiveMbps,
    normal: PositiveMbps,
    min: PositiveMbps,
}

impl Contract {
    /// `None` unless minimum ≤ normal ≤ maximum.
    pub fn new(max: PositiveMbps, normal: PositiveMbps, min: PositiveMbps) -> Option<Self> {
        (min <= normal && normal <= max).then_some(Self { max, normal, min })
    }
}

/// Three days of ten tests each, in one direction.
pub type Campaign = [[Mbps; TESTS_A_DAY]; DAYS];

/// How a campaign's days must lie, and don't.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SpreadError {
    /// Two days without a free day between them.
    #[error("{first} and {second} leave no free day between them; at least one is needed")]
    TooClose {
        /// The earlier day.
        first: Date,
        /// The later day.
        second: Date,
    },
    /// More than fourteen days from first to last.
    #[error("{first} to {last} is more than 14 days, the most allowed")]
    TooLong {
        /// The first day.
        first: Date,
        /// The last day.
        last: Date,
    },
}

/// Checks that a campaign's days, in any order, lie within 14 days of each other
/// and leave at least a day between them.
pub fn check_spread(mut days: [Date; DAYS]) -> Result<(), SpreadError> {
    days.sort_unstable();
    let [first, second, third] = days;
    let apart = |a: Date, b: Date| (b - a).get_days();
    for (first, second) in [(first, second), (second, third)] {
        if apart(first, second) < 2 {
            return Err(SpreadError::TooClose { first, second });
        }
    }
    if apart(first, third) > 13 {
        return Err(SpreadError::TooLong { first, last: third });
    }
    Ok(())
}

/// A rule that was broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Breach {
    /// (a) Fewer than two days have a result of at least 90 % of the maximum.
    Maximum,
    /// (b) More than 10 % of the tests miss the normal speed.
    Normal,
    /// (c) On two or more days a result is under the minimum.
    Minimum,
}

impl Breach {
    /// The rule's letter.
    pub const fn letter(self) -> &'static str {
        match self {
            Self::Maximum => "a",
            Self::Normal => "b",
            Self::Minimum => "c",
        }
    }
}

/// A verdict and its evidence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// No rule was broken.
    pub conforms: bool,
    /// The rules broken, in the order of their letters.
    pub breaches: Vec<Breach>,
    /// Days with a result of at least 90 % of the maximum.
    pub days_near_max: usize,
    /// Tests under the normal speed, of 30.
    pub tests_under_normal: usize,
    /// Days with a result under the minimum.
    pub days_under_min: usize,
}

/// Judges one campaign. That it is whole is in its type.
pub fn judge(contract: &Contract, campaign: &Campaign) -> Verdict {
    let days_with = |wanted: &dyn Fn(f64) -> bool| {
        campaign.iter().filter(|day| day.iter().any(|test| wanted(test.get()))).count()
    };
    let days_near_max = days_with(&|v| at_least_share(v, 0.9, contract.max.get()));
    let days_under_min = days_with(&|v| v < contract.min.get());
    let tests_under_normal =
        campaign.iter().flatten().filter(|test| test.get() < contract.normal.get()).count();

    let mut breaches = Vec::new();
    if days_near_max < 2 {
        breaches.push(Breach::Maximum);
    }
    if tests_under_normal * 10 > DAYS * TESTS_A_DAY {
        breaches.push(Breach::Normal);
    }
    if days_under_min >= 2 {
        breaches.push(Breach::Minimum);
    }
    let conforms = breaches.is_empty();
    Verdict { conforms, breaches, days_near_max, tests_under_normal, days_under_min }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use proptest::prelude::*;

    use super::*;

    fn contract() -> Contract {
        let mbps = |v| PositiveMbps::new(v).unwrap();
        Contract::new(mbps(100.0), mbps(80.0), mbps(50.0)).unwrap()
    }

    fn campaign(values: [[f64; TESTS_A_DAY]; DAYS]) -> Campaign {
        values.map(|day| day.map(|v| Mbps::new(v).unwrap()))
    }

    #[test]
    fn the_minimum_is_broken_on_the_second_day_only() {
        let mut days = [[85.0; TESTS_A_DAY]; DAYS];
        (days[0][0], days[1][0]) = (95.0, 95.0);
        days[0][1] = 49.9;
        assert!(judge(&contract(), &campaign(days)).conforms);
        days[0][2] = 10.0;
        assert!(judge(&contract(), &campaign(days)).conforms, "the same day again");
        days[2][1] = 49.9;
        let verdict = judge(&contract(), &campaign(days));
        assert_eq!((verdict.breaches, verdict.days_under_min), (vec![Breach::Minimum], 2));
    }

    #[test]
    fn three_of_thirty_may_miss_the_normal_speed() {
        let mut days = [[90.0; TESTS_A_DAY]; DAYS];
        days[0][0] = 79.9;
        days[1][0] = 79.9;
        days[2][0] = 79.9;
        let verdict = judge(&contract(), &campaign(days));
        assert_eq!((verdict.conforms, verdict.tests_under_normal), (true, 3));
    }

    #[test]
    fn a_dead_line_breaks_every_rule() {
        let verdict = judge(&contract(), &campaign([[0.0; TESTS_A_DAY]; DAYS]));
        let letters: Vec<_> = verdict.breaches.iter().map(|b| b.letter()).collect();
        assert_eq!(letters, ["a", "b", "c"]);
    }

    #[test]
    fn contracts_keep_their_order() {
        let mbps = |v| PositiveMbps::new(v).unwrap();
        assert!(Contract::new(mbps(80.0), mbps(100.0), mbps(50.0)).is_none());
        assert!(Contract::new(mbps(100.0), mbps(40.0), mbps(50.0)).is_none());
        assert!(Contract::new(mbps(50.0), mbps(50.0), mbps(50.0)).is_some());
    }

    #[test]
    fn days_leave_a_day_between_and_fit_in_fourteen() {
        let june = |day| date(2026, 6, day);
        assert_eq!(check_spread([june(5), june(1), june(3)]), Ok(()));
        assert_eq!(check_spread([june(1), june(7), june(14)]), Ok(()));
        assert!(matches!(
            check_spread([june(1), june(2), june(9)]),
            Err(SpreadError::TooClose { .. })
        ));
        assert!(matches!(
            check_spread([june(1), june(7), june(15)]),
            Err(SpreadError::TooLong { .. })
        ));
        let over_new_year = [date(2026, 12, 30), date(2027, 1, 1), date(2027, 1, 12)];
        assert_eq!(check_spread(over_new_year), Ok(()));
    }

    proptest! {
        #[test]
        fn a_slower_line_never_keeps_more_promises(
            days in prop::array::uniform3(prop::array::uniform10(0.0..120.0)),
            day in 0usize..DAYS, test in 0usize..TESTS_A_DAY, less in 0.0..1.0,
        ) {
            let before = judge(&contract(), &campaign(days));
            let mut slower = days;
            slower[day][test] *= less;
            let after = judge(&contract(), &campaign(slower));
            for breach in before.breaches {
                prop_assert!(after.breaches.contains(&breach));
            }
        }
    }
}
