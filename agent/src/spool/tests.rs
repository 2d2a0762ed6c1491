mod model;

use std::fs;
use std::path::Path;
use std::time::Duration;

use hearth_proto::convert::decode_record;
use hearth_proto::{BootId, Event, EventKind, LinkSlot, Record, Seq, SlotLength, UnixMs};

use super::state::{Core, Now};
use super::{Spool, SpoolError, SpoolLimits};

/// Records are told apart by a number in their time.
fn slot(id: u64) -> Record {
    Record::Slot(LinkSlot {
        link: "wan0".parse().unwrap(),
        start: UnixMs(1_764_000_000_000 + id as i64 * 60_000),
        length: SlotLength::MINUTE,
        down_ms: 0,
        unjudged_ms: 60_000,
        down_cause: None,
        series: Vec::new(),
        busy: None,
        own: hearth_proto::Own::default(),
        wifi: None,
        cells: Vec::new(),
    })
}

fn event(id: u64) -> Record {
    let at = UnixMs(1_764_000_000_000 + id as i64 * 60_000);
    Record::Event(Event { at, at_boot_ms: 0, kind: EventKind::ClockStep { by_ms: 1 } })
}

/// The number of one of ours; `None` for the spool's own events.
fn id(record: &Record) -> Option<u64> {
    let at = match record {
        Record::Slot(s) => s.start,
        Record::Event(Event { at, kind: EventKind::ClockStep { .. }, .. }) => *at,
        Record::Test(_) | Record::Event(_) => return None,
    };
    Some((at.0 as u64 - 1_764_000_000_000) / 60_000)
}

fn at(ms: u64) -> Now {
    Now { ms, wall: UnixMs(1_764_000_000_000 + ms as i64) }
}

/// Everything in the spool, in the order it would be sent.
fn all(core: &mut Core) -> Vec<(BootId, Seq, Record)> {
    let mut found = Vec::new();
    let mut after = None;
    while let Some(batch) = core.next(after, 3, 200, at(0)).unwrap() {
        assert!(!batch.records.is_empty() && batch.records.len() <= 3);
        assert_eq!(batch.up_to(), batch.records.last().unwrap().0);
        after = Some(batch.end);
        for (seq, body) in batch.records {
            found.push((batch.boot, seq, decode_record(&body).unwrap()));
        }
    }
    found
}

/// Slots and events that reports among `records` tell the loss of.
fn reports(records: &[(BootId, Seq, Record)]) -> (u64, u64) {
    records.iter().fold((0, 0), |sum, (_, _, record)| match record {
        Record::Event(Event { kind: EventKind::SpoolDropped { slots, events }, .. }) => {
            (sum.0 + slots, sum.1 + events)
        }
        _ => sum,
    })
}

fn small() -> SpoolLimits {
    SpoolLimits {
        max_bytes: 2000,
        memory_bytes: 800,
        write_interval: Duration::from_secs(1),
        report_interval: Duration::from_secs(5),
    }
}

#[test]
fn what_is_acknowledged_in_time_is_never_written() {
    let folder = tempfile::tempdir().unwrap();
    let mut core = Core::new(&folder.path().join("s"), small(), BootId(7), at(0)).unwrap();
    for i in 0..50 {
        core.append(&[slot(i)], at(i * 2000));
        let batch = core.next(None, 10, 1000, at(i * 2000)).unwrap().unwrap();
        core.ack(batch.boot, batch.up_to(), at(i * 2000 + 500)).unwrap();
    }
    assert_eq!((core.stats().writes, core.stats().slots), (0, 0));
}

#[test]
fn slots_cause_one_write_per_interval() {
    let folder = tempfile::tempdir().unwrap();
    let limits = SpoolLimits { max_bytes: 1 << 20, ..small() };
    let mut core = Core::new(&folder.path().join("s"), limits, BootId(7), at(0)).unwrap();
    for i in 0..100 {
        let now = at(i * 100);
        if core.due_ms().is_some_and(|due| due <= now.ms) {
            core.flush(now).unwrap();
        }
        core.append(&[slot(i)], now);
    }
    let writes = core.stats().writes;
    assert!((8..=10).contains(&writes), "{writes} writes in 10 s");
}

