//! Roll-ups over areas and the operator as tables. What is withheld is missing.

use super::table::{Column, Kind, Table, Value, column};
use crate::areas::{AreaIncident, AreasReport, Group};
use hearth_proto::UnixMs;

const SCOPE: Column = column("scope", Kind::Text, "area or operator");
const AREA: Column = column("area", Kind::Text, "the area; missing for the operator's");

const ACTIVITIES: &[Column] = &[
    SCOPE,
    AREA,
    column("homes", Kind::Int, "homes in the group"),
    column("activity", Kind::Text, "the activity's id"),
    column("activity_homes", Kind::Int, "homes with evidence for the activity"),
    column("anywhere_ratio", Kind::Float, "share of time with evidence that it worked anywhere"),
    column("anywhere_low_ratio", Kind::Float, "with UNKNOWN time taken as bad"),
    column("anywhere_high_ratio", Kind::Float, "with UNKNOWN time taken as good"),
    column("lost_ms", Kind::Int, "customer time lost: it worked on no link, over all homes"),
    column("primary_ratio", Kind::Float, "share of time that it worked on the primary link"),
    column("saved_ms", Kind::Int, "time that a backup saved, over homes with one"),
    column("unsaved_ms", Kind::Int, "time that none saved, over the same homes"),
    column("rescue_ratio", Kind::Float, "saved / (saved + unsaved), undecided left out"),
    column("rescue_low_ratio", Kind::Float, "with the undecided taken as unsaved"),
    column("rescue_high_ratio", Kind::Float, "with the undecided taken as saved"),
];

const TECHNOLOGIES: &[Column] = &[
    SCOPE,
    AREA,
    column("technology", Kind::Text, "access technology of links"),
    column("homes", Kind::Int, "homes with a link of it"),
    column("known_ms", Kind::Int, "time with evidence that they were up or down"),
    column("up_ratio", Kind::Float, "of it, time that they were up"),
    column("activity", Kind::Text, "the activity's id"),
    column("bad_ms", Kind::Int, "time that it was not OK on them"),
];

const HOURS: &[Column] = &[
    SCOPE,
    AREA,
    column("activity", Kind::Text, "the activity's id"),
    column("weekday", Kind::Int, "1 is Monday, 7 Sunday, in each home's local time"),
    column("hour", Kind::Int, "the hour that it begins at, 0 to 23, in local time"),
    column("homes", Kind::Int, "homes with evidence in it"),
    column("known_s", Kind::Int, "seconds with evidence, over all homes"),
    column("bad_s", Kind::Int, "of them, seconds that it worked on no link"),
    column("bad_ratio", Kind::Float, "bad_s / known_s"),
];

const SEGMENTS: &[Column] = &[
    SCOPE,
    AREA,
    column("homes", Kind::Int, "homes in the group"),
    column("segment", Kind::Text, "home, access, core-or-service, service or cannot-tell"),
    column("incidents", Kind::Int, "incidents of links"),
    column("length_ms", Kind::Int, "their length, over all homes"),
    column(
        "left_off",
        Kind::Int,
        "incidents of the group's links beyond those counted, in no segment",
    ),
];

const INCIDENTS: &[Column] = &[
    AREA,
    column("kind", Kind::Text, "outage, degradation or silence (no outage)"),
    column("medium", Kind::Text, "fixed or mobile links, or the whole home"),
    column("start", Kind::Time, "when the first home turned bad"),
    column("half_over", Kind::Time, "when half of them were over; missing: not yet, or withheld"),
    column("homes", Kind::Int, "homes of the area that have such links"),
    column("hit_homes", Kind::Int, "homes that turned bad within five minutes"),
    column("usual_homes", Kind::Float, "homes that do so on average over the span"),
    column("by_chance_ratio", Kind::Float, "how often chance would do it in the span, at most"),
    column("restarted_homes", Kind::Int, "of a silence: homes whose agent started anew"),
    column(
        "lost_ms",
        Kind::Int,
        "customer time lost, over all activities and homes; missing: withheld",
    ),
    column(
        "silent_ms",
        Kind::Int,
        "customer time without evidence, of a silence; missing: withheld",
    ),
    column("verdict", Kind::Text, "the verdict in words"),
];

const CAUSES: &[Column] = &[
    AREA,
    column("start", Kind::Time, "the incident's start"),
    column("kind", Kind::Text, "the incident's kind"),
    column("medium", Kind::Text, "the incident's medium"),
    column("rank", Kind::Int, "1 explains it best"),
    column("grouping", Kind::Text, "pon, cell or power-area"),
    column("name", Kind::Text, "which, by the operator's name"),
    column("homes", Kind::Int, "homes of the area in it"),
    column("hit_homes", Kind::Int, "of them, those hit"),
    column("other_homes", Kind::Int, "homes of the area that are not in it"),
    column("other_hit_homes", Kind::Int, "of them, those hit"),
    column("phi", Kind::Float, "how well it tells homes hit from others: 1 best, 0 by chance"),
];

const LOST: &[Column] = &[
    AREA,
    column("start", Kind::Time, "the incident's start"),
    column("kind", Kind::Text, "the incident's kind"),
    column("medium", Kind::Text, "the incident's medium"),
    column("activity", Kind::Text, "the activity's id"),
    column("lost_ms", Kind::Int, "customer time that it worked on no link, over homes hit"),
];

