//! What is said of a test that was not run, beside the reason: for a person.

use hearth_proto::{Order, SkipReason, TestOutcome, UnixMs};

use super::super::plan;
use super::waiting::Due;
use super::{Heavy, yielding};
use crate::clock;
use crate::status::text::{bytes, down};

/// What a test that was told to end, or not to begin, says of it.
pub(super) const TOLD_TO_STOP: &str = "the agent was told to stop";

/// An order that came too late, by a clock that whoever gave it does not see.
pub(in super::super) fn late(order: &Order, now: UnixMs) -> String {
    format!("{} s late by the agent's clock", now.since(order.expires).div_euclid(1000))
}

/// What came of a test and why, for the log.
pub(super) fn logged(outcome: &TestOutcome) -> (&'static str, &str) {
    match outcome {
        TestOutcome::Done(_) => ("done", ""),
        TestOutcome::Skipped { reason, detail } => (reason.name(), detail),
        TestOutcome::Failed { why, .. } => ("failed", why),
    }
}

impl Heavy {
    /// Why a test is not begun, as it stands now: for a person.
    pub(super) fn why(&self, due: &Due, reason: SkipReason) -> String {
        let stand = self.desk.stand.borrow();
        match reason {
            SkipReason::LinkDown => {
                let cause = stand.link.down_cause().or(stand.down);
                cause.map_or_else(String::new, |cause| down(cause).to_owned())
            }
            SkipReason::Budget => {
                let settings = *self.desk.settings.borrow();
                let limit = plan::budget(&self.shared.config, &stand, &settings.measures);
                let now = self.now();
                let left =
                    self.shared.memory.with(|kept| kept.account(&stand.link.name).left(limit, now));
                let of = |n: Option<u64>| n.map_or_else(|| "no bound".to_owned(), bytes);
                format!(
                    "{} are left of the month's {}, and probes need their part",
                    of(left),
                    of(limit)
                )
            }
            SkipReason::Busy => {
                let waited = clock::now().saturating_duration_since(due.at).as_secs();
                format!(
                    "no {} s without use or another test within {waited} s",
                    yielding::IDLE_FOR.as_secs()
                )
            }
            SkipReason::Expired => {
                due.order.as_ref().map_or_else(String::new, |order| late(order, self.now()))
            }
            SkipReason::NoServer => "no test server is configured".to_owned(),
            // What the reason says is all there is to say.
            _ => String::new(),
        }
    }
}
