//! What the collector asks for: a plan to measure by, and single tests.

use hearth_proto::{
    EventKind, LinkName, Order, OrderId, Own, Plan, SkipReason, TestKind, TestOutcome, TestResult,
    UnixMs,
};

use super::Run;
use super::heavy::{AN_HOUR, Answer, Open, late};
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
        let known = self.shared.memory.with(|kept| {
            let known = kept.plan.as_ref().map(|known| known.version);
            if known.is_none_or(|known| version > known) {
                kept.plan = Some(plan);
                return None;
            }
            known
        });
        match known {
            None => {}
            Some(known) if version < known => {
                tracing::warn!(version, known, "an older plan is left: a later one is measured by");
                return;
            }
            Some(_) => {
                tracing::debug!(version, "the plan is known");
                return;
            }
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
        let link = match &order.link {
            Some(named) if self.tasks.contains_key(named) => Ok(named.clone()),
            Some(_) => Err(SkipReason::NoServer),
            None => self.desks.in_use().ok_or(SkipReason::LinkDown),
        };
        let place = link.as_ref().map_err(|reason| *reason);
        let answer = self.shared.memory.with(|kept| kept.orders.take(&order, place, now));
        let link = link.ok().or_else(|| order.link.clone());
        tracing::info!(
            id = %order.id, kind = %order.kind, link = link.as_ref().map(tracing::field::display),
            by = order.by, ?answer, "a test is ordered"
        );
        let reason = match answer {
            Answer::Known => return,
            Answer::Refuse(reason) => reason,
            Answer::Follow => {
                // Before it is followed: a crash must not make it come twice.
                self.shared.memory.save().await;
                let running = link.as_ref().and_then(|link| self.tasks.get(link));
                if running.is_some_and(|r| r.tests.try_send(order.clone()).is_ok()) {
                    return;
                }
                SkipReason::Rate
            }
        };
        let why = match reason {
            SkipReason::Expired => late(&order, now),
            SkipReason::Rate => format!("a link gets {AN_HOUR} within an hour"),
            SkipReason::LinkDown => "no link works".to_owned(),
            _ => {
                let known: Vec<_> = self.tasks.keys().map(LinkName::as_str).collect();
                format!("no such link is here, but {}", known.join(", "))
            }
        };
        self.answer(order.id, order.kind, link, now, reason, why).await;
    }

    /// Says of each order that another run did not end, what became of it.
    pub(super) async fn interrupted(&mut self) {
        let interrupted = self.shared.memory.with(|kept| kept.orders.interrupted());
        for (id, Open { link, kind, began }) in interrupted {
            let Some(began) = began else { continue };
            let why = "the agent ended while the test ran: what it cost is not known".to_owned();
            tracing::warn!(%id, %kind, %link, "an ordered test was cut off as the agent ended");
            self.answer(id, kind, Some(link), began, SkipReason::Stopped, why).await;
        }
    }

    /// Records that an order's test was not run, or not to its end.
    async fn answer(
        &self,
        id: OrderId,
        kind: TestKind,
        link: Option<LinkName>,
        start: UnixMs,
        reason: SkipReason,
        detail: String,
    ) {
        // A record is of a link: where none is in use, of any.
        let Some(link) = link.or_else(|| self.tasks.keys().next().cloned()) else {
            tracing::warn!(%id, reason = reason.name(), "an order has no answer: no link is here");
            return;
        };
        let server = self.shared.config.tests.server.as_ref();
        let result = TestResult {
            link,
            kind,
            family: None,
            server: server.map(ToString::to_string).unwrap_or_default(),
            start,
            start_boot_ms: self.shared.recorder.since_start_ms(clock::now()),
            duration_ms: 0,
            order: Some(id),
            cost: Own::default(),
            outcome: TestOutcome::Skipped { reason, detail },
        };
        self.shared.recorder.test(result).await;
        // After its record: it is answered twice rather than never.
        self.shared.memory.with(|kept| kept.orders.answered(id));
        self.shared.memory.save().await;
    }
}
