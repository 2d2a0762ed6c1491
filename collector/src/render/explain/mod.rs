//! A home at one instant, explained, as text. Read `words` first, then `sheet`:
//! what a page of the console shows is made of the same.

mod sheet;
#[cfg(test)]
mod tests;
mod words;

use super::Style;
use super::table::{Align, Table};
use crate::console::look::Look as _;
use crate::explain::HomeAt;
use crate::ledger::{Explanation, State};

pub use sheet::{Grid, Sheet, sheet};
pub use words::{anywhere, lead, reason, when};

/// As text: everything that decided where `in_full`, else a line for each activity
/// and link.
pub fn explain(home: &HomeAt, in_full: bool, style: &Style) -> String {
    let mut out = style.heading(&format!("{}, {}", home.household, when(home.slot, &style.tz)));
    out += &style.paragraph("", &lead(home, &style.tz));
    let excluded = |e: &Explanation| e.state == State::Excluded;
    if !home.measured && !home.activities.iter().flat_map(|a| &a.links).any(excluded) {
        // The same line for each activity and link would say no more.
        return out;
    }
    out.push('\n');
    if !in_full {
        let mut table = Table::new(&[
            ("activity", Align::Left),
            ("where", Align::Left),
            ("state", Align::Left),
            ("why", Align::Left),
        ]);
        for one in &home.activities {
            table.row([
                one.activity.name.clone(),
                "anywhere".to_owned(),
                one.anywhere.state.word().to_owned(),
                anywhere(&one.anywhere),
            ]);
            for link in &one.links {
                table.row([
                    String::new(),
                    link.link.label.clone(),
                    link.state.word().to_owned(),
                    reason(link),
                ]);
            }
        }
        return out + &table.render(style.width);
    }
    for one in &home.activities {
        out += &style.heading(&one.activity.name);
        let said = format!("{}: {}", one.anywhere.state.word(), anywhere(&one.anywhere));
        out += &style.paragraph("  anywhere  ", &said);
        for link in &one.links {
            out.push('\n');
            out += &text(&sheet(link, &style.tz), style);
        }
    }
    out
}

fn text(sheet: &Sheet, style: &Style) -> String {
    let mut out = style.heading(&format!("{}: {}", sheet.link, sheet.state.word()));
    let longest = sheet.facts.iter().map(|f| f.0.chars().count()).max().unwrap_or(0);
    for (what, said) in &sheet.facts {
        out += &style.paragraph(&format!("  {what:<longest$}  "), said);
    }
    for grid in &sheet.grids {
        out.push('\n');
        out += &style.paragraph("", &format!("{}. {}", grid.title, grid.note));
        let columns: Vec<(&str, Align)> = grid
            .columns
            .iter()
            .map(|(name, number)| (*name, if *number { Align::Right } else { Align::Left }))
            .collect();
        let mut table = Table::new(&columns);
        grid.rows.iter().for_each(|row| table.row(row.iter().cloned()));
        out += &table.render(style.width);
    }
    out
}
