use std::collections::{HashMap, HashSet};

use hearth_proto::{Cause, DownCause, ProbeKind, Role, convert};

use super::*;

const DAY: i64 = 86_400_000;
const START: UnixMs = UnixMs(1_761_955_200_000);

fn day() -> Household {
    let span = Times { from: START, to: START.plus(DAY) };
    Household::ordinary("h1", span, 3).unwrap()
}

fn minutes(from: i64, to: i64) -> Times {
    Times { from: START.plus(from * 60_000), to: START.plus(to * 60_000) }
}

#[test]
fn every_record_passes_the_door_and_repeats() {
    let home = day();
    let records: Vec<Reported> = home.records().collect();
    assert_eq!(records, home.records().collect::<Vec<_>>());
    let mut ids = HashSet::new();
    let mut last: HashMap<BootId, Seq> = HashMap::new();
    for r in &records {
        let bytes = convert::encode_record(&r.record);
        assert_eq!(convert::decode_record(&bytes).unwrap(), r.record);
        assert!(ids.insert((r.boot, r.seq)), "each identity once");
        assert!(last.insert(r.boot, r.seq).is_none_or(|s| s < r.seq), "seq only rises");
    }
    let slots = records.iter().filter(|r| matches!(r.record, Record::Slot(_))).count();
    assert_eq!(slots, home.reported_link_slots());
}

#[test]
fn an_outage_shows_where_and_when_it_was() {
    let mut home = day();
    // From 30 s into minute 10 to minute 12, on FTTP and 4G together.
    let times = Times { from: START.plus(630_000), to: START.plus(720_000) };
    let cause = DownCause::Probes;
    home.script = Script::new(vec![Trouble::Outage { links: vec![0, 2], times, cause }]);
    home.span.to = START.plus(20 * 60_000);
    let mut down = HashMap::new();
    let mut turns = Vec::new();
    for r in home.records() {
        match r.record {
            Record::Slot(s) => {
                let minute = s.start.since(START) / 60_000;
                let far = s.series.iter().find(|x| x.key.probe == ProbeKind::Stamp).unwrap();
                let near = s.series.iter().find(|x| x.key.role == Role::Gateway).unwrap();
                assert_eq!(far.sent, 60);
                assert_eq!(near.failed(), 0, "the box in the home answers");
                if s.down_ms == 60_000 {
                    assert_eq!(far.failures, [(Cause::Timeout, 60)]);
                }
                assert!(u64::from(s.down_ms) >= u64::from(far.failed_while_down) * 1000);
                if s.down_ms > 0 {
                    down.insert((s.link.to_string(), minute), s.down_ms);
                }
            }
            Record::Test(_) => panic!("a virtual household runs no tests"),
            Record::Event(e) => {
                if let EventKind::LinkState { link, down } = e.kind {
                    turns.push((link.to_string(), e.at.since(START), down));
                }
            }
        }
    }
    let expected = ["fibre0", "wwan1"]
        .into_iter()
        .flat_map(|l| [((l.to_owned(), 10), 30_000), ((l.to_owned(), 11), 60_000)])
        .collect::<HashMap<_, _>>();
    assert_eq!(down, expected);
    assert_eq!(turns.len(), 4);
    assert!(turns.contains(&("fibre0".into(), 630_000, Some(cause))));
    assert!(turns.contains(&("wwan1".into(), 720_000, None)));
    let truth = home.script.truth(0, minutes(10, 11));
    assert_eq!(truth.down_ms, 30_000);
}

#[test]
fn a_power_cut_leaves_silence_and_a_new_boot() {
    let mut home = day();
    // From 20 s into minute 5 to 15 s into minute 8.
    let times = Times { from: START.plus(320_000), to: START.plus(495_000) };
    home.script = Script::new(vec![Trouble::PowerCut { times }]);
    home.span.to = START.plus(12 * 60_000);
    let mut boots = HashSet::new();
    let mut minutes_seen = HashMap::new();
    for r in home.records() {
        boots.insert(r.boot);
        if let Record::Slot(s) = r.record {
            assert_eq!(s.down_ms, 0, "silence is not an outage");
            minutes_seen.insert(s.start.since(START) / 60_000, s.unjudged_ms);
        }
    }
    assert_eq!(boots.len(), 2);
    assert!([5, 6, 7].iter().all(|m| !minutes_seen.contains_key(m)));
    assert_eq!(minutes_seen[&8], 15_000);
    assert_eq!(minutes_seen[&4], 0);
    assert_eq!(home.reported_link_slots(), 9 * 3);
}

#[test]
fn bad_wifi_shows_at_the_gateway_and_congestion_beyond_the_first_hop() {
    let mut home = day();
    home.script = Script::new(vec![
        Trouble::HomeWifi { link: 0, times: minutes(0, 10), extra_us: 40e3, loss: 0.0 },
        Trouble::Congestion { link: 0, times: minutes(20, 40), extra_us: 80e3, loss: 0.0 },
    ]);
    home.span.to = START.plus(60 * 60_000);
    let mut medians = HashMap::new();
    for r in home.records() {
        if let Record::Slot(s) = r.record
            && s.link.as_str() == "fibre0"
        {
            for x in s.series {
                let minute = s.start.since(START) / 60_000;
                medians.insert((minute, x.key.role), x.distribution.mean_us().unwrap() / 1e3);
            }
        }
    }
    assert!(medians[&(5, Role::Gateway)] > 15.0);
    assert!(medians[&(30, Role::Gateway)] < 5.0);
    assert!(medians[&(30, Role::FirstHop)] < 15.0);
    assert!(medians[&(30, Role::Reflector)] > 70.0);
    assert!(medians[&(50, Role::Reflector)] < 15.0);
}

#[test]
fn slots_may_be_a_second_long() {
    let mut home = day();
    home.slot = SlotLength::try_from(1000).unwrap();
    home.span.to = START.plus(30_000);
    home.script = Script::new(Vec::new());
    let slots: Vec<_> = home
        .records()
        .filter_map(|r| match r.record {
            Record::Slot(s) => Some(s),
            Record::Test(_) | Record::Event(_) => None,
        })
        .collect();
    assert_eq!(slots.len(), 90);
    assert!(slots.iter().all(|s| s.series[0].sent == 1 && s.length.ms() == 1000));
}
