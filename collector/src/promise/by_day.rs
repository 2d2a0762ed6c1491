//! How sure a replay of a single home is: its days drawn again, since there are no
//! other homes to draw from and the minutes of one day are correlated.

use jiff::tz::TimeZone;

use super::groups::RESAMPLES;
use super::guarantee::Guarantee;
use super::replay::{Counted, Replay, column, count_within};
use super::simulation::Simulation;
use crate::history::Span;
use crate::ledger::Ledger;
use crate::report::days::days;
use crate::report::figure::IntervalMethod;
use crate::report::interval::{self, SplitMix};

/// What a ledger of the promise's activity alone says of each day of a period, days
/// without an hour that counts left out. Their sum is what [`super::replay::count`]
/// says of the period.
pub fn count_days(
    ledger: &Ledger,
    guarantee: &Guarantee,
    period: Span,
    tz: &TimeZone,
) -> Option<Vec<Counted>> {
    let (_, column) = column(ledger, &guarantee.scope)?;
    let of = |day| count_within(ledger, column, guarantee, day, tz);
    let counted = days(period, tz).into_iter().map(|day| of(day.span));
    Some(counted.filter(|c| *c != Counted::default()).collect())
}

impl Simulation {
    /// Gives the figures of a single home their intervals: each period made again of as
    /// many of its own days, or, where a period is a day, of all days. `periods` are its
    /// days by period. Nothing is given where several homes were judged, or where there
    /// is only a day.
    pub fn over_days(&mut self, replay: &Replay, periods: &[Vec<Counted>]) {
        if self.whole.homes != 1 {
            return;
        }
        let judged: Vec<&Vec<Counted>> =
            periods.iter().filter(|days| replay.judged(&Counted::sum(days.iter()))).collect();
        let all: Vec<Counted> = judged.iter().flat_map(|days| days.iter().copied()).collect();
        if all.len() < 2 {
            return;
        }
        let mut random = SplitMix(0);
        let mut draw = |days: &[Counted]| days[(random.bits() % days.len() as u64) as usize];
        let (mut broken, mut paid) = (Vec::new(), Vec::new());
        for _ in 0..RESAMPLES {
            let periods = judged.iter().map(|days| {
                let pool = if days.len() < 2 { &all } else { *days };
                let drawn: Vec<Counted> = days.iter().map(|_| draw(pool)).collect();
                Counted::sum(drawn.iter())
            });
            let periods: Vec<Counted> = periods.filter(|c| replay.judged(c)).collect();
            if !periods.is_empty() {
                let sums = replay.as_promised(&periods);
                broken.push(sums.broken as f64 / sums.judged as f64);
                paid.push(sums.paid as f64 / sums.judged as f64 / 100.0);
            }
        }
        if let Some(found) = self.whole.share.value() {
            self.whole.share = self.whole.share.clone().within(interval::middle_of(
                broken,
                found,
                IntervalMethod::BootstrapOverDays,
            ));
        }
        if let Some(mean) = &mut self.whole.paid_mean {
            mean.between = interval::middle_of(paid, mean.value, IntervalMethod::BootstrapOverDays)
                .map(|i| (i.low, i.high));
        }
    }
}

#[cfg(test)]
#[path = "by_day_tests.rs"]
mod tests;
