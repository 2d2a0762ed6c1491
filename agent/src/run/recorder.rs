//! Where a run's records go: into the spool, events at once, and to whoever
//! watches.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use hearth_proto::{Event, EventKind, LinkName, LinkSlot, Record, UnixMs};

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
            self.undated().event(event);
        }
    }

    /// The wall clock was set by `by_ms`, and says `now`. What waited for it is
    /// dated and recorded.
    pub(super) async fn clock_stepped(&self, by_ms: i64, now: UnixMs) {
        let events = self.undated().stepped(by_ms, now);
        if !events.is_empty() {
            self.append(events.into_iter().map(Record::Event).collect()).await;
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

    /// Records slots.
    pub(super) async fn slots(&self, slots: Vec<LinkSlot>) {
        let closed = slots.len();
        let slots: Vec<_> = slots.into_iter().filter(|slot| is_dated(slot.start)).collect();
        self.undated().slots(closed - slots.len());
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
