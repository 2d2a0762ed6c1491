//! Whether page one fits on A4 when a browser prints it: the heights of what
//! `assets/statement.css` sets, in points, for the wide letters of `DejaVu` Sans. A test
//! prints it with a real browser.
//!
//! How many incidents it shows is decided for all languages together, by the one in which
//! they are the longest: statements of one month are alike in all of them.

use super::{PageOne, Row, Section};

/// Incidents that are shown in smaller letters at the most, and in any at the least.
const DENSE_INCIDENTS: usize = 5;
const LEAST_INCIDENTS: usize = 2;

/// What an A4 page holds within its margins, less a little for other fonts.
const PAGE: f64 = 762.0;

/// The printed sheet's measures.
struct Print {
    /// A line of text.
    line: f64,
    /// What a list's item has under it.
    item: f64,
    /// A section's heading with what is above and under it.
    heading: f64,
    /// A row of the table beside its lines, and each of these.
    row: (f64, f64),
    /// A line of the headline.
    gist: f64,
    /// A line of the two columns, their heading, and what is above them.
    pair: (f64, f64, f64),
    /// How wide a line, a row's sentence and a line of the headline are, each in its
    /// letters' size.
    width: [f64; 3],
    /// The same of each of the two columns.
    pair_width: [f64; 2],
    /// All that is always there: the head, the table's, the times, the foot.
    frame: f64,
}

/// As it is.
const USUAL: Print = Print {
    line: 11.7,
    item: 1.0,
    heading: 20.9,
    row: (4.2, 11.3),
    gist: 14.7,
    pair: (10.4, 13.9, 7.0),
    width: [55.2, 30.6, 48.6],
    pair_width: [34.8, 22.6],
    frame: 150.0,
};

/// In smaller letters, where there is much to say.
const DENSE: Print = Print {
    line: 10.0,
    item: 1.0,
    heading: 16.7,
    row: (3.2, 10.0),
    gist: 13.3,
    pair: (8.8, 11.7, 12.0),
    width: [62.1, 34.4, 53.7],
    pair_width: [39.7, 25.9],
    frame: 140.0,
};

/// How wide a letter of `DejaVu` Sans is, in its size, by kinds.
fn advance(letter: char) -> f64 {
    match letter {
        'i' | 'j' | 'l' | 'I' | '\'' => 0.28,
        ' ' | '.' | ',' | ':' | ';' | '/' => 0.32,
        'f' | 't' | 'r' | '-' | '(' | ')' => 0.39,
        'm' | 'w' | 'M' | 'W' | '%' => 0.94,
        'c' | 's' | 'z' | 'k' | 'v' | 'x' | 'y' => 0.54,
        c if c.is_uppercase() => 0.68,
        _ => 0.62,
    }
}

/// How many lines a text takes that are so wide.
fn lines(text: &str, width: f64) -> f64 {
    let (mut lines, mut used) = (1.0, 0.0);
    for word in text.split(' ') {
        let word: f64 = word.chars().map(advance).sum();
        if used > 0.0 && used + word > width {
            lines += 1.0;
            used = 0.0;
        }
        used += word + advance(' ');
    }
    lines
}

impl Print {
    /// The height of a list's item.
    fn item(&self, text: &str) -> f64 {
        lines(text, self.width[0]) * self.line + self.item
    }

    fn section(&self, section: &Section) -> f64 {
        let items: f64 = section.lines.iter().map(|text| self.item(text)).sum();
        let more = section.more.as_ref().map_or(0.0, |text| self.item(text));
        if items + more > 0.0 { self.heading + items + more } else { 0.0 }
    }

    /// What is left for incidents under their heading, beside a line on those left off.
    fn room(&self, page: &PageOne) -> f64 {
        let row = |r: &Row| lines(&r.sentence, self.width[1]) * self.row.1 + self.row.0;
        let column = |(s, width): (&Section, f64)| {
            let items = s.lines.iter().map(|t| lines(t, width) * self.pair.0 + self.item);
            self.pair.1 + items.sum::<f64>()
        };
        let small = [&page.measured, &page.not_shown].into_iter().zip(self.pair_width);
        let small = small.map(column).fold(0.0, f64::max) + self.pair.2;
        // It is bold, and so an eighth wider.
        let gist = lines(&page.gist, self.width[2] / 1.125) * self.gist;
        let across = [&page.promised, &page.help, &page.left_out];
        let across: f64 = across.into_iter().map(|s| self.section(s)).sum();
        let rows: f64 = page.rows.iter().map(row).sum();
        PAGE - self.frame - gist - rows - across - small - self.heading - self.line
    }

