//! The one writer.

use std::collections::HashMap;
use std::path::PathBuf;

use hearth_proto::{AgentId, Event, EventKind, LinkName, Record, UnixMs, Vantage};
use rusqlite::{
    Connection, OptionalExtension, Statement, Transaction, TransactionBehavior, params,
};

use super::database;
use crate::store::{Appended, Batch, Hello, RefusalClass, StoreError, Write, Written};

/// Names whose numbers are remembered; beyond, all are forgotten and looked up anew.
const REMEMBERED: usize = 200_000;

pub(super) struct Writer {
    pub(super) db: Connection,
    pub(super) path: PathBuf,
    numbers: Numbers,
}

/// The file's own numbers for names. Forgotten when a transaction fails, since
/// it may have given some.
#[derive(Default)]
struct Numbers {
    agents: HashMap<AgentId, i64>,
    links: HashMap<(i64, LinkName), i64>,
}

impl Writer {
    pub(super) fn new(db: Connection, path: PathBuf) -> Self {
        Self { db, path, numbers: Numbers::default() }
    }

    pub(super) fn commit(&mut self, writes: &[Write]) -> Result<Vec<Written>, StoreError> {
        let Self { db, path, numbers } = self;
        if numbers.agents.len() + numbers.links.len() > REMEMBERED {
            *numbers = Numbers::default();
        }
        let result = apply(db, numbers, writes);
        if result.is_err() {
            *numbers = Numbers::default();
        }
        result.map_err(|e| match e {
            Failure::UnknownAgent(agent) => StoreError::UnknownAgent(agent),
            Failure::Sql(e) => database(path, "storing records")(e),
        })
    }
}

enum Failure {
    Sql(rusqlite::Error),
    UnknownAgent(AgentId),
}

impl From<rusqlite::Error> for Failure {
    fn from(e: rusqlite::Error) -> Self {
        Self::Sql(e)
    }
}

fn apply(
    db: &mut Connection,
    numbers: &mut Numbers,
    writes: &[Write],
) -> Result<Vec<Written>, Failure> {
    let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut written = Vec::with_capacity(writes.len());
    {
        let mut statements = Statements::prepare(&tx)?;
        for write in writes {
            written.push(match write {
                Write::Hello(h) => hello(&tx, numbers, h)?,
                Write::Batch(b) => Written::Appended(batch(&tx, &mut statements, numbers, b)?),
            });
        }
    }
    tx.commit()?;
    Ok(written)
}

/// The statements that run once per record or batch, prepared once per
/// transaction.
struct Statements<'tx> {
    slot: Statement<'tx>,
    test: Statement<'tx>,
    event: Statement<'tx>,
    run: Statement<'tx>,
    mark: Statement<'tx>,
    link: Statement<'tx>,
    agent: Statement<'tx>,
}

impl<'tx> Statements<'tx> {
    fn prepare(tx: &'tx Transaction<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            slot: tx.prepare(
                "INSERT INTO link_slot (link, start_ms, run, seq, body) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?,
            test: tx.prepare(
                "INSERT INTO test (agent, start_ms, run, seq, ordered, body) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?,
            event: tx.prepare(
                "INSERT INTO event (agent, at_ms, run, seq, body) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?,
            run: tx.prepare("SELECT id, up_to_seq FROM progress WHERE agent = ?1 AND boot = ?2")?,
            mark: tx.prepare("UPDATE progress SET up_to_seq = ?2 WHERE id = ?1")?,
            link: tx.prepare(
                "UPDATE link SET slots = slots + ?2, first_ms = min(first_ms, ?3), \
                 last_slot_ms = max(ifnull(last_slot_ms, ?4), ?4) WHERE id = ?1",
            )?,
            agent: tx.prepare(
                "UPDATE agent SET last_seen_ms = max(last_seen_ms, ?2), events = events + ?3, \
                 duplicates = duplicates + ?4, tests = tests + ?5 WHERE id = ?1",
            )?,
        })
    }
}

