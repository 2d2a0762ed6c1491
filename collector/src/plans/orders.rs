//! Orders: how many are allowed, and what became of one. Pure.

use hearth_proto::{
    AgentId, HouseholdId, LinkName, Order, OrderId, SkipReason, TestKind, TestOutcome, TestResult,
    UnixMs,
};
use serde::Serialize;

use crate::store::asks::Via;

/// The time over which orders are counted: an hour in milliseconds.
pub(crate) const WINDOW_MS: i64 = 3_600_000;

/// After an order's expiry a test that was begun in time may go on so long before
/// its result is missed: 2 minutes in milliseconds.
const RUNS_MS: i64 = 120_000;

/// How many orders an hour are accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// For one household, whoever orders.
    pub household: u32,
    /// By one name, for whichever household.
    pub name: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { household: 6, name: 60 }
    }
}

/// Why an order is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Too many for the household.
    #[error(
        "household {household} has had {limit} orders within the hour, the most allowed: again \
         in {again_s} s"
    )]
    Household {
        /// Which.
        household: HouseholdId,
        /// The limit.
        limit: u32,
        /// Seconds until one is accepted.
        again_s: u64,
    },
    /// Too many by one name.
    #[error(
        "{by} has given {limit} orders within the hour, the most allowed: again in {again_s} s"
    )]
    Name {
        /// Who.
        by: String,
        /// The limit.
        limit: u32,
        /// Seconds until one is accepted.
        again_s: u64,
    },
    /// No agent of the household has it.
    #[error("{field} {value} is not accepted: {household} has {known}")]
    Nobody {
        /// "agent" or "link".
        field: &'static str,
        /// As asked for.
        value: String,
        /// Whose.
        household: HouseholdId,
        /// What there is, in words.
        known: String,
    },
}

impl Limits {
    /// Seconds until one more is accepted, where `earlier` (by rising time, within
    /// the last hour) already are as many as `limit`.
    fn wait(limit: u32, earlier: &[UnixMs], now: UnixMs) -> Option<u64> {
        let limit = limit as usize;
        if earlier.len() < limit {
            return None;
        }
        // With a limit of 0 none is ever accepted: in an hour it is asked again.
        let free = earlier.len().checked_sub(limit).and_then(|i| earlier.get(i));
        let until = free.map_or(WINDOW_MS, |at| at.plus(WINDOW_MS).since(now));
        Some(until.clamp(1_000, WINDOW_MS).unsigned_abs().div_ceil(1000))
    }

    /// Whether one more order is accepted at `now`, beside those of the last hour
    /// for the same household and by the same name, each by rising time.
    pub fn admit(
        &self,
        household: (&HouseholdId, &[UnixMs]),
        name: (&str, &[UnixMs]),
        now: UnixMs,
    ) -> Result<(), Refusal> {
        if let Some(again_s) = Self::wait(self.household, household.1, now) {
            let (household, limit) = (household.0.clone(), self.household);
            return Err(Refusal::Household { household, limit, again_s });
        }
        if let Some(again_s) = Self::wait(self.name, name.1, now) {
            return Err(Refusal::Name { by: name.0.to_owned(), limit: self.name, again_s });
        }
        Ok(())
    }
}

/// An order and whom it is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addressed {
    /// The one agent that gets it.
    pub agent: AgentId,
    /// What.
    pub order: Order,
}

/// What became of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum OrderState {
    /// Its agent has not been told yet.
    Queued,
    /// Its agent was told.
    Sent,
    /// The test was run.
    Done,
    /// The agent did not run it; the result says why.
    Skipped,
    /// The test was begun and failed.
    Failed,
    /// It came too late, or no result came.
    Expired,
}

impl OrderState {
    /// As in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Sent => "sent",
            Self::Done => "done",
            Self::Skipped => "skipped",
            Self::Failed => "failed",
            Self::Expired => "expired",
        }
    }

    /// Whether nothing more is to come.
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Queued | Self::Sent)
    }
}

/// An order in the log, with what became of it.
#[derive(Debug, Clone, PartialEq)]
pub struct OrderEntry {
    /// Its number.
    pub id: OrderId,
    /// For which household.
    pub household: HouseholdId,
    /// For which agent.
    pub agent: AgentId,
    /// On which link; `None`: the one in use.
    pub link: Option<LinkName>,
    /// Which test.
    pub kind: TestKind,
    /// Who ordered it.
    pub by: String,
    /// By which door.
    pub via: Via,
    /// When.
    pub at: UnixMs,
    /// Not to be begun later than that.
    pub expires: UnixMs,
    /// When its agent was first told.
    pub sent: Option<UnixMs>,
    /// How often it was.
    pub times_sent: u32,
    /// What came of it.
    pub result: Option<TestResult>,
}

