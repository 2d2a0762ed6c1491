//! A table being read, key by key: what is refused, missing or unknown becomes a
//! problem, and reading goes on.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use super::error::{Fault, Origin, Problem};
use super::source::{Entry, Table, Value};

const PATH: &str = "an absolute path";
const BOOLEAN: &str = "true or false";

impl Value {
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) | Self::Variable(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn boolean(&self) -> Option<bool> {
        match self {
            Self::Boolean(is) => Some(*is),
            Self::Variable(text) => text.parse().ok(),
            _ => None,
        }
    }

    pub(super) fn integer(&self) -> Option<i128> {
        match self {
            Self::Integer(number) => Some(*number),
            Self::Variable(text) => text.parse().ok(),
            _ => None,
        }
    }

    pub(super) fn absolute_path(&self) -> Option<PathBuf> {
        let path = PathBuf::from(self.text()?);
        path.is_absolute().then_some(path)
    }
}

/// A table being read: what nobody asked for is unknown.
pub(super) struct Section {
    prefix: String,
    entries: BTreeMap<String, Entry>,
    /// Where to say that something is missing.
    origin: Origin,
    asked: Vec<&'static str>,
    /// Where the values asked for stood.
    places: BTreeMap<&'static str, (Origin, String)>,
    problems: Vec<Problem>,
}

impl Section {
    pub(super) fn root(table: Table, path: &Path) -> Self {
        let origin = Origin::File { path: path.to_owned(), line: None };
        Self::new(String::new(), Table { origin: Some(origin.clone()), ..table }, origin)
    }

    fn new(prefix: String, table: Table, above: Origin) -> Self {
        Self {
            prefix,
            entries: table.entries,
            origin: table.origin.unwrap_or(above),
            asked: Vec::new(),
            places: BTreeMap::new(),
            problems: Vec::new(),
        }
    }

    fn take(&mut self, key: &'static str) -> Option<Entry> {
        self.asked.push(key);
        let entry = self.entries.remove(key)?;
        self.places.insert(key, (entry.origin.clone(), entry.shown.clone()));
        Some(entry)
    }

    fn refuse(&mut self, entry: &Entry, key: &str, accepted: &str) {
        self.problems.push(Problem {
            origin: entry.origin.clone(),
            key: format!("{}{key}", self.prefix),
            value: Some(entry.shown.clone()).filter(|shown| !shown.is_empty()),
            fault: Fault::NotAccepted { accepted: accepted.to_owned() },
        });
    }

    /// `None`: not given, or refused.
    pub(super) fn value<T>(
        &mut self,
        key: &'static str,
        accepted: &str,
        read: impl FnOnce(&Value) -> Option<T>,
    ) -> Option<T> {
        let entry = self.take(key)?;
        let value = read(&entry.value);
        if value.is_none() {
            self.refuse(&entry, key, accepted);
        }
        value
    }

    pub(super) fn text<T: FromStr>(&mut self, key: &'static str, accepted: &str) -> Option<T> {
        self.value(key, accepted, |v| v.text()?.parse().ok())
    }

    pub(super) fn boolean(&mut self, key: &'static str) -> Option<bool> {
        self.value(key, BOOLEAN, Value::boolean)
    }

    pub(super) fn path(&mut self, key: &'static str) -> Option<PathBuf> {
        self.value(key, PATH, Value::absolute_path)
    }

    pub(super) fn integer(
        &mut self,
        key: &'static str,
        range: RangeInclusive<u64>,
        unit: &str,
    ) -> Option<u64> {
        let accepted = format!("{} to {}, {unit}", range.start(), range.end());
        self.value(key, &accepted, |v| {
            u64::try_from(v.integer()?).ok().filter(|n| range.contains(n))
        })
    }

    pub(super) fn pace(
        &mut self,
        key: &'static str,
        range: RangeInclusive<u64>,
    ) -> Option<Duration> {
        self.integer(key, range, "in milliseconds").map(Duration::from_millis)
    }

