//! Whether page one fits on A4 when a browser prints it: the heights of what
//! `assets/statement.css` sets, in points, for the wide letters of `DejaVu` Sans. A test
//! prints it with a real browser.

use super::{Row, Section};

/// What an A4 page holds within its margins, less a little for other fonts.
const PAGE: f64 = 762.0;

/// The printed sheet's measures.
pub(super) struct Print {
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
pub(super) const USUAL: Print = Print {
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
pub(super) const DENSE: Print = Print {
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
    pub(super) fn item(&self, text: &str) -> f64 {
        lines(text, self.width[0]) * self.line + self.item
    }

    fn section(&self, section: &Section) -> f64 {
        let items: f64 = section.lines.iter().map(|text| self.item(text)).sum();
        let more = section.more.as_ref().map_or(0.0, |text| self.item(text));
        if items + more > 0.0 { self.heading + items + more } else { 0.0 }
    }

    /// What is left for incidents under their heading, beside a line on those left off.
    pub(super) fn room(
        &self,
        gist: &str,
        rows: &[Row],
        across: &[&Section],
        small: [&Section; 2],
    ) -> f64 {
        let row = |r: &Row| lines(&r.sentence, self.width[1]) * self.row.1 + self.row.0;
        let column = |(s, width): (&Section, f64)| {
            let items = s.lines.iter().map(|t| lines(t, width) * self.pair.0 + self.item);
            self.pair.1 + items.sum::<f64>()
        };
        let small = small.into_iter().zip(self.pair_width).map(column).fold(0.0, f64::max);
        let small = small + self.pair.2;
        // It is bold, and so an eighth wider.
        let gist = lines(gist, self.width[2] / 1.125) * self.gist;
        let across: f64 = across.iter().map(|s| self.section(s)).sum();
        let taken = self.frame + gist + rows.iter().map(row).sum::<f64>() + across + small;
        PAGE - taken - self.heading - self.line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
