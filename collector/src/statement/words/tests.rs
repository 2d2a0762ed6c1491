use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::qoe::catalogue::Catalogue;
use crate::statement::samples;
use crate::statement::seal::Sealed;

/// Each message's variables, and its attributes as `message.attribute`.
fn variables(lang: Lang) -> BTreeMap<String, BTreeSet<String>> {
    let mut all: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut id = String::new();
    for line in lang.source().lines() {
        let begins = line.starts_with(|c: char| c.is_ascii_lowercase());
        if let (true, Some((name, _))) = (begins, line.split_once(" =")) {
            name.clone_into(&mut id);
            assert!(all.insert(id.clone(), BTreeSet::new()).is_none(), "{id} twice in {lang}");
        } else if let Some((name, _)) =
            line.trim_start().strip_prefix('.').and_then(|l| l.split_once(" ="))
        {
            all.insert(format!("{id}.{name}"), BTreeSet::new());
        }
        if line.starts_with('#') {
            continue;
        }
        for part in line.split('$').skip(1) {
            let name = part.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap();
            all.get_mut(&id).unwrap().insert(name.to_owned());
        }
    }
    all
}

#[test]
fn every_language_has_every_message_with_the_same_variables() {
    let english = variables(Lang::EN);
    assert!(english.len() > 150, "{}", english.len());
    for lang in Lang::all() {
        let own = variables(lang);
        let keys = |of: &BTreeMap<String, _>| of.keys().cloned().collect::<BTreeSet<_>>();
        assert_eq!(keys(&own), keys(&english), "{lang}");
        for (id, names) in &own {
            assert_eq!(names, &english[id], "{id} in {lang}");
        }
    }
}

#[test]
fn every_message_in_the_files_is_used_and_every_one_used_is_there() {
    // Where a name is put together, its beginning stands for it.
    let code = [
        include_str!("mod.rs"),
        include_str!("annex.rs"),
        include_str!("gist.rs"),
        include_str!("help.rs"),
        include_str!("incidents.rs"),
        include_str!("method.rs"),
        include_str!("numbers.rs"),
    ]
    .concat();
    let made = [
        "activity-",
        "technology-",
        "level-",
        "month-",
        "head-",
        "word-",
        "worked-",
        "sold-",
        "promised-",
        "gist-",
        "help-",
    ];
    for id in variables(Lang::EN).keys().filter(|id| !id.contains('.')) {
        let used = code.contains(&format!("\"{id}\"")) || made.iter().any(|m| id.starts_with(m));
        assert!(used, "{id} is never said");
    }
}

#[test]
fn every_activity_of_the_catalogue_and_every_technology_has_its_words() {
    for lang in Lang::all() {
        for a in &Catalogue::built_in().activities {
            assert!(lang.messages().has(&format!("activity-{}", a.id)), "{} in {lang}", a.id);
        }
        for t in hearth_proto::Technology::ALL {
            assert!(lang.messages().has(&format!("technology-{t}")), "{t} in {lang}");
        }
    }
}

#[test]
fn what_only_an_operator_s_catalogue_knows_has_its_own_name() {
    let mut s = samples::short().statement.clone();
    s.verdicts[0].id = "milking".to_owned();
    s.verdicts[0].name = "Melkroboter".to_owned();
    for lang in Lang::all() {
        assert_eq!(Sealed::plain(s.clone(), lang).sheet().rows[0].name, "Melkroboter");
    }
}

/// Everything that a reader sees.
pub(super) fn texts(sheet: &Sheet) -> Vec<String> {
    let mut all = vec![
        sheet.title.clone(),
        sheet.of.clone(),
        sheet.gist.clone(),
        sheet.caption.clone(),
        sheet.foot.clone(),
        sheet.proof.clone(),
        sheet.annex.title.clone(),
    ];
    all.extend(sheet.columns.clone());
    for row in &sheet.rows {
        all.extend([row.name.clone(), row.verdict.clone(), row.sentence.clone()]);
    }
    all.extend(sheet.time.iter().flat_map(|(what, long)| [what.clone(), long.clone()]));
    for s in sheet.sections().chain(sheet.small_print()) {
        all.push(s.title.clone());
        all.extend(s.lines.iter().chain(&s.more).cloned());
    }
    for b in &sheet.annex.blocks {
        match b {
            Block::Heading { text } | Block::Paragraph { text } => all.push(text.clone()),
            Block::List { items } => all.extend(items.clone()),
            Block::Table { caption, head, rows } => {
                all.push(caption.clone());
                all.extend(head.iter().chain(rows.iter().flatten()).cloned());
            }
        }
    }
    all
}

