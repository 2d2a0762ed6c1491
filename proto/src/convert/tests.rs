use proptest::prelude::*;
use prost::Message;

use super::*;
use crate::event::{Event, EventKind, Vantage};
use crate::sample::{Cause, Family, ProbeKind, Role, SeriesKey};
use crate::slot::{Busy, Directions, DownCause, Ipdv, LinkSlot, Series};
use crate::time::{SlotLength, UnixMs};
use crate::{DefaultRoute, LinkInfo, Technology};

fn series() -> impl Strategy<Value = Series> {
    (
        prop::collection::vec(0_u32..5_000_000, 0..70),
        prop::collection::btree_map(prop::sample::select(&Cause::ALL[..]), 1_u32..50, 0..4),
        any::<(bool, bool)>(),
        0_u32..2000,
    )
        .prop_map(|(times, failures, (directed, paired), payload_bytes)| {
            let failures: Vec<_> = failures.into_iter().collect();
            let failed = failures.iter().map(|f| f.1).sum::<u32>();
            let pairs = times.len().saturating_sub(1) as u32;
            Series {
                key: SeriesKey {
                    probe: ProbeKind::Stamp,
                    role: Role::Reflector,
                    family: Family::V6,
                    target: String::new(),
                },
                sent: times.len() as u32 + failed,
                failures,
                failed_while_down: failed / 2,
                longest_failure_run: failed.min(1),
                directions: directed
                    .then_some(Directions { lost_forward: failed / 3, lost_back: failed / 2 }),
                ipdv: (paired && pairs > 0).then_some(Ipdv { mean_us: 7, pairs }),
                distribution: times.into_iter().collect(),
                payload_bytes,
            }
        })
}

fn slot() -> impl Strategy<Value = LinkSlot> {
    (series(), 0_u32..=60_000, 26_300_000_i64..27_000_000, any::<Option<u32>>()).prop_map(
        |(one, down_ms, minute, busy)| LinkSlot {
            link: "wan0".parse().unwrap(),
            start: UnixMs(minute * 60_000),
            length: SlotLength::MINUTE,
            down_ms,
            unjudged_ms: (60_000 - down_ms) / 2,
            down_cause: (down_ms > 0).then_some(DownCause::Route),
            series: vec![one],
            busy: busy.map(|b| Busy { rx_bytes: b.into(), tx_peak_bps: 9, ..Busy::default() }),
        },
    )
}

fn event(kind: EventKind) -> Record {
    Record::Event(Event { at: UnixMs(1_764_000_000_123), at_boot_ms: 5, kind })
}

#[test]
fn every_kind_of_event_comes_back() {
    let link: crate::LinkName = "lte".parse().unwrap();
    let info = LinkInfo {
        link: link.clone(),
        interface: "wwan0".into(),
        technology: Technology::Lte,
        technology_source: "configured".into(),
        v4: Some(DefaultRoute { metric: 0 }),
        v6: None,
    };
    for kind in [
        EventKind::Boot {
            version: "0.1.0".into(),
            slot: SlotLength::MINUTE,
            vantage: Vantage::Router,
        },
        EventKind::LinkAppeared(info.clone()),
        EventKind::LinkChanged(info),
        EventKind::LinkGone { link: link.clone() },
        EventKind::LinkState { link: link.clone(), down: None },
        EventKind::LinkState { link: link.clone(), down: Some(DownCause::Probes) },
        EventKind::SpoolDropped { slots: 3, events: 1 },
        EventKind::ClockStep { by_ms: -2000 },
        EventKind::Shutdown,
        EventKind::CannotMeasure {
            link: None,
            what: "icmp".into(),
            why: "no permission".into(),
            remedy: "widen ping_group_range".into(),
        },
    ] {
        let record = event(kind);
        assert_eq!(decode_record(&encode_record(&record)), Ok(record));
    }
}

fn refused(change: impl FnOnce(&mut wire::LinkSlot)) -> String {
    let mut slot = wire::LinkSlot {
        link: "wan0".into(),
        start_unix_ms: 1_764_000_000_000,
        length_ms: 60_000,
        ..Default::default()
    };
    change(&mut slot);
    let bytes = wire::Record { record: Some(wire::record::Record::Slot(slot)) }.encode_to_vec();
    decode_record(&bytes).unwrap_err().to_string()
}

#[test]
fn refusals_name_field_value_and_what_is_accepted() {
    let e = refused(|s| s.length_ms = 7);
    assert_eq!(e, "slot.length_ms 7 is not accepted: 1000 to 900000");
    let e = refused(|s| s.start_unix_ms += 1);
    assert!(e.contains("a multiple of length_ms, 60000"), "{e}");
    let e = refused(|s| s.start_unix_ms = 0);
    assert!(e.contains("from 2020 to 2100"), "{e}");
    let e = refused(|s| s.down_ms = 60_001);
    assert!(e.contains("slot.down_ms 60001") && e.contains("0 to 60000"), "{e}");
    let e = refused(|s| s.down_ms = 1);
    assert!(e.contains("slot.down_cause"), "{e}");
    let e = refused(|s| s.link = "a b".into());
    assert!(e.contains("slot.link") && e.contains("1 to 32"), "{e}");
    let e = refused(|s| s.series = vec![wire::Series { sent: 3, ..Default::default() }]);
    assert!(e.contains("slot.series[0].sent 3"), "{e}");
    let e = refused(|s| s.series = vec![wire::Series::default(); 65]);
    assert!(e.contains("at most 64"), "{e}");
}

#[test]
fn what_is_no_record_is_refused() {
    assert_eq!(decode_record(&[]), Err(RecordError::UnknownKind));
    assert!(matches!(decode_record(&[0x0a, 0x7f, 1]), Err(RecordError::Malformed(_))));
    assert_eq!(
        decode_record(&vec![0; MAX_RECORD_BYTES + 1]),
        Err(RecordError::Oversized(MAX_RECORD_BYTES + 1))
    );
}

proptest! {
    #[test]
    fn slots_come_back(slot in slot()) {
        let record = Record::Slot(slot);
        prop_assert_eq!(decode_record(&encode_record(&record)), Ok(record));
    }

    #[test]
    fn any_bytes_are_a_record_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = decode_record(&bytes);
    }

    /// A valid record with one octet changed is still read without a panic.
    #[test]
    fn a_flipped_octet_does_no_harm(slot in slot(), at in any::<prop::sample::Index>(), with in any::<u8>()) {
        let mut bytes = encode_record(&Record::Slot(slot));
        let at = at.index(bytes.len());
        bytes[at] = with;
        if let Ok(record) = decode_record(&bytes) {
            prop_assert_eq!(decode_record(&encode_record(&record)), Ok(record));
        }
    }
}
