//! The spool's file. Every method is one transaction or none.

use std::fs;
use std::path::{Path, PathBuf};

use hearth_proto::BootId;
use rusqlite::{Connection, ErrorCode, OptionalExtension, params};

use super::SpoolError;
use super::item::{Count, Held, Item, Kind, OVERHEAD};

const VERSION: u32 = 1;
/// Pages of 4 KiB the journal may reach before it is copied into the file.
const WAL_PAGES: u32 = 192;

const SCHEMA: &str = "
    CREATE TABLE boot (n INTEGER PRIMARY KEY, id INTEGER NOT NULL UNIQUE) STRICT;
    CREATE TABLE record (
        boot INTEGER NOT NULL,
        seq  INTEGER NOT NULL,
        kind INTEGER NOT NULL,  -- 0 slot, 1 event
        body BLOB    NOT NULL,
        PRIMARY KEY (boot, seq)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE tally (slots INTEGER NOT NULL, events INTEGER NOT NULL) STRICT;
    INSERT INTO tally VALUES (0, 0);
    PRAGMA user_version = 1;
";

/// One commit of new records.
pub(super) struct Write<'a> {
    /// Slots and events to be dropped to make room, oldest first, at least so
    /// many bytes of them.
    pub(super) room: u64,
    pub(super) items: &'a [&'a Item],
    /// Drops to report: taken off the tally once `items` has the report.
    pub(super) reported: Count,
    /// Drops that happened in memory, onto the tally.
    pub(super) dropped: Count,
}

pub(super) struct Disk {
    path: PathBuf,
    db: Connection,
    run: i64,
    boot: BootId,
    boot_written: bool,
    held: Held,
    tally: Count,
}

