//! One home's gap report as tables.

use hearth_proto::HouseholdId;

use super::table::{Column, Kind, Table, Value, column};
use crate::gaps::{Gaps, Incident, IncidentKind};
use crate::report::names::LinkRef;

const INCIDENTS: &[Column] = &[
    column("household", Kind::Text, "the home"),
    column("scope", Kind::Text, "link: of one link; household: an activity worked on no link"),
    column("link", Kind::Text, "the link; missing for the household's"),
    column("technology", Kind::Text, "the link's access technology"),
    column("kind", Kind::Text, "outage or degradation"),
    column("start", Kind::Time, "when it began"),
    column("start_to_the_probe", Kind::Bool, "whether the start is known to the probe"),
    column("end", Kind::Time, "when it ended; missing: not over at the span's end"),
    column("end_to_the_probe", Kind::Bool, "whether the end is known to the probe"),
    column("length_ms", Kind::Int, "from start to end, or to the last bad slot's end"),
    column("bad_slots", Kind::Int, "bad slots in it"),
    column("worst", Kind::Text, "the worst state in it"),
    column("segment", Kind::Text, "home, access, core-or-service, service or cannot-tell"),
    column("evidence", Kind::Text, "what speaks for the segment, joined by '; '"),
    column("activities", Kind::Text, "ids of the activities hit, joined by ';'"),
    column("worked_on", Kind::Text, "links that carried some of them meanwhile, joined by ';'"),
];

const ACTIVITIES: &[Column] = &[
    column("household", Kind::Text, "the home"),
    column("activity", Kind::Text, "the activity's id"),
    column("primary_link", Kind::Text, "the link that it is judged against"),
    column("primary_known_slots", Kind::Int, "slots with evidence on the primary link"),
    column("primary_bad_slots", Kind::Int, "of them, those not OK"),
    column("anywhere_known_slots", Kind::Int, "slots with evidence on any link"),
    column("anywhere_ratio", Kind::Float, "of them, those OK on any link"),
    column("anywhere_low_ratio", Kind::Float, "with UNKNOWN slots taken as bad"),
    column("anywhere_high_ratio", Kind::Float, "with UNKNOWN slots taken as good"),
    column("saved_ms", Kind::Int, "the primary link not OK, a backup OK"),
    column("unsaved_ms", Kind::Int, "the primary link not OK, no backup OK"),
    column("undecided_ms", Kind::Int, "of unsaved_ms: a backup is UNKNOWN"),
    column("rescues", Kind::Int, "separate times that a backup stepped in"),
    column("rescues_timed", Kind::Int, "of them, those whose own switch-over was measured"),
    column(
        "switch_over_ms",
        Kind::Int,
        "switch-over time taken off saved_ms; missing: not measured",
    ),
    column(
        "rescue_ratio",
        Kind::Float,
        "(saved - switch-over) / (saved + unsaved), undecided left out",
    ),
    column("rescue_low_ratio", Kind::Float, "with the undecided taken as unsaved"),
    column("rescue_high_ratio", Kind::Float, "with the undecided taken as saved"),
    column("longest_ms", Kind::Int, "the longest stretch that the primary link was not OK"),
];

const HOURS: &[Column] = &[
    column("household", Kind::Text, "the home"),
    column("activity", Kind::Text, "the activity's id"),
    column("weekday", Kind::Int, "1 is Monday, 7 Sunday, in the home's local time"),
    column("hour", Kind::Int, "the hour that it begins at, 0 to 23, in local time"),
    column("ok_slots", Kind::Int, "slots OK on any link"),
    column("degraded_slots", Kind::Int, "slots DEGRADED on the best link"),
    column("down_slots", Kind::Int, "slots DOWN on every link"),
    column("unknown_slots", Kind::Int, "slots without evidence"),
    column("excluded_slots", Kind::Int, "slots left out of account"),
    column("bad_ratio", Kind::Float, "degraded and down of those with evidence"),
];

