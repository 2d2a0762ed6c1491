//! What the collector asks for: a plan to measure by, and single tests.

use hearth_proto::{
    EventKind, LinkName, Order, Own, Plan, SkipReason, TestOutcome, TestResult, UnixMs,
};

use super::Run;
use super::heavy::Answer;
use crate::clock;
use crate::uplink::Asked;

impl Run {
    pub(super) async fn asked(&mut self, asked: Asked) {
        match asked {
            Asked::Plan(plan) => self.plan(plan).await,
            Asked::Order(order) => self.order_test(order).await,
        }
    }

    /// Measures by a plan from now on, if it is newer than the one known.
    async fn plan(&mut self, plan: Plan) {
        let version = plan.version;
        let taken = self.shared.memory.with(|kept| {
            let newer = kept.plan.as_ref().is_none_or(|known| version > known.version);
            if newer {
                kept.plan = Some(plan);
            }
            newer
        });
        if !taken {
            tracing::debug!(version, "the plan is known");
            return;
        }
        self.shared.memory.save().await;
        for (name, running) in &self.tasks {
            let measures = self.shared.memory.with(|kept| kept.measures(name));
            running.settings.send_if_modified(|settings| {
                std::mem::replace(&mut settings.measures, measures) != measures
            });
        }
        let at = self.timeline.at(clock::now());
        self.shared.recorder.event(at, EventKind::PlanTaken { version }).await;
    }

    /// Follows an order, or says why not.
    async fn order_test(&mut self, order: Order) {
        let now = self.timeline.at(clock::now());
        let named = order.link.clone().or_else(|| self.desks.in_use());
        let link = named.clone().filter(|link| self.tasks.contains_key(link));
        let answer = self.shared.memory.with(|kept| kept.orders.take(&order, link.as_ref(), now));
        tracing::info!(
            id = %order.id, kind = %order.kind, link = named.as_ref().map(tracing::field::display),
            by = order.by, ?answer, "a test is ordered"
        );
        let refusal = match (answer, link) {
            (Answer::Known, _) => return,
            (Answer::Refuse(reason), _) => reason,
            (Answer::Follow, Some(link)) => {
                // Before it is followed: a crash must not make it come twice.
                self.shared.memory.save().await;
                let Some(running) = self.tasks.get(&link) else { return };
                if running.tests.try_send(order.clone()).is_ok() {
                    return;
                }
                SkipReason::Rate
            }
            (Answer::Follow, None) => SkipReason::NoServer,
        };
        self.refuse(&order, named, refusal, now).await;
    }

    async fn refuse(&self, order: &Order, link: Option<LinkName>, reason: SkipReason, now: UnixMs) {
        // A record is of a link: where none is in use, of any.
        let link = link.or_else(|| self.tasks.keys().next().cloned());
        let Some(link) = link else { return };
        let server = self.shared.config.tests.server.as_ref();
        let result = TestResult {
            link,
            kind: order.kind,
            family: None,
            server: server.map(ToString::to_string).unwrap_or_default(),
            start: now,
            start_boot_ms: self.shared.recorder.since_start_ms(clock::now()),
            duration_ms: 0,
            order: Some(order.id),
            cost: Own::default(),
            outcome: TestOutcome::Skipped { reason, detail: format!("ordered by {}", order.by) },
        };
        self.shared.recorder.test(result).await;
    }
}
