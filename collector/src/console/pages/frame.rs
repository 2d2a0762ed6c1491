//! What all pages of one household share: their tabs, the time they show, and
//! the foot that says what they rest on.

use hearth_proto::{HouseholdId, UnixMs};
use jiff::tz::TimeZone;

use super::Tab;
use crate::console::query::{RANGES, Range};
use crate::console::words;
use crate::history::Span;
use crate::report::Report;

/// Around a household's page.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    pub(super) id: HouseholdId,
    pub(super) tabs: Vec<Tab>,
    pub(super) range: RangeView,
    pub(super) foot: String,
}

/// The choice of the time shown.
#[derive(Debug, Clone)]
pub(super) struct RangeView {
    pub(super) words: String,
    pub(super) tabs: Vec<Tab>,
    pub(super) own: bool,
    pub(super) from: String,
    pub(super) to: String,
}

/// A household's pages, by the end of their path.
const PAGES: [(&str, &str); 5] = [
    ("", "Overview"),
    ("/profile", "Profile"),
    ("/gaps", "Gaps"),
    ("/promises", "Promises"),
    ("/statement", "Statement"),
];

impl Frame {
    pub(super) fn new(report: &Report, range: &Range, page: &str, at: &Clock) -> Self {
        let foot = format!(
            "Drawn up {}. Times are {}. Judged by activity catalogue {}. Silence is not an outage: \
             UNKNOWN counts neither for nor against a link.",
            words::full(report.generated_at, &at.zone),
            report.time_zone,
            report.catalogue
        );
        Self::of(&report.household, range, page, at, foot)
    }

    /// Of a page that is no report.
    pub(super) fn of(
        id: &HouseholdId,
        range: &Range,
        page: &str,
        at: &Clock,
        foot: String,
    ) -> Self {
        let id = id.clone();
        let base = format!("/households/{id}");
        let query = range.query();
        let tabs = PAGES.map(|(end, label)| Tab {
            label: label.to_owned(),
            href: format!("{base}{end}{query}"),
            current: end == page,
        });
        let ranges = RANGES.map(|(name, label, _)| Tab {
            label: label.to_owned(),
            href: format!("{base}{page}?range={name}"),
            current: range.name == Some(name),
        });
        let field = |t: UnixMs| words::zoned(t, &at.zone).strftime("%Y-%m-%dT%H:%M").to_string();
        let span = range.span;
        let shown = RangeView {
            words: format!(
                "{} to {} ({})",
                at.say_in(span, span.from),
                at.say_in(span, span.to),
                words::length(span.to.since(span.from))
            ),
            tabs: ranges.into(),
            own: range.name.is_none(),
            from: field(span.from),
            to: field(span.to),
        };
        Self { id, tabs: tabs.into(), range: shown, foot }
    }
}

/// Puts points in words, as seen from now, in the home's zone.
#[derive(Debug, Clone)]
pub(super) struct Clock {
    pub(super) now: UnixMs,
    pub(super) zone: TimeZone,
    /// Whether seconds matter.
    pub(super) seconds: bool,
}

impl Clock {
    /// With seconds where slots are shorter than a minute.
    pub(super) fn new(now: UnixMs, zone: &TimeZone, slot_ms: u32) -> Self {
        Self { now, zone: zone.clone(), seconds: slot_ms < 60_000 }
    }

    pub(super) fn say(&self, at: UnixMs) -> String {
        words::clock(at, self.now, &self.zone, self.seconds)
    }

    /// Both ends of a span, or points in it: with the date where it holds more
    /// than one day, though one of them be today's.
    pub(super) fn say_in(&self, span: Span, at: UnixMs) -> String {
        let date = |at| words::zoned(at, &self.zone).date();
        if date(span.from) == date(span.to) {
            self.say(at)
        } else {
            words::dated(at, self.now, &self.zone, self.seconds)
        }
    }

    /// To the second: for an edge known to the probe.
    pub(super) fn exact(&self, at: UnixMs) -> String {
        words::clock(at, self.now, &self.zone, true)
    }
}
