use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};

use hearth_proto::{HouseholdId, OrderId, UnixMs, Vantage};

use super::*;
use crate::history::{Exclusion, History, Span};
use crate::homes::{Home, HomeEntry};
use crate::plans::{Addressed, Limits, OrderEntry, Refusal};
use crate::store::asks::{Asks, Mark, NewOrder, PlanChange, PlanEntry};
use crate::store::homes::{HomeChange, Homes};
use crate::store::{Hello, HouseholdSummary, RefusalCount, StoreError, Totals};

/// Tells of each transaction and then does as it is told.
struct Scripted {
    begun: Mutex<Sender<Vec<String>>>,
    outcome: Mutex<Receiver<bool>>,
}

/// Nothing is asked of anybody.
impl Asks for Scripted {
    fn change_plan(&self, _: &PlanChange) -> Result<u64, StoreError> {
        Err(StoreError::ReadOnly { path: "scripted".into() })
    }

    fn plan_log(&self, _: Option<&HouseholdId>) -> Result<Vec<PlanEntry>, StoreError> {
        Ok(Vec::new())
    }

    fn plans_after(&self, _: u64) -> Result<Vec<PlanEntry>, StoreError> {
        Ok(Vec::new())
    }

    fn enter_order(
        &self,
        _: &NewOrder,
        _: &Limits,
    ) -> Result<Result<OrderId, Refusal>, StoreError> {
        Err(StoreError::ReadOnly { path: "scripted".into() })
    }

    fn order_sent(&self, _: OrderId, _: UnixMs) -> Result<(), StoreError> {
        Ok(())
    }

    fn open_orders(&self, _: OrderId, _: UnixMs) -> Result<Vec<Addressed>, StoreError> {
        Ok(Vec::new())
    }

    fn orders(&self, _: Option<&HouseholdId>, _: usize) -> Result<Vec<OrderEntry>, StoreError> {
        Ok(Vec::new())
    }

    fn order(&self, _: OrderId) -> Result<Option<OrderEntry>, StoreError> {
        Ok(None)
    }

    fn asked(&self) -> Result<Mark, StoreError> {
        Ok(Mark::default())
    }
}

/// Nothing is told of anybody.
impl Homes for Scripted {
    fn change_homes(&self, _: &[HomeChange]) -> Result<Vec<u64>, StoreError> {
        Err(StoreError::ReadOnly { path: "scripted".into() })
    }

    fn home(&self, _: &HouseholdId) -> Result<Home, StoreError> {
        Ok(Home::default())
    }

    fn homes(&self) -> Result<Vec<HomeEntry>, StoreError> {
        Ok(Vec::new())
    }

    fn home_log(&self, _: Option<&HouseholdId>) -> Result<Vec<HomeEntry>, StoreError> {
        Ok(Vec::new())
    }
}

impl Store for Scripted {
    fn commit(&self, writes: &[Write]) -> Result<Vec<Written>, StoreError> {
        let names = writes.iter().map(|w| match w {
            Write::Hello(h) => h.agent.to_string(),
            Write::Batch(b) => b.agent.to_string(),
        });
        self.begun.lock().unwrap().send(names.collect()).unwrap();
        if self.outcome.lock().unwrap().recv().unwrap() {
            Ok(writes.iter().map(|_| Written::Welcome).collect())
        } else {
            Err(StoreError::ReadOnly { path: "full".into() })
        }
    }

    fn households(&self) -> Result<Vec<HouseholdSummary>, StoreError> {
        Ok(Vec::new())
    }

    fn history(&self, household: &HouseholdId, _: Span) -> Result<History, StoreError> {
        Err(StoreError::UnknownHousehold(household.clone()))
    }

    fn exclude(&self, household: &HouseholdId, _: &Exclusion) -> Result<i64, StoreError> {
        Err(StoreError::UnknownHousehold(household.clone()))
    }

    fn exclusions(&self, household: &HouseholdId) -> Result<Vec<(i64, Exclusion)>, StoreError> {
        Err(StoreError::UnknownHousehold(household.clone()))
    }

    fn include(&self, household: &HouseholdId, _: i64) -> Result<bool, StoreError> {
        Err(StoreError::UnknownHousehold(household.clone()))
    }

    fn refusals(&self) -> Result<Vec<RefusalCount>, StoreError> {
        Ok(Vec::new())
    }

