//! What is told of homes, as the store keeps it: a log that is only ever added to.

use hearth_proto::{HouseholdId, UnixMs};

use super::StoreError;
use crate::homes::{Home, HomeEntry};

/// A change of what is told of a home, to be entered.
#[derive(Debug, Clone, PartialEq)]
pub struct HomeChange {
    /// Whose. No agent of it need have been heard.
    pub household: HouseholdId,
    /// `None`: what was told is taken back.
    pub home: Option<Home>,
    /// Who enters it.
    pub by: String,
    /// When.
    pub at: UnixMs,
}

/// What is told of homes.
pub trait Homes: Send + Sync + 'static {
    /// Enters all of `changes` in one transaction, or none; gives their versions.
    fn change_homes(&self, changes: &[HomeChange]) -> Result<Vec<u64>, StoreError>;

    /// What holds of one household; [`Home::default`] where nothing was told.
    fn home(&self, household: &HouseholdId) -> Result<Home, StoreError>;

    /// What holds of every household that something is told of, by name.
    fn homes(&self) -> Result<Vec<HomeEntry>, StoreError>;

    /// All changes, by rising version: of one household, or, for `None`, of all.
    fn home_log(&self, household: Option<&HouseholdId>) -> Result<Vec<HomeEntry>, StoreError>;
}
