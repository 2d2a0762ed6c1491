//! `--format`, `--table` and `--out`: reports as tables for other programs.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use clap::Args;

use super::{CliError, files, print, print_octets, tell};
use crate::export::{self, Format, Table, json};

/// How a report is exported, if it is.
#[derive(Debug, Clone, Args)]
pub(super) struct ExportArgs {
    /// As tables for other programs: json (all of them), csv or parquet (one)
    #[arg(long, value_name = "FORMAT", value_parser = format, conflicts_with = "json")]
    format: Option<Format>,
    /// Which table, for csv and parquet [default: the first; all, with --out FOLDER]
    #[arg(long, value_name = "NAME", requires = "format")]
    table: Option<String>,
    /// Write it to this file, or every table to a file of its own in this folder
    #[arg(long, value_name = "FILE", requires = "format")]
    out: Option<PathBuf>,
}

fn format(name: &str) -> Result<Format, String> {
    let accepted = || Format::ALL.map(Format::name).join(", ");
    Format::of(name).ok_or_else(|| format!("{name:?} is not accepted: one of {}", accepted()))
}

impl ExportArgs {
    pub(super) fn asked(&self) -> bool {
        self.format.is_some()
    }

    /// Writes `tables`; files are named `REPORT-TABLE.FORMAT` in a folder.
    pub(super) fn run(&self, report: &str, tables: &[Table]) -> Result<(), CliError> {
        let format = self.format.unwrap_or(Format::Json);
        let folder = self.out.as_deref().filter(|out| out.is_dir());
        match (folder, format) {
            (Some(folder), Format::Csv | Format::Parquet) if self.table.is_none() => {
                for table in tables {
                    let name = format!("{report}-{}.{}", table.name, format.name());
                    write(&folder.join(name), &bytes(table, format)?)?;
                }
                Ok(())
            }
            (Some(folder), _) => Err(CliError::Usage(format!(
                "--out {} is not accepted: it is a folder, and one file is written",
                folder.display()
            ))),
            (None, Format::Json) if self.table.is_none() => {
                self.put(json::document(tables).as_bytes())
            }
            (None, _) => {
                let table = export::choose(tables, self.table.as_deref());
                let table = table.map_err(|e| CliError::Usage(e.to_string()))?;
                self.put(&bytes(table, format)?)
            }
        }
    }

    fn put(&self, bytes: &[u8]) -> Result<(), CliError> {
        match (&self.out, std::str::from_utf8(bytes)) {
            (Some(file), _) => write(file, bytes),
            (None, Ok(text)) => print(text),
            (None, Err(_)) if std::io::stdout().is_terminal() => Err(CliError::Usage(
                "a Parquet file is not for a terminal: give --out FILE".to_owned(),
            )),
            (None, Err(_)) => print_octets(bytes),
        }
    }
}

fn bytes(table: &Table, format: Format) -> Result<Vec<u8>, CliError> {
    export::bytes(table, format).map_err(|e| CliError::Data(crate::error_chain(&e)))
}

fn write(file: &Path, bytes: &[u8]) -> Result<(), CliError> {
    files::write(file, bytes)?;
    tell(&format!("written to {}", file.display()));
    Ok(())
}
