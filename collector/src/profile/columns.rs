//! One pass over a column of the ledger: all that shares, peaks and the week's hours
//! are made of.

use std::ops::AddAssign;

use crate::ledger::{Cell, Counts, Limit, State};
use crate::report::calendar::{Calendar, Stretch, WEEK_HOURS};

/// Slots of a stretch by what counts for a share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Tally {
    pub(crate) counts: Counts,
    /// OK, the speed needed not seen.
    pub(crate) unproven: u64,
    /// Bad, though a link that is UNKNOWN may have worked.
    pub(crate) undecided: u64,
}

impl Tally {
    pub(crate) fn of(cells: &[Cell]) -> Self {
        if let Some(first) = cells.first()
            && Cell::are_alike(cells)
        {
            return Self::all(*first, cells.len() as u64);
        }
        let mut tally = Self::default();
        for run in cells.chunk_by(|a, b| a == b) {
            tally.add(run[0], run.len() as u64);
        }
        tally
    }

    /// So many of one kind.
    fn all(cell: Cell, n: u64) -> Self {
        let mut tally = Self::default();
        tally.add(cell, n);
        tally
    }

    fn add(&mut self, cell: Cell, n: u64) {
        let state = cell.state();
        *match state {
            State::Unknown => &mut self.counts.unknown,
            State::Ok => &mut self.counts.ok,
            State::Degraded => &mut self.counts.degraded,
            State::Down => &mut self.counts.down,
            State::Excluded => &mut self.counts.excluded,
        } += n;
        if cell.is_unproven() {
            self.unproven += if state == State::Ok { n } else { 0 };
            self.undecided += if state.is_bad() { n } else { 0 };
        }
    }

    /// OK slots, and those with evidence.
    pub(crate) fn ok_of_known(&self) -> (u64, u64) {
        (self.counts.ok, self.counts.known())
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.counts += other.counts;
        self.unproven += other.unproven;
        self.undecided += other.undecided;
    }
}

/// A column by the calendar's days.
pub(crate) fn by_day(cells: &[Cell], calendar: &Calendar) -> Vec<Tally> {
    let mut days = vec![Tally::default(); calendar.days.len()];
    for of_day in calendar.stretches.chunk_by(|a, b| a.day == b.day) {
        let (Some(first), Some(last)) = (of_day.first(), of_day.last()) else { continue };
        days[first.day] += Tally::of(&cells[first.slots.start..last.slots.end]);
    }
    days
}

/// One of the two peaks of a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Peak {
    /// 20:00 to 22:00: leisure's.
    Evening,
    /// 12:00 to 14:00: business's.
    Midday,
}

impl Peak {
    pub(crate) const ALL: [Self; 2] = [Self::Evening, Self::Midday];

    pub(crate) fn hours(self) -> std::ops::Range<usize> {
        match self {
            Self::Evening => 20..22,
            Self::Midday => 12..14,
        }
    }

    fn of(hour: usize) -> Option<Self> {
        Self::ALL.into_iter().find(|p| p.hours().contains(&hour))
    }
}

/// An hour of the week over a span.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct WeekHour {
    pub(crate) tally: Tally,
    /// The least and the greatest share of any one such hour with evidence.
    pub(crate) range: Option<(f64, f64)>,
}

/// What a column holds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Column {
    pub(crate) total: Tally,
    /// By the calendar's days.
    pub(crate) days: Vec<Tally>,
    /// The same, within each of [`Peak::ALL`].
    pub(crate) peaks: [Vec<Tally>; 2],
    /// From Monday's first hour.
    pub(crate) week: Vec<WeekHour>,
    /// Bad slots by what limited them, in the order of [`Limit::ALL`].
    pub(crate) limits: [u64; Limit::ALL.len()],
}

