//! From sums to what is shown of a group: all that may not be shown is taken out
//! first, so that what is left can be added up and divided at will.

use std::collections::BTreeMap;

use hearth_proto::Technology;

use super::contribution::{BySegment, SEGMENTS, Times};
use super::rollup::sets_shown;
use super::sums::{ActivitySum, HourSum, Sums, TechnologySum, sets};
use super::{
    Group, GroupActivity, GroupCongestion, GroupHour, GroupNeed, GroupSegment, GroupTechnology,
};
use crate::anonymity::{K, homes_in};
use crate::report::figure::{Figure, Interval, Unit};
use crate::report::interval::wilson;
use crate::report::names::ActivityRef;

/// How many of its worst hours of the week are named per activity.
const WORST: usize = 3;

/// A whole hour of the week with less evidence than this, in seconds over all
/// homes, is not ranked.
const RANKED_S: u64 = 3600;

/// Homes, and their sum of something; nothing where it is withheld.
type Of<T> = Option<(u64, T)>;

fn add<T>(sum: &mut Of<T>, more: Of<T>, merge: impl Fn(&mut T, T)) {
    match (sum.as_mut(), more) {
        (_, None) => {}
        (None, more) => *sum = more,
        (Some(sum), Some(more)) => {
            sum.0 += more.0;
            merge(&mut sum.1, more.1);
        }
    }
}

/// One activity, as far as it may be shown.
#[derive(Debug, Clone, Default)]
struct Activity {
    anywhere: Of<Times>,
    primary: Of<Times>,
    backup: Of<Times>,
    hours: Vec<(u64, u64, u64)>,
}

/// A group's sums without what may not be shown.
#[derive(Debug, Clone, Default)]
pub(super) struct Shown {
    homes: u64,
    activities: Vec<Activity>,
    technologies: BTreeMap<u32, (Technology, TechnologySum)>,
    segments: Of<BySegment>,
    shared: Of<(u64, u64)>,
    need_ms: Of<u64>,
    need_bytes: Of<u64>,
    congestion: Of<(u64, [u64; 24])>,
}

fn times(sum: &mut Times, more: &Times) {
    sum.ok += more.ok;
    sum.bad += more.bad;
    sum.unknown += more.unknown;
    sum.unproven += more.unproven;
    sum.primary_ok += more.primary_ok;
    sum.primary_bad += more.primary_bad;
    sum.saved += more.saved;
    sum.unsaved += more.unsaved;
    sum.undecided += more.undecided;
}

/// All hours, or none where one is over fewer than k homes: it would be what the
/// others leave of the activity's own times.
fn hours(all: &[HourSum], k: K) -> Vec<(u64, u64, u64)> {
    let told = |h: &HourSum| h.homes == 0 || k.holds(h.homes.into());
    if !all.iter().all(told) {
        return Vec::new();
    }
    all.iter().map(|h| (h.homes.into(), h.times.known_s.into(), h.times.bad_s.into())).collect()
}

impl Shown {
    /// Of a group with at least k homes.
    pub(super) fn of(sums: &Sums, k: K) -> Self {
        let allowed = sets_shown(sums, k);
        let set = |set: u32| (allowed & set != 0).then(|| homes_in(&sums.sets, set));
        let (measured, primary, backup) =
            (set(sets::MEASURED), set(sets::PRIMARY), set(sets::BACKUP));
        let activity = |(a, sum): (usize, &ActivitySum)| {
            // Evidence for an activity may be wanting where there is some for others.
            let of = |set: Option<u64>, homes: u64, times: &Times| {
                set.filter(|_| k.holds(homes)).map(|_| (homes, *times))
            };
            let anywhere = of(measured, sum.homes, &sum.times);
            // Bad time with a backup, taken off that of all, is that without one.
            let told_apart = k.holds_within(sum.backup_homes, sum.primary_homes);
            let by_hour = sums.hours.get(a).filter(|_| anywhere.is_some());
            Activity {
                anywhere,
                primary: of(primary, sum.primary_homes, &sum.times),
                backup: of(backup.filter(|_| told_apart), sum.backup_homes, &sum.with_backup),
                hours: by_hour.map_or_else(Vec::new, |all| hours(all, k)),
            }
        };
        Self {
            homes: sums.homes,
            activities: sums.activities.iter().enumerate().map(activity).collect(),
            technologies: sums
                .technologies
                .iter()
                .filter(|(set, _)| allowed & **set != 0)
                .filter_map(|(set, (technology, sum))| Some((*set, ((*technology)?, sum.clone()))))
                .collect(),
            segments: measured.map(|n| (n, sums.segments)),
            shared: backup.map(|n| (n, sums.shared)),
            need_ms: primary.map(|n| (n, sums.need_ms)),
            need_bytes: set(sets::TRAFFIC).map(|n| (n, sums.need_bytes)),
            congestion: set(sets::CONGESTION).map(|n| (n, (sums.congested_homes, sums.congested))),
        }
    }

