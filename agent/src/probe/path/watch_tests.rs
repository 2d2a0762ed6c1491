use proptest::prelude::*;

use super::*;

const EVERY: Duration = Duration::from_secs(300);
const SECOND: Duration = Duration::from_secs(1);

fn router(n: u8) -> Who {
    Who::Router(IpAddr::from([203, 0, 113, n]))
}

/// A path whose TTL 2 is asked each second: `who` says who answers at a TTL.
struct Home {
    watch: Watch,
    now: Instant,
    told: Vec<Vec<Option<IpAddr>>>,
    asked: u32,
}

impl Home {
    fn new() -> Self {
        let now = crate::clock::now();
        Self { watch: Watch::new(EVERY, now), now, told: Vec::new(), asked: 0 }
    }

    fn seconds(&mut self, n: u32, mut who: impl FnMut(u8, u32) -> Option<Who>) {
        for second in 0..n {
            for ttl in self.watch.asks(2, self.now).into_iter().chain([2]) {
                self.asked += 1;
                let answer = who(ttl, second);
                self.watch.saw(ttl, answer, self.now);
            }
            self.watch.first_hop_is(2, self.now);
            if let Some(found) = self.watch.found() {
                self.told.push(found.hops());
            }
            self.now += SECOND;
        }
    }
}

fn ips(hops: &[u8]) -> Vec<Option<IpAddr>> {
    hops.iter().map(|n| (*n > 0).then(|| IpAddr::from([203, 0, 113, *n]))).collect()
}

#[test]
fn a_path_is_told_once_and_a_change_once_it_has_held() {
    let mut home = Home::new();
    home.seconds(600, |ttl, _| Some(router(ttl)));
    assert_eq!(home.told, [ips(&[1, 2, 3, 4])]);
    // Two walks and the first hop itself.
    assert!(home.asked < 600 + 30, "{}", home.asked);
    home.seconds(HOLD - 1, |ttl, _| Some(router(10 + ttl)));
    assert_eq!(home.told.len(), 1, "not yet");
    home.seconds(90, |ttl, _| Some(router(10 + ttl)));
    assert_eq!(home.told[1..], [ips(&[11, 12, 13, 14])], "all of it at once");
    home.seconds(600, |ttl, _| Some(router(ttl)));
    assert_eq!(home.told[2..], [ips(&[1, 2, 3, 4])], "and back");
}

#[test]
fn a_path_ends_before_its_destination() {
    let mut home = Home::new();
    home.seconds(20, |ttl, _| Some(if ttl < 3 { router(ttl) } else { Who::Destination }));
    assert_eq!(home.told, [ips(&[1, 2])]);
}

#[test]
fn silence_is_no_change() {
    let mut home = Home::new();
    home.seconds(400, |ttl, _| (ttl != 3).then(|| router(ttl)));
    assert_eq!(home.told, [ips(&[1, 2, 0, 4])]);
    let asked = home.asked;
    home.seconds(10, |_, _| None);
    // One walk as soon as the first hop is silent.
    assert_eq!(home.asked - asked, 10 + 9);
    home.seconds(2_000, |_, _| None);
    home.seconds(700, |ttl, _| (ttl != 3).then(|| router(ttl)));
    assert_eq!(home.told.len(), 1);
}

#[test]
fn what_was_told_before_a_restart_is_the_same_path_where_both_answer() {
    let mut home = Home::new();
    home.seconds(2, |ttl, s| Some(if ttl == 2 { router(20 + (s % 2) as u8) } else { router(ttl) }));
    home.seconds(1, |ttl, _| Some(router(if ttl == 2 { 20 } else { ttl })));
    home.watch.untold = true;
    let found = home.watch.found().unwrap();
    assert!(found.agrees_with(&ips(&[1, 20])) && found.agrees_with(&ips(&[1, 21, 0, 4])));
    assert!(found.agrees_with(&[]) && !found.agrees_with(&ips(&[1, 22])));
}

proptest! {
    /// Equal-cost paths: any routers that take turns, whichever is next.
    #[test]
    fn routers_that_take_turns_are_no_change(
        steps in proptest::collection::vec(1_u8..3, 500..900),
    ) {
        let mut home = Home::new();
        let turns: Vec<u8> = steps
            .iter()
            .scan(0, |turn, step| {
                *turn = (*turn + step) % 3;
                Some(*turn)
            })
            .collect();
        home.seconds(turns.len() as u32, |ttl, second| {
            Some(router(10 * ttl + turns[second as usize]))
        });
        prop_assert!(home.told.len() <= 1, "{:?}", home.told);
    }

    /// However answers come, a change is never told faster than it can hold, and
    /// what is told is what was seen.
    #[test]
    fn what_is_told_was_seen_and_has_held(
        answers in proptest::collection::vec(proptest::option::of(0_u8..4), 50..400),
    ) {
        let mut home = Home::new();
        home.seconds(answers.len() as u32, |ttl, second| {
            answers[second as usize].map(|n| router(10 * ttl + n))
        });
        let most = 1 + answers.len() / HOLD as usize;
        prop_assert!(home.told.len() <= most, "{} told", home.told.len());
        for hops in &home.told {
            for (i, ip) in hops.iter().enumerate().filter_map(|(i, hop)| hop.map(|ip| (i, ip))) {
                let IpAddr::V4(ip) = ip else { unreachable!() };
                prop_assert_eq!(usize::from(ip.octets()[3]) / 10, i + 1);
            }
        }
    }
}
