//! The use of a link: what the interface counts, and the agent's own part of it. The
//! rest is the household's.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hearth_proto::{Busy, Family, Own, ProbeKind, Purpose, SlotLength, UnixMs};

use super::dozing::Dozing;
use super::plan::Spec;
use super::switch_over::Carried;
use super::timeline::Timeline;
use crate::clock;
use crate::link::counters::{BusyMeter, Bytes, Counters, Passed, Transport, counted_bytes};
use crate::link::discover::Link;
use crate::link::spending::Spending;

/// How often the interface's counters are read.
const COUNT_EVERY: Duration = Duration::from_secs(1);

/// One link's.
pub(super) struct Usage {
    counters: Counters,
    link_header: u64,
    meter: BusyMeter,
    spending: Arc<Spending>,
    dozing: Arc<Dozing>,
    /// What was spent until the slot began.
    told: Bytes,
    began: Instant,
    counted: Instant,
    /// Between the last two readings, until it is taken.
    passed: Option<Passed>,
}

/// What was used within a slot.
#[derive(Debug, Clone, Copy)]
pub(super) struct Used {
    /// An instant in it.
    pub(super) within: UnixMs,
    /// The household's, where the interface counts it.
    pub(super) busy: Option<Busy>,
    /// The agent's.
    pub(super) own: Own,
}

impl Usage {
    pub(super) fn new(
        link: &Link,
        spending: Arc<Spending>,
        dozing: Arc<Dozing>,
        now: Instant,
    ) -> Self {
        Self {
            counters: Counters::new(Path::new("/sys"), &link.interface),
            link_header: link_header(link),
            meter: BusyMeter::default(),
            told: spending.total(),
            spending,
            dozing,
            began: now,
            counted: now,
            passed: None,
        }
    }

    /// A probe was sent.
    pub(super) fn sent(&self, spec: &Spec) {
        self.add(spec, Bytes { rx: 0, tx: bytes(self.link_header, spec) });
    }

    /// A probe was answered.
    pub(super) fn answered(&self, spec: &Spec) {
        self.add(spec, Bytes { rx: bytes(self.link_header, spec) + quote(spec), tx: 0 });
    }

    /// Where all of it is counted.
    pub(super) fn spending(&self) -> Arc<Spending> {
        Arc::clone(&self.spending)
    }

    fn add(&self, spec: &Spec, bytes: Bytes) {
        // They have counted each octet.
        if matches!(spec.key.probe, ProbeKind::HttpTtfb | ProbeKind::Dns) {
            return;
        }
        if spec.free {
            self.spending.add_home(bytes);
        } else {
            self.spending.add(Purpose::Probes, bytes);
        }
    }

    /// Reads the counters when it is time to. Where a slot has ended since, gives
    /// what was used in it.
    pub(super) fn count(&mut self, timeline: &Timeline, length: SlotLength) -> Option<Used> {
        let instant = clock::now();
        let (last, now) = (timeline.at(self.counted), timeline.at(instant));
        let crossed = length.start_of(last) != length.start_of(now);
        if !crossed && instant.saturating_duration_since(self.counted) < COUNT_EVERY {
            return None;
        }
        self.counted = instant;
        self.dozing.is_idle(instant);
        // Before the interface: what it counts between the two is its own a second later.
        self.spending.refresh();
        match self.counters.read() {
            Ok(counted) => {
                let since = instant.saturating_duration_since(self.began);
                self.passed = self.meter.reading(since, counted, self.spending.total());
            }
            // It is gone, or has no counters.
            Err(_) => self.meter.unreadable(),
        }
        crossed.then(|| self.used(last))
    }

    /// What was carried between the last two readings: once, after they were made.
    pub(super) fn carried(&mut self, timeline: &Timeline) -> Option<Carried> {
        let Passed { elapsed, household, own } = self.passed.take()?;
        let to = timeline.at(self.counted);
        Some(Carried { from: to.plus(-(elapsed.as_millis() as i64)), to, household, own })
    }

    /// What was used since the last slot.
    pub(super) fn finish(&mut self, timeline: &Timeline) -> Used {
        let last = timeline.at(self.counted);
        self.counted = clock::now();
        self.used(last)
    }

    fn used(&mut self, within: UnixMs) -> Used {
        let total = self.spending.total();
        let before = std::mem::replace(&mut self.told, total);
        let own = Own {
            rx_bytes: total.rx.saturating_sub(before.rx),
            tx_bytes: total.tx.saturating_sub(before.tx),
        };
        Used { within, busy: self.meter.finish(), own }
    }
}

/// What a probe costs a link with this header, answered: both directions together.
pub(super) fn round_trip_bytes(link_header: u64, spec: &Spec) -> u64 {
    2 * bytes(link_header, spec) + quote(spec)
}

/// What the interface counts for a probe in one direction. Connections are
/// estimated: they are few.
fn bytes(link_header: u64, spec: &Spec) -> u64 {
    // Of the root's servers: 28 asked, 239 told without their addresses.
    const DNS_OCTETS: u64 = 134;
    let family = spec.key.family;
    let udp = |payload| counted_bytes(link_header, family, Transport::Udp, payload);
    let tcp = |payload| counted_bytes(link_header, family, Transport::Tcp, payload);
    match spec.key.probe {
        ProbeKind::Stamp | ProbeKind::Hop => udp(spec.payload_bytes.into()),
        ProbeKind::Icmp => {
            counted_bytes(link_header, family, Transport::Icmp, spec.payload_bytes.into())
        }
        ProbeKind::Dns => udp(DNS_OCTETS),
        ProbeKind::TcpConnect => 3 * tcp(0),
        ProbeKind::TlsHandshake | ProbeKind::HttpTtfb => 5 * tcp(0) + 500,
    }
}

/// A router's answer to a hop probe quotes it whole: the IP header, and the UDP
/// header for which ICMP's own stands.
fn quote(spec: &Spec) -> u64 {
    match (spec.key.probe, spec.key.family) {
        (ProbeKind::Hop, Family::V4) => 28,
        (ProbeKind::Hop, Family::V6) => 48,
        _ => 0,
    }
}

/// 14 on what looks like Ethernet, 0 on TUN, PPP and raw IP.
pub(super) fn link_header(link: &Link) -> u64 {
    const ARPHRD_ETHER: u16 = 1;
    let facts =
        crate::link::classify::read_facts(Path::new("/sys"), &link.interface, link.kind.as_deref());
    if facts.hardware == Some(ARPHRD_ETHER) { 14 } else { 0 }
}
