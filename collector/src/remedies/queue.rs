//! A queue manager on the router: what would have worked if a full line had not made its
//! packets queue.
//!
//! A slot counts where the line was full in its busiest second, the way to the router was
//! in order, and what failed was delay. On a device, whose counters do not see the rest of
//! the home, a line that seems not to be full may be. The far end is then taken to be as it is while the
//! line is idle, with what a queue manager leaves of a queue on top. Loss is left as it
//! was: a queue manager drops too.

use super::line::Line;
use super::replay::{Far, Mark, Replay};
use super::thresholds as at;
use super::wifi::Gateway;
use super::{Remedy, RemedyKind, Verdict};
use crate::ledger::{Cell, Limit, State};

const KIND: RemedyKind = RemedyKind::QueueManager;

/// The line, and what it is like when it is idle.
struct Idle {
    line: Line,
    ms: [f64; 3],
}

impl Idle {
    /// The far end without the queue.
    fn managed(&self, far: &Far, left_ms: f64) -> Far {
        let mut ms = far.ms;
        for (ms, idle) in ms.iter_mut().zip(self.ms) {
            // Never worse than it was, and unknown stays unknown.
            if idle.is_finite() {
                *ms = ms.min(idle + left_ms);
            }
        }
        Far { ms, ..*far }
    }
}

fn mark(
    replay: &Replay<'_>,
    idle: &Idle,
    gateway: Option<&Gateway<'_>>,
    (a, slot, cell): (usize, usize, Cell),
) -> Mark {
    if cell.limit() != Limit::Latency {
        return Mark::Stays;
    }
    let far = replay.far(slot);
    if gateway.is_some_and(|g| g.is_bad(slot, &far)) {
        return Mark::Stays;
    }
    let Some(requirement) = replay.requirement(a) else { return Mark::Stays };
    let managed = |left_ms| idle.managed(&far, left_ms).is_ok_for(requirement);
    if !managed(at::QUEUE_LEFT_MS) {
        return Mark::Stays;
    }
    match idle.line.is_full(replay, slot) {
        None => Mark::Perhaps,
        Some(false) => Mark::Stays,
        Some(true) if managed(at::QUEUE_LEFT_SAFE_MS) => Mark::Surely,
        Some(true) => Mark::Saved,
    }
}

pub(super) fn remedy(
    replay: &mut Replay<'_>,
    line: &Line,
    gateway: Option<&Gateway<'_>>,
) -> Remedy {
    let is_slow =
        |c: (usize, Cell)| c.1.state() == State::Degraded && c.1.limit() == Limit::Latency;
    if !replay.deciding().any(|a| replay.bad(a).any(is_slow)) {
        return Remedy::new(KIND, Verdict::WouldNotHelp, "nothing failed for delay");
    }
    let Line { down_bps, up_bps, .. } = *line;
    if down_bps.is_none() && up_bps.is_none() {
        let why = format!(
            "it is not known when the line was full: under {} tests told its speed",
            at::SPEED_TESTS
        );
        return Remedy::new(KIND, Verdict::CannotSay, why);
    }
    let busy = &replay.columns().busy;
    if !busy.counted.contains(&true) {
        let why = "it is not known when the line was full: the interface does not count the \
                   home's own traffic";
        return Remedy::new(KIND, Verdict::CannotSay, why);
    }
    let connection = replay.ledger().connection(replay.link);
    let under = |bps: u64, of: Option<f64>| of.is_none_or(|of| bps as f64 <= of * at::IDLE);
    let idle = |slot: usize| {
        busy.counted[slot]
            && connection[slot].state() == State::Ok
            && under(busy.rx_peak_bps[slot], down_bps)
            && under(busy.tx_peak_bps[slot], up_bps)
    };
    let Some(ms) = replay.usual(idle, at::IDLE_SLOTS) else {
        let why = "the line was hardly ever idle, so that it is not known what it is like without \
                   a queue";
        return Remedy::new(KIND, Verdict::CannotSay, why);
    };
    let idle = Idle { line: *line, ms };
    let marks = replay.marks_of_bad(|a, slot, cell| mark(replay, &idle, gateway, (a, slot, cell)));
    let gains = replay.gains(&marks);
    let untold = "delay rose, and it is not known whether the line was full: not all of the \
                  home's traffic is counted here, or its speed is not known";
    let mut remedy = replay.judge(
        KIND,
        gains,
        "delay rose while the home itself filled the line",
        untold,
        || "delay rose while the line was not full, or rose for another reason".to_owned(),
    );
    remedy
        .why
        .push(format!("When idle, the line answers within {:.0} ms in the median", idle.ms[0]));
    if let Some(ms) = replay.of_link().bufferbloat_ms_v1.value() {
        remedy.why.push(format!("Under the load of a test its delay rose by {ms:.0} ms"));
    }
    remedy
}