#[test]
fn drops_are_counted_and_reported_also_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s");
    let limits = SpoolLimits { report_interval: Duration::ZERO, ..small() };
    let mut core = Core::new(&path, limits, BootId(1), at(0)).unwrap();
    core.append(&[event(0)], at(0));
    for i in 1..200 {
        core.append(&[slot(i)], at(i));
    }
    core.flush(at(200)).unwrap();
    let dropped = core.stats().dropped_slots;
    assert!(dropped > 100 && core.stats().dropped_events == 0);
    // The first record of all was an event: it has outlived the slots after it.
    assert_eq!(id(&all(&mut core)[0].2), Some(0));
    drop(core);

    let mut core = Core::new(&path, limits, BootId(2), at(0)).unwrap();
    core.append(&[event(200)], at(1));
    // With room again, a report drops nothing itself, and so tells of all.
    let sent = &all(&mut core)[..10];
    core.ack(BootId(1), sent[9].1, at(2)).unwrap();
    core.flush(at(2)).unwrap();
    let again = core.stats().dropped_slots;
    let told = reports(sent).0 + reports(&all(&mut core)).0;
    assert_eq!(told, dropped + again);
}

#[test]
fn a_corrupt_file_is_moved_aside_and_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s");
    fs::write(&path, b"this was a spool once".repeat(500)).unwrap();
    let mut core = Core::new(&path, small(), BootId(1), at(0)).unwrap();
    core.append(&[slot(1)], at(0));
    core.flush(at(1)).unwrap();
    assert!(folder.path().join("s.corrupt").exists());
    let held = all(&mut core);
    assert!(matches!(
        &held[0].2,
        Record::Event(Event { kind: EventKind::CannotMeasure { why, .. }, .. })
            if why.contains("corrupt")
    ));
    assert_eq!(id(&held[1].2), Some(1));
}

#[test]
fn a_file_that_breaks_while_in_use_is_replaced_and_its_records_counted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s");
    let limits = SpoolLimits { report_interval: Duration::ZERO, ..SpoolLimits::default() };
    let slots: Vec<_> = (0..40_000).map(slot).collect();
    let mut core = Core::new(&path, limits, BootId(1), at(0)).unwrap();
    core.append(&slots, at(0));
    core.flush(at(0)).unwrap();
    drop(core);
    let mut core = Core::new(&path, limits, BootId(2), at(0)).unwrap();
    // Beyond what is cached of it.
    let mut bytes = fs::read(&path).unwrap();
    let half = bytes.len() / 2;
    bytes[8192..half].fill(0xa5);
    overwrite(&path, &bytes);

    let mut after = None;
    let failed = loop {
        match core.next(after, 1000, 1 << 20, at(1)) {
            Ok(Some(batch)) => after = Some(batch.end),
            Ok(None) => panic!("a broken file was read to its end"),
            Err(e) => break e,
        }
    };
    assert!(matches!(failed, SpoolError::Database { .. }), "{failed}");
    core.append(&[slot(50_000)], at(2));
    core.flush(at(3)).unwrap();
    assert_eq!(reports(&all(&mut core)), (40_000, 0));
    assert!(all(&mut core).iter().any(|(_, _, r)| id(r) == Some(50_000)));
}

/// In place, so that the open file sees it.
fn overwrite(path: &Path, bytes: &[u8]) {
    use std::io::Write;
    let mut file = fs::OpenOptions::new().write(true).open(path).unwrap();
    file.write_all(bytes).unwrap();
}

