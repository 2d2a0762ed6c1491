use super::*;

#[test]
fn a_cell_keeps_what_it_is_given() {
    let found = State::ALL.into_iter().filter(|s| *s != State::Excluded);
    for (state, limit) in found.flat_map(|s| Limit::ALL.map(|l| (s, l))) {
        let cell = Cell::new(state, limit);
        assert_eq!((cell.state(), cell.limit(), cell.is_unproven()), (state, limit, false));
        assert_eq!((cell.is_unknown(), cell.is_bad()), (!state.is_known(), state.is_bad()));
        let slow = state.is_bad() && limit == Limit::Latency;
        let excluded = cell.unproven().excluded();
        assert!(!Cell::any_slow(&[Cell::SILENT, excluded]));
        assert_eq!(Cell::any_slow(&[excluded, cell.unproven(), excluded]), slow);
        let unproven = cell.unproven();
        assert_eq!((unproven.state(), unproven.limit()), (state, limit));
        assert!(unproven.is_unproven());
        let out = unproven.excluded();
        assert_eq!((out.state(), out.found()), (State::Excluded, state));
        assert_eq!((out.is_unknown(), out.is_bad(), out.rank()), (false, false, 0));
        assert!(out.is_unproven());
        for proof in Proof::ALL {
            let expected = if state == State::Ok { proof } else { Proof::Fresh };
            assert_eq!(cell.proven(proof).proof(), expected);
        }
    }
    assert_eq!(size_of::<Cell>(), 1);
}

#[test]
fn a_narrow_strip_never_hides_a_bad_slot() {
    use State::{Degraded, Down, Excluded, Ok, Unknown};
    let counts = |states: &[State]| Counts::of(states.iter().copied()).shown();
    assert_eq!(counts(&[Ok, Ok, Down, Unknown]), Down);
    assert_eq!(counts(&[Ok, Ok, Degraded]), Degraded);
    assert_eq!(counts(&[Ok, Ok, Unknown]), Ok);
    assert_eq!(counts(&[Ok, Unknown, Unknown]), Unknown);
    assert_eq!(counts(&[Excluded, Excluded, Ok]), Excluded);
}
