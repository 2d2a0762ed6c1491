//! Checks a statement's file offline: whether its signature holds, whether what it shows
//! is what it signs, and whether that follows from the records.

use jiff::tz::TimeZone;
use serde::Serialize;

use super::base64;
use super::records::{Records, RecordsError};
use super::seal::{PayloadError, PublicKey, Sealed, Signature};
use crate::qoe::catalogue::Catalogue;
use crate::report::household_report;

/// What came of one check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It holds.
    Holds,
    /// It does not.
    Fails,
    /// It was not made.
    NotChecked,
}

/// What is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// Whether the signature is over the figures: by itself, whoever made it.
    Signature,
    /// Whether it is by the key that the reader has.
    Signer,
    /// Whether what is shown is what was signed.
    ShownText,
    /// Whether the records are those that the statement rests on.
    Records,
    /// Whether they give its figures.
    Judgement,
}

impl What {
    /// In plain words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Signature => "signature",
            Self::Signer => "signer",
            Self::ShownText => "shown text",
            Self::Records => "records",
            Self::Judgement => "judgement",
        }
    }
}

/// One check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What was checked.
    pub what: What,
    /// What came of it.
    pub outcome: Outcome,
    /// In words.
    pub said: String,
}

/// What comes of all checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It is by the key that the reader has, it shows what was signed, and no check
    /// that was asked for is left open.
    Holds,
    /// Nothing speaks against it, but something that was to be shown is not: above all
    /// whose it is. Anybody can sign figures of their own with a key of their own.
    Unproven,
    /// A check fails.
    Fails,
}

impl Verdict {
    /// Of these checks; `with_records`: records were given to be held against it.
    pub fn of(checks: &[Check], with_records: bool) -> Self {
        let open = |c: &Check| match c.what {
            What::Signature | What::Signer | What::ShownText => true,
            What::Records | What::Judgement => with_records,
        };
        let signed = checks.iter().any(|c| c.what == What::Signer);
        if checks.iter().any(|c| c.outcome == Outcome::Fails) {
            Self::Fails
        } else if !signed || checks.iter().any(|c| c.outcome == Outcome::NotChecked && open(c)) {
            Self::Unproven
        } else {
            Self::Holds
        }
    }
}

/// Why nothing can be checked.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It is no statement.
    #[error(
        "no statement is embedded: a page or PDF written by `hearth-collector statement` is \
         accepted, as it was written (a browser's 'save as' changes it)"
    )]
    NoStatement,
    /// What it embeds can't be read.
    #[error(transparent)]
    Payload(#[from] PayloadError),
}

const META: &str = "<meta name=\"hearth-statement\" content=\"";
const META_SIGNATURE: &str = "<meta name=\"hearth-signature\" content=\"";

fn meta<'a>(html: &'a str, name: &str) -> Option<&'a str> {
    let at = html.find(name)? + name.len();
    html[at..].split_once('"').map(|(content, _)| content)
}

/// The statement in a page.
///
/// # Errors
/// Where there is none, or it can't be read.
pub fn open_html(html: &str) -> Result<Sealed, OpenError> {
    let payload = meta(html, META)
        .and_then(base64::decode)
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .ok_or(OpenError::NoStatement)?;
    // What is there and can't be read is found out when the page is drawn again.
    let signature = meta(html, META_SIGNATURE).and_then(Signature::parse);
    Ok(Sealed::open(&payload, signature)?)
}

fn check(what: What, holds: bool, said: String) -> Check {
    Check { what, outcome: if holds { Outcome::Holds } else { Outcome::Fails }, said }
}

fn not_checked(what: What, said: String) -> Check {
    Check { what, outcome: Outcome::NotChecked, said }
}

