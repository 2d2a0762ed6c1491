//! Questions to the store. Each runs in one snapshot.

use std::collections::BTreeMap;
use std::path::Path;

use hearth_proto::convert::decode_record;
use hearth_proto::{
    AgentId, Event, EventKind, HouseholdId, LinkInfo, LinkName, LinkSlot, Record, Technology,
    TestResult, UnixMs, Vantage, wire,
};
use rusqlite::{Connection, OptionalExtension, params};

use super::exclusions;
use crate::history::{History, LinkHistory, Span};
use crate::store::{
    AgentSummary, HouseholdSummary, RefusalClass, RefusalCount, StoreError, Totals,
};

pub(super) enum ReadError {
    Sql(rusqlite::Error),
    UnknownHousehold(HouseholdId),
    Unreadable { what: String, why: String },
}

impl From<rusqlite::Error> for ReadError {
    fn from(e: rusqlite::Error) -> Self {
        Self::Sql(e)
    }
}

impl ReadError {
    pub(super) fn into_store(self, path: &Path, doing: &'static str) -> StoreError {
        let path = path.to_owned();
        match self {
            Self::Sql(source) => StoreError::Database { path, doing, source },
            Self::UnknownHousehold(h) => StoreError::UnknownHousehold(h),
            Self::Unreadable { what, why } => StoreError::Unreadable { path, what, why },
        }
    }
}

pub(super) fn unreadable(what: impl Into<String>, why: impl std::fmt::Display) -> ReadError {
    ReadError::Unreadable { what: what.into(), why: why.to_string() }
}

pub(super) fn parsed<T>(what: &str, stored: String) -> Result<T, ReadError>
where
    T: TryFrom<String>,
    T::Error: std::fmt::Display,
{
    T::try_from(stored).map_err(|e| unreadable(what, e))
}

/// The file's own number of a household.
pub(super) fn household_id(db: &Connection, household: &HouseholdId) -> Result<i64, ReadError> {
    db.query_row("SELECT id FROM household WHERE name = ?1", [household.as_str()], |r| r.get(0))
        .optional()?
        .ok_or_else(|| ReadError::UnknownHousehold(household.clone()))
}

pub(super) fn history(
    db: &Connection,
    household: &HouseholdId,
    span: Span,
) -> Result<History, ReadError> {
    let id = household_id(db, household)?;
    let mut links = Vec::new();
    let mut slots = db.prepare(
        "SELECT body FROM link_slot WHERE link = ?1 AND start_ms >= ?2 AND start_ms < ?3 \
         ORDER BY start_ms, run, seq",
    )?;
    for link in links_of(db, Some(id))? {
        if link.first >= span.to {
            continue;
        }
        let mut found: Vec<LinkSlot> = Vec::new();
        let mut rows = slots.query(params![link.id, span.from.0, span.to.0])?;
        while let Some(row) = rows.next()? {
            match decode_record(row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?) {
                Ok(Record::Slot(slot)) => found.push(slot),
                Ok(_) => return Err(unreadable("a slot", "it is another kind of record")),
                Err(e) => return Err(unreadable("a slot", e)),
            }
        }
        links.push(LinkHistory {
            agent: link.agent,
            vantage: link.vantage,
            info: link.info,
            slots: found,
        });
    }
    links.sort_by(|a, b| preference(&a.info).cmp(&preference(&b.info)));
    Ok(History {
        household: household.clone(),
        span,
        links,
        tests: tests(db, id, span)?,
        events: events(db, id, span)?,
        exclusions: exclusions::in_force(db, id, Some(span))?.into_iter().map(|(_, e)| e).collect(),
    })
}

