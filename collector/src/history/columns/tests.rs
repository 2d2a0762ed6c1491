//! Columns against the records they are of.

use std::collections::BTreeMap;

use hearth_proto::{Cause, Distribution, SlotLength, Technology};
use proptest::prelude::*;

use super::*;
use crate::history::{History, LinkHistory, Span};
use crate::scripted::{START, Script, ScriptLink, What};

const MINUTE: i64 = 60_000;
const MINUTES: i64 = 200;

/// Two links over more than three hours, with trouble and dark times anywhere.
fn histories() -> impl Strategy<Value = History> {
    let trouble = (0..MINUTES * 3, 1_i64..90, 0..4).prop_map(|(from, length, what)| {
        let what = match what {
            0 => What::Access,
            1 => What::ReflectorLoss(0.4),
            2 => What::Loss(0.3),
            _ => What::Slow(300),
        };
        (from * 20_000, (from + length) * 20_000, what)
    });
    let dark = prop::collection::vec((0..MINUTES, 1_i64..80), 0..3);
    (prop::collection::vec(trouble, 0..3), dark).prop_map(|(troubles, dark)| {
        let fttp = ScriptLink::new("eth0", Technology::Fttp, 20);
        let fttp = troubles.into_iter().fold(fttp, |l, (from, to, what)| l.trouble(from, to, what));
        let five_g = ScriptLink::new("wwan0", Technology::NrSa, 35);
        let mut script = Script::minutes(MINUTES, vec![fttp, five_g]);
        script.probe_every_ms = 2_000;
        script.dark = dark.iter().map(|(from, n)| (from * MINUTE, (from + n) * MINUTE)).collect();
        script.history()
    })
}

/// The same with what is seldom: probes that found a radio idle, beside others or
/// alone; a host that only refuses; probes that never left.
fn odd() -> impl Strategy<Value = History> {
    let changes = prop::collection::vec((0..MINUTES as usize, 0..4_usize, 0..4_u8), 0..30);
    (histories(), changes).prop_map(|(mut history, changes)| {
        for (slot, series, change) in changes {
            let Some(record) = history.links[0].slots.get_mut(slot) else { continue };
            let at = series % record.series.len();
            let of = &mut record.series[at];
            match change {
                0 => of.after_idle = true,
                1 if !of.after_idle => {
                    let mut twin = of.clone();
                    twin.after_idle = true;
                    record.series.push(twin);
                }
                2 => {
                    of.failures = vec![(Cause::Refused, 3), (Cause::Timeout, of.sent.max(4) - 3)];
                    (of.sent, of.distribution) = (of.sent.max(4), Distribution::new());
                }
                _ => {
                    of.failures = vec![(Cause::NoRoute, of.sent)];
                    of.distribution = Distribution::new();
                }
            }
            let mut seen = Vec::new();
            record.series.retain(|s| {
                let key = (s.key.clone(), s.after_idle);
                let is_new = !seen.contains(&key);
                seen.push(key);
                is_new
            });
        }
        history
    })
}

/// The merged times of every series, straight from the records.
fn merged(link: &LinkHistory, span: Span) -> BTreeMap<SeriesKey, Distribution> {
    let mut all: BTreeMap<SeriesKey, Distribution> = BTreeMap::new();
    let inside = link.slots.iter().filter(|s| s.start >= span.from && s.start < span.to);
    for series in inside.flat_map(|s| &s.series).filter(|s| !s.after_idle) {
        all.entry(series.key.clone()).or_default().merge(&series.distribution);
    }
    all
}

