//! Availability as a service-level agreement counts it.
//!
//! Eligible outage minutes are those with evidence of an outage that the contract
//! does not exclude; UNKNOWN minutes are none of them. With a protected service an
//! outage counts only while primary and backup are both down, which is what the
//! ledger calls 'anywhere'.

use std::time::Duration;

use super::units::Percent;

/// A period and the outage in it, the outage no longer than the period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outage {
    period: Duration,
    eligible: Duration,
}

impl Outage {
    /// `None` for an empty period, or an outage longer than it.
    pub fn new(period: Duration, eligible: Duration) -> Option<Self> {
        (!period.is_zero() && eligible <= period).then_some(Self { period, eligible })
    }

    /// Availability in percent: (1 − eligible outage / period) × 100.
    pub fn availability(&self) -> f64 {
        (1.0 - self.eligible.div_duration_f64(self.period)) * 100.0
    }

    /// How much more outage the period can bear at this target; zero once broken.
    pub fn budget_left(&self, target: Percent) -> Duration {
        let allowed = self.period.mul_f64(1.0 - target.get() / 100.0);
        allowed.saturating_sub(self.eligible)
    }

    /// Whether the availability promised was kept.
    pub fn keeps(&self, target: Percent) -> bool {
        self.eligible <= self.period.mul_f64(1.0 - target.get() / 100.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MONTH: Duration = Duration::from_secs(30 * 86_400);

    fn minutes(n: u64) -> Duration {
        Duration::from_secs(n * 60)
    }

    #[test]
    fn three_nines_bear_forty_three_minutes_a_month() {
        let target = Percent::new(99.9).unwrap();
        let outage = |n| Outage::new(MONTH, minutes(n)).unwrap();
        assert!(outage(43).keeps(target) && !outage(44).keeps(target));
        assert!((outage(432).availability() - 99.0).abs() < 1e-9);
        assert_eq!(outage(0).budget_left(target).as_secs() / 60, 43);
        assert_eq!(outage(50).budget_left(target), Duration::ZERO);
    }

    #[test]
    fn impossible_outages_cannot_be_made() {
        assert!(Outage::new(Duration::ZERO, Duration::ZERO).is_none());
        assert!(Outage::new(minutes(1), minutes(2)).is_none());
    }

    proptest! {
        #[test]
        fn stays_in_bounds_and_more_outage_is_never_more_available(
            period in 2u64..100_000, share in 0.0..1.0, target in 90.0..100.0,
        ) {
            let out = (period as f64 * share) as u64;
            let target = Percent::new(target).unwrap();
            let before = Outage::new(minutes(period), minutes(out)).unwrap();
            let after = Outage::new(minutes(period), minutes((out + 1).min(period))).unwrap();
            prop_assert!((0.0..=100.0).contains(&before.availability()));
            prop_assert!(after.availability() <= before.availability());
            prop_assert!(after.keeps(target) <= before.keeps(target));
            prop_assert!(after.budget_left(target) <= before.budget_left(target));
        }
    }
}
