//! Where a run's records go: into the spool, events at once, and to whoever
//! watches.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use hearth_proto::{Event, EventKind, LinkName, LinkSlot, Record, TestResult, UnixMs};

use super::progress::{News, Progress};
use super::undated::{Undated, is_dated};
use crate::clock;
use crate::spool::Spool;

/// Clones write to the same spool.
#[derive(Clone)]
pub(super) struct Recorder {
    spool: Spool,
    began: Instant,
    progress: Arc<dyn Progress>,
    told: Arc<Mutex<HashSet<Told>>>,
    undated: Arc<Mutex<Undated>>,
}

impl Recorder {
    pub(super) fn new(spool: Spool, began: Instant, progress: Arc<dyn Progress>) -> Self {
        Self { spool, began, progress, told: Arc::default(), undated: Arc::default() }
    }

    /// Tells whoever watches.
    pub(super) fn tell(&self, news: News) {
        self.progress.tell(news);
    }

    /// Records an event that happened at `at`, noticed now.
    pub(super) async fn event(&self, at: UnixMs, kind: EventKind) {
        tracing::info!(event = ?kind, "event");
        let at_boot_ms = clock::now().saturating_duration_since(self.began).as_millis() as u64;
        let event = Event { at, at_boot_ms, kind };
        if is_dated(at) {
            self.append(vec![Record::Event(event)]).await;
        } else {
            self.undated().record(Record::Event(event));
        }
    }

    /// The wall clock was set by `by_ms`, and says `now`. What waited for it is dated
    /// and recorded. `mends`: what was recorded and not yet sent was dated by a clock
    /// that was wrong, and is put right.
    pub(super) async fn clock_stepped(&self, by_ms: i64, now: UnixMs, mends: bool) {
        if mends {
            match self.spool.mend(by_ms).await {
                Ok(0) => {}
                Ok(records) => tracing::info!(records, by_ms, "wall times put right"),
                Err(error) => {
                    tracing::error!(error = super::prober::chain(&error), "wall times stay wrong");
                }
            }
        }
        let waited = self.undated().stepped(by_ms, now);
        if !waited.is_empty() {
            self.append(waited).await;
        }
    }

    /// What has no date and never will: to be told once the clock is set, and
    /// logged at the end.
    pub(super) fn never_dated(&self) -> (u64, usize) {
        self.undated().left()
    }

    fn undated(&self) -> std::sync::MutexGuard<'_, Undated> {
        self.undated.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Monotonic milliseconds from the start to `at`.
    pub(super) fn since_start_ms(&self, at: Instant) -> u64 {
        at.saturating_duration_since(self.began).as_millis() as u64
    }

    /// Records a test.
    pub(super) async fn test(&self, result: TestResult) {
        if is_dated(result.start) {
            self.append(vec![Record::Test(result)]).await;
        } else {
            self.undated().record(Record::Test(result));
        }
    }

    /// Records slots.
    pub(super) async fn slots(&self, slots: Vec<LinkSlot>) {
        let (slots, undated): (Vec<_>, Vec<_>) =
            slots.into_iter().partition(|slot| is_dated(slot.start));
        for slot in undated {
            self.undated().record(Record::Slot(slot));
        }
        if let Some(first) = slots.first() {
            let news = News::Slots { link: first.link.clone(), count: slots.len() };
            let at = first.start;
            self.append(slots.into_iter().map(Record::Slot).collect()).await;
            self.tell(news);
            let lost = self.undated().take_slots();
            if let Some(cannot) = lost {
                self.cannot_again(at, cannot).await;
            }
        }
    }

    /// Records, once, that something can't be measured.
    pub(super) async fn cannot(&self, at: UnixMs, cannot: Cannot) {
        let Cannot { link, what, why, remedy } = cannot;
        let is_new = self
            .told
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert((link.clone(), what.clone()));
        if !is_new {
            return;
        }
        self.cannot_again(at, Cannot { link, what, why, remedy }).await;
    }

    async fn cannot_again(&self, at: UnixMs, cannot: Cannot) {
        let Cannot { link, what, why, remedy } = cannot;
        self.tell(News::Cannot {
            link: link.clone(),
            what: what.clone(),
            why: why.clone(),
            remedy: remedy.clone(),
        });
        self.event(at, EventKind::CannotMeasure { link, what, why, remedy }).await;
    }

    async fn append(&self, records: Vec<Record>) {
        let count = records.len();
        if let Err(error) = self.spool.append(records).await {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            tracing::error!(%error, cause, count, "records lost: the spool does not take them");
        }
    }
}

/// On which link, and what: told once.
type Told = (Option<LinkName>, String);

/// Something that can't be measured here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cannot {
    pub(super) link: Option<LinkName>,
    pub(super) what: String,
    pub(super) why: String,
    pub(super) remedy: String,
}
