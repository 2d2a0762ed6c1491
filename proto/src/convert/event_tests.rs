use proptest::prelude::*;
use prost::Message;

use super::{RecordError, decode_record, encode_record};
use crate::event::{MAX_SWITCH_OVER_MS, Record};
use crate::wire;

fn moved(t: wire::TrafficMoved) -> Result<Record, RecordError> {
    let event = wire::Event {
        at_unix_ms: 1_764_000_000_000,
        at_boot_ms: 5,
        kind: Some(wire::event::Kind::TrafficMoved(t)),
    };
    let record = wire::Record { record: Some(wire::record::Record::Event(event)) };
    decode_record(&record.encode_to_vec())
}

#[test]
fn a_switch_over_that_can_not_be_is_refused() {
    let good = wire::TrafficMoved {
        from: "fibre".into(),
        to: "lte".into(),
        answered_after_ms: 600_000,
        routed_after_ms: Some(600_000),
    };
    assert!(moved(good.clone()).is_ok());
    let refused = |t| moved(t).unwrap_err().to_string();
    let e = refused(wire::TrafficMoved { to: "fibre".into(), ..good.clone() });
    assert!(e.contains("event.traffic_moved.to") && e.contains("another link"), "{e}");
    let e = refused(wire::TrafficMoved { answered_after_ms: 600_001, ..good.clone() });
    assert!(e.contains("answered_after_ms 600001") && e.contains("0 to 600000"), "{e}");
    let e = refused(wire::TrafficMoved { answered_after_ms: 7, ..good });
    assert!(e.contains("routed_after_ms 600000") && e.contains("0 to 7"), "{e}");
}

/// Of a newer agent: the one record is refused, and names its field.
#[test]
fn a_kind_of_event_that_is_not_known_is_refused_by_name() {
    let dated = wire::Event { at_unix_ms: 1_764_000_000_000, ..Default::default() };
    let mut event = dated.encode_to_vec();
    // Field 1000 of it, an empty message.
    event.extend([0xc2, 0x3e, 0x00]);
    // Record.event, by its tag and length.
    let kind = wire::record::Record::Event(wire::Event::default());
    let tag = wire::Record { record: Some(kind) }.encode_to_vec()[0];
    let record = [vec![tag, event.len() as u8], event].concat();
    let refused = decode_record(&record).unwrap_err().to_string();
    assert!(refused.starts_with("event.kind"), "{refused}");
}

proptest! {
    /// Any switch-over comes back as it was sent, or is refused.
    #[test]
    fn switch_overs_come_back(answered in 0_u32..700_000, routed in prop::option::of(0_u32..700_000)) {
        let told = moved(wire::TrafficMoved {
            from: "fibre".into(),
            to: "lte".into(),
            answered_after_ms: answered,
            routed_after_ms: routed,
        });
        let possible =
            answered <= MAX_SWITCH_OVER_MS && routed.is_none_or(|r| r <= answered);
        prop_assert_eq!(told.is_ok(), possible);
        if let Ok(record) = told {
            prop_assert_eq!(decode_record(&encode_record(&record)), Ok(record));
        }
    }
}
