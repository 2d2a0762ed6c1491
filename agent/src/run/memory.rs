//! What a run keeps of its measuring over restarts (`measuring.json` in the state
//! folder): the plan taken, the orders followed, what each link has cost, and when
//! its tests began.
//!
//! It is written ten seconds after the start, then after twice as long each time, up to
//! each hour; before a test begins, once an order was followed or a plan taken, when a
//! link has spent a hundredth of its budget since, and at the end: after a crash at most
//! an hour and a hundredth of the budget are not counted, nor more than what was (beyond
//! the first ten seconds).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use hearth_proto::{LinkName, Measures, Plan, TestKind, UnixMs};
use serde::{Deserialize, Serialize};

use super::heavy::Orders;
use super::link::lock;
use super::state;
use crate::budget::Account;

/// A part of a budget that may be spent before it is written.
const WRITE_AFTER: u64 = 100;

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Kept {
    pub(super) plan: Option<Plan>,
    pub(super) orders: Orders,
    pub(super) accounts: BTreeMap<LinkName, Account>,
    pub(super) began: BTreeMap<LinkName, BTreeMap<TestKind, UnixMs>>,
}

impl Kept {
    pub(super) fn account(&mut self, link: &LinkName) -> &mut Account {
        self.accounts.entry(link.clone()).or_default()
    }

    pub(super) fn measures(&self, link: &LinkName) -> Measures {
        self.plan.as_ref().map(|plan| plan.of(link)).unwrap_or_default()
    }
}

/// Clones share it.
#[derive(Clone)]
pub(super) struct Memory {
    path: PathBuf,
    kept: Arc<Mutex<Kept>>,
    /// What had been spent when it was last written.
    written: Arc<Mutex<BTreeMap<LinkName, u64>>>,
    /// Held while it is written: a later state is never replaced by an earlier one.
    saving: Arc<Mutex<()>>,
}

impl Memory {
    /// From the folder at `now`; anything but a whole file is begun anew.
    pub(super) fn load(folder: &Path, now: UnixMs) -> Self {
        let path = folder.join("measuring.json");
        let mut kept: Kept = state::read_json(&path, "what was spent");
        kept.orders.reopen();
        let accounts = std::mem::take(&mut kept.accounts);
        kept.accounts = accounts.into_iter().map(|(l, a)| (l, a.reopened(now))).collect();
        let written = kept.accounts.iter().map(|(l, a)| (l.clone(), a.spent(now))).collect();
        Self {
            path,
            kept: Arc::new(kept.into()),
            written: Arc::new(Mutex::new(written)),
            saving: Arc::default(),
        }
    }

    /// Reads or changes it.
    pub(super) fn with<T>(&self, f: impl FnOnce(&mut Kept) -> T) -> T {
        f(&mut lock(&self.kept))
    }

    /// Writes it.
    pub(super) async fn save(&self) {
        let memory = self.clone();
        // The flash may take its time.
        let _ = tokio::task::spawn_blocking(move || memory.save_now()).await;
    }

    pub(super) fn save_now(&self) {
        let _saving = lock(&self.saving);
        let bytes = serde_json::to_vec(&*lock(&self.kept));
        state::write_json(&self.path, bytes, "what was spent");
    }

    /// Whether so much was spent of `limit` since it was last written that it should be
    /// written now; taken as done.
    pub(super) fn should_write(&self, link: &LinkName, spent: u64, limit: Option<u64>) -> bool {
        let mut written = lock(&self.written);
        let last = written.entry(link.clone()).or_default();
        // A new month.
        *last = (*last).min(spent);
        let due = limit.is_some_and(|limit| spent - *last > limit / WRITE_AFTER);
        if due {
            *last = spent;
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hearth_proto::{Own, Purpose};

    const NOW: UnixMs = UnixMs(1_762_000_000_000);

    #[test]
    fn what_was_spent_outlives_a_restart_and_a_crash_costs_a_hundredth_at_most() {
        let folder = tempfile::tempdir().unwrap();
        let wan: LinkName = "wan".parse().unwrap();
        let memory = Memory::load(folder.path(), NOW);
        let limit = Some(10_000);
        let mut spent = 0;
        for step in 1..=50_u64 {
            spent = step * 30;
            let own = Own { rx_bytes: spent, tx_bytes: 0 };
            memory.with(|kept| kept.account(&wan).take([(Purpose::Probes, own)], NOW));
            if memory.should_write(&wan, spent, limit) {
                memory.save_now();
            }
            // As after a kill at this point.
            let left = Memory::load(folder.path(), NOW).with(|kept| kept.account(&wan).spent(NOW));
            assert!(spent - left <= 130, "{spent} but {left}");
        }
        memory.with(|kept| kept.plan = Some(Plan { version: 7, ..Plan::default() }));
        memory.save_now();
        let after = Memory::load(folder.path(), NOW);
        assert_eq!(after.with(|kept| kept.account(&wan).spent(NOW)), spent);
        assert_eq!(after.with(|kept| kept.plan.as_ref().map(|p| p.version)), Some(7));
        std::fs::write(folder.path().join("measuring.json"), "[").unwrap();
        assert_eq!(Memory::load(folder.path(), NOW).with(|kept| kept.account(&wan).spent(NOW)), 0);
    }
}
