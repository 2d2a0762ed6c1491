//! Replays of scripted histories with a known truth, and what holds of any.

use hearth_proto::Technology;
use jiff::civil::{Date, date};
use proptest::prelude::*;

use super::*;
use crate::history::{Exclusion, History};
use crate::promise::guarantee::tests::EVENINGS;
use crate::promise::guarantee::{self, Credit, Period};
use crate::promise::hours::Hours;
use crate::qoe::catalogue::Catalogue;
use crate::scripted::{START, Script, ScriptLink, What};

/// A slot of the scripts: a quarter of an hour.
const SLOT: i64 = 900_000;

fn berlin() -> TimeZone {
    TimeZone::get("Europe/Berlin").unwrap()
}

fn evenings() -> Guarantee {
    guarantee::parse(EVENINGS, "x", &Catalogue::built_in()).unwrap()
}

/// Milliseconds from the scripts' zero to an hour of a day in Berlin.
fn at(day: Date, hour: i8) -> i64 {
    let zoned = day.at(hour, 0, 0, 0).to_zoned(berlin()).unwrap();
    zoned.timestamp().as_millisecond() - START.0
}

/// From 24 November 2026 to 1 April 2027, where nothing goes wrong unless said.
fn winter(links: Vec<ScriptLink>) -> Script {
    let mut script = Script::minutes(at(date(2027, 4, 1), 0) / SLOT, links);
    (script.slot_ms, script.probe_every_ms) = (SLOT as u32, 90_000);
    script
}

fn fixed() -> ScriptLink {
    ScriptLink::new("eth0", Technology::Fttp, 20)
}

/// Slots from an hour of a day on in which nothing beyond the home answers.
fn out(link: ScriptLink, day: Date, hour: i8, slots: i64) -> ScriptLink {
    let from = at(day, hour);
    link.trouble(from, from + slots * SLOT, What::BeyondTheHop)
}

/// As the store gives a span of it.
fn part(history: &History, span: Span) -> History {
    let mut part = history.clone();
    part.span = span;
    for link in &mut part.links {
        link.slots.retain(|s| s.start >= span.from && s.start < span.to);
    }
    part.events.retain(|(_, e)| e.at >= span.from && e.at < span.to);
    part.exclusions.retain(|e| e.span.to > span.from && e.span.from < span.to);
    part
}

fn months() -> Vec<Stretch> {
    Period::Month.whole(date(2026, 12, 1), date(2027, 4, 1))
}

fn counted(
    history: &History,
    guarantee: &Guarantee,
    tz: &TimeZone,
) -> Vec<Option<(&'static str, Counted)>> {
    let catalogue = Catalogue::built_in().only(&guarantee.activity, guarantee.score).unwrap();
    let of = |stretch: &Stretch| {
        let span = stretch.span(tz).unwrap();
        count(&Ledger::build(&part(history, span), &catalogue), guarantee, span, tz)
    };
    months().iter().map(of).collect()
}

fn replayed(guarantee: &Guarantee, script: &Script) -> Simulation {
    let mut replay = Replay::new(guarantee.clone(), Audience::Noc);
    let periods = counted(&script.history(), guarantee, &berlin());
    replay.home(&"home-1".parse().unwrap(), &Home::default(), &periods);
    replay.outcome(&months(), "test", K::default())
}

