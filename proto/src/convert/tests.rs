use proptest::prelude::*;
use prost::Message;

use super::*;
use crate::distribution::Distribution;
use crate::event::{BudgetReport, Detail, Event, EventKind, Purpose, Vantage};
use crate::plan::{LinkPlan, Measures, Order, Plan};
use crate::radio::{Cell, Layer, Wifi};
use crate::sample::{Cause, Family, ProbeKind, Role, SeriesKey};
use crate::slot::{Busy, Directions, DownCause, Ipdv, LinkSlot, Own, Series};
use crate::time::{SlotLength, UnixMs};
use crate::trial::{
    Confidence, DirectionFigures, Figures, OrderId, SkipReason, TestKind, TestOutcome, TestResult,
};
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
                after_idle: directed,
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
            own: Own { rx_bytes: busy.unwrap_or(0).into(), tx_bytes: 1 },
            wifi: busy.map(|b| wifi(b % 7)),
            cells: busy
                .map(|b| vec![cell(Layer::Lte, b % 3), cell(Layer::Nr, b % 5)])
                .unwrap_or_default(),
        },
    )
}

fn wifi(n: u32) -> Wifi {
    Wifi {
        samples: n + 1,
        signal_dbm: -60 - n as i32,
        signal_worst_dbm: -90,
        rx_kbps: (n > 0).then_some(n * 6500),
        tx_kbps: Some(6500),
        frequency_mhz: 5180,
        width_mhz: (n > 2).then_some(80),
        tx_packets: 1000,
        tx_retries: n,
        tx_failed: 0,
    }
}

fn cell(layer: Layer, n: u32) -> Cell {
    Cell {
        layer,
        samples: n + 1,
        rsrp_ddbm: Some(-1000 + n as i32),
        rsrq_ddb: (n > 0).then_some(0),
        sinr_ddb: (n > 1).then_some(-31),
        band: (n > 1).then_some(78),
        cell: (n > 0).then_some(1 << 35),
        pci: Some(0),
        plmn: (n > 0).then(|| "00101".parse().unwrap()),
        roaming: n > 0,
    }
}

fn test(outcome: TestOutcome) -> TestResult {
    TestResult {
        link: "lte".parse().unwrap(),
        kind: TestKind::Responsiveness,
        family: Some(Family::V4),
        server: "probe.example:8621".into(),
        start: UnixMs(1_764_000_000_123),
        start_boot_ms: 99,
        duration_ms: 20_000,
        order: Some(OrderId(7)),
        cost: Own { rx_bytes: 1 << 40, tx_bytes: 3 },
        outcome,
    }
}

fn figures() -> DirectionFigures {
    DirectionFigures {
        goodput_bps: 100_000_000,
        low_bps: Some(90_000_000),
        high_bps: None,
        confidence: Confidence::High,
        bytes: 12_500_000,
        measured_ms: 1_000,
        flows: 4,
        rpm: Some((1200, Confidence::Medium)),
        tcp_f: [10_000, 11_000].into_iter().collect(),
        tls_f: Distribution::default(),
        http_f: [12_000].into_iter().collect(),
        http_l: (0..1000).map(|i| 10_000 + i * 97).collect(),
    }
}

#[test]
fn every_outcome_of_a_test_comes_back() {
    let done = Figures { down: Some(figures()), up: None, idle_rtt: [9_000].into_iter().collect() };
    let mut outcomes = vec![
        TestOutcome::Done(Box::new(done)),
        TestOutcome::Failed { cause: Cause::Refused, why: "closed port".into() },
    ];
    outcomes.extend(
        SkipReason::ALL
            .map(|reason| TestOutcome::Skipped { reason, detail: reason.name().to_owned() }),
    );
    for outcome in outcomes {
        let record = Record::Test(test(outcome));
        assert_eq!(decode_record(&encode_record(&record)), Ok(record));
    }
}

