//! Tests that are due and not begun: whether each is begun, waits, or is skipped.
//! Pure.

use std::time::{Duration, Instant};

use hearth_proto::{Order, SkipReason, TestKind};

/// A scheduled test waits so long for the household to leave the line idle.
pub(super) const WINDOW: Duration = Duration::from_secs(6 * 3600);
/// An ordered one: whoever ordered it waits for it.
pub(super) const ORDER_WINDOW: Duration = Duration::from_secs(60);
/// Ordered tests that may wait.
pub(super) const MAX_WAITING: usize = 8;

/// A test to be begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Due {
    pub(super) kind: TestKind,
    /// The order it fulfils.
    pub(super) order: Option<Order>,
    pub(super) at: Instant,
    /// It is skipped then.
    pub(super) until: Instant,
}

/// How the link stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts, each with its own answer")]
pub(super) struct Stand {
    pub(super) has_server: bool,
    pub(super) roams: bool,
    /// The budget covers it.
    pub(super) covered: bool,
    pub(super) works: bool,
    pub(super) idle: bool,
    /// No other test runs on this agent.
    pub(super) free: bool,
    /// Its order's time is over.
    pub(super) expired: bool,
}

/// What becomes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Begin,
    Wait,
    Skip(SkipReason),
}

pub(super) fn judge(due: &Due, stand: Stand, now: Instant) -> Verdict {
    let over = stand.expired || now >= due.until;
    match stand {
        Stand { has_server: false, .. } => Verdict::Skip(SkipReason::NoServer),
        // Nobody knows how long either lasts, and waiting would not make it cheaper.
        Stand { roams: true, .. } => Verdict::Skip(SkipReason::Roaming),
        Stand { covered: false, .. } => Verdict::Skip(SkipReason::Budget),
        Stand { works: true, idle: true, free: true, expired: false, .. } => Verdict::Begin,
        Stand { works: false, .. } if over => Verdict::Skip(SkipReason::LinkDown),
        // What kept it waiting is the reason, where anything did.
        Stand { idle: true, free: true, expired: true, .. } => Verdict::Skip(SkipReason::Expired),
        _ if over => Verdict::Skip(SkipReason::Busy),
        _ => Verdict::Wait,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: Stand = Stand {
        has_server: true,
        roams: false,
        covered: true,
        works: true,
        idle: true,
        free: true,
        expired: false,
    };

    #[test]
    fn a_test_waits_for_an_idle_line_until_its_time_is_over() {
        let at = crate::clock::now();
        let due = Due { kind: TestKind::Capacity, order: None, at, until: at + WINDOW };
        let (early, late) = (at + WINDOW / 2, at + WINDOW);
        let skip = |reason| Verdict::Skip(reason);
        for (stand, before, after) in [
            (GOOD, Verdict::Begin, Verdict::Begin),
            (Stand { idle: false, ..GOOD }, Verdict::Wait, skip(SkipReason::Busy)),
            (Stand { free: false, ..GOOD }, Verdict::Wait, skip(SkipReason::Busy)),
            (Stand { works: false, ..GOOD }, Verdict::Wait, skip(SkipReason::LinkDown)),
        ] {
            assert_eq!((judge(&due, stand, early), judge(&due, stand, late)), (before, after));
        }
        for (stand, reason) in [
            (Stand { has_server: false, ..GOOD }, SkipReason::NoServer),
            (Stand { roams: true, ..GOOD }, SkipReason::Roaming),
            (Stand { covered: false, ..GOOD }, SkipReason::Budget),
            (Stand { expired: true, ..GOOD }, SkipReason::Expired),
            (Stand { expired: true, idle: false, ..GOOD }, SkipReason::Busy),
            (Stand { expired: true, works: false, ..GOOD }, SkipReason::LinkDown),
        ] {
            assert_eq!(judge(&due, stand, early), skip(reason));
        }
    }
}
