//! What recurs in a home, in words: congestion by hour of the day, the worst hours
//! of the week, and a backup's need beside its plan.

use crate::console::look::Shown;
use crate::console::words;
use crate::gaps::Gaps;
use crate::report::wording::WEEKDAYS;

/// A weekday from 1, Monday, and the hour that begins.
pub(super) fn hour_of_week(weekday: u8, hour: u8) -> String {
    format!("{} {hour:02}:00", WEEKDAYS[usize::from(weekday.clamp(1, 7)) - 1])
}

/// A congested hour.
pub(super) struct CongestionRow {
    pub(super) link: String,
    pub(super) hour: String,
    pub(super) days: String,
    pub(super) share: Shown,
    pub(super) rise: Shown,
    pub(super) segment: &'static str,
}

/// A worst hour.
pub(super) struct HourRow {
    pub(super) name: String,
    pub(super) hour: String,
    pub(super) bad: Shown,
    pub(super) unknown: String,
    pub(super) days: String,
}

pub(super) fn congestion(gaps: &Gaps) -> Vec<CongestionRow> {
    let rows = gaps.congestion.iter().flat_map(|c| c.hours.iter().map(move |h| (c, h)));
    rows.map(|(c, h)| CongestionRow {
        link: c.link.label.clone(),
        hour: format!("{:02}:00", h.hour),
        days: match (h.days, h.weekend_days) {
            (all, 0) => format!("{all}, none at weekends"),
            (all, weekend) if all == weekend => format!("{all}, all at weekends"),
            (all, weekend) => format!("{all}, {weekend} at weekends"),
        },
        share: Shown::of(&h.share),
        rise: Shown::of(&h.rise),
        segment: h.segment.words(),
    })
    .collect()
}

/// What to say of links without a congested hour.
pub(super) fn quiet(gaps: &Gaps) -> Vec<String> {
    let of = |c: &crate::gaps::Congestion| match &c.not_enough {
        Some(few) => Some(format!(
            "{}: not enough data: {} ({} of {} {}).",
            c.link.label, few.why, few.have, few.need, few.of
        )),
        None if c.hours.is_empty() => Some(format!(
            "{}: none found on {} days, {} of which were flat.",
            c.link.label, c.days, c.flat_days
        )),
        None => None,
    };
    gaps.congestion.iter().filter_map(of).collect()
}

pub(super) fn worst(gaps: &Gaps) -> Vec<HourRow> {
    gaps.worst_hours
        .iter()
        .map(|w| HourRow {
            name: w.activity.name.clone(),
            hour: hour_of_week(w.weekday, w.hour),
            bad: Shown::of(&w.bad),
            unknown: words::count(w.slots.unknown),
            days: format!("{} of {}", w.bad_days, w.days),
        })
        .collect()
}

/// Backup, data included, and the need over it in the median month and in the
/// worst of ten.
pub(super) fn caps(gaps: &Gaps) -> Vec<(String, String, Shown, Shown)> {
    gaps.backup_need
        .caps
        .iter()
        .map(|c| {
            let name = match &c.product {
                Some(product) => format!("{} ({product})", c.link),
                None => c.link.clone(),
            };
            let includes = words::bytes(c.cap_bytes as f64);
            (name, includes, Shown::of(&c.p50_of_cap), Shown::of(&c.p90_of_cap))
        })
        .collect()
}
