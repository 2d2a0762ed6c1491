//! The gap report as tables.

use super::Style;
use super::figures::{figure, need_words, range, short, value};
use super::table::{Align, Table};
use crate::gaps::{BackupNeed, Extent, Gaps, Incident, IncidentKind};
use crate::report::days::{length, local};
use crate::report::figure::{Figure, Unit};
use crate::report::wording::DAYS;

fn extent(e: Extent) -> String {
    if e.slots == 0 { "0".into() } else { length(e.ms) }
}

/// The gap report as text.
pub fn gaps(gaps: &Gaps, style: &Style) -> String {
    let mut out = String::new();
    let Some(primary) = &gaps.primary else {
        return style.paragraph("", "No link is known, so there is no gap to report.");
    };
    let backups: Vec<&str> = gaps.backups.iter().map(|b| b.label.as_str()).collect();
    let backups = if backups.is_empty() { "none".into() } else { backups.join(", ") };
    out +=
        &style.heading(&format!("Gaps (primary link {}; mobile links: {backups})", primary.label));
    let mut table = Table::new(&[
        ("activity", Align::Left),
        ("anywhere", Align::Right),
        ("between", Align::Left),
        ("saved", Align::Right),
        ("unsaved", Align::Right),
        ("rescue", Align::Right),
        ("between", Align::Left),
        ("longest gap", Align::Right),
    ]);
    for a in &gaps.activities {
        table.row([
            a.activity.name.clone(),
            short(&a.anywhere),
            range(&a.anywhere),
            extent(a.saved),
            extent(a.unsaved),
            a.rescue.value().map_or_else(|| "-".into(), |_| figure(&a.rescue)),
            range(&a.rescue),
            extent(a.longest),
        ]);
    }
    out += &table.render(style.width);
    out.push('\n');
    let all = gaps.activities.len();
    out += &incidents("Incidents of the household", &gaps.household_incidents, all, style);
    left_off(&mut out, gaps.household_incidents_left_off, style);
    out.push('\n');
    out += &incidents("Incidents of each link", &gaps.incidents, all, style);
    left_off(&mut out, gaps.incidents_left_off, style);
    out.push('\n');
    for s in &gaps.shared_fate {
        // Where there are too few, the figure itself says how many.
        let over = s.factor.measured().map(|m| format!(" over {} distinct outages", m.count));
        let text = format!(
            "shared fate of {} and {} ({}: outages alone): {}{}; {} of the {} outages of {} took \
             {} along",
            s.primary.label,
            s.backup.label,
            s.definition,
            figure(&s.factor),
            over.unwrap_or_default(),
            s.common_incidents,
            s.incidents,
            s.primary.label,
            s.backup.label
        );
        out += &style.paragraph("", &text);
    }
    let need = &gaps.backup_need;
    let text = format!(
        "backup need in this period: {}; by month: {}",
        need_words(&need.hours, &need.bytes, figure),
        monthly_need(need)
    );
    out += &style.paragraph("", &text);
    for cap in &need.caps {
        let text = format!(
            "of the {} a month that {} ({}) includes: {} in the median month, {} in the worst of \
             ten",
            value(cap.cap_bytes as f64, Unit::Bytes),
            cap.link,
            cap.product.as_deref().unwrap_or("product not told"),
            times(&cap.p50_of_cap),
            times(&cap.p90_of_cap)
        );
        out += &style.paragraph("", &text);
    }
    out += &style.paragraph("", &switch_over(gaps));
    out + &recurring(gaps, style)
}

fn switch_over(gaps: &Gaps) -> String {
    let time = &gaps.switch_over;
    match time {
        Figure::Measured(m) => {
            let range = range(time);
            let range = if range.is_empty() { range } else { format!(", {range}") };
            let over = if m.count == 1 { "switch-over".to_owned() } else { m.of.to_owned() };
            format!(
                "switch-over time: {}{range} ({} {over}); taken off each rescue: its own where it \
                 was measured, else the median",
                figure(time),
                m.count
            )
        }
        Figure::NotEnoughData(n) => {
            format!("switch-over time: not measured, nothing is taken off the rescues: {}", n.why)
        }
    }
}

fn monthly_need(need: &BackupNeed) -> String {
    match (need.hours_p50.value(), need.bytes_p50.value()) {
        (None, _) => figure(&need.hours_p50),
        (Some(_), None) => format!(
            "{} in the median month, {} in the worst of ten; bytes: {}",
            figure(&need.hours_p50),
            figure(&need.hours_p90),
            figure(&need.bytes_p50)
        ),
        (Some(_), Some(_)) => format!(
            "{} and {} in the median month, {} and {} in the worst of ten",
            figure(&need.hours_p50),
            figure(&need.bytes_p50),
            figure(&need.hours_p90),
            figure(&need.bytes_p90)
        ),
    }
}