/// The words that a language's messages are made of.
fn vocabulary(lang: Lang) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for line in lang.source().lines().filter(|l| !l.starts_with('#')) {
        let text = line.trim_start();
        let named = text.split_once(" = ").filter(|(id, _)| !id.contains(' ')).map(|(_, t)| t);
        let text = named.or(text.split_once(']').map(|(_, t)| t)).unwrap_or(text);
        // What stands in braces is a variable's name.
        let parts = text.split('{').enumerate();
        let said =
            parts.map(
                |(i, p)| {
                    if i == 0 { p } else { p.split_once('}').map_or("", |(_, after)| after) }
                },
            );
        all.extend(said.flat_map(words));
    }
    all
}

fn words(text: &str) -> Vec<String> {
    let all = text.split(|c: char| !c.is_alphanumeric());
    all.filter(|w| w.chars().all(char::is_alphabetic) && w.chars().count() > 1)
        .map(str::to_lowercase)
        .collect()
}

#[test]
fn no_english_is_left_in_a_german_statement() {
    let de: Lang = "de".parse().unwrap();
    let english: BTreeSet<String> =
        vocabulary(Lang::EN).difference(&vocabulary(de)).cloned().collect();
    assert!(english.len() > 300, "{}", english.len());
    for word in ["the", "of", "and", "with", "over", "link", "fibre", "home"] {
        assert!(english.contains(word), "{word}");
    }
    for (name, sample) in samples::all() {
        let sheet = Sealed::plain(sample.statement.clone(), de).sheet();
        for text in texts(&sheet) {
            let left: Vec<String> =
                words(&text).into_iter().filter(|word| english.contains(word)).collect();
            assert!(left.is_empty(), "{name}: {left:?} in {text:?}");
        }
        let english = Sealed::plain(sample.statement.clone(), Lang::EN).sheet();
        assert_eq!(texts(&sheet).len(), texts(&english).len(), "{name}");
        // No sentence is the same in both.
        let same: Vec<String> = texts(&sheet)
            .into_iter()
            .zip(texts(&english))
            .filter(|(a, b)| {
                a == b && a.split(' ').filter(|w| w.chars().all(char::is_alphabetic)).count() > 2
            })
            .map(|(a, _)| a)
            .collect();
        assert_eq!(same, Vec::<String>::new(), "{name}");
    }
}

#[test]
fn every_language_shows_the_same_incidents_and_figures() {
    // How often each digit is said, however the language sets its words and points.
    let figures = |text: &String| {
        let mut digits: Vec<char> = text.chars().filter(char::is_ascii_digit).collect();
        digits.sort_unstable();
        digits
    };
    let all = samples::all().map(|(name, sample)| (name, sample.statement.clone()));
    for (name, statement) in all.into_iter().chain([("crowded", samples::crowded())]) {
        let of = |lang| Sealed::plain(statement.clone(), lang).sheet();
        let english = of(Lang::EN);
        for lang in Lang::all() {
            let said = texts(&of(lang));
            assert_eq!(said.len(), texts(&english).len(), "{name} in {lang}");
            for (text, english) in said.iter().zip(&texts(&english)) {
                assert_eq!(figures(text), figures(english), "{name}: {text:?}, {english:?}");
                // An abbreviation's stop is the sentence's too.
                assert!(!text.contains(".."), "{name} in {lang}: {text:?}");
            }
        }
    }
    let crowded = Sealed::plain(samples::crowded(), Lang::EN).sheet();
    assert!(crowded.wrong.lines.len() >= 2 && crowded.wrong.more.is_some(), "{crowded:?}");
}

#[test]
fn numbers_and_dates_are_written_as_each_language_writes_them() {
    let s = samples::bad().statement.clone();
    let say = |lang: &str| {
        let lang: Lang = lang.parse().unwrap();
        let w = Words { s: &s, m: lang.messages(), zone: TimeZone::UTC };
        [
            w.count(1_234_567),
            w.percent(1_000_000),
            w.percent(999_999),
            w.percent(98_240),
            w.loss(1),
            w.ms(20_050),
            w.rate(7_250_000),
            w.rate(237_500_000),
            w.instant(crate::scripted::START),
            w.whole_length(90_061_000),
            w.length(60_000),
        ]
    };
    assert_eq!(
        say("en"),
        [
            "1,234,567",
            "100 %",
            "99.99 %",
            "9.8 %",
            "0.01 %",
            "20.1",
            "7.2 Mbit/s",
            "237.5 Mbit/s",
            "24 November 2026, 00:00",
            "1 day 1 h 1 min 1 s",
            "1 min",
        ]
    );
    assert_eq!(
        say("de"),
        [
            "1.234.567",
            "100 %",
            "99,99 %",
            "9,8 %",
            "0,01 %",
            "20,1",
            "7,2 Mbit/s",
            "237,5 Mbit/s",
            "24. November 2026, 00:00 Uhr",
            "1 Tag 1 Std. 1 Min. 1 Sek.",
            "1 Min.",
        ]
    );
}

