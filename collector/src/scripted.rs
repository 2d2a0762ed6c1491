//! Histories made from a script with a known truth: what an agent would have
//! reported of such links, probe by probe.

use hearth_proto::{
    Busy, Cause, Confidence, DefaultRoute, DirectionFigures, Directions, Distribution, DownCause,
    Event, EventKind, Family, LinkInfo, LinkSlot, ProbeKind, Role, Series, SeriesKey, SlotLength,
    Technology, UnixMs, Vantage,
};

use crate::history::{Exclusion, History, LinkHistory, Span};

/// 2026-11-24T00:00:00Z, the scripts' zero.
pub(crate) const START: UnixMs = UnixMs(1_795_478_400_000);

/// What goes wrong on a link.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum What {
    /// Nothing far answers; the near points do.
    BeyondTheHop,
    /// Neither far nor the first hop answers.
    Access,
    /// Nothing answers, the gateway neither.
    Gateway,
    /// The far end loses this share.
    Loss(f64),
    /// The far end and the first hop lose this share.
    AccessLoss(f64),
    /// The far end, and the first hop, are slower by so many ms.
    Slow(u32),
    /// The gateway is slower, and so is all beyond it, by so many ms.
    SlowGateway(u32),
    /// The reflector alone loses this share; the other target answers.
    ReflectorLoss(f64),
    /// The reflector alone is slower by so many ms.
    ReflectorSlow(u32),
}

/// From and to in ms after the script's start.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Trouble {
    pub(crate) from: i64,
    pub(crate) to: i64,
    pub(crate) what: What,
}

/// A link of the script.
#[derive(Debug, Clone)]
pub(crate) struct ScriptLink {
    pub(crate) name: &'static str,
    pub(crate) technology: Technology,
    pub(crate) rtt_ms: u32,
    pub(crate) jitter_ms: u32,
    pub(crate) loss: f64,
    pub(crate) mute_gateway: bool,
    pub(crate) peak_bps: u64,
    pub(crate) troubles: Vec<Trouble>,
}

impl ScriptLink {
    pub(crate) fn new(name: &'static str, technology: Technology, rtt_ms: u32) -> Self {
        Self {
            name,
            technology,
            rtt_ms,
            jitter_ms: 2,
            loss: 0.0,
            mute_gateway: false,
            peak_bps: 50_000_000,
            troubles: Vec::new(),
        }
    }

    pub(crate) fn trouble(mut self, from: i64, to: i64, what: What) -> Self {
        self.troubles.push(Trouble { from, to, what });
        self
    }
}

/// The home's traffic takes another link.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Switch {
    pub(crate) from: &'static str,
    pub(crate) to: &'static str,
    /// The outage's start, in ms after the script's.
    pub(crate) outage_ms: i64,
    pub(crate) answered_after_ms: u32,
    pub(crate) routed_after_ms: Option<u32>,
}

/// The script.
#[derive(Debug, Clone)]
pub(crate) struct Script {
    pub(crate) slot_ms: u32,
    pub(crate) slots: i64,
    pub(crate) probe_every_ms: i64,
    pub(crate) vantage: Vantage,
    pub(crate) links: Vec<ScriptLink>,
    /// Times without power: nothing is reported.
    pub(crate) dark: Vec<(i64, i64)>,
    pub(crate) exclusions: Vec<Exclusion>,
    pub(crate) switches: Vec<Switch>,
}

impl Script {
    /// Minutes with a probe a second.
    pub(crate) fn minutes(slots: i64, links: Vec<ScriptLink>) -> Self {
        Self {
            slot_ms: 60_000,
            slots,
            probe_every_ms: 1_000,
            vantage: Vantage::Device,
            links,
            dark: Vec::new(),
            exclusions: Vec::new(),
            switches: Vec::new(),
        }
    }

    /// Seconds with ten probes each, as the lab has them.
    pub(crate) fn seconds(slots: i64, links: Vec<ScriptLink>) -> Self {
        Self { slot_ms: 1_000, probe_every_ms: 100, ..Self::minutes(slots, links) }
    }