    /// Each bad item of a list is a problem of its own.
    pub(super) fn list<T>(
        &mut self,
        key: &'static str,
        accepted: &str,
        read: impl Fn(&Value) -> Option<T>,
    ) -> Vec<T> {
        let Some(entry) = self.take(key) else { return Vec::new() };
        let items = match entry.value {
            Value::List(items) => items,
            Value::Variable(text) => text
                .split(',')
                .map(str::trim)
                .filter(|item| !item.is_empty())
                .map(|item| Entry {
                    origin: entry.origin.clone(),
                    shown: format!("{item:?}"),
                    value: Value::Variable(item.to_owned()),
                })
                .collect(),
            _ => {
                self.refuse(&entry, key, &format!("a list, each item {accepted}"));
                return Vec::new();
            }
        };
        let mut values = Vec::new();
        for (i, item) in items.iter().enumerate() {
            match read(&item.value) {
                Some(value) => values.push(value),
                None => self.refuse(item, &format!("{key}[{i}]"), accepted),
            }
        }
        values
    }

    /// A table below this one.
    pub(super) fn section<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&mut Self) -> Option<T>,
    ) -> Option<T> {
        let entry = self.take(key)?;
        let Value::Table(table) = entry.value else {
            self.refuse(&entry, key, &format!("a table: [{key}]"));
            return None;
        };
        let mut below = Self::new(format!("{}{key}.", self.prefix), table, entry.origin);
        let value = read(&mut below);
        self.problems.extend(below.finish());
        value
    }

    /// A list of tables below this one.
    pub(super) fn tables<T>(
        &mut self,
        key: &'static str,
        mut read: impl FnMut(&mut Self) -> Option<T>,
    ) -> Vec<T> {
        let accepted = format!("tables: [[{key}]]");
        let Some(entry) = self.take(key) else { return Vec::new() };
        let Value::List(items) = entry.value else {
            self.refuse(&entry, key, &accepted);
            return Vec::new();
        };
        let mut values = Vec::new();
        for (i, item) in items.into_iter().enumerate() {
            let Value::Table(table) = item.value else {
                self.refuse(&item, &format!("{key}[{i}]"), &accepted);
                continue;
            };
            let mut below = Self::new(format!("{}{key}[{i}].", self.prefix), table, item.origin);
            values.extend(read(&mut below));
            self.problems.extend(below.finish());
        }
        values
    }

    /// Whether a key that was asked for is given, accepted or not.
    pub(super) fn given(&self, key: &str) -> bool {
        self.places.contains_key(key)
    }

    /// Reports a key that was asked for and isn't given.
    pub(super) fn need(&mut self, key: &str, accepted: &str) {
        if !self.given(key) {
            self.problems.push(Problem {
                origin: self.origin.clone(),
                key: format!("{}{key}", self.prefix),
                value: None,
                fault: Fault::Missing { accepted: accepted.to_owned() },
            });
        }
    }

    /// Refuses a value that another table of the list has.
    pub(super) fn once(
        &mut self,
        seen: &mut BTreeMap<String, String>,
        key: &'static str,
        value: String,
    ) {
        let Some((origin, shown)) = self.places.get(key).cloned() else { return };
        if let Some(first) = seen.get(&value) {
            let fault =
                Fault::NotAccepted { accepted: format!("each {key} once; {first} has it already") };
            let key = format!("{}{key}", self.prefix);
            // A doubled interface is told once, though its name is doubled too.
            if !self.problems.iter().any(|p| p.key == key) {
                self.problems.push(Problem { origin, key, value: Some(shown), fault });
            }
        } else {
            seen.insert(value, self.prefix.trim_end_matches('.').to_owned());
        }
    }

    /// All problems; what is left was not asked for.
    pub(super) fn finish(mut self) -> Vec<Problem> {
        for (key, entry) in &self.entries {
            self.problems.push(Problem {
                origin: entry.origin.clone(),
                key: format!("{}{key}", self.prefix),
                value: None,
                fault: Fault::UnknownKey {
                    nearest: nearest(key, &self.asked).map(|near| format!("{}{near}", self.prefix)),
                    accepted: self.asked.join(", "),
                },
            });
        }
        self.problems
    }
}

/// The key that was probably meant: at most two slips away, and under half of it.
fn nearest<'a>(key: &str, known: &[&'a str]) -> Option<&'a str> {
    known
        .iter()
        .map(|near| (strsim::damerau_levenshtein(&key.to_ascii_lowercase(), near), *near))
        .filter(|(slips, near)| *slips <= 2 && slips * 2 < near.len())
        .min()
        .map(|(_, near)| near)
}
