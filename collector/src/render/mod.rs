//! Reports as text for a terminal. Read `table` first, then `figures`, then one file
//! per report.

mod areas;
mod delivered;
pub mod explain;
mod figures;
mod gaps;
mod measured;
mod needs;
mod profile;
mod promises;
mod remedies;
mod simulation;
mod statement;
pub mod table;
mod trials;
mod weekly;

pub use crate::report::{compact_json, json};
pub use areas::areas;
pub(crate) use areas::beyond;
pub use explain::explain;
pub use figures::figure;
pub(crate) use figures::points;
pub use gaps::gaps;
pub use measured::{budget_words, detail_words};
pub use profile::profile;
pub use promises::promises;
pub(crate) use promises::{NOTHING_SOLD, found};
pub use remedies::remedies;
pub use simulation::simulation;
pub use statement::statement;
pub(crate) use trials::doubt;
pub use trials::{cause_words, order_json, outcome, skip_words, test_json, test_outcome};
pub(crate) use weekly::{hour_words, worst_hours};

/// How to render for a terminal.
#[derive(Debug, Clone)]
pub struct Style {
    /// Columns.
    pub width: usize,
    /// Bold headings: only where the output is a terminal.
    pub tty: bool,
    /// The zone of local times.
    pub tz: jiff::tz::TimeZone,
}

impl Style {
    pub(crate) fn heading(&self, text: &str) -> String {
        if self.tty { format!("\x1b[1m{text}\x1b[0m\n") } else { format!("{text}\n") }
    }

    /// A paragraph, wrapped, its further lines indented by as much as its first.
    pub(crate) fn paragraph(&self, first: &str, text: &str) -> String {
        let indent = first.chars().count();
        let lines = table::wrap(text, self.width.saturating_sub(indent).max(20));
        let mut out = String::new();
        for (i, line) in lines.iter().enumerate() {
            let before = if i == 0 { first.to_owned() } else { " ".repeat(indent) };
            out.push_str(format!("{before}{line}").trim_end());
            out.push('\n');
        }
        out
    }
}

/// How many columns there are: what `COLUMNS` says, else the terminal that `of`
/// is; `None` where it is none.
pub(crate) fn columns(of: &impl std::os::fd::AsFd) -> Option<usize> {
    let said = std::env::var("COLUMNS").ok().and_then(|c| c.parse().ok()).filter(|c| *c > 0);
    said.or_else(|| terminal_size::terminal_size_of(of).map(|(width, _)| width.0.into()))
}
