//! The fewest homes.

use std::str::FromStr;

use serde::Serialize;

/// The fewest homes that a figure is over: 2 to 1,000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct K(u16);

impl Default for K {
    fn default() -> Self {
        Self(10)
    }
}

/// A number that is no k.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not accepted: a number of homes from 2 to 1000")]
pub struct NoK(String);

impl TryFrom<u64> for K {
    type Error = NoK;
    fn try_from(n: u64) -> Result<Self, NoK> {
        let k = u16::try_from(n).ok().filter(|k| (2..=1000).contains(k));
        k.map(Self).ok_or_else(|| NoK(n.to_string()))
    }
}

impl std::fmt::Display for K {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for K {
    type Err = NoK;
    fn from_str(text: &str) -> Result<Self, NoK> {
        let n: u64 = text.parse().map_err(|_| NoK(text.to_owned()))?;
        Self::try_from(n)
    }
}

impl K {
    /// The number.
    pub fn homes(self) -> u64 {
        self.0.into()
    }

    /// Whether a group of so many homes may be told apart.
    pub(crate) fn holds(self, homes: u64) -> bool {
        homes >= self.homes()
    }

    /// Whether figures over `part` of `whole` homes may be shown beside those over
    /// the whole: neither the part nor what is left over is a small group.
    pub(crate) fn holds_within(self, part: u64, whole: u64) -> bool {
        let left = whole.saturating_sub(part);
        self.holds(part) && (left == 0 || self.holds(left))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_k_is_refused_with_what_is_accepted() {
        assert_eq!("10".parse(), Ok(K::default()));
        for bad in ["1", "0", "-3", "x", "1001", ""] {
            let said = bad.parse::<K>().unwrap_err().to_string();
            assert!(said.contains("from 2 to 1000"), "{said}");
        }
    }

    #[test]
    fn a_part_is_shown_only_where_what_is_left_is_no_small_group() {
        let k = K::try_from(3).unwrap();
        assert!(k.holds_within(5, 5) && k.holds_within(3, 6));
        assert!(!k.holds_within(2, 6) && !k.holds_within(5, 6));
    }
}
