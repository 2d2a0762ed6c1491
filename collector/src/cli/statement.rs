//! `statement`: for the customer, as text, page or PDF, signed where a key is given.

use std::path::{Path, PathBuf};

use clap::Args;
use hearth_proto::UnixMs;
use jiff::tz::TimeZone;

use super::files::write;
use super::report::{ReportArgs, now, only, style};
use super::{CliError, keys, print, print_json, tell};
use crate::console::statement_html;
use crate::history::Span;
use crate::render;
use crate::report::household_report;
use crate::statement::messages::Lang;
use crate::statement::month_of;
use crate::statement::records::Records;
use crate::statement::seal::Sealed;
use crate::store::Store as _;
use crate::store::homes::Homes;
use crate::store::sqlite::SqliteStore;

#[derive(Debug, Args)]
pub(super) struct StatementArgs {
    #[command(flatten)]
    report: ReportArgs,
    /// A calendar month of the home's time zone, as 2026-10
    #[arg(long, value_name = "MONTH", value_parser = month, conflicts_with_all = ["last", "from", "to"])]
    month: Option<Month>,
    /// The language of its words
    #[arg(long, value_name = "LANG", default_value = "en", conflicts_with = "json")]
    lang: Lang,
    /// Write it as a page to this file: page one is one A4 page, the annex follows
    #[arg(long, value_name = "FILE", conflicts_with = "json")]
    html: Option<PathBuf>,
    /// Write it as a PDF to this file (in programs that are built with it)
    #[arg(long, value_name = "FILE", conflicts_with = "json")]
    pdf: Option<PathBuf>,
    /// Write the records that it rests on to this file, for whoever checks it
    #[arg(long, value_name = "FILE")]
    records: Option<PathBuf>,
    /// Sign it with this Ed25519 key (PEM, PKCS#8): `hearth-collector keygen` makes one
    #[arg(long, value_name = "FILE", env = "HEARTH_SIGN_KEY")]
    sign_key: Option<PathBuf>,
}

/// A month of a year.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Month {
    year: i16,
    month: i8,
}

fn month(text: &str) -> Result<Month, String> {
    let parts = text.split_once('-').filter(|(y, m)| y.len() == 4 && m.len() == 2);
    let parts = parts.and_then(|(y, m)| Some((y.parse().ok()?, m.parse().ok()?)));
    match parts {
        Some((year @ 2000..=2100, month @ 1..=12)) => Ok(Month { year, month }),
        _ => Err(format!("{text:?} is not accepted: a year and a month such as 2026-10")),
    }
}

impl Month {
    /// From its beginning to its end, or to `now` where it is not over.
    fn span(self, tz: &TimeZone, now: UnixMs) -> Result<Span, CliError> {
        let of = month_of(self.year, self.month, tz).filter(|(from, _)| *from < now);
        let (from, to) = of.ok_or_else(|| {
            CliError::Usage("--month is not accepted: a month that has begun".to_owned())
        })?;
        Ok(Span { from, to: to.min(now) })
    }
}

pub(super) fn run(args: &StatementArgs) -> Result<(), CliError> {
    let draw_pdf = args.pdf.as_deref().map(pdf_engine).transpose()?;
    let key = args.sign_key.as_deref().map(keys::private).transpose()?;
    let report = &args.report;
    let catalogue = report.judge.catalogue()?;
    let store = SqliteStore::open_read_only(&report.data.folder()?)?;
    let household = match &report.household {
        Some(given) => given.clone(),
        None => only(&store)?,
    };
    let (now, home) = (now(), store.home(&household)?);
    let tz = report.judge.zone_of(&home);
    let span = match args.month {
        Some(month) => month.span(&tz, now)?,
        None => report.span.span(now)?,
    };
    let history = store.history_with_lead(&household, span)?;
    let (_, judged) = household_report(&history, &home, &catalogue, &tz, now);
    let mut sealed = Sealed::plain(judged.statement, args.lang);
    let keeps = args.html.is_some() || args.pdf.is_some() || args.records.is_some();
    if keeps || key.is_some() {
        let records = Records::of(&history, &home);
        sealed.records = Some(records.digest());
        if let Some(file) = &args.records {
            write(file, records.text().as_bytes())?;
            tell(&format!("records written to {}", file.display()));
        }
    }
    if let Some(key) = &key {
        sealed = sealed.signed(key);
    }
    if let Some(file) = &args.html {
        write(file, statement_html(&sealed).as_bytes())?;
        tell(&format!("written to {}", file.display()));
    }
    if let (Some(file), Some(draw)) = (&args.pdf, draw_pdf) {
        write(file, &draw(&sealed)?)?;
        tell(&format!("written to {}", file.display()));
    }
    if report.json {
        if key.is_some() {
            tell("not signed: --json gives the statement alone; --html or --pdf carry a signature");
        }
        print_json(&sealed.statement)?;
    } else if args.html.is_none() && args.pdf.is_none() {
        print(&render::statement(&sealed.sheet(), &style(tz)))?;
    }
    Ok(())
}

type DrawPdf = fn(&Sealed) -> Result<Vec<u8>, CliError>;

#[cfg(feature = "pdf")]
#[expect(clippy::unnecessary_wraps, reason = "without the feature it refuses")]
fn pdf_engine(_: &Path) -> Result<DrawPdf, CliError> {
    Ok(|sealed| {
        crate::statement::pdf::pdf(sealed).map_err(|e| CliError::Config(crate::error_chain(&e)))
    })
}

#[cfg(not(feature = "pdf"))]
fn pdf_engine(file: &Path) -> Result<DrawPdf, CliError> {
    Err(CliError::Usage(format!(
        "--pdf {} is not accepted: this program was built without PDF. Packaged programs have it, \
         as has one built with `cargo build --release -p hearth-collector --features pdf`; or \
         write a page with --html and print it",
        file.display()
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_are_read_or_refused_with_what_is_accepted() {
        assert_eq!(month("2026-10"), Ok(Month { year: 2026, month: 10 }));
        for bad in ["", "2026", "2026-13", "2026-0", "26-10", "2026-1", "2026-10-01", "okt"] {
            assert!(month(bad).unwrap_err().contains("2026-10"), "{bad}");
        }
    }

    #[test]
    fn a_month_is_the_home_s_own_and_ends_at_the_latest_now() {
        let tz = TimeZone::get("Europe/Berlin").unwrap();
        let october = Month { year: 2026, month: 10 };
        let late = UnixMs(1_795_478_400_000);
        let span = october.span(&tz, late).unwrap();
        // Begins at +02:00 and ends at +01:00.
        assert_eq!(span.to.since(span.from), 31 * 86_400_000 + 3_600_000);
        let begun = span.from.plus(3_600_000);
        assert_eq!(october.span(&tz, begun).unwrap().to, begun);
        assert!(october.span(&tz, span.from).is_err());
    }
}
