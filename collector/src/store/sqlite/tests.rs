use hearth_proto::convert::{RecordError, encode_record};
use hearth_proto::{
    BootId, DefaultRoute, Event, EventKind, LinkInfo, LinkSlot, Record, Seq, SlotLength,
    Technology, UnixMs, Vantage,
};
use rusqlite::Connection;

use super::{FILE, SqliteStore};
use crate::history::{Exclusion, Span};
use crate::store::exclusions::{Exclusions as _, Removal};
use crate::store::{
    Accepted, Appended, Batch, Hello, RefusalClass, Store, StoreError, Write, Written,
};

const MINUTE: i64 = 60_000;
const START: i64 = 29_400_000 * MINUTE;

fn slot(link: &str, minute: i64) -> Record {
    Record::Slot(LinkSlot {
        link: link.parse().unwrap(),
        start: UnixMs(START + minute * MINUTE),
        length: SlotLength::MINUTE,
        down_ms: 0,
        unjudged_ms: 0,
        down_cause: None,
        series: Vec::new(),
        busy: None,
        own: hearth_proto::Own::default(),
        wifi: None,
        cells: Vec::new(),
    })
}

fn event(minute: i64, kind: EventKind) -> Record {
    Record::Event(Event { at: UnixMs(START + minute * MINUTE), at_boot_ms: 0, kind })
}

fn info(link: &str, technology: Technology, metric: Option<u32>) -> LinkInfo {
    LinkInfo {
        link: link.parse().unwrap(),
        interface: format!("{link}0"),
        technology,
        technology_source: "configured".to_owned(),
        v4: metric.map(|metric| DefaultRoute { metric }),
        v6: None,
    }
}

fn hello(agent: &str, household: &str) -> Write {
    Write::Hello(Hello {
        agent: agent.parse().unwrap(),
        household: household.parse().unwrap(),
        version: "1.2.3".to_owned(),
        vantage: Vantage::Router,
        received: UnixMs(START),
    })
}

fn batch(agent: &str, boot: u64, records: Vec<(u64, Record)>) -> Write {
    let up_to = Seq(records.last().map_or(0, |r| r.0));
    let records = records
        .into_iter()
        .map(|(seq, record)| Accepted { seq: Seq(seq), body: encode_record(&record), record })
        .collect();
    Write::Batch(Batch {
        agent: agent.parse().unwrap(),
        boot: BootId(boot),
        records,
        refused: Vec::new(),
        up_to,
        received: UnixMs(START + 5 * MINUTE),
    })
}

fn appended(written: &Written) -> Appended {
    match written {
        Written::Appended(a) => *a,
        other => panic!("{other:?}"),
    }
}

fn span(from: i64, to: i64) -> Span {
    Span { from: UnixMs(START + from * MINUTE), to: UnixMs(START + to * MINUTE) }
}

fn store() -> (tempfile::TempDir, SqliteStore) {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path()).unwrap();
    (folder, store)
}

#[test]
fn a_record_at_or_under_the_mark_is_counted_once_per_boot() {
    let (_folder, store) = store();
    let written = store
        .commit(&[
            hello("a", "h"),
            batch("a", u64::MAX, vec![(1, slot("wan", 0)), (2, slot("wan", 1))]),
            batch("a", u64::MAX, vec![(2, slot("wan", 1)), (5, slot("wan", 2))]),
            // Another boot has its own numbers.
            batch("a", 1, vec![(1, slot("wan", 2))]),
        ])
        .unwrap();
    assert_eq!(written[0], Written::Welcome);
    let got: Vec<_> =
        written[1..].iter().map(appended).map(|a| (a.up_to.0, a.slots, a.duplicates)).collect();
    assert_eq!(got, [(2, 2, 0), (5, 1, 1), (1, 1, 0)]);
    // An old batch does not lower the mark.
    let again = store.commit(&[batch("a", u64::MAX, vec![(1, slot("wan", 0))])]).unwrap();
    assert_eq!(appended(&again[0]).up_to, Seq(5));
    let history = store.history(&"h".parse().unwrap(), span(0, 10)).unwrap();
    let starts: Vec<_> =
        history.links[0].slots.iter().map(|s| (s.start.0 - START) / MINUTE).collect();
    // A slot in which the agent restarted comes once per run.
    assert_eq!(starts, [0, 1, 2, 2]);
    let totals = store.totals().unwrap();
    assert_eq!((totals.slots, totals.duplicates), (4, 2));
    assert_eq!(store.households().unwrap()[0].slots, 4);
}