impl Column {
    pub(crate) fn of(cells: &[Cell], calendar: &Calendar) -> Self {
        let days = vec![Tally::default(); calendar.days.len()];
        let mut column = Self {
            total: Tally::default(),
            peaks: [days.clone(), days.clone()],
            days,
            week: vec![WeekHour { tally: Tally::default(), range: None }; WEEK_HOURS],
            limits: [0; Limit::ALL.len()],
        };
        for of_day in calendar.stretches.chunk_by(|a, b| a.day == b.day) {
            let (Some(first), Some(last)) = (of_day.first(), of_day.last()) else { continue };
            let day = &cells[first.slots.start..last.slots.end];
            // Most days are alike from end to end.
            let alike = day.first().filter(|_| Cell::are_alike(day));
            for stretch in of_day {
                let cells = &cells[stretch.slots.clone()];
                let all_of = |cell: &Cell| Tally::all(*cell, cells.len() as u64);
                column.add(stretch, cells, alike.map_or_else(|| Tally::of(cells), all_of));
            }
        }
        column
    }

    fn add(&mut self, stretch: &Stretch, cells: &[Cell], tally: Tally) {
        self.total += tally;
        self.days[stretch.day] += tally;
        if let Some(peak) = Peak::of(stretch.hour()) {
            self.peaks[peak as usize][stretch.day] += tally;
        }
        let hour = &mut self.week[stretch.week_hour];
        hour.tally += tally;
        let (ok, known) = tally.ok_of_known();
        if known > 0 {
            let share = ok as f64 / known as f64;
            let (low, high) = hour.range.unwrap_or((share, share));
            hour.range = Some((low.min(share), high.max(share)));
        }
        if ok < known {
            for cell in cells.iter().filter(|c| c.state().is_bad()) {
                self.limits[cell.limit() as usize] += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use hearth_proto::UnixMs;
    use jiff::tz::TimeZone;
    use proptest::prelude::*;

    use super::*;

    fn cell() -> impl Strategy<Value = Cell> {
        let (state, limit) = (prop::sample::select(&State::ALL[..4]), 0..Limit::ALL.len());
        (state, limit, any::<bool>(), prop::bool::weighted(0.1)).prop_map(
            |(s, l, unproven, out)| {
                let cell = Cell::new(s, Limit::ALL[l]);
                let cell = if unproven { cell.unproven() } else { cell };
                if out { cell.excluded() } else { cell }
            },
        )
    }

    proptest! {
        #[test]
        fn days_hours_and_the_whole_count_the_same_slots(
            cells in prop::collection::vec(cell(), 1..3_000),
            zone in prop::sample::select(&["UTC", "Europe/Berlin", "America/New_York"][..]),
            week in 0_i64..60,
        ) {
            let tz = TimeZone::get(zone).unwrap();
            let from = UnixMs(1_770_000_000_000 / 300_000 * 300_000 + week * 604_800_000);
            let calendar = Calendar::over(from, 300_000, cells.len(), &tz);
            let column = Column::of(&cells, &calendar);
            let counted = Counts::of(cells.iter().map(|c| c.state()));
            prop_assert_eq!(column.total.counts, counted);
            prop_assert_eq!(&by_day(&cells, &calendar), &column.days);
            let sum = |tallies: &[Tally]| tallies.iter().fold(Tally::default(), |mut sum, t| {
                sum += *t;
                sum
            });
            prop_assert_eq!(sum(&column.days), column.total);
            let hours: Vec<Tally> = column.week.iter().map(|h| h.tally).collect();
            prop_assert_eq!(sum(&hours), column.total);
            for peak in Peak::ALL {
                let of_peak: Vec<Tally> = (0..7)
                    .flat_map(|day| peak.hours().map(move |hour| day * 24 + hour))
                    .map(|cell| column.week[cell].tally)
                    .collect();
                prop_assert_eq!(sum(&column.peaks[peak as usize]), sum(&of_peak));
            }
            let bad = cells.iter().filter(|c| c.state().is_bad()).count() as u64;
            prop_assert_eq!(column.limits.iter().sum::<u64>(), bad);
            for hour in &column.week {
                if let Some((low, high)) = hour.range {
                    let (ok, known) = hour.tally.ok_of_known();
                    let share = ok as f64 / known as f64;
                    prop_assert!(low <= share + 1e-12 && share <= high + 1e-12);
                }
            }
        }
    }
}
