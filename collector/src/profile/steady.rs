//! How steady a link is: how long it holds, how long it is gone, how far its round
//! trips spread.

use serde::Serialize;

use super::LinkTime;
use super::series::Gathered;
use crate::gaps::runs::Run;
use crate::ledger::Ledger;
use crate::ledger::sets::{Sets, rising};
use crate::report::figure::{Figure, Unit};

/// How steady a link was over the span.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SteadyProfile {
    /// The longest stretch of slots, each known to be up throughout, in milliseconds.
    pub longest_up_ms: u64,
    /// The longest outage in milliseconds, from its first slot to its last.
    pub longest_outage_ms: u64,
    /// Time up for each outage.
    pub up_per_outage: Figure,
    /// `rtt` p95 less p50, of the far series with the most answers.
    pub rtt_spread_p95: Figure,
    /// `rtt` p99 less p50, of the same.
    pub rtt_spread_p99: Figure,
}

fn spread(far: Option<&Gathered<'_>>, q: f64) -> Figure {
    let Some(far) = far else {
        return Figure::not_enough("nothing beyond the home was probed", 0, 1, "samples");
    };
    let times = &far.tally.times;
    match (times.supported_percentile_ms(q), times.supported_percentile_ms(0.5)) {
        (Some(high), Some(middle)) => {
            Figure::new((high - middle).max(0.0), Unit::Ms, times.count(), "samples")
        }
        _ => super::series::percentile(times, q),
    }
}

pub(super) fn steady(
    ledger: &Ledger,
    connection: &Sets,
    time: &LinkTime,
    outages: &[Run],
    far: Option<&Gathered<'_>>,
) -> SteadyProfile {
    let slot_ms = u64::from(ledger.slot.ms());
    let not_up = rising(connection.blocks.iter().map(|b| !(b.known() & !b.outage)));
    let (mut longest, mut up_from) = (0, 0);
    for slot in not_up.take_while(|slot| *slot < ledger.slots()).chain([ledger.slots()]) {
        longest = longest.max(slot - up_from);
        up_from = slot + 1;
    }
    let gone = outages.iter().map(|r| (r.last - r.first + 1) as u64).max().unwrap_or(0);
    let n = outages.len() as u64;
    SteadyProfile {
        longest_up_ms: longest as u64 * slot_ms,
        longest_outage_ms: gone * slot_ms,
        up_per_outage: match n {
            0 => Figure::not_enough("it was never out", 0, 1, "outages"),
            n => {
                let hours = time.up_ms as f64 / n as f64 / 3_600_000.0;
                Figure::new(hours, Unit::Hours, n, "outages")
            }
        },
        rtt_spread_p95: spread(far, 0.95),
        rtt_spread_p99: spread(far, 0.99),
    }
}
