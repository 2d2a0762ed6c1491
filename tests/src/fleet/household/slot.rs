//! One link's slot, second by second.

use hearth_proto::{
    Busy, Cause, Directions, Distribution, DownCause, EventKind, Family, Ipdv, LinkName, LinkSlot,
    ProbeKind, Role, Series, SeriesKey, SlotLength, UnixMs, Vantage,
};

use super::trouble::{Cut, Troubles};
use super::{HomeLink, Household};
use crate::fleet::script::Times;
use crate::models::{PathProcess, Random, Rtt};

/// Round trips to a box in the home, by wire.
const GATEWAY: Rtt = Rtt {
    base_us: 250.0,
    jitter_median_us: 120.0,
    jitter_sigma: 0.5,
    slow_share: 0.2,
    slow_ms: 30_000.0,
    spike_every_ms: 600_000.0,
    spike_ms: 1_000.0,
    spike_mean_us: 2_000.0,
};
/// The first hop's share of the way to the reflector.
const FIRST_HOP_SHARE: f64 = 0.6;
/// The share of the operator's first router, which is the gateway of a router.
const GATEWAY_SHARE: f64 = 0.4;
/// A server's own mean time to a first byte.
const SERVER_US: f64 = 12_000.0;
/// Unanswered within this: lost.
const TIMEOUT_US: f64 = 3e6;
const STAMP_PAYLOAD_BYTES: u32 = 44;
const ICMP_PAYLOAD_BYTES: u32 = 56;
const TARGET: &str = "www.example.net";

/// One kind of probe's results within a slot.
#[derive(Debug)]
struct Tally {
    key: SeriesKey,
    payload_bytes: u32,
    every_ms: u32,
    times: Vec<u32>,
    last: Option<u32>,
    differences: (u64, u32),
    failures: Vec<(Cause, u32)>,
    failed_while_down: u32,
    run: u32,
    longest_run: u32,
    directions: Directions,
}

impl Tally {
    fn new(probe: ProbeKind, role: Role, target: &str, payload_bytes: u32, every_ms: u32) -> Self {
        Self {
            key: SeriesKey { probe, role, family: Family::V4, target: target.to_owned() },
            payload_bytes,
            every_ms,
            times: Vec::new(),
            last: None,
            differences: (0, 0),
            failures: Vec::new(),
            failed_while_down: 0,
            run: 0,
            longest_run: 0,
            directions: Directions { lost_forward: 0, lost_back: 0 },
        }
    }

    fn is_due(&self, second_ms: i64) -> bool {
        self.every_ms > 0 && second_ms.rem_euclid(i64::from(self.every_ms)) == 0
    }

    fn answered(&mut self, us: f64) {
        let us = us as u32;
        self.times.push(us);
        if let Some(last) = self.last.replace(us) {
            self.differences.0 += u64::from(us.abs_diff(last));
            self.differences.1 += 1;
        }
        self.run = 0;
    }

    fn failed(&mut self, cause: Cause, while_down: bool) {
        match self.failures.iter_mut().find(|f| f.0 == cause) {
            Some(f) => f.1 += 1,
            None => self.failures.push((cause, 1)),
        }
        self.failed_while_down += u32::from(while_down);
        self.run += 1;
        self.longest_run = self.longest_run.max(self.run);
        self.last = None;
    }

    /// The slot's series, unless nothing was sent; ready for the next slot.
    fn take(&mut self) -> Option<Series> {
        let failed: u32 = self.failures.iter().map(|f| f.1).sum();
        let sent = self.times.len() as u32 + failed;
        if sent == 0 {
            return None;
        }
        // Sorted, so that each value is added at the distribution's end.
        self.times.sort_unstable();
        let (sum, pairs) = self.differences;
        let series = Series {
            key: self.key.clone(),
            sent,
            failures: std::mem::take(&mut self.failures),
            failed_while_down: self.failed_while_down,
            longest_failure_run: self.longest_run,
            directions: (self.key.probe == ProbeKind::Stamp).then_some(self.directions),
            ipdv: (pairs > 0).then(|| Ipdv { mean_us: (sum / u64::from(pairs)) as u32, pairs }),
            distribution: self.times.iter().copied().collect::<Distribution>(),
            payload_bytes: self.payload_bytes,
            after_idle: false,
        };
        self.times.clear();
        self.last = None;
        self.differences = (0, 0);
        (self.failed_while_down, self.run, self.longest_run) = (0, 0, 0);
        self.directions = Directions { lost_forward: 0, lost_back: 0 };
        Some(series)
    }
}

