//! The statement as a tagged PDF (PDF/UA-1, PDF/A-3a), from the same sheet as the page:
//! `templates/statement.typ` says how it looks. What is signed is attached to it, as
//! the files `statement.json` and `signature.txt`.
//!
//! The same statement gives the same bytes: that is how it is checked.

use std::path::PathBuf;
use std::sync::OnceLock;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use typst::diag::{FileError, FileResult, SourceDiagnostic};
use typst::foundations::{Bytes, Datetime, Duration, Smart};
use typst::syntax::{FileId, RootedPath, Source, VirtualPath, VirtualRoot};
use typst::text::{Font, FontBook};
use typst::utils::LazyHash;
use typst::{Library, LibraryExt, World};
use typst_layout::PagedDocument;
use typst_pdf::{PdfOptions, PdfStandard, PdfStandards};

use super::seal::{Sealed, Signature};
use super::verify::OpenError;

const TEMPLATE: &str = include_str!("../../templates/statement.typ");
/// The one font family that it is set in: SIL Open Font License 1.1.
const FAMILY: &str = "Libertinus Serif";

/// Why no PDF was drawn.
#[derive(Debug, thiserror::Error)]
#[error("the PDF could not be drawn: {said}")]
pub struct PdfError {
    /// What the typesetter said.
    said: String,
}

impl PdfError {
    fn of(errors: &[SourceDiagnostic]) -> Self {
        let said: Vec<&str> = errors.iter().map(|e| e.message.as_str()).collect();
        Self { said: said.join("; ") }
    }
}

/// What the typesetter may read: the template, the sheet and what is attached.
struct Desk {
    library: LazyHash<Library>,
    book: &'static LazyHash<FontBook>,
    fonts: &'static [Font],
    main: Source,
    files: Vec<(FileId, Bytes)>,
}

fn id(name: &str) -> Option<FileId> {
    Some(RootedPath::new(VirtualRoot::Project, VirtualPath::new(name).ok()?).intern())
}

fn fonts() -> &'static (LazyHash<FontBook>, Vec<Font>) {
    static FONTS: OnceLock<(LazyHash<FontBook>, Vec<Font>)> = OnceLock::new();
    FONTS.get_or_init(|| {
        let fonts: Vec<Font> = typst_assets::fonts()
            .flat_map(|data| Font::iter(Bytes::new(data)))
            .filter(|font| font.info().family == FAMILY)
            .collect();
        (LazyHash::new(FontBook::from_fonts(&fonts)), fonts)
    })
}

impl World for Desk {
    fn library(&self) -> &LazyHash<Library> {
        &self.library
    }

    fn book(&self) -> &LazyHash<FontBook> {
        self.book
    }

    fn main(&self) -> FileId {
        self.main.id()
    }

    fn source(&self, id: FileId) -> FileResult<Source> {
        if id == self.main.id() { Ok(self.main.clone()) } else { Err(missing(id)) }
    }

    fn file(&self, id: FileId) -> FileResult<Bytes> {
        let found = self.files.iter().find(|(of, _)| *of == id);
        found.map(|(_, bytes)| bytes.clone()).ok_or_else(|| missing(id))
    }

    fn font(&self, index: usize) -> Option<Font> {
        self.fonts.get(index).cloned()
    }

    fn today(&self, _: Option<Duration>) -> Option<Datetime> {
        None
    }
}

fn missing(id: FileId) -> FileError {
    FileError::NotFound(PathBuf::from(id.get().vpath().get_without_slash()))
}

fn typeset(sealed: &Sealed) -> Result<PagedDocument, PdfError> {
    let (book, fonts) = fonts();
    let sheet =
        serde_json::to_string(&sealed.sheet()).map_err(|e| PdfError { said: e.to_string() })?;
    let signature = sealed.signature.as_ref().map(Signature::text).unwrap_or_default();
    let given =
        [("sheet.json", sheet), ("statement.json", sealed.payload()), ("signature.txt", signature)];
    let files =
        given.into_iter().filter_map(|(name, text)| Some((id(name)?, Bytes::from_string(text))));
    let desk = Desk {
        library: LazyHash::new(Library::default()),
        book,
        fonts,
        main: Source::detached(TEMPLATE),
        files: files.collect(),
    };
    let document = typst::compile::<PagedDocument>(&desk).output;
    document.map_err(|errors| PdfError::of(&errors))
}

/// The statement as a PDF.
///
/// # Errors
/// Where the typesetter refuses, which a test holds that it does not.
pub fn pdf(sealed: &Sealed) -> Result<Vec<u8>, PdfError> {
    let document = typeset(sealed)?;
    let standards = PdfStandards::new(&[PdfStandard::A_3a, PdfStandard::Ua_1]);
    let options = PdfOptions {
        ident: Smart::Custom(sealed.payload()),
        creator: Smart::Custom(Some(format!("hearth-collector {}", sealed.program))),
        timestamp: drawn_at(sealed),
        standards: standards.map_err(|e| PdfError { said: e.message().to_string() })?,
        ..PdfOptions::default()
    };
    let pdf = typst_pdf::pdf(&document, &options);
    // What was cached is of no use to the next household.
    typst::comemo::evict(0);
    pdf.map_err(|errors| PdfError::of(&errors))
}

