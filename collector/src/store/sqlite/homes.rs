//! What is told of homes: a log, written by whichever process, read by all.

use hearth_proto::{HouseholdId, UnixMs};
use rusqlite::{Connection, TransactionBehavior, params};

use super::read::{ReadError, parsed, unreadable};
use super::{SqliteStore, database};
use crate::homes::{Home, HomeEntry};
use crate::store::StoreError;
use crate::store::homes::{HomeChange, Homes};

/// The last entry of each household, where it was not taken back.
const HOLDS: &str = "body IS NOT NULL AND NOT EXISTS (SELECT 1 FROM home AS later \
                     WHERE later.household = home.household AND later.version > home.version)";

impl Homes for SqliteStore {
    fn change_homes(&self, changes: &[HomeChange]) -> Result<Vec<u64>, StoreError> {
        const DOING: &str = "entering what is told of a home";
        self.writing(|w| {
            let tx =
                w.db.transaction_with_behavior(TransactionBehavior::Immediate)
                    .map_err(database(&w.path, DOING))?;
            let mut versions = Vec::with_capacity(changes.len());
            {
                let mut insert = tx
                    .prepare(
                        "INSERT INTO home (household, body, entered_by, at_ms) \
                         VALUES (?1, ?2, ?3, ?4) RETURNING version",
                    )
                    .map_err(database(&w.path, DOING))?;
                for change in changes {
                    let body = change.home.as_ref().map(serde_json::to_string).transpose();
                    let body = body.map_err(|e| StoreError::Unreadable {
                        path: w.path.clone(),
                        what: "a home".to_owned(),
                        why: e.to_string(),
                    })?;
                    let of = params![change.household.as_str(), body, change.by, change.at.0];
                    let version = insert.query_row(of, |r| r.get(0));
                    versions.push(version.map_err(database(&w.path, DOING))?);
                }
            }
            tx.commit().map_err(database(&w.path, DOING))?;
            Ok(versions)
        })
    }

    fn home(&self, household: &HouseholdId) -> Result<Home, StoreError> {
        self.reading("reading what is told of a home", |db| {
            let which = format!("household = ?1 AND {HOLDS}");
            let last = entries(db, &which, Some(household))?.pop();
            Ok(last.and_then(|e| e.home).unwrap_or_default())
        })
    }

    fn homes(&self) -> Result<Vec<HomeEntry>, StoreError> {
        self.reading("listing what is told of homes", |db| {
            let mut homes = entries(db, &format!("{HOLDS} AND ?1 IS NULL"), None)?;
            homes.sort_by(|a, b| a.household.cmp(&b.household));
            Ok(homes)
        })
    }

    fn home_log(&self, household: Option<&HouseholdId>) -> Result<Vec<HomeEntry>, StoreError> {
        self.reading("listing what was told of homes", |db| {
            entries(db, "household = ?1 OR ?1 IS NULL", household)
        })
    }
}

fn entries(
    db: &Connection,
    which: &str,
    household: Option<&HouseholdId>,
) -> Result<Vec<HomeEntry>, ReadError> {
    let mut query = db.prepare(&format!(
        "SELECT version, household, body, entered_by, at_ms FROM home WHERE {which} \
         ORDER BY version"
    ))?;
    let mut rows = query.query([household.map(HouseholdId::as_str)])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let home = row
            .get::<_, Option<String>>(2)?
            .map(|body| serde_json::from_str(&body).map_err(|e| unreadable("a home", e)))
            .transpose()?;
        found.push(HomeEntry {
            version: row.get(0)?,
            household: parsed("a household's name", row.get(1)?)?,
            home,
            by: row.get(3)?,
            at: UnixMs(row.get(4)?),
        });
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(household: &str, area: Option<&str>, at: i64) -> HomeChange {
        let home = area.map(|area| {
            let mut home = Home::default();
            home.place.area = Some(area.to_owned());
            home
        });
        let household = household.parse().unwrap();
        HomeChange { household, home, by: "noc".to_owned(), at: UnixMs(at) }
    }

    fn area(store: &SqliteStore, household: &str) -> Option<String> {
        store.home(&household.parse().unwrap()).unwrap().place.area
    }

    #[test]
    fn the_last_entry_holds_and_all_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(folder.path()).unwrap();
        assert_eq!(area(&store, "home-1"), None, "nothing told is no error");
        let told = [change("home-1", Some("north"), 1), change("home-2", Some("south"), 1)];
        assert_eq!(store.change_homes(&told).unwrap(), [1, 2]);
        store.change_homes(&[change("home-1", Some("east"), 2)]).unwrap();
        store.change_homes(&[change("home-2", None, 3)]).unwrap();
        assert_eq!(area(&store, "home-1").as_deref(), Some("east"));
        assert_eq!(area(&store, "home-2"), None, "taken back");
        let names: Vec<_> = store
            .homes()
            .unwrap()
            .into_iter()
            .map(|e| (e.household.to_string(), e.version))
            .collect();
        assert_eq!(names, [("home-1".to_owned(), 3)]);
        let home_2 = "home-2".parse().unwrap();
        let log = store.home_log(Some(&home_2)).unwrap();
        let kept: Vec<_> = log.iter().map(|e| (e.version, e.at.0, e.home.is_some())).collect();
        assert_eq!(kept, [(2, 1, true), (4, 3, false)]);
        assert_eq!(store.home_log(None).unwrap().len(), 4);
    }

    #[test]
    fn what_was_entered_can_be_neither_edited_nor_erased() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(folder.path()).unwrap();
        store.change_homes(&[change("home-1", Some("north"), 1)]).unwrap();
        let db = Connection::open(folder.path().join(super::super::FILE)).unwrap();
        for sql in ["UPDATE home SET entered_by = 'x'", "DELETE FROM home"] {
            assert!(
                db.execute(sql, []).unwrap_err().to_string().contains("home is a log"),
                "{sql}"
            );
        }
    }
}
