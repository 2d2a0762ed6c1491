//! Areas, for the NOC: what hit many homes at once, and where customers lost most.

use std::sync::Arc;

use askama::Template;
use axum::extract::State as Extract;
use axum::response::Html;
use hearth_proto::UnixMs;

use super::recurring::hour_of_week;
use super::{Chrome, Tab, render};
use crate::areas::{AreaIncident, AreasReport, Cause, Group, K};
use crate::console::failure::Failure;
use crate::console::look::Shown;
use crate::console::pairs::{Areas, Query};
use crate::console::query::AreasQuery;
use crate::console::surveys::{Drawn, RANGES};
use crate::console::theme::Theme;
use crate::console::{ConsoleState, words};
use crate::homes::Audience;

/// The most area incidents on the page.
const MANY: usize = 50;

#[derive(Template)]
#[template(path = "areas.html")]
struct AreasPage {
    chrome: Chrome,
    ranges: Vec<Tab>,
    query: AreasQuery,
    activities: Vec<(String, String, bool)>,
    /// `None`: being drawn up.
    body: Option<Body>,
}

struct Body {
    lead: String,
    notes: Vec<String>,
    of: String,
    incidents: Vec<Row>,
    incidents_more: Option<String>,
    areas: Vec<AreaRow>,
    group: GroupView,
    foot: String,
}

struct Row {
    title: String,
    when: String,
    hit: String,
    lost: String,
    verdict: String,
    causes: Vec<CauseRow>,
    why: String,
}

struct CauseRow {
    name: String,
    inside: String,
    outside: String,
    score: String,
}

struct AreaRow {
    name: String,
    href: String,
    current: bool,
    homes: String,
    lost: String,
    a_home: String,
    anywhere: Shown,
    rescue: Shown,
}

