use super::*;
use hearth_proto::Cause;
use proptest::prelude::*;

const ANSWER: Outcome = Outcome::Answered { us: 20_000 };
const LOSS: Outcome = Outcome::Failed(Cause::Timeout);
const S: i64 = 1000;

struct Bench {
    belief: Belief,
    targets: Vec<TargetId>,
    log: Vec<Transition>,
}

impl Bench {
    fn new(targets: usize) -> Self {
        let mut belief = Belief::new(S, 0.99);
        let targets = (0..targets).map(|_| belief.add_target()).collect();
        Self { belief, targets, log: Vec::new() }
    }

    /// A probe sent at `at` whose outcome is known by the end of the round.
    fn probe(&mut self, target: usize, at: i64, outcome: Outcome) {
        self.belief.sent(UnixMs(at));
        self.belief.outcome(self.targets[target], UnixMs(at), outcome);
    }

    fn advance(&mut self, now: i64) {
        self.log.extend(self.belief.advance(UnixMs(now)));
    }

    fn rounds(&mut self, from: i64, outcomes: &[Outcome]) {
        for (i, outcome) in outcomes.iter().enumerate() {
            let at = from + i as i64 * S;
            for target in 0..self.targets.len() {
                self.probe(target, at + target as i64, *outcome);
            }
            self.advance(at + S);
        }
    }

    fn log(&self) -> Vec<(i64, State)> {
        self.log.iter().map(|t| (t.at.0, t.state)).collect()
    }
}

const DOWN: State = State::Down(DownCause::Probes);

#[test]
fn one_loss_is_doubt_two_are_down_and_two_answers_up_again() {
    let mut bench = Bench::new(1);
    bench.rounds(100, &[ANSWER, ANSWER]);
    assert_eq!(bench.log(), [(100, State::Up)]);
    bench.rounds(2100, &[LOSS]);
    assert!((bench.belief.probability() - 0.5).abs() < 1e-9);
    assert!(bench.belief.is_urgent(UnixMs(3100)));
    assert_eq!(bench.belief.settled_until(UnixMs(3100)), UnixMs(2100));
    bench.rounds(3100, &[LOSS, LOSS]);
    assert_eq!(bench.log(), [(100, State::Up), (2100, DOWN)], "dated to the first loss");
    bench.rounds(5100, &[ANSWER]);
    assert_eq!(bench.belief.state(), DOWN, "in between, the last state holds");
    bench.rounds(6100, &[ANSWER]);
    assert_eq!(bench.log()[2..], [(5100, State::Up)], "dated to the first answer");
    assert!(!bench.belief.is_urgent(UnixMs(7100)));
    assert_eq!(bench.belief.settled_until(UnixMs(7100)), UnixMs(7100));
}

#[test]
fn a_fast_pace_makes_no_outage_of_two_losses_and_dates_one_to_its_probe() {
    let mut belief = Belief::new(100, 0.99);
    let target = belief.add_target();
    let mut log = Vec::new();
    for at in (0..12_000).step_by(100) {
        let outcome = if matches!(at, 2300 | 2400) || at >= 5400 { LOSS } else { ANSWER };
        belief.sent(UnixMs(at));
        belief.outcome(target, UnixMs(at), outcome);
        log.extend(belief.advance(UnixMs(at + 100)).into_iter().map(|t| (t.at.0, t.state)));
    }
    assert_eq!(log, [(0, State::Up), (5400, DOWN)]);
}

#[test]
fn a_start_without_answers_is_down_from_its_first_probe() {
    let mut bench = Bench::new(1);
    bench.rounds(300, &[LOSS, LOSS]);
    assert_eq!(bench.log(), [(300, DOWN)]);
}

#[test]
fn outcomes_count_in_the_order_of_sending() {
    let mut bench = Bench::new(1);
    bench.rounds(0, &[ANSWER]);
    let (id, b) = (bench.targets[0], &mut bench.belief);
    for at in [1000, 2000, 3000] {
        b.sent(UnixMs(at));
    }
    // The third is answered before the first two are given up.
    b.outcome(id, UnixMs(3000), ANSWER);
    assert!(b.advance(UnixMs(3100)).is_empty());
    assert_eq!(b.settled_until(UnixMs(3100)), UnixMs(1000));
    b.outcome(id, UnixMs(1000), LOSS);
    b.outcome(id, UnixMs(2000), LOSS);
    assert_eq!(b.advance(UnixMs(5000)), [Transition { at: UnixMs(1000), state: DOWN }]);
    assert_eq!(b.settled_until(UnixMs(5000)), UnixMs(3000), "a rise may date to it");
}

