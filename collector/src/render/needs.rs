//! What a home says that it does, and whether it gets it, as a table.

use super::Style;
use super::figures::{range, short};
use super::table::{Align, Table};
use crate::profile::Needs;

/// Nothing where the home declared nothing.
pub(super) fn needs(needs: &Needs, style: &Style) -> String {
    if needs.needs.is_empty() && needs.unknown.is_empty() {
        return String::new();
    }
    let mut out = String::from("\n");
    out += &style.heading("What this home says that it does (hours weighed by when it matters)");
    let mut table = Table::new(&[
        ("activity", Align::Left),
        ("worked", Align::Right),
        ("range", Align::Left),
        ("need", Align::Left),
        ("why", Align::Left),
    ]);
    for need in &needs.needs {
        table.row([
            need.activity.name.clone(),
            short(&need.when_it_matters),
            range(&need.when_it_matters),
            need.verdict.words().to_owned(),
            need.why.join("; "),
        ]);
    }
    if !table.is_empty() {
        out += &table.render(style.width);
    }
    if !needs.unknown.is_empty() {
        let text = format!("declared, but not in the catalogue: {}", needs.unknown.join(", "));
        out += &style.paragraph("", &text);
    }
    out
}
