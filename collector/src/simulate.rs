//! A proposed promise replayed over the homes of a store: one home at a time on each
//! core, and what is kept of it are sums.

use std::sync::atomic::{AtomicBool, Ordering};

use hearth_proto::HouseholdId;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::anonymity::K;
use crate::homes::{Audience, Home};
use crate::ledger::Ledger;
use crate::over_homes::over_homes;
use crate::promise::by_day::count_days;
use crate::promise::guarantee::Guarantee;
use crate::promise::hours::Stretch;
use crate::promise::replay::{Counted, Replay, count};
use crate::promise::simulation::Simulation;
use crate::qoe::catalogue::Catalogue;
use crate::store::{Store, StoreError};

/// How many whole periods are replayed unless asked otherwise.
const USUAL: i64 = 3;
/// The most: a home's calendar is kept to in years, not in centuries.
pub const MOST_PERIODS: usize = 400;

/// Days that hold no whole period, or too many.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("it holds {n} whole {period}s, and 1 to {MOST_PERIODS} can be replayed")]
pub struct NoPeriods {
    /// How many they hold.
    pub n: usize,
    /// Of what.
    pub period: &'static str,
}

/// The whole periods of a promise from one day up to another, or the last three before
/// `today`.
///
/// # Errors
/// Where there is none, or where there are too many.
pub fn periods(
    guarantee: &Guarantee,
    asked: Option<(Date, Date)>,
    today: Date,
) -> Result<Vec<Stretch>, NoPeriods> {
    let period = guarantee.period;
    let periods = asked
        .or_else(|| period.last(USUAL, today))
        .map_or_else(Vec::new, |(from, to)| period.whole(from, to));
    match periods.len() {
        1..=MOST_PERIODS => Ok(periods),
        n => Err(NoPeriods { n, period: period.name() }),
    }
}

/// Why nothing came of it.
#[derive(Debug, thiserror::Error)]
pub enum SimulateError {
    /// A home can't be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The activity's requirement can't be turned into one for that score.
    #[error("the score can't be used")]
    Score,
    /// Whoever asked is gone.
    #[error("stopped before it was done")]
    Stopped,
}

/// What is replayed, over which homes and for whom.
pub struct Proposal<'p, Z> {
    /// The promise.
    pub guarantee: &'p Guarantee,
    /// Over which periods.
    pub periods: &'p [Stretch],
    /// Of which homes; those that the audience may not see are counted as left out.
    pub households: &'p [HouseholdId],
    /// For whom.
    pub audience: Audience,
    /// The fewest homes that a figure of a group is over.
    pub k: K,
    /// The zone of a home's calendar.
    pub zone: Z,
}

/// What one thread keeps of its homes.
struct Part {
    replay: Replay,
    /// A single home's days by period.
    days: Vec<Vec<Counted>>,
}

impl<Z: Fn(&Home) -> TimeZone + Sync> Proposal<'_, Z> {
    /// Replays it, until it is done or `stop` is set.
    ///
    /// # Errors
    /// Where a home can't be read, the score can't be used, or it was stopped.
    pub fn simulate(
        &self,
        store: &dyn Store,
        catalogue: &Catalogue,
        stop: &AtomicBool,
    ) -> Result<Simulation, SimulateError> {
        let only = catalogue.only(&self.guarantee.activity, self.guarantee.score);
        let only = only.ok_or(SimulateError::Score)?;
        let begin = || Part {
            replay: Replay::new(self.guarantee.clone(), self.audience),
            days: Vec::new(),
        };
        let each = |part: &mut Part, home: &HouseholdId| self.one(part, home, store, &only, stop);
        let parts = over_homes(self.households, begin, each)?;
        let part = parts.into_iter().fold(begin(), |mut whole, part| {
            whole.replay.merge(part.replay);
            whole.days.extend(part.days);
            whole
        });
        let mut told = part.replay.outcome(self.periods, &catalogue.version, self.k);
        // Of several homes it is the homes that are drawn again, not their days.
        told.over_days(&part.replay, &part.days);
        Ok(told)
    }

    fn one(
        &self,
        part: &mut Part,
        household: &HouseholdId,
        store: &dyn Store,
        only: &Catalogue,
        stop: &AtomicBool,
    ) -> Result<(), SimulateError> {
        let home = store.home(household)?;
        let mut periods = Vec::with_capacity(self.periods.len());
        if part.replay.counts(&home) {
            let tz = (self.zone)(&home);
            for stretch in self.periods {
                if stop.load(Ordering::Relaxed) {
                    return Err(SimulateError::Stopped);
                }
                let Some(span) = stretch.span(&tz) else {
                    periods.push(None);
                    continue;
                };
                let history = store.history_with_lead(household, span)?;
                let ledger = Ledger::build(&history, only);
                periods.push(count(&ledger, self.guarantee, span, &tz));
                if self.households.len() == 1 {
                    part.days.extend(count_days(&ledger, self.guarantee, span, &tz));
                }
            }
        }
        part.replay.home(household, &home, &periods);
        Ok(())
    }
}