#[test]
fn months_are_broken_exactly_where_the_script_breaks_them() {
    // 23, 21, 20 and 23 weekdays and 8, 10, 8 and 8 days at a weekend: of 1228, 1380,
    // 1168 and 1224 quarters (one Sunday is an hour short) 2 % are 24.56, 27.6, 23.36
    // and 24.48.
    let wednesday = date(2026, 12, 2);
    let link = out(fixed(), wednesday, 18, 20);
    // The month's 25th quarter breaks it.
    let link = out(link, date(2026, 12, 3), 18, 5);
    let link = out(link, date(2027, 1, 9), 0, 27);
    // A Saturday counts whole, a Friday's morning does not.
    let link = out(link, date(2027, 2, 6), 8, 24);
    let link = out(link, date(2027, 3, 5), 0, 70);
    let simulated = replayed(&evenings(), &winter(vec![link]));
    let w = &simulated.whole;
    assert_eq!((w.homes, w.judged, w.broken, w.homes_broken), (1, 4, 2, 1));
    assert!((w.paid - 10.0).abs() < 1e-9);
    assert_eq!((simulated.not_judged, simulated.never_judged), (0, 0));
    // January's 27 quarters of 1380 would break 98.5 %, March's none at all nothing.
    let at = |share: f64| {
        simulated.thresholds.iter().find(|t| (t.share - share).abs() < 1e-9).unwrap().broken
    };
    assert_eq!((at(0.97), at(0.98), at(0.985), at(1.0)), (0, 2, 3, 3));
    assert_eq!((simulated.broken_at_least, simulated.broken_at_most), (2, 2));
}

#[test]
fn the_slots_that_count_are_those_of_the_hours_by_the_local_calendar() {
    let history = winter(vec![fixed()]).history();
    let all = |guarantee: &Guarantee, tz: &TimeZone| -> Vec<u64> {
        counted(&history, guarantee, tz).iter().map(|p| p.unwrap().1.ok).collect()
    };
    assert_eq!(all(&evenings(), &berlin()), [1228, 1380, 1168, 1224]);
    let always = Guarantee { hours: Hours::always(), ..evenings() };
    let hours = |days: u64| days * 96;
    // The clocks are put forward on 28 March.
    assert_eq!(all(&always, &berlin()), [hours(31), hours(31), hours(28), hours(31) - 4]);
    let utc = all(&always, &TimeZone::UTC);
    // The script ends at midnight in Berlin, which is two hours before UTC's.
    assert_eq!(utc, [hours(31), hours(31), hours(28), hours(31) - 8]);
}

#[test]
fn the_days_of_a_month_make_the_month() {
    let link = out(fixed(), date(2026, 12, 2), 18, 20);
    let mut script = winter(vec![out(link, date(2027, 3, 27), 20, 40)]);
    script.dark = vec![(at(date(2027, 1, 3), 4), at(date(2027, 1, 5), 19))];
    let history = script.history();
    let guarantee = evenings();
    let catalogue = Catalogue::built_in().only(&guarantee.activity, None).unwrap();
    for stretch in months() {
        let span = stretch.span(&berlin()).unwrap();
        let ledger = Ledger::build(&part(&history, span), &catalogue);
        let whole = count(&ledger, &guarantee, span, &berlin()).unwrap().1;
        let days = crate::promise::by_day::count_days(&ledger, &guarantee, span, &berlin());
        assert_eq!(Counted::sum(days.unwrap().iter()), whole, "{stretch:?}");
    }
}

