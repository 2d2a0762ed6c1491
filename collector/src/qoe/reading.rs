//! From JSON (and TOML turned into it) to types that can't be wrong: every
//! refusal is kept, with its path, value and what is accepted, so that all are
//! reported together.

use std::fmt;

use serde_json::{Map, Value};

/// One value that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Where it is, such as `cases[2].input.loss_ratio`.
    pub path: String,
    /// What was there, shortened.
    pub value: String,
    /// What is accepted there.
    pub accepted: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = if self.path.is_empty() { "input" } else { &self.path };
        write!(f, "{path}: {}; accepted: {}", self.value, self.accepted)
    }
}

/// One refusal a line.
pub(crate) fn lines(refusals: &[Refusal]) -> String {
    refusals.iter().fold(String::new(), |text, r| text + "\n  " + &r.to_string())
}

/// `parent.key`, or `key` at the top.
pub(crate) fn join(parent: &str, key: &str) -> String {
    if parent.is_empty() { key.to_owned() } else { format!("{parent}.{key}") }
}

/// The JSON of a value, cut where it gets long.
fn shown(value: &Value) -> String {
    const MOST: usize = 60;
    let json = value.to_string();
    if json.chars().count() <= MOST {
        return json;
    }
    json.chars().take(MOST).chain("…".chars()).collect()
}

/// A table whose keys are all known.
pub(crate) struct Table<'v> {
    pub(crate) path: String,
    map: &'v Map<String, Value>,
}

impl<'v> Table<'v> {
    /// The value; null counts as absent.
    pub(crate) fn get(&self, key: &str) -> Option<&'v Value> {
        self.map.get(key).filter(|v| !v.is_null())
    }

    pub(crate) fn path_of(&self, key: &str) -> String {
        join(&self.path, key)
    }
}

/// The refusals so far. A reading function returns `None` only after adding one.
#[derive(Default)]
pub(crate) struct Reader {
    pub(crate) refusals: Vec<Refusal>,
}

impl Reader {
    pub(crate) fn refuse(
        &mut self,
        path: impl Into<String>,
        value: &Value,
        accepted: impl Into<String>,
    ) {
        let accepted = accepted.into();
        self.refusals.push(Refusal { path: path.into(), value: shown(value), accepted });
    }

    /// A table, all of whose keys are among `keys`.
    pub(crate) fn table<'v>(
        &mut self,
        path: &str,
        value: &'v Value,
        keys: &[&str],
    ) -> Option<Table<'v>> {
        let map = self.entries(path, value, &format!("a table of {}", keys.join(", ")))?;
        let table = Table { path: path.to_owned(), map };
        for (key, value) in table.map {
            if !keys.contains(&key.as_str()) {
                let accepted = format!("no such key; known are {}", keys.join(", "));
                self.refuse(table.path_of(key), value, accepted);
            }
        }
        Some(table)
    }

    /// The entries of a table of any keys.
    pub(crate) fn entries<'v>(
        &mut self,
        path: &str,
        value: &'v Value,
        accepted: &str,
    ) -> Option<&'v Map<String, Value>> {
        if let Value::Object(map) = value {
            return Some(map);
        }
        self.refuse(path, value, accepted);
        None
    }

    /// A key's value if it is there and right; a wrong one is refused.
    pub(crate) fn optional<'v, T>(
        &mut self,
        table: &Table<'v>,
        key: &str,
        accepted: &str,
        read: impl FnOnce(&'v Value) -> Option<T>,
    ) -> Option<T> {
        let value = table.get(key)?;
        let read = read(value);
        if read.is_none() {
            self.refuse(table.path_of(key), value, accepted);
        }
        read
    }

    /// A key's value, which must be there and right.
    pub(crate) fn required<'v, T>(
        &mut self,
        table: &Table<'v>,
        key: &str,
        accepted: &str,
        read: impl FnOnce(&'v Value) -> Option<T>,
    ) -> Option<T> {
        let value = self.present(table, key, accepted)?;
        let read = read(value);
        if read.is_none() {
            self.refuse(table.path_of(key), value, accepted);
        }
        read
    }

    /// A key's value, which must be there.
    pub(crate) fn present<'v>(
        &mut self,
        table: &Table<'v>,
        key: &str,
        accepted: &str,
    ) -> Option<&'v Value> {
        let value = table.get(key);
        if value.is_none() {
            self.refusals.push(Refusal {
                path: table.path_of(key),
                value: "missing".into(),
                accepted: accepted.into(),
            });
        }
        value
    }

    /// A list, each element of which must be right.
    pub(crate) fn list<T>(
        &mut self,
        path: &str,
        value: &Value,
        accepted: &str,
        mut read: impl FnMut(&Value) -> Option<T>,
    ) -> Option<Vec<T>> {
        let Value::Array(items) = value else {
            self.refuse(path, value, format!("a list, each {accepted}"));
            return None;
        };
        let mut right = Vec::with_capacity(items.len());
        for (i, item) in items.iter().enumerate() {
            match read(item) {
                Some(v) => right.push(v),
                None => self.refuse(format!("{path}[{i}]"), item, accepted),
            }
        }
        (right.len() == items.len()).then_some(right)
    }
}

/// A number read into a type that checks it.
pub(crate) fn number<T>(new: impl FnOnce(f64) -> Option<T>) -> impl FnOnce(&Value) -> Option<T> {
    |value| value.as_f64().and_then(new)
}

/// A text with something in it.
pub(crate) fn text(value: &Value) -> Option<String> {
    value.as_str().filter(|s| !s.trim().is_empty()).map(str::to_owned)
}

/// What [`text`] accepts.
pub(crate) const TEXT: &str = "a text that is not empty";