    fn totals(&self) -> Result<Totals, StoreError> {
        Ok(Totals::default())
    }
}

fn write(name: &str) -> Write {
    Write::Hello(Hello {
        agent: name.parse().unwrap(),
        household: "h".parse().unwrap(),
        version: String::new(),
        vantage: Vantage::Device,
        received: UnixMs(0),
    })
}

fn scripted(config: CommitterConfig) -> (Committer, Receiver<Vec<String>>, Sender<bool>) {
    let (begun, transactions) = channel();
    let (decide, outcome) = channel();
    let store = Scripted { begun: Mutex::new(begun), outcome: Mutex::new(outcome) };
    (Committer::start(Arc::new(store), config).unwrap(), transactions, decide)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_during_a_commit_shares_the_next_one() {
    let config = CommitterConfig { linger: Duration::ZERO, ..CommitterConfig::default() };
    let (committer, transactions, decide) = scripted(config);
    let handle = committer.handle();
    let gate = Gate::default();
    let first = handle.commit(write("a"), 1, &gate).await.unwrap();
    assert_eq!(transactions.recv().unwrap(), ["a"]);
    let mut answers = vec![first];
    for name in ["b", "c", "d"] {
        answers.push(handle.commit(write(name), 1, &gate).await.unwrap());
    }
    // All three wait when the first transaction ends.
    decide.send(true).unwrap();
    decide.send(true).unwrap();
    assert_eq!(transactions.recv().unwrap(), ["b", "c", "d"]);
    for answer in answers {
        assert_eq!(answer.await.unwrap(), Ok(Written::Welcome));
    }
    committer.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_write_that_failed_none_of_the_same_stream_is_made() {
    let config = CommitterConfig { linger: Duration::ZERO, ..CommitterConfig::default() };
    let (committer, transactions, decide) = scripted(config);
    let handle = committer.handle();
    let (broken, sound) = (Gate::default(), Gate::default());
    let lost = handle.commit(write("lost"), 1, &broken).await.unwrap();
    assert_eq!(transactions.recv().unwrap(), ["lost"]);
    let later = handle.commit(write("later"), 1, &broken).await.unwrap();
    let other = handle.commit(write("other"), 1, &sound).await.unwrap();
    decide.send(false).unwrap();
    decide.send(true).unwrap();
    assert_eq!(transactions.recv().unwrap(), ["other"]);
    assert_eq!(lost.await.unwrap(), Err(NotCommitted));
    assert_eq!(later.await.unwrap(), Err(NotCommitted));
    assert_eq!(other.await.unwrap(), Ok(Written::Welcome));
    committer.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_wait_when_too_many_bytes_do() {
    let config =
        CommitterConfig { linger: Duration::ZERO, queue_bytes: 100, ..CommitterConfig::default() };
    let (committer, transactions, decide) = scripted(config);
    let handle = committer.handle();
    let gate = Gate::default();
    let first = handle.commit(write("a"), 80, &gate).await.unwrap();
    assert_eq!(transactions.recv().unwrap(), ["a"]);
    let second = tokio::spawn({
        let (handle, gate) = (handle.clone(), gate.clone());
        // More than there is room for in all: it gets all of it.
        async move { handle.commit(write("b"), 1000, &gate).await.unwrap().await }
    });
    assert!(handle.room.try_acquire_many(21).is_err());
    decide.send(true).unwrap();
    decide.send(true).unwrap();
    assert_eq!(transactions.recv().unwrap(), ["b"]);
    assert_eq!(first.await.unwrap(), Ok(Written::Welcome));
    assert_eq!(second.await.unwrap().unwrap(), Ok(Written::Welcome));
    committer.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thread_that_dies_is_told_of() {
    let (committer, transactions, decide) = scripted(CommitterConfig::default());
    let handle = committer.handle();
    // Nobody decides any more: the scripted store panics.
    drop(decide);
    let answer = handle.commit(write("a"), 1, &Gate::default()).await.unwrap();
    assert_eq!(transactions.recv().unwrap(), ["a"]);
    handle.gone().await;
    assert!(answer.await.is_err());
    assert_eq!(handle.commit(write("b"), 1, &Gate::default()).await.unwrap_err(), NotCommitted);
    committer.finish().await;
}
