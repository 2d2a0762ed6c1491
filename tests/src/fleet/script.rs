//! What happens to a home's links: the truth that measurements are compared with.

use hearth_proto::{DownCause, UnixMs};

use crate::models::Random;

/// From `from` up to, not including, `to`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// The first instant in it.
    pub from: UnixMs,
    /// The first instant after it.
    pub to: UnixMs,
}

impl Times {
    /// Milliseconds that it shares with `other`.
    pub fn shared_ms(self, other: Self) -> u32 {
        (self.to.min(other.to).since(self.from.max(other.from))).max(0) as u32
    }

    /// Whether `at` is in it.
    pub fn holds(self, at: UnixMs) -> bool {
        self.from <= at && at < self.to
    }
}

/// Something that happens to the home. Links are named by their place in the
/// household.
#[derive(Debug, Clone, PartialEq)]
pub enum Trouble {
    /// Links that fail together: one link alone, or a shared fate.
    Outage {
        /// Which.
        links: Vec<usize>,
        /// When.
        times: Times,
        /// As the agent can see it.
        cause: DownCause,
    },
    /// A network full beyond the first hop: round trips rise to `extra_us` at the
    /// middle of it and fall again, and some probes are lost.
    Congestion {
        /// Which link's network.
        link: usize,
        /// When.
        times: Times,
        /// At its worst.
        extra_us: f64,
        /// Share of far probes lost at its worst.
        loss: f64,
    },
    /// Bad Wi-Fi to a link's box: the gateway itself is slow and loses.
    HomeWifi {
        /// Which link's box.
        link: usize,
        /// When.
        times: Times,
        /// Mean extra round trip.
        extra_us: f64,
        /// Share of probes lost.
        loss: f64,
    },
    /// The network beyond a link's first hop carries nothing.
    CoreOutage {
        /// Which link's network.
        link: usize,
        /// When.
        times: Times,
    },
    /// A link's box in the home carries nothing, and does not answer either.
    BoxOutage {
        /// Which link's box.
        link: usize,
        /// When.
        times: Times,
    },
    /// The reflector alone loses, over whichever link it is asked.
    BadReflector {
        /// When.
        times: Times,
        /// Share of its probes lost.
        loss: f64,
    },
    /// The home is without power: the agent measures nothing.
    PowerCut {
        /// When.
        times: Times,
    },
}

impl Trouble {
    /// When it is.
    pub fn times(&self) -> Times {
        match self {
            Self::Outage { times, .. }
            | Self::Congestion { times, .. }
            | Self::HomeWifi { times, .. }
            | Self::CoreOutage { times, .. }
            | Self::BoxOutage { times, .. }
            | Self::BadReflector { times, .. }
            | Self::PowerCut { times } => *times,
        }
    }

    /// Whether link `i` feels it.
    pub fn is_on(&self, i: usize) -> bool {
        match self {
            Self::Outage { links, .. } => links.contains(&i),
            Self::Congestion { link, .. }
            | Self::HomeWifi { link, .. }
            | Self::CoreOutage { link, .. }
            | Self::BoxOutage { link, .. } => *link == i,
            Self::BadReflector { .. } | Self::PowerCut { .. } => true,
        }
    }
}

/// All that happens to a home over a span.
#[derive(Debug, Clone, PartialEq)]
pub struct Script {
    /// What, in order of its beginning.
    pub troubles: Vec<Trouble>,
}

/// The truth about one link over one slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinkTruth {
    /// Milliseconds of the slot without power.
    pub off_ms: u32,
    /// Milliseconds of it, with power, that the link was down.
    pub down_ms: u32,
    /// Milliseconds of congestion in its network.
    pub congested_ms: u32,
    /// Milliseconds of bad Wi-Fi.
    pub wifi_ms: u32,
}

impl Script {
    /// A script in order of time.
    pub fn new(mut troubles: Vec<Trouble>) -> Self {
        troubles.sort_by_key(|t| t.times().from);
        Self { troubles }
    }

