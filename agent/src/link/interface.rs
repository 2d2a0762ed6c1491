//! The system's name of an interface.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;

use hearth_proto::LinkName;
use serde::{Deserialize, Serialize};

/// A name that Linux accepts for an interface: 1 to 15 bytes without `/`, `:`
/// or white space, and neither `.` nor `..`. It is safe as a file name in sysfs.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct InterfaceName(String);

/// A text that can't name an interface.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "interface {0:?} is not accepted: 1 to 15 bytes without '/', ':' or white space, \
     not \".\" or \"..\""
)]
pub struct InterfaceNameError(String);

impl InterfaceName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The link's name where the configuration gives none: the interface's,
    /// with what a link's name can't hold replaced by `_`.
    pub fn to_link_name(&self) -> LinkName {
        let text: String = self
            .0
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() || "._@-".contains(c) { c } else { '_' })
            .collect();
        LinkName::try_from(text).expect("at most 15 accepted characters, at least one")
    }
}

impl TryFrom<String> for InterfaceName {
    type Error = InterfaceNameError;
    fn try_from(name: String) -> Result<Self, InterfaceNameError> {
        let accepted = (1..=15).contains(&name.len())
            && name != "."
            && name != ".."
            && !name.bytes().any(|b| b == b'/' || b == b':' || b == 0 || b == 0x0b)
            && !name.bytes().any(|b| b.is_ascii_whitespace());
        if accepted { Ok(Self(name)) } else { Err(InterfaceNameError(name)) }
    }
}

impl FromStr for InterfaceName {
    type Err = InterfaceNameError;
    fn from_str(name: &str) -> Result<Self, InterfaceNameError> {
        Self::try_from(name.to_owned())
    }
}

impl From<InterfaceName> for String {
    fn from(name: InterfaceName) -> Self {
        name.0
    }
}

impl Borrow<str> for InterfaceName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for InterfaceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_what_the_kernel_accepts() {
        for good in ["eth0", "pppoe-wan", "wan@if2", "eth0.7", "fünf", "a23456789012345"] {
            assert!(good.parse::<InterfaceName>().is_ok(), "{good}");
        }
        for bad in ["", ".", "..", "a/b", "a:1", "a b", "a\n", "a\u{b}", "a234567890123456"] {
            let error = bad.parse::<InterfaceName>().unwrap_err().to_string();
            assert!(error.contains("1 to 15 bytes"), "{error}");
        }
    }

    #[test]
    fn any_interface_can_name_its_link() {
        assert_eq!("fü+1".parse::<InterfaceName>().unwrap().to_link_name().as_str(), "f__1");
        assert_eq!("eth0.7".parse::<InterfaceName>().unwrap().to_link_name().as_str(), "eth0.7");
    }
}