    pub(crate) fn history(&self) -> History {
        let links = self.links.iter().enumerate();
        let end = self.slots * i64::from(self.slot_ms);
        let mut events = Vec::new();
        for link in &self.links {
            for t in link.troubles.iter().filter(|t| is_outage(t.what)) {
                for (at, down) in [(t.from, Some(DownCause::Probes)), (t.to, None)] {
                    let name = link.name.parse().unwrap();
                    let kind = EventKind::LinkState { link: name, down };
                    // The first probe sent under the new state shows it.
                    let at =
                        (at + self.probe_every_ms - 1) / self.probe_every_ms * self.probe_every_ms;
                    if at < end && !self.is_dark(at) {
                        let event = Event { at: START.plus(at), at_boot_ms: at as u64, kind };
                        events.push(("agent".parse().unwrap(), event));
                    }
                }
            }
        }
        for switch in &self.switches {
            let kind = EventKind::TrafficMoved {
                from: switch.from.parse().unwrap(),
                to: switch.to.parse().unwrap(),
                answered_after_ms: switch.answered_after_ms,
                routed_after_ms: switch.routed_after_ms,
            };
            let at = switch.outage_ms + i64::from(switch.answered_after_ms);
            let event = Event { at: START.plus(at), at_boot_ms: at as u64, kind };
            events.push(("agent".parse().unwrap(), event));
        }
        events.sort_by_key(|(_, e)| e.at);
        History {
            tests: Vec::new(),
            household: "home-1".parse().unwrap(),
            span: Span { from: START, to: START.plus(end) },
            links: links.map(|(i, link)| self.link(i, link)).collect(),
            events,
            exclusions: self.exclusions.clone(),
        }
    }

    fn is_dark(&self, at: i64) -> bool {
        self.dark.iter().any(|(from, to)| (*from..*to).contains(&at))
    }

    fn link(&self, index: usize, link: &ScriptLink) -> LinkHistory {
        let length = SlotLength::try_from(self.slot_ms).unwrap();
        let mut random = Random(index as u64 + 1);
        let slots = (0..self.slots)
            .map(|n| n * i64::from(self.slot_ms))
            .filter(|start| !self.is_dark(*start))
            .map(|start| self.slot(link, start, length, &mut random))
            .collect();
        LinkHistory {
            agent: "agent".parse().unwrap(),
            vantage: self.vantage,
            info: LinkInfo {
                link: link.name.parse().unwrap(),
                interface: link.name.into(),
                technology: link.technology,
                technology_source: "configured".into(),
                v4: Some(DefaultRoute { metric: 100 * (index as u32 + 1) }),
                v6: None,
            },
            slots,
        }
    }

