//! One instant of one home, explained: what each activity was judged on each link
//! and anywhere, and why. It reads the slots around the instant, and those of the
//! three days before, which may have proved a throughput and tell what a target usually
//! takes.

use hearth_proto::{HouseholdId, UnixMs};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use serde::Serialize;

use crate::history::Span;
use crate::ledger::{Explanation, Ledger, State};
use crate::qoe::catalogue::Catalogue;
use crate::report::names::{ActivityRef, LinkRef};
use crate::report::zone as zone_name;
use crate::store::{Store, StoreError};

/// The longest slot there is, in milliseconds: what is read on either side.
const AROUND_MS: i64 = 900_000;

/// What is to be explained.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked {
    /// An instant with its offset, or a local one in the home's zone.
    pub at: String,
    /// An activity's id; `None` for all.
    pub activity: Option<String>,
    /// A link's name; `None` for all.
    pub link: Option<String>,
}

/// Why there is no explanation.
#[derive(Debug, thiserror::Error)]
pub enum ExplainError {
    /// What was asked for is not accepted.
    #[error("{field} {value:?} is not accepted: {accepted}")]
    Value {
        /// Its name.
        field: &'static str,
        /// As it came.
        value: String,
        /// What is accepted.
        accepted: String,
    },
    /// The store can't answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A home in one slot.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HomeAt {
    /// Whose.
    pub household: HouseholdId,
    /// The instant asked for.
    pub at: UnixMs,
    /// The slot that holds it.
    pub slot: Span,
    /// The zone of local times, by its IANA name where it has one.
    pub time_zone: String,
    /// The catalogue's version.
    pub catalogue: String,
    /// Whether any link has a record of the slot.
    pub measured: bool,
    /// When the home's last slot with a record starts; told where this one has none.
    pub last_slot: Option<UnixMs>,
    /// In the catalogue's order: those asked for.
    pub activities: Vec<ActivityAt>,
}

/// One activity in it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ActivityAt {
    /// Which.
    pub activity: ActivityRef,
    /// On any link of the home, asked for or not.
    pub anywhere: Anywhere,
    /// In the order the system prefers them: those asked for.
    pub links: Vec<Explanation>,
}

/// One activity on any link.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Anywhere {
    /// OK where any link is OK.
    pub state: State,
    /// The links on which it was OK.
    pub worked_on: Vec<LinkRef>,
    /// The links of which nothing is known.
    pub unknown_on: Vec<LinkRef>,
}

/// An instant with its offset (RFC 3339), or a local one such as
/// `2026-10-03 20:15` in `zone`.
pub fn instant(text: &str, zone: &TimeZone) -> Option<UnixMs> {
    let at = text.parse::<Timestamp>().ok().or_else(|| {
        let local: DateTime = text.parse().ok()?;
        local.to_zoned(zone.clone()).ok().as_ref().map(Zoned::timestamp)
    });
    at.map(|t| UnixMs(t.as_millisecond()))
}

fn refused(field: &'static str, value: &str, accepted: String) -> ExplainError {
    ExplainError::Value { field, value: value.to_owned(), accepted }
}

/// The places of what is asked for by name, all without one.
fn chosen<T>(
    all: &[T],
    field: &'static str,
    asked: Option<&str>,
    id: impl Fn(&T) -> &str,
) -> Result<Vec<usize>, ExplainError> {
    let Some(asked) = asked else { return Ok((0..all.len()).collect()) };
    let found: Vec<usize> = (0..all.len()).filter(|i| id(&all[*i]) == asked).collect();
    if found.is_empty() {
        let mut ids: Vec<&str> = all.iter().map(id).collect();
        ids.dedup();
        return Err(refused(field, asked, format!("one of {}", ids.join(", "))));
    }
    Ok(found)
}

/// Explains what is asked for of a home, at `now`; local times are in `zone`.
///
/// # Errors
/// Where the instant, the activity or the link is not accepted, or the store fails.
pub fn explain(
    store: &dyn Store,
    household: &HouseholdId,
    asked: &Asked,
    catalogue: &Catalogue,
    zone: &TimeZone,
    now: UnixMs,
) -> Result<HomeAt, ExplainError> {
    let local = |at: UnixMs| {
        let at = Timestamp::from_millisecond(at.0).unwrap_or_default();
        at.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string()
    };
    let at = instant(&asked.at, zone).ok_or_else(|| {
        let name = zone_name(zone);
        refused(
            "at",
            &asked.at,
            format!("a time such as 2026-10-03 20:15 (in {name}) or 2026-10-03T18:15:00Z"),
        )
    })?;
    if at > now {
        return Err(refused("at", &asked.at, format!("a time up to now, {}", local(now))));
    }
    let activities =
        chosen(&catalogue.activities, "activity", asked.activity.as_deref(), |a| a.id.as_str())?;
    let span = Span { from: at.plus(-AROUND_MS), to: at.plus(AROUND_MS) };
    let history = store.history_with_lead(household, span)?;
    let last_slot = || -> Result<Option<UnixMs>, StoreError> {
        let homes = store.households()?;
        Ok(homes.into_iter().find(|h| h.household == *household).and_then(|h| h.last_slot))
    };
    if history.links.is_empty() {
        let accepted = match last_slot()? {
            Some(last) => format!(
                "nothing was measured by then, no link was known yet; a time up to {}, when the \
                 last slot measured starts, from when the first link was told of",
                local(last)
            ),
            None => "nothing was ever measured in this home".to_owned(),
        };
        return Err(refused("at", &asked.at, accepted));
    }
    let ledger = Ledger::build(&history, catalogue);
    let links = chosen(&ledger.links, "link", asked.link.as_deref(), |l| l.link.as_str())?;
    let slot = ledger
        .grid
        .slot_of(at)
        .ok_or_else(|| refused("at", &asked.at, "a time of which the calendar knows".to_owned()))?;
    let of = Span { from: ledger.at(slot), to: ledger.at(slot + 1) };
    let measured =
        history.links.iter().any(|link| link.slots.iter().any(|record| of.holds(record.start)));
    let activities = activities.into_iter().map(|a| ActivityAt {
        activity: ledger.activities[a].clone(),
        anywhere: anywhere(&ledger, a, slot),
        links: links
            .iter()
            .filter_map(|link| ledger.explain(&history, catalogue, *link, a, at))
            .collect(),
    });
    Ok(HomeAt {
        household: household.clone(),
        at,
        slot: of,
        time_zone: zone_name(zone),
        catalogue: ledger.catalogue.clone(),
        measured,
        last_slot: if measured { None } else { last_slot()? },
        activities: activities.collect(),
    })
}

fn anywhere(ledger: &Ledger, activity: usize, slot: usize) -> Anywhere {
    let in_state = |state| {
        let links = ledger.links.iter().enumerate();
        links
            .filter(|(l, _)| ledger.column(*l, activity)[slot].state() == state)
            .map(|(_, link)| link.clone())
            .collect()
    };
    Anywhere {
        state: ledger.anywhere(activity)[slot].state(),
        worked_on: in_state(State::Ok),
        unknown_on: in_state(State::Unknown),
    }
}
