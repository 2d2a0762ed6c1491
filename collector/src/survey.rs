//! All homes of a store rolled up: each is read, judged and let go again, on as many
//! threads as there are cores. What is held meanwhile is one history a thread and
//! the roll-up.

use std::convert::Infallible;

use hearth_proto::HouseholdId;
use jiff::tz::TimeZone;

use crate::areas::{Contribution, RollUp};
use crate::gaps::Gaps;
use crate::history::Span;
use crate::homes::{Audience, Home};
use crate::ledger::Ledger;
use crate::over_homes::over_homes;
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
    home: &Home,
    span: Span,
    catalogue: &Catalogue,
    tz: &TimeZone,
) -> Result<Contribution, StoreError> {
    let history = store.history_with_lead(household, span)?;
    let ledger = Ledger::build(&history, catalogue);
    let gaps = Gaps::build(&history, &ledger, &home.zone_or(tz));
    Ok(Contribution::of(home, &history, &ledger, &gaps))
}

/// Surveys `store` over a span for an audience; local times of homes without a zone are
/// in `tz`. Homes that the audience may not see are not even read.
///
/// # Errors
/// As the store's, where not even the homes can be listed.
pub fn survey(
    store: &dyn Store,
    span: Span,
    catalogue: &Catalogue,
    tz: &TimeZone,
    audience: Audience,
) -> Result<Survey, StoreError> {
    let homes: Vec<HouseholdId> = store.households()?.into_iter().map(|h| h.household).collect();
    let empty = || RollUp::new(span, catalogue, tz).for_audience(audience);
    let each = |part: &mut Survey, household: &HouseholdId| {
        let contribution = store.home(household).and_then(|home| {
            let sees = audience.may_see(&home);
            sees.then(|| contribute(store, household, &home, span, catalogue, tz)).transpose()
        });
        match contribution {
            Ok(Some(contribution)) => part.rollup.add(&contribution),
            Ok(None) => part.rollup.leave_out(),
            Err(e) => {
                let error = crate::error_chain(&e);
                tracing::warn!(%household, error, "left out of the roll-up");
                part.unread += 1;
            }
        }
        Ok::<(), Infallible>(())
    };
    let Ok(parts) = over_homes(&homes, || Survey { rollup: empty(), unread: 0 }, each);
    let whole = parts
        .into_iter()
        .reduce(|a, b| Survey { rollup: a.rollup.merge(b.rollup), unread: a.unread + b.unread });
    Ok(whole.unwrap_or_else(|| Survey { rollup: empty(), unread: 0 }))
}