    /// Both groups in one.
    pub(super) fn merge(&mut self, more: &Self) {
        let first = self.homes == 0;
        self.homes += more.homes;
        if self.activities.len() < more.activities.len() {
            self.activities.resize_with(more.activities.len(), Activity::default);
        }
        for (sum, more) in self.activities.iter_mut().zip(&more.activities) {
            add(&mut sum.anywhere, more.anywhere, |s, m| times(s, &m));
            add(&mut sum.primary, more.primary, |s, m| times(s, &m));
            add(&mut sum.backup, more.backup, |s, m| times(s, &m));
            if sum.hours.len() < more.hours.len() {
                sum.hours.resize(more.hours.len(), (0, 0, 0));
            }
            for (sum, more) in sum.hours.iter_mut().zip(&more.hours) {
                *sum = (sum.0 + more.0, sum.1 + more.1, sum.2 + more.2);
            }
        }
        for (set, (technology, more)) in &more.technologies {
            let held = &mut self
                .technologies
                .entry(*set)
                .or_insert_with(|| (*technology, TechnologySum::default()))
                .1;
            held.homes += more.homes;
            (held.up, held.down) = (held.up + more.up, held.down + more.down);
            if held.bad.len() < more.bad.len() {
                held.bad.resize(more.bad.len(), 0);
            }
            held.bad.iter_mut().zip(&more.bad).for_each(|(sum, more)| *sum += more);
        }
        debug_assert!(!first || self.homes == more.homes);
        add(&mut self.segments, more.segments, |s, m| s.add(&m));
        add(&mut self.shared, more.shared, |s, m| *s = (s.0 + m.0, s.1 + m.1));
        add(&mut self.need_ms, more.need_ms, |s, m| *s += m);
        add(&mut self.need_bytes, more.need_bytes, |s, m| *s += m);
        add(&mut self.congestion, more.congestion, |s, m| {
            s.0 += m.0;
            s.1.iter_mut().zip(m.1).for_each(|(s, m)| *s += m);
        });
    }

    /// As figures.
    pub(super) fn group(&self, area: Option<String>, activities: &[ActivityRef], k: K) -> Group {
        let all = || activities.iter().zip(&self.activities);
        let hours: Vec<GroupHour> = all().flat_map(|(name, a)| group_hours(name, a)).collect();
        let (unshared, few) = (|| withheld("homes with a backup", k), |of| withheld(of, k));
        Group {
            homes: self.homes,
            activities: all().filter_map(|(name, a)| group_activity(name, a, k)).collect(),
            technologies: self.technologies.values().map(technology).collect(),
            segments_left_off: self.segments.map_or(0, |(_, all)| all.left_off),
            segments: self.segments.map_or_else(Vec::new, |(_, all)| {
                let each = SEGMENTS.into_iter().zip(all.told);
                each.map(|(segment, (n, ms))| GroupSegment { segment, incidents: n, ms }).collect()
            }),
            shared: match self.shared {
                None => unshared(),
                Some((_, (_, 0))) => {
                    Figure::not_enough("no primary link was down", 0, 1, "outages")
                }
                Some((_, (common, n))) => {
                    Figure::new(common as f64 / n as f64, Unit::Ratio, n, "outages")
                        .within(wilson(common, n))
                }
            },
            need: GroupNeed {
                hours: self.need_ms.map_or_else(
                    || few("homes measured"),
                    |(n, ms)| Figure::new(ms as f64 / 3.6e6 / n as f64, Unit::Hours, n, "homes"),
                ),
                bytes: self.need_bytes.map_or_else(
                    || few("homes with traffic counted"),
                    |(n, sum)| Figure::new(sum as f64 / n as f64, Unit::Bytes, n, "homes"),
                ),
            },
            congestion: GroupCongestion {
                share: self.congestion.map_or_else(
                    || few("homes read for congestion"),
                    |(n, (hits, _))| {
                        Figure::new(hits as f64 / n as f64, Unit::Ratio, n, "homes")
                            .within(wilson(hits, n))
                    },
                ),
                by_hour: self.congestion.map_or_else(Vec::new, |(_, (_, by_hour))| by_hour.into()),
            },
            worst_hours: worst(activities, &hours),
            hours,
            area,
        }
    }
}

