//! The text and the environment, merged, with where each value stands. The
//! environment has the last word.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::RESERVED_VARIABLES;
use super::error::{ConfigErrors, Fault, Origin, Problem};

/// What begins a variable that overrides a key.
const PREFIX: &str = "HEARTH_";
/// Longer values are cut where they are shown.
const SHOWN: usize = 80;

/// A table of the configuration.
#[derive(Debug, Default)]
pub(super) struct Table {
    /// Where it begins.
    pub(super) origin: Option<Origin>,
    /// What it holds.
    pub(super) entries: BTreeMap<String, Entry>,
}

/// A value, and where it stands.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) origin: Origin,
    /// As it is written there.
    pub(super) shown: String,
    pub(super) value: Value,
}

/// A value.
#[derive(Debug)]
pub(super) enum Value {
    Text(String),
    /// From the environment: text that may stand for any simple value.
    Variable(String),
    Integer(i128),
    Boolean(bool),
    List(Vec<Entry>),
    Table(Table),
    /// A kind that no key takes, such as a date.
    Other,
}

/// Merges the text of the file at `path` and the variables that begin with
/// `HEARTH_`.
pub(super) fn merge(
    text: &str,
    path: &Path,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<Table, ConfigErrors> {
    let place = Place { text, path };
    let (document, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        return Err(ConfigErrors(errors.iter().map(|error| place.syntax(error)).collect()));
    }
    let mut merged = place.table(document);
    let variables: BTreeMap<String, String> = environment
        .into_iter()
        .filter(|(name, _)| name.starts_with(PREFIX))
        .filter(|(name, _)| !RESERVED_VARIABLES.contains(&name.as_str()))
        .collect();
    for (variable, text) in variables {
        override_key(&mut merged, variable, text);
    }
    Ok(merged)
}

fn override_key(table: &mut Table, variable: String, text: String) {
    let path = variable[PREFIX.len()..].to_ascii_lowercase();
    let origin = Origin::Environment { variable };
    let mut steps = path.split("__").map(str::to_owned);
    let mut key = steps.next().unwrap_or_default();
    let mut here = table;
    for next in steps {
        let entry = here.entries.entry(key).or_insert_with(|| Entry {
            origin: origin.clone(),
            shown: String::new(),
            value: Value::Table(Table { origin: Some(origin.clone()), ..Table::default() }),
        });
        if !matches!(entry.value, Value::Table(_)) {
            entry.value = Value::Table(Table { origin: Some(origin.clone()), ..Table::default() });
        }
        let Value::Table(below) = &mut entry.value else { unreachable!("made a table above") };
        here = below;
        key = next;
    }
    let entry = Entry { origin, shown: cut(&format!("{text:?}")), value: Value::Variable(text) };
    here.entries.insert(key, entry);
}

struct Place<'a> {
    text: &'a str,
    path: &'a Path,
}

impl Place<'_> {
    fn at(&self, span: &Range<usize>) -> Origin {
        let before = self.text.get(..span.start).unwrap_or(self.text);
        let line = 1 + before.matches('\n').count();
        Origin::File { path: self.path.to_owned(), line: Some(line) }
    }

    fn syntax(&self, error: &toml::de::Error) -> Problem {
        let whole = Origin::File { path: self.path.to_owned(), line: None };
        Problem {
            origin: error.span().map_or(whole, |span| self.at(&span)),
            key: String::new(),
            value: None,
            fault: Fault::Syntax { message: error.message().to_owned() },
        }
    }

    fn table(&self, table: Spanned<DeTable<'_>>) -> Table {
        let origin = Some(self.at(&table.span()));
        let entries = table.into_inner().into_iter().map(|(key, value)| {
            let origin = self.at(&key.span());
            (key.into_inner().into_owned(), self.entry(origin, value))
        });
        Table { origin, entries: entries.collect() }
    }

    fn entry(&self, origin: Origin, value: Spanned<DeValue<'_>>) -> Entry {
        let span = value.span();
        let shown = cut(self.text.get(span.clone()).unwrap_or_default());
        let value = match value.into_inner() {
            DeValue::String(text) => Value::Text(text.into_owned()),
            DeValue::Integer(number) => i128::from_str_radix(number.as_str(), number.radix())
                .map_or(Value::Other, Value::Integer),
            DeValue::Boolean(is) => Value::Boolean(is),
            DeValue::Array(list) => Value::List(
                list.into_iter().map(|item| self.entry(self.at(&item.span()), item)).collect(),
            ),
            DeValue::Table(below) => Value::Table(self.table(Spanned::new(span, below))),
            DeValue::Float(_) | DeValue::Datetime(_) => Value::Other,
        };
        Entry { origin, shown, value }
    }
}

fn cut(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    if line.len() == text.len() && text.chars().count() <= SHOWN {
        return text.to_owned();
    }
    let head: String = line.chars().take(SHOWN).collect();
    format!("{head} …")
}
