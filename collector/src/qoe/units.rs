//! Quantities as types that can't hold a wrong value, and the explicit answer
//! when there is too little to score.

macro_rules! quantity {
    ($(#[$doc:meta])* $name:ident, $accepted:literal, |$v:ident| $valid:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
        pub struct $name(f64);

        impl $name {
            /// What [`Self::new`] accepts, for error messages.
            pub const ACCEPTED: &'static str = $accepted;

            /// `None` unless the value is finite and in range.
            pub fn new($v: f64) -> Option<Self> {
                ($v.is_finite() && $valid).then_some(Self($v))
            }

            /// The bare number.
            pub const fn get(self) -> f64 {
                self.0
            }
        }
    };
}

quantity!(
    /// A time in milliseconds, zero or more.
    Millis, "a number of milliseconds, 0 or more", |v| v >= 0.0
);
quantity!(
    /// A time in milliseconds above zero, where something is divided by it.
    PositiveMillis, "a number of milliseconds above 0", |v| v > 0.0
);
quantity!(
    /// A share from 0 to 1.
    Ratio, "a ratio from 0 to 1", |v| (0.0..=1.0).contains(&v)
);
quantity!(
    /// A share from 0 to 100.
    Percent, "a percentage from 0 to 100", |v| (0.0..=100.0).contains(&v)
);
quantity!(
    /// A throughput in Mbit/s, zero or more.
    Mbps, "a number of Mbit/s, 0 or more", |v| v >= 0.0
);
quantity!(
    /// A throughput in Mbit/s above zero: a promise.
    PositiveMbps, "a number of Mbit/s above 0", |v| v > 0.0
);

/// A score that was not given because its evidence is missing. Never a zero.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not enough data: missing {}", .missing.join(", "))]
pub struct NotEnoughData {
    /// The input fields that were missing, by the names the `score` command uses.
    pub missing: Vec<String>,
}

impl NotEnoughData {
    /// An error if any of the named inputs is absent; each is named once.
    pub(crate) fn unless_all(present: &[(&str, bool)]) -> Result<(), Self> {
        let mut missing: Vec<String> = Vec::new();
        for (name, _) in present.iter().filter(|(_, there)| !there) {
            if !missing.iter().any(|m| m == name) {
                missing.push((*name).into());
            }
        }
        if missing.is_empty() { Ok(()) } else { Err(Self { missing }) }
    }

    /// One missing input.
    pub(crate) fn one(name: impl Into<String>) -> Self {
        Self { missing: vec![name.into()] }
    }
}

/// `a ≥ share · b` for speeds given in decimals: a hair of slack, far below any
/// speed's resolution, keeps 89.1 at 90 % of 99 from failing by rounding.
pub(crate) fn at_least_share(a: f64, share: f64, b: f64) -> bool {
    a >= share * b * (1.0 - 1e-12)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_refuse_what_they_cannot_hold() {
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.1] {
            assert!(Millis::new(bad).is_none(), "{bad}");
            assert!(PositiveMillis::new(bad).is_none(), "{bad}");
            assert!(Ratio::new(bad).is_none(), "{bad}");
            assert!(Percent::new(bad).is_none(), "{bad}");
            assert!(Mbps::new(bad).is_none(), "{bad}");
        }
        assert!(Ratio::new(1.1).is_none() && Percent::new(100.1).is_none());
        assert!(PositiveMillis::new(0.0).is_none() && Millis::new(0.0).is_some());
    }

    #[test]
    fn a_decimal_share_does_not_fail_by_rounding() {
        for max in [30.0, 41.3, 99.0, 250.0, 1000.1] {
            assert!(at_least_share(max * 9.0 / 10.0, 0.9, max), "{max}");
            assert!(!at_least_share(max * 0.9 - 0.001, 0.9, max), "{max}");
        }
    }
}
