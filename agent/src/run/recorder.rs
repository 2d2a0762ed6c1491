//! Where a run's records go: into the spool, events at once, and to whoever
//! watches.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use hearth_proto::{Event, EventKind, LinkName, LinkSlot, Record, TestResult, UnixMs};

use super::dating::Dating;
use super::progress::{News, Progress};
use super::timeline::Break;
use super::undated::{self, Undated, is_dated};
use crate::clock;
use crate::spool::{Spool, mend};

/// Clones write to the same spool.
#[derive(Clone)]
pub(super) struct Recorder {
    spool: Spool,
    began: Instant,
    progress: Arc<dyn Progress>,
    told: Arc<Mutex<HashSet<Told>>>,
    undated: Arc<Mutex<Undated>>,
    /// Locked while slots or a step of the clock are on their way into the spool, so
    /// that none is mended twice or never.
    dating: Arc<tokio::sync::Mutex<Dating>>,
}

impl Recorder {
    pub(super) fn new(spool: Spool, began: Instant, progress: Arc<dyn Progress>) -> Self {
        let (told, undated, dating) = (Arc::default(), Arc::default(), Arc::default());
        Self { spool, began, progress, told, undated, dating }
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
            self.append_now(Record::Event(event)).await;
        } else {
            self.undated().record(Record::Event(event));
        }
    }

    /// A new timeline began. Where it did because the wall clock was set, which now says
    /// `now`: what waited for it is dated and recorded, and unless the clock `was_right`
    /// what was recorded and not yet sent is put right.
    pub(super) async fn broken(&self, broken: &Break, now: UnixMs, was_right: bool) {
        let mut dating = self.dating.lock().await;
        let ended = dating.current();
        let wrong = dating.broken(broken, was_right);
        let Some(by_ms) = broken.stepped_ms else { return };
        if let Some(wrong) = wrong {
            match self.spool.mend(by_ms, wrong).await {
                Ok(0) => {}
                Ok(records) => tracing::info!(records, by_ms, "wall times put right"),
                Err(error) => {
                    tracing::error!(error = crate::chain::chain(&error), "wall times stay wrong");
                }
            }
        }
        let waited = self.undated().stepped(by_ms, now);
        if !waited.is_empty() {
            self.append(waited, ended).await;
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
            self.append_now(Record::Test(result)).await;
        } else {
            self.undated().record(Record::Test(result));
        }
    }

    /// Records slots of the timeline `epoch`, which may have ended.
    pub(super) async fn slots(&self, slots: Vec<LinkSlot>, epoch: u32) {
        let dating = self.dating.lock().await;
        let by_ms = dating.moved(epoch);
        let mut records: Vec<_> = slots.into_iter().map(Record::Slot).collect();
        for record in &mut records {
            mend(record, by_ms);
        }
        let (dated, undated): (Vec<_>, Vec<_>) =
            records.into_iter().partition(|record| is_dated(undated::date(record)));
        for record in undated {
            self.undated().record(record);
        }
        if let Some(Record::Slot(first)) = dated.first() {
            let news = News::Slots { link: first.link.clone(), count: dated.len() };
            let at = first.start;
            self.append(dated, epoch).await;
            drop(dating);
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

    /// Of the present timeline.
    async fn append_now(&self, record: Record) {
        let dating = self.dating.lock().await;
        self.append(vec![record], dating.current()).await;
    }

    async fn append(&self, records: Vec<Record>, epoch: u32) {
        let count = records.len();
        if let Err(error) = self.spool.append_dated(records, epoch).await {
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
