//! From store and judge to what pages show. All of it blocks: it is called from
//! a thread that may.

use hearth_proto::{EventKind, HouseholdId, LinkName, UnixMs};
use jiff::tz::TimeZone;

use super::board::{Judged, List};
use super::failure::Failure;
use super::held::{Held, Place};
use super::now::{self, Facts, Now};
use super::pairs::Pairs;
use super::query::{Filter, Range};
use super::{ConsoleState, words};
use crate::explain::{self, Asked, ExplainError, HomeAt};
use crate::history::{DAY_MS, History, Span};
use crate::ledger::{Ledger, LedgerSummary, State};
use crate::report::{Report, household_report_after, period_before};
use crate::store::StoreError;

/// 'Now' is judged over so much time, up to the present: 30 minutes.
pub const NOW_WINDOW: i64 = 30 * 60_000;

/// Homes judged for the first list ever asked for, while its reader waits.
const FIRST_SWEEP: usize = 100;

/// A home's state now.
pub struct NowAt {
    /// In words.
    pub now: Now,
    /// When the last evidence ends, within the window.
    pub last_evidence: Option<UnixMs>,
}

/// A home over a span, judged.
pub struct Examined {
    /// What it was judged from.
    pub history: History,
    /// Slot by slot.
    pub ledger: Ledger,
    /// In figures.
    pub report: Report,
    /// The home's own time zone, else the collector's.
    pub zone: TimeZone,
}

/// Something the agent can't measure, with the remedy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cannot {
    /// What, and on which link.
    pub what: String,
    /// Why.
    pub why: String,
    /// What would help.
    pub remedy: String,
}

