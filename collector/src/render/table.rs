//! Aligned tables for a terminal of a given width.

use std::fmt::Write;

/// Where a column's text stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// At the left: words.
    Left,
    /// At the right: numbers.
    Right,
}

/// Rows under a heading.
#[derive(Debug, Clone)]
pub struct Table {
    head: Vec<(String, Align)>,
    rows: Vec<Vec<String>>,
}

const GAP: &str = "  ";

/// The narrowest that a column is cut to.
const NARROWEST: usize = 6;

impl Table {
    /// With these columns.
    pub fn new(columns: &[(&str, Align)]) -> Self {
        let head = columns.iter().map(|(name, align)| ((*name).to_owned(), *align)).collect();
        Self { head, rows: Vec::new() }
    }

    /// Adds a row; cells beyond the columns are left off, missing ones are empty.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        let mut cells: Vec<String> = cells.into_iter().collect();
        cells.resize(self.head.len(), String::new());
        self.rows.push(cells);
    }

    /// Whether it has no rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Column widths within `width`: the widest left-aligned columns give way
    /// first, numbers last.
    fn widths(&self, width: usize) -> Vec<usize> {
        let mut widths: Vec<usize> = (0..self.head.len())
            .map(|c| {
                let cells = self.rows.iter().map(|r| &r[c]);
                cells.chain([&self.head[c].0]).map(|t| t.chars().count()).max().unwrap_or(0)
            })
            .collect();
        let gaps = GAP.len() * widths.len().saturating_sub(1);
        loop {
            let total = widths.iter().sum::<usize>() + gaps;
            let over = total.saturating_sub(width);
            let widest = (0..widths.len())
                .filter(|c| self.head[*c].1 == Align::Left && widths[*c] > NARROWEST)
                .max_by_key(|c| widths[*c]);
            let Some(widest) = widest.filter(|_| over > 0) else { return widths };
            widths[widest] -= 1;
        }
    }

    /// Whether the columns are still columns: no number beyond the edge, and no
    /// word cut to less than two thirds.
    fn fits(&self, widths: &[usize], width: usize) -> bool {
        let natural = self.widths(usize::MAX);
        let total = widths.iter().sum::<usize>() + GAP.len() * widths.len().saturating_sub(1);
        total <= width && widths.iter().zip(natural).all(|(w, whole)| *w * 3 >= whole.min(18) * 2)
    }

    /// A paragraph a row, for where columns have no room: the first cell, then
    /// the others under their names.
    fn paragraphs(&self, width: usize) -> String {
        let mut out = String::new();
        for row in &self.rows {
            let mut cells = row.iter().zip(&self.head).filter(|(cell, _)| !cell.is_empty());
            let first = cells.next().map_or("", |(cell, _)| cell.as_str());
            let rest: Vec<_> = cells.map(|(cell, (name, _))| format!("{name} {cell}")).collect();
            for (i, line) in wrap(&format!("{first}: {}", rest.join("; ")), width.saturating_sub(2))
                .iter()
                .enumerate()
            {
                let _infallible = writeln!(out, "{}{line}", if i == 0 { "" } else { "  " });
            }
        }
        out
    }

    /// As text, each line at most `width` wide. Text that is too long for its
    /// column goes on in the next line; where there is no room for columns, each
    /// row is a paragraph.
    pub fn render(&self, width: usize) -> String {
        let widths = self.widths(width);
        if !self.fits(&widths, width) {
            return self.paragraphs(width);
        }
        let mut out = String::new();
        let head: Vec<String> = self.head.iter().map(|h| h.0.clone()).collect();
        self.line(&mut out, &head, &widths);
        let rule: Vec<String> = widths.iter().map(|w| "-".repeat(*w)).collect();
        self.line(&mut out, &rule, &widths);
        for row in &self.rows {
            self.line(&mut out, row, &widths);
        }
        out
    }

    fn line(&self, out: &mut String, cells: &[String], widths: &[usize]) {
        let wrapped: Vec<Vec<String>> =
            cells.iter().zip(widths).map(|(c, w)| wrap(c, *w)).collect();
        let lines = wrapped.iter().map(Vec::len).max().unwrap_or(0);
        for i in 0..lines {
            let mut line = String::new();
            for (c, (cell, width)) in wrapped.iter().zip(widths).enumerate() {
                let text = cell.get(i).map_or("", String::as_str);
                if c > 0 {
                    line.push_str(GAP);
                }
                let _infallible = match self.head[c].1 {
                    Align::Left => write!(line, "{text:<width$}"),
                    Align::Right => write!(line, "{text:>width$}"),
                };
            }
            out.push_str(line.trim_end());
            out.push('\n');
        }
    }
}