#[test]
fn a_transaction_that_fails_leaves_nothing() {
    let (_folder, store) = store();
    let e = store
        .commit(&[
            hello("a", "h"),
            batch("a", 1, vec![(1, slot("wan", 0))]),
            batch("stranger", 1, vec![(1, slot("wan", 0))]),
        ])
        .unwrap_err();
    assert!(matches!(&e, StoreError::UnknownAgent(a) if a.as_str() == "stranger"), "{e}");
    assert_eq!(store.totals().unwrap(), crate::store::Totals::default());
    // What it had numbered is not remembered either.
    store.commit(&[hello("b", "h2"), batch("b", 1, vec![(1, slot("wan", 0))])]).unwrap();
    store.commit(&[hello("a", "h"), batch("a", 1, vec![(1, slot("wan", 0))])]).unwrap();
    for (household, agent) in [("h", "a"), ("h2", "b")] {
        let history = store.history(&household.parse().unwrap(), span(0, 1)).unwrap();
        assert_eq!(history.links.len(), 1);
        assert_eq!(history.links[0].agent.as_str(), agent);
        assert_eq!(history.links[0].slots.len(), 1);
    }
}

#[test]
fn a_history_has_links_by_preference_events_by_time_and_no_more_than_the_span() {
    let (_folder, store) = store();
    let boot = EventKind::Boot {
        version: "1".to_owned(),
        slot: SlotLength::MINUTE,
        vantage: Vantage::Router,
    };
    store
        .commit(&[
            hello("a", "h"),
            batch(
                "a",
                1,
                vec![
                    (1, event(0, boot.clone())),
                    (
                        2,
                        event(0, EventKind::LinkAppeared(info("lte", Technology::Wwan, Some(200)))),
                    ),
                    (
                        3,
                        event(0, EventKind::LinkAppeared(info("fttp", Technology::Fttp, Some(10)))),
                    ),
                    (4, slot("lte", 1)),
                    (5, slot("fttp", 1)),
                    (6, slot("untold", 1)),
                    (7, slot("fttp", 2)),
                    (8, event(2, EventKind::LinkChanged(info("lte", Technology::Lte, Some(300))))),
                    (9, slot("fttp", 9)),
                    (10, slot("later", 9)),
                ],
            ),
        ])
        .unwrap();
    let household = "h".parse().unwrap();
    let history = store.history(&household, span(1, 9)).unwrap();
    let links: Vec<_> = history
        .links
        .iter()
        .map(|l| (l.info.link.as_str(), l.info.technology, l.slots.len()))
        .collect();
    assert_eq!(
        links,
        [
            ("fttp", Technology::Fttp, 2),
            ("lte", Technology::Lte, 1),
            ("untold", Technology::Unknown, 1)
        ]
    );
    assert!(history.links.iter().all(|l| l.vantage == Vantage::Router));
    let kinds: Vec<_> = history.events.iter().map(|(a, e)| (a.as_str(), &e.kind)).collect();
    assert_eq!(kinds.len(), 1);
    assert!(matches!(kinds[0], ("a", EventKind::LinkChanged(l)) if l.link.as_str() == "lte"));
    assert_eq!(store.history(&household, span(0, 1)).unwrap().events[0].1.kind, boot);
    let unknown = store.history(&"x".parse().unwrap(), span(0, 1)).unwrap_err();
    assert!(matches!(unknown, StoreError::UnknownHousehold(_)));

    let summary = &store.households().unwrap()[0];
    assert_eq!((summary.slots, summary.last_slot), (6, Some(UnixMs(START + 9 * MINUTE))));
    assert_eq!(summary.last_seen, Some(UnixMs(START + 5 * MINUTE)));
    let order: Vec<_> = summary.agents[0].links.iter().map(|l| l.link.as_str()).collect();
    assert_eq!(order, ["fttp", "lte", "later", "untold"]);
}

#[test]
fn exclusions_touch_a_span_or_do_not() {
    let (_folder, store) = store();
    store.commit(&[hello("a", "h"), hello("b", "other")]).unwrap();
    let (h, other) = ("h".parse().unwrap(), "other".parse().unwrap());
    let exclusion = |link: Option<&str>, span| Exclusion {
        link: link.map(str::to_owned),
        span,
        by: "noc".to_owned(),
        why: "splice".to_owned(),
    };
    let late = store.exclude(&h, &exclusion(None, span(10, 20)), UnixMs(START)).unwrap();
    let early = store.exclude(&h, &exclusion(Some("fttp"), span(0, 5)), UnixMs(START)).unwrap();
    let listed: Vec<_> = store.exclusions(&h).unwrap();
    assert_eq!(listed.iter().map(|e| e.0).collect::<Vec<_>>(), [early, late]);
    assert_eq!(listed[0].1, exclusion(Some("fttp"), span(0, 5)));
    for (within, touching) in
        [(span(0, 30), 2), (span(5, 10), 0), (span(4, 11), 2), (span(19, 20), 1)]
    {
        let history = store.history(&h, within).unwrap();
        assert_eq!(history.exclusions.len(), touching, "{within:?}");
    }
    assert!(store.exclusions(&other).unwrap().is_empty());
    let removal = Removal { at: UnixMs(START + 1), by: "noc".into(), why: "a mistake".into() };
    assert!(!store.include(&other, early, &removal).unwrap());
    assert!(store.include(&h, early, &removal).unwrap());
    let later = Removal { by: "somebody else".into(), ..removal.clone() };
    assert!(!store.include(&h, early, &later).unwrap());
    assert_eq!(store.exclusions(&h).unwrap().len(), 1);
    assert!(store.history(&h, span(0, 5)).unwrap().exclusions.is_empty());
    // The log keeps both, and entering it again is another number.
    let again = store.exclude(&h, &exclusion(Some("fttp"), span(0, 5)), UnixMs(START + 2)).unwrap();
    let log = store.exclusion_log(&h).unwrap();
    let told: Vec<_> = log.iter().map(|e| (e.number, e.removed.clone())).collect();
    assert_eq!(told, [(late, None), (early, Some(removal)), (again, None)]);
    assert_eq!(log[1].entered_at, Some(UnixMs(START)));
}