fn drawn_at(sealed: &Sealed) -> Option<typst_pdf::Timestamp> {
    let at = Timestamp::from_millisecond(sealed.statement.generated_at.0).ok()?;
    let at = at.to_zoned(TimeZone::UTC);
    let small = |n: i8| u8::try_from(n).ok();
    let date = Datetime::from_ymd_hms(
        at.year().into(),
        small(at.month())?,
        small(at.day())?,
        small(at.hour())?,
        small(at.minute())?,
        small(at.second())?,
    )?;
    Some(typst_pdf::Timestamp::new_utc(date))
}

/// The contents of the files attached to a PDF, in the form that [`pdf`] writes them.
fn attached(pdf: &[u8]) -> Vec<String> {
    use std::io::Read as _;
    let mut found = Vec::new();
    let mut rest = pdf;
    // A statement's is under a megabyte: no file may make us fill our memory, by one
    // attachment or by many.
    let mut left: u64 = 16 << 20;
    while let Some(at) = position(rest, b"/EmbeddedFile") {
        rest = &rest[at + 1..];
        let Some(begin) = position(rest, b"stream\n") else { break };
        let (dictionary, body) = (&rest[..begin], &rest[begin + b"stream\n".len()..]);
        let Some(end) = position(body, b"endstream") else { break };
        let body = &body[..end];
        let mut text = String::new();
        let read = if position(dictionary, b"/FlateDecode").is_some() {
            flate2::read::ZlibDecoder::new(body).take(left).read_to_string(&mut text)
        } else {
            body.trim_ascii_end().take(left).read_to_string(&mut text)
        };
        if read.is_ok() {
            left -= text.len() as u64;
            found.push(text);
        }
    }
    found
}

fn position(of: &[u8], part: &[u8]) -> Option<usize> {
    of.windows(part.len()).position(|window| window == part)
}

/// The statement in a PDF.
///
/// # Errors
/// Where there is none, or it can't be read.
pub fn open_pdf(pdf: &[u8]) -> Result<Sealed, OpenError> {
    let attached = attached(pdf);
    let payload = attached.iter().find(|text| text.starts_with('{'));
    let payload = payload.ok_or(OpenError::NoStatement)?;
    let signature = attached.iter().find_map(|text| Signature::parse(text));
    Ok(Sealed::open(payload, signature)?)
}

#[cfg(test)]
mod tests {
    use typst::foundations::{NativeElement as _, StyleChain};
    use typst::introspection::Introspector as _;
    use typst::model::HeadingElem;

    use super::*;
    use crate::statement::messages::Lang;
    use crate::statement::records::Records;
    use crate::statement::seal::SigningKey;
    use crate::statement::{samples, verify};

    fn sealed(sample: &samples::Sample, lang: Lang) -> Sealed {
        let (_, key) = SigningKey::generate().unwrap();
        let mut sealed = Sealed::plain(sample.statement.clone(), lang);
        sealed.records = Some(Records::of(&sample.history, &sample.home).digest());
        sealed.signed(&key)
    }

    #[test]
    fn every_statement_is_a_tagged_pdf_that_holds_what_was_signed() {
        for (name, sample) in samples::all() {
            for lang in Lang::all() {
                let sealed = sealed(sample, lang);
                let drawn = pdf(&sealed).unwrap();
                let tagged = position(&drawn, b"/StructTreeRoot").is_some();
                assert!(tagged, "{name} in {lang} is tagged");
                let opened = open_pdf(&drawn).unwrap();
                assert_eq!(opened, sealed, "{name} in {lang}");
                let again = pdf(&opened).unwrap();
                let check = verify::text(&opened, &drawn, &again);
                assert_eq!(check.outcome, verify::Outcome::Holds, "{}", check.said);
            }
        }
    }

    #[test]
    fn page_one_is_one_page_and_the_annex_begins_the_next() {
        let all = samples::all().map(|(name, sample)| (name, sample.statement.clone()));
        for (name, statement) in all.into_iter().chain([("crowded", samples::crowded())]) {
            for lang in Lang::all() {
                let document = typeset(&Sealed::plain(statement.clone(), lang)).unwrap();
                let mut pages = document
                    .introspector()
                    .query(&HeadingElem::ELEM.select())
                    .into_iter()
                    .filter_map(|heading| {
                        let level = heading
                            .to_packed::<HeadingElem>()?
                            .resolve_level(StyleChain::default());
                        let page = document.introspector().page(heading.location()?)?;
                        (level.get() == 1).then_some(page.get())
                    });
                // The title, and the annex's.
                assert_eq!(pages.next(), Some(1), "{name} in {lang}");
                assert_eq!(pages.next(), Some(2), "{name} in {lang}");
            }
        }
    }

    #[test]
    fn a_changed_byte_is_caught() {
        let drawn = pdf(&sealed(samples::short(), Lang::EN)).unwrap();
        for at in (0..drawn.len()).step_by(drawn.len() / 12) {
            let mut forged = drawn.clone();
            forged[at] ^= 1;
            let caught = open_pdf(&forged)
                .map_or(true, |opened| pdf(&opened).is_ok_and(|again| again != forged));
            assert!(caught, "byte {at}");
        }
    }
}
