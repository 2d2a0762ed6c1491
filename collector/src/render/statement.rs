//! The statement's page one as plain text.

use super::Style;
use crate::statement::words::{Section, Sheet};

/// The statement as text, in the sheet's language.
pub fn statement(sheet: &Sheet, style: &Style) -> String {
    let mut out = style.heading(&sheet.title);
    out += &style.paragraph("", &sheet.of);
    out.push('\n');
    out += &style.paragraph("", &sheet.gist);
    out.push('\n');
    for row in &sheet.rows {
        let text = format!("{}: {}. {}", row.name, row.verdict, row.sentence);
        out += &style.paragraph("- ", &text);
    }
    out.push('\n');
    let time: Vec<String> =
        sheet.time.iter().map(|(what, long)| format!("{what}: {long}")).collect();
    let time = time.join("; ");
    // An abbreviated unit has its own.
    let dot = if time.ends_with('.') { "" } else { "." };
    out += &style.paragraph("", &format!("{time}{dot}"));
    for Section { title, lines, more } in sheet.sections().chain(sheet.small_print()) {
        out.push('\n');
        out += &style.heading(title);
        for line in lines {
            out += &style.paragraph("- ", line);
        }
        if let Some(more) = more {
            out += &style.paragraph("", more);
        }
    }
    out.push('\n');
    out += &style.paragraph("", &sheet.foot);
    out
}
