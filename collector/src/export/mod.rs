//! Reports as tables for other programs: JSON records, CSV and Parquet.
//!
//! Read in this order: [`table`] (columns with their units, rows), one writer per
//! format (`csv`, `parquet`, `json`), then what is exported: [`household`] (a
//! home's gap report) and [`areas`] (the roll-ups). `docs/exports.md` lists the
//! schemas; a test holds it to the code.

pub mod areas;
pub mod csv;
pub mod household;
pub mod json;
pub mod parquet;
pub mod table;

pub use table::{Column, Kind, Table, Value};

/// A format to export in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One document with every table, a record a row.
    Json,
    /// One table (RFC 4180).
    Csv,
    /// One table.
    Parquet,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Json, Self::Csv, Self::Parquet];

    /// As on the command line, and a file's extension.
    pub fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Csv => "csv",
            Self::Parquet => "parquet",
        }
    }

    /// By its name.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|f| f.name() == name)
    }

    /// Its media type.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Csv => "text/csv; charset=utf-8; header=present",
            Self::Parquet => "application/vnd.apache.parquet",
        }
    }
}

/// Why a table was not written.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// There is no such table.
    #[error("table {name:?} is not accepted: one of {}", accepted.join(", "))]
    NoTable {
        /// As asked for.
        name: String,
        /// Those there are.
        accepted: Vec<&'static str>,
    },
    /// The Parquet writer failed.
    #[error("table {table} can't be written as Parquet")]
    Parquet {
        /// Which.
        table: &'static str,
        /// Why.
        #[source]
        source: ::parquet::errors::ParquetError,
    },
}

/// One of `tables` by its name; the first without one.
pub fn choose<'t>(tables: &'t [Table], name: Option<&str>) -> Result<&'t Table, ExportError> {
    let found = match name {
        None => tables.first(),
        Some(name) => tables.iter().find(|t| t.name == name),
    };
    found.ok_or_else(|| ExportError::NoTable {
        name: name.unwrap_or_default().to_owned(),
        accepted: tables.iter().map(|t| t.name).collect(),
    })
}

/// One table in a format.
pub fn bytes(table: &Table, format: Format) -> Result<Vec<u8>, ExportError> {
    match format {
        Format::Json => Ok(json::document(std::slice::from_ref(table)).into_bytes()),
        Format::Csv => Ok(csv::text(table).into_bytes()),
        Format::Parquet => parquet::bytes(table)
            .map_err(|source| ExportError::Parquet { table: table.name, source }),
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use super::*;

    fn schema(report: &str, tables: &[(&str, &[Column])]) -> String {
        let mut text = String::new();
        for (name, columns) in tables {
            write!(
                text,
                "\n### `{report}`: `{name}`\n\n| column | type | says |\n| --- | --- | --- |\n"
            )
            .unwrap();
            for c in *columns {
                writeln!(text, "| `{}` | {} | {} |", c.name, c.kind.name(), c.about).unwrap();
            }
        }
        text
    }

    #[test]
    fn the_documented_schemas_are_those_written() {
        let docs = include_str!("../../../docs/exports.md");
        let both = schema("gaps", &household::SCHEMAS) + &schema("areas", &areas::SCHEMAS);
        let at = docs.find("\n### `gaps`").expect("the schemas begin");
        assert!(docs[at..] == both, "docs/exports.md should end in:\n{both}");
    }

    #[test]
    fn a_column_names_its_unit_and_no_two_are_called_alike() {
        for (table, columns) in household::SCHEMAS.iter().chain(&areas::SCHEMAS) {
            let mut names: Vec<&str> = columns.iter().map(|c| c.name).collect();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), columns.len(), "{table}");
            for c in columns.iter().filter(|c| c.kind == Kind::Float) {
                let units = ["_ratio", "_ms", "_hours", "_bytes", "_homes", "phi"];
                assert!(units.iter().any(|u| c.name.ends_with(u)), "{table}.{}", c.name);
            }
        }
    }
}