const CONGESTION: &[Column] = &[
    column("household", Kind::Text, "the home"),
    column("link", Kind::Text, "the link"),
    column("technology", Kind::Text, "its access technology"),
    column("hour", Kind::Int, "the hour of local time that it begins at, 0 to 23"),
    column("congested_days", Kind::Int, "days on which it was congested"),
    column("weekend_days", Kind::Int, "of them, Saturdays and Sundays"),
    column("measured_days", Kind::Int, "days on which it was measured"),
    column("congested_ratio", Kind::Float, "congested of measured days"),
    column("rise_ms", Kind::Float, "median rise of the far end's latency over the day's least"),
    column("segment", Kind::Text, "where the rise lies"),
];

const BACKUP: &[Column] = &[
    column("household", Kind::Text, "the home"),
    column("backup_link", Kind::Text, "a backup whose plan has a cap; missing: none was told"),
    column("product", Kind::Text, "its plan's name"),
    column("cap_bytes", Kind::Int, "data included a month"),
    column("need_hours", Kind::Float, "hours in the span with the primary link DOWN"),
    column("need_bytes", Kind::Float, "bytes that the home would have moved in them"),
    column("month_p50_hours", Kind::Float, "hours in the median month"),
    column("month_p90_hours", Kind::Float, "hours in a month that one in ten is worse than"),
    column("month_p50_bytes", Kind::Float, "bytes in the median month"),
    column("month_p90_bytes", Kind::Float, "bytes in a month that one in ten is worse than"),
];

const SWITCH_OVERS: &[Column] = &[
    column("household", Kind::Text, "the home"),
    column("primary_link", Kind::Text, "the link that failed"),
    column("backup_link", Kind::Text, "the link that the home's traffic took"),
    column("outage_start", Kind::Time, "when the first probe failed"),
    column(
        "answered_ms",
        Kind::Int,
        "from then until the home's traffic was answered by the backup",
    ),
    column("routed_ms", Kind::Int, "until the default route led over it; missing: not seen"),
];

fn incident(household: &HouseholdId, i: &Incident) -> [Value; 16] {
    let link =
        |of: fn(&LinkRef) -> String| i.link.as_ref().map_or(Value::Missing, |l| Value::text(of(l)));
    let end = i.end.as_ref();
    let joined = |all: Vec<&str>, by: &str| Value::text(all.join(by));
    [
        Value::text(household.as_str()),
        Value::text(if i.link.is_some() { "link" } else { "household" }),
        link(|l| l.link.to_string()),
        link(|l| l.technology.name().to_owned()),
        Value::text(match i.kind {
            IncidentKind::Outage => "outage",
            IncidentKind::Degradation => "degradation",
        }),
        Value::Time(i.start.at),
        Value::Bool(i.start.to_the_probe),
        end.map_or(Value::Missing, |e| Value::Time(e.at)),
        end.map_or(Value::Missing, |e| Value::Bool(e.to_the_probe)),
        Value::count(i.length_ms),
        Value::count(i.slots),
        Value::text(i.worst.name()),
        Value::text(i.segment.name()),
        Value::text(i.evidence.words().collect::<Vec<_>>().join("; ")),
        joined(i.activities.iter().map(|a| a.id.as_str()).collect(), ";"),
        joined(i.worked_on.iter().map(|l| l.link.as_str()).collect(), ";"),
    ]
}

fn activities(household: &HouseholdId, gaps: &Gaps) -> Table {
    let mut table = Table::new("activities", ACTIVITIES);
    for a in &gaps.activities {
        let [anywhere_low, anywhere_high] = Value::bounds(&a.anywhere);
        let [rescue_low, rescue_high] = Value::bounds(&a.rescue);
        table.row([
            Value::text(household.as_str()),
            Value::text(&a.activity.id),
            gaps.primary.as_ref().map_or(Value::Missing, |p| Value::text(p.link.as_str())),
            Value::count(a.primary.known()),
            Value::count(a.primary.degraded + a.primary.down),
            Value::count(a.anywhere_slots.known()),
            Value::figure(&a.anywhere),
            anywhere_low,
            anywhere_high,
            Value::count(a.saved.ms),
            Value::count(a.unsaved.ms),
            Value::count(a.undecided.ms),
            Value::count(a.rescues.times),
            Value::count(a.rescues.timed),
            a.rescues.switch_over_ms.map_or(Value::Missing, Value::count),
            Value::figure(&a.rescue),
            rescue_low,
            rescue_high,
            Value::count(a.longest.ms),
        ]);
    }
    table
}

