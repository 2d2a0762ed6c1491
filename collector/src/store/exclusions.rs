//! Times that count neither for nor against a household, as a log: who entered
//! one, who took it back, when and why. Nothing is ever edited or erased, so a
//! figure of last month can be explained though its exclusion is gone.

use hearth_proto::{HouseholdId, UnixMs};
use serde::Serialize;

use super::StoreError;
use crate::history::Exclusion;

/// An exclusion ever entered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExclusionEntry {
    /// Its number, never used again.
    pub number: i64,
    /// What it says.
    pub exclusion: Exclusion,
    /// When it was entered, by the collector's clock; `None` where an earlier
    /// version entered it.
    pub entered_at: Option<UnixMs>,
    /// Who took it back, if anybody did.
    pub removed: Option<Removal>,
}

/// An exclusion taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Removal {
    /// When, by the collector's clock.
    pub at: UnixMs,
    /// Who.
    pub by: String,
    /// Why.
    pub why: String,
}

/// Keeps exclusions.
pub trait Exclusions {
    /// Enters a time that counts neither for nor against, before it begins or
    /// afterwards; gives its number.
    ///
    /// # Errors
    /// When the household is not known or the store fails.
    fn exclude(
        &self,
        household: &HouseholdId,
        exclusion: &Exclusion,
        at: UnixMs,
    ) -> Result<i64, StoreError>;

    /// Those of `household` in force, by rising start, with their numbers.
    ///
    /// # Errors
    /// As [`Self::exclude`].
    fn exclusions(&self, household: &HouseholdId) -> Result<Vec<(i64, Exclusion)>, StoreError>;

    /// Takes one back: what was found in its time counts again. `false` if
    /// `household` has none of that number in force.
    ///
    /// # Errors
    /// As [`Self::exclude`].
    fn include(
        &self,
        household: &HouseholdId,
        number: i64,
        removal: &Removal,
    ) -> Result<bool, StoreError>;

    /// All ever entered for `household`, by number.
    ///
    /// # Errors
    /// As [`Self::exclude`].
    fn exclusion_log(&self, household: &HouseholdId) -> Result<Vec<ExclusionEntry>, StoreError>;
}
