//! What holds of any homes: splitting and order change nothing, and no group of
//! fewer than k homes can be seen.

use std::collections::BTreeMap;

use hearth_proto::{Technology, UnixMs};
use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::contribution::{BySegment, Carried, HourTimes, LostIn, Run, Times};
use super::*;
use crate::gaps::HOURS_OF_WEEK;
use crate::homes::Place;
use crate::qoe::catalogue::Catalogue;

const SPAN: Span = Span { from: UnixMs(0), to: UnixMs(2 * 86_400_000) };
const TECHNOLOGIES: [Technology; 3] = [Technology::Fttp, Technology::Dsl, Technology::Lte];

fn catalogue() -> Catalogue {
    let mut catalogue = Catalogue::built_in();
    catalogue.activities.truncate(2);
    catalogue
}

fn one() -> impl Strategy<Value = Contribution> {
    let name = |of: &'static str, n: u8| {
        prop::option::weighted(0.8, (0..n).prop_map(move |i| format!("{of}{i}")))
    };
    let place = (name("a", 4), name("p", 3), name("c", 2), name("w", 2))
        .prop_map(|(area, pon, cell, power_area)| Place { area, pon, cell, power_area });
    let times = prop::collection::vec((0_u64..9, 0_u64..9, 0_u64..9), 2..=2);
    let runs = prop::collection::vec((0_u32..4, 0_u32..3, 0_usize..5, 0_u32..60), 0..4);
    (place, any::<[bool; 4]>(), times, prop::sample::subsequence(&TECHNOLOGIES[..], 0..3), runs)
        .prop_map(|(place, [consents, primary, backup, read], times, technologies, runs)| {
            let primary = primary && !technologies.is_empty();
            let times: Vec<Times> = times
                .into_iter()
                .map(|(ok, bad, unknown)| Times {
                    ok,
                    bad,
                    unknown,
                    primary_ok: ok,
                    primary_bad: bad + 2,
                    saved: 2,
                    unsaved: bad,
                    ..Times::default()
                })
                .collect();
            let mut runs: Vec<Run> = runs
                .into_iter()
                .map(|(hour, s, kind, length)| {
                    let (kind, medium) = [
                        (AreaKind::Outage, Medium::Fixed),
                        (AreaKind::Outage, Medium::Mobile),
                        (AreaKind::Degradation, Medium::Fixed),
                        (AreaKind::Degradation, Medium::Mobile),
                        (AreaKind::Silence, Medium::Home),
                    ][kind];
                    let start_s = 3600 * (hour + 1) + s * 100;
                    let end_s = start_s + length * 60;
                    Run { start_s, end_s, kind, medium, restarted: length > 30 }
                })
                .collect();
            runs.sort_unstable();
            let lost = (0..runs.len() as u16).map(|run| LostIn { run, activity: run % 2, ms: 60 });
            let mut hours = vec![vec![HourTimes::default(); HOURS_OF_WEEK]; 2];
            for (hours, t) in hours.iter_mut().zip(&times) {
                hours[30] = HourTimes { known_s: (t.ok + t.bad) as u32, bad_s: t.bad as u32 };
            }
            Contribution {
                place,
                consents,
                product: read,
                measured: !technologies.is_empty(),
                primary,
                backup: primary && backup,
                carried: technologies
                    .into_iter()
                    .map(|technology| Carried { technology, up: 5, down: 1, bad: vec![1, 2] })
                    .collect(),
                hours,
                segments: BySegment { told: [(1, 60); 5], left_off: 1 },
                shared: (1, 2),
                need_ms: 3_600_000,
                need_bytes: primary.then_some(1_000),
                congestion: read.then_some([primary; 24]),
                slot_s: 60,
                lost: lost.collect(),
                runs,
                times,
            }
        })
}

fn add<'c>(homes: impl IntoIterator<Item = &'c Contribution>) -> RollUp {
    let mut all = RollUp::new(SPAN, &catalogue(), &TimeZone::UTC);
    homes.into_iter().for_each(|home| all.add(home));
    all
}

type Counted<'f> = &'f dyn Fn(&Group) -> Option<u64>;