fn within(history: &History, from: usize, to: usize) -> History {
    let at = |minute: usize| START.plus(minute as i64 * MINUTE);
    History { span: Span { from: at(from), to: at(to) }, ..history.clone() }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn merged_times_are_those_of_the_records(history in histories()) {
        let columns = Columns::of(&history);
        for (link, records) in columns.links.iter().zip(&history.links) {
            let raw = merged(records, history.span);
            prop_assert_eq!(link.series.len(), raw.len());
            for series in &link.series {
                prop_assert_eq!(&series.whole.times, &raw[&series.key]);
                let mut pdv: Vec<f32> =
                    series.pdv_ms.iter().copied().filter(|ms| ms.is_finite()).collect();
                pdv.sort_by(f32::total_cmp);
                let middle = pdv.get(pdv.len().div_ceil(2).max(1) - 1);
                prop_assert_eq!(series.pdv_median, middle.map(|ms| (*ms, pdv.len() as u64)));
                let hours: Vec<_> = series.hours.iter().map(|h| &h.tally.times).collect();
                prop_assert_eq!(&Distribution::merge_all(hours), &raw[&series.key]);
                for hour in &series.hours {
                    let from = UnixMs(hour.number * HOUR_MS);
                    let raw = merged(records, Span { from, to: from.plus(HOUR_MS) });
                    prop_assert_eq!(&hour.tally.times, &raw[&series.key]);
                }
                for quarter in &series.quarters {
                    let from = quarter.from();
                    let raw = merged(records, Span { from, to: from.plus(QUARTER_MS) });
                    let raw = &raw[&series.key];
                    prop_assert_eq!(u64::from(quarter.answered), raw.count());
                    let ms = |q| raw.supported_percentile_ms(q).map(|ms| ms as f32);
                    let is = |f: f32| f.is_finite().then_some(f);
                    prop_assert_eq!((is(quarter.p50_ms), is(quarter.p95_ms)), (ms(0.5), ms(0.95)));
                }
            }
        }
    }

    #[test]
    fn a_slots_figures_are_those_of_its_record(history in histories()) {
        let columns = Columns::of(&history);
        for (link, records) in columns.links.iter().zip(&history.links) {
            let mut silent = vec![true; columns.slots()];
            for record in &records.slots {
                let slot = columns.grid.slot_of(record.start).unwrap();
                silent[slot] = false;
                let down_and_judged = (record.down_ms, record.length.ms() - record.unjudged_ms);
                prop_assert_eq!((link.down_ms[slot], link.judged_ms[slot]), down_and_judged);
                for series in &record.series {
                    let of = link.series.iter().find(|s| s.key == series.key).unwrap();
                    prop_assert_eq!(of.answered[slot], series.answered());
                    let ms = series.distribution.supported_percentile_ms(0.95).map(|ms| ms as f32);
                    prop_assert_eq!(of.p95_ms[slot].is_finite().then_some(of.p95_ms[slot]), ms);
                }
                let far = link.far.series[slot];
                if far != FarColumns::NONE {
                    let of = &link.series[usize::from(far)];
                    prop_assert!(of.key.role.is_far());
                    prop_assert_eq!(link.far.answered[slot], of.answered[slot]);
                }
            }
            for slot in (0..columns.slots()).filter(|slot| silent[*slot]) {
                prop_assert_eq!((link.judged_ms[slot], link.far.tried[slot]), (0, 0));
                prop_assert_eq!(link.far.series[slot], FarColumns::NONE);
            }
        }
    }

    #[test]
    fn any_stretch_is_what_a_window_of_it_would_be(
        history in histories(), cut in (0..=200_usize, 0..=200_usize), rest in 0..=200_usize,
    ) {
        let columns = Columns::of(&history);
        let (from, to) = (cut.0.min(cut.1), cut.0.max(cut.1));
        let rest = rest.max(to);
        for link in 0..2 {
            let parts = [from..to, to..rest];
            let apart = parts.each_ref().map(|r| columns.over(&history, link, std::slice::from_ref(r)));
            let together = columns.over(&history, link, &parts);
            for (i, series) in columns.links[link].series.iter().enumerate() {
                for (part, range) in apart.iter().zip(&parts) {
                    let window = Columns::of(&within(&history, range.start, range.end));
                    let of = window.links[link].series.iter().find(|s| s.key == series.key);
                    let expected = of.map(|s| s.whole.clone()).unwrap_or_default();
                    prop_assert_eq!(&part[i], &expected);
                }
                let mut both = apart[0][i].clone();
                both.merge(&apart[1][i]);
                prop_assert_eq!(&together[i], &both);
            }
        }
    }

    #[test]
    fn what_was_heard_in_a_stretch_is_what_its_records_say(
        history in odd(), cut in (0..=200_usize, 0..=200_usize), shuffled in any::<bool>(),
    ) {
        let mut history = history;
        if shuffled {
            history.links.iter_mut().for_each(|l| l.slots.reverse());
        }
        let columns = Columns::of(&history);
        let slots = cut.0.min(cut.1).min(columns.slots())..cut.0.max(cut.1).min(columns.slots());
        let span = Span { from: columns.at(slots.start), to: columns.at(slots.end) };
        for (l, (link, records)) in columns.links.iter().zip(&history.links).enumerate() {
            let times = merged(records, span);
            for (place, series) in link.series.iter().enumerate() {
                let inside = records.slots.iter().filter(|s| span.holds(s.start));
                let own = inside.flat_map(|s| &s.series).filter(|s| s.key == series.key);
                let each = own.map(|s| Heard {
                    answered: u64::from(s.answered()),
                    lost: u64::from(s.lost()),
                });
                let sum = each.reduce(|a, b| Heard {
                    answered: a.answered + b.answered,
                    lost: a.lost + b.lost,
                });
                prop_assert_eq!(series.heard(&slots), sum);
                let mut found = hearth_proto::Merger::new();
                let read = columns.find(&history, l, &slots);
                columns.add_times(&history, l, &[place], &read, &mut found);
                prop_assert_eq!(found.finish(), times.get(&series.key).cloned().unwrap_or_default());
            }
            let all: Vec<usize> = (0..link.series.len()).rev().collect();
            let ranges = [slots.clone()];
            let mut over = columns.over_of(&history, l, &all, &ranges);
            over.reverse();
            prop_assert_eq!(over, columns.over(&history, l, &ranges));
        }
    }

    #[test]
    fn windows_put_together_are_the_whole(history in histories(), at in 0..=200_usize) {
        let columns = Columns::of(&history);
        let parts = [(0, at), (at, 200)].map(|(a, b)| Columns::of(&within(&history, a, b)));
        for (link, whole) in columns.links.iter().enumerate() {
            let of = parts.each_ref().map(|p| &p.links[link]);
            let column = |pick: fn(&LinkColumns) -> &[f32]| of.map(pick).concat();
            prop_assert_eq!(column(|l| &l.far.p99_ms), &whole.far.p99_ms[..]);
            prop_assert_eq!(column(|l| &l.far.loss_low), &whole.far.loss_low[..]);
            for series in &whole.series {
                let mut sum = Tally::default();
                for part in of.iter().flat_map(|l| &l.series).filter(|s| s.key == series.key) {
                    sum.merge(&part.whole);
                }
                prop_assert_eq!(&sum, &series.whole);
            }
        }
    }

    #[test]
    fn the_order_of_arrival_changes_nothing(history in histories(), seed in any::<u64>()) {
        let mut late = history.clone();
        for link in &mut late.links {
            let key = |s: &hearth_proto::LinkSlot| {
                (s.start.0 as u64).wrapping_mul(seed | 1).rotate_left(23)
            };
            link.slots.sort_by_key(key);
        }
        let (expected, mut found) = (Columns::of(&history), Columns::of(&late));
        for (link, expected) in found.links.iter_mut().zip(&expected.links) {
            link.in_order = expected.in_order;
        }
        // NAN is never equal to itself, its text is.
        prop_assert_eq!(format!("{found:?}"), format!("{expected:?}"));
    }
}

