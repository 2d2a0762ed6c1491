//! Exclusions in the database.

use hearth_proto::{HouseholdId, UnixMs};
use rusqlite::{Connection, params};

use super::read::{ReadError, household_id};
use super::write::Writer;
use super::{SqliteStore, database};
use crate::history::{Exclusion, Span};
use crate::store::StoreError;
use crate::store::exclusions::{ExclusionEntry, Exclusions, Removal};

impl Writer {
    fn exclude(
        &mut self,
        household: &HouseholdId,
        exclusion: &Exclusion,
        at: UnixMs,
    ) -> Result<i64, StoreError> {
        const DOING: &str = "entering an exclusion";
        let of = household_id(&self.db, household).map_err(|e| e.into_store(&self.path, DOING))?;
        let Exclusion { link, span, by, why } = exclusion;
        self.db
            .execute(
                "INSERT INTO exclusion (household, link, from_ms, to_ms, entered_by, why, at_ms) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                params![of, link, span.from.0, span.to.0, by, why, at.0],
            )
            .map_err(database(&self.path, DOING))?;
        Ok(self.db.last_insert_rowid())
    }

    fn include(
        &mut self,
        household: &HouseholdId,
        number: i64,
        removal: &Removal,
    ) -> Result<bool, StoreError> {
        const DOING: &str = "taking an exclusion back";
        let of = household_id(&self.db, household).map_err(|e| e.into_store(&self.path, DOING))?;
        let removed = self
            .db
            .execute(
                "INSERT INTO exclusion_removed (exclusion, removed_by, why, at_ms) \
                 SELECT id, ?3, ?4, ?5 FROM exclusion WHERE id = ?1 AND household = ?2 \
                 ON CONFLICT (exclusion) DO NOTHING",
                params![number, of, removal.by, removal.why, removal.at.0],
            )
            .map_err(database(&self.path, DOING))?;
        Ok(removed > 0)
    }
}

impl Exclusions for SqliteStore {
    fn exclude(
        &self,
        household: &HouseholdId,
        exclusion: &Exclusion,
        at: UnixMs,
    ) -> Result<i64, StoreError> {
        self.writing(|w| w.exclude(household, exclusion, at))
    }

    fn exclusions(&self, household: &HouseholdId) -> Result<Vec<(i64, Exclusion)>, StoreError> {
        self.reading("listing exclusions", |db| in_force(db, household_id(db, household)?, None))
    }

    fn include(
        &self,
        household: &HouseholdId,
        number: i64,
        removal: &Removal,
    ) -> Result<bool, StoreError> {
        self.writing(|w| w.include(household, number, removal))
    }

    fn exclusion_log(&self, household: &HouseholdId) -> Result<Vec<ExclusionEntry>, StoreError> {
        self.reading("listing exclusions", |db| log(db, household_id(db, household)?))
    }
}

/// Those in force of a household, all or those that touch `within`.
pub(super) fn in_force(
    db: &Connection,
    household: i64,
    within: Option<Span>,
) -> Result<Vec<(i64, Exclusion)>, ReadError> {
    let (from, to) = within.map_or((i64::MIN, i64::MAX), |s| (s.from.0, s.to.0));
    let mut query = db.prepare(
        "SELECT id, link, from_ms, to_ms, entered_by, why FROM exclusion \
         WHERE household = ?1 AND to_ms > ?2 AND from_ms < ?3 \
         AND id NOT IN (SELECT exclusion FROM exclusion_removed) ORDER BY from_ms, id",
    )?;
    let found = query.query_map([household, from, to], |r| Ok((r.get(0)?, exclusion(r)?)))?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// From columns 1 to 5: link, from, to, by and why.
fn exclusion(row: &rusqlite::Row<'_>) -> rusqlite::Result<Exclusion> {
    let span = Span { from: UnixMs(row.get(2)?), to: UnixMs(row.get(3)?) };
    Ok(Exclusion { link: row.get(1)?, span, by: row.get(4)?, why: row.get(5)? })
}

fn log(db: &Connection, household: i64) -> Result<Vec<ExclusionEntry>, ReadError> {
    let mut query = db.prepare(
        "SELECT e.id, e.link, e.from_ms, e.to_ms, e.entered_by, e.why, e.at_ms, \
         r.at_ms, r.removed_by, r.why \
         FROM exclusion e LEFT JOIN exclusion_removed r ON r.exclusion = e.id \
         WHERE e.household = ?1 ORDER BY e.id",
    )?;
    let found = query.query_map([household], |r| {
        let removed = match r.get::<_, Option<i64>>(7)? {
            Some(at) => Some(Removal { at: UnixMs(at), by: r.get(8)?, why: r.get(9)? }),
            None => None,
        };
        Ok(ExclusionEntry {
            number: r.get(0)?,
            exclusion: exclusion(r)?,
            entered_at: r.get::<_, Option<i64>>(6)?.map(UnixMs),
            removed,
        })
    })?;
    Ok(found.collect::<Result<_, _>>()?)
}
