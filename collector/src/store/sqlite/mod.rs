//! The store in one SQLite file, for a laptop or a small operator.
//!
//! Read in this order: this file (opening, connections), `schema`
//! (migrations), `write` (the one writer), `read`, `asks` (plans and orders) and
//! `homes` (what is told of them).
//!
//! # Layout
//! `hearth.sqlite` in the data folder, in WAL mode; the tables are in
//! `../migrations/`. Slots and events are kept as the wire bytes they came in,
//! keyed by link and start, so that a household's month is one range per link.
//! Folder and files are their owner's alone (0700, 0600).
//!
//! # Invariants
//! - A transaction holds a batch and its agent's mark (`progress.up_to_seq`)
//!   together: a record at or under the mark is stored or refused, one above is
//!   neither.
//! - `synchronous = FULL`: a commit is synced before it returns, so that an
//!   acknowledgement outlives a loss of power. With NORMAL, WAL mode may lose the
//!   last commits then.
//! - `link.slots`, `agent.events` and `agent.tests` equal the rows of `link_slot`,
//!   `event` and `test`.
//! - `plan`, `test_order`, `test_order_sent` and `home` are only ever added to.
//!
//! # Recovery
//! SQLite's own: what was not committed is rolled back at the next opening. A
//! later program's file is refused, an earlier one's is migrated by the writer.

mod asks;
mod homes;
mod read;
mod schema;
mod write;

#[cfg(test)]
mod tests;

use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use hearth_proto::HouseholdId;
use rusqlite::{Connection, OpenFlags};

use super::{HouseholdSummary, RefusalCount, Store, StoreError, Totals, Write, Written};
use crate::history::{Exclusion, History, Span};
use write::Writer;

/// The file's name within the data folder.
const FILE: &str = "hearth.sqlite";
/// Idle readers kept for the next question.
const IDLE_READERS: usize = 4;
/// How long to wait for another process that writes.
const BUSY: Duration = Duration::from_secs(10);

/// A [`Store`] in one SQLite file.
pub struct SqliteStore {
    path: PathBuf,
    // Dropped before the writer: the last connection to close copies the journal
    // into the file, and a reader could not.
    readers: Mutex<Vec<Connection>>,
    /// `None`: open for reading only.
    writer: Option<Mutex<Writer>>,
}

impl SqliteStore {
    /// Opens the store in `folder` for writing, makes it if there is none, and
    /// brings its tables up to date.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        let path = folder.join(FILE);
        make_private(folder, &path)
            .map_err(|source| StoreError::Folder { path: folder.to_owned(), source })?;
        let err = |doing| database(&path, doing);
        let mut db = Connection::open(&path).map_err(err("opening it"))?;
        db.busy_timeout(BUSY).map_err(err("opening it"))?;
        // The journal is copied into the file every 16 MiB and cut back to 64 MiB
        // after a peak, so that a long reader can't leave gigabytes behind.
        db.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
             PRAGMA wal_autocheckpoint = 4096; PRAGMA journal_size_limit = 67108864; \
             PRAGMA cache_size = -65536; PRAGMA foreign_keys = ON;",
        )
        .map_err(err("opening it"))?;
        schema::migrate(&mut db, &path)?;
        let writer = Some(Mutex::new(Writer::new(db, path.clone())));
        Ok(Self { path, writer, readers: Mutex::default() })
    }

    /// Opens the store in `folder` for reading, while another process writes it
    /// or none does.
    pub fn open_read_only(folder: &Path) -> Result<Self, StoreError> {
        let path = folder.join(FILE);
        if !path.exists() {
            return Err(StoreError::Missing { path: folder.to_owned() });
        }
        let store = Self { path, writer: None, readers: Mutex::default() };
        store.reading("reading its version", |_| Ok(()))?;
        Ok(store)
    }

    /// Runs `ask` on a reader, in one snapshot.
    fn reading<T>(
        &self,
        doing: &'static str,
        ask: impl FnOnce(&Connection) -> Result<T, read::ReadError>,
    ) -> Result<T, StoreError> {
        let idle = self.readers.lock().ok().and_then(|mut r| r.pop());
        let mut db = match idle {
            Some(db) => db,
            None => self.reader()?,
        };
        let err = |doing| database(&self.path, doing);
        let tx = db.transaction().map_err(err(doing))?;
        let answer = ask(&tx).map_err(|e| e.into_store(&self.path, doing))?;
        drop(tx);
        if let Ok(mut readers) = self.readers.lock()
            && readers.len() < IDLE_READERS
        {
            readers.push(db);
        }
        Ok(answer)
    }

    fn reader(&self) -> Result<Connection, StoreError> {
        let err = |doing| database(&self.path, doing);
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let db = Connection::open_with_flags(&self.path, flags).map_err(err("opening it"))?;
        db.busy_timeout(BUSY).map_err(err("opening it"))?;
        schema::check(&db, &self.path)?;
        Ok(db)
    }

    fn writing<T>(
        &self,
        act: impl FnOnce(&mut Writer) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let writer =
            self.writer.as_ref().ok_or_else(|| StoreError::ReadOnly { path: self.path.clone() })?;
        let mut writer =
            writer.lock().map_err(|_| StoreError::WriterGone { path: self.path.clone() })?;
        act(&mut writer)
    }
}

impl Store for SqliteStore {
    fn commit(&self, writes: &[Write]) -> Result<Vec<Written>, StoreError> {
        self.writing(|w| w.commit(writes))
    }

    fn households(&self) -> Result<Vec<HouseholdSummary>, StoreError> {
        self.reading("listing households", read::households)
    }

    fn history(&self, household: &HouseholdId, span: Span) -> Result<History, StoreError> {
        self.reading("reading a history", |db| read::history(db, household, span))
    }

    fn exclude(&self, household: &HouseholdId, exclusion: &Exclusion) -> Result<i64, StoreError> {
        self.writing(|w| w.exclude(household, exclusion))
    }

    fn exclusions(&self, household: &HouseholdId) -> Result<Vec<(i64, Exclusion)>, StoreError> {
        self.reading("listing exclusions", |db| {
            let household = read::household_id(db, household)?;
            read::exclusions(db, household, None)
        })
    }

    fn include(&self, household: &HouseholdId, number: i64) -> Result<bool, StoreError> {
        self.writing(|w| w.include(household, number))
    }

    fn refusals(&self) -> Result<Vec<RefusalCount>, StoreError> {
        self.reading("listing refusals", read::refusals)
    }

    fn totals(&self) -> Result<Totals, StoreError> {
        self.reading("counting", read::totals)
    }
}

/// Makes folder and file where they are missing, for their owner alone: who is at
/// home is to be read off them. The journal gets the file's own permissions.
fn make_private(folder: &Path, file: &Path) -> std::io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    std::fs::OpenOptions::new().append(true).create(true).mode(0o600).open(file)?;
    Ok(())
}

/// Names what was being done when the database failed.
fn database<'a>(
    path: &'a Path,
    doing: &'static str,
) -> impl FnOnce(rusqlite::Error) -> StoreError + use<'a> {
    move |source| StoreError::Database { path: path.to_owned(), doing, source }
}