#[test]
fn one_silent_target_is_the_targets_fault() {
    let mut bench = Bench::new(2);
    for i in 0..100 {
        bench.probe(0, i * S, LOSS);
        bench.probe(1, i * S + 500, ANSWER);
        bench.advance(i * S + S);
    }
    assert_eq!(bench.log(), [(500, State::Up)]);
}

#[test]
fn a_target_not_asked_lately_must_fail_too() {
    let mut bench = Bench::new(2);
    bench.rounds(0, &[ANSWER]);
    for i in 1..6 {
        bench.probe(0, i * S, LOSS);
        bench.advance(i * S + S);
    }
    assert_eq!(bench.log(), [(0, State::Up)], "the second was not asked");
    assert!(bench.belief.is_urgent(UnixMs(6 * S)), "and should be");
    bench.rounds(6 * S, &[LOSS, LOSS]);
    assert_eq!(bench.log()[1..], [(S, DOWN)]);
}

#[test]
fn a_target_long_silent_blames_nobody_and_hides_nothing() {
    let mut bench = Bench::new(2);
    // The first is dead; the second is asked every 10 s.
    for i in 0..60 {
        bench.probe(0, i * S, LOSS);
        if i % 10 == 0 {
            bench.probe(1, i * S + 1, ANSWER);
        }
        bench.advance(i * S + S);
    }
    assert_eq!(bench.belief.state(), State::Up);
    assert!(!bench.belief.is_urgent(UnixMs(60 * S)));
    for i in 60..63 {
        bench.probe(1, i * S + 1, LOSS);
        bench.advance(i * S + S);
    }
    assert_eq!(bench.log().last(), Some(&(60 * S + 1, DOWN)));
}

#[test]
fn a_refusal_proves_the_path_and_our_own_errors_prove_nothing() {
    let mut bench = Bench::new(1);
    bench.rounds(0, &[Outcome::Failed(Cause::Refused)]);
    assert_eq!(bench.belief.state(), State::Up);
    bench.rounds(S, &[Outcome::Failed(Cause::NoRoute); 5]);
    assert_eq!(bench.belief.state(), State::Up);
}

const REFUSED: Outcome = Outcome::Failed(Cause::Refused);

#[test]
fn refusals_held_back_by_a_rate_limit_are_no_outage() {
    let mut bench = Bench::new(1);
    for i in 0..120 {
        // One in eight is told.
        bench.rounds(i * S, &[if i % 8 == 0 { REFUSED } else { LOSS }]);
    }
    assert_eq!(bench.log(), [(0, State::Up)]);
    let settled = bench.belief.settled_until(UnixMs(120 * S));
    assert!(settled >= UnixMs(112 * S), "{settled:?}");
}

#[test]
fn an_outage_after_refusals_is_found_a_little_later_and_dated_right() {
    let mut bench = Bench::new(1);
    bench.rounds(0, &[REFUSED, REFUSED]);
    bench.rounds(2 * S, &[LOSS; 14]);
    assert_eq!(bench.log(), [(0, State::Up), (2 * S, DOWN)]);
    bench.rounds(16 * S, &[ANSWER, ANSWER, LOSS, LOSS]);
    assert_eq!(bench.log()[2..], [(16 * S, State::Up), (18 * S, DOWN)], "it answers again");
}

#[test]
fn who_refuses_vouches_for_the_link_where_others_are_silent() {
    let mut bench = Bench::new(2);
    bench.rounds(0, &[REFUSED]);
    for i in 1..60 {
        bench.probe(0, i * S, LOSS);
        bench.probe(1, i * S + 1, if i % 4 == 0 { REFUSED } else { LOSS });
        bench.advance(i * S + S);
    }
    assert_eq!(bench.log(), [(0, State::Up)]);
}

#[test]
fn the_systems_word_is_at_once() {
    let mut bench = Bench::new(1);
    bench.rounds(0, &[ANSWER]);
    let lost = bench.belief.system(Some(DownCause::Carrier), UnixMs(1234), false);
    assert_eq!(lost, Some(Transition { at: UnixMs(1234), state: State::Down(DownCause::Carrier) }));
    assert_eq!(bench.belief.system(None, UnixMs(5200), false), None, "not up before it answers");
    bench.rounds(6000, &[LOSS]);
    assert_eq!(bench.log().last(), Some(&(6000, DOWN)), "now for want of answers");
    bench.rounds(7000, &[ANSWER, ANSWER]);
    assert_eq!(bench.log().last(), Some(&(7000, State::Up)));
}

