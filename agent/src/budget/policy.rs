//! How much detail what is left of a month's budget affords.
//!
//! Detail is shed so early that the month's end is reached with what is left, and
//! comes back only with room to spare and after some hours, so that it does not flap.
//! Once nothing is left the link is only kept known to be alive.

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
    if !fits(&present, 100) {
        let poorer = Detail::ALL.into_iter().filter(|d| *d > present);
        return poorer.into_iter().find(|d| fits(d, 100)).unwrap_or(Detail::Alive);
    }
    if held < HOLD {
        return present;
    }
    let richer = Detail::ALL.into_iter().filter(|d| *d < present);
    richer.into_iter().find(|d| fits(d, ROOM_PERCENT)).unwrap_or(present)
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

    #[test]
    fn each_step_is_shed_in_its_order() {
        let rates = Rates([600, 500, 400, 300, 200, 100]);
        let of = |left| detail(Detail::Full, HOLD, Some(left), 10 * HOUR, &rates);
        for (left, expected) in [
            (6_000, Detail::Full),
            (5_999, Detail::NoResponsiveness),
            (4_999, Detail::NoTests),
            (3_999, Detail::RarePhases),
            (2_999, Detail::RareProbes),
            (1_999, Detail::Alive),
            (0, Detail::Alive),
        ] {
            assert_eq!(of(left), expected, "{left}");
        }
        assert_eq!(detail(Detail::Alive, HOUR, None, HOUR, &rates), Detail::Full);
    }

    proptest! {
        /// An hour is looked at once, and costs what was foreseen, or up to a tenth
        /// more.
        #[test]
        fn a_month_keeps_its_budget_without_flapping(
            rates in rates(), budget in 1_u64..1_000_000_000, more in 0_u64..=10,
        ) {
            let (mut spent, mut present, mut held, mut changes) = (0, Detail::Full, HOLD, 0);
            for hour in 0..MONTH_HOURS {
                let left = budget.saturating_sub(spent);
                let rest = HOUR * (MONTH_HOURS - hour);
                let now = detail(present, held, Some(left), rest, &rates);
                changes += u32::from(now != present);
                held = if now == present { held + HOUR } else { HOUR };
                present = now;
                spent += rates.at(now) * (100 + more) / 100;
            }
            let floor = rates.at(Detail::Alive) * u64::from(MONTH_HOURS) * (100 + more) / 100;
            // What the last hour cost more than foreseen, and one hour's rounding.
            let slack = rates.at(Detail::Full) * (100 + more) / 100;
            // A forecast that is too low by a share may cost that share: below the least
            // there is nothing to shed.
            let most = budget.max(floor) + budget * more / 100;
            prop_assert!(spent <= most + slack, "{spent} of {budget}, floor {floor}");
            prop_assert!(changes <= MONTH_HOURS / 6, "{changes} changes");
            if more == 0 {
                // Shed at once to what can be held; back only near the end, where an
                // hour's rounding is room.
                prop_assert!(changes <= 6, "{changes} changes");
            }
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
