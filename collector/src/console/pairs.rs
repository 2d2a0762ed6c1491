//! An address's query as pairs, and which keys each address takes. Any other is refused
//! by name: `?rnage=7d` must not show another time than was meant.

use std::marker::PhantomData;
use std::ops::Deref;

use axum::extract::FromRequestParts;
use axum::extract::Query as Parsed;
use axum::http::request::Parts;

use super::failure::Failure;

/// A query, as pairs: the last of a name counts.
#[derive(Debug, Clone, Default)]
pub struct Pairs(Vec<(String, String)>);

impl Pairs {
    /// The value of `name`; an empty one counts as absent, as forms send it.
    pub fn get(&self, name: &'static str) -> Option<&str> {
        self.all(name).last()
    }

    /// Every value of `name`, for what may be given several times.
    pub fn all(&self, name: &'static str) -> impl Iterator<Item = &str> {
        let values = self.0.iter().filter(move |p| p.0 == name).map(|p| p.1.trim());
        values.filter(|v| !v.is_empty())
    }

    fn checked(self, keys: &[&[&'static str]]) -> Result<Self, Failure> {
        let known = || keys.iter().copied().flatten().copied();
        match self.0.iter().find(|p| known().all(|key| key != p.0)) {
            None => Ok(self),
            Some((key, _)) => {
                Err(Failure::Key { key: key.clone(), accepted: known().collect::<Vec<_>>() })
            }
        }
    }
}

#[cfg(test)]
impl From<&[(&str, &str)]> for Pairs {
    fn from(given: &[(&str, &str)]) -> Self {
        Self(given.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect())
    }
}

/// What an address takes: groups of keys.
pub trait Keys {
    /// All of them.
    const KEYS: &'static [&'static [&'static str]];
}

/// The pairs of an address that takes the keys of `K`, and no other.
#[derive(Debug)]
pub struct Query<K>(Pairs, PhantomData<fn() -> K>);

impl<K> Deref for Query<K> {
    type Target = Pairs;
    fn deref(&self) -> &Pairs {
        &self.0
    }
}

impl<S: Sync, K: Keys> FromRequestParts<S> for Query<K> {
    type Rejection = Failure;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        let Parsed(pairs) = Parsed::try_from_uri(&parts.uri).map_err(|_| Failure::Value {
            field: "query",
            value: parts.uri.query().unwrap_or_default().to_owned(),
            accepted: "name=value pairs joined by '&'".to_owned(),
        })?;
        Ok(Self(Pairs(pairs).checked(K::KEYS)?, PhantomData))
    }
}

const RANGE: &[&str] = &["range", "from", "to", "month"];
const EXPORT: &[&str] = &["format", "table"];
const AREAS: &[&str] = &["range", "activity", "area"];

/// Takes no key at all.
#[derive(Debug)]
pub enum Nothing {}
/// A home's page or report over a range.
#[derive(Debug)]
pub enum Ranged {}
/// The same, as tables if wanted.
#[derive(Debug)]
pub enum RangedTables {}
/// The same, in a language.
#[derive(Debug)]
pub enum Worded {}
/// An instant of a home.
#[derive(Debug)]
pub enum Instant {}
/// The list of homes.
#[derive(Debug)]
pub enum Listed {}
/// The list's page, which renews itself if wanted.
#[derive(Debug)]
pub enum ListedPage {}
/// The areas' page.
#[derive(Debug)]
pub enum Areas {}
/// The areas' report, as tables if wanted.
#[derive(Debug)]
pub enum AreasTables {}
/// The choice of colours.
#[derive(Debug)]
pub enum Colours {}
/// A proposed promise's days and homes.
#[derive(Debug)]
pub enum Proposed {}

impl Keys for Nothing {
    const KEYS: &'static [&'static [&'static str]] = &[];
}
impl Keys for Ranged {
    const KEYS: &'static [&'static [&'static str]] = &[RANGE];
}
impl Keys for RangedTables {
    const KEYS: &'static [&'static [&'static str]] = &[RANGE, EXPORT];
}
impl Keys for Worded {
    const KEYS: &'static [&'static [&'static str]] = &[RANGE, &["lang"]];
}
impl Keys for Instant {
    const KEYS: &'static [&'static [&'static str]] = &[&["at", "activity", "link"]];
}
impl Keys for Listed {
    const KEYS: &'static [&'static [&'static str]] = &[&["state", "q", "page"]];
}
impl Keys for ListedPage {
    const KEYS: &'static [&'static [&'static str]] = &[&["state", "q", "page", "refresh"]];
}
impl Keys for Areas {
    const KEYS: &'static [&'static [&'static str]] = &[AREAS];
}
impl Keys for AreasTables {
    const KEYS: &'static [&'static [&'static str]] = &[AREAS, EXPORT];
}
impl Keys for Colours {
    const KEYS: &'static [&'static [&'static str]] = &[&["set"]];
}
impl Keys for Proposed {
    const KEYS: &'static [&'static [&'static str]] = &[&["from", "to", "household"]];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_of_a_name_counts_and_an_empty_one_is_none() {
        let pairs = Pairs::from([("q", "a"), ("q", " b "), ("page", "")].as_slice());
        assert_eq!((pairs.get("q"), pairs.get("page")), (Some("b"), None));
        assert_eq!(pairs.all("q").collect::<Vec<_>>(), ["a", "b"]);
    }

    #[test]
    fn a_key_that_an_address_does_not_take_is_named_with_those_that_it_does() {
        let pairs = || Pairs::from([("range", "7d"), ("rnage", "1h")].as_slice());
        let refused = pairs().checked(Ranged::KEYS).unwrap_err();
        let said = "the key \"rnage\" is not accepted here: one of range, from, to, month";
        assert_eq!(refused.to_string(), said);
        let none = pairs().checked(Nothing::KEYS).unwrap_err().to_string();
        assert_eq!(none, "the key \"range\" is not accepted here: no key is");
        assert!(Pairs::default().checked(Nothing::KEYS).is_ok());
    }
}