fn withheld(of: &'static str, k: K) -> Figure {
    Figure::not_enough("withheld, or too few homes to be told apart", 0, k.homes(), of)
}

fn group_activity(name: &ActivityRef, a: &Activity, k: K) -> Option<GroupActivity> {
    let (homes, t) = a.anywhere?;
    let share = |ok: u64, of: u64| ok as f64 / of as f64;
    let all = t.ok + t.bad + t.unknown;
    let rescue = a.backup.map_or_else(
        || withheld("homes with a backup", k),
        |(n, t)| {
            let (bad, decided) = (t.saved + t.unsaved, t.saved + t.unsaved - t.undecided);
            if decided == 0 {
                return Figure::not_enough("no primary link failed beside one", 0, 1, "homes");
            }
            Figure::new(share(t.saved, decided), Unit::Ratio, n, "homes").within(Some(
                Interval::unknown_as_bad_then_good(
                    share(t.saved, bad),
                    share(t.saved + t.undecided, bad),
                ),
            ))
        },
    );
    Some(GroupActivity {
        activity: name.clone(),
        homes,
        anywhere: Figure::new(share(t.ok, t.ok + t.bad), Unit::Ratio, homes, "homes").within(Some(
            Interval::unknown_as_bad_then_good(
                share(t.ok, all),
                share(t.ok + t.unknown + t.unproven, all),
            ),
        )),
        lost_ms: t.bad,
        primary: a.primary.map_or_else(
            || withheld("homes measured", k),
            |(n, t)| {
                let known = t.primary_ok + t.primary_bad;
                Figure::new(share(t.primary_ok, known), Unit::Ratio, n, "homes")
            },
        ),
        saved_ms: a.backup.map(|b| b.1.saved),
        unsaved_ms: a.backup.map(|b| b.1.unsaved),
        rescue,
    })
}

fn technology((technology, sum): &(Technology, TechnologySum)) -> GroupTechnology {
    let known_ms = sum.up + sum.down;
    GroupTechnology {
        technology: *technology,
        homes: sum.homes,
        known_ms,
        up: Figure::new(sum.up as f64 / known_ms.max(1) as f64, Unit::Ratio, sum.homes, "homes"),
        bad_ms: sum.bad.clone(),
    }
}

fn group_hours<'a>(
    name: &'a ActivityRef,
    a: &'a Activity,
) -> impl Iterator<Item = GroupHour> + use<'a> {
    let known = a.hours.iter().enumerate().filter(|(_, h)| h.1 > 0);
    known.map(move |(hour, &(homes, known_s, bad_s))| GroupHour {
        activity: name.clone(),
        weekday: (hour / 24) as u8 + 1,
        hour: (hour % 24) as u8,
        homes,
        known_s,
        bad_s,
        bad: Figure::new(bad_s as f64 / known_s as f64, Unit::Ratio, homes, "homes"),
    })
}

fn worst(activities: &[ActivityRef], hours: &[GroupHour]) -> Vec<GroupHour> {
    let mut found = Vec::new();
    for activity in activities {
        let mut of: Vec<&GroupHour> = hours
            .iter()
            .filter(|h| h.activity == *activity && h.bad_s > 0 && h.known_s >= RANKED_S)
            .collect();
        // By cross-multiplication: whole numbers tie exactly.
        of.sort_by_key(|h| (h.weekday, h.hour));
        of.sort_by(|a, b| {
            let product =
                |x: &GroupHour, y: &GroupHour| u128::from(x.bad_s) * u128::from(y.known_s);
            product(b, a).cmp(&product(a, b))
        });
        found.extend(of.into_iter().take(WORST).cloned());
    }
    found
}
