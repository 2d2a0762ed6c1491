//! Who is to be told what. Sessions take a seat here, are woken when something
//! concerns them, and ask what is due. Nothing is queued per session: what is due
//! follows from what is in force and what the session was told.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hearth_proto::{AgentId, HouseholdId, Order, OrderId, Plan, UnixMs};
use tokio::sync::Notify;

use super::Addressed;
use crate::store::asks::PlanEntry;

/// Something to tell an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    /// To measure by this plan.
    Plan(Arc<Plan>),
    /// To run a test.
    Order(Order),
}

/// What is in force, and who listens.
#[derive(Debug, Default)]
pub struct Desk(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// The last change for all households: its version, and what it says.
    general: Change,
    /// The last change of each household that ever had a plan of its own.
    own: HashMap<HouseholdId, Change>,
    /// Without a result yet, by agent.
    open: HashMap<AgentId, Vec<Order>>,
    seats: HashMap<u64, Listener>,
    next: u64,
}

#[derive(Debug, Clone, Default)]
struct Change {
    version: u64,
    plan: Option<Arc<Plan>>,
}

#[derive(Debug)]
struct Listener {
    agent: AgentId,
    household: HouseholdId,
    wake: Arc<Notify>,
}

/// One session's place at the desk, given up when dropped.
#[derive(Debug)]
pub struct Seat {
    desk: Arc<Desk>,
    number: u64,
    agent: AgentId,
    household: HouseholdId,
    wake: Arc<Notify>,
    /// The plan's version that was told on this stream.
    plan: u64,
    /// The orders that were told on this stream.
    orders: HashSet<OrderId>,
}

impl Desk {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        // Whoever panicked held a plain map.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A seat for a session of `agent` in `household`.
    pub fn seat(self: &Arc<Self>, agent: AgentId, household: HouseholdId) -> Seat {
        let wake = Arc::new(Notify::new());
        let mut inner = self.inner();
        let number = inner.next;
        inner.next += 1;
        let listener =
            Listener { agent: agent.clone(), household: household.clone(), wake: wake.clone() };
        inner.seats.insert(number, listener);
        drop(inner);
        let (desk, orders) = (self.clone(), HashSet::new());
        Seat { desk, number, agent, household, wake, plan: 0, orders }
    }

    /// Puts changes of plans in force and wakes those that they concern.
    pub fn plans(&self, changes: Vec<PlanEntry>) {
        let mut inner = self.inner();
        let (mut all, mut homes) = (false, HashSet::new());
        for PlanEntry { version, household, plan, .. } in changes {
            let change = Change { version, plan: plan.map(Arc::new) };
            if let Some(household) = household {
                inner.own.insert(household.clone(), change);
                homes.insert(household);
            } else {
                inner.general = change;
                all = true;
            }
        }
        let concerned = |l: &&Listener| all || homes.contains(&l.household);
        inner.seats.values().filter(concerned).for_each(|l| l.wake.notify_one());
    }

    /// Takes orders in and wakes the agents that they are for.
    pub fn orders(&self, orders: Vec<Addressed>) {
        let mut inner = self.inner();
        let mut agents = HashSet::new();
        for Addressed { agent, order } in orders {
            let open = inner.open.entry(agent.clone()).or_default();
            if open.iter().all(|o| o.id != order.id) {
                open.push(order);
            }
            agents.insert(agent);
        }
        let concerned = |l: &&Listener| agents.contains(&l.agent);
        inner.seats.values().filter(concerned).for_each(|l| l.wake.notify_one());
    }

    /// Forgets orders that have a result.
    pub fn fulfilled(&self, agent: &AgentId, orders: &[OrderId]) {
        let mut inner = self.inner();
        if let Some(open) = inner.open.get_mut(agent) {
            open.retain(|o| !orders.contains(&o.id));
            if open.is_empty() {
                inner.open.remove(agent);
            }
        }
    }

    /// Forgets orders that came too late.
    pub fn expire(&self, now: UnixMs) {
        self.inner().open.retain(|_, open| {
            open.retain(|o| o.expires > now);
            !open.is_empty()
        });
    }
}

impl Inner {
    /// What `household` is to measure by: its own plan in place of the general
    /// one. The version is the one of the last change that matters to it, so that
    /// it rises also where its own plan is taken back.
    fn in_force(&self, household: &HouseholdId) -> (u64, Option<Arc<Plan>>) {
        let own = self.own.get(household);
        if let Some(Change { version, plan: Some(plan) }) = own {
            return (*version, Some(plan.clone()));
        }
        let version = self.general.version.max(own.map_or(0, |o| o.version));
        let plan = self.general.plan.as_ref().filter(|_| version > 0).map(|plan| {
            if plan.version == version {
                plan.clone()
            } else {
                Arc::new(Plan { version, ..(**plan).clone() })
            }
        });
        // Taken back, it is as if there never was one: all as the agent has it.
        let nothing = || Arc::new(Plan { version, ..Plan::default() });
        (version, plan.or_else(|| (version > 0).then(nothing)))
    }
}

