//! What pages and API read from an address: every value is parsed into a type
//! that can't be wrong, or refused by name.

use axum::extract::{FromRequestParts, Path, RawPathParams};
use axum::http::request::Parts;
use hearth_proto::{HouseholdId, UnixMs};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::failure::Failure;
use super::pairs::Pairs;
use super::surveys;
use crate::explain::{Asked, instant};
use crate::history::Span;
use crate::ledger::State;
use crate::qoe::catalogue::Catalogue;

/// Ranges offered by name, with their length in milliseconds.
pub const RANGES: [(&str, &str, i64); 6] = [
    ("15m", "15 minutes", 15 * MINUTE),
    ("1h", "1 hour", HOUR),
    ("6h", "6 hours", 6 * HOUR),
    ("24h", "24 hours", 24 * HOUR),
    ("7d", "7 days", 7 * 24 * HOUR),
    ("31d", "31 days", 31 * 24 * HOUR),
];
const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
/// The range shown when none is asked for.
pub const DEFAULT_RANGE: &str = "24h";
const SHORTEST: i64 = 15 * MINUTE;
/// A month of 31 days has an hour more where the clocks go back in it.
const LONGEST: i64 = (31 * 24 + 1) * HOUR;
/// Households on one page.
pub const PAGE: usize = 50;
/// What a household is called.
pub(crate) const HOUSEHOLD: &str = "1 to 63 characters of a-z, 0-9 and '-', not '-' at either end";
const LONGEST_TEXT: usize = 63;

impl Asked {
    /// From `at=`, `activity=` and `link=`.
    pub(crate) fn of(pairs: &Pairs) -> Self {
        let get = |name| pairs.get(name).map(str::to_owned);
        Self { at: get("at").unwrap_or_default(), activity: get("activity"), link: get("link") }
    }

    /// The address of a home's explanation.
    pub(crate) fn href(household: &HouseholdId, at: UnixMs, rest: &[(&str, &str)]) -> String {
        let at = Timestamp::from_millisecond(at.0).unwrap_or_default();
        let mut query = vec![format!("at={at}")];
        for (name, value) in rest {
            query.extend(form_urlencoded(value, name));
        }
        format!("/households/{household}/explain?{}", query.join("&"))
    }
}

/// The household that a path names.
#[derive(Debug, Clone)]
pub struct Home(pub HouseholdId);

impl<S: Send + Sync> FromRequestParts<S> for Home {
    type Rejection = Failure;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let text = match Path::<String>::from_request_parts(parts, state).await {
            Ok(Path(text)) => text,
            Err(_) => RawPathParams::from_request_parts(parts, state)
                .await
                .ok()
                .and_then(|p| p.iter().next().map(|(_, v)| v.to_owned()))
                .unwrap_or_default(),
        };
        text.parse().map(Self).map_err(|_| Failure::Value {
            field: "household",
            value: text,
            accepted: HOUSEHOLD.to_owned(),
        })
    }
}

/// The time a page is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Range {
    /// Its ends.
    pub span: Span,
    /// The name it was asked for by, if it was.
    pub name: Option<&'static str>,
}

impl Range {
    /// From `range=24h`, or `from=` and `to=`, or `month=2026-10` of the home's zone, up
    /// to now; `to` alone ends the default range, `from` alone ends now.
    pub fn of(pairs: &Pairs, now: UnixMs, zone: &TimeZone) -> Result<Self, Failure> {
        let default = || named(DEFAULT_RANGE).unwrap_or(RANGES[3]);
        let (name, _, length) = match pairs.get("range") {
            None => default(),
            Some(text) => named(text).ok_or_else(|| Failure::Value {
                field: "range",
                value: text.to_owned(),
                accepted: format!("one of {}", RANGES.map(|r| r.0).join(", ")),
            })?,
        };
        if let Some(text) = pairs.get("month") {
            let span = crate::statement::month_named(text, zone).filter(|s| s.from < now);
            let span = span.ok_or_else(|| Failure::Value {
                field: "month",
                value: text.to_owned(),
                accepted: "a year and a month that has begun, such as 2026-10".to_owned(),
            })?;
            return Ok(Self { span: Span { to: span.to.min(now), ..span }, name: None });
        }
        let from = pairs.get("from").map(|t| point("from", t, zone)).transpose()?;
        let to = pairs.get("to").map(|t| point("to", t, zone)).transpose()?;
        if from.is_none() && to.is_none() {
            let span = Span { from: now.plus(-length), to: now };
            return Ok(Self { span, name: Some(name) });
        }
        let to = to.unwrap_or(now);
        let span = Span { from: from.unwrap_or_else(|| to.plus(-length)), to };
        if (SHORTEST..=LONGEST).contains(&span.to.since(span.from)) {
            return Ok(Self { span, name: None });
        }
        Err(Failure::Value {
            field: if from.is_some() { "from" } else { "to" },
            value: pairs.get("from").or(pairs.get("to")).unwrap_or_default().to_owned(),
            accepted: "15 minutes to 31 days before the end of the range".to_owned(),
        })
    }

