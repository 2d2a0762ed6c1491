//! What a link has cost, by month and purpose.
//!
//! The clock may be wrong, or be set: each month has its own page, and what was
//! written on the page of a month that the clock left by a step goes over to the
//! right one where that page was begun by this run, or is of before 2020.

use std::collections::BTreeMap;
use std::time::Duration;

use hearth_proto::{BudgetReport, Detail, LinkName, Own, Purpose, TestKind, UnixMs};
use serde::{Deserialize, Serialize};

use super::month::Month;

/// Months kept: what an older one cost was reported.
const PAGES: usize = 3;

/// One month's.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Page {
    /// By purpose.
    spent: BTreeMap<Purpose, Own>,
    /// Tests run to their end.
    tests_run: u32,
    /// Tests that were not.
    tests_skipped: u32,
    /// Begun by this run.
    #[serde(skip)]
    new: bool,
}

impl Page {
    fn bytes(&self) -> u64 {
        self.spent.values().map(|own| own.rx_bytes.saturating_add(own.tx_bytes)).sum()
    }

    fn add(&mut self, purpose: Purpose, own: Own) {
        let sum = self.spent.entry(purpose).or_default();
        sum.rx_bytes = sum.rx_bytes.saturating_add(own.rx_bytes);
        sum.tx_bytes = sum.tx_bytes.saturating_add(own.tx_bytes);
    }

    fn merge(&mut self, other: Self) {
        for (purpose, own) in other.spent {
            self.add(purpose, own);
        }
        self.tests_run += other.tests_run;
        self.tests_skipped += other.tests_skipped;
    }
}

/// What a detail was decided under, beside what had been spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Terms {
    /// The month's bound.
    pub limit: Option<u64>,
    /// The collector's plan.
    pub plan: Option<u64>,
}

/// One link's ledger. As kept over restarts it is also serialised.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Account {
    pages: BTreeMap<Month, Page>,
    /// Set aside for a test that runs: spent, if the agent ends before it does.
    #[serde(default)]
    reserved: Option<(Purpose, u64)>,
    /// What a test of each kind costs, smoothed.
    #[serde(default)]
    typical: BTreeMap<TestKind, u64>,
    /// How much is measured.
    #[serde(default)]
    detail: Detail,
    #[serde(default)]
    detail_since: UnixMs,
    #[serde(default)]
    terms: Terms,
    /// What was taken in of what the link's counters say.
    #[serde(skip)]
    taken: BTreeMap<Purpose, Own>,
}

impl Account {
    /// As another run left it at `now`: what it had set aside is spent.
    #[must_use]
    pub fn reopened(mut self, now: UnixMs) -> Self {
        if let Some((purpose, bytes)) = self.reserved.take() {
            self.page(now).add(purpose, Own { rx_bytes: bytes, tx_bytes: 0 });
        }
        self
    }

    fn page(&mut self, now: UnixMs) -> &mut Page {
        let month = Month::of(now);
        if !self.pages.contains_key(&month) {
            while self.pages.len() >= PAGES {
                let oldest = self.pages.keys().copied().find(|known| *known != month);
                let Some(oldest) = oldest else { break };
                self.pages.remove(&oldest);
            }
        }
        self.pages.entry(month).or_insert_with(|| Page { new: true, ..Page::default() })
    }

    /// Takes in what the link's counters say at `now`, all since the agent started.
    pub fn take(&mut self, counted: impl IntoIterator<Item = (Purpose, Own)>, now: UnixMs) {
        for (purpose, own) in counted {
            let taken = self.taken.entry(purpose).or_default();
            // What is taken back there as never sent stays spent here: it is little.
            let more = Own {
                rx_bytes: own.rx_bytes.saturating_sub(taken.rx_bytes),
                tx_bytes: own.tx_bytes.saturating_sub(taken.tx_bytes),
            };
            taken.rx_bytes += more.rx_bytes;
            taken.tx_bytes += more.tx_bytes;
            if more != Own::default() {
                self.page(now).add(purpose, more);
            }
        }
    }

    /// The clock was set from `before` to `now`.
    pub fn clock_stepped(&mut self, before: UnixMs, now: UnixMs) {
        let (left, month) = (Month::of(before), Month::of(now));
        if left == month {
            return;
        }
        let undated = Month::of(UnixMs(0));
        for wrong in [left, undated] {
            if wrong == month {
                continue;
            }
            let moves = self.pages.get(&wrong).is_some_and(|page| page.new || wrong == undated);
            if moves && let Some(page) = self.pages.remove(&wrong) {
                self.page(now).merge(page);
            }
        }
        self.detail_since = now;
    }