impl Seat {
    /// What the session is to tell its agent next; it counts as told.
    pub fn due(&mut self, now: UnixMs) -> Vec<Ask> {
        let inner = self.desk.inner();
        let (version, plan) = inner.in_force(&self.household);
        let mut due = Vec::new();
        if version > self.plan
            && let Some(plan) = plan
        {
            self.plan = version;
            due.push(Ask::Plan(plan));
        }
        let open = inner.open.get(&self.agent).map_or(&[][..], Vec::as_slice);
        for order in open.iter().filter(|o| o.expires > now) {
            if self.orders.insert(order.id) {
                due.push(Ask::Order(order.clone()));
            }
        }
        due
    }

    /// Returns when there may be something due since the last [`Self::due`].
    pub async fn woken(&self) {
        self.wake.notified().await;
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.desk.inner().seats.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use hearth_proto::{Measures, TestKind};
    use proptest::prelude::*;

    use super::*;

    const NOW: UnixMs = UnixMs(1_764_000_000_000);

    fn change(version: u64, household: Option<&str>, pace: Option<u32>) -> PlanEntry {
        let measures = Measures { interval_ms: pace, ..Measures::default() };
        let plan = Plan { version, all: measures, links: Vec::new() };
        PlanEntry {
            version,
            household: household.map(|h| h.parse().unwrap()),
            plan: pace.map(|_| plan),
            by: "noc".into(),
            at: NOW,
        }
    }

    fn order(id: u64, agent: &str, expires: i64) -> Addressed {
        let order = Order {
            id: OrderId(id),
            link: None,
            kind: TestKind::Capacity,
            expires: NOW.plus(expires),
            by: "noc".into(),
        };
        Addressed { agent: agent.parse().unwrap(), order }
    }

    fn seat(desk: &Arc<Desk>, agent: &str, household: &str) -> Seat {
        desk.seat(agent.parse().unwrap(), household.parse().unwrap())
    }

    fn told(due: &[Ask]) -> Vec<(u64, Option<u32>)> {
        let plans = due.iter().filter_map(|ask| match ask {
            Ask::Plan(plan) => Some((plan.version, plan.all.interval_ms)),
            Ask::Order(_) => None,
        });
        plans.collect()
    }

    #[test]
    fn nothing_is_told_where_nothing_was_planned() {
        let desk = Arc::new(Desk::default());
        assert!(seat(&desk, "a", "h").due(NOW).is_empty());
    }

    #[test]
    fn a_homes_own_plan_stands_in_place_of_the_general_one_until_it_is_taken_back() {
        let desk = Arc::new(Desk::default());
        let (mut home, mut other) = (seat(&desk, "a", "h"), seat(&desk, "b", "o"));
        desk.plans(vec![change(1, None, Some(1000)), change(2, Some("h"), Some(2000))]);
        assert_eq!(told(&home.due(NOW)), [(2, Some(2000))]);
        assert_eq!(told(&other.due(NOW)), [(1, Some(1000))]);
        desk.plans(vec![change(3, None, Some(3000))]);
        assert_eq!(told(&home.due(NOW)), []);
        assert_eq!(told(&other.due(NOW)), [(3, Some(3000))]);
        desk.plans(vec![change(4, Some("h"), None)]);
        assert_eq!(told(&home.due(NOW)), [(4, Some(3000))]);
        desk.plans(vec![change(5, None, None)]);
        assert_eq!(told(&home.due(NOW)), [(5, None)]);
        assert_eq!(told(&seat(&desk, "c", "h").due(NOW)), [(5, None)]);
    }

    #[tokio::test]
    async fn an_order_wakes_its_agent_and_is_told_once_a_stream_until_it_has_a_result() {
        let desk = Arc::new(Desk::default());
        let (mut one, mut two) = (seat(&desk, "a", "h"), seat(&desk, "b", "h"));
        desk.orders(vec![order(1, "a", 60_000), order(2, "a", 0)]);
        one.woken().await;
        assert_eq!(one.due(NOW), [Ask::Order(order(1, "a", 60_000).order)]);
        assert!(one.due(NOW).is_empty() && two.due(NOW).is_empty());
        // On a new stream it is told again.
        assert_eq!(seat(&desk, "a", "h").due(NOW).len(), 1);
        desk.fulfilled(&"a".parse().unwrap(), &[OrderId(1)]);
        assert!(seat(&desk, "a", "h").due(NOW).is_empty());
        desk.expire(NOW);
        assert!(desk.inner().open.is_empty());
        drop((one, two));
        assert!(desk.inner().seats.is_empty());
    }

    proptest! {
        /// Whatever is entered, each home ends with what the log says, and no
        /// version it hears ever falls.
        #[test]
        fn every_home_hears_rising_versions_and_ends_with_the_last(
            log in prop::collection::vec((0_usize..3, prop::option::of(100_u32..600)), 1..40),
        ) {
            let homes = [None, Some("h"), Some("i")];
            let desk = Arc::new(Desk::default());
            let mut seats = [seat(&desk, "a", "h"), seat(&desk, "b", "i")];
            let mut last = [(0, None); 2];
            let mut latest = [None; 3];
            for (i, (whose, pace)) in log.into_iter().enumerate() {
                desk.plans(vec![change(i as u64 + 1, homes[whose], pace)]);
                latest[whose] = pace;
                for (seat, last) in seats.iter_mut().zip(&mut last) {
                    for told in told(&seat.due(NOW)) {
                        prop_assert!(told.0 > last.0);
                        *last = told;
                    }
                }
            }
            prop_assert_eq!(last[0].1, latest[1].or(latest[0]));
            prop_assert_eq!(last[1].1, latest[2].or(latest[0]));
        }
    }
}
