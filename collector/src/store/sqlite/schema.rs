//! Numbered migrations, applied in order, each in a transaction of its own.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use super::database;
use crate::store::StoreError;

/// `../migrations/NNNN_*.sql`, from 1 on without a gap. A published one is never
/// edited: a change is a new one.
const MIGRATIONS: &[&str] = &[
    include_str!("../migrations/0001_first.sql"),
    include_str!("../migrations/0002_tests.sql"),
    include_str!("../migrations/0003_homes.sql"),
];

/// The version this program reads and writes.
pub(super) const KNOWN: u32 = MIGRATIONS.len() as u32;

/// Brings the tables up to [`KNOWN`]; refuses a later program's.
pub(super) fn migrate(db: &mut Connection, path: &Path) -> Result<(), StoreError> {
    migrate_with(db, path, MIGRATIONS)
}

fn migrate_with(db: &mut Connection, path: &Path, all: &[&str]) -> Result<(), StoreError> {
    let err = |doing| database(path, doing);
    db.execute_batch(
        "CREATE TABLE IF NOT EXISTS schema_version (version INTEGER PRIMARY KEY) STRICT",
    )
    .map_err(err("making its version table"))?;
    loop {
        // Two processes may start at once: the lock is taken before the version is read.
        let tx = db
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(err("migrating it"))?;
        let found = version(&tx).map_err(err("reading its version"))?;
        let known = all.len() as u32;
        if found > known {
            return Err(StoreError::Newer { path: path.to_owned(), found, known });
        }
        let Some(next) = all.get(found as usize) else { return Ok(()) };
        tx.execute_batch(next)
            .and_then(|()| {
                tx.execute("INSERT INTO schema_version (version) VALUES (?1)", [found + 1])
            })
            .and_then(|_| tx.commit())
            .map_err(err("migrating it"))?;
    }
}

/// Refuses any version but [`KNOWN`]: a reader can't migrate.
pub(super) fn check(db: &Connection, path: &Path) -> Result<(), StoreError> {
    let found = version(db).map_err(database(path, "reading its version"))?;
    let path = path.to_owned();
    match found.cmp(&KNOWN) {
        std::cmp::Ordering::Equal => Ok(()),
        std::cmp::Ordering::Greater => Err(StoreError::Newer { path, found, known: KNOWN }),
        std::cmp::Ordering::Less => Err(StoreError::Older { path, found, known: KNOWN }),
    }
}

fn version(db: &Connection) -> rusqlite::Result<u32> {
    db.query_row("SELECT ifnull(max(version), 0) FROM schema_version", [], |r| r.get(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tables(db: &Connection) -> i64 {
        db.query_row("SELECT count(*) FROM sqlite_schema WHERE type = 'table'", [], |r| r.get(0))
            .unwrap()
    }

    #[test]
    fn each_migration_is_applied_once_and_in_order() {
        let mut db = Connection::open_in_memory().unwrap();
        let path = Path::new("x");
        let (one, two) = ("CREATE TABLE a (x)", "ALTER TABLE a RENAME TO b; CREATE TABLE c (x)");
        migrate_with(&mut db, path, &[one]).unwrap();
        migrate_with(&mut db, path, &[one]).unwrap();
        assert_eq!((version(&db).unwrap(), tables(&db)), (1, 2));
        migrate_with(&mut db, path, &[one, two]).unwrap();
        assert_eq!((version(&db).unwrap(), tables(&db)), (2, 3));
        let e = migrate_with(&mut db, path, &[one]).unwrap_err().to_string();
        assert!(e.contains("version 2") && e.contains("up to 1"), "{e}");
    }

    #[test]
    fn a_migration_that_fails_leaves_nothing_behind() {
        let mut db = Connection::open_in_memory().unwrap();
        let broken = "CREATE TABLE a (x); CREATE TABLE a (x)";
        assert!(migrate_with(&mut db, Path::new("x"), &[broken]).is_err());
        assert_eq!((version(&db).unwrap(), tables(&db)), (0, 1));
    }
}
