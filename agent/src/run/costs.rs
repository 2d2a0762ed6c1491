//! What the links cost: taken into the ledger, held against the budgets, and told.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use hearth_proto::{Detail, EventKind, LinkName, Purpose, UnixMs};

use super::desk::{Desk, Desks};
use super::heavy;
use super::memory::Memory;
use super::plan::{self, Settings};
use super::recorder::Recorder;
use super::undated::is_dated;
use crate::budget::policy::{self, Rates};
use crate::budget::{Account, Month, Terms};
use crate::config::Config;

/// So often the ledger takes in what was spent.
const TAKE_EVERY: Duration = Duration::from_secs(10);
/// Telemetry's rate is taken from no less time than this.
const LEAST_TIME: Duration = Duration::from_secs(1800);
const DAY_MS: i64 = 86_400_000;

/// Keeps the ledger of all links.
pub(super) struct Costs {
    memory: Memory,
    desks: Desks,
    began: Instant,
    taken: Option<Instant>,
    /// The day on which each link's costs were told last.
    told: BTreeMap<LinkName, i64>,
}

impl Costs {
    pub(super) fn new(memory: Memory, desks: Desks, began: Instant) -> Self {
        Self { memory, desks, began, taken: None, told: BTreeMap::new() }
    }

    /// Looks at what was spent, when it is time to. Gives the links of which more or
    /// less is to be measured from now on.
    pub(super) async fn tick(
        &mut self,
        config: &Config,
        recorder: &Recorder,
        instant: Instant,
        now: UnixMs,
    ) -> Vec<(LinkName, Detail)> {
        let fresh = |at: Instant| instant.saturating_duration_since(at) < TAKE_EVERY;
        if self.taken.is_some_and(fresh) {
            return Vec::new();
        }
        self.taken = Some(instant);
        let mut changed = Vec::new();
        let mut save = false;
        for (name, desk) in self.desks.all() {
            let settings = *desk.settings.borrow();
            let limit = plan::budget(config, &desk.stand.borrow(), &settings.measures);
            let rates = self.rates(config, &desk, settings, instant);
            desk.forecast.set(rates);
            let (change, report, spent) = self.memory.with(|kept| {
                let plan = kept.plan.as_ref().map(|plan| plan.version);
                let account = kept.account(&name);
                account.take(desk.spending.by_purpose(), now);
                let change = decide(account, Terms { limit, plan }, &rates, now);
                (change, account.report(name.clone(), limit, now), account.spent(now))
            });
            save |= self.memory.should_write(&name, spent, limit);
            if report.detail != settings.detail {
                changed.push((name.clone(), report.detail));
            }
            let day = now.0.div_euclid(DAY_MS);
            let last = self.told.insert(name.clone(), day).filter(|last| *last != day);
            if let Some(last) = last.map(|last| UnixMs(last * DAY_MS)).filter(|last| {
                is_dated(*last) && is_dated(now) && Month::of(*last) != Month::of(now)
            }) {
                // What that month came to in the end.
                let whole = self.memory.with(|kept| kept.account(&name).report(name, limit, last));
                recorder.event(now, EventKind::Budget(whole)).await;
            }
            // On the first day there is nothing to tell yet but a change.
            if change || (is_dated(now) && last.is_some()) {
                recorder.event(now, EventKind::Budget(report)).await;
            }
        }
        if save {
            self.memory.save().await;
        }
        changed
    }

    /// The clock was set.
    pub(super) fn clock_stepped(&mut self, before: UnixMs, now: UnixMs) {
        for (name, desk) in self.desks.all() {
            self.memory.with(|kept| {
                let account = kept.account(&name);
                account.take(desk.spending.by_purpose(), before);
                account.clock_stepped(before, now);
            });
        }
    }

    /// What the link costs at each detail: probes as planned, telemetry as it was so
    /// far, tests as they were so far and as far apart as they are to be.
    fn rates(&self, config: &Config, desk: &Desk, settings: Settings, instant: Instant) -> Rates {
        let ran = instant.saturating_duration_since(self.began).max(LEAST_TIME);
        let own = desk.spending.of(Purpose::Telemetry);
        let telemetry = per_hour(own.rx_bytes.saturating_add(own.tx_bytes), ran);
        let stand = desk.stand.borrow();
        let kind = plan::test_kind(&stand);
        let limit = plan::budget(config, &stand, &settings.measures);
        let tests = plan::test_mean(config, kind, &settings.measures).map_or(0, |mean| {
            let known = self.memory.with(|kept| kept.account(&stand.link.name).typical(kind));
            per_hour(known.unwrap_or_else(|| heavy::expected_cost(kind, limit)), mean)
        });
        let probes = stand.rates;
        Rates(Detail::ALL.map(|detail| {
            let tests = if plan::affords(detail, kind) { tests } else { 0 };
            probes.at(detail).saturating_add(telemetry).saturating_add(tests)
        }))
    }
}

/// Whether the account's detail changes.
fn decide(account: &mut Account, terms: Terms, rates: &Rates, now: UnixMs) -> bool {
    // What is set aside for a test that runs is soon spent, or back.
    if account.is_testing() {
        return false;
    }
    let held = account.detail_held(terms, now);
    let (left, rest) = (account.left(terms.limit, now), Month::of(now).left(now));
    let detail = policy::detail(account.detail(), held, left, rest, rates);
    account.set_detail(detail, terms, now)
}

fn per_hour(bytes: u64, over: Duration) -> u64 {
    let rate = u128::from(bytes) * 3_600_000 / over.as_millis().max(1);
    u64::try_from(rate).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use hearth_proto::{Own, TestKind};

    use super::*;

    #[test]
    fn a_new_month_and_other_terms_bring_detail_back_at_once() {
        let rates = Rates([1; Detail::ALL.len()]);
        let december = Month::of(UnixMs(1_762_000_000_000)).next().start();
        let minutes = |minutes: i64| december.plus(minutes * 60_000);
        let terms = Terms { limit: Some(1_000), plan: None };
        let spent = Own { rx_bytes: 1_000, tx_bytes: 0 };
        for (other, at, back) in [
            (terms, minutes(-1), false),
            (terms, minutes(0), true),
            (Terms { limit: Some(2_000), ..terms }, minutes(-1), true),
            (Terms { plan: Some(1), limit: Some(2_000) }, minutes(-1), true),
        ] {
            let mut account = Account::default();
            account.take([(Purpose::Probes, spent)], minutes(-2));
            assert!(decide(&mut account, terms, &rates, minutes(-2)));
            assert_eq!(account.detail(), Detail::Alive);
            assert_eq!(decide(&mut account, other, &rates, at), back, "{other:?} {at:?}");
            assert_eq!(account.detail() == Detail::Full, back);
        }
    }

    #[test]
    fn a_rate_is_per_hour() {
        assert_eq!(per_hour(1_000, Duration::from_secs(1_800)), 2_000);
        assert_eq!(per_hour(u64::MAX, Duration::ZERO), u64::MAX);
        assert!(heavy::expected_cost(TestKind::Capacity, None) <= 2_000_000);
    }
}
