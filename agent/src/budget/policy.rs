//! How much detail what is left of a month's budget affords.
//!
//! Detail is shed so early that the month's end is reached with what is left even where
//! all costs a tenth more than foreseen, and comes back only with room to spare and after
//! some hours, so that it does not flap. Tests, which cost much at once, may not use what
//! the probes need until then. Once nothing is left the link is only kept known to be
//! alive.

use std::time::Duration;

use hearth_proto::Detail;

/// What a link costs in bytes an hour at each detail, in the order of
/// [`Detail::ALL`]: never more than at the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rates(pub [u64; Detail::ALL.len()]);

impl Rates {
    /// At one detail.
    pub fn at(&self, detail: Detail) -> u64 {
        self.0[detail as usize]
    }

    /// What the rest of a month costs.
    pub fn over(&self, detail: Detail, time: Duration) -> u64 {
        let bytes = u128::from(self.at(detail)) * time.as_millis() / 3_600_000;
        u64::try_from(bytes).unwrap_or(u64::MAX)
    }
}

/// A detail is kept only where what is left is so much of what it is foreseen to cost, in
/// percent: the forecast may be too low.
pub const MARGIN_PERCENT: u64 = 110;
/// Detail comes back no earlier after its last change.
pub const HOLD: Duration = Duration::from_secs(6 * 3600);
/// Detail comes back where what is left is so much more than it costs, in percent.
pub const ROOM_PERCENT: u64 = 125;

/// The detail from now on. `left` is what is left of the budget (`None`: no bound),
/// `rest` how much of the month, `held` how long the present detail has held.
pub fn detail(
    present: Detail,
    held: Duration,
    left: Option<u64>,
    rest: Duration,
    rates: &Rates,
) -> Detail {
    let Some(left) = left else { return Detail::Full };
    if left == 0 {
        return Detail::Alive;
    }
    let fits = |detail: &Detail, percent: u64| {
        u128::from(rates.over(*detail, rest)) * u128::from(percent) <= u128::from(left) * 100
    };
    if !fits(&present, MARGIN_PERCENT) {
        let poorer = Detail::ALL.into_iter().filter(|d| *d > present);
        return poorer.into_iter().find(|d| fits(d, MARGIN_PERCENT)).unwrap_or(Detail::Alive);
    }
    if held < HOLD {
        return present;
    }
    let richer = Detail::ALL.into_iter().filter(|d| *d < present);
    richer.into_iter().find(|d| fits(d, ROOM_PERCENT)).unwrap_or(present)
}

/// What a test may use of what is `left`, where the rest of the month is to be measured
/// at `kept` detail.
pub fn spare(left: Option<u64>, rest: Duration, rates: &Rates, kept: Detail) -> Option<u64> {
    let needed = u128::from(rates.over(kept, rest)) * u128::from(MARGIN_PERCENT) / 100;
    left.map(|left| left.saturating_sub(u64::try_from(needed).unwrap_or(u64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HOUR: Duration = Duration::from_secs(3600);
    const MONTH_HOURS: u32 = 720;

    fn rates() -> impl Strategy<Value = Rates> {
        prop::array::uniform6(1_u64..1_000_000).prop_map(|mut rates| {
            rates.sort_unstable_by(|a, b| b.cmp(a));
            Rates(rates)
        })
    }

    /// As multiples of the least that a month costs.
    fn budget() -> impl Strategy<Value = f64> {
        prop_oneof![0.0..1.2_f64, 1.0..10.0_f64, 1.0..10_000.0_f64]
    }

    #[test]
    fn each_step_is_shed_in_its_order() {
        let rates = Rates([600, 500, 400, 300, 200, 100]);
        let of = |left| detail(Detail::Full, HOLD, Some(left), 10 * HOUR, &rates);
        for (left, expected) in [
            (6_600, Detail::Full),
            (6_599, Detail::NoResponsiveness),
            (5_499, Detail::NoTests),
            (4_399, Detail::RarePhases),
            (3_299, Detail::RareProbes),
            (2_199, Detail::Alive),
            (0, Detail::Alive),
        ] {
            assert_eq!(of(left), expected, "{left}");
        }
        assert_eq!(detail(Detail::Alive, HOUR, None, HOUR, &rates), Detail::Full);
    }

    proptest! {
        /// An hour is looked at once, and costs what was foreseen, or up to a tenth
        /// more. A test is run in some hours, and costs all that it may.
        #[test]
        fn a_month_keeps_its_budget_without_flapping(
            rates in rates(), budget in budget(), more in 0_u64..=10,
            tests in prop::collection::vec(prop::bool::weighted(0.05), MONTH_HOURS as usize),
            test_bytes in 0_u64..50_000_000,
        ) {
            let budget = (rates.at(Detail::Alive) as f64 * f64::from(MONTH_HOURS) * budget) as u64;
            let (mut spent, mut present, mut held, mut changes) = (0, Detail::Full, HOLD, 0);
            for hour in 0..MONTH_HOURS {
                let left = budget.saturating_sub(spent);
                let rest = HOUR * (MONTH_HOURS - hour);
                let now = detail(present, held, Some(left), rest, &rates);
                changes += u32::from(now != present);
                held = if now == present { held + HOUR } else { HOUR };
                present = now;
                if tests[hour as usize] && now < Detail::NoTests {
                    let spare = spare(Some(left), rest, &rates, Detail::NoTests).unwrap();
                    spent += spare.min(test_bytes);
                }
                // Those of a test stand apart.
                let probes = rates.at(now.max(Detail::NoTests));
                spent += probes * (100 + more) / 100;
            }
            // Below the least there is nothing to shed.
            let floor = rates.at(Detail::Alive) * u64::from(MONTH_HOURS) * (100 + more) / 100;
            prop_assert!(spent <= budget.max(floor), "{spent} of {budget}, floor {floor}");
            prop_assert!(changes <= MONTH_HOURS / 6, "{changes} changes");
        }

        /// Where all goes as foreseen, what is shed at once holds.
        #[test]
        fn what_was_foreseen_changes_little(rates in rates(), budget in budget()) {
            let budget = (rates.at(Detail::Alive) as f64 * f64::from(MONTH_HOURS) * budget) as u64;
            let (mut spent, mut present, mut held, mut changes) = (0, Detail::Full, HOLD, 0);
            for hour in 0..MONTH_HOURS {
                let left = budget.saturating_sub(spent);
                let now = detail(present, held, Some(left), HOUR * (MONTH_HOURS - hour), &rates);
                changes += u32::from(now != present);
                held = if now == present { held + HOUR } else { HOUR };
                present = now;
                spent += rates.at(now);
            }
            prop_assert!(changes <= 7, "{changes} changes");
        }

        #[test]
        fn less_left_never_gives_more_detail(
            rates in rates(), left in 0_u64..1_000_000_000, less in 0_u64..1_000_000_000,
            hours in 1_u32..720, of in 0_usize..6,
        ) {
            let of = |left| detail(Detail::ALL[of], HOLD, Some(left), HOUR * hours, &rates);
            prop_assert!(of(left.saturating_sub(less)) >= of(left));
        }
    }
}