fn scope(group: &Group) -> [Value; 2] {
    match &group.area {
        Some(area) => [Value::text("area"), Value::text(area)],
        None => [Value::text("operator"), Value::Missing],
    }
}

fn groups(report: &AreasReport) -> impl Iterator<Item = &Group> {
    std::iter::once(&report.operator).chain(&report.areas)
}

fn activities(report: &AreasReport) -> Table {
    let mut table = Table::new("activities", ACTIVITIES);
    for group in groups(report) {
        for a in &group.activities {
            let [scope, area] = scope(group);
            let [anywhere_low, anywhere_high] = Value::bounds(&a.anywhere);
            let [rescue_low, rescue_high] = Value::bounds(&a.rescue);
            table.row([
                scope,
                area,
                Value::count(group.homes),
                Value::text(&a.activity.id),
                Value::count(a.homes),
                Value::figure(&a.anywhere),
                anywhere_low,
                anywhere_high,
                Value::count(a.lost_ms),
                Value::figure(&a.primary),
                Value::from(a.saved_ms),
                Value::from(a.unsaved_ms),
                Value::figure(&a.rescue),
                rescue_low,
                rescue_high,
            ]);
        }
    }
    table
}

fn technologies(report: &AreasReport) -> Table {
    let mut table = Table::new("technologies", TECHNOLOGIES);
    for group in groups(report) {
        for t in &group.technologies {
            for (activity, bad) in report.activities.iter().zip(&t.bad_ms) {
                let [scope, area] = scope(group);
                table.row([
                    scope,
                    area,
                    Value::text(t.technology.name()),
                    Value::count(t.homes),
                    Value::count(t.known_ms),
                    Value::figure(&t.up),
                    Value::text(&activity.id),
                    Value::count(*bad),
                ]);
            }
        }
    }
    table
}

fn hours(report: &AreasReport) -> Table {
    let mut table = Table::new("hours", HOURS);
    for group in groups(report) {
        for h in &group.hours {
            let [scope, area] = scope(group);
            table.row([
                scope,
                area,
                Value::text(&h.activity.id),
                Value::Int(h.weekday.into()),
                Value::Int(h.hour.into()),
                Value::count(h.homes),
                Value::count(h.known_s),
                Value::count(h.bad_s),
                Value::figure(&h.bad),
            ]);
        }
    }
    table
}

fn segments(report: &AreasReport) -> Table {
    let mut table = Table::new("segments", SEGMENTS);
    for group in groups(report) {
        for s in &group.segments {
            let [scope, area] = scope(group);
            table.row([
                scope,
                area,
                Value::count(group.homes),
                Value::text(s.segment.name()),
                Value::count(s.incidents),
                Value::count(s.ms),
                Value::count(group.segments_left_off),
            ]);
        }
    }
    table
}

fn incidents(report: &AreasReport) -> [Table; 3] {
    let mut all = Table::new("incidents", INCIDENTS);
    let mut causes = Table::new("causes", CAUSES);
    let mut losses = Table::new("losses", LOST);
    for i in &report.incidents {
        let AreaIncident { area, kind, medium, start, .. } = i;
        let key = || [Value::text(kind.name()), Value::text(medium.name())];
        let time = |at: UnixMs| Value::Time(at);
        let [k, m] = key();
        all.row([
            Value::text(area),
            k,
            m,
            time(*start),
            i.half_over.map_or(Value::Missing, time),
            Value::count(i.homes),
            Value::count(i.hit),
            Value::float(Some(i.usual)),
            Value::float(Some(i.by_chance)),
            Value::from(i.restarted),
            if i.withheld { Value::Missing } else { Value::count(i.lost_ms(None)) },
            if i.withheld { Value::Missing } else { Value::count(i.silent_ms) },
            Value::text(&i.verdict),
        ]);
        for (rank, c) in (1..).zip(&i.causes) {
            let [k, m] = key();
            causes.row([
                Value::text(area),
                time(*start),
                k,
                m,
                Value::Int(rank),
                Value::text(c.grouping.name()),
                Value::text(&c.name),
                Value::count(c.homes),
                Value::count(c.hit),
                Value::count(c.others),
                Value::count(c.others_hit),
                Value::float(Some(c.score)),
            ]);
        }
        for l in &i.lost {
            let [k, m] = key();
            let id = Value::text(&l.activity.id);
            losses.row([Value::text(area), time(*start), k, m, id, Value::count(l.ms)]);
        }
    }
    [all, causes, losses]
}

/// All of a report's: the activities of each group first.
pub fn tables(report: &AreasReport) -> Vec<Table> {
    let [incidents, causes, losses] = incidents(report);
    vec![
        activities(report),
        incidents,
        causes,
        losses,
        technologies(report),
        hours(report),
        segments(report),
    ]
}

/// The tables' columns, by name, in their order.
pub const SCHEMAS: [(&str, &[Column]); 7] = [
    ("activities", ACTIVITIES),
    ("incidents", INCIDENTS),
    ("causes", CAUSES),
    ("losses", LOST),
    ("technologies", TECHNOLOGIES),
    ("hours", HOURS),
    ("segments", SEGMENTS),
];
