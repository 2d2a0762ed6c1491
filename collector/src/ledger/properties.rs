//! What must hold of any ledger, over random histories.

use hearth_proto::LinkSlot;
use proptest::prelude::*;

use super::tests::{every_column, five_g, fttp, ledger};
use super::*;
use crate::history::History;
use crate::scripted::{START, Script, ScriptLink, What};

/// Cuts a slot's record in two, as a restart of the agent does.
fn cut(slot: &LinkSlot, share: f64) -> [LinkSlot; 2] {
    let [mut a, mut b] = [slot.clone(), slot.clone()];
    let half = slot.length.ms() / 2;
    a.unjudged_ms = slot.length.ms() - half;
    b.unjudged_ms = half;
    (a.down_ms, b.down_ms) = (slot.down_ms.min(half), slot.down_ms - slot.down_ms.min(half));
    for (i, whole) in slot.series.iter().enumerate() {
        let (answered, lost) = (whole.answered(), whole.lost());
        let part = |n: u32| (f64::from(n) * share) as u32;
        let values: Vec<u32> = (1..=answered)
            .map(|n| {
                let q = (f64::from(n) - 0.5) / f64::from(answered);
                whole.distribution.percentile_us(q).unwrap().round() as u32
            })
            .collect();
        let (first, second) = values.split_at(part(answered) as usize);
        for (piece, values, lost, down) in [
            (&mut a, first, part(lost), part(whole.failed_while_down)),
            (
                &mut b,
                second,
                lost - part(lost),
                whole.failed_while_down - part(whole.failed_while_down),
            ),
        ] {
            let series = &mut piece.series[i];
            series.distribution = values.iter().copied().collect();
            series.failures.retain_mut(|f| {
                f.1 = lost;
                lost > 0
            });
            series.failed_while_down = down;
            series.sent = values.len() as u32 + lost;
        }
    }
    [a, b]
}