#[test]
fn a_full_disk_keeps_what_memory_can_and_recovers() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s");
    let limits = SpoolLimits {
        max_bytes: 1 << 20,
        memory_bytes: 4000,
        report_interval: Duration::ZERO,
        ..small()
    };
    let mut core = Core::new(&path, limits, BootId(1), at(0)).unwrap();
    core.append(&[slot(0)], at(0));
    core.flush(at(0)).unwrap();
    core.cap_pages(Some(8));
    let mut refused = 0;
    for i in 1..1000 {
        core.append(&[slot(i)], at(i * 500));
        if core.due_ms().is_some_and(|due| due <= i * 500) {
            refused += u64::from(core.flush(at(i * 500)).is_err());
        }
        assert!(core.stats().bytes <= 32_768 + limits.memory_bytes);
    }
    assert!(refused > 10, "the cap was never met");
    assert_eq!(core.stats().failed_writes, refused);
    let dropped = core.stats().dropped_slots;
    let held = all(&mut core).len() as u64;
    assert_eq!(core.stats().slots + dropped, 1000);
    assert!(dropped > 0 && held > 20);

    core.cap_pages(None);
    // The first write has the report made when the disk filled up, the second the rest.
    core.flush(at(600_000)).unwrap();
    core.flush(at(600_001)).unwrap();
    assert_eq!(core.stats().unwritten, 0);
    assert_eq!(reports(&all(&mut core)), (core.stats().dropped_slots, 0));
    assert_eq!(core.stats().slots + core.stats().dropped_slots, 1000);
}

#[tokio::test]
async fn a_handle_gives_back_what_was_appended_and_locks_others_out() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep/er/s");
    let spool = Spool::open(&path, SpoolLimits::default(), BootId(1)).unwrap();
    let mut grown = spool.appended();
    spool.append(vec![slot(1), event(2)]).await.unwrap();
    grown.changed().await.unwrap();
    let e = Spool::open(&path, SpoolLimits::default(), BootId(2)).unwrap_err();
    assert!(matches!(e, SpoolError::InUse { .. }), "{e}");

    let batch = spool.next_batch(None, 10, 1000).await.unwrap().unwrap();
    assert_eq!(batch.boot, BootId(1));
    let seqs: Vec<_> = batch.records.iter().map(|r| r.0.0).collect();
    assert_eq!(seqs, [1, 2]);
    spool.ack(batch.boot, Seq(1)).await.unwrap();
    let stats = spool.clone().close().await.unwrap();
    assert_eq!((stats.slots, stats.events, stats.unwritten), (0, 1, 0));
    assert!(matches!(spool.append(vec![slot(3)]).await, Err(SpoolError::Closed)));

    let spool = Spool::open(&path, SpoolLimits::default(), BootId(2)).unwrap();
    spool.append(vec![slot(4)]).await.unwrap();
    let old = spool.next_batch(None, 10, 1000).await.unwrap().unwrap();
    assert_eq!((old.boot, old.up_to()), (BootId(1), Seq(2)));
    let new = spool.next_batch(Some(old.end), 10, 1000).await.unwrap().unwrap();
    assert_eq!((new.boot, new.up_to()), (BootId(2), Seq(1)));
    assert_eq!(spool.next_batch(Some(new.end), 10, 1000).await.unwrap(), None);
}

/// An earlier run's dates are of a clock that this one knows nothing of; what a right
/// clock dated stays, on disk and in memory.
#[test]
fn only_what_a_wrong_clock_dated_is_mended() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("spool");
    let open = |boot| Core::new(&path, SpoolLimits::default(), BootId(boot), at(0)).unwrap();
    let mut core = open(1);
    core.append(&[slot(0)], at(0));
    core.flush(at(0)).unwrap();
    drop(core);

    let mut core = open(2);
    for (id, clock, flushed) in [(1, 0, true), (2, 1, true), (3, 0, false), (4, 1, false)] {
        core.dated_by(clock);
        core.append(&[slot(id)], at(0));
        if flushed {
            core.flush(at(0)).unwrap();
        }
    }
    assert_eq!(core.mend(100 * 60_000, &(1..=1), at(0)).unwrap(), 2);
    let ids: Vec<_> = all(&mut core).iter().filter_map(|(_, _, record)| id(record)).collect();
    assert_eq!(ids, [0, 1, 102, 3, 104]);
}