#[test]
fn unknown_and_excluded_time_is_neither_kept_nor_broken() {
    // 30 bad quarters in a December's evenings, and nothing else is wrong.
    let broken = out(out(fixed(), date(2026, 12, 2), 18, 20), date(2026, 12, 3), 18, 10);
    let mut script = winter(vec![broken]);
    assert_eq!(replayed(&evenings(), &script).whole.broken, 1);
    // Ten of them excluded.
    let from = START.plus(at(date(2026, 12, 3), 0));
    let span = Span { from, to: from.plus(24 * 3_600_000) };
    let (by, why) = ("noc".to_owned(), "works".to_owned());
    script.exclusions = vec![Exclusion { link: None, span, by, why }];
    let simulated = replayed(&evenings(), &script);
    assert_eq!((simulated.whole.judged, simulated.whole.broken), (4, 0));
    // Ten of them without power instead: not known.
    script.exclusions.clear();
    script.dark = vec![(at(date(2026, 12, 3), 0), at(date(2026, 12, 4), 0))];
    let simulated = replayed(&evenings(), &script);
    assert_eq!((simulated.whole.judged, simulated.whole.broken), (4, 0));
    assert_eq!((simulated.broken_at_least, simulated.broken_at_most), (0, 1));
    // Most of December without power: it is not judged, and not kept either.
    script.dark = vec![(at(date(2026, 12, 4), 0), at(date(2027, 1, 1), 0))];
    let simulated = replayed(&evenings(), &script);
    assert_eq!((simulated.whole.judged, simulated.whole.broken), (3, 0));
    assert_eq!(simulated.not_judged, 1);
    // All of it: the home is named apart and in no sum.
    script.dark = vec![(0, at(date(2027, 4, 1), 0))];
    let simulated = replayed(&evenings(), &script);
    assert_eq!((simulated.whole.homes, simulated.never_judged), (0, 1));
    assert_eq!(simulated.never_judged_named[0].household.as_str(), "home-1");
    assert!(simulated.never_judged_named[0].why.contains("too little was measured"));
    assert!(simulated.by_area.rows.is_empty() && simulated.whole.paid_mean.is_none());
}

#[test]
fn a_link_alone_breaks_what_the_home_keeps() {
    let fixed = out(fixed(), date(2026, 12, 2), 18, 20);
    let fixed = out(fixed, date(2026, 12, 3), 18, 20);
    let mobile = ScriptLink::new("wwan0", Technology::Lte, 40);
    let script = winter(vec![fixed, mobile]);
    let broken = |scope: Scope| {
        let simulated = replayed(&Guarantee { scope, ..evenings() }, &script);
        (simulated.whole.broken, simulated.never_judged)
    };
    assert_eq!(broken(Scope::Anywhere), (0, 0));
    assert_eq!(broken(Scope::Link), (1, 0));
    assert_eq!(broken(Scope::Named("wwan0".to_owned())), (0, 0));
    assert_eq!(broken(Scope::Named("eth9".to_owned())), (0, 1));
}

#[test]
fn a_score_asked_for_is_the_one_that_counts() {
    let slow = fixed().trouble(0, at(date(2027, 4, 1), 0), What::Slow(160));
    let script = winter(vec![slow]);
    let broken = |score| replayed(&Guarantee { score, ..evenings() }, &script).whole.broken;
    assert_eq!((broken(None), broken(Some(1.0)), broken(Some(99.0))), (0, 0, 4));
}

fn credit() -> impl Strategy<Value = Credit> {
    (0_u64..1000, 0_u64..300, prop::option::of(0_u64..2000), prop::option::of(0_u64..3000))
        .prop_map(|(per_breach, per_point, cap_per_period, cap_per_home)| Credit {
            currency: "EUR".to_owned(),
            per_breach,
            per_point,
            cap_per_period,
            cap_per_home,
        })
}

fn slots() -> impl Strategy<Value = Option<(&'static str, Counted)>> {
    let one = (0_u64..300, 0_u64..60, 0_u64..60, 0_u64..300);
    prop::option::weighted(
        0.9,
        one.prop_map(|(ok, bad, unsure, unknown)| {
            ("FTTP", Counted { ok, bad, unsure: unsure.min(bad), unknown })
        }),
    )
}

