//! `format=` and `table=`: a report as tables for other programs.

use axum::http::header;
use axum::response::{IntoResponse, Response};

use crate::console::failure::Failure;
use crate::console::pairs::Pairs;
use crate::export::{self, ExportError, Format, Table, json};

/// How a report is asked for, if not as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Export {
    format: Format,
    table: Option<String>,
}

impl Export {
    /// From `format=json|csv|parquet` and `table=NAME`; `None` without a format.
    pub(super) fn of(pairs: &Pairs) -> Result<Option<Self>, Failure> {
        let Some(name) = pairs.get("format") else { return Ok(None) };
        let format = Format::of(name).ok_or_else(|| Failure::Value {
            field: "format",
            value: name.to_owned(),
            accepted: format!("one of {}", Format::ALL.map(Format::name).join(", ")),
        })?;
        Ok(Some(Self { format, table: pairs.get("table").map(str::to_owned) }))
    }

    /// The table asked for, or the first; in JSON without a name all of them.
    pub(super) fn answer(&self, name: &str, tables: &[Table]) -> Result<Response, Failure> {
        let (file, bytes) = if self.format == Format::Json && self.table.is_none() {
            (name.to_owned(), json::document(tables).into_bytes())
        } else {
            let table = export::choose(tables, self.table.as_deref()).map_err(refused)?;
            (format!("{name}-{}", table.name), export::bytes(table, self.format).map_err(refused)?)
        };
        let file = format!("attachment; filename=\"{file}.{}\"", self.format.name());
        let headers = [
            (header::CONTENT_TYPE, self.format.media_type().to_owned()),
            (header::CONTENT_DISPOSITION, file),
        ];
        Ok((headers, bytes).into_response())
    }
}

fn refused(e: ExportError) -> Failure {
    match e {
        ExportError::NoTable { name, accepted } => Failure::Value {
            field: "table",
            value: name,
            accepted: format!("one of {}", accepted.join(", ")),
        },
        failed @ ExportError::Parquet { .. } => Failure::internal(&failed),
    }
}
