//! Sealing and checking: what must hold, and what must be caught.

use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::messages::Lang;
use super::records::Records;
use super::samples::{self, Sample};
use super::seal::{PublicKey, Sealed, SigningKey};
use super::verify::{self, Check, Outcome, Verdict, What};
use crate::console::statement_html;
use crate::history::{Exclusion, History, Span};
use crate::homes::Home;
use crate::qoe::catalogue::Catalogue;
use crate::report::household_report;

/// Two signers' keys, as PEM.
struct Keys {
    ours: String,
    theirs: String,
}

impl Keys {
    fn new() -> Self {
        let pem = || SigningKey::generate().unwrap().0;
        Self { ours: pem(), theirs: pem() }
    }

    fn private(&self, name: &str) -> SigningKey {
        let pem = if name == "ours" { &self.ours } else { &self.theirs };
        SigningKey::from_pem(pem.as_bytes()).unwrap()
    }

    fn public(&self, name: &str) -> PublicKey {
        self.private(name).public()
    }
}

fn sealed(sample: &Sample, keys: &Keys, lang: Lang) -> Sealed {
    let mut sealed = Sealed::plain(sample.statement.clone(), lang);
    sealed.records = Some(Records::of(&sample.history, &sample.home).digest());
    sealed.signed(&keys.private("ours"))
}

/// All checks of a page, or why there is nothing to check.
fn checks(html: &str, key: &PublicKey, records: Option<&Records>) -> Result<Vec<Check>, String> {
    let sealed = verify::open_html(html).map_err(|e| e.to_string())?;
    let mut checks = verify::signature(&sealed, Some(key));
    let drawn = statement_html(&sealed);
    checks.push(verify::text(&sealed, html.as_bytes(), drawn.as_bytes()));
    let of = verify::records(&sealed, records, &Catalogue::built_in());
    checks.extend(of.map_err(|e| e.to_string())?);
    Ok(checks)
}

fn outcomes(checks: &[Check]) -> Vec<Outcome> {
    checks.iter().map(|c| c.outcome).collect()
}

#[test]
fn what_was_written_holds_in_every_language_with_its_records_in_any_order() {
    let keys = Keys::new();
    for (name, sample) in samples::all() {
        let records = Records::of(&sample.history, &sample.home);
        let mut lines: Vec<&str> = Vec::new();
        let text = records.text();
        lines.extend(text.lines().rev());
        // Some come twice.
        lines.extend(text.lines().take(3));
        let shuffled = Records::read(&lines.join("\n"));
        assert_eq!(shuffled.digest(), records.digest());
        for lang in Lang::all() {
            let html = statement_html(&sealed(sample, &keys, lang));
            let checks = checks(&html, &keys.public("ours"), Some(&shuffled)).unwrap();
            assert_eq!(outcomes(&checks), [Outcome::Holds; 5], "{name}: {checks:?}");
        }
    }
}

#[test]
fn exclusions_in_any_order_and_entered_twice_are_judged_again_to_the_same() {
    let keys = Keys::new();
    let mut history = samples::bad().history.clone();
    let first = history.exclusions[0].clone();
    // Entered later, with what sorts before it, and the first once more.
    history.exclusions.push(Exclusion { by: "admin".to_owned(), ..first.clone() });
    history.exclusions.push(Exclusion {
        span: Span { from: first.span.from, to: first.span.from.plus(60_000) },
        ..first.clone()
    });
    history.exclusions.push(first);
    let tz = TimeZone::get("Europe/Berlin").unwrap();
    let outcomes = judged_and_checked(&history, &tz, &keys);
    assert_eq!(outcomes, [Outcome::Holds; 2]);
}

#[test]
fn a_zone_without_a_name_is_judged_again_to_the_same() {
    let keys = Keys::new();
    // As a copied /etc/localtime is.
    let tz = TimeZone::fixed(jiff::tz::offset(5));
    let outcomes = judged_and_checked(&samples::bad().history, &tz, &keys);
    assert_eq!(outcomes, [Outcome::Holds; 2]);
}

fn judged_and_checked(history: &History, tz: &TimeZone, keys: &Keys) -> Vec<Outcome> {
    let home = Home::default();
    let now = history.span.to;
    let (_, report) = household_report(history, &home, &Catalogue::built_in(), tz, now);
    let records = Records::of(history, &home);
    let mut sealed = Sealed::plain(report.statement, Lang::EN);
    sealed.records = Some(records.digest());
    let sealed = sealed.signed(&keys.private("ours"));
    outcomes(&verify::records(&sealed, Some(&records), &Catalogue::built_in()).unwrap())
}