/// The signature, against `key` where one is given.
pub fn signature(sealed: &Sealed, key: Option<&PublicKey>) -> Vec<Check> {
    let Some(signature) = &sealed.signature else {
        let said = "it is not signed: anybody could have written it";
        return vec![check(What::Signature, false, said.to_owned())];
    };
    let by = signature.key;
    let holds = signature.holds(&sealed.payload());
    let said = if holds {
        format!("the figures, their language and the records' digest are signed by {by}")
    } else {
        "the signature is not over these figures".to_owned()
    };
    let signed = check(What::Signature, holds, said);
    let whose = match key {
        None => not_checked(
            What::Signer,
            format!(
                "whose key {by} is: give --key FILE with the public key that the signer \
                 publishes"
            ),
        ),
        Some(key) if *key == by => check(What::Signer, true, "it is the key given".to_owned()),
        Some(key) => {
            check(What::Signer, false, format!("it is signed by {by}, the key given is {key}"))
        }
    };
    vec![signed, whose]
}

/// Whether `shown` is, byte for byte, what `drawn` from the signed figures is.
pub fn text(sealed: &Sealed, shown: &[u8], drawn: &[u8]) -> Check {
    let what = What::ShownText;
    let version = env!("CARGO_PKG_VERSION");
    if shown == drawn {
        let said = "every byte of the file is what the signed figures give when drawn again";
        return check(what, true, said.to_owned());
    }
    if sealed.program != version {
        let said = format!(
            "drawn by hearth-collector {}, and this is {version}: use that version to compare \
             what is shown",
            sealed.program
        );
        return check(what, false, said);
    }
    let at = shown.iter().zip(drawn).position(|(a, b)| a != b);
    let at = at.unwrap_or_else(|| shown.len().min(drawn.len()));
    let around = |bytes: &[u8]| {
        let part = &bytes[at.saturating_sub(24).min(bytes.len())..(at + 24).min(bytes.len())];
        String::from_utf8_lossy(part).into_owned()
    };
    let said = format!(
        "the file differs from what the signed figures give, first at byte {at}: it has {:?}, \
         and {:?} was drawn",
        around(shown),
        around(drawn)
    );
    check(what, false, said)
}

/// Whether the records are those that the statement rests on, and give its figures when
/// judged again by `catalogue`.
pub fn records(
    sealed: &Sealed,
    records: Option<&Records>,
    catalogue: &Catalogue,
) -> Result<Vec<Check>, RecordsError> {
    let Some(digest) = &sealed.records else {
        return Ok(vec![not_checked(What::Records, "the statement names no records".to_owned())]);
    };
    let Some(records) = records else {
        let said = format!(
            "the {} records with digest {}: give them with --records FILE",
            digest.count, digest.sha256
        );
        return Ok(vec![not_checked(What::Records, said)]);
    };
    let found = records.digest();
    if found != *digest {
        let said = format!(
            "{} records with digest {}: the statement rests on {} with digest {}",
            found.count, found.sha256, digest.count, digest.sha256
        );
        return Ok(vec![check(What::Records, false, said)]);
    }
    let same =
        check(What::Records, true, format!("{} records, digest {}", found.count, found.sha256));
    Ok(vec![same, judged_again(sealed, records, catalogue)?])
}

fn judged_again(
    sealed: &Sealed,
    records: &Records,
    catalogue: &Catalogue,
) -> Result<Check, RecordsError> {
    let what = What::Judgement;
    let (given, version) = (&sealed.statement, env!("CARGO_PKG_VERSION"));
    if given.catalogue != catalogue.version {
        let said = format!(
            "judged by catalogue {}, and {} is at hand: give --catalogue FILE",
            given.catalogue, catalogue.version
        );
        return Ok(not_checked(what, said));
    }
    if sealed.program != version {
        let said = format!("judged by hearth-collector {}, and this is {version}", sealed.program);
        return Ok(not_checked(what, said));
    }
    let (history, home) = records.history()?;
    let zone = TimeZone::get(&given.time_zone).unwrap_or(TimeZone::UTC);
    let (_, report) = household_report(&history, &home, catalogue, &zone, given.generated_at);
    let same = report.statement == *given;
    let said = if same {
        "judged again from the records, every figure is the same"
    } else {
        "judged again from the records, the figures are others"
    };
    Ok(check(what, same, said.to_owned()))
}
