//! A plan with more upload: what would have worked if the line had carried what the
//! activity sends.
//!
//! The ledger takes a speed that was not seen as given. Here the tests' word counts: an
//! activity that needs more than any test or use ever showed is taken to fail, and a
//! faster plan to cure that, provided that the plan is what limits it.

use hearth_proto::TestKind;

use super::replay::{Mark, Replay, Speed};
use super::thresholds as at;
use super::wifi::is_on_wifi;
use super::{Remedy, RemedyKind, Verdict};
use crate::ledger::{Limit, State};

const KIND: RemedyKind = RemedyKind::UploadTier;

fn mbps(bps: f64) -> String {
    let mbps = bps / 1e6;
    if mbps < 10.0 { format!("{mbps:.1} Mbit/s") } else { format!("{mbps:.0} Mbit/s") }
}

/// What each activity sends, in bit/s.
fn needs(replay: &Replay<'_>) -> Vec<f64> {
    let activities = &replay.ledger().activities;
    let of = |id: &str| replay.given.catalogue.get(id).map_or(0.0, |a| a.throughput_up.value.get());
    activities.iter().map(|a| of(&a.id) * 1e6).collect()
}

/// Why a faster plan would not help, or why that can't be said.
fn something_else(replay: &Replay<'_>, best: f64, need: f64) -> Option<(Verdict, String)> {
    let link = &replay.ledger().links[replay.link];
    if link.technology.is_mobile() {
        let why = "the main link is a mobile one: what it carries up hangs on the cell and its \
                   signal, not on the plan alone";
        return Some((Verdict::CannotSay, why.to_owned()));
    }
    let wifi = replay.of_link().wifi.as_ref().and_then(|w| w.tx_bps.value());
    if let Some(phy) = wifi.filter(|phy| is_on_wifi(replay) && phy * at::WIFI_CARRIES < need) {
        let why = format!(
            "the Wi-Fi is the limit: at its rate of {} it carries about {}, whatever the plan",
            mbps(phy),
            mbps(phy * at::WIFI_CARRIES)
        );
        return Some((Verdict::WouldNotHelp, why));
    }
    let Some(sold) = replay.sold().and_then(|s| s.up.max_bps).map(|bps| bps as f64) else {
        let why = format!(
            "it is not known how much upload was sold: {} were the most seen, and the plan may \
             not be what limits them",
            mbps(best)
        );
        return Some((Verdict::CannotSay, why));
    };
    let limit = if sold >= need {
        "the plan is not the limit"
    } else if best < sold * at::DELIVERED {
        "the line does not carry what its present plan has"
    } else {
        return None;
    };
    let (sold, best) = (mbps(sold), mbps(best));
    let why = format!("{limit}: up to {sold} are sold already, and {best} were the most seen");
    Some((Verdict::WouldNotHelp, why))
}

/// Slots in which the uplink was full.
fn full_slots(replay: &Replay<'_>, speed: &Speed) -> u64 {
    let full = |bps: &&u64| **bps as f64 >= speed.median * at::FULL;
    replay.columns().busy.tx_peak_bps.iter().filter(full).count() as u64
}

pub(super) fn remedy(replay: &mut Replay<'_>, declared: bool) -> Remedy {
    let needs = needs(replay);
    let most = replay.deciding().map(|a| needs[a]).fold(0.0, f64::max);
    let floor = replay.of_link().busy.tx_peak_bps.value().unwrap_or(0.0);
    let tested = replay.speed(|f| f.up.as_ref());
    let best = tested.map_or(0.0, |t| t.1.best).max(floor);
    if best >= most {
        let why = format!(
            "the link carries enough: {} up were seen, and nothing here needs more than {}",
            mbps(best),
            mbps(most)
        );
        return Remedy::new(KIND, Verdict::WouldNotHelp, why);
    }
    let Some((kind, speed)) = tested else {
        let why = format!(
            "the upload was not tested: {} are needed, {} were seen in use, and it may carry more",
            mbps(most),
            mbps(floor)
        );
        return Remedy::new(KIND, Verdict::CannotSay, why);
    };
    if let Some((verdict, why)) = something_else(replay, best, most) {
        return Remedy::new(KIND, verdict, why);
    }
    // A capacity test of a few hundred kilobytes only estimates.
    let sure = if kind == TestKind::Responsiveness { Mark::Surely } else { Mark::Saved };
    let marks = replay.marks(|a, slot, cell| {
        let short = needs[a] > best;
        let by_speed = cell.state() == State::Degraded && cell.limit() == Limit::Throughput;
        match (cell.state(), short) {
            (State::Ok, true) => Some(sure),
            (State::Ok, false) => None,
            (_, true) if by_speed => {
                let far = replay.far(slot);
                let cured = replay.requirement(a).is_some_and(|r| far.is_ok_for(r));
                Some(if cured { sure } else { Mark::Stays })
            }
            _ => Some(Mark::Stays),
        }
    });
    let full = full_slots(replay, &speed);
    let gains = replay.gains(&marks);
    let helps = format!(
        "{} up were the most that {} tests and the home's own use showed, and {} are needed",
        mbps(best),
        speed.tests,
        mbps(most)
    );
    let untold = "it is not known what limited the upload";
    let mut remedy = replay.judge(KIND, gains, &helps, untold, || {
        "what needs more upload failed for another reason all the time".to_owned()
    });
    remedy.why.push(format!("The uplink was full in {full} of the slots measured"));
    if remedy.verdict == Verdict::Recommended && !declared && full < at::FULL_SLOTS {
        remedy.verdict = Verdict::CannotSay;
        remedy.why.push(
            "The home did not say that it does any of this, and it seldom fills its uplink"
                .to_owned(),
        );
    }
    remedy
}
