//! The hours of the week of each activity, for the profile's page.

use crate::console::{look::Shown, words};
use crate::profile::{Change, Direction, Profile, Week};
use crate::render::{hour_words, worst_hours};
use crate::report::wording::DAYS;

/// How many of the worst hours stand in the summary.
const WORST: usize = 3;

/// One activity's week, a row a day.
pub(super) struct WeekView {
    /// The activity.
    pub(super) name: String,
    /// Its worst hours, in words.
    pub(super) worst: String,
    /// Days with their 24 hours.
    pub(super) days: Vec<(&'static str, Vec<HourCell>)>,
}

/// One hour of the week.
pub(super) struct HourCell {
    /// The share in whole per cent, or a dash.
    pub(super) text: String,
    /// Under 95 %: set off from the others.
    pub(super) is_bad: bool,
}

fn cell(worked: Option<f64>) -> HourCell {
    match worked {
        None => HourCell { text: words::NONE.to_owned(), is_bad: false },
        // Rounded down: 99.6 % is not all of the time.
        Some(share) => {
            HourCell { text: format!("{:.0}", (share * 100.0).floor()), is_bad: share < 0.95 }
        }
    }
}

fn week(name: &str, week: &Week) -> WeekView {
    let worst: Vec<String> = worst_hours(week, WORST)
        .into_iter()
        .map(|(hour, share)| format!("{} {}", hour_words(hour), words::percent(share)))
        .collect();
    let worst = match (worst.is_empty(), week.worked.iter().flatten().count()) {
        (false, _) => format!("worst: {}", worst.join(", ")),
        (true, 0) => "not enough data".to_owned(),
        (true, n) => format!("worked throughout the {n} hours measured"),
    };
    let days = DAYS.into_iter().zip(week.worked.chunks(24));
    WeekView {
        name: name.to_owned(),
        worst,
        days: days.map(|(day, hours)| (day, hours.iter().map(|h| cell(*h)).collect())).collect(),
    }
}

/// Anywhere in the home.
pub(super) fn weeks(profile: &Profile) -> Vec<WeekView> {
    profile.activities.iter().map(|a| week(&a.activity.name, &a.week.anywhere)).collect()
}

/// A trend in a cell.
pub(super) fn trend(change: &Change) -> Shown {
    match change.direction {
        Direction::NotEnoughData => Shown::of(&change.change),
        direction => Shown { text: direction.words().to_owned(), ..under(change) },
    }
}

fn under(change: &Change) -> Shown {
    let shown = Shown::of(&change.change);
    Shown { under: format!("{}; {}", shown.text, shown.under), ..shown }
}
