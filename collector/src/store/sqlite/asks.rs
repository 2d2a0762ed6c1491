//! Plans and orders: two logs, written by whichever process, read by all.

use hearth_proto::{AgentId, HouseholdId, LinkName, Order, OrderId, Plan, TestKind, UnixMs};
use rusqlite::{Connection, Row, TransactionBehavior, params};

use super::read::{self, ReadError, parsed, unreadable};
use super::{SqliteStore, database};
use crate::plans::{Addressed, Limits, OrderEntry, Refusal};
use crate::store::StoreError;
use crate::store::asks::{Asks, Mark, NewOrder, PlanChange, PlanEntry, Via};

/// How far before now orders are counted, in milliseconds.
const HOUR_MS: i64 = 3_600_000;

impl Asks for SqliteStore {
    fn change_plan(&self, change: &PlanChange) -> Result<u64, StoreError> {
        const DOING: &str = "entering a plan";
        self.writing(|w| {
            let of = |h| read::household_id(&w.db, h).map_err(|e| e.into_store(&w.path, DOING));
            let household = change.household.as_ref().map(of).transpose()?;
            // The version is the row's own.
            let plan = change.plan.as_ref().map(|p| Plan { version: 0, ..p.clone() });
            let body = plan.map(|p| serde_json::to_string(&p)).transpose().map_err(|e| {
                let (path, what) = (w.path.clone(), "a plan".to_owned());
                StoreError::Unreadable { path, what, why: e.to_string() }
            })?;
            w.db.query_row(
                "INSERT INTO plan (household, body, entered_by, at_ms) VALUES (?1, ?2, ?3, ?4) \
                 RETURNING version",
                params![household, body, change.by, change.at.0],
                |r| r.get(0),
            )
            .map_err(database(&w.path, DOING))
        })
    }

    fn plan_log(&self, household: Option<&HouseholdId>) -> Result<Vec<PlanEntry>, StoreError> {
        self.reading("listing plans", |db| {
            let Some(household) = household else {
                return entries(db, "1 = 1 OR ?1 IS NULL", None);
            };
            let id = read::household_id(db, household)?;
            entries(db, "plan.household = ?1", Some(id))
        })
    }

    fn plans_after(&self, version: u64) -> Result<Vec<PlanEntry>, StoreError> {
        let version = i64::try_from(version).unwrap_or(i64::MAX);
        self.reading("reading plans", |db| {
            let latest = "plan.version > ?1 AND NOT EXISTS (SELECT 1 FROM plan AS later \
                          WHERE later.household IS plan.household AND later.version > plan.version)";
            entries(db, latest, Some(version))
        })
    }

    fn enter_order(
        &self,
        order: &NewOrder,
        limits: &Limits,
    ) -> Result<Result<OrderId, Refusal>, StoreError> {
        const DOING: &str = "entering an order";
        self.writing(|w| {
            // The lock is taken before the hour's orders are counted.
            let tx =
                w.db.transaction_with_behavior(TransactionBehavior::Immediate)
                    .map_err(database(&w.path, DOING))?;
            let entered = enter(&tx, order, *limits).map_err(|e| e.into_store(&w.path, DOING))?;
            tx.commit().map_err(database(&w.path, DOING))?;
            Ok(entered)
        })
    }

    fn order_sent(&self, order: OrderId, at: UnixMs) -> Result<(), StoreError> {
        self.writing(|w| {
            w.db.execute(
                "INSERT INTO test_order_sent (test_order, at_ms) VALUES (?1, ?2)",
                params![number(order), at.0],
            )
            .map_err(database(&w.path, "entering that an order was sent"))?;
            Ok(())
        })
    }

