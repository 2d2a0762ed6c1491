//! What came of the promises made to one household.

use super::Style;
use super::figures::{figure, range};
use crate::promise::{Evidence, Promises, Verdict};
use crate::report::figure::{Figure, Unit};

/// Counts that are better read as such than as a share.
const FEW: u64 = 100;

/// Where there is nothing to hold anything against.
pub(crate) const NOTHING_SOLD: &str = "Nothing is told of what was sold, so there is no promise \
                                       to hold anything against. The command 'hearth-collector \
                                       home set' tells it.";

/// The verdicts as text.
pub fn promises(promises: &Promises, style: &Style) -> String {
    let mut out = style.heading("Promises");
    if promises.verdicts.is_empty() && promises.links_not_heard.is_empty() {
        out += &style.paragraph("", NOTHING_SOLD);
    }
    for verdict in &promises.verdicts {
        out.push('\n');
        out += &one(verdict, style);
    }
    if !promises.verdicts.is_empty() && !promises.links_without_plan.is_empty() {
        let links: Vec<&str> =
            promises.links_without_plan.iter().map(|l| l.label.as_str()).collect();
        out.push('\n');
        out += &style.paragraph("", &format!("No plan is told of: {}.", links.join(", ")));
    }
    if !promises.links_not_heard.is_empty() {
        let links = promises.links_not_heard.join(", ");
        out.push('\n');
        out += &style.paragraph("", &format!("Plans of links that were never heard of: {links}."));
    }
    out
}

fn one(verdict: &Verdict, style: &Style) -> String {
    let direction = verdict.direction.map_or_else(String::new, |d| format!(", {}", d.name()));
    let (link, rule) = (&verdict.link.label, verdict.rule.name());
    let mut out = style.heading(&format!("{link}{direction}: {rule}: {}", verdict.outcome.words()));
    out += &style.paragraph("  ", &verdict.said);
    for e in &verdict.evidence {
        out += &style.paragraph("  - ", &evidence(e));
    }
    for limit in &verdict.limits {
        out += &style.paragraph("  ! ", limit);
    }
    out += &style.paragraph("  ", &format!("({})", verdict.version));
    out
}

fn evidence(e: &Evidence) -> String {
    let asked = e.asked.as_ref().map_or_else(String::new, |a| format!("; asked: {a}"));
    format!("{}: {}{asked}", e.what, found(e))
}

/// What was found, with its count and its range.
pub(crate) fn found(e: &Evidence) -> String {
    let found = match &e.found {
        // Enough of these, and something else is wanting.
        Figure::NotEnoughData(n) if n.have >= n.need => {
            format!("{} {}, where {} are enough", n.have, n.of, n.need)
        }
        Figure::NotEnoughData(n) => format!("{} of the {} {} it takes", n.have, n.need, n.of),
        Figure::Measured(m) if m.unit == Unit::Ratio && m.count <= FEW => {
            format!("{:.0} of {} {}", m.value * m.count as f64, m.count, m.of)
        }
        Figure::Measured(m) => format!("{} ({} {})", figure(&e.found), m.count, m.of),
    };
    let between = match range(&e.found) {
        range if range.is_empty() => range,
        range => format!(", range {range}"),
    };
    found + &between
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_enough_is_not_said_to_be_wanting() {
        let found = |have| {
            let found = Figure::not_enough("x", have, 10, "tests");
            super::found(&Evidence { what: "tests".to_owned(), found, asked: None })
        };
        assert_eq!(found(3), "3 of the 10 tests it takes");
        assert_eq!(found(31), "31 tests, where 10 are enough");
    }
}