    fn slot(
        &self,
        link: &ScriptLink,
        start: i64,
        length: SlotLength,
        random: &mut Random,
    ) -> LinkSlot {
        let key = |probe, role, target: &str| SeriesKey {
            probe,
            role,
            family: Family::V4,
            target: target.into(),
        };
        let mut series = [
            Probes::new(key(ProbeKind::Stamp, Role::Reflector, "")),
            Probes::new(key(ProbeKind::Icmp, Role::Target, "a.example")),
            Probes::new(key(ProbeKind::Icmp, Role::Gateway, "")),
            Probes::new(key(ProbeKind::Hop, Role::FirstHop, "")),
        ];
        let mut down_ms = 0;
        let end = start + i64::from(length.ms());
        for at in (start..end).step_by(self.probe_every_ms as usize) {
            let now: Vec<What> = link
                .troubles
                .iter()
                .filter(|t| (t.from..t.to).contains(&at))
                .map(|t| t.what)
                .collect();
            let down = now.iter().any(|w| is_outage(*w));
            down_ms += if down { self.probe_every_ms as u32 } else { 0 };
            let us = |ms: u32, random: &mut Random| {
                ms * 1000 + (random.share() * f64::from(link.jitter_ms) * 1000.0) as u32
            };
            let mut slow = 0;
            let (mut slow_near, mut reflector_slow) = (0, 0);
            let (mut loss, mut hop_loss) = (link.loss, 0.0);
            let (mut reflector, mut target, mut gateway, mut hop) =
                (true, true, !link.mute_gateway, true);
            for what in now {
                match what {
                    What::BeyondTheHop => (reflector, target) = (false, false),
                    What::Access => (reflector, target, hop) = (false, false, false),
                    What::Gateway => {
                        (reflector, target, hop, gateway) = (false, false, false, false);
                    }
                    What::Loss(share) => loss = share,
                    What::AccessLoss(share) => (loss, hop_loss) = (share, share),
                    What::Slow(ms) => slow += ms,
                    What::SlowGateway(ms) => (slow, slow_near) = (slow + ms, slow_near + ms),
                    What::ReflectorSlow(ms) => reflector_slow += ms,
                    What::ReflectorLoss(share) => reflector = random.share() >= share,
                }
            }
            let far = link.rtt_ms + slow;
            let lost = random.share() < loss;
            series[0].add(reflector && !lost, us(far + reflector_slow, random), down);
            if (at / self.probe_every_ms) % 5 == 0 {
                series[1].add(target && random.share() >= loss, us(far, random), down);
            }
            series[2].add(gateway, us(1 + slow_near, random), down);
            let hop = hop && (hop_loss == 0.0 || random.share() >= hop_loss);
            series[3].add(hop, us(link.rtt_ms / 2 + slow, random), down);
        }
        LinkSlot {
            link: link.name.parse().unwrap(),
            start: START.plus(start),
            length,
            down_ms,
            unjudged_ms: 0,
            down_cause: (down_ms > 0).then_some(DownCause::Probes),
            series: series.into_iter().map(Probes::finish).collect(),
            own: hearth_proto::Own::default(),
            wifi: None,
            cells: Vec::new(),
            busy: Some(Busy {
                rx_bytes: 1_000_000,
                tx_bytes: 100_000,
                rx_peak_bps: link.peak_bps,
                tx_peak_bps: link.peak_bps,
            }),
        }
    }
}

fn is_outage(what: What) -> bool {
    matches!(what, What::BeyondTheHop | What::Access | What::Gateway)
}

struct Probes {
    series: Series,
    lost: u32,
    run: u32,
}

impl Probes {
    fn new(key: SeriesKey) -> Self {
        Self {
            series: Series {
                key,
                sent: 0,
                failures: Vec::new(),
                failed_while_down: 0,
                longest_failure_run: 0,
                directions: None,
                ipdv: None,
                distribution: Distribution::new(),
                payload_bytes: 44,
                after_idle: false,
            },
            lost: 0,
            run: 0,
        }
    }

    fn add(&mut self, answered: bool, us: u32, down: bool) {
        self.series.sent += 1;
        if answered {
            self.series.distribution.record(us);
            self.run = 0;
        } else {
            self.lost += 1;
            self.series.failed_while_down += u32::from(down);
            self.run += 1;
            self.series.longest_failure_run = self.series.longest_failure_run.max(self.run);
        }
    }

    fn finish(mut self) -> Series {
        if self.lost > 0 {
            self.series.failures.push((Cause::Timeout, self.lost));
        }
        if self.series.key.probe == ProbeKind::Stamp {
            self.series.directions = Some(Directions { lost_forward: self.lost, lost_back: 0 });
        }
        self.series
    }
}

/// An LCG, good enough for losses and delays that come out the same each time.
struct Random(u64);

impl Random {
    fn share(&mut self) -> f64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// An undisturbed test's figures in one direction, of a line that carries `bps`.
pub(crate) fn figures(bps: u64) -> DirectionFigures {
    DirectionFigures {
        goodput_bps: bps,
        low_bps: None,
        high_bps: None,
        confidence: Confidence::High,
        bytes: bps,
        measured_ms: 8_000,
        flows: 4,
        rpm: None,
        tcp_f: Distribution::new(),
        tls_f: Distribution::new(),
        http_f: Distribution::new(),
        http_l: Distribution::new(),
    }
}
