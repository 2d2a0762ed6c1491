//! Names and identities. All are pseudonyms: nothing here may carry a person's
//! name, an address or a device's serial number.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Why a text is not an identity of its kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} {value:?} is not accepted: 1 to {max} characters of {accepted}")]
pub struct IdError {
    what: &'static str,
    pub(crate) value: String,
    max: usize,
    accepted: &'static str,
}

const LABEL: &str = "a-z, 0-9 and '-', not at either end";
const INTERFACE: &str = "A-Z, a-z, 0-9, '.', '_', ':', '@' and '-'";

fn is_label(s: &str) -> bool {
    s.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !s.starts_with('-')
        && !s.ends_with('-')
}

fn is_interface(s: &str) -> bool {
    s.bytes().all(|b| b.is_ascii_alphanumeric() || b"._:@-".contains(&b))
}

macro_rules! identity {
    ($(#[$doc:meta])* $name:ident, $what:literal, $max:literal, $check:ident, $accepted:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The identity as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(s: &str) -> Result<Self, IdError> {
                Self::try_from(s.to_owned())
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(value: String) -> Result<Self, IdError> {
                if !value.is_empty() && value.len() <= $max && $check(&value) {
                    Ok(Self(value))
                } else {
                    Err(IdError { what: $what, value, max: $max, accepted: $accepted })
                }
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

identity!(
    /// A home, as a pseudonym.
    HouseholdId, "household", 63, is_label, LABEL
);
identity!(
    /// An installed agent. A DNS label, so that it can stand as a subject name
    /// in the agent's certificate.
    AgentId, "agent", 63, is_label, LABEL
);
identity!(
    /// A link of a household, unique within its agent: the configured name, else
    /// the interface's.
    LinkName, "link", 32, is_interface, INTERFACE
);

/// One run of an agent's program: random, so that a wrong clock can't make two
/// runs the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct BootId(pub u64);

/// A record's number within its boot: starts at 1 and only rises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Seq(pub u64);

impl fmt::Display for BootId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_lower_case_and_dns_safe() {
        assert!("home-7".parse::<HouseholdId>().is_ok());
        for bad in ["", "-a", "a-", "A", "a b", "ä", &"x".repeat(64)] {
            let e = bad.parse::<HouseholdId>().unwrap_err().to_string();
            assert!(e.contains("household") && e.contains("1 to 63"), "{e}");
        }
    }

    #[test]
    fn links_may_be_named_as_interfaces_are() {
        for good in ["eth0", "wwan0", "pppoe-wan", "eth0.7", "br-lan:1", "wan@if2"] {
            assert!(good.parse::<LinkName>().is_ok());
        }
        assert!("a/b".parse::<LinkName>().is_err());
    }
}