    /// How many of the incidents there is room for; `None` where there is too little for
    /// all else.
    fn fit(&self, page: &PageOne) -> Option<usize> {
        let mut left = self.room(page);
        (left >= 0.0).then(|| {
            let fits = page.incidents.iter().take_while(|line| {
                left -= self.item(line);
                left >= 0.0
            });
            fits.count()
        })
    }
}

/// How many incidents fit on page one in a language: in the usual letters, in smaller ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fit {
    usual: Option<usize>,
    dense: Option<usize>,
}

impl Fit {
    pub(super) fn of(page: &PageOne) -> Self {
        Self { usual: USUAL.fit(page), dense: DENSE.fit(page) }
    }

    /// Whether it takes smaller letters to show so many.
    pub(super) fn takes_smaller_letters(self, shown: usize) -> bool {
        self.usual < Some(shown)
    }
}

/// How many of `all` incidents are shown in every language: as many as fit in the usual
/// letters of each; where these are not even [`LEAST_INCIDENTS`], in smaller ones.
pub(super) fn shown(languages: impl Iterator<Item = Fit>, all: usize) -> usize {
    let none = Fit { usual: Some(all), dense: Some(all.min(DENSE_INCIDENTS)) };
    let tightest = languages
        .fold(none, |a, b| Fit { usual: a.usual.min(b.usual), dense: a.dense.min(b.dense) });
    let least = all.min(LEAST_INCIDENTS);
    match tightest.usual {
        Some(fit) if fit >= least => fit,
        _ => tightest.dense.unwrap_or(0).max(least),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fit(usual: usize, dense: usize) -> Fit {
        Fit { usual: Some(usual), dense: Some(dense) }
    }

    #[test]
    fn the_language_with_the_least_room_decides_for_all() {
        let full = Fit { usual: None, dense: None };
        for (fits, all, expected) in [
            ([fit(4, 6), fit(3, 6)], 9, 3),
            // Each keeps to the usual letters that can.
            ([fit(3, 7), fit(1, 4)], 9, 4),
            ([fit(9, 9), fit(0, 9)], 9, DENSE_INCIDENTS),
            // Two are shown even where they do not fit, if there are so many.
            ([fit(3, 4), fit(0, 1)], 9, LEAST_INCIDENTS),
            ([fit(1, 1), full], 1, 1),
            ([fit(0, 0), full], 0, 0),
        ] {
            assert_eq!(shown(fits.into_iter(), all), expected, "{fits:?}");
        }
        let smaller = |fit: Fit, n| fit.takes_smaller_letters(n);
        assert_eq!([smaller(fit(3, 7), 3), smaller(fit(3, 7), 4)], [false, true]);
        assert_eq!([smaller(full, 0), smaller(fit(0, 0), 0)], [true, false]);
    }

    #[test]
    fn a_text_takes_as_many_lines_as_a_browser_gave_it() {
        // Printed by Chromium in DejaVu Sans.
        for (text, width, expected) in [
            ("Unter 1 Std. an Tests oder unter 10 % der Zeit geben wir kein Urteil.", 34.8, 1.0),
            ("Glasfaser fibre0: 168.937 Tests, 1 je Sekunde (STAMP, RFC 8762, IPv4).", 34.8, 2.0),
            ("5G (NSA) wwan0: 168.937 Tests, 1 je Sekunde (STAMP, RFC 8762, IPv4).", 34.8, 2.0),
            (
                "Für 29 Tage 1 Std. 3 Min. gibt es keine Daten. Diese Zeit gilt weder als gut \
                 noch als schlecht: Das Gerät, das misst, war vielleicht aus.",
                22.6,
                4.0,
            ),
        ] {
            assert!((lines(text, width) - expected).abs() < 0.1, "{text}: {}", lines(text, width));
        }
    }
}
