//! All homes of a store rolled up: each is read, judged and let go again, on as many
//! threads as there are cores. What is held meanwhile is one history a thread and
//! the roll-up.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use hearth_proto::HouseholdId;
use jiff::tz::TimeZone;

use crate::areas::{Contribution, RollUp};
use crate::gaps::Gaps;
use crate::history::Span;
use crate::ledger::Ledger;
use crate::qoe::catalogue::Catalogue;
use crate::store::{Store, StoreError};

/// What a survey found.
#[derive(Debug)]
pub struct Survey {
    /// Of all homes that could be read.
    pub rollup: RollUp,
    /// Homes that could not; the log says why.
    pub unread: u64,
}

fn contribute(
    store: &dyn Store,
    household: &HouseholdId,
    span: Span,
    catalogue: &Catalogue,
    tz: &TimeZone,
) -> Result<Contribution, StoreError> {
    let history = store.history_with_lead(household, span)?;
    let home = store.home(household)?;
    let ledger = Ledger::build(&history, catalogue);
    let gaps = Gaps::build(&history, &ledger, &home.zone_or(tz));
    Ok(Contribution::of(&home, &history, &ledger, &gaps))
}

/// Surveys `store` over a span; local times of homes without a zone are in `tz`.
///
/// # Errors
/// As the store's, where not even the homes can be listed.
pub fn survey(
    store: &dyn Store,
    span: Span,
    catalogue: &Catalogue,
    tz: &TimeZone,
) -> Result<Survey, StoreError> {
    let homes = store.households()?;
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let (next, unread) = (AtomicUsize::new(0), AtomicU64::new(0));
    let work = || {
        let mut part = RollUp::new(span, catalogue, tz);
        while let Some(home) = homes.get(next.fetch_add(1, Ordering::Relaxed)) {
            match contribute(store, &home.household, span, catalogue, tz) {
                Ok(contribution) => part.add(&contribution),
                Err(e) => {
                    let error = crate::error_chain(&e);
                    tracing::warn!(household = %home.household, error, "left out of the roll-up");
                    unread.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
        part
    };
    let parts = std::thread::scope(|scope| {
        let workers: Vec<_> =
            (0..threads.min(homes.len().max(1))).map(|_| scope.spawn(work)).collect();
        // A worker that panicked has taken its homes with it: so does the survey.
        workers
            .into_iter()
            .map(|w| w.join().unwrap_or_else(|e| std::panic::resume_unwind(e)))
            .collect::<Vec<RollUp>>()
    });
    let rollup = parts.into_iter().reduce(RollUp::merge);
    let rollup = rollup.unwrap_or_else(|| RollUp::new(span, catalogue, tz));
    Ok(Survey { rollup, unread: unread.into_inner() })
}