impl Disk {
    /// Opens `path`; a file that is not a sound spool is moved aside, and told.
    pub(super) fn open(path: &Path, boot: BootId) -> Result<(Self, Option<String>), SpoolError> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)
                .map_err(|source| SpoolError::Folder { path: folder.to_owned(), source })?;
        }
        match Self::try_open(path, boot) {
            Ok(disk) => Ok((disk, None)),
            Err(SpoolError::Database { source, .. }) if is_corrupt(&source) => {
                set_aside(path)?;
                Ok((Self::try_open(path, boot)?, Some(source.to_string())))
            }
            Err(e) => Err(e),
        }
    }

    fn try_open(path: &Path, boot: BootId) -> Result<Self, SpoolError> {
        let err = |doing| {
            move |source: rusqlite::Error| match source.sqlite_error_code() {
                Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                    SpoolError::InUse { path: path.to_owned() }
                }
                _ => SpoolError::Database { path: path.to_owned(), doing, source },
            }
        };
        let mut db = Connection::open(path).map_err(err("opening it"))?;
        // FULL: a commit is on the flash when it returns. EXCLUSIVE: two agents
        // on one file would give the same seq twice; it also spares the index file.
        db.execute_batch(&format!(
            "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; \
             PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = {WAL_PAGES}; \
             PRAGMA journal_size_limit = 1048576; PRAGMA cache_size = -512;"
        ))
        .map_err(err("opening it"))?;
        let version: u32 = db
            .query_row("PRAGMA user_version", [], |r| r.get(0))
            .map_err(err("reading its version"))?;
        if version > VERSION {
            return Err(SpoolError::Newer {
                path: path.to_owned(),
                found: version,
                known: VERSION,
            });
        }
        if version == 0 {
            let tx = db.transaction().map_err(err("making its tables"))?;
            tx.execute_batch(SCHEMA)
                .and_then(|()| tx.commit())
                .map_err(err("making its tables"))?;
        }
        let sound: String =
            db.query_row("PRAGMA quick_check(1)", [], |r| r.get(0)).map_err(err("checking it"))?;
        if sound != "ok" {
            return Err(err("checking it")(corrupt(sound)));
        }
        Self::begin(db, path, boot).map_err(err("reading what it holds"))
    }

    fn begin(db: Connection, path: &Path, boot: BootId) -> rusqlite::Result<Self> {
        db.execute("DELETE FROM boot WHERE n NOT IN (SELECT boot FROM record)", [])?;
        let last: i64 = db.query_row("SELECT ifnull(max(n), 0) FROM boot", [], |r| r.get(0))?;
        let mut held = Held::default();
        for kind in [Kind::Slot, Kind::Event] {
            let (n, bytes) = db.query_row(
                "SELECT count(*), ifnull(sum(length(body)), 0) FROM record WHERE kind = ?1",
                [kind as i64],
                |r| Ok((r.get::<_, u64>(0)?, r.get::<_, u64>(1)?)),
            )?;
            held.add(kind, n, bytes + n * OVERHEAD);
        }
        let tally = db.query_row("SELECT slots, events FROM tally", [], |r| {
            Ok(Count { slots: r.get(0)?, events: r.get(1)? })
        })?;
        Ok(Self {
            path: path.to_owned(),
            db,
            run: last + 1,
            boot,
            boot_written: false,
            held,
            tally,
        })
    }

    /// Starts over with an empty file after this one was found corrupt. All it
    /// held is lost, and given back to be counted with what it had not reported.
    pub(super) fn start_over(self) -> (Result<Self, SpoolError>, Count) {
        let lost = self.held.count.plus(self.tally);
        let (path, boot, run) = (self.path, self.boot, self.run);
        drop(self.db);
        let fresh = set_aside(&path)
            .and_then(|()| Self::try_open(&path, boot))
            .map(|fresh| Self { run, ..fresh });
        (fresh, lost)
    }

    #[cfg(test)]
    pub(super) fn cap_pages(&self, pages: u32) {
        self.db
            .query_row(&format!("PRAGMA max_page_count = {pages}"), [], |r| r.get::<_, i64>(0))
            .unwrap();
    }

    pub(super) fn run(&self) -> i64 {
        self.run
    }

    pub(super) fn held(&self) -> Held {
        self.held
    }

    /// Drops not yet reported.
    pub(super) fn tally(&self) -> Count {
        self.tally
    }

    /// Commits new records; gives what was dropped from disk to make room.
    pub(super) fn write(&mut self, write: &Write<'_>) -> rusqlite::Result<Count> {
        let tx = self.db.transaction()?;
        let gone = make_room(&tx, write.room)?;
        if !self.boot_written && !write.items.is_empty() {
            tx.execute(
                "INSERT INTO boot (n, id) VALUES (?1, ?2)",
                params![self.run, self.boot.0.cast_signed()],
            )?;
        }
        let mut held = self.held.minus(gone);
        {
            let mut insert =
                tx.prepare("INSERT INTO record (boot, seq, kind, body) VALUES (?1, ?2, ?3, ?4)")?;
            for item in write.items {
                insert.execute(params![
                    self.run,
                    item.seq.cast_signed(),
                    item.kind as i64,
                    item.body
                ])?;
                held.add(item.kind, 1, item.bytes());
            }
        }
        let tally = self.tally.plus(gone.count).plus(write.dropped).minus(write.reported);
        if tally != self.tally {
            tx.execute("UPDATE tally SET slots = ?1, events = ?2", [tally.slots, tally.events])?;
        }
        tx.commit()?;
        self.boot_written |= !write.items.is_empty();
        self.held = held;
        self.tally = tally;
        Ok(gone.count)
    }

    /// Lets go of records of `boot` up to `up_to`; `true` if there were any.
    pub(super) fn ack(&mut self, boot: BootId, up_to: u64) -> rusqlite::Result<bool> {
        let Some(run) = self
            .db
            .query_row("SELECT n FROM boot WHERE id = ?1", [boot.0.cast_signed()], |r| {
                r.get::<_, i64>(0)
            })
            .optional()?
        else {
            return Ok(false);
        };
        let up_to = i64::try_from(up_to).unwrap_or(i64::MAX);
        let tx = self.db.transaction()?;
        let mut gone = Held::default();
        {
            let mut sums = tx.prepare(
                "SELECT kind, count(*), sum(length(body)) FROM record \
                 WHERE boot = ?1 AND seq <= ?2 GROUP BY kind",
            )?;
            let mut rows = sums.query([run, up_to])?;
            while let Some(row) = rows.next()? {
                let n: u64 = row.get(1)?;
                gone.add(kind_of(row.get(0)?), n, row.get::<_, u64>(2)? + n * OVERHEAD);
            }
        }
        if gone.count.is_zero() {
            return Ok(false);
        }
        tx.execute("DELETE FROM record WHERE boot = ?1 AND seq <= ?2", [run, up_to])?;
        tx.commit()?;
        self.held = self.held.minus(gone);
        Ok(true)
    }

    /// Changes this run's records, all or none; gives how many were.
    pub(super) fn rewrite(
        &mut self,
        change: impl Fn(u64, &[u8]) -> Option<Vec<u8>>,
    ) -> rusqlite::Result<u64> {
        let tx = self.db.transaction()?;
        let (mut held, mut changed, mut after) = (self.held, 0, 0_i64);
        loop {
            // Not all at once: memory is short.
            let mut read = tx.prepare(
                "SELECT seq, kind, body FROM record WHERE boot = ?1 AND seq > ?2 \
                 ORDER BY seq LIMIT 128",
            )?;
            let some = read
                .query_map([self.run, after], |r| {
                    Ok((r.get::<_, i64>(0)?, kind_of(r.get(1)?), r.get::<_, Vec<u8>>(2)?))
                })?
                .collect::<rusqlite::Result<Vec<_>>>()?;
            let Some(last) = some.last() else { break };
            after = last.0;
            let mut write =
                tx.prepare("UPDATE record SET body = ?3 WHERE boot = ?1 AND seq = ?2")?;
            for (seq, kind, body) in some {
                let Some(new) = change(seq as u64, &body) else { continue };
                let mut gone = Held::default();
                gone.add(kind, 0, body.len() as u64);
                held.add(kind, 0, new.len() as u64);
                held = held.minus(gone);
                changed += write.execute(params![self.run, seq, new])? as u64;
            }
        }
        tx.commit()?;
        self.held = held;
        Ok(changed)
    }

    /// The run and records after (`run`, `seq`), of the first run that has any.
    pub(super) fn next(
        &self,
        after: (i64, u64),
        max_records: usize,
        max_bytes: usize,
    ) -> rusqlite::Result<Option<(i64, BootId, Vec<Item>)>> {
        let mut query = self.db.prepare(
            "SELECT boot, seq, kind, body FROM record \
             WHERE (boot, seq) > (?1, ?2) ORDER BY boot, seq LIMIT ?3",
        )?;
        let mut rows = query.query(params![after.0, after.1.cast_signed(), max_records as i64])?;
        let mut found: Option<(i64, Vec<Item>)> = None;
        let mut bytes = 0;
        while let Some(row) = rows.next()? {
            let run = row.get(0)?;
            let item = Item {
                seq: row.get::<_, i64>(1)?.cast_unsigned(),
                kind: kind_of(row.get(2)?),
                body: row.get(3)?,
            };
            bytes += item.body.len();
            match &mut found {
                None => found = Some((run, vec![item])),
                Some((of, items)) if *of == run && bytes <= max_bytes => items.push(item),
                Some(_) => break,
            }
        }
        let Some((run, items)) = found else { return Ok(None) };
        let boot = self.db.query_row("SELECT id FROM boot WHERE n = ?1", [run], |r| {
            Ok(BootId(r.get::<_, i64>(0)?.cast_unsigned()))
        })?;
        Ok(Some((run, boot, items)))
    }
}