fn events(db: &Connection, household: i64, span: Span) -> Result<Vec<(AgentId, Event)>, ReadError> {
    let mut query = db.prepare(
        "SELECT agent.name, event.body FROM agent JOIN event ON event.agent = agent.id \
         WHERE agent.household = ?1 AND event.at_ms >= ?2 AND event.at_ms < ?3 \
         ORDER BY event.at_ms, event.agent, event.run, event.seq",
    )?;
    let mut rows = query.query(params![household, span.from.0, span.to.0])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let agent = parsed("an agent's name", row.get(0)?)?;
        found.push((agent, event(row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?)?));
    }
    Ok(found)
}

fn tests(
    db: &Connection,
    household: i64,
    span: Span,
) -> Result<Vec<(AgentId, TestResult)>, ReadError> {
    let mut query = db.prepare(
        "SELECT agent.name, test.body FROM agent JOIN test ON test.agent = agent.id \
         WHERE agent.household = ?1 AND test.start_ms >= ?2 AND test.start_ms < ?3 \
         ORDER BY test.start_ms, test.agent, test.run, test.seq",
    )?;
    let mut rows = query.query(params![household, span.from.0, span.to.0])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let agent = parsed("an agent's name", row.get(0)?)?;
        let body = row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?;
        found.push((agent, test(body)?));
    }
    Ok(found)
}

pub(super) fn test(body: &[u8]) -> Result<TestResult, ReadError> {
    match decode_record(body) {
        Ok(Record::Test(test)) => Ok(test),
        Ok(_) => Err(unreadable("a test", "it is another kind of record")),
        Err(e) => Err(unreadable("a test", e)),
    }
}

fn event(body: &[u8]) -> Result<Event, ReadError> {
    match decode_record(body) {
        Ok(Record::Event(event)) => Ok(event),
        Ok(_) => Err(unreadable("an event", "it is another kind of record")),
        Err(e) => Err(unreadable("an event", e)),
    }
}

pub(super) struct Link {
    id: i64,
    household: i64,
    pub(super) agent: AgentId,
    vantage: Vantage,
    pub(super) info: LinkInfo,
    first: UnixMs,
    last_slot: Option<UnixMs>,
    slots: u64,
}

/// The links of one household, or of all.
pub(super) fn links_of(db: &Connection, household: Option<i64>) -> Result<Vec<Link>, ReadError> {
    // One condition each: 'NULL or equal' in one would scan every agent.
    let which = if household.is_some() { "agent.household = ?1" } else { "?1 IS NULL" };
    let mut query = db.prepare(&format!(
        "SELECT link.id, agent.household, agent.name, agent.vantage, link.name, link.info, \
         link.first_ms, link.last_slot_ms, link.slots \
         FROM agent JOIN link ON link.agent = agent.id WHERE {which}",
    ))?;
    let mut rows = query.query([household])?;
    let mut links = Vec::new();
    while let Some(row) = rows.next()? {
        let name: LinkName = parsed("a link's name", row.get(4)?)?;
        let info = match row.get_ref(5)?.as_blob_or_null().map_err(rusqlite::Error::from)? {
            Some(body) => match event(body)?.kind {
                EventKind::LinkAppeared(info) | EventKind::LinkChanged(info) => info,
                _ => return Err(unreadable("a link's description", "it is another event")),
            },
            None => untold(name),
        };
        links.push(Link {
            id: row.get(0)?,
            household: row.get(1)?,
            agent: parsed("an agent's name", row.get(2)?)?,
            vantage: vantage(row.get(3)?)?,
            info,
            first: UnixMs(row.get(6)?),
            last_slot: row.get::<_, Option<i64>>(7)?.map(UnixMs),
            slots: row.get(8)?,
        });
    }
    Ok(links)
}

/// A link of which only slots came: its event was dropped or is yet to come.
fn untold(link: LinkName) -> LinkInfo {
    LinkInfo {
        interface: link.to_string(),
        link,
        technology: Technology::Unknown,
        technology_source: "the agent has not told yet".to_owned(),
        v4: None,
        v6: None,
    }
}

/// Sorts the link that the system prefers first; without a route, last.
pub(super) fn preference(info: &LinkInfo) -> (bool, Option<u32>, &LinkName) {
    (info.metric().is_none(), info.metric(), &info.link)
}

