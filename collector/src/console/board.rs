//! The board: every household's state, for lists and counts. Judging all homes
//! on each view would be too much, so a sweep in the background judges those
//! with new evidence, a bounded number at a time, those that waited longest
//! first. The rows a page shows are judged afresh when it is drawn.

use std::collections::BTreeMap;
use std::sync::{Arc, RwLock};

use hearth_proto::{HouseholdId, UnixMs};

use super::query::{Filter, PAGE};
use crate::ledger::State;
use crate::store::HouseholdSummary;

/// Homes judged in one sweep at most: some seconds of one core.
pub const SWEEP: usize = 2_000;
/// A state judged so long ago is judged again, even without new evidence.
const FRESH_MS: i64 = 30_000;
/// Without a slot for so many slot lengths, a home is UNKNOWN: three that may
/// be late, and the one being measured.
const SILENT_SLOTS: i64 = 4;
const MINUTE: u32 = 60_000;

/// One household on the board.
#[derive(Debug, Clone)]
pub struct Entry {
    /// What the store says of it.
    pub summary: HouseholdSummary,
    /// What the judge said last, if it did.
    pub judged: Option<Judged>,
}

/// A verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Judged {
    /// When.
    pub at: UnixMs,
    /// What.
    pub state: State,
    /// The home's slot length in milliseconds.
    pub slot_ms: u32,
}

impl Entry {
    /// The state now: silence since the verdict makes it UNKNOWN.
    pub fn state(&self, now: UnixMs) -> State {
        let slot_ms = self.judged.map_or(MINUTE, |j| j.slot_ms);
        let silent = |at: UnixMs| now.since(at) > SILENT_SLOTS * i64::from(slot_ms);
        match (self.judged, self.summary.last_slot) {
            (Some(j), Some(last)) if !silent(last) => j.state,
            (Some(j), _) if j.state == State::Excluded => j.state,
            _ => State::Unknown,
        }
    }

    fn is_due(&self, now: UnixMs) -> bool {
        let silent = |slot_ms: u32| {
            self.summary
                .last_slot
                .is_none_or(|at| now.since(at) > SILENT_SLOTS * i64::from(slot_ms))
        };
        match self.judged {
            None => self.summary.last_slot.is_some(),
            Some(j) => now.since(j.at) > FRESH_MS && (j.state.is_known() || !silent(j.slot_ms)),
        }
    }
}

/// One page of the board.
#[derive(Debug, Clone)]
pub struct List {
    /// The households on the page, by name.
    pub entries: Vec<Entry>,
    /// Households with the text, by state's name.
    pub counts: BTreeMap<&'static str, u64>,
    /// Households that match text and state.
    pub matching: usize,
    /// Households known.
    pub known: usize,
    /// Of those with evidence, not judged yet.
    pub unjudged: u64,
    /// When the state judged longest ago was judged, of those not silent since.
    pub oldest: Option<UnixMs>,
    /// When.
    pub now: UnixMs,
}

/// Every household's last state.
#[derive(Debug, Default)]
pub struct Board(RwLock<Option<Arc<Vec<Entry>>>>);