struct GroupView {
    title: String,
    homes: String,
    activities: Vec<ActivityRow>,
    figures: Vec<(&'static str, Shown)>,
    technologies: Vec<(String, Shown, String)>,
    segments: Vec<(&'static str, String, String)>,
    segments_beyond: String,
    worst: Vec<(String, String, Shown, String)>,
    congestion: Vec<(String, String)>,
}

struct ActivityRow {
    name: String,
    anywhere: Shown,
    lost: String,
    primary: Shown,
    saved: String,
    unsaved: String,
    rescue: Shown,
}

/// `GET /areas`
pub(in crate::console) async fn areas(
    Extract(state): Extract<ConsoleState>,
    theme: Theme,
    pairs: Query<Areas>,
) -> Result<Html<String>, Failure> {
    let catalogue = state.catalogue.clone();
    let query = AreasQuery::of(&pairs, &catalogue)?;
    let drawn = state.areas(Audience::Noc, query.range).await?;
    let body = drawn.map(|d| body(&state, &query, &d)).transpose()?;
    let activities = catalogue
        .activities
        .iter()
        .map(|a| (a.id.clone(), a.name.clone(), query.activity.as_deref() == Some(&a.id)))
        .collect();
    render(&AreasPage {
        chrome: Chrome::new(query.area.as_deref().unwrap_or("Areas"), theme),
        ranges: RANGES
            .map(|(name, label, _)| Tab {
                label: label.to_owned(),
                href: AreasQuery { range: name, ..query.clone() }.href(),
                current: query.range == name,
            })
            .into(),
        activities,
        body,
        query,
    })
}

fn body(state: &ConsoleState, query: &AreasQuery, drawn: &Arc<Drawn>) -> Result<Body, Failure> {
    let report = &drawn.report;
    let activity = query.activity.as_deref();
    let group = match &query.area {
        None => &report.operator,
        Some(name) => {
            report.areas.iter().find(|g| g.area.as_ref() == Some(name)).ok_or_else(|| {
                Failure::Value {
                    field: "area",
                    value: name.clone(),
                    accepted: "an area that is shown on this page".to_owned(),
                }
            })?
        }
    };
    let at = |t: UnixMs| words::clock(t, drawn.at, state.zone(), false);
    let mut incidents: Vec<&AreaIncident> = report
        .incidents
        .iter()
        .filter(|i| query.area.as_ref().is_none_or(|name| i.area == *name))
        .collect();
    incidents.sort_by_key(|i| std::cmp::Reverse(i.lost_ms(activity)));
    let more = incidents.len().saturating_sub(MANY) as u64 + report.incidents_left_off;
    let rows = incidents.iter().take(MANY).map(|i| row(i, report.k, activity, at)).collect();
    Ok(Body {
        lead: lead(report),
        notes: notes(report, drawn.unread),
        of: activity.map_or_else(
            || "all activities together".to_owned(),
            |id| report.activities.iter().find(|a| a.id == id).map_or(id, |a| &a.name).to_owned(),
        ),
        incidents: rows,
        incidents_more: (more > 0)
            .then(|| format!("{} more, which cost less, are not listed here.", words::count(more))),
        areas: area_rows(report, query),
        group: group_view(group, report),
        foot: format!(
            "Drawn up {} over {} to that time. Times are {}; hours of the week and of the day are \
             each home's own local time, else that. Judged by activity catalogue {}. Silence is not \
             an outage: UNKNOWN counts neither for nor against a link.",
            words::full(drawn.at, state.zone()),
            words::length(report.span.to.since(report.span.from)),
            report.time_zone,
            report.catalogue
        ),
    })
}

fn lead(report: &AreasReport) -> String {
    format!(
        "{} homes, {} of which agreed to be part of area reports. No figure is over fewer than {} \
         homes, or lets one over fewer be worked out.",
        words::count(report.homes),
        words::count(report.consenting),
        report.k.homes()
    )
}

fn notes(report: &AreasReport, unread: u64) -> Vec<String> {
    let mut notes = Vec::new();
    let k = report.k.homes();
    if report.areas_withheld > 0 {
        notes.push(match report.areas_withheld {
            1 => format!("1 area with fewer than {k} such homes is not shown."),
            n => format!("{} areas with fewer than {k} such homes are not shown.", words::count(n)),
        });
    }
    if report.left_out > 0 {
        notes.push(match report.left_out {
            1 => {
                "1 home is in no figure at all: left over alone, it could be told apart.".to_owned()
            }
            n => format!(
                "{} homes are in no figure at all: with so few left over they could be told apart.",
                words::count(n)
            ),
        });
    }
    if unread > 0 {
        notes.push(format!("{} homes could not be read; the log says why.", words::count(unread)));
    }
    notes
}

fn lost(ms: u64, silent_ms: u64) -> String {
    match (ms, silent_ms) {
        (0, 0) => "none".to_owned(),
        (0, silent) => format!("not known for {}", words::length(silent as i64)),
        (ms, _) => words::length(ms as i64),
    }
}

fn row(i: &AreaIncident, k: K, activity: Option<&str>, at: impl Fn(UnixMs) -> String) -> Row {
    let when = match i.half_over {
        Some(half) => format!("{}, half of them over by {}", at(i.start), at(half)),
        None if !k.holds(i.hit) => format!("from {}", at(i.start)),
        None => format!("since {}, most of them not over", at(i.start)),
    };
    let cause = |c: &Cause| CauseRow {
        name: format!("{} {}", c.grouping.words(), c.name),
        inside: format!("{} of {}", words::count(c.hit), words::count(c.homes)),
        outside: format!("{} of {}", words::count(c.others_hit), words::count(c.others)),
        score: format!("{:.2}", c.score),
    };
    let mut why = format!(
        "In this area {:.2} homes turn bad in five minutes on average; by chance so many would do \
         so in at most {:.1e} of spans like this one.",
        i.usual, i.by_chance
    );
    if let Some(n) = i.restarted {
        why.extend([
            " ",
            &words::count(n),
            " of their agents started anew when they came back, as after a power cut.",
        ]);
    }
    Row {
        title: format!("{}: {} of {}", i.area, i.kind.name(), i.medium.words()),
        when,
        hit: format!("{} of {} homes", words::count(i.hit), words::count(i.homes)),
        lost: match i.lost_ms(activity) {
            0 if i.withheld => "not shown: too few homes".to_owned(),
            ms => lost(ms, i.silent_ms),
        },
        verdict: format!("{}.", words::sentence(&i.verdict)),
        causes: i.causes.iter().map(cause).collect(),
        why,
    }
}

fn area_rows(report: &AreasReport, query: &AreasQuery) -> Vec<AreaRow> {
    let of = |g: &Group| -> u64 {
        let all = g.activities.iter();
        let of = all.filter(|a| query.activity.as_ref().is_none_or(|id| a.activity.id == *id));
        of.map(|a| a.lost_ms).sum()
    };
    let mut all: Vec<(&Group, u64)> = report.areas.iter().map(|g| (g, of(g))).collect();
    all.sort_by_key(|(g, lost)| std::cmp::Reverse(lost / g.homes.max(1)));
    all.into_iter()
        .map(|(g, ms)| {
            // Of all activities, the one that fared worst speaks.
            let worst = g
                .activities
                .iter()
                .filter(|a| query.activity.as_ref().is_none_or(|id| a.activity.id == *id))
                .max_by_key(|a| a.lost_ms);
            let none = || Shown::plain(words::NONE, "");
            let name = g.area.clone().unwrap_or_default();
            AreaRow {
                href: AreasQuery { area: Some(name.clone()), ..query.clone() }.href(),
                current: query.area.as_ref() == Some(&name),
                homes: words::count(g.homes),
                lost: lost(ms, 0),
                a_home: lost(ms / g.homes.max(1), 0),
                anywhere: worst.map_or_else(none, |a| {
                    let mut shown = Shown::of(&a.anywhere);
                    if query.activity.is_none() {
                        shown.under = format!("{}; {}", a.activity.name, shown.under);
                    }
                    shown
                }),
                rescue: worst.map_or_else(none, |a| Shown::of(&a.rescue)),
                name,
            }
        })
        .collect()
}

fn group_view(g: &Group, report: &AreasReport) -> GroupView {
    let time = |ms: Option<u64>| ms.map_or_else(|| words::NONE.to_owned(), |ms| lost(ms, 0));
    let worst = g.worst_hours.iter().map(|h| {
        let length = words::length(h.known_s as i64 * 1000);
        let measured = format!("{length} with evidence");
        (h.activity.name.clone(), hour_of_week(h.weekday, h.hour), Shown::of(&h.bad), measured)
    });
    let congestion = g.congestion.by_hour.iter().enumerate().filter(|(_, n)| **n > 0);
    GroupView {
        title: g.area.clone().unwrap_or_else(|| "The whole operator".to_owned()),
        homes: format!("{} of {} homes", words::count(g.homes), words::count(report.homes)),
        activities: g
            .activities
            .iter()
            .map(|a| ActivityRow {
                name: a.activity.name.clone(),
                anywhere: Shown::of(&a.anywhere),
                lost: lost(a.lost_ms, 0),
                primary: Shown::of(&a.primary),
                saved: time(a.saved_ms),
                unsaved: time(a.unsaved_ms),
                rescue: Shown::of(&a.rescue),
            })
            .collect(),
        figures: vec![
            ("Outages that took the backup along", Shown::of(&g.shared)),
            ("Time a home needed a backup", Shown::of(&g.need.hours)),
            ("Data a home needed of it", Shown::of(&g.need.bytes)),
            ("Homes with recurring congestion", Shown::of(&g.congestion.share)),
        ],
        technologies: g
            .technologies
            .iter()
            .map(|t| {
                let homes = format!("{} homes", words::count(t.homes));
                (t.technology.label().to_owned(), Shown::of(&t.up), homes)
            })
            .collect(),
        segments: g
            .segments
            .iter()
            .filter(|s| s.incidents > 0)
            .map(|s| (s.segment.words(), words::count(s.incidents), words::length(s.ms as i64)))
            .collect(),
        segments_beyond: words::sentence(
            crate::render::beyond(g.segments_left_off).trim_start_matches("; "),
        ),
        worst: worst.collect(),
        congestion: congestion
            .map(|(hour, n)| (format!("{hour:02}:00"), words::count(*n)))
            .collect(),
    }
}