#[test]
fn with_nobody_beyond_to_ask_a_link_is_unjudged() {
    let mut bench = Bench::new(1);
    bench.rounds(0, &[ANSWER]);
    let id = bench.targets[0];
    let turned = bench.belief.remove_target(id, UnixMs(1500), false);
    assert_eq!(turned, Some(Transition { at: UnixMs(1500), state: State::Unjudged }));
    bench.belief.system(Some(DownCause::Route), UnixMs(2000), false);
    let back = bench.belief.system(None, UnixMs(3000), false);
    assert_eq!(back, Some(Transition { at: UnixMs(3000), state: State::Unjudged }));
}

#[test]
fn targets_asked_anew_hold_what_is_held() {
    let mut bench = Bench::new(1);
    bench.rounds(0, &[ANSWER]);
    let id = bench.targets[0];
    assert_eq!(bench.belief.remove_target(id, UnixMs(1500), true), None);
    bench.belief.system(Some(DownCause::Route), UnixMs(2000), true);
    assert_eq!(bench.belief.system(None, UnixMs(3000), true), None);
    bench.targets = vec![bench.belief.add_target()];
    bench.rounds(4000, &[ANSWER, ANSWER]);
    assert_eq!(bench.log().last(), Some(&(4000, State::Up)));
}

#[test]
fn a_target_that_never_comes_leaves_the_link_unjudged() {
    let mut bench = Bench::new(0);
    bench.belief.system(Some(DownCause::Carrier), UnixMs(1000), true);
    bench.belief.system(None, UnixMs(2000), true);
    bench.advance(2000 + AWAIT_MS - 1);
    assert_eq!(bench.belief.settled_until(UnixMs(9000)), UnixMs(2000));
    assert_eq!(bench.log(), []);
    bench.advance(2000 + AWAIT_MS);
    assert_eq!(bench.log(), [(2000, State::Unjudged)]);
}

#[test]
fn the_tally_leaves_out_what_was_an_outage() {
    let mut bench = Bench::new(1);
    bench.rounds(0, &[ANSWER, ANSWER, LOSS, ANSWER, LOSS, LOSS, LOSS]);
    // The first round made it up; then an answer, a loss with its answer after.
    assert_eq!(bench.belief.take_tally(), (2, 3));
}

proptest! {
    #[test]
    fn whatever_comes_belief_is_bounded_and_time_goes_on(
        outcomes in prop::collection::vec((any::<bool>(), any::<bool>()), 1..200),
        p in 0.5_f64..0.99,
    ) {
        let mut bench = Bench::new(2);
        bench.belief.set_reply_if_up(p);
        let mut settled = UnixMs(0);
        for (i, (a, b)) in outcomes.into_iter().enumerate() {
            let at = i as i64 * S;
            bench.probe(0, at, if a { ANSWER } else { LOSS });
            bench.probe(1, at + 3, if b { ANSWER } else { LOSS });
            let known = bench.log.len();
            bench.advance(at + S);
            prop_assert!((LEAST..=MOST).contains(&bench.belief.probability()));
            for t in &bench.log[known..] {
                prop_assert!(t.at >= settled, "what was settled does not change");
            }
            let now = bench.belief.settled_until(UnixMs(at + S));
            prop_assert!(now >= settled || now.0 >= at - 30 * S);
            settled = settled.max(now);
        }
        for pair in bench.log.windows(2) {
            prop_assert!(pair[0].at < pair[1].at && pair[0].state != pair[1].state);
        }
    }

    #[test]
    fn a_link_that_answers_each_round_is_never_blamed(
        silent in prop::collection::vec(0_usize..3, 1..150),
    ) {
        let mut bench = Bench::new(3);
        for (i, speaker) in silent.into_iter().enumerate() {
            let at = i as i64 * S;
            for target in 0..3 {
                bench.probe(target, at + target as i64, if target == speaker { ANSWER } else { LOSS });
            }
            bench.advance(at + S);
        }
        prop_assert_eq!(bench.log.len(), 1);
        prop_assert_eq!(bench.belief.state(), State::Up);
    }
}