impl Board {
    /// The last sweep's, if there was one.
    pub fn entries(&self) -> Option<Arc<Vec<Entry>>> {
        self.0.read().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    /// Puts in what the store lists now, and judges up to `most` of what is due.
    /// A home whose judging fails keeps its last state; gives how many failed.
    pub fn sweep<E>(
        &self,
        summaries: Vec<HouseholdSummary>,
        now: UnixMs,
        most: usize,
        judge: impl Fn(&HouseholdId) -> Result<Judged, E>,
    ) -> u64 {
        let old = self.entries().unwrap_or_default();
        let find = |id: &HouseholdId| {
            let at = old.binary_search_by(|e| e.summary.household.cmp(id)).ok()?;
            old[at].judged
        };
        let mut entries: Vec<Entry> = summaries
            .into_iter()
            .map(|summary| Entry { judged: find(&summary.household), summary })
            .collect();
        entries.sort_by(|a, b| a.summary.household.cmp(&b.summary.household));
        let mut due: Vec<usize> = (0..entries.len()).filter(|&i| entries[i].is_due(now)).collect();
        due.sort_by_key(|&i| entries[i].judged.map_or(i64::MIN, |j| j.at.0));
        let mut failed = 0;
        for i in due.into_iter().take(most) {
            match judge(&entries[i].summary.household) {
                Ok(judged) => entries[i].judged = Some(judged),
                Err(_) => failed += 1,
            }
        }
        *self.0.write().unwrap_or_else(std::sync::PoisonError::into_inner) =
            Some(Arc::new(entries));
        failed
    }

    /// The page that `filter` asks for; `None` before the first sweep.
    pub fn list(&self, filter: &Filter, now: UnixMs) -> Option<List> {
        let all = self.entries()?;
        let mut counts = BTreeMap::new();
        let (mut matching, mut unjudged, mut oldest) = (0, 0, None);
        let first = (filter.page - 1) * PAGE;
        let mut entries = Vec::with_capacity(PAGE);
        for entry in all.iter().filter(|e| has_text(e, &filter.text)) {
            let state = entry.state(now);
            *counts.entry(state.name()).or_insert(0) += 1;
            unjudged += u64::from(entry.judged.is_none() && entry.summary.last_slot.is_some());
            if let Some(judged) = entry.judged.filter(|_| state.is_known()) {
                oldest = Some(oldest.map_or(judged.at, |at: UnixMs| at.min(judged.at)));
            }
            if filter.state.is_none_or(|s| s == state) {
                if (first..first + PAGE).contains(&matching) {
                    entries.push(entry.clone());
                }
                matching += 1;
            }
        }
        Some(List { entries, counts, matching, known: all.len(), unjudged, oldest, now })
    }
}

/// Whether its name, an agent's, a link's or a technology contains `text`.
fn has_text(entry: &Entry, text: &str) -> bool {
    let has = |s: &str| s.to_lowercase().contains(text);
    text.is_empty()
        || entry.summary.household.as_str().contains(text)
        || entry.summary.agents.iter().any(|a| {
            a.agent.as_str().contains(text)
                || a.links.iter().any(|l| has(l.link.as_str()) || has(l.technology.label()))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMs = UnixMs(1_764_000_000_000);

    fn home(i: usize, last: Option<i64>) -> HouseholdSummary {
        HouseholdSummary {
            household: format!("home-{i:05}").parse().unwrap(),
            agents: Vec::new(),
            last_seen: None,
            last_slot: last.map(|ago| NOW.plus(-ago)),
            slots: 0,
            tests: 0,
        }
    }

    #[expect(clippy::unnecessary_wraps, reason = "stands for a judge that may fail")]
    fn ok(_: &HouseholdId) -> Result<Judged, ()> {
        Ok(Judged { at: NOW, state: State::Ok, slot_ms: 60_000 })
    }

    fn filter(state: Option<State>, page: usize) -> Filter {
        Filter { state, text: String::new(), page }
    }

    #[test]
    fn pages_have_a_stable_order_and_tile_the_list() {
        let board = Board::default();
        assert!(board.list(&filter(None, 1), NOW).is_none());
        let homes: Vec<_> = (0..120).rev().map(|i| home(i, Some(60_000))).collect();
        board.sweep(homes, NOW, SWEEP, ok);
        let mut seen = Vec::new();
        for page in 1..=3 {
            let list = board.list(&filter(None, page), NOW).unwrap();
            assert_eq!((list.matching, list.known), (120, 120));
            seen.extend(list.entries.into_iter().map(|e| e.summary.household.to_string()));
        }
        let all: Vec<String> = (0..120).map(|i| format!("home-{i:05}")).collect();
        assert_eq!(seen, all);
        assert!(board.list(&filter(None, 4), NOW).unwrap().entries.is_empty());
    }

    #[test]
    fn a_sweep_judges_in_turn_and_says_what_is_left() {
        let board = Board::default();
        let homes = || (0..10).map(|i| home(i, Some(60_000))).collect::<Vec<_>>();
        board.sweep(homes(), NOW, 4, ok);
        let list = board.list(&filter(None, 1), NOW).unwrap();
        assert_eq!((list.counts["ok"], list.counts["unknown"], list.unjudged), (4, 6, 6));
        board.sweep(homes(), NOW, 4, ok);
        board.sweep(homes(), NOW, 4, ok);
        assert_eq!(board.list(&filter(None, 1), NOW).unwrap().counts["ok"], 10);
    }

    #[test]
    fn silence_turns_a_verdict_into_unknown() {
        let board = Board::default();
        let down =
            |_: &HouseholdId| Ok::<_, ()>(Judged { at: NOW, state: State::Down, slot_ms: 60_000 });
        board.sweep(vec![home(1, Some(60_000)), home(2, None)], NOW, SWEEP, down);
        let later = NOW.plus(12 * 60_000);
        assert_eq!(board.list(&filter(None, 1), NOW).unwrap().counts["down"], 1);
        let list = board.list(&filter(Some(State::Unknown), 1), later).unwrap();
        assert_eq!(list.matching, 2);
        assert!(!list.counts.contains_key("down"));
    }

    #[test]
    fn a_home_that_cannot_be_judged_keeps_its_last_state() {
        let board = Board::default();
        board.sweep(vec![home(1, Some(60_000))], NOW, SWEEP, ok);
        let later = NOW.plus(FRESH_MS + 1);
        let failed =
            board.sweep(vec![home(1, Some(60_000))], later, SWEEP, |_| Err::<Judged, _>(()));
        assert_eq!(failed, 1);
        assert_eq!(board.list(&filter(None, 1), later).unwrap().counts["ok"], 1);
    }
}