#[test]
fn a_changed_figure_in_the_text_alone_is_caught() {
    let keys = Keys::new();
    let html = statement_html(&sealed(samples::bad(), &keys, Lang::EN));
    let shown = html.find("<p class=\"gist\">").unwrap();
    let (head, body) = html.split_at(shown);
    let digit = body.find(|c: char| c.is_ascii_digit()).unwrap();
    let other = if &body[digit..=digit] == "9" { "8" } else { "9" };
    let forged = format!("{head}{}{other}{}", &body[..digit], &body[digit + 1..]);
    let checks = checks(&forged, &keys.public("ours"), None).unwrap();
    let text = checks.iter().find(|c| c.what == What::ShownText).unwrap();
    assert_eq!(text.outcome, Outcome::Fails);
    assert!(text.said.contains("differs"), "{}", text.said);
    // The figures themselves are as signed.
    assert_eq!(checks[0].outcome, Outcome::Holds);
}

#[test]
fn changed_figures_with_a_text_drawn_from_them_are_caught_by_the_signature() {
    let keys = Keys::new();
    let mut forged = sealed(samples::bad(), &keys, Lang::EN);
    forged.statement.verdicts[0].counts.ok += 1;
    let checks = checks(&statement_html(&forged), &keys.public("ours"), None).unwrap();
    assert_eq!(checks[0].outcome, Outcome::Fails);
    // Nor is it another language's, or another set of records'.
    let mut other = sealed(samples::bad(), &keys, Lang::EN);
    other.lang = "de".parse().unwrap();
    assert_eq!(verify::signature(&other, None)[0].outcome, Outcome::Fails);
    let mut other = sealed(samples::bad(), &keys, Lang::EN);
    other.records = None;
    assert_eq!(verify::signature(&other, None)[0].outcome, Outcome::Fails);
}

#[test]
fn another_key_s_signature_and_none_at_all_are_told() {
    let keys = Keys::new();
    let ours = sealed(samples::short(), &keys, Lang::EN);
    let by = |key| outcomes(&verify::signature(&ours, key));
    let theirs = keys.public("theirs");
    assert_eq!(by(Some(&theirs)), [Outcome::Holds, Outcome::Fails]);
    assert_eq!(by(None), [Outcome::Holds, Outcome::NotChecked]);
    let plain = Sealed::plain(samples::short().statement.clone(), Lang::EN);
    assert_eq!(outcomes(&verify::signature(&plain, None)), [Outcome::Fails]);
}

#[test]
fn records_that_lack_one_or_have_another_are_caught() {
    let keys = Keys::new();
    let sample = samples::short();
    let sealed = sealed(sample, &keys, Lang::EN);
    let text = Records::of(&sample.history, &sample.home).text();
    let catalogue = Catalogue::built_in();
    let of = |text: &str| {
        outcomes(&verify::records(&sealed, Some(&Records::read(text)), &catalogue).unwrap())
    };
    assert_eq!(of(&text), [Outcome::Holds; 2]);
    let lacking: Vec<&str> = text.lines().skip(1).collect();
    assert_eq!(of(&lacking.join("\n")), [Outcome::Fails]);
    assert_eq!(of(&format!("{text}event agent AAAA\n")), [Outcome::Fails]);
    assert_eq!(of(""), [Outcome::Fails]);
}

#[test]
fn figures_that_do_not_follow_from_their_records_are_caught_though_they_are_signed() {
    let keys = Keys::new();
    let sample = samples::short();
    let records = Records::of(&sample.history, &sample.home);
    let mut lying = Sealed::plain(sample.statement.clone(), Lang::EN);
    lying.records = Some(records.digest());
    lying.statement.verdicts[0].counts.ok -= 1;
    let lying = lying.signed(&keys.private("ours"));
    let checks = verify::records(&lying, Some(&records), &Catalogue::built_in()).unwrap();
    assert_eq!(outcomes(&checks), [Outcome::Holds, Outcome::Fails]);
}

#[test]
fn a_line_of_records_that_can_t_be_read_is_named() {
    for (text, part) in [
        ("nonsense {}", "kind \"nonsense\""),
        ("slot agent !", "the record"),
        ("span {}", "missing field"),
        ("", "0 lines of kind span"),
    ] {
        let e = Records::read(text).history().unwrap_err().to_string();
        assert!(e.contains(part), "{e}");
    }
}

#[test]
fn keys_come_back_from_their_pem_and_one_is_not_the_other() {
    let (private, key) = SigningKey::generate().unwrap();
    let public = key.public().pem();
    assert_eq!(PublicKey::from_pem(public.as_bytes()), Ok(key.public()));
    assert_eq!(SigningKey::from_pem(private.as_bytes()).unwrap().public(), key.public());
    let refused = SigningKey::from_pem(public.as_bytes()).err().unwrap().to_string();
    assert!(refused.contains("private key as PEM"), "{refused}");
    let refused = PublicKey::from_pem(private.as_bytes()).unwrap_err().to_string();
    assert!(refused.contains("public key as PEM"), "{refused}");
}

