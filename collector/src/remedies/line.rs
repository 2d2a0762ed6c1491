//! When the main link was full, as far as the agent sees what it carries.

use hearth_proto::Vantage;

use super::replay::Replay;
use super::thresholds as at;

/// What tests showed of the main link's speed, and whether all its traffic is counted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line {
    pub(super) down_bps: Option<f64>,
    pub(super) up_bps: Option<f64>,
    /// A device behind a router does not see what the home's other devices use.
    sees_all: bool,
}

impl Line {
    pub(super) fn of(replay: &Replay<'_>) -> Self {
        let link = &replay.ledger().links[replay.link];
        Self {
            down_bps: replay.speed(|f| f.down.as_ref()).map(|s| s.1.median),
            up_bps: replay.speed(|f| f.up.as_ref()).map(|s| s.1.median),
            sees_all: link.vantage == Vantage::Router || link.technology.is_mobile(),
        }
    }

    /// Whether it was full in a slot's busiest second. `None`: that is not known. What is
    /// counted shows that it was full; that it was not takes all traffic and both speeds.
    pub(super) fn is_full(&self, replay: &Replay<'_>, slot: usize) -> Option<bool> {
        let busy = &replay.columns().busy;
        if !busy.counted[slot] {
            return None;
        }
        let full = |bps: u64, of: Option<f64>| Some(bps as f64 >= of? * at::FULL);
        let down = full(busy.rx_peak_bps[slot], self.down_bps);
        let up = full(busy.tx_peak_bps[slot], self.up_bps);
        match (down, up) {
            (Some(true), _) | (_, Some(true)) => Some(true),
            (Some(false), Some(false)) if self.sees_all => Some(false),
            _ => None,
        }
    }
}
