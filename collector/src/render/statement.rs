//! The statement as plain text.

use super::Style;
use crate::report::days::{to_the_minute, whole_length};
use crate::statement::Statement;

/// The statement as text.
pub fn statement(s: &Statement, style: &Style) -> String {
    let mut out = style.heading(&format!("Statement for household {}", s.household));
    out += &style.paragraph("", &format!("{} ({})", s.period, s.time_zone));
    out.push('\n');
    out += &style.paragraph("", &s.headline);
    out.push('\n');
    for v in &s.verdicts {
        out += &style.paragraph("- ", &v.sentence);
    }
    out.push('\n');
    let time = format!(
        "Measured {}; not measured {}; left out {}.",
        whole_length(s.time.measured_ms),
        whole_length(s.time.unknown_ms),
        whole_length(s.time.excluded_ms)
    );
    out += &style.paragraph("", &time);
    out.push('\n');
    out += &style.heading("What went wrong");
    if s.incidents.is_empty() {
        out += if s.time.measured_ms == 0 {
            "Nothing beyond the home was measured, so nobody can say what worked.\n"
        } else {
            "Nothing did in the time measured.\n"
        };
    }
    for i in &s.incidents {
        out += &style.paragraph("- ", &i.sentence);
    }
    if s.incidents_left_off > 0 {
        out += &style.paragraph("- ", &format!("and {} shorter ones", s.incidents_left_off));
    }
    for e in &s.exclusions {
        let text = format!(
            "Left out: {} to {}, {}: {} (entered by {})",
            to_the_minute(e.span.from, &style.tz),
            to_the_minute(e.span.to, &style.tz),
            e.link.as_deref().unwrap_or("all links"),
            e.why,
            e.by
        );
        out += &style.paragraph("- ", &text);
    }
    for (title, lines) in
        [("What this does not show", &s.does_not_show), ("How it was measured", &s.how_measured)]
    {
        out.push('\n');
        out += &style.heading(title);
        for line in lines {
            out += &style.paragraph("- ", line);
        }
    }
    out
}
