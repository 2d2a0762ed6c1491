//! Another place for the Wi-Fi: what would have worked if the way to the router had been
//! as it usually is.
//!
//! The gateway's rise in a slot over its usual round trip, and its losses, are taken off
//! the far end's. That is done only where the gateway itself was bad; the cautious
//! reckoning takes off the median's rise alone and the loss that is proven. What lies
//! behind a gateway that did not answer at all is not known.

use hearth_proto::{Role, Technology, Vantage};

use super::replay::{Far, Mark, Replay};
use super::thresholds as at;
use super::{Remedy, RemedyKind, Verdict};
use crate::history::columns::{SeriesColumns, known};
use crate::ledger::{Cell, Limit};
use crate::qoe::activity::loss_lower_bound;

const KIND: RemedyKind = RemedyKind::WifiPlacement;

const UNTOLD: &str = "the router did not answer or was not asked while things failed, so that the \
                      Wi-Fi can't be told from the rest";

/// The way to the router, slot by slot.
pub(super) struct Gateway<'a> {
    series: &'a SeriesColumns,
    down_ms: &'a [u32],
    /// Its usual median and 95th percentile in ms.
    usual: [f64; 2],
    /// The far end's usual median.
    far_ms: f64,
}

impl<'a> Gateway<'a> {
    /// Of the main link; `None` where its gateway never answers, or is no router of the
    /// home's own: a router's is the operator's first one, and so is a mobile link's.
    pub(super) fn of(replay: &Replay<'a>) -> Option<Self> {
        let link = &replay.ledger().links[replay.link];
        if link.vantage != Vantage::Device || link.technology.is_mobile() {
            return None;
        }
        let columns = replay.columns();
        let near = columns.series.iter().filter(|s| s.key.role == Role::Gateway);
        let series = near.max_by_key(|s| s.whole.answered).filter(|s| s.whole.answered > 0)?;
        let p50 = Replay::median(&series.p50_ms, |_| true, 1)?;
        let p95 = Replay::median(&series.p95_ms, |_| true, 1).unwrap_or(p50);
        let far_ms = Replay::median(&columns.far.p50_ms, |_| true, 1)?;
        Some(Self { series, down_ms: &columns.down_ms, usual: [p50, p95], far_ms })
    }

    /// Whether it did not answer at all, as far as it was asked. What is lost while the
    /// link is down counts as not tried: in an outage that is silence too.
    pub(super) fn is_mute(&self, slot: usize) -> bool {
        let (lost, tried) = self.lost(slot);
        lost == tried && (tried > 0 || self.down_ms[slot] > 0)
    }

    fn is_measured(&self, slot: usize) -> bool {
        self.series.tried[slot] > 0
    }

    /// How much slower than usual, at the median and at p95.
    fn rise(&self, slot: usize) -> [f64; 2] {
        let over = |ms: f32, usual: f64| known(ms).map(|ms| (ms - usual).max(0.0));
        let p50 = over(self.series.p50_ms[slot], self.usual[0]).unwrap_or(0.0);
        // With few probes a slot only the median is known.
        [p50, over(self.series.p95_ms[slot], self.usual[1]).unwrap_or(p50)]
    }

    fn lost(&self, slot: usize) -> (u32, u32) {
        (self.series.lost[slot], self.series.tried[slot])
    }

    /// Whether it lost a good part of its probes, or its rise explains at least half of
    /// the far end's.
    pub(super) fn is_bad(&self, slot: usize, far: &Far) -> bool {
        let (lost, tried) = self.lost(slot);
        let far_rise = [far.ms[0], far.ms[1]].into_iter().filter(|ms| ms.is_finite());
        let far_rise = far_rise.fold(0.0, f64::max) - self.far_ms;
        let slow = self.rise(slot)[1] >= at::NEAR_RISE_MS.max(far_rise * at::NEAR_EXPLAINS);
        loss_lower_bound(lost, tried) > at::NEAR_LOSS || slow
    }

    /// The far end with the gateway as usual; `cautious`: only what is surely its own.
    fn without(&self, slot: usize, far: &Far, cautious: bool) -> Far {
        let [p50, p95] = self.rise(slot);
        let tail = if cautious { p50 } else { p95 };
        let (lost, tried) = self.lost(slot);
        let ratio = if cautious {
            loss_lower_bound(lost, tried)
        } else {
            f64::from(lost) / f64::from(tried.max(1))
        };
        let own = (ratio * f64::from(far.tried)) as u32;
        // A way is never quicker than its own usual round trip for having a good Wi-Fi.
        let less = |ms: f64, rise: f64| (ms - rise).max(self.far_ms.min(ms));
        Far {
            ms: [less(far.ms[0], p50), less(far.ms[1], tail), less(far.ms[2], tail)],
            lost: far.lost - own.min(far.lost),
            tried: far.tried,
        }
    }
}

/// Whether the agent's device is on Wi-Fi as far as the system tells.
pub(super) fn is_on_wifi(replay: &Replay<'_>) -> bool {
    let link = &replay.ledger().links[replay.link];
    link.technology == Technology::Wifi || replay.columns().wifi.len() >= at::WIFI_READINGS
}

fn mark(replay: &Replay<'_>, gateway: &Gateway<'_>, a: usize, slot: usize, cell: Cell) -> Mark {
    if cell.limit() == Limit::Outage {
        return if gateway.is_mute(slot) { Mark::Perhaps } else { Mark::Stays };
    }
    if !gateway.is_measured(slot) {
        return Mark::Perhaps;
    }
    let far = replay.far(slot);
    let Some(requirement) = replay.requirement(a).filter(|_| gateway.is_bad(slot, &far)) else {
        return Mark::Stays;
    };
    if !gateway.without(slot, &far, false).is_ok_for(requirement) {
        Mark::Stays
    } else if gateway.without(slot, &far, true).is_ok_for(requirement) {
        Mark::Surely
    } else {
        Mark::Saved
    }
}

pub(super) fn remedy(replay: &mut Replay<'_>, gateway: Option<&Gateway<'_>>) -> Remedy {
    let link = &replay.ledger().links[replay.link];
    if link.vantage == Vantage::Router {
        let why = "it is measured at the router, and the Wi-Fi lies behind it";
        return Remedy::new(KIND, Verdict::CannotSay, why);
    }
    if link.technology.is_mobile() {
        let why = "the main link is a mobile one, which does not go over the Wi-Fi measured";
        return Remedy::new(KIND, Verdict::CannotSay, why);
    }
    let Some(gateway) = gateway else {
        let why = "the router never answers, so that the Wi-Fi can't be told from the line";
        return Remedy::new(KIND, Verdict::CannotSay, why);
    };
    let marks = replay.marks_of_bad(|a, slot, cell| mark(replay, gateway, a, slot, cell));
    let on_wifi = is_on_wifi(replay);
    let gains = replay.gains(&marks);
    let mut remedy = replay.judge(
        KIND,
        gains,
        "the way to the router was the slow or lossy part",
        UNTOLD,
        || "the way to the router was in order while things failed, or nothing failed".to_owned(),
    );
    let wifi = replay.of_link().wifi.as_ref();
    if let Some(dbm) = wifi.and_then(|w| w.signal.value()) {
        remedy.why.push(format!("The Wi-Fi's signal was {dbm:.0} dBm in the median"));
    }
    if remedy.verdict == Verdict::Recommended && !on_wifi {
        remedy.verdict = Verdict::CannotSay;
        remedy.why.push(
            "The device does not tell whether it is on Wi-Fi: a cable or the router itself may be \
             at fault"
                .to_owned(),
        );
    }
    remedy
}