    fn open_orders(&self, order: OrderId, now: UnixMs) -> Result<Vec<Addressed>, StoreError> {
        self.reading("reading orders", |db| {
            let mut query = db.prepare(
                "SELECT agent.name, test_order.id, link, kind, expires_ms, entered_by \
                 FROM test_order JOIN agent ON agent.id = test_order.agent \
                 WHERE test_order.id > ?1 AND expires_ms > ?2 AND NOT EXISTS (SELECT 1 FROM test \
                 WHERE test.ordered = test_order.id AND test.agent = test_order.agent) \
                 ORDER BY test_order.id",
            )?;
            let mut rows = query.query(params![number(order), now.0])?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                let order = Order {
                    id: OrderId(row.get(1)?),
                    link: link(row.get(2)?)?,
                    kind: kind(&row.get::<_, String>(3)?)?,
                    expires: UnixMs(row.get(4)?),
                    by: row.get(5)?,
                };
                let agent: AgentId = parsed("an agent's name", row.get(0)?)?;
                found.push(Addressed { agent, order });
            }
            Ok(found)
        })
    }

    fn orders(
        &self,
        household: Option<&HouseholdId>,
        most: usize,
    ) -> Result<Vec<OrderEntry>, StoreError> {
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        self.reading("listing orders", |db| match household {
            None => orders(db, "?1 IS NULL", None, most),
            Some(household) => {
                let id = read::household_id(db, household)?;
                orders(db, "test_order.household = ?1", Some(id), most)
            }
        })
    }

    fn order(&self, order: OrderId) -> Result<Option<OrderEntry>, StoreError> {
        self.reading("reading an order", |db| {
            Ok(orders(db, "test_order.id = ?1", Some(number(order)), 1)?.pop())
        })
    }

    fn asked(&self) -> Result<Mark, StoreError> {
        self.reading("looking for plans and orders", |db| {
            Ok(db.query_row(
                "SELECT (SELECT ifnull(max(version), 0) FROM plan), \
                 (SELECT ifnull(max(id), 0) FROM test_order)",
                [],
                |r| Ok(Mark { plan: r.get(0)?, order: r.get(1)? }),
            )?)
        })
    }
}

/// As SQLite has it; none that is entered is so large.
fn number(order: OrderId) -> i64 {
    i64::try_from(order.0).unwrap_or(i64::MAX)
}

fn link(stored: Option<String>) -> Result<Option<LinkName>, ReadError> {
    stored.map(|name| parsed("a link's name", name)).transpose()
}

fn kind(stored: &str) -> Result<TestKind, ReadError> {
    let known = TestKind::ALL.into_iter().find(|k| k.name() == stored);
    known.ok_or_else(|| unreadable("an order's kind", stored))
}

fn entries(db: &Connection, which: &str, value: Option<i64>) -> Result<Vec<PlanEntry>, ReadError> {
    let mut query = db.prepare(&format!(
        "SELECT version, household.name, body, entered_by, at_ms FROM plan \
         LEFT JOIN household ON household.id = plan.household WHERE {which} ORDER BY version"
    ))?;
    let mut rows = query.query([value])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let version = row.get(0)?;
        let household = row
            .get::<_, Option<String>>(1)?
            .map(|h| parsed("a household's name", h))
            .transpose()?;
        let plan = row
            .get::<_, Option<String>>(2)?
            .map(|body| serde_json::from_str(&body).map_err(|e| unreadable("a plan", e)))
            .transpose()?
            .map(|plan| Plan { version, ..plan });
        found.push(PlanEntry {
            version,
            household,
            plan,
            by: row.get(3)?,
            at: UnixMs(row.get(4)?),
        });
    }
    Ok(found)
}

