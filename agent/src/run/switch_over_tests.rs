use proptest::prelude::*;

use super::*;
use crate::link::discover::follow::{Selection, follow};
use crate::link::discover::{Interface, Machine, OperState, Route};

/// The script's zero.
const ZERO: i64 = 1_764_000_000_000;
/// When the fibre fails.
const FAILS_S: i64 = 70;

fn at(ms: i64) -> UnixMs {
    UnixMs(ZERO + ms)
}

fn name(link: &str) -> LinkName {
    link.parse().unwrap()
}

fn both(bytes: u64) -> Bytes {
    Bytes { rx: 4 * bytes, tx: bytes }
}

/// A home with fibre and LTE, in seconds.
struct Home<F: Fn(&str, i64) -> Bytes> {
    /// The household's bytes by a link in a second.
    uses: F,
    own: Bytes,
    /// So long after its first failed probe the fibre is judged down, and up again.
    judged_s: i64,
    up_s: Option<i64>,
    routed_ms: Option<i64>,
}

impl<F: Fn(&str, i64) -> Bytes> Home<F> {
    fn with(uses: F) -> Self {
        Self { uses, own: Bytes::default(), judged_s: 4, up_s: None, routed_ms: None }
    }

    fn told(&self, seconds: i64) -> Vec<Moved> {
        let mut all = SwitchOvers::default();
        let mut told = Vec::new();
        all.routed(0, &routes(&[("fibre", 100), ("lte", 200)]), at(0));
        for s in 0..seconds {
            let routed = self.routed_ms.filter(|ms| (s * 1_000..(s + 1) * 1_000).contains(ms));
            if let Some(ms) = routed {
                all.routed(0, &routes(&[("fibre", 300), ("lte", 200)]), at(ms));
            }
            for link in ["fibre", "lte"] {
                let carried = Carried {
                    from: at(s * 1_000),
                    to: at((s + 1) * 1_000),
                    household: (self.uses)(link, s),
                    own: self.own,
                };
                told.extend(all.carried(0, &name(link), carried));
            }
            if s == FAILS_S + self.judged_s {
                told.extend(all.stands(0, &name("fibre"), Some(at(FAILS_S * 1_000))));
            }
            if self.up_s == Some(s) {
                told.extend(all.stands(0, &name("fibre"), None));
            }
        }
        told
    }
}

/// All by the fibre until it fails, by LTE from `moved` on.
fn moves(moved: i64) -> impl Fn(&str, i64) -> Bytes {
    move |link, s| match link {
        "fibre" if s < FAILS_S => both(10_000),
        "lte" if s >= moved => both(2_000),
        _ => Bytes::default(),
    }
}

fn routes(metrics: &[(&str, u32)]) -> Links {
    let interfaces = metrics.iter().enumerate().map(|(index, (link, metric))| {
        let route = Route {
            family: Family::V4,
            table: crate::link::discover::machine::MAIN_TABLE,
            metric: *metric,
            gateway: None,
            source: None,
        };
        let interface = Interface {
            index: index as u32 + 1,
            loopback: false,
            admin_up: true,
            carrier: true,
            oper: OperState::Up,
            kind: None,
            addresses: Vec::new(),
            routes: vec![route],
        };
        (link.parse().unwrap(), interface)
    });
    let machine = Machine { interfaces: interfaces.collect() };
    follow(&Links::new(), &machine, &Selection::default())
}

#[test]
fn the_first_answer_by_another_link_is_told_once_with_the_routes_move() {
    let home = Home { routed_ms: Some(81_500), ..Home::with(moves(83)) };
    let moved = Moved {
        at: at(84_000),
        from: name("fibre"),
        to: name("lte"),
        answered_after_ms: 14_000,
        routed_after_ms: Some(11_500),
    };
    assert_eq!(home.told(200), std::slice::from_ref(&moved));
    // Whoever moves traffic by other means than the default route.
    let unseen = Moved { routed_after_ms: None, ..moved };
    assert_eq!(Home::with(moves(83)).told(200), std::slice::from_ref(&unseen));
    // It moved before the belief was sure, and is told all the same.
    let late = Home { judged_s: 60, ..Home::with(moves(83)) };
    assert_eq!(late.told(200), [unseen]);
}

#[test]
fn nothing_is_told_of_a_home_that_asks_for_nothing() {
    assert_eq!(Home::with(|_, _| Bytes::default()).told(300), []);
    // Which begins to use the line in the outage.
    let later = |link: &str, s| if link == "lte" && s > 90 { both(5_000) } else { both(0) };
    assert_eq!(Home::with(later).told(300), []);
    // Now and then a packet, as any home sends.
    let chatter = |link: &str, s: i64| match (link, s % 20) {
        ("fibre", 0) if s < FAILS_S => both(600),
        ("lte", 0) if s > FAILS_S => both(600),
        _ => Bytes::default(),
    };
    assert_eq!(Home::with(chatter).told(300), []);
}

