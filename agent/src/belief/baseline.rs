//! How often a working link answers: its own history of 30 days. Pure.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

/// Before there is a history.
const WITHOUT_HISTORY: f64 = 0.99;
/// Over this, one lost probe would make a link down; under the least, none would.
const BOUNDS: (f64, f64) = (0.5, 0.99);
/// Rounds that make a history: an hour at one a second.
const ENOUGH: u64 = 3600;
const DAYS: i64 = 30;
const DAY_MS: i64 = 86_400_000;

/// Rounds by day.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Baseline {
    /// (days since 1970, answered, all), by rising day.
    days: VecDeque<(i64, u64, u64)>,
}

impl Baseline {
    /// Adds rounds of a link held up, at `now` in milliseconds since 1970.
    pub fn record(&mut self, now_ms: i64, answered: u32, all: u32) {
        let today = now_ms.div_euclid(DAY_MS);
        // A clock set back leaves days in the future: they would never age.
        self.days.retain(|&(day, ..)| day <= today && day > today - DAYS);
        if self.days.back().is_none_or(|&(day, ..)| day != today) {
            self.days.push_back((today, 0, 0));
        }
        if let Some(last) = self.days.back_mut() {
            last.1 += u64::from(answered.min(all));
            last.2 += u64::from(all);
        }
    }

    /// `P(reply|up)`.
    pub fn reply_if_up(&self) -> f64 {
        let (answered, all) =
            self.days.iter().fold((0, 0), |(a, n), &(_, answered, all)| (a + answered, n + all));
        if all < ENOUGH {
            return WITHOUT_HISTORY;
        }
        (answered as f64 / all as f64).clamp(BOUNDS.0, BOUNDS.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_links_own_history_counts_once_there_is_enough() {
        let mut baseline = Baseline::default();
        baseline.record(0, 3000, 3599);
        assert!((baseline.reply_if_up() - 0.99).abs() < 1e-12);
        baseline.record(1000, 1, 1);
        assert!((baseline.reply_if_up() - 3001.0 / 3600.0).abs() < 1e-12);
    }

    #[test]
    fn it_never_lets_one_loss_decide_and_never_ignores_losses() {
        let mut perfect = Baseline::default();
        perfect.record(0, 100_000, 100_000);
        assert!((perfect.reply_if_up() - 0.99).abs() < 1e-12);
        let mut awful = Baseline::default();
        awful.record(0, 0, 100_000);
        assert!((awful.reply_if_up() - 0.5).abs() < 1e-12);
    }

    #[test]
    fn days_age_and_a_clock_set_back_forgets_the_future() {
        let mut baseline = Baseline::default();
        baseline.record(0, 0, 10_000);
        baseline.record(DAYS * DAY_MS, 9_500, 10_000);
        assert!((baseline.reply_if_up() - 0.95).abs() < 1e-12);
        baseline.record(0, 1, 1);
        assert_eq!(baseline.days, [(0, 1, 1)]);
    }
}