fn hello(tx: &Transaction<'_>, numbers: &mut Numbers, hello: &Hello) -> Result<Written, Failure> {
    let bound: Option<(i64, String)> = tx
        .query_row(
            "SELECT agent.id, household.name FROM agent JOIN household \
             ON household.id = agent.household WHERE agent.name = ?1",
            [hello.agent.as_str()],
            |r| Ok((r.get(0)?, r.get(1)?)),
        )
        .optional()?;
    let vantage = vantage_number(hello.vantage);
    let number = match bound {
        Some((_, household)) if household != hello.household.as_str() => {
            return Ok(Written::OtherHousehold);
        }
        Some((agent, _)) => {
            tx.execute(
                "UPDATE agent SET version = ?2, vantage = ?3, last_seen_ms = max(last_seen_ms, ?4) \
                 WHERE id = ?1",
                params![agent, hello.version, vantage, hello.received.0],
            )?;
            agent
        }
        None => {
            tx.execute(
                "INSERT INTO household (name, first_seen_ms) VALUES (?1, ?2) \
                 ON CONFLICT (name) DO NOTHING",
                params![hello.household.as_str(), hello.received.0],
            )?;
            tx.query_row(
                "INSERT INTO agent (name, household, version, vantage, first_seen_ms, last_seen_ms) \
                 SELECT ?1, id, ?3, ?4, ?5, ?5 FROM household WHERE name = ?2 RETURNING id",
                params![
                    hello.agent.as_str(),
                    hello.household.as_str(),
                    hello.version,
                    vantage,
                    hello.received.0
                ],
                |r| r.get(0),
            )?
        }
    };
    numbers.agents.insert(hello.agent.clone(), number);
    Ok(Written::Welcome)
}

/// What a batch adds to one link.
struct Tally {
    slots: u64,
    first: UnixMs,
    last: UnixMs,
}

fn batch(
    tx: &Transaction<'_>,
    statements: &mut Statements<'_>,
    numbers: &mut Numbers,
    batch: &Batch,
) -> Result<Appended, Failure> {
    let agent = agent_number(tx, numbers, &batch.agent)?;
    let (run, mark) = run_of(tx, statements, agent, batch.boot.0.cast_signed())?;
    let mut done = Appended {
        up_to: batch.up_to.max(hearth_proto::Seq(mark)),
        slots: 0,
        tests: 0,
        events: 0,
        duplicates: 0,
    };
    let mut tallies: HashMap<i64, Tally> = HashMap::new();
    for accepted in &batch.records {
        if accepted.seq.0 <= mark {
            done.duplicates += 1;
            continue;
        }
        match &accepted.record {
            Record::Slot(slot) => {
                let link = link_number(tx, numbers, agent, &slot.link, slot.start)?;
                statements.slot.execute(params![
                    link,
                    slot.start.0,
                    run,
                    accepted.seq.0,
                    accepted.body
                ])?;
                done.slots += 1;
                let tally = tallies.entry(link).or_insert(Tally {
                    slots: 0,
                    first: slot.start,
                    last: slot.start,
                });
                tally.slots += 1;
                tally.first = tally.first.min(slot.start);
                tally.last = tally.last.max(slot.start);
            }
            Record::Test(test) => {
                link_number(tx, numbers, agent, &test.link, test.start)?;
                statements.test.execute(params![
                    agent,
                    test.start.0,
                    run,
                    accepted.seq.0,
                    // SQLite's integers are signed, and no order has such a number.
                    test.order.and_then(|o| i64::try_from(o.0).ok()),
                    accepted.body
                ])?;
                done.tests += 1;
            }
            Record::Event(event) => {
                statements.event.execute(params![
                    agent,
                    event.at.0,
                    run,
                    accepted.seq.0,
                    accepted.body
                ])?;
                done.events += 1;
                if let Event {
                    kind: EventKind::LinkAppeared(l) | EventKind::LinkChanged(l),
                    at,
                    ..
                } = event
                {
                    let link = link_number(tx, numbers, agent, &l.link, *at)?;
                    // What came late is not the latest; a clock that runs ahead
                    // must not have the last word for ever.
                    tx.execute(
                        "UPDATE link SET info = ?2, info_at_ms = ?3 WHERE id = ?1 AND \
                         (info_at_ms IS NULL OR (info_at_ms, info) < (?3, ?2))",
                        params![link, accepted.body, at.0.min(batch.received.0)],
                    )?;
                }
            }
        }
    }
    for (link, tally) in tallies {
        let of = params![link, tally.slots, tally.first.0, tally.last.0];
        statements.link.execute(of)?;
    }
    statements.mark.execute(params![run, done.up_to.0])?;
    done.duplicates += refusals(tx, agent, mark, batch)?;
    let of = params![agent, batch.received.0, done.events, done.duplicates, done.tests];
    statements.agent.execute(of)?;
    Ok(done)
}

