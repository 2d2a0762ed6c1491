//! For whom something is drawn up, and which homes they may see.

use std::fmt;
use std::str::FromStr;

use hearth_proto::HouseholdId;
use serde::{Serialize, Serializer};

use super::Home;

/// For whom a report is drawn up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Audience {
    /// Whoever keeps the network running: all homes that the operator serves.
    #[default]
    Noc,
    /// Product and marketing: the homes that agreed to that, and no other.
    Product,
}

/// Not an audience.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not accepted: noc or product")]
pub struct NoAudience(String);

/// A household that has not agreed that product and marketing see what is asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "household {0} has not agreed that product and marketing see its profile and needs \
     (consents.product)"
)]
pub struct NotAgreed(pub HouseholdId);

impl Audience {
    /// As on the command line and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Noc => "noc",
            Self::Product => "product",
        }
    }

    /// Whether it may see a home, by what is told of it. What is not told is not agreed.
    pub fn may_see(self, home: &Home) -> bool {
        match self {
            Self::Noc => true,
            Self::Product => home.consents.product,
        }
    }

    /// The same, as an error.
    ///
    /// # Errors
    /// Where it may not.
    pub fn check(self, household: &HouseholdId, home: &Home) -> Result<(), NotAgreed> {
        if self.may_see(home) { Ok(()) } else { Err(NotAgreed(household.clone())) }
    }
}

impl fmt::Display for Audience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Audience {
    type Err = NoAudience;
    fn from_str(text: &str) -> Result<Self, NoAudience> {
        let all = [Self::Noc, Self::Product];
        all.into_iter().find(|a| a.name() == text).ok_or_else(|| NoAudience(text.to_owned()))
    }
}

impl Serialize for Audience {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn product_sees_who_agreed_and_the_noc_everybody() {
        let household = "home-1".parse().unwrap();
        let mut home = Home::default();
        assert!(Audience::Noc.may_see(&home) && !Audience::Product.may_see(&home));
        // To be part of area reports is another matter.
        home.consents.areas = true;
        let refused = Audience::Product.check(&household, &home).unwrap_err().to_string();
        assert!(refused.contains("home-1 has not agreed"), "{refused}");
        home.consents.product = true;
        assert_eq!(Audience::Product.check(&household, &home), Ok(()));
        assert_eq!("product".parse(), Ok(Audience::Product));
        assert!("sales".parse::<Audience>().unwrap_err().to_string().contains("noc or product"));
    }
}