impl OrderEntry {
    /// What became of it, as known at `now`. A result that comes late still counts.
    pub fn state(&self, now: UnixMs) -> OrderState {
        match self.result.as_ref().map(|r| &r.outcome) {
            Some(TestOutcome::Done(_)) => OrderState::Done,
            Some(TestOutcome::Skipped { reason: SkipReason::Expired, .. }) => OrderState::Expired,
            Some(TestOutcome::Skipped { .. }) => OrderState::Skipped,
            Some(TestOutcome::Failed { .. }) => OrderState::Failed,
            None if self.sent.is_none() && now >= self.expires => OrderState::Expired,
            None if now >= self.expires.plus(RUNS_MS) => OrderState::Expired,
            None if self.sent.is_some() => OrderState::Sent,
            None => OrderState::Queued,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: UnixMs = UnixMs(1_764_000_000_000);

    fn entry(sent: Option<i64>, outcome: Option<TestOutcome>) -> OrderEntry {
        let link: LinkName = "wan".parse().unwrap();
        OrderEntry {
            id: OrderId(1),
            household: "h".parse().unwrap(),
            agent: "a".parse().unwrap(),
            link: None,
            kind: TestKind::Capacity,
            by: "noc".into(),
            via: Via::Cli,
            at: NOW,
            expires: NOW.plus(600_000),
            sent: sent.map(|ms| NOW.plus(ms)),
            times_sent: u32::from(sent.is_some()),
            result: outcome.map(|outcome| TestResult {
                link,
                kind: TestKind::Capacity,
                family: None,
                server: "s".into(),
                start: NOW,
                start_boot_ms: 0,
                duration_ms: 0,
                order: Some(OrderId(1)),
                cost: hearth_proto::Own::default(),
                outcome,
            }),
        }
    }

    #[test]
    fn an_order_expires_unless_a_test_may_still_run_and_a_late_result_counts() {
        let at = |ms| NOW.plus(ms);
        assert_eq!(entry(None, None).state(at(0)), OrderState::Queued);
        assert_eq!(entry(None, None).state(at(600_000)), OrderState::Expired);
        assert_eq!(entry(Some(5), None).state(at(600_000)), OrderState::Sent);
        assert_eq!(entry(Some(5), None).state(at(720_000)), OrderState::Expired);
        let done = TestOutcome::Done(Box::default());
        assert_eq!(entry(Some(5), Some(done)).state(at(9_000_000)), OrderState::Done);
        let skipped = |reason| TestOutcome::Skipped { reason, detail: String::new() };
        let state = |reason| entry(Some(5), Some(skipped(reason))).state(at(1));
        assert_eq!(state(SkipReason::Busy), OrderState::Skipped);
        assert_eq!(state(SkipReason::Expired), OrderState::Expired);
    }

    proptest! {
        #[test]
        fn no_hour_ever_sees_more_than_the_limit(
            limit in 0_u32..8, gaps in prop::collection::vec(0_i64..2_000_000, 1..80),
        ) {
            let limits = Limits { household: limit, name: u32::MAX };
            let household = "h".parse().unwrap();
            let (mut accepted, mut now) = (Vec::new(), NOW);
            for gap in gaps {
                now = now.plus(gap);
                let recent: Vec<UnixMs> = accepted
                    .iter()
                    .copied()
                    .filter(|at: &UnixMs| now.since(*at) < WINDOW_MS)
                    .collect();
                match limits.admit((&household, &recent), ("n", &[]), now) {
                    Ok(()) => accepted.push(now),
                    Err(Refusal::Household { again_s, .. }) => {
                        prop_assert!((1..=3_600).contains(&again_s));
                        // By then one of those counted now is out of the hour.
                        let then = now.plus(again_s as i64 * 1000);
                        let left = recent.iter().filter(|at| then.since(**at) < WINDOW_MS).count();
                        prop_assert!(limit == 0 || left < limit as usize);
                    }
                    Err(other) => prop_assert!(false, "{other}"),
                }
            }
            for from in &accepted {
                let within = accepted.iter().filter(|at| (0..WINDOW_MS).contains(&at.since(*from)));
                prop_assert!(within.count() <= limit as usize);
            }
        }
    }
}