#[test]
fn finer_records_are_laid_on_the_coarsest_grid() {
    let links = || vec![ScriptLink::new("eth0", Technology::Fttp, 20)];
    let minutes = Script::minutes(10, links()).history();
    let mut mixed = minutes.clone();
    let mut seconds = Script::seconds(120, links());
    seconds.probe_every_ms = 1_000;
    mixed.links[0].slots.splice(0..2, seconds.history().links.remove(0).slots);
    let (mixed, minutes) = (Columns::of(&mixed), Columns::of(&minutes));
    assert_eq!(mixed.grid, minutes.grid);
    assert_eq!(mixed.grid.length, SlotLength::MINUTE);
    let (mixed, minutes) = (&mixed.links[0], &minutes.links[0]);
    assert_eq!(mixed.far.p99_ms, minutes.far.p99_ms);
    assert_eq!(mixed.series[0].whole.times, minutes.series[0].whole.times);
}

#[test]
fn near_points_and_peaks_before_the_grid_are_told() {
    let mut history =
        Script::minutes(60, vec![ScriptLink::new("eth0", Technology::Fttp, 20)]).history();
    history.span.from = START.plus(30 * MINUTE);
    history.links[0].slots[3].busy = None;
    let columns = Columns::of(&history);
    let link = &columns.links[0];
    assert_eq!((columns.slots(), link.before.len()), (30, 29));
    assert_eq!(link.before[0].at, START);
    assert!(link.gateway_ms.iter().all(|ms| known(*ms).is_some_and(|ms| ms < 20.0)));
    assert!(link.first_hop_ms.iter().all(|ms| known(*ms).is_some_and(|ms| ms < 20.0)));
    assert_eq!(link.last_record, Some(START.plus(59 * MINUTE)));
}
