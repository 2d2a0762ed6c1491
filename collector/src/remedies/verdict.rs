//! From gains to what is said: what is enough, what is more than chance, and what the
//! evidence leaves open.

use super::replay::Replay;
use super::thresholds as at;
use super::{Gain, Remedy, RemedyKind, Verdict};
use crate::report::days::length;
use crate::report::figure::{Figure, percent};

impl Replay<'_> {
    /// Whether a gain is worth a change.
    fn is_enough(gain: &Gain) -> bool {
        gain.gain.value().is_some_and(|g| g >= at::LEAST_GAIN)
    }

    /// Whether a gain is more than chance.
    fn is_habit(gain: &Gain) -> bool {
        let low = gain.gain.interval().map_or(0.0, |i| i.low);
        low > 0.0 && gain.days >= at::LEAST_DAYS_HELPED
    }

    /// Recommended where one of the activities that decide surely gains enough. Nothing
    /// can be said where none does, but one may: where what the evidence does not tell
    /// would be enough; `untold` then says what is not known.
    pub(super) fn judge(
        &self,
        kind: RemedyKind,
        reckoned: Vec<Reckoned>,
        helps: &str,
        untold: &str,
        else_why: impl FnOnce() -> String,
    ) -> Remedy {
        let deciding = || reckoned.iter().filter(|r| self.decided_by.contains(&r.gain.activity));
        let sure = loudest(deciding().filter(|r| Self::is_enough(&r.gain) && r.is_sure()));
        let enough = sure.or_else(|| loudest(deciding().filter(|r| Self::is_enough(&r.gain))));
        let may = deciding().filter(|r| r.untold > 0 && r.may >= at::LEAST_GAIN);
        let may = may.max_by(|a, b| a.may.total_cmp(&b.may));
        let (verdict, why) = if let Some(best) = enough {
            let mut why = vec![format!("{helps}: {}", said(&best.gain))];
            if sure.is_some() {
                (Verdict::Recommended, why)
            } else {
                let doubt = if Self::is_habit(&best.gain) {
                    "On a cautious reckoning nothing is gained for certain"
                } else {
                    "Those are too few days to tell it from chance"
                };
                why.push(doubt.to_owned());
                (Verdict::CannotSay, why)
            }
        } else {
            let best = loudest(deciding()).filter(|b| b.gain.gained_ms > 0);
            let best = best.map(|b| format!("At best {}", said(&b.gain)));
            let (verdict, first) = match may {
                Some(may) => {
                    let ms = may.untold * self.slot_ms();
                    let name = &may.gain.activity.name;
                    let why = format!("{untold}: that is so in {} of {name}", length(ms));
                    (Verdict::CannotSay, why)
                }
                None => (Verdict::WouldNotHelp, else_why()),
            };
            (verdict, std::iter::once(first).chain(best).collect())
        };
        let gains = reckoned.into_iter().map(|r| r.gain).collect();
        Remedy { kind, verdict, why, too_little_data: false, gains }
    }
}

/// A gain, and what its figures do not say by themselves.
pub(super) struct Reckoned {
    pub(super) gain: Gain,
    /// Slots that it surely saves.
    pub(super) surely: u64,
    /// Slots of which the evidence does not tell.
    pub(super) untold: u64,
    /// The gain in share if those were saved too.
    pub(super) may: f64,
}

impl Reckoned {
    /// Whether a gain is more than chance, and stands on a cautious reckoning too.
    fn is_sure(&self) -> bool {
        self.surely > 0 && Replay::is_habit(&self.gain)
    }
}

/// The one that gains most; of equals the first in the catalogue.
fn loudest<'r>(of: impl Iterator<Item = &'r Reckoned>) -> Option<&'r Reckoned> {
    let points = |r: &Reckoned| r.gain.gain.value().unwrap_or(0.0);
    of.reduce(|best, r| if points(r) > points(best) { r } else { best })
}

/// A gain in a sentence's end.
pub(super) fn said(gain: &Gain) -> String {
    let share = |f: &Figure| f.value().map_or_else(|| "unknown".to_owned(), percent);
    let range = match gain.with.interval() {
        Some(i) if i.has_width() => {
            format!(" (between {} and {})", percent(i.low), percent(i.high))
        }
        _ => String::new(),
    };
    let days = if gain.days == 1 { "day" } else { "days" };
    format!(
        "{} would have worked {} of the time{range} instead of {}, {} more on {} {days}",
        gain.activity.name,
        share(&gain.with),
        share(&gain.now),
        length(gain.gained_ms),
        gain.days
    )
}
