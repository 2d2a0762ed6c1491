//! Late data through the store: whatever order records come in and however often
//! they are sent, the same past is judged.

use hearth_proto::convert::encode_record;
use hearth_proto::{BootId, Record, Seq, UnixMs, Vantage};
use proptest::prelude::*;

use super::SqliteStore;
use crate::history::{Exclusion, History, Span};
use crate::ledger::Ledger;
use crate::qoe::catalogue::Catalogue;
use crate::scripted::{START, Script, ScriptLink, What};
use crate::store::exclusions::{Exclusions as _, Removal};
use crate::store::{Accepted, Batch, Hello, Store as _, Write};

const MINUTE: i64 = 60_000;
const MINUTES: i64 = 12;

fn script() -> impl Strategy<Value = History> {
    let trouble = (0_i64..30, 1_i64..12, 0_usize..3).prop_map(|(from, length, what)| {
        let what = [What::Access, What::Loss(0.4), What::Slow(700)][what];
        (from * 20_000, (from + length) * 20_000, what)
    });
    prop::collection::vec(trouble, 0..3).prop_map(|troubles| {
        let fttp = ScriptLink::new("eth0", hearth_proto::Technology::Fttp, 20);
        let fttp = troubles.into_iter().fold(fttp, |l, (from, to, what)| l.trouble(from, to, what));
        let five_g = ScriptLink::new("wwan0", hearth_proto::Technology::NrSa, 35);
        let mut script = Script::minutes(MINUTES, vec![fttp, five_g]);
        script.probe_every_ms = 2_000;
        script.history()
    })
}

fn records(history: &History) -> Vec<Record> {
    let slots = history.links.iter().flat_map(|l| &l.slots).cloned().map(Record::Slot);
    slots.chain(history.events.iter().map(|(_, e)| Record::Event(e.clone()))).collect()
}

fn hello() -> Write {
    Write::Hello(Hello {
        agent: "agent".parse().unwrap(),
        household: "home-1".parse().unwrap(),
        version: "1".to_owned(),
        vantage: Vantage::Device,
        received: START,
    })
}

/// One batch of a boot, its records numbered on from `first`.
fn batch(boot: u64, first: u64, records: &[Record]) -> Write {
    let records: Vec<Accepted> = (first..)
        .zip(records)
        .map(|(seq, record)| Accepted {
            seq: Seq(seq),
            body: encode_record(record),
            record: record.clone(),
        })
        .collect();
    Write::Batch(Batch {
        agent: "agent".parse().unwrap(),
        boot: BootId(boot),
        up_to: records.last().map_or(Seq(0), |r| r.seq),
        records,
        refused: Vec::new(),
        received: START.plus(MINUTES * MINUTE),
    })
}

fn judged(store: &SqliteStore) -> Ledger {
    let span = Span { from: START, to: START.plus(MINUTES * MINUTE) };
    let history = store.history(&"home-1".parse().unwrap(), span).unwrap();
    Ledger::build(&history, &Catalogue::built_in())
}

fn store() -> (tempfile::TempDir, SqliteStore) {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path()).unwrap();
    (folder, store)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn any_order_of_arrival_and_any_repeat_give_the_same_ledger(
        history in script(),
        order in Just(()).prop_perturb(|(), mut random| {
            (0..2 * MINUTES as usize + 16).map(|_| random.next_u64()).collect::<Vec<_>>()
        }),
        boots in 1_u64..4, size in 1_usize..9, again in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let (_folder, straight) = store();
        let all = records(&history);
        straight.commit(&[hello(), batch(1, 1, &all)]).unwrap();
        let expected = judged(&straight);

        // Several boots, each with records of any time, batch by batch in turn.
        let (_folder, late) = store();
        late.commit(&[hello()]).unwrap();
        let mut shuffled: Vec<(u64, Record)> = order.iter().copied().chain(0..).zip(all).collect();
        shuffled.sort_by_key(|(key, _)| *key);
        let mut next = vec![1_u64; boots as usize];
        let mut sent: Vec<(u64, u64, Vec<Record>)> = Vec::new();
        for (i, part) in shuffled.chunks(size).enumerate() {
            let boot = i as u64 % boots;
            let part: Vec<Record> = part.iter().map(|(_, r)| r.clone()).collect();
            let first = next[boot as usize];
            next[boot as usize] += part.len() as u64;
            late.commit(&[batch(boot + 1, first, &part)]).unwrap();
            sent.push((boot + 1, first, part));
        }
        prop_assert_eq!(&judged(&late), &expected);

        let (totals, mut repeated) = (late.totals().unwrap(), 0);
        for index in again {
            let (boot, first, part) = index.get(&sent);
            late.commit(&[batch(*boot, *first, part)]).unwrap();
            repeated += part.len() as u64;
        }
        prop_assert_eq!(&judged(&late), &expected);
        let after = late.totals().unwrap();
        prop_assert_eq!((after.slots, after.events), (totals.slots, totals.events));
        prop_assert_eq!(after.duplicates, totals.duplicates + repeated);
    }

    #[test]
    fn an_exclusion_before_or_after_its_records_counts_alike_and_is_undone(
        history in script(), from in 0_i64..MINUTES, minutes in 1_i64..6, first in any::<bool>(),
    ) {
        let (_folder, store) = store();
        let household = "home-1".parse().unwrap();
        let all = records(&history);
        store.commit(&[hello(), batch(1, 1, &all[..1])]).unwrap();
        let exclusion = Exclusion {
            link: None,
            span: Span { from: START.plus(from * MINUTE), to: START.plus((from + minutes) * MINUTE) },
            by: "noc".into(),
            why: "works".into(),
        };
        let enter = || store.exclude(&household, &exclusion, UnixMs(0)).unwrap();
        let rest = || store.commit(&[batch(1, 2, &all[1..])]).unwrap();
        let number = if first {
            let number = enter();
            rest();
            number
        } else {
            rest();
            enter()
        };
        let mut expected = history.clone();
        // The script's links are told of by no event.
        let told = |history: &History| Ledger::build(history, &Catalogue::built_in());
        let cells = |l: &Ledger| {
            let columns = (0..2).flat_map(|link| (0..l.activities.len()).map(move |a| (link, a)));
            columns.flat_map(|(link, a)| l.column(link, a).to_vec()).collect::<Vec<_>>()
        };
        expected.exclusions.push(exclusion.clone());
        prop_assert_eq!(cells(&judged(&store)), cells(&told(&expected)));
        let removal = Removal { at: UnixMs(1), by: "noc".into(), why: "a mistake".into() };
        prop_assert!(store.include(&household, number, &removal).unwrap());
        prop_assert_eq!(cells(&judged(&store)), cells(&told(&history)));
    }
}