    /// Bytes of the month.
    pub fn spent(&self, now: UnixMs) -> u64 {
        self.pages.get(&Month::of(now)).map_or(0, Page::bytes)
    }

    /// What is left of `limit` in the month, what is set aside taken off.
    pub fn left(&self, limit: Option<u64>, now: UnixMs) -> Option<u64> {
        let reserved = self.reserved.map_or(0, |r| r.1);
        limit.map(|limit| limit.saturating_sub(self.spent(now)).saturating_sub(reserved))
    }

    /// Sets `bytes` aside for a test that begins.
    pub fn reserve(&mut self, kind: TestKind, bytes: u64) {
        self.reserved = Some((purpose_of(kind), bytes));
    }

    /// Whether something is set aside.
    pub fn is_testing(&self) -> bool {
        self.reserved.is_some()
    }

    /// The test ended: it cost so much, which the link's counters say as well.
    pub fn test_ended(&mut self, kind: TestKind, cost: Own, whole: bool, now: UnixMs) {
        self.reserved = None;
        if whole {
            let cost = cost.rx_bytes.saturating_add(cost.tx_bytes);
            let typical = self.typical.entry(kind).or_insert(cost);
            *typical = (*typical / 4).saturating_mul(3).saturating_add(cost / 4);
            self.page(now).tests_run += 1;
        } else {
            self.page(now).tests_skipped += 1;
        }
    }

    /// A test was not even begun.
    pub fn test_skipped(&mut self, now: UnixMs) {
        self.page(now).tests_skipped += 1;
    }

    /// What a test costs, as far as any was run.
    pub fn typical(&self, kind: TestKind) -> Option<u64> {
        self.typical.get(&kind).copied()
    }

    /// How much is measured.
    pub fn detail(&self) -> Detail {
        self.detail
    }

    /// For how long it has held, as far as that is a reason to keep it: what was decided in
    /// another month, or under other terms, is none.
    pub fn detail_held(&self, terms: Terms, now: UnixMs) -> Duration {
        if terms != self.terms || Month::of(self.detail_since) != Month::of(now) {
            return Duration::MAX;
        }
        Duration::from_millis(now.since(self.detail_since).max(0).cast_unsigned())
    }

    /// From now on so much is measured; whether that is a change.
    pub fn set_detail(&mut self, detail: Detail, terms: Terms, now: UnixMs) -> bool {
        let changes = self.detail != detail;
        if changes {
            (self.detail, self.terms, self.detail_since) = (detail, terms, now);
        }
        changes
    }

    /// Bytes per purpose in the month.
    pub fn by_purpose(&self, now: UnixMs) -> Vec<(Purpose, Own)> {
        let page = self.pages.get(&Month::of(now));
        page.into_iter().flat_map(|page| page.spent.iter().map(|(p, o)| (*p, *o))).collect()
    }

    /// Tests run and not run in the month.
    pub fn tests(&self, now: UnixMs) -> (u32, u32) {
        self.pages.get(&Month::of(now)).map_or((0, 0), |p| (p.tests_run, p.tests_skipped))
    }

    /// As reported.
    pub fn report(&self, link: LinkName, limit: Option<u64>, now: UnixMs) -> BudgetReport {
        let (tests_run, tests_skipped) = self.tests(now);
        BudgetReport {
            link,
            month: Month::of(now).to_string(),
            limit_bytes: limit,
            detail: self.detail,
            spent: self.by_purpose(now),
            tests_run,
            tests_skipped,
        }
    }
}