/// A need over a cap.
fn times(of_cap: &Figure) -> String {
    of_cap.value().map_or_else(|| figure(of_cap), |v| format!("{v:.2} of it"))
}

/// What recurs: congestion by hour of the day, and the worst hours of the week.
fn recurring(gaps: &Gaps, style: &Style) -> String {
    let mut out = String::from("\n");
    out += &style.heading("Recurring congestion (local time)");
    let mut table = Table::new(&[
        ("link", Align::Left),
        ("hour", Align::Right),
        ("days", Align::Right),
        ("share of days", Align::Right),
        ("between", Align::Left),
        ("slower by", Align::Right),
        ("where", Align::Left),
    ]);
    let mut quiet = Vec::new();
    for c in &gaps.congestion {
        match &c.not_enough {
            Some(few) => quiet.push(format!(
                "{}: not enough data ({} of {} {})",
                c.link.label, few.have, few.need, few.of
            )),
            None if c.hours.is_empty() => {
                quiet.push(format!("{}: none found on {} days", c.link.label, c.days));
            }
            None => {}
        }
        for h in &c.hours {
            let of = h.share.measured().map_or(0, |m| m.count);
            table.row([
                c.link.label.clone(),
                format!("{:02}:00", h.hour),
                format!("{} of {of}, {} at weekends", h.days, h.weekend_days),
                figure(&h.share),
                range(&h.share),
                figure(&h.rise),
                h.segment.words().into(),
            ]);
        }
    }
    if !table.is_empty() {
        out += &table.render(style.width);
    }
    if !quiet.is_empty() {
        out += &style.paragraph("", &quiet.join("; "));
    }
    out.push('\n');
    out += &style.heading("Worst hours of the week (anywhere, local time)");
    if gaps.worst_hours.is_empty() {
        let why = "none: an hour is ranked if it was measured on two days or more and was bad";
        return out + &style.paragraph("", why);
    }
    let mut table = Table::new(&[
        ("activity", Align::Left),
        ("hour", Align::Left),
        ("bad", Align::Right),
        ("between", Align::Left),
        ("of slots", Align::Right),
        ("unknown", Align::Right),
        ("days bad", Align::Right),
    ]);
    for w in &gaps.worst_hours {
        let day = DAYS[usize::from(w.weekday.clamp(1, 7)) - 1];
        table.row([
            w.activity.name.clone(),
            format!("{day} {:02}:00", w.hour),
            figure(&w.bad),
            range(&w.bad),
            w.slots.known().to_string(),
            w.slots.unknown.to_string(),
            format!("{} of {}", w.bad_days, w.days),
        ]);
    }
    out += &table.render(style.width);
    out
}

fn left_off(out: &mut String, n: u64, style: &Style) {
    if n > 0 {
        *out += &style.paragraph("", &format!("and {n} more, shorter ones"));
    }
}

fn incidents(title: &str, incidents: &[Incident], activities: usize, style: &Style) -> String {
    let mut out = style.heading(title);
    if incidents.is_empty() {
        return out + "none\n";
    }
    let mut table = Table::new(&[
        ("start", Align::Left),
        ("end", Align::Left),
        ("length", Align::Right),
        ("link", Align::Left),
        ("what", Align::Left),
        ("where", Align::Left),
        ("activities", Align::Left),
        ("worked on", Align::Left),
    ]);
    // To the probe where an event says so, else to the slot.
    let time = |at, to_the_probe: bool| {
        let format = if to_the_probe { "%Y-%m-%d %H:%M:%S%.3f" } else { "%Y-%m-%d %H:%M:%S" };
        local(at, &style.tz).strftime(format).to_string()
    };
    for i in incidents {
        table.row([
            time(i.start.at, i.start.to_the_probe),
            i.end.as_ref().map_or_else(|| "not over".into(), |e| time(e.at, e.to_the_probe)),
            length(i.length_ms),
            i.link.as_ref().map_or_else(|| "all".into(), |l| l.label.clone()),
            match i.kind {
                IncidentKind::Outage => "outage".into(),
                IncidentKind::Degradation => "degraded".into(),
            },
            i.segment.words().into(),
            if i.activities.len() == activities {
                "all".into()
            } else {
                i.activities.iter().map(|a| a.id.as_str()).collect::<Vec<_>>().join(", ")
            },
            i.worked_on.iter().map(|l| l.label.as_str()).collect::<Vec<_>>().join(", "),
        ]);
    }
    out += &table.render(style.width);
    out
}
