//! `verify`: checks a statement's file offline.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::report::CatalogueArgs;
use super::{CliError, files, keys, print, print_json};
use crate::console::statement_html;
use crate::statement::records::Records;
use crate::statement::seal::Sealed;
use crate::statement::verify::{self, Check, OpenError, Outcome, Verdict, What};

#[derive(Debug, Args)]
pub(super) struct VerifyArgs {
    /// The statement's page or PDF
    statement: PathBuf,
    /// The records that it rests on, as `statement --records` wrote them
    #[arg(long, value_name = "FILE")]
    records: Option<PathBuf>,
    /// The signer's public key (PEM), as the signer publishes it: without it a statement
    /// is never said to hold, since anybody can alter one and sign it anew
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// As JSON: the `verdict` (holds, unproven or fails) and each check
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    catalogue: CatalogueArgs,
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
    let shown = files::octets(&args.statement)?;
    let (sealed, drawn) = if shown.starts_with(b"%PDF-") {
        open_pdf(&shown)?
    } else {
        let html = std::str::from_utf8(&shown).map_err(|_| data(&OpenError::NoStatement))?;
        let sealed = verify::open_html(html).map_err(|e| data(&e))?;
        let drawn = statement_html(&sealed).into_bytes();
        (sealed, drawn)
    };
    let key = args.key.as_deref().map(keys::public).transpose()?;
    let records = match &args.records {
        None => None,
        Some(file) => {
            let text = String::from_utf8(files::octets(file)?);
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
    let verdict = Verdict::of(&checks, records.is_some());
    if args.json {
        print_json(&document(&sealed, &checks, verdict))?;
    } else {
        print(&said(&sealed, &checks, verdict))?;
    }
    match verdict {
        Verdict::Holds => Ok(()),
        Verdict::Unproven => Err(CliError::Unproven),
        Verdict::Fails => Err(CliError::Data("the statement does not hold".to_owned())),
    }
}

/// What no check can show.
const BEYOND: &str = "whether the agent measured rightly, and whether what was told of the home \
                      and of the times left out is true";

fn document(sealed: &Sealed, checks: &[Check], verdict: Verdict) -> serde_json::Value {
    json!({
        "household": sealed.statement.household,
        "span": sealed.statement.span,
        "language": sealed.lang.tag(),
        "verdict": verdict,
        // Whoever's that is, unless the check of the signer holds.
        "signed_by": sealed.signature.as_ref().map(|s| s.key.to_string()),
        "checks": checks,
        "not_checked": BEYOND,
    })
}

fn said(sealed: &Sealed, checks: &[Check], verdict: Verdict) -> String {
    let mut text = format!("{}\n", sealed.sheet().of);
    for check in checks {
        let outcome = match check.outcome {
            Outcome::Holds => "holds",
            Outcome::Fails => "FAILS",
            Outcome::NotChecked => "not checked",
        };
        let line = [format!("{outcome:<12} {:<11} ", check.what.words()), check.said.clone()];
        text.extend(line);
        text.push('\n');
    }
    text.extend(["Not checked by any of this: ", BEYOND, ".\n\n"]);
    let signer_open =
        checks.iter().any(|c| c.what == What::Signer && c.outcome == Outcome::NotChecked);
    let last = match (verdict, &sealed.signature) {
        (Verdict::Holds, _) => "HOLDS: it is by the key given, and shows what was signed.",
        (Verdict::Fails, _) => "DOES NOT HOLD.",
        (Verdict::Unproven, Some(signature)) if signer_open => &format!(
            "NOT PROVEN: the signer was not checked. Anybody could have altered the statement and \
             signed it anew. It is the operator's only if {} is the key that the operator \
             publishes: give that key with --key FILE.",
            signature.key
        ),
        (Verdict::Unproven, _) => "NOT PROVEN: a check that was asked for could not be made.",
    };
    text.extend([last, "\n"]);
    text
}