/// A link's processes, and what the agent believes of it.
#[derive(Debug)]
pub(super) struct LinkState {
    name: LinkName,
    path: PathProcess,
    gateway: PathProcess,
    random: Random,
    stamp_ms: u32,
    /// In the order: reflector, gateway, first hop, DNS, TCP, HTTP.
    tallies: [Tally; 6],
    vantage: Vantage,
    mute: Vec<Role>,
    down: Option<(UnixMs, Cut)>,
    events: Vec<(UnixMs, EventKind)>,
}

impl LinkState {
    pub(super) fn new(link: &HomeLink, home: &Household) -> Self {
        let (pace, seed) = (home.pace, home.seed);
        let random = |what: &str| Random::new(seed, &format!("{what} of {}", link.name));
        let (model, services) = (&link.model, pace.services_ms);
        let no_loss = crate::models::Loss { bad_share: 0.0, bad_ms: 1e3, lost_in_bad: 0.0 };
        Self {
            name: link.name.clone(),
            path: PathProcess::new(&model.rtt, &model.loss, pace.stamp_ms, random("path")),
            gateway: PathProcess::new(&GATEWAY, &no_loss, pace.stamp_ms, random("gateway")),
            random: random("probes"),
            stamp_ms: pace.stamp_ms,
            tallies: [
                Tally::new(
                    ProbeKind::Stamp,
                    Role::Reflector,
                    "",
                    STAMP_PAYLOAD_BYTES,
                    pace.stamp_ms,
                ),
                Tally::new(ProbeKind::Icmp, Role::Gateway, "", ICMP_PAYLOAD_BYTES, pace.gateway_ms),
                Tally::new(ProbeKind::Hop, Role::FirstHop, "", 0, pace.first_hop_ms),
                Tally::new(ProbeKind::Dns, Role::Resolver, "", 0, services),
                Tally::new(ProbeKind::TcpConnect, Role::Target, TARGET, 0, services),
                Tally::new(ProbeKind::HttpTtfb, Role::Target, TARGET, 0, services),
            ],
            vantage: home.vantage,
            mute: home.mute.clone(),
            down: None,
            events: Vec::new(),
        }
    }

    /// A new run of the agent knows nothing of the last.
    pub(super) fn restart(&mut self) {
        self.down = None;
    }

    pub(super) fn take_events(&mut self) -> Vec<(UnixMs, EventKind)> {
        std::mem::take(&mut self.events)
    }

    /// Probes from `from` to the end of `slot`.
    pub(super) fn measure(
        &mut self,
        slot: Times,
        from: UnixMs,
        length: SlotLength,
        troubles: &Troubles,
    ) -> LinkSlot {
        let step = i64::from(self.stamp_ms);
        let mut down_ms = 0;
        let mut down_cause = self.down.map(|d| d.1.cause());
        let first = from.0 + (slot.from.0 - from.0).rem_euclid(step);
        for at in (first..slot.to.0).step_by(step as usize).map(UnixMs) {
            match (self.down, troubles.cut(at)) {
                (None, Some(cut)) => {
                    self.down = Some((at, cut));
                    down_cause = down_cause.or(Some(cut.cause()));
                    self.tell(at, Some(cut.cause()));
                }
                (Some((since, _)), None) => {
                    down_ms += at.since(since.max(slot.from));
                    self.down = None;
                    self.tell(at, None);
                }
                _ => {}
            }
            self.probe(at, troubles);
        }
        if let Some((since, _)) = self.down {
            down_ms += slot.to.since(since.max(slot.from));
        }
        LinkSlot {
            link: self.name.clone(),
            start: slot.from,
            length,
            down_ms: down_ms as u32,
            unjudged_ms: from.since(slot.from) as u32,
            down_cause: down_cause.filter(|_| down_ms > 0),
            series: self.tallies.iter_mut().filter_map(Tally::take).collect(),
            busy: None,
            own: hearth_proto::Own::default(),
            wifi: None,
            cells: Vec::new(),
        }
    }

