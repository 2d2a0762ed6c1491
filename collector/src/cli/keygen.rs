//! `keygen`: a pair of keys to sign statements with.

use std::path::PathBuf;

use clap::Args;

use super::{CliError, keys, print};

#[derive(Debug, Args)]
pub(super) struct KeygenArgs {
    /// Where the private key goes; the public one goes beside it, with .pub at the end
    file: PathBuf,
}

pub(super) fn run(args: &KeygenArgs) -> Result<(), CliError> {
    let (beside, public) = keys::generate(&args.file)?;
    print(&format!(
        "private key {}: keep it; whoever has it can sign in your name\npublic key  {}: publish \
         it\nfingerprint {public}\n",
        args.file.display(),
        beside.display()
    ))
}
