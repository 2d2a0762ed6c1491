//! Roll-ups over areas as tables.

use super::Style;
use super::figures::{figure, need_words, range, short};
use super::table::{Align, Table};
use crate::areas::{AreaIncident, AreasReport, Cause, Group, K};
use crate::homes::Audience;
use crate::report::days::{length, local, period};
use crate::report::figure::Figure;
use crate::report::wording::count;

/// The report on areas as text; losses are of one activity, or over all.
pub fn areas(report: &AreasReport, activity: Option<&str>, style: &Style) -> String {
    let mut out = style.heading("Areas");
    out += &style.paragraph(
        "",
        &format!(
            "{}; times are {}; {} homes, of which {} agreed to be part of area reports; no figure \
             is over fewer than {} homes",
            period(report.span, &style.tz),
            report.time_zone,
            report.homes,
            report.consenting,
            report.k.homes()
        ),
    );
    if report.audience == Audience::Product {
        let text = format!(
            "for product and marketing: {} homes that have not agreed to that are left out",
            report.not_agreed
        );
        out += &style.paragraph("", &text);
    }
    if report.areas_withheld > 0 {
        let text = format!("{} areas with fewer such homes are not shown", report.areas_withheld);
        out += &style.paragraph("", &text);
    }
    if report.left_out > 0 {
        let text = format!(
            "{} homes are in no figure: shown with the rest they could be told apart",
            report.left_out
        );
        out += &style.paragraph("", &text);
    }
    out.push('\n');
    out += &incidents(report, activity, style);
    out.push('\n');
    if !report.areas.is_empty() {
        out += &overview(report, activity, style);
        out.push('\n');
    }
    let all = match report.audience {
        Audience::Noc => "Whole operator",
        Audience::Product => "All homes that agreed",
    };
    out += &group(all, &report.operator, style);
    for g in &report.areas {
        out.push('\n');
        out += &group(&format!("Area {}", g.area.as_deref().unwrap_or_default()), g, style);
    }
    out + &style.paragraph("", &format!("withheld: it would be over fewer than {} homes", report.k))
}

/// A figure in a narrow place: one that wants more than one of what it counts wants k homes.
fn told(figure: &Figure) -> String {
    match figure {
        Figure::NotEnoughData(n) if n.need > 1 => "withheld".to_owned(),
        _ => short(figure),
    }
}

fn lost_of(group: &Group, activity: Option<&str>) -> u64 {
    let of = group.activities.iter().filter(|a| activity.is_none_or(|id| a.activity.id == id));
    of.map(|a| a.lost_ms).sum()
}

fn overview(report: &AreasReport, activity: Option<&str>, style: &Style) -> String {
    let of = activity.map_or_else(|| "all activities".to_owned(), str::to_owned);
    let mut out = style.heading(&format!("Customer time lost by area ({of})"));
    let mut table = Table::new(&[
        ("area", Align::Left),
        ("homes", Align::Right),
        ("lost", Align::Right),
        ("a home", Align::Right),
    ]);
    let mut all: Vec<(&Group, u64)> =
        report.areas.iter().map(|g| (g, lost_of(g, activity))).collect();
    all.sort_by_key(|(g, lost)| std::cmp::Reverse(lost / g.homes.max(1)));
    for (g, lost) in all {
        table.row([
            g.area.clone().unwrap_or_default(),
            g.homes.to_string(),
            length(lost),
            length(lost / g.homes.max(1)),
        ]);
    }
    out += &table.render(style.width);
    out
}

fn incidents(report: &AreasReport, activity: Option<&str>, style: &Style) -> String {
    let mut out = style.heading("Area incidents (most customer time lost first)");
    if report.incidents.is_empty() {
        return out + "none\n";
    }
    let mut table = Table::new(&[
        ("start", Align::Left),
        ("half over", Align::Left),
        ("area", Align::Left),
        ("what", Align::Left),
        ("homes hit", Align::Right),
        ("usual", Align::Right),
        ("lost", Align::Right),
        ("verdict", Align::Left),
    ]);
    let time = |at| local(at, &style.tz).strftime("%Y-%m-%d %H:%M:%S").to_string();
    for i in &report.incidents {
        table.row([
            time(i.start),
            i.half_over.map_or_else(|| not_told(i, report.k).into(), time),
            i.area.clone(),
            format!("{} of {}", i.kind.name(), i.medium.words()),
            format!("{} of {}", i.hit, i.homes),
            format!("{:.2}", i.usual),
            lost(i, activity),
            verdict(i),
        ]);
    }
    out += &table.render(style.width);
    if report.incidents_left_off > 0 {
        let text = format!("and {} more, which cost less", report.incidents_left_off);
        out += &style.paragraph("", &text);
    }
    out
}