fn enter(
    db: &Connection,
    order: &NewOrder,
    limits: Limits,
) -> Result<Result<OrderId, Refusal>, ReadError> {
    let household = read::household_id(db, &order.household)?;
    let agent = match addressee(db, household, order)? {
        Ok(agent) => agent,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let since = order.at.plus(-HOUR_MS).0;
    let times = |sql: &str, of: &[&dyn rusqlite::ToSql]| -> Result<Vec<UnixMs>, ReadError> {
        let mut query = db.prepare(sql)?;
        let found = query.query_map(of, |r| Ok(UnixMs(r.get(0)?)))?;
        Ok(found.collect::<Result<_, _>>()?)
    };
    let of_home = times(
        "SELECT at_ms FROM test_order WHERE household = ?1 AND at_ms > ?2 AND at_ms <= ?3 ORDER BY at_ms",
        params![household, since, order.at.0],
    )?;
    let by_name = times(
        "SELECT at_ms FROM test_order WHERE via = ?1 AND entered_by = ?2 AND at_ms > ?3 \
         AND at_ms <= ?4 ORDER BY at_ms",
        params![order.via.name(), order.by, since, order.at.0],
    )?;
    let admitted = limits.admit((&order.household, &of_home), (&order.by, &by_name), order.at);
    if let Err(refusal) = admitted {
        return Ok(Err(refusal));
    }
    let id = db.query_row(
        "INSERT INTO test_order (household, agent, link, kind, entered_by, via, at_ms, expires_ms) \
         SELECT ?1, id, ?3, ?4, ?5, ?6, ?7, ?8 FROM agent WHERE name = ?2 RETURNING id",
        params![
            household,
            agent.as_str(),
            order.link.as_ref().map(LinkName::as_str),
            order.kind.name(),
            order.by,
            order.via.name(),
            order.at.0,
            order.expires.0
        ],
        |r| r.get(0),
    )?;
    Ok(Ok(OrderId(id)))
}

/// The agent that an order is for: of those that fit, the one whose link is
/// preferred.
fn addressee(
    db: &Connection,
    household: i64,
    order: &NewOrder,
) -> Result<Result<AgentId, Refusal>, ReadError> {
    let mut links = read::links_of(db, Some(household))?;
    links.sort_by(|a, b| read::preference(&a.info).cmp(&read::preference(&b.info)));
    let names: Vec<String> = {
        let mut query = db.prepare("SELECT name FROM agent WHERE household = ?1 ORDER BY name")?;
        let names = query.query_map([household], |r| r.get(0))?;
        names.collect::<Result<_, _>>()?
    };
    let nobody = |field, value: String, known: String| {
        let household = order.household.clone();
        Ok(Err(Refusal::Nobody { field, value, household, known }))
    };
    if let Some(agent) = &order.agent
        && !names.iter().any(|n| n == agent.as_str())
    {
        return nobody("agent", agent.to_string(), names.join(", "));
    }
    let fits = |l: &&read::Link| {
        order.agent.as_ref().is_none_or(|a| *a == l.agent)
            && order.link.as_ref().is_none_or(|name| *name == l.info.link)
    };
    if let Some(found) = links.iter().find(fits) {
        return Ok(Ok(found.agent.clone()));
    }
    if let Some(link) = &order.link {
        let known: Vec<String> =
            links.iter().map(|l| format!("{} of {}", l.info.link, l.agent)).collect();
        let known = if known.is_empty() { "no link yet".to_owned() } else { known.join(", ") };
        return nobody("link", link.to_string(), known);
    }
    // An agent that has told of no link yet.
    match order.agent.clone().map(Ok).or_else(|| names.first().cloned().map(AgentId::try_from)) {
        Some(Ok(agent)) => Ok(Ok(agent)),
        Some(Err(e)) => Err(unreadable("an agent's name", e)),
        None => nobody("agent", "any".to_owned(), "no agent".to_owned()),
    }
}

fn orders(
    db: &Connection,
    which: &str,
    value: Option<i64>,
    most: i64,
) -> Result<Vec<OrderEntry>, ReadError> {
    // A result counts from the agent that was asked, and from nobody else.
    let mut query = db.prepare(&format!(
        "SELECT test_order.id, household.name, agent.name, link, kind, entered_by, via, at_ms, \
         expires_ms, (SELECT min(at_ms) FROM test_order_sent AS s WHERE s.test_order = test_order.id), \
         (SELECT count(*) FROM test_order_sent AS s WHERE s.test_order = test_order.id), \
         (SELECT body FROM test WHERE test.ordered = test_order.id AND test.agent = \
         test_order.agent ORDER BY test.run, test.seq LIMIT 1) \
         FROM test_order JOIN agent ON agent.id = test_order.agent \
         JOIN household ON household.id = test_order.household \
         WHERE {which} ORDER BY test_order.id DESC LIMIT ?2"
    ))?;
    let mut rows = query.query(params![value, most])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(entry(row)?);
    }
    Ok(found)
}

fn entry(row: &Row<'_>) -> Result<OrderEntry, ReadError> {
    let body = row.get_ref(11)?.as_blob_or_null().map_err(rusqlite::Error::from)?;
    Ok(OrderEntry {
        id: OrderId(row.get(0)?),
        household: parsed("a household's name", row.get(1)?)?,
        agent: parsed("an agent's name", row.get(2)?)?,
        link: link(row.get(3)?)?,
        kind: kind(&row.get::<_, String>(4)?)?,
        by: row.get(5)?,
        via: if row.get::<_, String>(6)? == Via::Api.name() { Via::Api } else { Via::Cli },
        at: UnixMs(row.get(7)?),
        expires: UnixMs(row.get(8)?),
        sent: row.get::<_, Option<i64>>(9)?.map(UnixMs),
        times_sent: row.get(10)?,
        result: body.map(read::test).transpose()?,
    })
}
