//! `households`: who is known, and when last heard.

use std::fmt::Write;

use clap::Args;
use hearth_proto::UnixMs;

use super::{CliError, DataArgs, print, print_json};
use crate::store::sqlite::SqliteStore;
use crate::store::{HouseholdSummary, Store};

#[derive(Debug, Args)]
pub(super) struct HouseholdsArgs {
    #[command(flatten)]
    data: DataArgs,
    /// As JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &HouseholdsArgs) -> Result<(), CliError> {
    let store = SqliteStore::open_read_only(&args.data.folder()?)?;
    let households = store.households()?;
    if args.json { print_json(&households) } else { print(&table(&households)) }
}

/// One line per household under a heading, columns aligned.
fn table(households: &[HouseholdSummary]) -> String {
    let mut rows =
        vec![["household", "agents", "links", "last seen", "slots", "tests"].map(str::to_owned)];
    for h in households {
        let agents: Vec<_> = h.agents.iter().map(|a| a.agent.as_str()).collect();
        let links: Vec<_> = h
            .agents
            .iter()
            .flat_map(|a| &a.links)
            .map(|l| format!("{} ({})", l.link, l.technology.label()))
            .collect();
        rows.push([
            h.household.to_string(),
            agents.join(", "),
            links.join(", "),
            h.last_seen.map_or_else(|| "never".to_owned(), instant),
            h.slots.to_string(),
            h.tests.to_string(),
        ]);
    }
    let width = |column: usize| rows.iter().map(|r| r[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<_> = (0..5).map(width).collect();
    let mut text = String::new();
    for row in &rows {
        for (cell, width) in row.iter().zip(&widths) {
            // Writing to a string can't fail.
            let _ = write!(text, "{cell:width$}  ");
        }
        text.push_str(&row[5]);
        text.push('\n');
    }
    text
}

/// In UTC, to the second.
pub(super) fn instant(at: UnixMs) -> String {
    jiff::Timestamp::from_millisecond(at.0 - at.0.rem_euclid(1000))
        .map_or_else(|_| at.0.to_string(), |t| t.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_whatever_is_in_them() {
        let of = |name: &str, slots, last_seen| HouseholdSummary {
            household: name.parse().unwrap(),
            agents: Vec::new(),
            last_seen,
            last_slot: None,
            slots,
            tests: 3,
        };
        let text = table(&[
            of("a", 5, None),
            of("a-long-name", 1_000_000, Some(UnixMs(1_764_000_000_123))),
        ]);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 3);
        assert_eq!(lines[0].find("slots"), lines[2].find("1000000"));
        assert_eq!(lines[1].find("never"), lines[2].find("2025-11-24T16:00:00Z"), "{text}");
    }
}