/// What a test's bytes are counted under.
pub fn purpose_of(kind: TestKind) -> Purpose {
    match kind {
        TestKind::Responsiveness => Purpose::Responsiveness,
        TestKind::Capacity => Purpose::Capacity,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOVEMBER: UnixMs = UnixMs(1_762_000_000_000);
    const DAY: i64 = 86_400_000;

    fn own(rx_bytes: u64) -> Own {
        Own { rx_bytes, tx_bytes: 0 }
    }

    fn kept(account: &Account) -> Account {
        serde_json::from_slice(&serde_json::to_vec(account).unwrap()).unwrap()
    }

    #[test]
    fn what_a_test_set_aside_is_spent_if_the_agent_dies_under_it() {
        let mut account = Account::default();
        account.take([(Purpose::Probes, own(10))], NOVEMBER);
        account.reserve(TestKind::Capacity, 500);
        assert_eq!(account.left(Some(1_000), NOVEMBER), Some(490));
        let after = kept(&account).reopened(NOVEMBER);
        assert_eq!((after.spent(NOVEMBER), after.left(Some(1_000), NOVEMBER)), (510, Some(490)));
        account.test_ended(TestKind::Capacity, own(300), true, NOVEMBER);
        account.take([(Purpose::Capacity, own(300))], NOVEMBER);
        assert_eq!(account.left(Some(1_000), NOVEMBER), Some(690));
        assert_eq!(account.typical(TestKind::Capacity), Some(300));
        assert_eq!(account.tests(NOVEMBER), (1, 0));
    }

    #[test]
    fn a_month_begins_with_an_empty_page_and_counters_go_on() {
        let mut account = Account::default();
        account.take([(Purpose::Probes, own(10))], NOVEMBER);
        let december = NOVEMBER.plus(31 * DAY);
        account.take([(Purpose::Probes, own(15))], december);
        assert_eq!((account.spent(NOVEMBER), account.spent(december)), (10, 5));
        let report = account.report("wan".parse().unwrap(), Some(7), december);
        assert_eq!(report.month, "2025-12");
        assert_eq!(report.spent, [(Purpose::Probes, own(5))]);
    }

    #[test]
    fn what_was_spent_by_a_wrong_clock_goes_over_to_the_right_month() {
        for wrong in [UnixMs(5_000), UnixMs(1_990_000_000_000)] {
            let mut before = Account::default();
            before.take([(Purpose::Probes, own(100))], NOVEMBER);
            let mut account = kept(&before).reopened(wrong);
            account.take([(Purpose::Probes, own(7))], wrong);
            account.clock_stepped(wrong, NOVEMBER);
            assert_eq!(account.spent(NOVEMBER), 107, "{wrong:?}");
            assert_eq!(account.spent(wrong), 0);
            // A month that an earlier run wrote is not this clock's fault.
            let mut account = kept(&before);
            account.clock_stepped(NOVEMBER, NOVEMBER.plus(40 * DAY));
            assert_eq!(account.spent(NOVEMBER), 100);
        }
    }

    #[test]
    fn a_detail_is_held_only_in_its_month_and_under_its_terms() {
        let terms = Terms { limit: Some(1_000), plan: Some(1) };
        let mut account = Account::default();
        assert!(account.set_detail(Detail::Alive, terms, NOVEMBER));
        assert!(!account.set_detail(Detail::Alive, Terms::default(), NOVEMBER.plus(DAY)));
        let account = kept(&account);
        let held = |terms, now| account.detail_held(terms, now);
        assert_eq!(held(terms, NOVEMBER.plus(7_000)), Duration::from_secs(7));
        assert_eq!(held(terms, NOVEMBER.plus(-7_000)), Duration::ZERO);
        assert_eq!(held(terms, NOVEMBER.plus(31 * DAY)), Duration::MAX);
        for other in [Terms { limit: None, ..terms }, Terms { plan: Some(2), ..terms }] {
            assert_eq!(held(other, NOVEMBER.plus(7_000)), Duration::MAX);
        }
    }

    proptest! {
        /// Whatever the clock does, and however often the agent starts anew, no byte
        /// is forgotten while months are few.
        #[test]
        fn no_byte_is_forgotten(
            steps in prop::collection::vec((0_u64..1_000, 0_i64..3, any::<bool>()), 1..30)
        ) {
            let (mut account, mut counted, mut all) = (Account::default(), 0, 0);
            let at = |month: i64| NOVEMBER.plus(month * 31 * DAY);
            let mut now = at(0);
            for (bytes, month, restart) in steps {
                if restart {
                    account = kept(&account).reopened(now);
                    counted = 0;
                }
                counted += bytes;
                all += bytes;
                account.take([(Purpose::Telemetry, own(counted))], now);
                account.clock_stepped(now, at(month));
                now = at(month);
            }
            let sum: u64 = (0..3).map(|month| account.spent(at(month))).sum();
            prop_assert_eq!(sum, all);
        }
    }
}
