//! Holds the statement's words to a reading age of 12: seven years of school.

use super::tests::texts;
use super::{Lang, Sheet};
use crate::statement::samples;
use crate::statement::seal::Sealed;

/// The grade that no language's statement may be over.
const GRADE: f64 = 7.0;

/// What is counted of a text.
#[derive(Debug, Default)]
struct Text {
    sentences: f64,
    words: f64,
    syllables: f64,
    /// Of three syllables and more.
    long: f64,
    /// Of one syllable.
    short: f64,
    /// Of more than six letters.
    wide: f64,
}

/// Groups of vowels: in English a silent e at the end is none.
fn syllables(word: &str, english: bool) -> usize {
    let vowel = |c: char| "aeiouyäöü".contains(c);
    let letters: Vec<char> = word.to_lowercase().chars().collect();
    let mut groups = 0;
    let mut before = false;
    for c in &letters {
        groups += usize::from(vowel(*c) && !before);
        before = vowel(*c);
    }
    if english && groups > 1 {
        let ends = |end: &str| word.to_lowercase().ends_with(end);
        let consonant_le = ends("le") && !letters.iter().rev().nth(2).is_some_and(|c| vowel(*c));
        let silent = (ends("e") && !consonant_le && !ends("ee"))
            || (ends("es") && !ends("ses") && !ends("ces") && !ends("ges") && !ends("xes"))
            || (ends("ed") && !ends("ted") && !ends("ded"));
        groups -= usize::from(silent);
    }
    groups.max(1)
}

/// Sentences of running text: heads of tables, names and figures are not read as such.
fn sentences(sheet: &Sheet) -> Vec<String> {
    let running = texts(sheet).into_iter().filter(|t| t.split(' ').count() >= 4);
    let mut all = Vec::new();
    for text in running {
        // What stands in quotes is others' words, in brackets a name to look up.
        let mut depth = 0;
        let kept: String = text
            .chars()
            .filter(|c| {
                match c {
                    '(' | '“' | '„' => depth += 1,
                    ')' | '”' => depth -= 1,
                    _ => return depth == 0,
                }
                false
            })
            .collect();
        // Stricter than Flesch, to whom colons and semicolons end sentences too.
        all.extend(kept.split(". ").map(|s| s.trim().trim_end_matches('.').to_owned()));
    }
    all.sort();
    all.dedup();
    all
}

fn counted(sentences: &[String], english: bool) -> Text {
    let mut t = Text::default();
    for sentence in sentences {
        let words: Vec<&str> = sentence
            .split(|c: char| !(c.is_alphabetic() || c == '\'' || c == '-'))
            .filter(|w| w.chars().any(char::is_alphabetic))
            .collect();
        if words.len() < 3 {
            continue;
        }
        t.sentences += 1.0;
        for word in words {
            let n = syllables(word, english);
            t.words += 1.0;
            t.syllables += n as f64;
            t.long += f64::from(u8::from(n >= 3));
            t.short += f64::from(u8::from(n == 1));
            t.wide += f64::from(u8::from(word.chars().count() > 6));
        }
    }
    t
}

/// Kincaid and others (1975): years of school in the United States.
fn flesch_kincaid(t: &Text) -> f64 {
    0.39 * t.words / t.sentences + 11.8 * t.syllables / t.words - 15.59
}

/// Bamberger and Vanecek (1984), the first of the Vienna formulas: years of school.
fn wiener_sachtextformel(t: &Text) -> f64 {
    let percent = |n: f64| 100.0 * n / t.words;
    0.1935 * percent(t.long) + 0.1672 * t.words / t.sentences + 0.1297 * percent(t.wide)
        - 0.0327 * percent(t.short)
        - 0.875
}

#[test]
fn the_formulas_tell_plain_words_from_hard_ones() {
    let of = |text: &str, english| counted(&[text.to_owned()], english);
    assert!(flesch_kincaid(&of("The cat sat on the mat and saw a dog", true)) < 2.0);
    let hard = "Intermittent degradation of the interconnection necessitates comprehensive \
                investigation of infrastructural deficiencies";
    assert!(flesch_kincaid(&of(hard, true)) > 15.0);
    assert!(wiener_sachtextformel(&of("Der Hund sah die Katze an und lief weg", false)) < 2.0);
    let hard = "Die Beeinträchtigung der Netzanbindung erfordert umfangreiche Untersuchungen";
    assert!(wiener_sachtextformel(&of(hard, false)) > 12.0);
}

#[test]
fn a_reader_of_twelve_understands_it() {
    for lang in Lang::all() {
        let mut all = Vec::new();
        for (_, sample) in samples::all() {
            all.extend(sentences(&Sealed::plain(sample.statement.clone(), lang).sheet()));
        }
        all.sort();
        all.dedup();
        assert!(all.len() > 60, "{lang}: {}", all.len());
        let english = lang == Lang::EN;
        let text = counted(&all, english);
        let grade = if english { flesch_kincaid(&text) } else { wiener_sachtextformel(&text) };
        println!("{lang}: grade {grade:.2} over {} sentences", text.sentences);
        let mut hardest: Vec<(f64, &String)> = all
            .iter()
            .map(|s| {
                let t = counted(std::slice::from_ref(s), english);
                (if english { flesch_kincaid(&t) } else { wiener_sachtextformel(&t) }, s)
            })
            .filter(|(grade, _)| grade.is_finite())
            .collect();
        hardest.sort_by(|a, b| b.0.total_cmp(&a.0));
        let shown: Vec<_> = hardest.iter().take(12).collect();
        assert!(grade <= GRADE, "{lang}: grade {grade:.2}, hardest: {shown:#?}");
    }
}