/// What comes of a whole check, with and without what may be given.
fn verdict(sealed: &Sealed, key: Option<&PublicKey>, records: Option<&Records>) -> Verdict {
    let mut checks = verify::signature(sealed, key);
    checks.extend(verify::records(sealed, records, &Catalogue::built_in()).unwrap());
    Verdict::of(&checks, records.is_some())
}

#[test]
fn a_statement_holds_only_by_a_key_that_the_reader_has() {
    let keys = Keys::new();
    let sample = samples::short();
    let records = Records::of(&sample.history, &sample.home);
    let ours = sealed(sample, &keys, Lang::EN);
    let key = keys.public("ours");
    assert_eq!(verdict(&ours, Some(&key), None), Verdict::Holds);
    assert_eq!(verdict(&ours, Some(&key), Some(&records)), Verdict::Holds);
    // Whoever altered it could have signed it anew.
    assert_eq!(verdict(&ours, None, Some(&records)), Verdict::Unproven);
    assert_eq!(verdict(&ours, Some(&keys.public("theirs")), None), Verdict::Fails);
    let plain = Sealed::plain(sample.statement.clone(), Lang::EN);
    assert_eq!(verdict(&plain, Some(&key), None), Verdict::Fails);
    // Records were given, and it names none to hold them against.
    let nameless = plain.signed(&keys.private("ours"));
    assert_eq!(verdict(&nameless, Some(&key), Some(&records)), Verdict::Unproven);
}

/// The text of one page of what a browser prints.
fn printed(html: &std::path::Path, pdf: &std::path::Path, page: &str) -> String {
    let run = |command: &mut std::process::Command| {
        let output = command.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    if !pdf.exists() {
        let profile = tempfile::tempdir().unwrap();
        run(std::process::Command::new("chromium")
            .args(["--no-sandbox", "--headless", "--disable-gpu", "--no-first-run"])
            .args(["--disable-background-networking", "--disable-component-update"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .args(["--no-pdf-header-footer", &format!("--print-to-pdf={}", pdf.display())])
            .arg(format!("file://{}", html.display())));
    }
    run(std::process::Command::new("pdftotext").args(["-f", page, "-l", page]).arg(pdf).arg("-"))
}

#[test]
#[ignore = "needs chromium and pdftotext on the PATH: run with --ignored"]
fn page_one_prints_on_one_page_in_every_language() {
    let folder = tempfile::tempdir().unwrap();
    let all = samples::all().map(|(name, sample)| (name, sample.statement.clone()));
    for (name, statement) in all.into_iter().chain([("crowded", samples::crowded())]) {
        for lang in Lang::all() {
            let sealed = Sealed::plain(statement.clone(), lang);
            let sheet = sealed.sheet();
            let at = |end: &str| folder.path().join(format!("{name}-{lang}.{end}"));
            std::fs::write(at("html"), statement_html(&sealed)).unwrap();
            let page = |n: &str| printed(&at("html"), &at("pdf"), n);
            let drawn = sheet.foot.split(' ').next().unwrap();
            let (one, two) = (page("1"), page("2"));
            assert!(one.contains(drawn) && !one.contains(&sheet.annex.title), "{name} in {lang}");
            assert!(two.starts_with(&sheet.annex.title), "{name} in {lang}: {two}");
        }
    }
}

fn whole(value: &serde_json::Value) -> bool {
    match value {
        serde_json::Value::Number(n) => !n.is_f64(),
        serde_json::Value::Array(items) => items.iter().all(whole),
        serde_json::Value::Object(map) => map.values().all(whole),
        _ => true,
    }
}

#[test]
fn what_is_signed_is_canonical() {
    let sealed = Sealed::plain(samples::bad().statement.clone(), Lang::EN);
    let payload = sealed.payload();
    assert!(payload.starts_with("{\"format\":\"hearth-statement-3\",\"language\":\"en\","));
    let value: serde_json::Value = serde_json::from_str(&payload).unwrap();
    assert!(whole(&value), "there are no fractions in it");
    assert_eq!(Sealed::open(&payload, None).unwrap(), sealed);
    let spaced = payload.replacen(':', ": ", 1);
    assert!(Sealed::open(&spaced, None).unwrap_err().to_string().contains("canonical"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn any_changed_byte_of_the_file_is_caught(at in any::<prop::sample::Index>(), flip in 1_u8..128) {
        use std::sync::OnceLock;
        static FILE: OnceLock<(String, PublicKey)> = OnceLock::new();
        let (html, key) = FILE.get_or_init(|| {
            let keys = Keys::new();
            (statement_html(&sealed(samples::short(), &keys, Lang::EN)), keys.public("ours"))
        });
        let mut bytes = html.clone().into_bytes();
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        if let Ok(forged) = String::from_utf8(bytes) {
            let caught = checks(&forged, key, None)
                .map_or(true, |checks| checks.iter().any(|c| c.outcome == Outcome::Fails));
            prop_assert!(caught, "byte {at}");
        }
    }
}