#[test]
fn a_language_that_there_is_no_file_for_is_refused_with_those_there_are() {
    assert_eq!(
        "fr".parse::<Lang>().unwrap_err().to_string(),
        "language \"fr\" is not accepted: en or de"
    );
}

#[test]
fn a_bad_week_says_when_for_how_long_and_where() {
    let sheet = Sealed::plain(samples::bad().statement.clone(), Lang::EN).sheet();
    let all = sheet.wrong.lines.join("\n");
    for part in [
        "27 November, 19:00: Your home was cut off for 4 h, with all links out.",
        "It lay in your provider's network or beyond.",
        "was too poor for",
    ] {
        assert!(all.contains(part), "{part}: {all}");
    }
    let annex = texts(&sheet).join("\n");
    assert!(annex.contains("no far point answered"), "{annex}");
    assert!(annex.contains("“xyz 4711” (entered by noc-7)"), "{annex}");
    assert!(annex.contains("1,234 sums were lost"), "{annex}");
}

#[test]
fn links_of_one_name_are_told_apart_by_their_agents_in_each_language() {
    let of = |lang: &str| {
        let sheet = Sealed::plain(samples::twins().statement.clone(), lang.parse().unwrap());
        texts(&sheet.sheet()).join("\n")
    };
    let (english, german) = (of("en"), of("de"));
    for part in [
        // Each fact names the link that it is of, the time left out both.
        "Fibre eth0 of zq-a: ",
        "4G eth0 of zq-b: ",
        "the reflector over 4G eth0 of zq-b answered",
        "4G eth0 of zq-b was not measured",
        "Fibre eth0 of zq-a and 4G eth0 of zq-b: “xyz 4712”",
        "Not measured on 4G eth0 of zq-b",
        "Fibre eth0 of zq-a (Xyz 100), download",
        "4G eth0 of zq-b (Xyz 100), download",
    ] {
        assert!(english.contains(part), "{part}: {english}");
    }
    for part in [
        "Glasfaser eth0 von zq-a: ",
        "der Reflektor über 4G eth0 von zq-b gab Antwort",
        "4G eth0 von zq-b wurde nicht gemessen",
        "Glasfaser eth0 von zq-a und 4G eth0 von zq-b: „xyz 4712“",
        "Nicht gemessen auf 4G eth0 von zq-b",
    ] {
        assert!(german.contains(part), "{part}: {german}");
    }
}

#[test]
fn what_was_sold_stands_beside_what_was_measured() {
    let sheet = Sealed::plain(samples::good().statement.clone(), Lang::EN).sheet();
    let lines = sheet.promised.lines.join("\n");
    assert!(
        lines.contains(
            "Fibre eth0 (Xyz 100), download: sold as up to 100 Mbit/s. We ran too few tests to \
             compare (0)."
        ),
        "{lines}"
    );
    assert!(lines.contains("answer time: sold as at most 30 ms. We measured 21"), "{lines}");
    let none = Sealed::plain(samples::short().statement.clone(), Lang::EN).sheet();
    assert!(none.promised.lines.is_empty());
}

#[test]
fn what_would_help_is_said_with_its_figures_and_nothing_on_too_little() {
    let help = |sample: &samples::Sample| {
        Sealed::plain(sample.statement.clone(), Lang::EN).sheet().help.lines
    };
    let helped = help(samples::helped());
    assert!(helped.len() <= 2, "{helped:?}");
    assert!(
        helped[0].contains("would have worked 100 % of the time")
            && helped[0].contains("h more, on 4 days"),
        "{helped:?}"
    );
    assert_eq!(
        help(samples::good()),
        ["Nothing needs doing: on Fibre eth0, each use worked at least 99 % of the time that we \
          measured."]
    );
    for little in [samples::almost_empty(), samples::short(), samples::silent()] {
        assert_eq!(help(little), ["What we measured does not tell what would help."]);
    }
    // A backup that worked is never said to be untested, only because its data are few.
    let few = Sealed::plain(samples::few_data().statement.clone(), Lang::EN).sheet();
    let few = texts(&few).join("\n");
    assert!(
        few.contains(
            "A mobile link to step in: we cannot say. A mobile link worked while the main one \
             failed, but its plan has too little data for that."
        ),
        "{few}"
    );
    // The annex has every remedy with its verdict, and what each would have gained.
    let annex = texts(&Sealed::plain(samples::helped().statement.clone(), Lang::EN).sheet());
    let annex = annex.join("\n");
    for part in [
        "A mobile link to step in: would help.",
        "A repair of the line: would help.",
        "A plan with more upload: ",
        "What counts is what you told us that you do: video calls and card payments.",
    ] {
        assert!(annex.contains(part), "{part}: {annex}");
    }
}
