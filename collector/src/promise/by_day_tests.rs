//! A single home's days, drawn again.

use proptest::prelude::*;

use super::*;
use crate::anonymity::K;
use crate::homes::Audience;
use crate::homes::Home;
use crate::promise::guarantee::tests::EVENINGS;
use crate::promise::guarantee::{self, Guarantee};
use crate::qoe::catalogue::Catalogue;

fn evenings() -> Guarantee {
    let always =
        EVENINGS.replace("hours = [\"Mon-Fri 18:00-23:00\", \"Sat,Sun 00:00-24:00\"]\n", "");
    guarantee::parse(&always, "x", &Catalogue::built_in()).unwrap()
}

fn day(bad: u64) -> Counted {
    Counted { ok: 96 - bad, bad, unsure: 0, unknown: 0 }
}

fn replayed(periods: &[Vec<Counted>], homes: usize) -> Simulation {
    let mut replay = Replay::new(evenings(), Audience::Noc);
    let counted: Vec<_> =
        periods.iter().map(|days| Some(("FTTP", Counted::sum(days.iter())))).collect();
    for home in 0..homes {
        let name = format!("home-{home}");
        replay.home(&name.parse().unwrap(), &Home::default(), &counted);
    }
    let mut told = replay.outcome(&[], "test", K::default());
    told.over_days(&replay, periods);
    told
}

fn range(told: &Simulation) -> Option<(f64, f64)> {
    let interval = told.whole.share.measured()?.interval?;
    assert_eq!(interval.method, IntervalMethod::BootstrapOverDays);
    Some((interval.low, interval.high))
}

#[test]
fn one_bad_day_might_as_well_not_have_been() {
    // 60 of 2880 quarters are a little over 2 %: in a month made again of its days
    // that day is there not once in 37 % of the draws.
    let mut month = vec![day(0); 30];
    month[9] = day(60);
    let told = replayed(&[month.clone()], 1);
    assert_eq!((told.whole.broken, range(&told)), (1, Some((0.0, 1.0))));
    let paid = told.whole.paid_mean.unwrap();
    assert_eq!((paid.between.unwrap().0, paid.between.unwrap().1), (0.0, 5.0));
    // Bad every day alike is bad in any draw.
    let told = replayed(&[vec![day(3); 30]], 1);
    assert_eq!((told.whole.broken, range(&told)), (1, Some((1.0, 1.0))));
}

#[test]
fn promises_by_the_day_draw_the_days_themselves() {
    let days: Vec<Vec<Counted>> = (0..60).map(|n| vec![day(u64::from(n % 4 == 0) * 50)]).collect();
    let told = replayed(&days, 1);
    let (low, high) = range(&told).unwrap();
    // A quarter of 60: a standard error of 5.6 %.
    assert!((low - 0.14).abs() < 0.04 && (high - 0.36).abs() < 0.04, "{low} {high}");
}

#[test]
fn several_homes_or_a_single_day_get_no_interval_from_days() {
    assert_eq!(range(&replayed(&[vec![day(60)]], 1)), None);
    let nothing = Counted { unknown: 96, ..Counted::default() };
    assert_eq!(range(&replayed(&[vec![nothing; 30]], 1)), None);
    let two = replayed(&[vec![day(60); 30]], 2);
    let method = two.whole.share.measured().unwrap().interval.unwrap().method;
    assert_eq!(method, IntervalMethod::BootstrapOverHomes);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn the_interval_holds_what_was_found(
        bad in prop::collection::vec(prop::collection::vec(0_u64..12, 1..31), 1..4),
    ) {
        let periods: Vec<Vec<Counted>> =
            bad.into_iter().map(|days| days.into_iter().map(day).collect()).collect();
        let told = replayed(&periods, 1);
        let found = told.whole.share.value().unwrap();
        if let Some((low, high)) = range(&told) {
            prop_assert!((0.0..=found).contains(&low) && (found..=1.0).contains(&high));
            let mean = told.whole.paid_mean.unwrap();
            let (low, high) = mean.between.unwrap();
            prop_assert!((0.0..=mean.value).contains(&low) && mean.value <= high && high <= 5.0);
        }
    }
}