fn vantage(stored: i32) -> Result<Vantage, ReadError> {
    match wire::Vantage::try_from(stored) {
        Ok(wire::Vantage::Router) => Ok(Vantage::Router),
        Ok(wire::Vantage::Device) => Ok(Vantage::Device),
        _ => Err(unreadable("an agent's vantage", stored)),
    }
}

pub(super) fn households(db: &Connection) -> Result<Vec<HouseholdSummary>, ReadError> {
    let mut all: BTreeMap<i64, HouseholdSummary> = BTreeMap::new();
    let mut query = db.prepare("SELECT id, name FROM household")?;
    let mut rows = query.query([])?;
    while let Some(row) = rows.next()? {
        let household = parsed("a household's name", row.get(1)?)?;
        let summary = HouseholdSummary {
            household,
            agents: Vec::new(),
            last_seen: None,
            last_slot: None,
            slots: 0,
            tests: 0,
        };
        all.insert(row.get(0)?, summary);
    }
    let mut links: BTreeMap<AgentId, Vec<LinkInfo>> = BTreeMap::new();
    for link in links_of(db, None)? {
        if let Some(of) = all.get_mut(&link.household) {
            of.slots += link.slots;
            of.last_slot = of.last_slot.max(link.last_slot);
        }
        links.entry(link.agent).or_default().push(link.info);
    }
    let mut query = db.prepare(
        "SELECT household, name, version, vantage, last_seen_ms, tests FROM agent ORDER BY name",
    )?;
    let mut rows = query.query([])?;
    while let Some(row) = rows.next()? {
        let agent: AgentId = parsed("an agent's name", row.get(1)?)?;
        let last_seen = UnixMs(row.get(4)?);
        let mut links = links.remove(&agent).unwrap_or_default();
        links.sort_by(|a, b| preference(a).cmp(&preference(b)));
        if let Some(of) = all.get_mut(&row.get(0)?) {
            of.last_seen = of.last_seen.max(Some(last_seen));
            of.tests += row.get::<_, u64>(5)?;
            of.agents.push(AgentSummary {
                agent,
                version: row.get(2)?,
                vantage: vantage(row.get(3)?)?,
                last_seen,
                links,
            });
        }
    }
    let mut all: Vec<_> = all.into_values().collect();
    all.sort_by(|a, b| a.household.cmp(&b.household));
    Ok(all)
}

pub(super) fn refusals(db: &Connection) -> Result<Vec<RefusalCount>, ReadError> {
    let mut query = db.prepare(
        "SELECT agent.name, refusal.class, refusal.count, refusal.last_ms \
         FROM refusal JOIN agent ON agent.id = refusal.agent ORDER BY agent.name, refusal.class",
    )?;
    let mut rows = query.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(RefusalCount {
            agent: parsed("an agent's name", row.get(0)?)?,
            class: RefusalClass::from_stored(row.get(1)?),
            count: row.get(2)?,
            last: UnixMs(row.get(3)?),
        });
    }
    Ok(found)
}

pub(super) fn totals(db: &Connection) -> Result<Totals, ReadError> {
    Ok(db.query_row(
        "SELECT (SELECT count(*) FROM household), (SELECT count(*) FROM agent), \
         (SELECT ifnull(sum(slots), 0) FROM link), (SELECT ifnull(sum(tests), 0) FROM agent), \
         (SELECT ifnull(sum(events), 0) FROM agent), \
         (SELECT ifnull(sum(duplicates), 0) FROM agent), \
         (SELECT ifnull(sum(count), 0) FROM refusal)",
        [],
        |r| {
            Ok(Totals {
                households: r.get(0)?,
                agents: r.get(1)?,
                slots: r.get(2)?,
                tests: r.get(3)?,
                events: r.get(4)?,
                duplicates: r.get(5)?,
                refused: r.get(6)?,
            })
        },
    )?)
}