    fn tell(&mut self, at: UnixMs, down: Option<DownCause>) {
        self.events.push((at, EventKind::LinkState { link: self.name.clone(), down }));
    }

    fn probe(&mut self, at: UnixMs, troubles: &Troubles) {
        self.path.step();
        self.gateway.step();
        let cut = self.down.map(|d| d.1);
        let reflector_loss = troubles.reflector_loss(at);
        let (wifi_us, wifi_loss) = troubles.wifi(at);
        let (full_us, full_loss) = troubles.congestion(at);
        for i in 0..self.tallies.len() {
            if !self.tallies[i].is_due(at.0) {
                continue;
            }
            let role = self.tallies[i].key.role;
            let outcome = match cut.and_then(|cut| cut.meets(role, self.vantage)) {
                Some(cause) => Err(cause),
                None if self.mute.contains(&role) => Err(Cause::Timeout),
                None => self.home_us(wifi_us, wifi_loss).and_then(|home| match role {
                    Role::Gateway if self.vantage == Vantage::Device => Ok(home),
                    Role::Gateway => Ok(home + GATEWAY_SHARE * self.path_us(0.0, 0.0)?),
                    Role::FirstHop => Ok(home + FIRST_HOP_SHARE * self.path_us(0.0, 0.0)?),
                    Role::Reflector if self.random.chance(reflector_loss) => Err(Cause::Timeout),
                    _ => Ok(home + self.path_us(full_us, full_loss)?),
                }),
            };
            let server_us = match self.tallies[i].key.probe {
                ProbeKind::HttpTtfb => self.random.exponential(SERVER_US),
                ProbeKind::Dns => self.random.exponential(SERVER_US / 6.0),
                _ => 0.0,
            };
            let forward = self.random.chance(0.5);
            let tally = &mut self.tallies[i];
            match outcome.map(|us| us + server_us) {
                Ok(us) if us < TIMEOUT_US => tally.answered(us),
                outcome => {
                    tally.failed(outcome.err().unwrap_or(Cause::Timeout), cut.is_some());
                    if cut.is_none() && forward {
                        tally.directions.lost_forward += 1;
                    } else if cut.is_none() {
                        tally.directions.lost_back += 1;
                    }
                }
            }
        }
    }

    /// A round trip to the link's box.
    fn home_us(&mut self, extra_us: f64, loss: f64) -> Result<f64, Cause> {
        self.gateway
            .probe()
            .filter(|_| !self.random.chance(loss))
            .map(|us| f64::from(us) + self.random.exponential(extra_us))
            .ok_or(Cause::Timeout)
    }

    /// A round trip beyond it.
    fn path_us(&mut self, extra_us: f64, loss: f64) -> Result<f64, Cause> {
        self.path
            .probe()
            .filter(|_| !self.random.chance(loss))
            .map(|us| f64::from(us) + extra_us * self.random.lognormal(1.0, 0.3))
            .ok_or(Cause::Timeout)
    }
}

/// A counted link that the household does not use.
pub(super) fn idle() -> Busy {
    Busy::default()
}

/// What a household carries in a slot at `hour` of the day: little at night, most
/// in the evening, and by far not evenly.
pub(super) fn traffic(random: &mut Random, hour: f64, length: SlotLength) -> Busy {
    let evening = (-((hour - 20.5) / 3.0).powi(2)).exp();
    let day = if (7.0..23.5).contains(&hour) { 0.25 } else { 0.02 };
    let mean_bps = random.lognormal(8e6 * (evening + day), 1.0).min(200e6);
    let seconds = f64::from(length.ms()) / 1e3;
    let rx_bytes = (mean_bps * seconds / 8.0) as u64;
    Busy {
        rx_bytes,
        tx_bytes: rx_bytes / 12,
        rx_peak_bps: (mean_bps * (1.0 + random.exponential(1.5))).min(290e6) as u64,
        tx_peak_bps: (mean_bps / 6.0).min(45e6) as u64,
    }
}