    /// As a query that asks for the same again.
    pub fn query(&self) -> String {
        match self.name {
            Some(DEFAULT_RANGE) => String::new(),
            Some(name) => format!("?range={name}"),
            None => {
                let at = |t: UnixMs| Timestamp::from_millisecond(t.0).unwrap_or_default();
                format!("?from={}&to={}", at(self.span.from), at(self.span.to))
            }
        }
    }
}

fn named(text: &str) -> Option<(&'static str, &'static str, i64)> {
    RANGES.into_iter().find(|r| r.0 == text)
}

/// A point with its offset, or a local one in the home's zone.
fn point(field: &'static str, text: &str, zone: &TimeZone) -> Result<UnixMs, Failure> {
    instant(text, zone).ok_or_else(|| Failure::Value {
        field,
        value: text.to_owned(),
        accepted: "a time such as 2026-11-24T13:00 (the home's zone) or \
                   2026-11-24T13:00:00Z"
            .to_owned(),
    })
}

/// Which households a list shows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    /// Only those in this state now.
    pub state: Option<State>,
    /// Only those whose name, link or technology contains this, in lower case.
    pub text: String,
    /// From 1.
    pub page: usize,
}

impl Filter {
    /// From `state=`, `q=` and `page=`.
    pub fn of(pairs: &Pairs) -> Result<Self, Failure> {
        let state = match pairs.get("state") {
            None => None,
            Some(text) => {
                let found = State::ALL.into_iter().find(|s| s.name() == text);
                Some(found.ok_or_else(|| Failure::Value {
                    field: "state",
                    value: text.to_owned(),
                    accepted: format!("one of {}", State::ALL.map(State::name).join(", ")),
                })?)
            }
        };
        let text = pairs.get("q").unwrap_or_default();
        if text.chars().count() > LONGEST_TEXT {
            return Err(Failure::Value {
                field: "q",
                value: text.to_owned(),
                accepted: format!("up to {LONGEST_TEXT} characters"),
            });
        }
        let page = pairs.get("page").unwrap_or("1");
        let number = page.parse().ok().filter(|n| (1..=1_000_000).contains(n));
        let number = number.ok_or_else(|| Failure::Value {
            field: "page",
            value: page.to_owned(),
            accepted: "a number from 1".to_owned(),
        })?;
        Ok(Self { state, text: text.to_lowercase(), page: number })
    }

    /// The address of another page or state of the same list.
    pub fn href(&self, state: Option<State>, page: usize) -> String {
        let mut query = form_urlencoded(&self.text, "q");
        if let Some(state) = state {
            query.push(format!("state={}", state.name()));
        }
        if page > 1 {
            query.push(format!("page={page}"));
        }
        if query.is_empty() {
            "/households".to_owned()
        } else {
            format!("/households?{}", query.join("&"))
        }
    }
}

/// Which roll-up is shown, and how it is ranked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AreasQuery {
    /// One of the ranges that roll-ups are kept of.
    pub range: &'static str,
    /// Only losses of this activity count.
    pub activity: Option<String>,
    /// Only this area.
    pub area: Option<String>,
}

impl AreasQuery {
    /// From `range=`, `activity=` and `area=`.
    pub fn of(pairs: &Pairs, catalogue: &Catalogue) -> Result<Self, Failure> {
        let text = pairs.get("range").unwrap_or(surveys::DEFAULT_RANGE);
        let range = surveys::RANGES.into_iter().find(|r| r.0 == text);
        let (range, ..) = range.ok_or_else(|| Failure::Value {
            field: "range",
            value: text.to_owned(),
            accepted: format!("one of {}", surveys::RANGES.map(|r| r.0).join(", ")),
        })?;
        let activity = pairs.get("activity").map(str::to_owned);
        if let Some(id) = &activity
            && !catalogue.activities.iter().any(|a| a.id == *id)
        {
            let ids: Vec<&str> = catalogue.activities.iter().map(|a| a.id.as_str()).collect();
            return Err(Failure::Value {
                field: "activity",
                value: id.clone(),
                accepted: format!("one of {}", ids.join(", ")),
            });
        }
        Ok(Self { range, activity, area: pairs.get("area").map(str::to_owned) })
    }