impl ConsoleState {
    /// Runs what blocks on a thread that may.
    pub(crate) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let state = self.clone();
        match tokio::task::spawn_blocking(move || work(&state)).await {
            Ok(done) => done,
            Err(e) => Err(Failure::internal(&e)),
        }
    }

    pub(super) fn history(&self, household: &HouseholdId, span: Span) -> Result<History, Failure> {
        self.store.history(household, span).map_err(not_read)
    }

    /// Judges one home over a span.
    pub fn examine(&self, household: &HouseholdId, span: Span) -> Result<Examined, Failure> {
        self.examined(household, span, false)
    }

    /// The same, with trends against the period before.
    pub fn examine_after(&self, household: &HouseholdId, span: Span) -> Result<Examined, Failure> {
        self.examined(household, span, true)
    }

    fn examined(
        &self,
        household: &HouseholdId,
        span: Span,
        trends: bool,
    ) -> Result<Examined, Failure> {
        // What is judged of a day or more is worth reading the days before too.
        let history = if span.to.since(span.from) >= DAY_MS {
            self.store.history_with_lead(household, span).map_err(not_read)?
        } else {
            self.history(household, span)?
        };
        let home = self.store.home(household).map_err(not_read)?;
        let zone = home.zone_or(&self.zone);
        // As much proves a throughput in it as in the period that it is compared with.
        let before = |span| self.store.history_with_lead(household, span).map_err(not_read);
        let before = trends.then(|| before(period_before(span, &zone))).transpose()?;
        let (ledger, report) = household_report_after(
            &history,
            before.as_ref(),
            &home,
            &self.catalogue,
            &zone,
            self.now(),
        );
        Ok(Examined { history, ledger, report, zone })
    }

    /// One instant of a home, explained, with the zone of its local times.
    pub fn explain(
        &self,
        household: &HouseholdId,
        asked: &Asked,
    ) -> Result<(HomeAt, TimeZone), Failure> {
        let zone = self.store.home(household).map_err(not_read)?.zone_or(&self.zone);
        explain::explain(&*self.store, household, asked, &self.catalogue, &zone, self.now())
            .map(|home| (home, zone))
            .map_err(|e| match e {
                ExplainError::Store(e) => not_read(e),
                ExplainError::Value { field, value, accepted } => {
                    Failure::Value { field, value, accepted }
                }
            })
    }

    /// The range asked for of a home, local times in its own zone.
    pub(crate) async fn range(&self, of: &HouseholdId, pairs: &Pairs) -> Result<Range, Failure> {
        let of = of.clone();
        let home = self.blocking(move |s| s.store.home(&of).map_err(not_read)).await?;
        Range::of(pairs, self.now(), &home.zone_or(&self.zone))
    }

    /// A home's state at `now`.
    pub fn now_of(&self, household: &HouseholdId, now: UnixMs) -> Result<NowAt, Failure> {
        let span = Span { from: now.plus(-NOW_WINDOW), to: now };
        let Examined { ledger, report, zone, .. } = self.examine(household, span)?;
        let last_evidence = last_evidence(&report.ledger);
        let facts = Facts {
            ledger: &report.ledger,
            incidents: &report.gaps.incidents,
            home_incidents: &report.gaps.household_incidents,
            last_evidence,
            held: &self.held_now(&ledger, &report.ledger),
            now,
        };
        let seconds = report.ledger.slot_ms < 60_000;
        let said = now::say(&facts, |at| words::clock(at, now, &zone, seconds));
        Ok(NowAt { now: said, last_evidence })
    }

    /// What holds each activity down now, anywhere in the home; `None` where it is not
    /// DEGRADED.
    fn held_now(&self, ledger: &Ledger, summary: &LedgerSummary) -> Vec<Option<String>> {
        let held = Held::new(ledger, &self.catalogue);
        let all = summary.anywhere.iter().enumerate();
        all.map(|(i, a)| {
            let since = Span { from: a.since, to: ledger.span.to };
            let tally = || held.within(Place::Anywhere, i, since);
            (a.now == State::Degraded).then(tally).and_then(|tally| tally.word())
        })
        .collect()
    }

    /// A home's state alone, for the board.
    fn judge(&self, household: &HouseholdId, now: UnixMs) -> Result<Judged, Failure> {
        let span = Span { from: now.plus(-NOW_WINDOW), to: now };
        let history = self.history(household, span)?;
        let summary = Ledger::build(&history, &self.catalogue).summary();
        let state = now::overall(&summary.anywhere);
        Ok(Judged { at: now, state, slot_ms: summary.slot_ms })
    }

    /// Brings the board up to date, judging up to `most` homes.
    pub fn sweep(&self, most: usize) -> Result<(), Failure> {
        let now = self.now();
        let homes = self.store.households().map_err(|e| Failure::internal(&e))?;
        let failed = self.board.sweep(homes, now, most, |id| {
            self.judge(id, now).inspect_err(|e| {
                tracing::warn!(household = %id, error = %e, "household can't be judged");
            })
        });
        if failed > 0 {
            tracing::warn!(failed, "some households keep an earlier state");
        }
        Ok(())
    }

    /// A page of the list; the first one ever asked for waits for a
    /// short sweep.
    pub fn list(&self, filter: &Filter) -> Result<List, Failure> {
        if self.board.entries().is_none() {
            self.sweep(FIRST_SWEEP)?;
        }
        let list = self.board.list(filter, self.now());
        list.ok_or_else(|| Failure::Internal("the board is empty after a sweep".to_owned()))
    }
}

fn not_read(e: StoreError) -> Failure {
    match e {
        StoreError::UnknownHousehold(id) => Failure::UnknownHousehold(id),
        other => Failure::internal(&other),
    }
}

/// When the last slot that any link reported ends.
fn last_evidence(ledger: &LedgerSummary) -> Option<UnixMs> {
    let last = ledger.links.iter().filter_map(|l| l.last_slot_at).max();
    last.map(|start| start.plus(i64::from(ledger.slot_ms)))
}

/// What the agents say they can't measure, each once, as last said.
pub fn cannot_measure(history: &History) -> Vec<Cannot> {
    let mut found: Vec<(&Option<LinkName>, &String, Cannot)> = Vec::new();
    for (_, event) in &history.events {
        let EventKind::CannotMeasure { link, what, why, remedy } = &event.kind else { continue };
        let place = link.as_ref().map_or_else(String::new, |l| format!(" on {l}"));
        let cannot = Cannot {
            what: format!("{}{place}", words::sentence(what)),
            why: words::sentence(why),
            remedy: words::sentence(remedy),
        };
        match found.iter_mut().find(|f| (f.0, f.1) == (link, what)) {
            Some(known) => known.2 = cannot,
            None => found.push((link, what, cannot)),
        }
    }
    found.into_iter().map(|f| f.2).collect()
}
