//! A table: named columns with their units, and rows.

use hearth_proto::UnixMs;

use crate::report::figure::Figure;

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Words or an id.
    Text,
    /// A whole number.
    Int,
    /// A number.
    Float,
    /// Yes or no.
    Bool,
    /// An instant, UTC, to the millisecond.
    Time,
}

impl Kind {
    /// As in JSON and in the docs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Int => "integer",
            Self::Float => "number",
            Self::Bool => "boolean",
            Self::Time => "time",
        }
    }
}

/// A column. Its name ends in its unit, as SI and this project write them: `_ms`,
/// `_bytes`, `_hours`; `_ratio` is a share from 0 to 1; a plain plural is a count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// Its name, in lower case with underscores.
    pub name: &'static str,
    /// What it holds. Any value may be missing.
    pub kind: Kind,
    /// What it says, with its unit.
    pub about: &'static str,
}

/// A value of a row.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Not known, not enough data, or withheld.
    Missing,
    /// Of a text column.
    Text(String),
    /// Of an integer column.
    Int(i64),
    /// Of a number column.
    Float(f64),
    /// Of a boolean column.
    Bool(bool),
    /// Of a time column.
    Time(UnixMs),
}

impl Value {
    /// Words, or an id.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// A count; what is beyond 2^63 is that.
    pub fn count(n: u64) -> Self {
        Self::Int(i64::try_from(n).unwrap_or(i64::MAX))
    }

    /// A figure's value; missing where there is not enough data.
    pub fn figure(figure: &Figure) -> Self {
        Self::float(figure.value())
    }

    /// The lower and the upper end of a figure's interval.
    pub fn bounds(figure: &Figure) -> [Self; 2] {
        let interval = figure.interval();
        [Self::float(interval.map(|i| i.low)), Self::float(interval.map(|i| i.high))]
    }

    /// A number that may be missing; one that is none counts as missing.
    pub fn float(number: Option<f64>) -> Self {
        number.filter(|n| n.is_finite()).map_or(Self::Missing, Self::Float)
    }

    fn fits(&self, kind: Kind) -> bool {
        matches!(
            (self, kind),
            (Self::Missing, _)
                | (Self::Text(_), Kind::Text)
                | (Self::Int(_), Kind::Int)
                | (Self::Float(_), Kind::Float)
                | (Self::Bool(_), Kind::Bool)
                | (Self::Time(_), Kind::Time)
        )
    }
}

impl From<Option<u64>> for Value {
    fn from(n: Option<u64>) -> Self {
        n.map_or(Self::Missing, Self::count)
    }
}

/// A table.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// Its name, one word.
    pub name: &'static str,
    /// Its columns.
    pub columns: &'static [Column],
    /// Each as long as there are columns.
    rows: Vec<Vec<Value>>,
}

impl Table {
    /// Without rows yet.
    pub fn new(name: &'static str, columns: &'static [Column]) -> Self {
        Self { name, columns, rows: Vec::new() }
    }

    /// Adds a row.
    ///
    /// # Panics
    /// Where it does not fit the columns: a table's rows and columns stand side by
    /// side in one file, and a row that differs is a mistake there.
    pub fn row<const N: usize>(&mut self, row: [Value; N]) {
        assert_eq!(N, self.columns.len(), "a row of {} has {N} values", self.name);
        for (value, column) in row.iter().zip(self.columns) {
            assert!(value.fits(column.kind), "{}.{} holds {value:?}", self.name, column.name);
        }
        self.rows.push(row.into());
    }

    /// Its rows.
    pub fn rows(&self) -> &[Vec<Value>] {
        &self.rows
    }
}

/// Shorthand for a table's list of columns.
pub(super) const fn column(name: &'static str, kind: Kind, about: &'static str) -> Column {
    Column { name, kind, about }
}
