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
    /// Characters on a line, in a row's sentence, and on a line of the headline.
    width: [usize; 3],
    /// On a line of each of the two columns.
    pair_width: [usize; 2],
    /// All that is always there: the head, the table's, the times, the foot.
    frame: f64,
}

/// As it is.
pub(super) const USUAL: Print = Print {
    line: 12.1,
    item: 1.5,
    heading: 23.8,
    row: (5.2, 11.3),
    gist: 14.7,
    pair: (10.8, 14.8, 15.0),
    width: [96, 56, 80],
    pair_width: [63, 41],
    frame: 155.0,
};

/// In smaller letters, where there is much to say.
pub(super) const DENSE: Print = Print {
    line: 10.0,
    item: 1.0,
    heading: 16.7,
    row: (3.2, 10.0),
    gist: 13.3,
    pair: (8.8, 11.7, 12.0),
    width: [119, 63, 88],
    pair_width: [72, 47],
    frame: 140.0,
};

fn lines(text: &str, width: usize) -> f64 {
    text.chars().count().div_ceil(width).max(1) as f64
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
        let column = |(s, width): (&Section, usize)| {
            let items = s.lines.iter().map(|t| lines(t, width) * self.pair.0 + self.item);
            self.pair.1 + items.sum::<f64>()
        };
        let small = small.into_iter().zip(self.pair_width).map(column).fold(0.0, f64::max);
        let small = small + self.pair.2;
        let gist = lines(gist, self.width[2]) * self.gist;
        let across: f64 = across.iter().map(|s| self.section(s)).sum();
        let taken = self.frame + gist + rows.iter().map(row).sum::<f64>() + across + small;
        PAGE - taken - self.heading - self.line
    }
}
