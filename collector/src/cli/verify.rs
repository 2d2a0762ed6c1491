//! `verify`: checks a statement's file offline.

use std::path::{Path, PathBuf};

use clap::Args;

use super::report::CatalogueArgs;
use super::{CliError, print};
use crate::console::statement_html;
use crate::statement::records::Records;
use crate::statement::seal::{PublicKey, Sealed};
use crate::statement::verify::{self, Check, OpenError, Outcome};

#[derive(Debug, Args)]
pub(super) struct VerifyArgs {
    /// The statement's page or PDF
    statement: PathBuf,
    /// The records that it rests on, as `statement --records` wrote them
    #[arg(long, value_name = "FILE")]
    records: Option<PathBuf>,
    /// The signer's public key (PEM)
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    #[command(flatten)]
    catalogue: CatalogueArgs,
}

fn read(file: &Path) -> Result<Vec<u8>, CliError> {
    std::fs::read(file)
        .map_err(|source| CliError::Io { doing: format!("reading {}", file.display()), source })
}

fn data(e: &dyn std::error::Error) -> CliError {
    CliError::Data(crate::error_chain(e))
}

#[cfg(feature = "pdf")]
fn open_pdf(shown: &[u8]) -> Result<(Sealed, Vec<u8>), CliError> {
    use crate::statement::pdf;
    let sealed = pdf::open_pdf(shown).map_err(|e| data(&e))?;
    let drawn = pdf::pdf(&sealed).map_err(|e| data(&e))?;
    Ok((sealed, drawn))
}

#[cfg(not(feature = "pdf"))]
fn open_pdf(_: &[u8]) -> Result<(Sealed, Vec<u8>), CliError> {
    Err(CliError::Usage(
        "a PDF is not accepted by this program, which was built without PDF. Packaged programs \
         have it, as has one built with `cargo build --release -p hearth-collector --features pdf`"
            .to_owned(),
    ))
}

pub(super) fn run(args: &VerifyArgs) -> Result<(), CliError> {
    let shown = read(&args.statement)?;
    let (sealed, drawn) = if shown.starts_with(b"%PDF-") {
        open_pdf(&shown)?
    } else {
        let html = std::str::from_utf8(&shown).map_err(|_| data(&OpenError::NoStatement))?;
        let sealed = verify::open_html(html).map_err(|e| data(&e))?;
        let drawn = statement_html(&sealed).into_bytes();
        (sealed, drawn)
    };
    let key = args.key.as_deref().map(PublicKey::read).transpose();
    let key = key.map_err(|e| CliError::Config(crate::error_chain(&e)))?;
    let records = match &args.records {
        None => None,
        Some(file) => {
            let text = String::from_utf8(read(file)?);
            let text = text.map_err(|_| {
                CliError::Data(format!("{}: is not accepted: lines of text", file.display()))
            })?;
            Some(Records::read(&text))
        }
    };
    let mut checks = verify::signature(&sealed, key.as_ref());
    checks.push(verify::text(&sealed, &shown, &drawn));
    let of_records = verify::records(&sealed, records.as_ref(), &args.catalogue.load()?);
    checks.extend(of_records.map_err(|e| data(&e))?);
    print(&said(&sealed, &checks, key.is_some()))?;
    if checks.iter().any(|c| c.outcome == Outcome::Fails) {
        return Err(CliError::Data("the statement does not hold".to_owned()));
    }
    Ok(())
}

fn said(sealed: &Sealed, checks: &[Check], with_key: bool) -> String {
    let mut text = format!("{}\n", sealed.sheet().of);
    for check in checks {
        let outcome = match check.outcome {
            Outcome::Holds => "holds",
            Outcome::Fails => "FAILS",
            Outcome::NotChecked => "not checked",
        };
        let line = [format!("{outcome:<12} {:<11} ", check.what), check.said.clone()];
        text.extend(line);
        text.push('\n');
    }
    text += "Not checked by any of this: whether the agent measured rightly, and whether what was \
             told of the home and of the times left out is true.\n";
    if let (false, Some(signature)) = (with_key, &sealed.signature) {
        text += "\nTHE SIGNER WAS NOT CHECKED: anybody could have altered the statement and signed \
                 it anew. ";
        text.extend(["It is the operator's only if ", &signature.key.to_string()]);
        text += " is the key that the operator publishes: compare the two, or give that key with \
                 --key FILE.\n";
    }
    text
}