#[test]
fn a_link_that_is_always_used_is_no_switch_over() {
    let spread = |link: &str, s| match link {
        "fibre" if s >= FAILS_S => Bytes::default(),
        "fibre" => both(10_000),
        _ => both(8_000),
    };
    assert_eq!(Home::with(spread).told(300), []);
    // Even where it takes twice as much then.
    let grows = |link: &str, s| match link {
        "fibre" if s >= FAILS_S => Bytes::default(),
        "lte" if s >= FAILS_S => both(20_000),
        _ => both(10_000),
    };
    assert_eq!(Home::with(grows).told(300), []);
}

#[test]
fn traffic_that_goes_on_by_the_link_did_not_move() {
    // The reflector alone is away.
    let goes_on = |link: &str, s| match link {
        "fibre" => both(10_000),
        _ if s > 90 => both(2_000),
        _ => Bytes::default(),
    };
    assert_eq!(Home::with(goes_on).told(300), []);
}

#[test]
fn what_comes_too_late_or_one_way_is_no_answer() {
    assert_eq!(Home { up_s: Some(80), ..Home::with(moves(83)) }.told(300), []);
    assert_eq!(Home::with(moves(FAILS_S + 601)).told(900), []);
    assert_eq!(Home::with(moves(FAILS_S + 590)).told(900).len(), 1);
    let unanswered = |link: &str, s| match link {
        "lte" if s > 80 => Bytes { rx: 0, tx: 5_000 },
        "lte" => Bytes::default(),
        _ => moves(900)(link, s),
    };
    assert_eq!(Home::with(unanswered).told(300), []);
    // A test by the other link, whose bytes are taken off to a few per cent.
    let tested = Home { own: both(100_000), ..Home::with(moves(83)) };
    assert_eq!(tested.told(300), []);
}

#[test]
fn with_another_timeline_all_begins_anew() {
    let mut all = SwitchOvers::default();
    let carried = |s: i64, household| Carried {
        from: at(s * 1_000),
        to: at((s + 1) * 1_000),
        household,
        own: Bytes::default(),
    };
    for s in 0..FAILS_S {
        assert_eq!(all.carried(0, &name("fibre"), carried(s, both(9_000))), None);
        assert_eq!(all.carried(0, &name("lte"), carried(s, both(0))), None);
    }
    assert_eq!(all.stands(1, &name("fibre"), Some(at(FAILS_S * 1_000))), None);
    for s in FAILS_S..2 * FAILS_S {
        // What a task says that has not heard of it yet.
        assert_eq!(all.carried(0, &name("fibre"), carried(s, both(9_000))), None);
        assert_eq!(all.carried(1, &name("lte"), carried(s, both(9_000))), None);
    }
}

#[test]
fn readings_are_kept_for_as_long_as_they_may_be_asked_for() {
    let mut all = SwitchOvers::default();
    for s in 0..5_000 {
        if s == 1_000 {
            all.stands(0, &name("fibre"), Some(at(s * 1_000)));
        }
        let (from, to) = (at(s * 1_000), at((s + 1) * 1_000));
        let (household, own) = (both(1_000), Bytes::default());
        all.carried(0, &name("fibre"), Carried { from, to, household, own });
        let kept = all.links[&name("fibre")].carried.len();
        assert!(kept <= if (1_000..1_606).contains(&s) { 667 } else { 182 }, "{kept} at {s}");
    }
}

proptest! {
    /// Whatever the home does and whenever it moves, what is told is at most a second
    /// late, and never before the traffic; the route's move lies before it.
    #[test]
    fn the_truth_is_met_to_the_second(
        before in 2_000_u64..5_000_000, after in 2_000_u64..5_000_000,
        moved_ms in 1_000_i64..90_000, judged_s in 2_i64..60,
        routed_before_ms in prop::option::of(0_i64..1_000),
        noise in prop::collection::vec(0_u64..150, 60),
    ) {
        let truth_ms = FAILS_S * 1_000 + moved_ms;
        let uses = |link: &str, s: i64| {
            // Own bytes that were counted a moment apart.
            let noise = noise[s as usize % noise.len()];
            let share = |ms: i64| ms.clamp(0, 1_000) as u64;
            let household = match link {
                "fibre" if s < FAILS_S => before,
                "lte" => after * share((s + 1) * 1_000 - truth_ms) / 1_000,
                _ => 0,
            };
            Bytes { rx: household + noise, tx: household / 2 + noise }
        };
        let routed_ms = routed_before_ms.map(|ms| truth_ms - ms);
        let home = Home { judged_s, routed_ms, ..Home::with(uses) };
        let told = home.told(FAILS_S + moved_ms / 1_000 + 70);
        prop_assert_eq!(told.len(), 1, "{:?}", told);
        let late = told[0].at.0 - ZERO - truth_ms;
        // A tenth of a second's traffic may be too little to be sure.
        prop_assert!((0..=1_500).contains(&late), "{} ms", late);
        prop_assert_eq!(i64::from(told[0].answered_after_ms), moved_ms + late);
        let routed = routed_ms.map(|ms| (ms - FAILS_S * 1_000).max(0) as u32);
        prop_assert_eq!(told[0].routed_after_ms, routed);
    }
}
