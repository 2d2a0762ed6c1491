//! One test while it runs: the line is watched, and the test told to give way.

use std::time::{Duration, Instant};

use hearth_proto::{Own, Purpose, SkipReason, TestOutcome};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, sleep_until};

use super::stripped::Stripped;
use super::waiting::Due;
use super::yielding::{Chatter, Guard, Look};
use super::{Heavy, TOLD_TO_STOP};
use crate::budget::ledger::purpose_of;
use crate::clock;
use crate::link::spending::Framing;
use crate::probe::heavy::{Ended, Means, TestError};
use crate::probe::outlet::Outlet;

/// The line is looked at so often.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// A test that was told to give way and does not is cut off after this.
const CUT_OFF: Duration = Duration::from_millis(300);

/// Why a test is to give way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    Household,
    Roaming,
    Shutdown,
}

impl Heavy {
    pub(super) async fn begin(&mut self, due: Due, chatter: Chatter) {
        let Ok(_one) = self.shared.testing.free.clone().try_acquire_owned() else {
            // Another link's began in the meantime.
            self.waiting.push_front(due);
            return;
        };
        let ordered = due.order.is_some();
        let (Some(limits), Some(server)) =
            (self.limits(due.kind, ordered), self.shared.testing.server.clone())
        else {
            let why = self.why(&due, SkipReason::Budget);
            self.skip(&due, SkipReason::Budget, &why).await;
            return;
        };
        let (link, now) = (self.link(), self.now());
        self.shared.memory.with(|kept| {
            kept.account(&link).reserve(due.kind, limits.bytes);
            kept.began.entry(link.clone()).or_default().insert(due.kind, now);
            if let Some(order) = &due.order {
                kept.orders.begun(order.id, now);
            }
        });
        // Before the first byte: a machine that dies under a test knows of it.
        self.shared.memory.save().await;
        let by = due.order.as_ref().map(|order| order.by.as_str());
        tracing::info!(%link, kind = %due.kind, by, "test begins");
        self.desk.board.testing(Some(due.kind));

        let before = self.desk.spending.of(purpose_of(due.kind));
        let (give_way, asked) = watch::channel(false);
        let outlet = {
            let stand = self.desk.stand.borrow();
            let (binder, interface) = (self.shared.binder.clone(), stand.link.interface.clone());
            Outlet::Link { binder, interface }
        };
        let resolvers = self.desk.stand.borrow().servers.clone();
        let means = Means {
            outlet,
            server: crate::probe::heavy::TestServer { resolvers, ..server },
            family: None,
            limits,
            spending: self.desk.spending.clone(),
            give_way: asked,
        };
        let start = clock::now();
        let (ended, told) = self.watch(&due, &means, &give_way, chatter).await;
        let took = clock::now().saturating_duration_since(start);

        let after = self.desk.spending.of(purpose_of(due.kind));
        let spent = Own {
            rx_bytes: after.rx_bytes.saturating_sub(before.rx_bytes),
            tx_bytes: after.tx_bytes.saturating_sub(before.tx_bytes),
        };
        let (family, cost) = ended.as_ref().map_or((None, spent), |e| (e.family, e.cost));
        let outcome = outcome(ended, told);
        let whole = matches!(outcome, TestOutcome::Done(_));
        let now = self.now();
        self.shared.memory.with(|kept| {
            let account = kept.account(&link);
            account.test_ended(due.kind, cost, whole, now);
            account.take(self.desk.spending.by_purpose(), now);
        });
        self.shared.memory.save().await;
        self.desk.board.testing(None);
        if !ordered || self.next.is_some_and(|(kind, ..)| kind == due.kind) {
            self.next = None;
        }
        self.record(&due, start, took, family, cost, outcome).await;
    }