/// Deletes slots, oldest first, then events, until `room` bytes are free.
fn make_room(tx: &rusqlite::Transaction<'_>, room: u64) -> rusqlite::Result<Held> {
    let mut gone = Held::default();
    for kind in [Kind::Slot, Kind::Event] {
        if gone.bytes() >= room {
            break;
        }
        let mut oldest = tx.prepare(
            "SELECT boot, seq, length(body) FROM record WHERE kind = ?1 ORDER BY boot, seq",
        )?;
        let mut rows = oldest.query([kind as i64])?;
        let mut last = None;
        while gone.bytes() < room {
            let Some(row) = rows.next()? else { break };
            last = Some((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?));
            gone.add(kind, 1, row.get::<_, u64>(2)? + OVERHEAD);
        }
        drop(rows);
        if let Some((boot, seq)) = last {
            tx.execute(
                "DELETE FROM record WHERE kind = ?1 AND (boot, seq) <= (?2, ?3)",
                [kind as i64, boot, seq],
            )?;
        }
    }
    Ok(gone)
}

fn kind_of(stored: i64) -> Kind {
    if stored == Kind::Slot as i64 { Kind::Slot } else { Kind::Event }
}

/// Whether the file itself is broken, so that only a new one helps.
pub(super) fn is_corrupt(e: &rusqlite::Error) -> bool {
    use rusqlite::Error as E;
    matches!(e.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
        // Tables or values other than ours: not a spool.
        || matches!(
            e,
            E::InvalidColumnType(..) | E::IntegralValueOutOfRange(..) | E::QueryReturnedNoRows
        )
        || matches!(e, E::SqliteFailure(f, Some(m)) if f.code == ErrorCode::Unknown
            && (m.contains("no such table") || m.contains("already exists")))
        || matches!(e, E::SqlInputError { msg, .. } if msg.contains("no such"))
}

fn corrupt(what: String) -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(
        rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT),
        Some(what),
    )
}

/// Moves the file to `<name>.corrupt`, over an earlier one, and its journal away.
fn set_aside(path: &Path) -> Result<(), SpoolError> {
    let beside = |suffix: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    };
    for journal in ["-wal", "-shm", "-journal"] {
        let _ = fs::remove_file(beside(journal));
    }
    fs::rename(path, beside(".corrupt"))
        .map_err(|source| SpoolError::Folder { path: path.to_owned(), source })
}