    /// An ordinary home's bad days, over `span`, for three links: FTTP (0), 5G (1)
    /// and 4G (2). Per 30 days: on the FTTP link four outages of 2 min to 4 h, one
    /// of which takes the 4G link with it (the street's power), ten evenings of
    /// congestion and three spells of bad Wi-Fi; eight outages of 30 s to 10 min
    /// on 5G, six on 4G; two power cuts of 20 min to 3 h.
    pub fn ordinary(span: Times, seed: u64) -> Self {
        const DAY: i64 = 86_400_000;
        let mut random = Random::new(seed, "script");
        let days = span.to.since(span.from) as f64 / DAY as f64;
        let mut troubles = Vec::new();
        let how_many = |per_month: f64| ((per_month * days / 30.0).round() as usize).max(1);
        let mut times = |least_s: i64, most_s: i64| {
            // Long ones are rarer: uniform in the logarithm.
            let spread = (most_s as f64 / least_s as f64).ln();
            let seconds = (least_s as f64 * (spread * random.uniform()).exp()) as i64;
            let length = (seconds * 1000).min(span.to.since(span.from) / 4);
            let from = random.between(span.from.0, (span.to.0 - length).max(span.from.0 + 1));
            Times { from: UnixMs(from), to: UnixMs(from + length) }
        };
        for i in 0..how_many(4.0) {
            let links = if i == 0 { vec![0, 2] } else { vec![0] };
            let cause = if i == 1 { DownCause::Carrier } else { DownCause::Probes };
            troubles.push(Trouble::Outage { links, times: times(120, 4 * 3600), cause });
        }
        for (link, per_month) in [(1, 8.0), (2, 6.0)] {
            for _ in 0..how_many(per_month) {
                let cause = DownCause::Probes;
                troubles.push(Trouble::Outage { links: vec![link], times: times(30, 600), cause });
            }
        }
        for _ in 0..how_many(3.0) {
            let times = times(1200, 3600);
            troubles.push(Trouble::HomeWifi { link: 0, times, extra_us: 40e3, loss: 0.04 });
        }
        for _ in 0..how_many(2.0) {
            troubles.push(Trouble::PowerCut { times: times(1200, 3 * 3600) });
        }
        let first = span.from.0 - span.from.0.rem_euclid(DAY);
        for day in (0..).map(|d| first + d * DAY).take_while(|d| *d < span.to.0) {
            if !random.chance(1.0 / 3.0) {
                continue;
            }
            let from = UnixMs(day + 19 * 3_600_000 + random.between(0, 3_600_000));
            let to = from.plus(random.between(2, 4) * 3_600_000);
            if from >= span.from && to <= span.to {
                let extra_us = 1e3 * random.between(60, 160) as f64;
                let times = Times { from, to };
                troubles.push(Trouble::Congestion { link: 0, times, extra_us, loss: 0.02 });
            }
        }
        Self::new(troubles)
    }

    /// The truth about link `link` over `slot`.
    pub fn truth(&self, link: usize, slot: Times) -> LinkTruth {
        let mut off = Vec::new();
        let (mut down, mut congested, mut wifi) = (Vec::new(), Vec::new(), Vec::new());
        for trouble in self.within(slot) {
            let to = match trouble {
                Trouble::PowerCut { .. } => &mut off,
                _ if !trouble.is_on(link) => continue,
                Trouble::Outage { .. } | Trouble::CoreOutage { .. } | Trouble::BoxOutage { .. } => {
                    &mut down
                }
                Trouble::Congestion { .. } => &mut congested,
                Trouble::HomeWifi { .. } => &mut wifi,
                Trouble::BadReflector { .. } => continue,
            };
            to.push(trouble.times());
        }
        let off_ms = covered_ms(&mut off, slot);
        let down_ms = if off.is_empty() {
            covered_ms(&mut down, slot)
        } else {
            down.extend(&off);
            covered_ms(&mut down, slot) - off_ms
        };
        LinkTruth {
            off_ms,
            down_ms,
            congested_ms: covered_ms(&mut congested, slot),
            wifi_ms: covered_ms(&mut wifi, slot),
        }
    }

    /// What happens within `slot`.
    pub fn within(&self, slot: Times) -> impl Iterator<Item = &Trouble> {
        self.troubles.iter().filter(move |t| t.times().shared_ms(slot) > 0)
    }
}

/// Milliseconds of `slot` that any of `times` covers.
fn covered_ms(times: &mut [Times], slot: Times) -> u32 {
    times.sort_by_key(|t| t.from);
    let (mut covered, mut reached) = (0, slot.from);
    for t in times {
        let from = t.from.max(reached);
        let to = t.to.min(slot.to);
        if to > from {
            covered += to.since(from);
            reached = to;
        }
    }
    covered as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(from: i64, to: i64) -> Times {
        Times { from: UnixMs(from), to: UnixMs(to) }
    }

    #[test]
    fn overlaps_count_once_and_power_comes_first() {
        let cause = DownCause::Probes;
        let script = Script::new(vec![
            Trouble::Outage { links: vec![0], times: times(10, 40), cause },
            Trouble::Outage { links: vec![0, 2], times: times(30, 60), cause },
            Trouble::PowerCut { times: times(50, 80) },
        ]);
        let slot = times(0, 100);
        let truth = script.truth(0, slot);
        assert_eq!((truth.off_ms, truth.down_ms), (30, 40));
        assert_eq!(script.truth(1, slot).down_ms, 0);
        assert_eq!(script.truth(2, slot).down_ms, 20);
        assert_eq!(script.truth(0, times(100, 200)).off_ms, 0);
    }

    #[test]
    fn a_month_has_each_kind_of_trouble_and_repeats() {
        let span = times(1_760_000_000_000, 1_760_000_000_000 + 30 * 86_400_000);
        let script = Script::ordinary(span, 5);
        assert_eq!(script, Script::ordinary(span, 5));
        assert_ne!(script, Script::ordinary(span, 6));
        let count = |f: fn(&Trouble) -> bool| script.troubles.iter().filter(|t| f(t)).count();
        assert_eq!(count(|t| matches!(t, Trouble::Outage { .. })), 4 + 8 + 6);
        assert_eq!(count(|t| matches!(t, Trouble::PowerCut { .. })), 2);
        assert!(count(|t| matches!(t, Trouble::Congestion { .. })) > 3);
        assert!(script.troubles.iter().all(|t| {
            t.times().from >= span.from && t.times().to <= span.to && t.times().from < t.times().to
        }));
    }
}