#[test]
fn the_log_of_exclusions_can_not_be_edited() {
    let (folder, store) = store();
    store.commit(&[hello("a", "h")]).unwrap();
    let h = "h".parse().unwrap();
    let exclusion =
        Exclusion { link: None, span: span(0, 5), by: "noc".into(), why: "works".into() };
    let number = store.exclude(&h, &exclusion, UnixMs(START)).unwrap();
    let removal = Removal { at: UnixMs(START), by: "noc".into(), why: "a mistake".into() };
    store.include(&h, number, &removal).unwrap();
    drop(store);
    let db = Connection::open(folder.path().join(FILE)).unwrap();
    for edit in [
        "UPDATE exclusion SET why = 'other'",
        "DELETE FROM exclusion",
        "UPDATE exclusion_removed SET why = 'other'",
        "DELETE FROM exclusion_removed",
    ] {
        let e = db.execute(edit, []).unwrap_err().to_string();
        assert!(e.contains("is a log"), "{edit}: {e}");
    }
}

#[test]
fn what_a_link_is_was_told_last_whenever_that_came_in() {
    let told = |minute, technology| {
        let info = info("wan", technology, Some(1));
        event(minute, EventKind::LinkChanged(info))
    };
    let (early, late) = (told(1, Technology::Lte), told(3, Technology::NrSa));
    for records in [[early.clone(), late.clone()], [late, early]] {
        let (_folder, store) = store();
        let [first, second] = records;
        store.commit(&[hello("a", "h"), batch("a", 1, vec![(1, first)])]).unwrap();
        store.commit(&[batch("a", 2, vec![(1, second)])]).unwrap();
        let history = store.history(&"h".parse().unwrap(), span(0, 10)).unwrap();
        assert_eq!(history.links[0].info.technology, Technology::NrSa);
    }
}

#[test]
fn a_reader_needs_a_store_it_knows_and_does_not_write() {
    let folder = tempfile::tempdir().unwrap();
    let missing = SqliteStore::open_read_only(folder.path()).err().unwrap();
    assert!(matches!(missing, StoreError::Missing { .. }), "{missing}");
    assert!(!folder.path().join(FILE).exists());

    drop(SqliteStore::open(folder.path()).unwrap());
    // Nobody serves it, nobody has written to it since.
    let reader = SqliteStore::open_read_only(folder.path()).unwrap();
    let e = reader.commit(&[hello("a", "h")]).unwrap_err();
    assert!(matches!(e, StoreError::ReadOnly { .. }), "{e}");

    let writer = SqliteStore::open(folder.path()).unwrap();
    writer.commit(&[hello("a", "h")]).unwrap();
    assert_eq!(reader.households().unwrap().len(), 1);

    let db = Connection::open(folder.path().join(FILE)).unwrap();
    db.execute("INSERT INTO schema_version VALUES (99)", []).unwrap();
    for e in [
        SqliteStore::open_read_only(folder.path()).err().unwrap(),
        SqliteStore::open(folder.path()).err().unwrap(),
    ] {
        assert!(matches!(e, StoreError::Newer { found: 99, .. }), "{e}");
    }
}

#[test]
fn a_closed_store_leaves_no_journal() {
    let (folder, store) = store();
    store.commit(&[hello("a", "h")]).unwrap();
    store.totals().unwrap();
    drop(store);
    assert!(!folder.path().join(format!("{FILE}-wal")).exists());
}

#[test]
fn a_refusal_is_classed_by_its_field_and_not_by_its_value() {
    let class = |field: &str| {
        let e = RecordError::Field {
            field: field.to_owned(),
            value: "-7".to_owned(),
            accepted: "0 to 5".to_owned(),
        };
        RefusalClass::from(&e).as_str().to_owned()
    };
    assert_eq!(class("slot.series[17].sent"), "slot.series.sent");
    assert_eq!(class("event.at_unix_ms"), "event.at_unix_ms");
}

#[test]
fn folder_and_files_are_their_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let outer = tempfile::tempdir().unwrap();
    let folder = outer.path().join("state/hearth");
    let store = SqliteStore::open(&folder).unwrap();
    store.commit(&[hello("a", "h"), batch("a", 1, vec![(1, slot("wan", 0))])]).unwrap();
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    let files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|e| e.unwrap().path()).collect();
    assert!(files.iter().any(|f| f.to_string_lossy().ends_with("-wal")), "{files:?}");
    for file in files {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
}
