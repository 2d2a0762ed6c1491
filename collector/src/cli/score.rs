//! `score`: one framework's score of given figures, for checking it elsewhere.

use std::path::PathBuf;

use clap::Args;

use super::{CliError, files, print};
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
    let (text, name) = files::text(&args.file)?;
    let results =
        score::run(args.framework, &text).map_err(|e| CliError::Data(format!("{name}: {e}")))?;
    for one in results {
        print(&format!("{one}\n"))?;
    }
    Ok(())
}
