//! What holds of every remedy, whatever happened.

use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::tests::{days, fibre, with_tests, with_use};
use super::*;
use crate::homes::Home;
use crate::qoe::catalogue::Catalogue;
use crate::report::household_report;
use crate::scripted::{ScriptLink, What};
use hearth_proto::Technology;

const MINUTE: i64 = 60_000;

fn what() -> impl Strategy<Value = What> {
    prop_oneof![
        Just(What::BeyondTheHop),
        Just(What::Access),
        Just(What::Gateway),
        (0.05..0.5).prop_map(What::Loss),
        (20_u32..800).prop_map(What::Slow),
        (20_u32..800).prop_map(What::SlowGateway),
    ]
}

fn link(name: &'static str, technology: Technology) -> impl Strategy<Value = ScriptLink> {
    let troubles = prop::collection::vec((0_i64..4_300, 1_i64..600, what()), 0..6);
    (troubles, any::<bool>()).prop_map(move |(troubles, mute_gateway)| {
        let mut link = ScriptLink::new(name, technology, 20);
        link.mute_gateway = mute_gateway;
        let add = |link: ScriptLink, (from, length, what): (i64, i64, What)| {
            link.trouble(from * MINUTE, (from + length) * MINUTE, what)
        };
        troubles.into_iter().fold(link, add)
    })
}

fn holds(remedies: &Remedies) -> Result<(), TestCaseError> {
    prop_assert_eq!(remedies.remedies.len(), RemedyKind::ALL.len());
    for remedy in &remedies.remedies {
        prop_assert!(!remedy.why.is_empty(), "{:?}", remedy);
        for gain in &remedy.gains {
            let (Some(now), Some(with)) = (gain.now.measured(), gain.with.measured()) else {
                continue;
            };
            prop_assert!(with.value >= now.value, "{:?} {:?}", remedy.kind, gain);
            let (before, after) = (now.interval.unwrap(), with.interval.unwrap());
            prop_assert!(after.low >= before.low && after.high >= before.high, "{:?}", gain);
            prop_assert!(after.low <= with.value + 1e-12 && with.value <= after.high + 1e-12);
            let points = gain.gain.value().unwrap();
            prop_assert!((with.value - now.value - points).abs() < 1e-9);
            prop_assert_eq!(points > 0.0, gain.gained_ms > 0);
        }
    }
    let nothing = remedies.of(RemedyKind::Nothing).unwrap();
    if nothing.verdict == Verdict::Recommended {
        prop_assert_eq!(remedies.recommended().len(), 1);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn no_remedy_makes_anything_worse(
        main in link("eth0", Technology::Fttp),
        backup in prop::option::of(link("wwan0", Technology::Lte)),
        dark in prop::option::of((0_i64..4_000, 1_i64..2_000)),
        speeds in prop::option::of((100_000_u64..50_000_000, 100_000_u64..50_000_000)),
        use_up in 0_u64..60_000_000,
        does in prop::sample::subsequence(vec!["game", "live-upload", "alarm", "web-shop"], 0..4),
    ) {
        let mut script = days(std::iter::once(main).chain(backup).collect());
        script.probe_every_ms = 5_000;
        script.dark = dark.iter().map(|(from, n)| (from * MINUTE, (from + n) * MINUTE)).collect();
        let history = with_use(script.history(), 17, 23, use_up);
        let history = match speeds {
            Some((down, up)) => with_tests(history, down, up),
            None => history,
        };
        let home = Home { does: does.iter().map(|d| (*d).to_owned()).collect(), ..Home::default() };
        let now = history.span.to;
        let catalogue = Catalogue::built_in();
        let report = household_report(&history, &home, &catalogue, &TimeZone::UTC, now).1;
        holds(&report.remedies)?;
    }
}

#[test]
fn a_dead_home_can_be_judged_too() {
    let dead = fibre().trouble(0, i64::MAX / 2, What::Gateway);
    let history = days(vec![dead]).history();
    let now = history.span.to;
    let catalogue = Catalogue::built_in();
    let home = Home::default();
    let report = household_report(&history, &home, &catalogue, &TimeZone::UTC, now).1;
    holds(&report.remedies).unwrap();
    assert!(report.remedies.recommended().is_empty());
}
