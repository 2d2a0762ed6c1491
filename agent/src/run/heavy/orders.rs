//! Which orders are followed: each once, also after a restart, and only so many an
//! hour. Pure.

use std::collections::{BTreeMap, VecDeque};

use hearth_proto::{LinkName, Order, OrderId, SkipReason, UnixMs};
use serde::{Deserialize, Serialize};

/// Orders followed on a link within an hour.
pub(crate) const AN_HOUR: usize = 6;
const HOUR_MS: i64 = 3_600_000;
/// Orders remembered: an agent that gets more has lost the oldest by then.
const REMEMBERED: usize = 256;

/// What is remembered of orders; kept over restarts.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Orders {
    seen: VecDeque<OrderId>,
    /// When orders were followed, by link.
    followed: BTreeMap<LinkName, VecDeque<UnixMs>>,
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
    /// An order came at `now`, for `link` of this agent if it names one.
    pub(crate) fn take(&mut self, order: &Order, link: Option<&LinkName>, now: UnixMs) -> Answer {
        if self.seen.contains(&order.id) {
            return Answer::Known;
        }
        if self.seen.len() == REMEMBERED {
            self.seen.pop_front();
        }
        self.seen.push_back(order.id);
        if now > order.expires {
            return Answer::Refuse(SkipReason::Expired);
        }
        let Some(link) = link else { return Answer::Refuse(SkipReason::NoServer) };
        let followed = self.followed.entry(link.clone()).or_default();
        // By a clock that was set back they would count for ever.
        followed.retain(|at| (0..HOUR_MS).contains(&now.since(*at)));
        if followed.len() >= AN_HOUR {
            return Answer::Refuse(SkipReason::Rate);
        }
        followed.push_back(now);
        Answer::Follow
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
        assert_eq!(orders.take(&order(1), Some(&wan), UnixMs(0)), Answer::Follow);
        let text = serde_json::to_string(&orders).unwrap();
        let mut after: Orders = serde_json::from_str(&text).unwrap();
        assert_eq!(after.take(&order(1), Some(&wan), UnixMs(1)), Answer::Known);
        let late = Order { expires: UnixMs(5), ..order(2) };
        assert_eq!(after.take(&late, Some(&wan), UnixMs(6)), Answer::Refuse(SkipReason::Expired));
        assert_eq!(after.take(&order(3), None, UnixMs(6)), Answer::Refuse(SkipReason::NoServer));
    }

    proptest! {
        #[test]
        fn no_hour_has_more_than_its_share(pauses in prop::collection::vec(0_i64..1_800_000, 1..200)) {
            let (mut orders, wan) = (Orders::default(), "wan".parse().unwrap());
            let (mut now, mut followed) = (0, Vec::new());
            for (id, pause) in pauses.into_iter().enumerate() {
                now += pause;
                if orders.take(&order(id as u64), Some(&wan), UnixMs(now)) == Answer::Follow {
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
