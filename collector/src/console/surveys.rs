//! Roll-ups over all homes, kept for the pages and the API: judging every home on
//! each view would be too much. One is drawn up at a time, in the background, when
//! somebody asks for it and what is kept is old; who asks first waits a moment.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hearth_proto::UnixMs;

use super::ConsoleState;
use super::failure::Failure;
use crate::areas::AreasReport;
use crate::history::Span;
use crate::homes::Audience;
use crate::survey::{Survey, survey};

/// Ranges offered, with their length in milliseconds.
pub const RANGES: [(&str, &str, i64); 3] = [
    ("24h", "24 hours", 24 * HOUR),
    ("7d", "7 days", 7 * 24 * HOUR),
    ("31d", "31 days", 31 * 24 * HOUR),
];
const HOUR: i64 = 3_600_000;
/// The range shown when none is asked for.
pub const DEFAULT_RANGE: &str = "7d";
/// What is kept is drawn up anew after five minutes, and after so many times what
/// drawing it up took, so that it takes at most a share of the machine.
const FRESH_MS: i64 = 5 * 60_000;
const REST: i64 = 10;
/// Who asks for what is not there waits so long.
const PATIENCE: Duration = Duration::from_secs(3);

/// A roll-up with its age.
#[derive(Debug)]
pub struct Drawn {
    /// The present when it was begun: its span's end.
    pub at: UnixMs,
    /// What it took, in milliseconds.
    pub took_ms: i64,
    /// Homes that could not be read.
    pub unread: u64,
    /// The report.
    pub report: AreasReport,
}

#[derive(Debug, Default)]
struct Kept {
    drawn: BTreeMap<Which, Arc<Drawn>>,
    running: bool,
}

/// For whom, and the range.
type Which = (Audience, &'static str);

/// Roll-ups kept, one a range and audience.
#[derive(Debug, Default)]
pub struct Surveys(Mutex<Kept>);

/// Ends a run, however it ended.
struct Running(ConsoleState);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.surveys.kept().running = false;
    }
}

impl Surveys {
    // Every change is one assignment: a panic elsewhere leaves nothing half done.
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is kept, and whether it has to be drawn up now; whoever is told so does it.
    fn claim(&self, which: Which, now: UnixMs) -> (Option<Arc<Drawn>>, bool) {
        let mut kept = self.kept();
        let drawn = kept.drawn.get(&which).cloned();
        let fresh = |d: &Arc<Drawn>| now.since(d.at) <= FRESH_MS.max(d.took_ms * REST);
        let due = !kept.running && !drawn.as_ref().is_some_and(fresh);
        kept.running |= due;
        (drawn, due)
    }
}

impl ConsoleState {
    /// A range's roll-up for an audience, as far as there is one; `None`: it is being
    /// drawn up.
    pub async fn areas(
        &self,
        audience: Audience,
        range: &'static str,
    ) -> Result<Option<Arc<Drawn>>, Failure> {
        let which = (audience, range);
        let (kept, due) = self.surveys.claim(which, self.now());
        if !due {
            return Ok(kept);
        }
        let running = Running(self.clone());
        let work = tokio::task::spawn_blocking(move || running.0.survey(which));
        // One that is old is shown at once; else there may be so few homes that the
        // wait is short. The work goes on by itself.
        if kept.is_some() {
            return Ok(kept);
        }
        match tokio::time::timeout(PATIENCE, work).await {
            Err(_) => Ok(None),
            Ok(Ok(done)) => done.map(Some),
            Ok(Err(e)) => Err(Failure::internal(&e)),
        }
    }

    fn survey(&self, (audience, range): Which) -> Result<Arc<Drawn>, Failure> {
        let length = RANGES.iter().find(|r| r.0 == range).map_or(24 * HOUR, |r| r.2);
        let at = self.now();
        let span = Span { from: at.plus(-length), to: at };
        let done = survey(&*self.store, span, &self.catalogue, &self.zone, audience);
        let Survey { rollup, unread } = done.map_err(|e| Failure::internal(&e))?;
        let report = rollup.report(self.areas_k);
        let drawn = Arc::new(Drawn { at, took_ms: self.now().since(at), unread, report });
        self.surveys.kept().drawn.insert((audience, range), drawn.clone());
        Ok(drawn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::areas::{K, RollUp};
    use crate::qoe::catalogue::Catalogue;
    use jiff::tz::TimeZone;

    #[test]
    fn one_is_drawn_up_at_a_time_and_again_once_it_is_old() {
        let surveys = Surveys::default();
        let week = (Audience::Noc, "7d");
        let (none, due) = surveys.claim(week, UnixMs(0));
        assert!(none.is_none() && due);
        assert!(!surveys.claim((Audience::Noc, "24h"), UnixMs(0)).1, "another is running");
        let span = Span { from: UnixMs(0), to: UnixMs(1) };
        let rollup = RollUp::new(span, &Catalogue::built_in(), &TimeZone::UTC);
        let report = rollup.report(K::default());
        let drawn = Drawn { at: UnixMs(0), took_ms: 60_000, unread: 0, report };
        surveys.kept().drawn.insert(week, Arc::new(drawn));
        surveys.kept().running = false;
        let (kept, due) = surveys.claim(week, UnixMs(10 * 60_000));
        assert!(kept.is_some() && !due, "it took a minute: ten minutes are not old");
        assert!(surveys.claim(week, UnixMs(10 * 60_000 + 1)).1);
        let product = surveys.claim((Audience::Product, "7d"), UnixMs(0)).0;
        assert!(product.is_none(), "another audience has its own");
    }
}
