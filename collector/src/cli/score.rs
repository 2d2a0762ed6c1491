//! `score`: one framework's score of given figures, for checking it elsewhere.

use std::io::Read;
use std::path::PathBuf;

use clap::Args;

use super::{CliError, print};
use crate::score::{self, Framework};

#[derive(Debug, Args)]
pub(super) struct ScoreArgs {
    /// qoo, iqb, emodel, aim, rpm, bnetza-fixed or bead
    framework: Framework,
    /// A JSON file with one case's input or a list of cases; - for standard input. A table
    /// `samples` beside the figures says how many are behind each, for the confidence
    file: PathBuf,
}

pub(super) fn run(args: &ScoreArgs) -> Result<(), CliError> {
    let mut text = String::new();
    let read = if args.file.as_os_str() == "-" {
        std::io::stdin().read_to_string(&mut text).map(|_| ())
    } else {
        std::fs::read_to_string(&args.file).map(|t| text = t)
    };
    read.map_err(|source| CliError::Io {
        doing: format!("reading {}", args.file.display()),
        source,
    })?;
    let results = score::run(args.framework, &text)
        .map_err(|e| CliError::Data(format!("{}: {e}", args.file.display())))?;
    for one in results {
        print(&format!("{one}\n"))?;
    }
    Ok(())
}
