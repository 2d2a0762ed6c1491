use hearth_proto::ProbeKind;
use proptest::prelude::*;

use super::*;
use crate::ledger::Source;
use crate::ledger::properties::histories;
use crate::ledger::tests::{every_column, fttp, ledger};
use crate::qoe::activity::Binding;
use crate::scripted::{START, Script, What};

/// The same cell, by explaining and by judging, for every slot of a ledger.
fn agrees(history: &History) -> Result<(), TestCaseError> {
    let (ledger, catalogue) = (ledger(history), Catalogue::built_in());
    for link in 0..ledger.links.len() {
        for activity in 0..ledger.activities.len() {
            for (slot, cell) in ledger.column(link, activity).iter().enumerate() {
                let at = ledger.at(slot);
                let e = ledger.explain(history, &catalogue, link, activity, at).unwrap();
                prop_assert_eq!(
                    (e.state, e.found, e.limit),
                    (cell.state(), cell.found(), cell.limit())
                );
                prop_assert_eq!(e.slot, Span { from: at, to: ledger.at(slot + 1) });
                if e.found == State::Ok {
                    prop_assert_eq!(e.down.proof.max(e.up.proof), cell.proof());
                    prop_assert!(e.evidence_score.unwrap() >= e.ok_at - 1e-6);
                }
                if e.rule == Rule::LimitBroken {
                    prop_assert!(e.evidence_score.is_none_or(|score| score < e.ok_at + 1e-6));
                    prop_assert!(e.binding.is_some());
                }
                let samples: u32 = e.times.iter().map(|t| t.count).sum();
                prop_assert_eq!(samples, e.latency[0].samples);
                prop_assert_eq!(
                    e.series.iter().filter(|s| s.chosen).count(),
                    usize::from(!e.series.is_empty())
                );
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn an_explanation_says_what_the_cell_says(
        history in histories(), out in prop::option::of((0_i64..16, 1_i64..4)),
        quiet in any::<bool>(), down_ms in 0_u32..60_000,
    ) {
        let mut history = history;
        history.exclusions.extend(out.map(|(from, n)| Exclusion {
            link: None,
            span: Span { from: START.plus(from * 60_000), to: START.plus((from + n) * 60_000) },
            by: "noc".into(),
            why: "works".into(),
        }));
        if quiet {
            history.links[0].slots.iter_mut().for_each(|s| s.busy = None);
        }
        if let Some(slot) = history.links[1].slots.first_mut() {
            slot.down_ms = down_ms.max(slot.down_ms);
        }
        agrees(&history)?;
    }

    #[test]
    fn slots_of_a_second_are_explained_alike(history in (0_i64..20).prop_map(|from| {
        let link = fttp().trouble(from * 500, from * 500 + 3_000, What::Loss(0.5));
        Script::seconds(20, vec![link]).history()
    })) {
        agrees(&history)?;
    }
}

#[test]
fn a_silent_reflector_is_named_and_the_target_speaks() {
    let link = fttp().trouble(0, 600_000, What::ReflectorLoss(1.0));
    let history = Script::minutes(10, vec![link]).history();
    let ledger = ledger(&history);
    let e = ledger.explain(&history, &Catalogue::built_in(), 0, 0, START.plus(61_000)).unwrap();
    assert_eq!((e.state, e.rule), (State::Ok, Rule::WithinLimits));
    assert_eq!((e.series[0].probe, e.series[0].target.as_str()), (ProbeKind::Icmp, "a.example"));
    assert!(e.series[0].chosen && e.series.len() == 1 + usize::from(e.series.len() > 1));
    let json = serde_json::to_value(&e).unwrap();
    assert_eq!((&json["rule"], &json["state"]), (&"within-limits".into(), &"ok".into()));
}

#[test]
fn a_bad_minute_names_what_binds_and_its_samples() {
    let link = fttp().trouble(120_000, 180_000, What::Slow(900));
    let history = Script::minutes(5, vec![link]).history();
    let ledger = ledger(&history);
    let call = ledger.activities.iter().position(|a| a.id == "video-call").unwrap();
    let catalogue = Catalogue::built_in();
    let e = ledger.explain(&history, &catalogue, 0, call, START.plus(130_000)).unwrap();
    assert_eq!((e.state, e.limit, e.rule), (State::Degraded, Limit::Latency, Rule::LimitBroken));
    assert_eq!((e.qoo, e.evidence_score), (Some(0.0), Some(0.0)));
    assert_eq!(e.binding, Some(Binding::P50));
    let p99 = &e.latency[2];
    assert_eq!((p99.ms, p99.samples, p99.needs), (None, 60, 100));
    assert!(e.latency[0].ms.unwrap() > 900.0 && e.latency[0].score == Some(0.0));
    assert_eq!((e.loss.lost, e.loss.tried, e.loss.ratio), (0, 60, Some(0.0)));
    assert_eq!(e.down.source, Some(Source::Traffic));
    assert_eq!(e.times.iter().map(|t| t.count).sum::<u32>(), 60);
    assert!(e.times.windows(2).all(|t| t[0].to_ms <= t[1].from_ms));
    assert!(ledger.explain(&history, &catalogue, 0, call, START.plus(-1)).is_none());
    assert!(ledger.explain(&history, &catalogue, 1, call, START).is_none());
    assert!(every_column(&ledger).count() > 0);
}
