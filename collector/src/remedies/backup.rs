//! A mobile backup: what worked on a mobile link of the home while it failed on the main
//! one. Only a link that was measured here counts: that a mobile network is good on average
//! says nothing of this home.
//!
//! What fails on the way to the home's own router would fail on the way to a backup too:
//! where the gateway itself was bad, a backup saves nothing.

use super::replay::{Mark, Marks, Replay};
use super::thresholds as at;
use super::wifi::Gateway;
use super::{Remedy, RemedyKind, Verdict};
use crate::gaps::Gaps;
use crate::ledger::State;
use crate::report::figure::percent;
use crate::report::names::LinkRef;

const KIND: RemedyKind = RemedyKind::MobileBackup;

/// How the bad time of the activities that decide fares on the backups.
#[derive(Default)]
struct Bad {
    carried: u64,
    failed: u64,
    unknown: u64,
}

fn bad(replay: &Replay<'_>, marks: &Marks) -> Bad {
    let mut bad = Bad::default();
    for (_, mark) in replay.deciding().flat_map(|a| &marks[a]) {
        *match mark {
            Mark::Stays => &mut bad.failed,
            Mark::Perhaps => &mut bad.unknown,
            Mark::Saved | Mark::Surely => &mut bad.carried,
        } += 1;
    }
    bad
}

/// Outages of the main link, and those in which the backup that shares least of them
/// failed with it.
fn fates(gaps: &Gaps) -> Option<(u64, u64)> {
    let fates = gaps.shared_fate.iter().map(|f| (f.incidents, f.common_incidents));
    let told = fates.filter(|(outages, _)| *outages >= at::SHARED_INCIDENTS);
    // The backup that shares least is the one that saves.
    told.min_by(|a, b| (a.1 * b.0).cmp(&(b.1 * a.0)))
}

/// Why the data that the plans of all backups include may not do, if so.
fn too_little_data(replay: &Replay<'_>, gaps: &Gaps, backups: &[&LinkRef]) -> Option<String> {
    let need = &gaps.backup_need;
    let months = (replay.calendar.days.len() as f64 / 31.0).ceil().max(1.0);
    let over = |backup: &&LinkRef| {
        let cap = need.caps.iter().find(|c| c.link == backup.link.as_str())?;
        let of_cap = cap.p90_of_cap.value().or_else(|| {
            // Without whole months enough, the time measured stands for them.
            Some(need.bytes.value()? / months / cap.cap_bytes as f64)
        })?;
        (of_cap > 1.0).then_some((of_cap, cap.cap_bytes))
    };
    let over: Vec<(f64, u64)> = backups.iter().map(over).collect::<Option<_>>()?;
    let (of_cap, cap) = over.into_iter().min_by(|a, b| a.0.total_cmp(&b.0))?;
    let gb = |bytes: f64| format!("{:.1} GB", bytes / 1e9);
    Some(format!(
        "its plan includes {} a month, and a bad month takes {}",
        gb(cap as f64),
        gb(of_cap * cap as f64)
    ))
}

fn names(links: &[LinkRef]) -> String {
    links.iter().map(|l| l.label.as_str()).collect::<Vec<_>>().join(" and ")
}

pub(super) fn remedy(
    replay: &mut Replay<'_>,
    gaps: &Gaps,
    gateway: Option<&Gateway<'_>>,
) -> Remedy {
    let ledger = replay.ledger();
    let backups: Vec<&LinkRef> = ledger
        .links
        .iter()
        .filter(|l| l.technology.is_mobile() && l.index != replay.link)
        .collect();
    if backups.is_empty() {
        let why = "no mobile link was measured";
        return Remedy::new(KIND, Verdict::CannotSay, why);
    }
    // A mute gateway may be a dead box, which a backup with its own outlives.
    let in_home = |slot: usize| match gateway {
        Some(g) if g.is_mute(slot) => Mark::Perhaps,
        Some(g) if g.is_bad(slot, &replay.far(slot)) => Mark::Stays,
        _ => Mark::Surely,
    };
    let at_home = std::cell::Cell::new(false);
    let marks = replay.marks_of_bad(|a, slot, _| {
        let most = in_home(slot);
        if most == Mark::Stays {
            at_home.set(true);
            return most;
        }
        let on = |l: &&LinkRef| ledger.column(l.index, a)[slot];
        let mut best = Mark::Stays;
        for cell in backups.iter().map(on) {
            best = best.max(match cell.state() {
                State::Ok if cell.is_unproven() => Mark::Saved,
                State::Ok => Mark::Surely,
                // What is taken out of account, such as announced work, tells nothing.
                State::Unknown | State::Excluded => Mark::Perhaps,
                State::Degraded | State::Down => Mark::Stays,
            });
        }
        best.min(most)
    });
    let bad = bad(replay, &marks);
    let gains = replay.gains(&marks);
    let named: Vec<LinkRef> = backups.iter().map(|l| (*l).clone()).collect();
    let named = names(&named);
    let mut remedy = replay.judge(
        KIND,
        gains,
        &format!("{named} worked while {} failed", replay.label()),
        &format!(
            "{named} was not measured while {} failed, or what failed may lie in the home",
            replay.label()
        ),
        || match (bad.carried + bad.failed, bad.unknown) {
            (0, 0) => format!("{} never failed", replay.label()),
            (0, _) => format!("{} hardly ever failed", replay.label()),
            _ => format!(
                "{named} carried {} of the time in which something failed on {}",
                percent(bad.carried as f64 / (bad.carried + bad.failed) as f64),
                replay.label()
            ),
        },
    );
    if at_home.get() && remedy.verdict == Verdict::WouldNotHelp {
        remedy.why.push(
            "Where the way to the home's own router was bad, a backup would have failed with it"
                .to_owned(),
        );
    }
    let decided = bad.carried + bad.failed;
    if remedy.verdict != Verdict::Recommended {
        return remedy;
    }
    let shared =
        fates(gaps).filter(|(outages, common)| *common as f64 >= *outages as f64 * at::SHARED_FATE);
    if let Some((outages, common)) = shared {
        remedy.verdict = Verdict::WouldNotHelp;
        remedy.why.insert(
            0,
            format!("it fails together with {}: in {common} of {outages} outages", replay.label()),
        );
    } else if (bad.carried as f64) < decided as f64 * at::CARRIED {
        remedy.verdict = Verdict::WouldNotHelp;
        remedy.why.insert(
            0,
            format!(
                "it carried only {} of the time in which something failed",
                percent(bad.carried as f64 / decided as f64)
            ),
        );
    } else if let Some(why) = too_little_data(replay, gaps, &backups) {
        remedy.verdict = Verdict::CannotSay;
        remedy.too_little_data = true;
        remedy.why.insert(0, why);
    } else if is_in_place(replay, &backups) {
        remedy.verdict = Verdict::InPlace;
    }
    remedy.why.push("The time that devices take to change over is not taken off".to_owned());
    remedy
}

/// Whether one of the backups is among what the home was sold.
fn is_in_place(replay: &Replay<'_>, backups: &[&LinkRef]) -> bool {
    let Some(home) = replay.given.home else { return false };
    home.plans.iter().any(|plan| backups.iter().any(|l| l.link.as_str() == plan.link))
}
