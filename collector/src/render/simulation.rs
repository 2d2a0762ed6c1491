//! What a proposed promise would have come to.

use super::Style;
use super::figures::percent;
use super::figures::{range, short};
use super::table::{Align, Table};
use crate::promise::guarantee::{Guarantee, Scope};
use crate::promise::simulation::{Mean, Row, Simulation};
use crate::report::wording::count as thousands;

/// A simulation as text.
pub fn simulation(s: &Simulation, style: &Style) -> String {
    let g = &s.guarantee;
    let mut out = style.heading(&g.name);
    out += &style.paragraph("", &terms(g));
    let (from, to) = (s.from.as_deref().unwrap_or("-"), s.to.as_deref().unwrap_or("-"));
    let plural = if s.periods == 1 { "" } else { "s" };
    out += &style.paragraph(
        "",
        &format!(
            "Replayed: {} {}{plural}, from {from} up to {to} by each home's own calendar; catalogue {}.",
            s.periods,
            g.period.name(),
            s.catalogue
        ),
    );
    out.push('\n');
    out += &verdict(s, style);
    for (title, table) in [
        ("By area", &s.by_area),
        ("By technology", &s.by_technology),
        ("By what homes do (a home may be in several)", &s.by_need),
    ] {
        if table.rows.len() > 1 || table.rows.iter().any(|r| r.name != "other homes") {
            out.push('\n');
            out += &style.heading(title);
            out += &rows(&table.rows, g, style);
        }
        if table.groups_not_told > 0 {
            let n = table.groups_not_told;
            let what = title.split(" (").next().unwrap_or(title).to_lowercase();
            let groups = if n == 1 { "group is" } else { "groups are" };
            let text = format!(
                "{what}: {n} {groups} not told: they, or what they leave of others, are under {} \
                 homes.",
                s.k
            );
            out += &style.paragraph("", &text);
        }
    }
    out.push('\n');
    out += &style.heading("At other shares, all else alike");
    let mut table = Table::new(&[
        ("share", Align::Right),
        ("broken", Align::Right),
        ("homes", Align::Right),
        (&g.credit.currency, Align::Right),
        ("", Align::Left),
    ]);
    for t in &s.thresholds {
        let as_promised = (t.share - g.share).abs() < 1e-9;
        table.row([
            format!("{} %", t.share * 100.0),
            thousands(t.broken),
            thousands(t.homes_broken),
            format!("{:.2}", t.paid),
            if as_promised { "as promised".to_owned() } else { String::new() },
        ]);
    }
    out += &table.render(style.width);
    if !s.never_judged_named.is_empty() {
        out.push('\n');
        out += &style.heading("Homes that were never judged");
        for never in &s.never_judged_named {
            out += &style.paragraph("  ", &format!("{}: {}", never.household, never.why));
        }
        let left = s.never_judged - s.never_judged_named.len() as u64;
        if left > 0 {
            out += &style.paragraph("  ", &format!("and {left} more"));
        }
    }
    out.push('\n');
    for limit in &s.limits {
        out += &style.paragraph("! ", limit);
    }
    out
}

/// The promise in a sentence.
fn terms(g: &Guarantee) -> String {
    let scope = match &g.scope {
        Scope::Anywhere => "on any link of the home".to_owned(),
        Scope::Link => "on the link in use".to_owned(),
        Scope::Named(name) => format!("on the link {name}"),
    };
    let score = g.score.map_or_else(String::new, |s| format!(" with a score of {s} or more"));
    let c = &g.credit;
    let money = |hundredths: u64| format!("{:.2} {}", hundredths as f64 / 100.0, c.currency);
    let mut pays =
        format!("a {} in which it does not pays {}", g.period.name(), money(c.per_breach));
    if c.per_point > 0 {
        let more = format!(" and {} for each whole percentage point under it", money(c.per_point));
        pays.push_str(&more);
    }
    let caps = [(c.cap_per_period, g.period.name()), (c.cap_per_home, "home")];
    for (cap, what) in caps.into_iter().filter_map(|(cap, what)| Some((cap?, what))) {
        pays.push_str(&[", at most ", &money(cap), " a ", what].concat());
    }
    format!(
        "{} works{score} in at least {} % of the time, {}, {scope}; {pays}. A {} is judged where at \
         least {} % of that time was measured.",
        g.activity,
        g.share * 100.0,
        g.hours,
        g.period.name(),
        g.minimum_coverage * 100.0
    )
}

fn verdict(s: &Simulation, style: &Style) -> String {
    let (w, period) = (&s.whole, s.guarantee.period.name());
    let mut out = String::new();
    if w.judged == 0 {
        out += &style.paragraph("", "Nothing could be judged: there is not enough evidence.");
    } else {
        let between = match range(&w.share) {
            r if r.is_empty() => String::new(),
            r => format!(" (range {r})"),
        };
        let share = percent(w.share.value().unwrap_or(0.0));
        out += &style.paragraph(
            "",
            &format!(
                "Would have been broken in {} of {} {period}s, {share}{between}; in {} of {} homes.",
                thousands(w.broken),
                thousands(w.judged),
                thousands(w.homes_broken),
                thousands(w.homes)
            ),
        );
        let mean = w
            .paid_mean
            .map_or_else(String::new, |m| format!(", {} a home and {period}", amount(m)));
        let currency = &s.guarantee.credit.currency;
        out += &style.paragraph("", &format!("Would have paid {:.2} {currency}{mean}.", w.paid));
        if s.broken_at_least != s.broken_at_most {
            out += &style.paragraph(
                "",
                &format!(
                    "Had all worked in the time without evidence: broken in {}; had nothing worked \
                     in it: in {}.",
                    thousands(s.broken_at_least),
                    thousands(s.broken_at_most)
                ),
            );
        }
    }
    if s.not_agreed > 0 {
        let homes = if s.not_agreed == 1 { "home that has" } else { "homes that have" };
        out += &style.paragraph(
            "",
            &format!(
                "Left out: {} {homes} not agreed that product and marketing may see them (--for \
                 noc counts them, for the NOC alone).",
                thousands(s.not_agreed)
            ),
        );
    }
    if s.not_judged > 0 {
        out += &style.paragraph(
            "",
            &format!(
                "Not judged, neither kept nor broken: {} {period}s with too little evidence; {} homes \
                 were never judged.",
                thousands(s.not_judged),
                thousands(s.never_judged)
            ),
        );
    }
    out
}

/// A mean with its interval.
fn amount(mean: Mean) -> String {
    let between = match mean.between {
        Some((low, high)) if high - low >= 0.005 => format!(" (range {low:.2} to {high:.2})"),
        _ => String::new(),
    };
    format!("{:.2}{between}", mean.value)
}

fn rows(rows: &[Row], g: &Guarantee, style: &Style) -> String {
    let judged = format!("{}s judged", g.period.name());
    let mut table = Table::new(&[
        ("", Align::Left),
        ("homes", Align::Right),
        ("with a breach", Align::Right),
        (&judged, Align::Right),
        ("broken", Align::Right),
        ("share", Align::Right),
        ("range", Align::Left),
        (&g.credit.currency, Align::Right),
    ]);
    for r in rows {
        table.row([
            r.name.clone(),
            thousands(r.homes),
            thousands(r.homes_broken),
            thousands(r.judged),
            thousands(r.broken),
            short(&r.share),
            range(&r.share),
            format!("{:.2}", r.paid),
        ]);
    }
    table.render(style.width)
}