/// Counts the batch's refusals, each record's once; gives how many came again.
fn refusals(tx: &Transaction<'_>, agent: i64, mark: u64, batch: &Batch) -> Result<u64, Failure> {
    let mut again = 0;
    for (seq, class) in &batch.refused {
        // A seq that does not rise says nothing of what came before.
        if seq.0 <= mark && *class != RefusalClass::seq() {
            again += 1;
            continue;
        }
        tx.execute(
            "INSERT INTO refusal (agent, class, count, last_ms) VALUES (?1, ?2, 1, ?3) \
             ON CONFLICT (agent, class) DO UPDATE SET count = count + 1, last_ms = ?3",
            params![agent, class.as_str(), batch.received.0],
        )?;
    }
    Ok(again)
}

fn agent_number(
    tx: &Transaction<'_>,
    numbers: &mut Numbers,
    agent: &AgentId,
) -> Result<i64, Failure> {
    if let Some(number) = numbers.agents.get(agent) {
        return Ok(*number);
    }
    let number = tx
        .query_row("SELECT id FROM agent WHERE name = ?1", [agent.as_str()], |r| r.get(0))
        .optional()?
        .ok_or_else(|| Failure::UnknownAgent(agent.clone()))?;
    numbers.agents.insert(agent.clone(), number);
    Ok(number)
}

/// The run's number and mark.
fn run_of(
    tx: &Transaction<'_>,
    statements: &mut Statements<'_>,
    agent: i64,
    boot: i64,
) -> Result<(i64, u64), Failure> {
    let known =
        statements.run.query_row([agent, boot], |r| Ok((r.get(0)?, r.get(1)?))).optional()?;
    if let Some(known) = known {
        return Ok(known);
    }
    tx.execute("INSERT INTO progress (agent, boot, up_to_seq) VALUES (?1, ?2, 0)", [agent, boot])?;
    Ok((tx.last_insert_rowid(), 0))
}

/// The link's number; a link not heard of yet is entered.
fn link_number(
    tx: &Transaction<'_>,
    numbers: &mut Numbers,
    agent: i64,
    link: &LinkName,
    at: UnixMs,
) -> Result<i64, Failure> {
    let key = (agent, link.clone());
    if let Some(number) = numbers.links.get(&key) {
        return Ok(*number);
    }
    let number = tx.query_row(
        "INSERT INTO link (agent, name, first_ms) VALUES (?1, ?2, ?3) \
         ON CONFLICT (agent, name) DO UPDATE SET first_ms = min(first_ms, excluded.first_ms) \
         RETURNING id",
        params![agent, link.as_str(), at.0],
        |r| r.get(0),
    )?;
    numbers.links.insert(key, number);
    Ok(number)
}

/// As on the wire.
pub(super) fn vantage_number(vantage: Vantage) -> i32 {
    use hearth_proto::wire::Vantage as V;
    match vantage {
        Vantage::Router => V::Router.into(),
        Vantage::Device => V::Device.into(),
    }
}
