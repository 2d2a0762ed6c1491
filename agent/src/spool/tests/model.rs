//! Any run of steps, with the spool held against what it must hold.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use hearth_proto::{BootId, Seq};
use proptest::prelude::*;

use super::{all, at, event, id, slot, small};
use crate::spool::Position;
use crate::spool::state::Core;

#[derive(Debug, Clone)]
enum Step {
    Slots(u8),
    Event,
    /// Sends a batch of at most so many records.
    Send(u8),
    /// The oldest batch on the way is acknowledged.
    Ack,
    /// The uplink reconnects: all unacknowledged is on the way no more.
    Reconnect,
    /// Time passes, and what is due is written.
    Wait(u16),
    Kill,
    Close,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (1_u8..12).prop_map(Step::Slots),
        2 => Just(Step::Event),
        5 => (1_u8..20).prop_map(Step::Send),
        4 => Just(Step::Ack),
        1 => Just(Step::Reconnect),
        3 => (1_u16..2000).prop_map(Step::Wait),
        1 => Just(Step::Kill),
        1 => Just(Step::Close),
    ]
}

/// What the spool must hold, and may have lost.
#[derive(Default)]
struct Model {
    slots: BTreeSet<u64>,
    events: BTreeSet<u64>,
    acked: BTreeSet<u64>,
    by_seq: BTreeMap<(u64, u64), u64>,
    sent: Vec<(BootId, Seq)>,
}

impl Model {
    /// Holds the spool against the model; `killed`: so many slots, those not yet
    /// written, may be missing.
    fn check(&mut self, core: &mut Core, seen: &mut (u64, u64), killed: u64) {
        let held = all(core);
        let order: Vec<_> = held.iter().map(|(b, s, _)| (b.0, s.0)).collect();
        assert!(order.is_sorted() && order.windows(2).all(|w| w[0] != w[1]), "{order:?}");
        let ids: BTreeSet<u64> = held.iter().filter_map(|(_, _, r)| id(r)).collect();
        for (boot, seq, record) in &held {
            if let Some(id) = id(record) {
                self.by_seq.insert((boot.0, seq.0), id);
            }
        }
        assert!(ids.is_disjoint(&self.acked), "acknowledged records came again");
        let all: BTreeSet<u64> = self.slots.union(&self.events).copied().collect();
        assert!(ids.is_subset(&all), "records that were never appended, or were dropped before");
        let stats = core.stats();
        let dropped = (stats.dropped_slots - seen.0, stats.dropped_events - seen.1);
        *seen = (stats.dropped_slots, stats.dropped_events);
        let missing_slots = self.slots.difference(&ids).count() as u64;
        let missing_events = self.events.difference(&ids).count() as u64;
        assert!(
            (dropped.0..=dropped.0 + killed).contains(&missing_slots),
            "{missing_slots} slots missing, {dropped:?} dropped, {killed} unwritten at a kill"
        );
        // Its own reports may be among the dropped.
        assert!(missing_events <= dropped.1, "{missing_events} events missing of {dropped:?}");
        // Oldest first: no slot that is left is older than one dropped.
        if killed == 0
            && let (Some(gone), Some(left)) =
                (self.slots.difference(&ids).max(), self.slots.intersection(&ids).min())
        {
            assert!(gone < left, "slot {gone} was dropped before {left}");
        }
        self.slots.retain(|i| ids.contains(i));
        self.events.retain(|i| ids.contains(i));
    }

    fn ack(&mut self, boot: BootId, up_to: Seq) {
        for ((b, s), id) in &self.by_seq {
            if *b == boot.0 && *s <= up_to.0 && (self.slots.remove(id) || self.events.remove(id)) {
                self.acked.insert(*id);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn a_spool_keeps_what_it_promises(steps in prop::collection::vec(step(), 1..80)) {
        let folder = tempfile::tempdir().unwrap();
        let path = |life: u64| folder.path().join(format!("spool-{life}"));
        let open = |life, boot, ms| Core::new(&path(life), small(), BootId(boot), at(ms)).unwrap();
        // A kill goes on with the files as they lie, in a new place: the old ones
        // are closed in order only afterwards.
        let mut life = 0;
        let (mut boot, mut ms, mut next) = (1, 0, 0);
        let mut core = open(life, boot, ms);
        let mut model = Model::default();
        let mut seen = (0, 0);
        let mut last: Option<Position> = None;
        for step in steps {
            let mut killed = 0;
            match step {
                Step::Slots(n) => {
                    let slots: Vec<_> = (next..next + u64::from(n)).map(slot).collect();
                    model.slots.extend(next..next + u64::from(n));
                    next += u64::from(n);
                    core.append(&slots, at(ms));
                }
                Step::Event => {
                    model.events.insert(next);
                    core.append(&[event(next)], at(ms));
                    next += 1;
                    prop_assert_eq!(core.stats().unwritten, 0);
                }
                Step::Send(n) => {
                    if let Some(batch) = core.next(last, n.into(), 1 << 20, at(ms)).unwrap() {
                        last = Some(batch.end);
                        model.sent.push((batch.boot, batch.up_to()));
                    }
                }
                Step::Ack => if !model.sent.is_empty() {
                    let (of, up_to) = model.sent.remove(0);
                    core.ack(of, up_to, at(ms)).unwrap();
                    model.ack(of, up_to);
                }
                Step::Reconnect => {
                    model.sent.clear();
                    last = None;
                }
                Step::Wait(n) => {
                    ms += u64::from(n);
                    if core.due_ms().is_some_and(|due| due <= ms) {
                        core.flush(at(ms)).unwrap();
                        prop_assert_eq!(core.stats().unwritten, 0);
                    }
                }
                Step::Kill | Step::Close => {
                    if matches!(step, Step::Close) {
                        core.flush(at(ms)).unwrap();
                    }
                    model.check(&mut core, &mut seen, 0);
                    killed = core.stats().unwritten;
                    if matches!(step, Step::Kill) {
                        life += 1;
                        copy(&path(life - 1), &path(life));
                    }
                    drop(core);
                    boot += 1;
                    seen = (0, 0);
                    model.sent.clear();
                    last = None;
                    core = open(life, boot, ms);
                }
            }
            model.check(&mut core, &mut seen, killed);
            let stats = core.stats();
            prop_assert!(stats.bytes <= small().max_bytes + small().memory_bytes + 200);
            prop_assert_eq!(
                stats.slots + stats.events,
                all(&mut core).len() as u64
            );
        }
    }
}

/// The file and its journal.
fn copy(from: &Path, to: &Path) {
    for suffix in ["", "-wal"] {
        let of = |path: &Path| format!("{}{suffix}", path.display());
        if Path::new(&of(from)).exists() {
            fs::copy(of(from), of(to)).unwrap();
        }
    }
}