/// Why there is no time at which half were over.
fn not_told(i: &AreaIncident, k: K) -> &'static str {
    if k.holds(i.hit) { "not yet" } else { "withheld" }
}

fn lost(i: &AreaIncident, activity: Option<&str>) -> String {
    match i.lost_ms(activity) {
        0 if i.silent_ms > 0 => format!("unknown for {}", length(i.silent_ms)),
        0 if i.withheld => "withheld".to_owned(),
        0 => "0".to_owned(),
        ms => length(ms),
    }
}

fn verdict(i: &AreaIncident) -> String {
    let cause = |c: &Cause| {
        format!(
            "{} {}: {} of its {} homes, {} of {} others",
            c.grouping.words(),
            c.name,
            c.hit,
            c.homes,
            c.others_hit,
            c.others
        )
    };
    let restarted = i.restarted.map(|n| format!("{n} agents started anew afterwards"));
    let said = std::iter::once(i.verdict.clone()).chain(restarted);
    said.chain(i.causes.iter().take(2).map(cause)).collect::<Vec<_>>().join("; ")
}

/// How many incidents no segment is told of.
pub(crate) fn beyond(left_off: u64) -> String {
    if left_off == 0 {
        return String::new();
    }
    format!(
        "; and {} more, of no segment: of each link no more than {} are looked into",
        count(left_off),
        crate::gaps::MOST_INCIDENTS
    )
}

fn group(title: &str, group: &Group, style: &Style) -> String {
    let mut out = style.heading(&format!("{title} ({} homes)", group.homes));
    if group.activities.is_empty() {
        return out + "nothing can be shown: too few homes were measured\n";
    }
    let mut table = Table::new(&[
        ("activity", Align::Left),
        ("homes", Align::Right),
        ("anywhere", Align::Right),
        ("between", Align::Left),
        ("lost", Align::Right),
        ("primary link", Align::Right),
        ("saved", Align::Right),
        ("unsaved", Align::Right),
        ("rescue", Align::Right),
        ("between", Align::Left),
    ]);
    let time = |ms: Option<u64>| ms.map_or_else(|| "-".into(), length);
    for a in &group.activities {
        table.row([
            a.activity.name.clone(),
            a.homes.to_string(),
            told(&a.anywhere),
            range(&a.anywhere),
            length(a.lost_ms),
            told(&a.primary),
            time(a.saved_ms),
            time(a.unsaved_ms),
            a.rescue.value().map_or_else(|| "-".into(), |_| figure(&a.rescue)),
            range(&a.rescue),
        ]);
    }
    out += &table.render(style.width);
    let technologies: Vec<String> = group
        .technologies
        .iter()
        .map(|t| format!("{} {} ({} homes)", t.technology.label(), figure(&t.up), t.homes))
        .collect();
    if !technologies.is_empty() {
        out += &style.paragraph("", &format!("links up: {}", technologies.join(", ")));
    }
    let segments: Vec<String> = group
        .segments
        .iter()
        .filter(|s| s.incidents > 0)
        .map(|s| format!("{} {} in {}", s.segment.words(), s.incidents, length(s.ms)))
        .collect();
    if !segments.is_empty() {
        let text = format!(
            "incidents of links by segment: {}{}",
            segments.join(", "),
            beyond(group.segments_left_off)
        );
        out += &style.paragraph("", &text);
    }
    let text = format!(
        "outages that took the backup along: {}; need of a backup per home: {}; homes with \
         recurring congestion: {}",
        told(&group.shared),
        need_words(&group.need.hours, &group.need.bytes, told),
        told(&group.congestion.share)
    );
    out + &style.paragraph("", &text)
}