/// Every number of homes that a group's figures name.
fn named(group: &Group) -> Vec<u64> {
    let count = |f: &Figure| f.measured().filter(|m| m.of == "homes").map(|m| m.count);
    let mut all: Vec<u64> = group.activities.iter().map(|a| a.homes).collect();
    all.extend(group.technologies.iter().map(|t| t.homes));
    all.extend(group.worst_hours.iter().chain(&group.hours).map(|h| h.homes));
    all.extend(
        group.activities.iter().flat_map(|a| [count(&a.primary), count(&a.rescue)]).flatten(),
    );
    let rest = [&group.need.hours, &group.need.bytes, &group.congestion.share];
    all.extend(rest.into_iter().filter_map(count));
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn split_and_shuffled_homes_roll_up_to_the_same(
        homes in prop::collection::vec(one(), 0..120),
        order in any::<prop::sample::Index>(),
        parts in prop::collection::vec(0_usize..3, 120),
        k in 2_u64..8,
    ) {
        let k = K::try_from(k).unwrap();
        let whole = add(&homes).report(k);
        let mut turned: Vec<&Contribution> = homes.iter().rev().collect();
        if !turned.is_empty() {
            let by = order.index(turned.len());
            turned.rotate_left(by);
        }
        prop_assert_eq!(&add(turned).report(k), &whole);
        let part = |number: usize| {
            add(homes.iter().zip(&parts).filter(|(_, p)| **p == number).map(|(h, _)| h))
        };
        prop_assert_eq!(&part(2).merge(part(0)).merge(part(1)).report(k), &whole);
    }

    #[test]
    fn no_group_of_fewer_than_k_homes_is_shown_or_left_by_a_difference(
        homes in prop::collection::vec(one(), 0..120),
        k in 2_u64..14,
    ) {
        let anonymity = K::try_from(k).unwrap();
        let report = add(&homes).report(anonymity);
        let mut consenting: BTreeMap<&str, u64> = BTreeMap::new();
        for home in &homes {
            if let Some(area) = home.area() {
                *consenting.entry(area).or_default() += 1;
            }
        }
        for group in &report.areas {
            let name = group.area.as_deref().unwrap();
            prop_assert_eq!(group.homes, consenting[name]);
            prop_assert!(group.homes >= k);
            prop_assert!(named(group).iter().all(|n| *n >= k), "{:?}", group);
            // Those that are not of a technology are no small group either.
            for t in &group.technologies {
                let others = group.homes - t.homes;
                prop_assert!(others == 0 || others >= k);
            }
        }
        prop_assert!(named(&report.operator).iter().all(|n| *n == 0 || *n >= k));
        // What the operator's figures leave of the areas': of each figure.
        let left = |of: &dyn Fn(&Group) -> Option<u64>| {
            let areas: u64 = report.areas.iter().filter_map(of).sum();
            of(&report.operator).unwrap_or(0).checked_sub(areas)
        };
        let count = |f: &Figure| f.measured().filter(|m| m.of == "homes").map(|m| m.count);
        for a in 0..2 {
            let of = |g: &Group| {
                let id = &catalogue().activities[a].id;
                g.activities.iter().find(|x| x.activity.id == *id).cloned()
            };
            let figures: [Counted<'_>; 3] = [
                &|g| of(g).map(|x| x.homes),
                &|g| of(g).and_then(|x| count(&x.primary)),
                &|g| of(g).and_then(|x| count(&x.rescue)),
            ];
            for figure in figures {
                prop_assert!(left(figure).is_some_and(|n| n == 0 || n >= k));
            }
        }
        let homes_left = left(&|g| Some(g.homes)).unwrap();
        prop_assert!(homes_left == 0 || homes_left >= k);
        for incident in &report.incidents {
            prop_assert!(incident.homes >= k && incident.hit >= 5);
            let sums = incident.lost_ms(None) + incident.silent_ms;
            let times = incident.half_over.is_some() || incident.restarted.is_some();
            prop_assert!(incident.hit >= k || (sums == 0 && !times && incident.withheld));
            for cause in &incident.causes {
                prop_assert!(cause.homes >= k && (cause.others == 0 || cause.others >= k));
            }
        }
    }
}