    /// Watches the line until the test has ended. `None`: it had to be cut off.
    async fn watch(
        &mut self,
        due: &Due,
        means: &Means,
        give_way: &watch::Sender<bool>,
        chatter: Chatter,
    ) -> (Option<Ended>, Option<Told>) {
        let tester = self.shared.testing.tester.clone();
        let mut test = tester.run(due.kind, means);
        let (mut guard, mut stripped) = (Guard::new(chatter), Stripped::default());
        let purpose = purpose_of(due.kind);
        let framing = (purpose, self.desk.spending.framing(purpose));
        let mut looks = interval(LOOK_EVERY);
        // A late look covers the time of those missed.
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut told: Option<(Told, Instant)> = None;
        loop {
            let cut_off = told.map(|(_, at)| at + CUT_OFF);
            tokio::select! {
                ended = &mut test => return (Some(ended), told.map(|(why, _)| why)),
                () = sleep_until(cut_off.unwrap_or_else(clock::now).into()), if cut_off.is_some() => {
                    return (None, told.map(|(why, _)| why));
                }
                _ = looks.tick(), if told.is_none() => {
                    let why = self.must_end(&mut guard, &mut stripped, framing);
                    told = why.map(|why| (why, clock::now()));
                }
                order = self.orders.recv(), if !self.ends => if let Some(order) = order { self.ordered(order).await } else {
                    self.ends = true;
                    told = told.or(Some((Told::Shutdown, clock::now())));
                },
            }
            if told.is_some() {
                give_way.send_replace(true);
            }
        }
    }

    /// `framing` is the test's, and what there was of it before it began.
    fn must_end(
        &mut self,
        guard: &mut Guard,
        stripped: &mut Stripped,
        (purpose, before): (Purpose, Framing),
    ) -> Option<Told> {
        if self.desk.stand.borrow().roams == Some(true) {
            return Some(Told::Roaming);
        }
        let since = clock::now().saturating_duration_since(self.began);
        let (bytes, packets) = (self.counters.read().ok()?, self.packets.read().ok()?);
        self.desk.spending.refresh();
        let own = self.desk.spending.stripped();
        let doubted = self.desk.spending.doubted();
        // Nearly all packets are the test's, and have its kind of header.
        let header = self.desk.spending.framing(purpose).header_since(before).unwrap_or(0);
        let before = stripped.reading(bytes, packets, header);
        // The other way round, so that this is no less than there was, as that is no more.
        let (packets, bytes) = (self.packets.read().ok()?, self.counters.read().ok()?);
        let after = stripped.later(bytes, packets, header);
        let look = Look { at: since, before, own, doubted, after };
        guard.reading(look).then_some(Told::Household)
    }
}

fn outcome(ended: Option<Ended>, told: Option<Told>) -> TestOutcome {
    let gave_way = || {
        let (reason, detail) = match told {
            Some(Told::Roaming) => (SkipReason::Roaming, "it began to while the test ran"),
            Some(Told::Shutdown) => (SkipReason::Stopped, TOLD_TO_STOP),
            Some(Told::Household) | None => (SkipReason::GaveWay, ""),
        };
        TestOutcome::Skipped { reason, detail: detail.to_owned() }
    };
    match ended.map(|ended| ended.result) {
        Some(Ok(figures)) => TestOutcome::Done(Box::new(figures)),
        // What failed as it was told to end failed for that.
        None | Some(Err(TestError::GaveWay)) => gave_way(),
        Some(Err(_)) if told.is_some() => gave_way(),
        Some(Err(TestError::Refused(refusal))) => {
            TestOutcome::Skipped { reason: SkipReason::Refused, detail: refusal.to_string() }
        }
        Some(Err(TestError::Failed { cause, why })) => TestOutcome::Failed { cause, why },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::heavy::{NotNow, Partial};

    #[test]
    fn a_refusal_is_recorded_as_a_test_not_run_with_what_the_server_said() {
        let response = http::Response::builder().status(429).header("retry-after", "7").body(());
        let refusal = NotNow::of(&response.unwrap()).unwrap();
        let ended = || {
            let result = Err(TestError::Refused(refusal));
            Some(Ended { family: None, cost: Own::default(), result, partial: Partial::default() })
        };
        let TestOutcome::Skipped { reason, detail } = outcome(ended(), None) else {
            panic!("not skipped")
        };
        assert_eq!(reason, SkipReason::Refused);
        assert!(detail.contains("come again in 7 s"), "{detail}");
        // Told to end at that moment, it ended for that.
        let TestOutcome::Skipped { reason, .. } = outcome(ended(), Some(Told::Household)) else {
            panic!("not skipped")
        };
        assert_eq!(reason, SkipReason::GaveWay);
    }
}
