//! Which orders are followed: each once, also after a restart, and only so many an
//! hour. Pure.
//!
//! An order whose test had not begun when the agent died is forgotten: its collector
//! gives it again. One whose test had is answered by the next run, or whoever gave it
//! would wait for ever.

use std::collections::{BTreeMap, VecDeque};

use hearth_proto::{LinkName, Order, OrderId, SkipReason, TestKind, UnixMs};
use serde::{Deserialize, Serialize};

/// Orders followed on a link within an hour.
pub(crate) const AN_HOUR: usize = 6;
const HOUR_MS: i64 = 3_600_000;
/// Orders remembered: an agent that gets more has lost the oldest by then.
const REMEMBERED: usize = 256;

/// What is remembered of orders; kept over restarts.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Orders {
    /// With their expiry: another collector's, or one whose data was lost, counts from one.
    #[serde(default)]
    given: VecDeque<(OrderId, UnixMs)>,
    /// When orders were followed, by link.
    followed: BTreeMap<LinkName, VecDeque<UnixMs>>,
    /// Followed and not answered yet.
    #[serde(default)]
    open: BTreeMap<OrderId, Open>,
}

/// An order that is followed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Open {
    pub(crate) link: LinkName,
    pub(crate) kind: TestKind,
    /// When its test began, if it did.
    pub(crate) began: Option<UnixMs>,
}

/// What becomes of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    Follow,
    /// It was given before: nothing is said of it again.
    Known,
    Refuse(SkipReason),
}

impl Orders {
    /// An order came at `now`, for `link` of this agent, or why there is none for it.
    pub(crate) fn take(
        &mut self,
        order: &Order,
        link: Result<&LinkName, SkipReason>,
        now: UnixMs,
    ) -> Answer {
        let given = (order.id, order.expires);
        if self.given.contains(&given) {
            return Answer::Known;
        }
        if self.given.len() == REMEMBERED {
            self.given.pop_front();
        }
        self.given.push_back(given);
        if now > order.expires {
            return Answer::Refuse(SkipReason::Expired);
        }
        let link = match link {
            Ok(link) => link,
            Err(reason) => return Answer::Refuse(reason),
        };
        let followed = self.followed.entry(link.clone()).or_default();
        // By a clock that was set back they would count for ever.
        followed.retain(|at| (0..HOUR_MS).contains(&now.since(*at)));
        if followed.len() >= AN_HOUR {
            return Answer::Refuse(SkipReason::Rate);
        }
        followed.push_back(now);
        self.open.insert(order.id, Open { link: link.clone(), kind: order.kind, began: None });
        Answer::Follow
    }

    /// An order's test begins at `now`.
    pub(crate) fn begun(&mut self, order: OrderId, now: UnixMs) {
        if let Some(open) = self.open.get_mut(&order) {
            open.began = Some(now);
        }
    }

    /// An order's result is recorded.
    pub(crate) fn answered(&mut self, order: OrderId) {
        self.open.remove(&order);
    }

    /// As another run left it.
    pub(crate) fn reopen(&mut self) {
        let given = &mut self.given;
        self.open.retain(|id, open| {
            if open.began.is_none() {
                given.retain(|(known, _)| known != id);
            }
            open.began.is_some()
        });
    }

    /// Those whose test another run began and never ended, once.
    pub(crate) fn interrupted(&mut self) -> BTreeMap<OrderId, Open> {
        std::mem::take(&mut self.open)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hearth_proto::TestKind;
    use proptest::prelude::*;

    fn order(id: u64) -> Order {
        Order {
            id: OrderId(id),
            link: None,
            kind: TestKind::Responsiveness,
            expires: UnixMs(i64::MAX),
            by: "ann".into(),
        }
    }

    #[test]
    fn an_order_is_followed_once_also_after_a_restart() {
        let (mut orders, wan) = (Orders::default(), "wan".parse().unwrap());
        assert_eq!(orders.take(&order(1), Ok(&wan), UnixMs(0)), Answer::Follow);
        let text = serde_json::to_string(&orders).unwrap();
        let mut after: Orders = serde_json::from_str(&text).unwrap();
        assert_eq!(after.take(&order(1), Ok(&wan), UnixMs(1)), Answer::Known);
        let anothers = Order { expires: UnixMs(9), ..order(1) };
        assert_eq!(after.take(&anothers, Ok(&wan), UnixMs(1)), Answer::Follow);
        let late = Order { expires: UnixMs(5), ..order(2) };
        assert_eq!(after.take(&late, Ok(&wan), UnixMs(6)), Answer::Refuse(SkipReason::Expired));
        let nowhere = after.take(&order(3), Err(SkipReason::LinkDown), UnixMs(6));
        assert_eq!(nowhere, Answer::Refuse(SkipReason::LinkDown));
    }

    #[test]
    fn an_order_that_a_crash_cut_off_is_begun_at_most_once_and_never_left_unanswered() {
        let (mut orders, wan) = (Orders::default(), "wan".parse().unwrap());
        for id in 1..=3 {
            assert_eq!(orders.take(&order(id), Ok(&wan), UnixMs(0)), Answer::Follow);
        }
        orders.begun(OrderId(1), UnixMs(5));
        orders.begun(OrderId(2), UnixMs(7));
        orders.answered(OrderId(1));
        let text = serde_json::to_string(&orders).unwrap();
        let mut after: Orders = serde_json::from_str(&text).unwrap();
        after.reopen();
        let again = [1, 2, 3].map(|id| after.take(&order(id), Ok(&wan), UnixMs(9)));
        assert_eq!(again, [Answer::Known, Answer::Known, Answer::Follow]);
        let mut after: Orders = serde_json::from_str(&text).unwrap();
        after.reopen();
        let interrupted = after.interrupted();
        assert_eq!(interrupted.keys().collect::<Vec<_>>(), [&OrderId(2)]);
        assert_eq!(interrupted[&OrderId(2)].began, Some(UnixMs(7)));
        assert!(after.interrupted().is_empty(), "each is answered once");
    }

    proptest! {
        #[test]
        fn no_hour_has_more_than_its_share(pauses in prop::collection::vec(0_i64..1_800_000, 1..200)) {
            let (mut orders, wan) = (Orders::default(), "wan".parse().unwrap());
            let (mut now, mut followed) = (0, Vec::new());
            for (id, pause) in pauses.into_iter().enumerate() {
                now += pause;
                if orders.take(&order(id as u64), Ok(&wan), UnixMs(now)) == Answer::Follow {
                    followed.push(now);
                }
            }
            for at in &followed {
                let within = followed.iter().filter(|f| (*at..at + HOUR_MS).contains(f)).count();
                prop_assert!(within <= AN_HOUR);
            }
        }
    }
}