/// Words, a number and its unit being one where they fit in a line.
fn words(text: &str, width: usize) -> Vec<String> {
    let is_number = |word: &str| {
        word.starts_with(|c: char| c.is_ascii_digit())
            && word.ends_with(|c: char| c.is_ascii_digit())
    };
    let mut words: Vec<String> = Vec::new();
    let mut number = false;
    for word in text.split_whitespace() {
        match words.last_mut() {
            Some(last)
                if number && last.chars().count() + 1 + word.chars().count() <= width.min(16) =>
            {
                last.push(' ');
                last.push_str(word);
                number = false;
            }
            _ => {
                number = is_number(word);
                words.push(word.to_owned());
            }
        }
    }
    words
}

/// Breaks at spaces, though not between a number and its unit, and within a word
/// that is longer than a line.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let width = width.max(1);
    let mut lines = vec![String::new()];
    let mut used = 0;
    for word in words(text, width) {
        let mut rest: Vec<char> = word.chars().collect();
        if used > 0 && used + 1 + rest.len() <= width {
            lines.last_mut().expect("never empty").push(' ');
            used += 1;
        } else if used > 0 {
            lines.push(String::new());
            used = 0;
        }
        while !rest.is_empty() {
            if used == width {
                lines.push(String::new());
                used = 0;
            }
            let n = rest.len().min(width - used);
            lines.last_mut().expect("never empty").extend(rest.drain(..n));
            used += n;
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn table() -> Table {
        let mut t = Table::new(&[("activity", Align::Left), ("share", Align::Right)]);
        t.row(["Video call".into(), "99.5 %".into()]);
        t.row(["Film in 4K on a rainy Sunday evening".into(), "8 %".into()]);
        t
    }

    #[test]
    fn numbers_stand_right_and_words_left() {
        let text = table().render(80);
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[2].starts_with("Video call ") && lines[2].ends_with("99.5 %"));
        assert!(lines[3].ends_with("   8 %"));
        assert_eq!(lines[0].len(), lines[3].len());
    }

    #[test]
    fn long_words_go_on_in_the_next_line() {
        let text = table().render(32);
        assert!(text.lines().all(|l| l.chars().count() <= 32), "{text}");
        assert!(text.contains("rainy"));
    }

    #[test]
    fn without_room_for_columns_a_row_is_a_paragraph() {
        let text = table().render(16);
        assert!(text.lines().all(|l| l.chars().count() <= 16), "{text}");
        assert!(text.starts_with("Video call:\n  share 99.5 %\n"), "{text}");
    }

    #[test]
    fn a_number_keeps_its_unit() {
        assert_eq!(wrap("excluded 10 s", 12), ["excluded", "10 s"]);
    }

    proptest! {
        #[test]
        fn wrapping_keeps_every_letter_within_the_width(text in "[a-zä ]{0,60}", width in 1_usize..20) {
            let lines = wrap(&text, width);
            prop_assert!(lines.iter().all(|l| l.chars().count() <= width));
            let kept: String = lines.concat().split_whitespace().collect();
            prop_assert_eq!(kept, text.split_whitespace().collect::<String>());
        }
    }
}