    /// The same of all areas.
    pub fn all(&self) -> String {
        Self { area: None, ..self.clone() }.href()
    }

    /// Its address.
    pub fn href(&self) -> String {
        let mut query = vec![format!("range={}", self.range)];
        let optional = [("activity", &self.activity), ("area", &self.area)];
        for (name, value) in optional {
            query.extend(form_urlencoded(value.as_deref().unwrap_or_default(), name));
        }
        format!("/areas?{}", query.join("&"))
    }
}

fn form_urlencoded(value: &str, name: &str) -> Vec<String> {
    use std::fmt::Write as _;
    if value.is_empty() {
        return Vec::new();
    }
    let mut out = format!("{name}=");
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    vec![out]
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMs = UnixMs(1_764_000_000_000);

    fn pairs(given: &[(&str, &str)]) -> Pairs {
        given.into()
    }

    fn range(given: &[(&str, &str)]) -> Result<Range, Failure> {
        Range::of(&pairs(given), NOW, &TimeZone::UTC)
    }

    #[test]
    fn a_day_is_shown_unless_asked_otherwise() {
        let day = range(&[]).unwrap();
        assert_eq!(day.span.to.since(day.span.from), 24 * HOUR);
        assert_eq!(day.query(), "");
        let week = range(&[("range", "7d")]).unwrap();
        assert_eq!(week.query(), "?range=7d");
        assert_eq!(week.span, Span { from: NOW.plus(-7 * 24 * HOUR), to: NOW });
    }

    #[test]
    fn a_range_by_its_ends_comes_back_from_its_own_query() {
        let asked = range(&[("from", "2025-11-23T10:00"), ("to", "2025-11-23T12:00Z")]).unwrap();
        assert_eq!(asked.span.to.since(asked.span.from), 2 * HOUR);
        let again = asked.query();
        let given: Vec<(&str, &str)> =
            again[1..].split('&').filter_map(|p| p.split_once('=')).collect();
        assert_eq!(range(&given).unwrap(), asked);
    }

    #[test]
    fn a_month_is_whole_also_where_the_clocks_go_back() {
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        let of = |given: &[(&str, &str)]| Range::of(&pairs(given), NOW, &berlin);
        let october = of(&[("month", "2025-10")]).unwrap();
        assert_eq!(october.span.to.since(october.span.from), 745 * HOUR);
        let again = october.query();
        let given: Vec<(&str, &str)> =
            again[1..].split('&').filter_map(|p| p.split_once('=')).collect();
        assert_eq!(of(&given).unwrap(), october);
        // One that is not over ends now; one that has not begun is refused.
        assert_eq!(of(&[("month", "2025-11")]).unwrap().span.to, NOW);
        for bad in ["2025-12", "2025-13", "october"] {
            let refused = of(&[("month", bad)]);
            assert!(matches!(refused, Err(Failure::Value { field: "month", .. })), "{bad}");
        }
    }

    #[test]
    fn a_bad_value_is_named_with_what_is_accepted() {
        for (given, field) in [
            (vec![("range", "2y")], "range"),
            (vec![("from", "yesterday")], "from"),
            (vec![("to", "13:00")], "to"),
            (vec![("from", "2025-01-01T00:00"), ("to", "2025-06-01T00:00")], "from"),
            (vec![("from", "2025-11-24T15:59:00Z")], "from"),
        ] {
            match range(&given) {
                Err(Failure::Value { field: f, accepted, .. }) => {
                    assert_eq!(f, field);
                    assert!(!accepted.is_empty());
                }
                other => panic!("{given:?}: {other:?}"),
            }
        }
        assert!(Filter::of(&pairs(&[("page", "0")])).is_err());
        assert!(Filter::of(&pairs(&[("state", "broken")])).is_err());
        assert!(Filter::of(&pairs(&[("q", &"x".repeat(64))])).is_err());
    }

    #[test]
    fn a_lists_address_keeps_its_filter() {
        let filter = Filter::of(&pairs(&[("q", "Été & 5g"), ("page", "3")])).unwrap();
        assert_eq!(
            filter.href(Some(State::Down), 2),
            "/households?q=%C3%A9t%C3%A9%20%26%205g&state=down&page=2"
        );
        assert_eq!(Filter::of(&pairs(&[])).unwrap().href(None, 1), "/households");
    }
}