type Periods = Vec<Option<(&'static str, Counted)>>;

fn homes() -> impl Strategy<Value = Vec<(Home, Periods)>> {
    let home = (0_u8..4, any::<bool>(), prop::collection::vec(0_u8..3, 0..3)).prop_map(
        |(area, agrees, does)| {
            let mut home = Home::default();
            home.place.area = Some(format!("area {area}"));
            (home.consents.areas, home.consents.product) = (agrees, agrees);
            home.does = does.into_iter().map(|need| format!("need {need}")).collect();
            home
        },
    );
    prop::collection::vec((home, prop::collection::vec(slots(), 3)), 0..30)
}

fn all(guarantee: &Guarantee, homes: &[(usize, &(Home, Periods))]) -> Replay {
    let mut replay = Replay::new(guarantee.clone(), Audience::Noc);
    for (i, (home, periods)) in homes {
        replay.home(&format!("home-{i}").parse().unwrap(), home, periods);
    }
    replay
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_stricter_share_never_pays_less(credit in credit(), homes in homes(), share in 0.5..1.0) {
        let guarantee = Guarantee { share, credit, ..evenings() };
        let homes: Vec<_> = homes.iter().enumerate().collect();
        let told = all(&guarantee, &homes).outcome(&[], "test", K::default());
        for pair in told.thresholds.windows(2) {
            prop_assert!(pair[0].share < pair[1].share);
            prop_assert!(pair[0].paid <= pair[1].paid && pair[0].broken <= pair[1].broken);
            prop_assert!(pair[0].homes_broken <= pair[1].homes_broken);
        }
        let as_promised = told.thresholds.iter().find(|t| (t.share - share).abs() < 1e-6);
        prop_assert!(as_promised.is_some_and(|t| t.broken == told.whole.broken));
        prop_assert!(told.broken_at_least <= told.whole.broken);
        prop_assert!(told.whole.broken <= told.broken_at_most);
        prop_assert_eq!(told.whole.judged + told.not_judged, homes.len() as u64 * 3);
    }

    #[test]
    fn parts_in_any_order_add_up_to_the_whole(homes in homes(), cut in any::<prop::sample::Index>()) {
        let homes: Vec<_> = homes.iter().enumerate().collect();
        let (first, second) = homes.split_at(cut.index(homes.len() + 1));
        let mut parts = all(&evenings(), second);
        parts.merge(all(&evenings(), first));
        prop_assert_eq!(parts, all(&evenings(), &homes));
    }

    #[test]
    fn tables_hold_every_judged_home_and_no_small_group(homes in homes(), k in 2_u64..12) {
        let homes: Vec<_> = homes.iter().enumerate().collect();
        let told = all(&evenings(), &homes).outcome(&[], "test", K::try_from(k).unwrap());
        for table in [&told.by_area, &told.by_technology] {
            prop_assert_eq!(table.rows.iter().map(|r| r.homes).sum::<u64>(), told.whole.homes);
            prop_assert_eq!(table.rows.iter().map(|r| r.broken).sum::<u64>(), told.whole.broken);
        }
        for table in [&told.by_area, &told.by_technology, &told.by_need] {
            let small = table.rows.iter().any(|r| r.homes < k);
            prop_assert!(!small || table.rows.len() == 1, "{:?}", table.rows);
        }
        for row in [&told.by_area, &told.by_need].iter().flat_map(|t| &t.rows) {
            let agreed = homes.iter().filter(|(_, (home, _))| {
                home.consents.areas && (home.place.area.as_deref() == Some(&row.name)
                    || home.does.contains(&row.name))
            });
            prop_assert!(row.name == "other homes" || row.homes <= agreed.count() as u64);
        }
    }

    #[test]
    fn what_is_unknown_changes_no_verdict(ok in 0_u64..500, bad in 0_u64..50, unknown in 0_u64..500) {
        let judged = |unknown| {
            let mut replay = Replay::new(Guarantee { minimum_coverage: 0.0, ..evenings() }, Audience::Noc);
            let counted = Counted { ok, bad, unsure: 0, unknown };
            replay.home(&"home-1".parse().unwrap(), &Home::default(), &[Some(("FTTP", counted))]);
            let told = replay.outcome(&[], "test", K::default());
            (told.whole.judged, told.whole.broken, told.never_judged)
        };
        prop_assert_eq!(judged(unknown), judged(0));
        if ok + bad == 0 {
            prop_assert_eq!(judged(unknown), (0, 0, 1));
        }
    }
}
