//! What is added up over homes. Whole numbers only, so that the order in which
//! homes come, and how they are split among collectors, change nothing.

use std::collections::BTreeMap;

use hearth_proto::Technology;

use super::contribution::{BySegment, Contribution, HourTimes, Times};
use crate::anonymity::BySets;
use crate::gaps::HOURS_OF_WEEK;

/// Sets of homes whose figures may differ from those of the whole group, a bit
/// each; technologies come after them.
pub(super) mod sets {
    use hearth_proto::Technology;

    pub(in crate::areas) const MEASURED: u32 = 1;
    pub(in crate::areas) const PRIMARY: u32 = 1 << 1;
    pub(in crate::areas) const BACKUP: u32 = 1 << 2;
    pub(in crate::areas) const TRAFFIC: u32 = 1 << 3;
    pub(in crate::areas) const CONGESTION: u32 = 1 << 4;

    pub(in crate::areas) fn technology(t: Technology) -> u32 {
        let place = Technology::ALL.iter().position(|o| *o == t).unwrap_or(0);
        1 << (5 + place)
    }
}

/// One activity's times over homes, and how many have evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct ActivitySum {
    /// Homes with evidence anywhere, on the primary link, and there with a backup.
    pub(super) homes: u64,
    pub(super) primary_homes: u64,
    pub(super) backup_homes: u64,
    pub(super) times: Times,
    /// Saved, unsaved, undecided and the rest of `times` over homes with a backup.
    pub(super) with_backup: Times,
}

fn add(sum: &mut Times, t: &Times) {
    sum.ok += t.ok;
    sum.bad += t.bad;
    sum.unknown += t.unknown;
    sum.unproven += t.unproven;
    sum.primary_ok += t.primary_ok;
    sum.primary_bad += t.primary_bad;
    sum.saved += t.saved;
    sum.unsaved += t.unsaved;
    sum.undecided += t.undecided;
}

impl ActivitySum {
    fn merge(&mut self, other: &Self) {
        self.homes += other.homes;
        self.primary_homes += other.primary_homes;
        self.backup_homes += other.backup_homes;
        add(&mut self.times, &other.times);
        add(&mut self.with_backup, &other.with_backup);
    }
}

/// One technology's.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct TechnologySum {
    pub(super) homes: u64,
    pub(super) up: u64,
    pub(super) down: u64,
    pub(super) bad: Vec<u64>,
}

/// One activity in one hour of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct HourSum {
    pub(super) homes: u32,
    pub(super) times: HourTimes,
}

/// All of a group's.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Sums {
    pub(super) homes: u64,
    pub(super) sets: BySets,
    pub(super) activities: Vec<ActivitySum>,
    pub(super) technologies: BTreeMap<u32, (Option<Technology>, TechnologySum)>,
    /// By activity, then hour of the week; empty until something was measured.
    pub(super) hours: Vec<Vec<HourSum>>,
    pub(super) segments: BySegment,
    pub(super) shared: (u64, u64),
    pub(super) need_ms: u64,
    pub(super) need_bytes: u64,
    pub(super) congested_homes: u64,
    pub(super) congested: [u64; 24],
}

fn zip_add<T: Clone + Default>(sum: &mut Vec<T>, more: usize) -> &mut [T] {
    if sum.len() < more {
        sum.resize(more, T::default());
    }
    sum
}

impl Sums {
    pub(super) fn add(&mut self, home: &Contribution) {
        self.homes += 1;
        *self.sets.entry(sets_of(home)).or_default() += 1;
        let sums = zip_add(&mut self.activities, home.times.len());
        for (sum, t) in sums.iter_mut().zip(&home.times) {
            let primary = home.primary && t.primary_ok + t.primary_bad > 0;
            let mut one = ActivitySum {
                homes: u64::from(t.ok + t.bad > 0),
                primary_homes: u64::from(primary),
                backup_homes: u64::from(primary && home.backup),
                times: *t,
                with_backup: Times::default(),
            };
            if home.backup {
                one.with_backup = *t;
            }
            sum.merge(&one);
        }
        for c in &home.carried {
            let set = sets::technology(c.technology);
            let held = self.technologies.entry(set).or_default();
            held.0 = Some(c.technology);
            let sum = &mut held.1;
            (sum.homes, sum.up, sum.down) = (sum.homes + 1, sum.up + c.up, sum.down + c.down);
            let bad = zip_add(&mut sum.bad, c.bad.len());
            bad.iter_mut().zip(&c.bad).for_each(|(sum, more)| *sum += more);
        }
        let hours = zip_add(&mut self.hours, home.hours.len());
        for (sum, hours) in hours.iter_mut().zip(&home.hours) {
            let sum = zip_add(sum, HOURS_OF_WEEK);
            for (sum, t) in sum.iter_mut().zip(hours) {
                add_hour(sum, &HourSum { homes: u32::from(t.known_s > 0), times: *t });
            }
        }
        self.segments.add(&home.segments);
        if home.backup {
            self.shared = (self.shared.0 + home.shared.0, self.shared.1 + home.shared.1);
        }
        if home.primary {
            self.need_ms += home.need_ms;
            self.need_bytes += home.need_bytes.unwrap_or(0);
        }
        if let Some(hours) = home.congestion {
            self.congested_homes += u64::from(hours.contains(&true));
            self.congested.iter_mut().zip(hours).for_each(|(n, yes)| *n += u64::from(yes));
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.homes += other.homes;
        for (sets, n) in &other.sets {
            *self.sets.entry(*sets).or_default() += n;
        }
        let sums = zip_add(&mut self.activities, other.activities.len());
        sums.iter_mut().zip(&other.activities).for_each(|(sum, more)| sum.merge(more));
        for (set, (technology, more)) in &other.technologies {
            let held = self.technologies.entry(*set).or_default();
            held.0 = *technology;
            let sum = &mut held.1;
            sum.homes += more.homes;
            (sum.up, sum.down) = (sum.up + more.up, sum.down + more.down);
            let bad = zip_add(&mut sum.bad, more.bad.len());
            bad.iter_mut().zip(&more.bad).for_each(|(sum, more)| *sum += more);
        }
        let hours = zip_add(&mut self.hours, other.hours.len());
        for (sum, more) in hours.iter_mut().zip(&other.hours) {
            let sum = zip_add(sum, more.len());
            sum.iter_mut().zip(more).for_each(|(sum, more)| add_hour(sum, more));
        }
        self.segments.add(&other.segments);
        self.shared = (self.shared.0 + other.shared.0, self.shared.1 + other.shared.1);
        self.need_ms += other.need_ms;
        self.need_bytes += other.need_bytes;
        self.congested_homes += other.congested_homes;
        self.congested.iter_mut().zip(other.congested).for_each(|(sum, more)| *sum += more);
    }
}

fn add_hour(sum: &mut HourSum, more: &HourSum) {
    sum.homes = sum.homes.saturating_add(more.homes);
    let t = &mut sum.times;
    t.known_s = t.known_s.saturating_add(more.times.known_s);
    t.bad_s = t.bad_s.saturating_add(more.times.bad_s);
}

fn sets_of(home: &Contribution) -> u32 {
    let bit = |set: u32, yes: bool| if yes { set } else { 0 };
    home.carried.iter().fold(
        bit(sets::MEASURED, home.measured)
            | bit(sets::PRIMARY, home.primary)
            | bit(sets::BACKUP, home.backup)
            | bit(sets::TRAFFIC, home.primary && home.need_bytes.is_some())
            | bit(sets::CONGESTION, home.congestion.is_some()),
        |all, c| all | sets::technology(c.technology),
    )
}
