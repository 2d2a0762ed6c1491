//! What would help, as text.

use super::Style;
use super::figures::{range, short};
use super::table::{Align, Table};
use crate::remedies::{Remedies, Remedy};
use crate::report::wording::capital;

/// What would help a home, and what would not.
pub fn remedies(remedies: &Remedies, style: &Style) -> String {
    let mut out = String::from("\n");
    let link = remedies.link.as_ref().map_or("this home", |l| l.label.as_str());
    out += &style.heading(&format!("What would help on {link}"));
    for remedy in &remedies.remedies {
        let why = remedy.why.join(". ");
        let text =
            format!("{}: {}. {}", remedy.kind.words(), remedy.verdict.words(), capital(&why));
        out += &style.paragraph("- ", &dot(&text));
    }
    let gaining = remedies.recommended();
    if gaining.iter().any(|r| !r.gains.is_empty()) {
        out.push('\n');
        out += &style.heading("With each of them alone (share of the time measured on this link)");
        let mut table = Table::new(&[
            ("remedy", Align::Left),
            ("activity", Align::Left),
            ("now", Align::Right),
            ("with it", Align::Right),
            ("between", Align::Left),
            ("days helped", Align::Right),
        ]);
        for remedy in gaining {
            rows(&mut table, remedy);
        }
        out += &table.render(style.width);
    }
    if !remedies.declared {
        let text = "The home declared no activities, so all of the catalogue decide.";
        out += &style.paragraph("", text);
    }
    out
}

fn rows(table: &mut Table, remedy: &Remedy) {
    for gain in remedy.gains.iter().filter(|g| g.gained_ms > 0) {
        table.row([
            remedy.kind.words().to_owned(),
            gain.activity.name.clone(),
            short(&gain.now),
            short(&gain.with),
            range(&gain.with),
            gain.days.to_string(),
        ]);
    }
}

fn dot(text: &str) -> String {
    if text.ends_with('.') { text.to_owned() } else { format!("{text}.") }
}