/// A day's worth of random trouble on two links in slots of a minute.
pub(super) fn histories() -> impl Strategy<Value = History> {
    let trouble = (0_i64..40, 1_i64..12, 0..5).prop_map(|(from, length, what)| {
        let what = match what {
            0 => What::Access,
            1 => What::Gateway,
            2 => What::Loss(0.3),
            3 => What::ReflectorLoss(0.5),
            _ => What::Slow(800),
        };
        // A part of a slot too: by 20 s.
        (from * 20_000, (from + length) * 20_000, what)
    });
    let troubles = prop::collection::vec(trouble, 0..3);
    (troubles.clone(), troubles, prop::collection::vec((0_i64..16, 1_i64..5), 0..2)).prop_map(
        |(a, b, dark)| {
            let with = |link: ScriptLink, t: Vec<(i64, i64, What)>| {
                t.into_iter().fold(link, |l, (from, to, what)| l.trouble(from, to, what))
            };
            let mut script = Script::minutes(16, vec![with(fttp(), a), with(five_g(), b)]);
            script.dark =
                dark.iter().map(|(from, n)| (from * 60_000, (from + n) * 60_000)).collect();
            script.history()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn silence_never_becomes_an_outage(history in histories(), gone in prop::collection::vec(any::<bool>(), 32)) {
        let full = ledger(&history);
        let mut thinned = history.clone();
        let mut gone = gone.into_iter().cycle();
        for link in &mut thinned.links {
            link.slots.retain(|_| !gone.next().unwrap());
        }
        let less = ledger(&thinned);
        for l in 0..2 {
            for a in 0..full.activities.len() {
                for (slot, (before, after)) in full.column(l, a).iter().zip(less.column(l, a)).enumerate() {
                    let there = thinned.links[l].slots.iter().any(|s| s.start == full.at(slot));
                    // What was set aside rests on the slots before too; whether the link was
                    // down does not.
                    let aside = |ledger: &Ledger| ledger.columns.links[l].aside(slot).is_some();
                    if there && (aside(&full) || aside(&less)) {
                        let is_down = |c: &Cell| c.state() == State::Down;
                        prop_assert_eq!(is_down(before), is_down(after));
                        continue;
                    }
                    prop_assert_eq!(after.state(), if there { before.state() } else { State::Unknown });
                }
            }
        }
        for a in 0..full.activities.len() {
            for slot in 0..full.slots() {
                let silent = (0..2).all(|l| less.column(l, a)[slot].state() == State::Unknown);
                if silent {
                    prop_assert_eq!(less.anywhere(a)[slot].state(), State::Unknown);
                }
            }
        }
    }

    #[test]
    fn any_order_of_arrival_gives_the_same_ledger(history in histories(), seed in any::<u64>()) {
        let mut late = history.clone();
        for link in &mut late.links {
            let key = |s: &LinkSlot| (s.start.0 as u64).wrapping_mul(seed | 1).rotate_left(23);
            link.slots.sort_by_key(key);
        }
        late.events.reverse();
        prop_assert_eq!(ledger(&late), ledger(&history));
    }

    #[test]
    fn a_restart_within_slots_changes_nothing(history in histories(), share in 0.0_f64..=1.0, swap in any::<bool>()) {
        let mut cut_up = history.clone();
        for link in &mut cut_up.links {
            link.slots = link.slots.iter().flat_map(|s| {
                let [a, b] = cut(s, share);
                if swap { [b, a] } else { [a, b] }
            }).collect();
        }
        prop_assert_eq!(ledger(&cut_up), ledger(&history));
    }

    #[test]
    fn a_window_is_its_parts_in_a_row(history in histories(), at in 0_i64..=16) {
        let whole = ledger(&history);
        let middle = START.plus(at * 60_000);
        let part = |from, to| {
            // The store hands out what came before, so that peaks still prove.
            let mut part = history.clone();
            part.span = Span { from, to };
            ledger(&part)
        };
        let (first, second) = (part(whole.span.from, middle), part(middle, whole.span.to));
        prop_assert_eq!(first.slots() + second.slots(), whole.slots());
        let pairs = every_column(&first).zip(every_column(&second)).zip(every_column(&whole));
        for ((first, second), whole) in pairs {
            prop_assert_eq!([first, second].concat(), whole);
        }
    }

    #[test]
    fn anywhere_is_no_worse_than_any_link(history in histories()) {
        let ledger = ledger(&history);
        for a in 0..ledger.activities.len() {
            for (slot, home) in ledger.anywhere(a).iter().enumerate() {
                let states = [0, 1].map(|l| ledger.column(l, a)[slot].state());
                prop_assert_eq!(home.state() == State::Ok, states.contains(&State::Ok));
                prop_assert_eq!(
                    home.state() == State::Down,
                    states.iter().all(|s| matches!(s, State::Down | State::Unknown))
                        && states.contains(&State::Down)
                );
            }
        }
    }

    #[test]
    fn more_loss_is_never_better(history in histories(), more in 1_u32..40) {
        let before = ledger(&history);
        let mut worse = history.clone();
        for series in worse.links.iter_mut().flat_map(|l| &mut l.slots).flat_map(|s| &mut s.series) {
            series.sent += more;
            match series.failures.iter_mut().find(|f| f.0 == hearth_proto::Cause::Timeout) {
                Some(f) => f.1 += more,
                None => series.failures.push((hearth_proto::Cause::Timeout, more)),
            }
        }
        let after = ledger(&worse);
        for (before, after) in every_column(&before).zip(every_column(&after)) {
            for (b, a) in before.iter().zip(after) {
                prop_assert!(!(a.state() == State::Ok && b.state().is_bad()), "{b:?} {a:?}");
            }
        }
    }

    /// A target that grows worse alone may be set aside. Then the slot is what another's
    /// own evidence makes of it, or what its own proves to work, or UNKNOWN: never OK
    /// for want of evidence.
    #[test]
    fn one_target_growing_worse_is_never_better_by_its_own_word(
        history in histories(), more in 1_u32..40,
    ) {
        let before = ledger(&history);
        let mut worse = history.clone();
        let all = worse.links.iter_mut().flat_map(|l| &mut l.slots).flat_map(|s| &mut s.series);
        for series in all.filter(|s| s.key.role == hearth_proto::Role::Reflector) {
            series.sent += more;
            series.failures.push((hearth_proto::Cause::Timeout, more));
        }
        let after = ledger(&worse);
        for l in 0..2 {
            let far = |ledger: &Ledger, slot: usize| ledger.columns.links[l].far.series[slot];
            for a in 0..after.activities.len() {
                for (slot, (b, c)) in before.column(l, a).iter().zip(after.column(l, a)).enumerate() {
                    let aside = after.columns.links[l].aside(slot);
                    let replaced = aside.is_some_and(|a| a.replaced);
                    if c.state() == State::Ok && b.state() != State::Ok {
                        prop_assert!(replaced, "{b:?} {c:?}");
                        prop_assert_ne!(far(&after, slot), aside.unwrap().series);
                    }
                    if c.limit() == Limit::OneTarget {
                        prop_assert!(aside.is_some() && !replaced && c.state() == State::Unknown);
                    }
                    if matches!(b.state(), State::Down | State::Unknown) && aside.is_none() {
                        prop_assert!(c.state() != State::Ok);
                    }
                }
            }
        }
    }

    #[test]
    fn slower_is_never_better(history in histories(), by_us in 1_u32..400_000) {
        let before = ledger(&history);
        let mut worse = history.clone();
        for series in worse.links.iter_mut().flat_map(|l| &mut l.slots).flat_map(|s| &mut s.series) {
            series.distribution =
                series.distribution.buckets().flat_map(|(us, width, n)| {
                    std::iter::repeat_n(us + width + by_us, n as usize)
                }).collect();
        }
        let after = ledger(&worse);
        for (before, after) in every_column(&before).zip(every_column(&after)) {
            for (b, a) in before.iter().zip(after) {
                prop_assert!(!(a.state() == State::Ok && b.state() != State::Ok), "{b:?} {a:?}");
            }
        }
    }

    #[test]
    fn an_exclusion_taken_back_was_never_there(
        history in histories(), from in -2_i64..18, minutes in 0_i64..5, one in any::<bool>(),
    ) {
        let before = ledger(&history);
        let mut excluded = history.clone();
        excluded.exclusions.push(crate::history::Exclusion {
            link: one.then(|| "eth0".to_owned()),
            span: Span { from: START.plus(from * 60_000), to: START.plus((from + minutes) * 60_000) },
            by: "noc".into(),
            why: "works".into(),
        });
        let out = ledger(&excluded);
        for (before, out) in every_column(&before).zip(every_column(&out)).take(before.activities.len()) {
            for (slot, (b, o)) in before.iter().zip(out).enumerate() {
                let inside = (from..from + minutes).contains(&(slot as i64));
                prop_assert_eq!(o.state() == State::Excluded, inside);
                prop_assert_eq!(o.found(), b.state());
            }
        }
        excluded.exclusions.clear();
        prop_assert_eq!(ledger(&excluded), before);
    }
}