#[test]
fn a_text_that_would_be_refused_is_cut_before_it_is_sent() {
    let why = format!("tls:\n{}", "x".repeat(2 * MAX_TEXT));
    let record = Record::Test(test(TestOutcome::Failed { cause: Cause::Protocol, why }));
    let Ok(Record::Test(test)) = decode_record(&encode_record(&record)) else {
        panic!("it was refused")
    };
    let TestOutcome::Failed { why, .. } = test.outcome else { panic!("not as it was") };
    assert!(why.starts_with("tls: xxx") && why.chars().count() == MAX_TEXT, "{why}");
}

#[test]
fn figures_outside_their_bounds_are_refused() {
    let odd = DirectionFigures { low_bps: Some(200_000_000), ..figures() };
    let done = Figures { up: Some(odd), ..Figures::default() };
    let record = Record::Test(test(TestOutcome::Done(Box::new(done))));
    let error = decode_record(&encode_record(&record)).unwrap_err().to_string();
    assert!(error.starts_with("test.figures.up.goodput_bps 100000000 is not accepted"), "{error}");
}

#[test]
fn plans_and_orders_come_back_and_odd_ones_are_refused() {
    let measures = Measures {
        interval_ms: Some(2000),
        capacity_every_s: Some(3600),
        no_tests: true,
        budget_bytes_per_month: Some(200_000_000),
        ..Measures::default()
    };
    let link = LinkPlan { link: "lte".parse().unwrap(), measures };
    let plan = Plan { version: 3, all: Measures::default(), links: vec![link.clone()] };
    assert_eq!(Plan::try_from(wire::Plan::from(&plan)), Ok(plan.clone()));
    assert_eq!(plan.of(&link.link), measures);
    assert_eq!(plan.of(&"other".parse().unwrap()), Measures::default());
    let twice = Plan { links: vec![link.clone(), link], ..Plan::default() };
    assert!(twice.check().unwrap_err().to_string().contains("each link once"));
    let fast = Measures { interval_ms: Some(1), ..Measures::default() };
    let fast = Plan { all: fast, ..Plan::default() };
    let error = Plan::try_from(wire::Plan::from(&fast)).unwrap_err().to_string();
    assert_eq!(error, "all.interval_ms 1 is not accepted: 100 to 600000");
    let order = Order {
        id: OrderId(5),
        link: None,
        kind: TestKind::Capacity,
        expires: UnixMs(1_764_000_000_000),
        by: "noc".into(),
    };
    assert_eq!(Order::try_from(wire::Order::from(&order)), Ok(order));
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
        EventKind::PathChanged {
            link: link.clone(),
            family: Family::V6,
            before: Vec::new(),
            now: vec![Some("fe80::1".parse().unwrap()), None],
        },
        EventKind::TrafficMoved {
            from: "fibre".parse().unwrap(),
            to: link.clone(),
            answered_after_ms: 12_345,
            routed_after_ms: None,
        },
        EventKind::RadioChanged {
            link: link.clone(),
            technology: Technology::NrNsa,
            roaming: true,
            cells: vec![cell(Layer::Lte, 2), cell(Layer::Nr, 4)],
            source: "ModemManager".into(),
        },
        EventKind::Budget(BudgetReport {
            link,
            month: "2026-11".into(),
            limit_bytes: Some(1 << 28),
            detail: Detail::NoTests,
            spent: Purpose::ALL.map(|p| (p, Own { rx_bytes: 5, tx_bytes: 6 })).to_vec(),
            tests_run: 3,
            tests_skipped: 4,
        }),
        EventKind::PlanTaken { version: 8 },
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

    /// The quick way reads what an encoder writes, and never something else than the
    /// general one does.
    #[test]
    fn the_quick_way_reads_as_the_general_one(
        slot in slot(), at in any::<prop::sample::Index>(), with in any::<u8>(),
    ) {
        let mut bytes = encode_record(&Record::Slot(slot.clone()));
        prop_assert_eq!(quick::slot(&bytes), Some(slot.clone()));
        prop_assert_eq!(decode_any(&bytes), Ok(Record::Slot(slot)));
        let at = at.index(bytes.len());
        bytes[at] = with;
        if let Some(slot) = quick::slot(&bytes) {
            prop_assert_eq!(decode_any(&bytes), Ok(Record::Slot(slot)));
        }
    }
}