fn hours(household: &HouseholdId, gaps: &Gaps) -> Table {
    let mut table = Table::new("hours", HOURS);
    for (a, hours) in gaps.activities.iter().zip(&gaps.hours) {
        let measured = hours.iter().enumerate().filter(|(_, c)| c.total() > 0);
        for (hour, c) in measured {
            let bad = c.degraded + c.down;
            let share = (c.known() > 0).then(|| bad as f64 / c.known() as f64);
            table.row([
                Value::text(household.as_str()),
                Value::text(&a.activity.id),
                Value::count(hour as u64 / 24 + 1),
                Value::count(hour as u64 % 24),
                Value::count(c.ok),
                Value::count(c.degraded),
                Value::count(c.down),
                Value::count(c.unknown),
                Value::count(c.excluded),
                Value::float(share),
            ]);
        }
    }
    table
}

fn congestion(household: &HouseholdId, gaps: &Gaps) -> Table {
    let mut table = Table::new("congestion", CONGESTION);
    for of in &gaps.congestion {
        for h in &of.hours {
            table.row([
                Value::text(household.as_str()),
                Value::text(of.link.link.as_str()),
                Value::text(of.link.technology.name()),
                Value::Int(h.hour.into()),
                Value::count(h.days),
                Value::count(h.weekend_days),
                Value::from(h.share.measured().map(|m| m.count)),
                Value::figure(&h.share),
                Value::figure(&h.rise),
                Value::text(h.segment.name()),
            ]);
        }
    }
    table
}

fn backup(household: &HouseholdId, gaps: &Gaps) -> Table {
    let mut table = Table::new("backup", BACKUP);
    let need = &gaps.backup_need;
    let mut row = |link: Value, product: Value, cap: Value| {
        table.row([
            Value::text(household.as_str()),
            link,
            product,
            cap,
            Value::figure(&need.hours),
            Value::figure(&need.bytes),
            Value::figure(&need.hours_p50),
            Value::figure(&need.hours_p90),
            Value::figure(&need.bytes_p50),
            Value::figure(&need.bytes_p90),
        ]);
    };
    if need.caps.is_empty() {
        row(Value::Missing, Value::Missing, Value::Missing);
    }
    for cap in &need.caps {
        let product = cap.product.as_deref().map_or(Value::Missing, Value::text);
        row(Value::text(&cap.link), product, Value::count(cap.cap_bytes));
    }
    table
}

fn switch_overs(household: &HouseholdId, gaps: &Gaps) -> Table {
    let mut table = Table::new("switch_overs", SWITCH_OVERS);
    for s in &gaps.switch_overs {
        table.row([
            Value::text(household.as_str()),
            Value::text(s.from.link.as_str()),
            Value::text(s.to.link.as_str()),
            Value::Time(s.outage_start),
            Value::count(s.answered_after_ms),
            s.routed_after_ms.map_or(Value::Missing, Value::count),
        ]);
    }
    table
}

/// All of a home's: incidents first, of links and then of the household.
pub fn tables(household: &HouseholdId, gaps: &Gaps) -> Vec<Table> {
    let mut incidents = Table::new("incidents", INCIDENTS);
    for i in gaps.incidents.iter().chain(&gaps.household_incidents) {
        incidents.row(incident(household, i));
    }
    vec![
        incidents,
        activities(household, gaps),
        hours(household, gaps),
        congestion(household, gaps),
        backup(household, gaps),
        switch_overs(household, gaps),
    ]
}

/// The tables' columns, by name, in their order.
pub const SCHEMAS: [(&str, &[Column]); 6] = [
    ("incidents", INCIDENTS),
    ("activities", ACTIVITIES),
    ("hours", HOURS),
    ("congestion", CONGESTION),
    ("backup", BACKUP),
    ("switch_overs", SWITCH_OVERS),
];
