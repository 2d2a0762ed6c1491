//! How far the number of samples carries a figure, and so a score. The numbers
//! are own judgement: no framework but RPM says how sure it is.

use serde::Serialize;

/// How far to trust a figure for the number of samples behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Confidence {
    /// A single sample more could change it.
    Low,
    /// It holds roughly.
    Medium,
    /// More samples would change little.
    High,
}

impl Confidence {
    fn steps(value: f64, medium: f64, high: f64) -> Self {
        // A hair for the decimals of shares.
        match value * (1.0 + 1e-9) {
            v if v >= high => Self::High,
            v if v >= medium => Self::Medium,
            _ => Self::Low,
        }
    }

    /// A percentile, from 0 to 1: by how many of `n` samples lie beyond it, on the
    /// side that has fewer. Medium from one on, high from ten.
    pub fn of_percentile(n: u64, percentile: f64) -> Self {
        Self::steps(n as f64 * percentile.min(1.0 - percentile), 1.0, 10.0)
    }

    /// A share such as loss, where a difference of `step` matters: by how many of `n`
    /// samples that is. Medium from one on, high from ten.
    pub fn of_share(n: u64, step: f64) -> Self {
        Self::steps(n as f64 * step, 1.0, 10.0)
    }

    /// A mean or median: medium from 5 samples on, high from 20.
    pub fn of_mean(n: u64) -> Self {
        Self::steps(n as f64, 5.0, 20.0)
    }

    /// A throughput by tests: medium from 3 on, high from 10.
    pub fn of_tests(n: u64) -> Self {
        Self::steps(n as f64, 3.0, 10.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Confidence::{self, High, Low, Medium};

    #[test]
    fn the_steps_are_where_they_are_said_to_be() {
        let percentile = |n| Confidence::of_percentile(n, 0.99);
        assert_eq!([99, 100, 999, 1000].map(percentile), [Low, Medium, Medium, High]);
        assert_eq!(Confidence::of_percentile(20, 0.5), High);
        // A greatest value is one sample, however many there are.
        assert_eq!(Confidence::of_percentile(1_000_000, 1.0), Low);
        let loss = |n| Confidence::of_share(n, 0.005);
        assert_eq!([199, 200, 2000].map(loss), [Low, Medium, High]);
        assert_eq!([4, 5, 20].map(Confidence::of_mean), [Low, Medium, High]);
        assert_eq!([2, 3, 10].map(Confidence::of_tests), [Low, Medium, High]);
    }

    proptest! {
        #[test]
        fn more_samples_are_never_trusted_less(n in 0_u64..100_000, more in 0_u64..100_000, p in 0.0..1.0) {
            let all = |n| [
                Confidence::of_percentile(n, p), Confidence::of_share(n, p),
                Confidence::of_mean(n), Confidence::of_tests(n),
            ];
            for (few, many) in all(n).into_iter().zip(all(n + more)) {
                prop_assert!(few <= many);
            }
        }
    }
}
