//! The household's own use of a link: what the interface counts, less what the
//! probes are. What the uplink sends is not taken off: it does not choose a link.

use std::path::Path;
use std::time::{Duration, Instant};

use hearth_proto::{Busy, Family, ProbeKind, SlotLength, UnixMs};

use super::plan::Spec;
use super::timeline::Timeline;
use crate::clock;
use crate::link::counters::{BusyMeter, Bytes, Counters, Transport, counted_bytes};
use crate::link::discover::Link;

/// How often the interface's counters are read.
const COUNT_EVERY: Duration = Duration::from_secs(1);

/// One link's.
pub(super) struct Usage {
    counters: Counters,
    link_header: u64,
    meter: BusyMeter,
    own: Bytes,
    began: Instant,
    counted: Instant,
}

impl Usage {
    pub(super) fn new(link: &Link, now: Instant) -> Self {
        Self {
            counters: Counters::new(Path::new("/sys"), &link.interface),
            link_header: link_header(link),
            meter: BusyMeter::default(),
            own: Bytes::default(),
            began: now,
            counted: now,
        }
    }

    /// A probe was sent.
    pub(super) fn sent(&mut self, spec: &Spec) {
        self.own.tx += bytes(self.link_header, spec);
    }

    /// A probe was answered.
    pub(super) fn answered(&mut self, spec: &Spec) {
        self.own.rx += bytes(self.link_header, spec) + quote(spec);
    }

    /// Reads the counters when it is time to. Where a slot has ended since, gives
    /// an instant in it and its use.
    pub(super) fn count(
        &mut self,
        timeline: &Timeline,
        length: SlotLength,
    ) -> Option<(UnixMs, Busy)> {
        let instant = clock::now();
        let (last, now) = (timeline.at(self.counted), timeline.at(instant));
        let crossed = length.start_of(last) != length.start_of(now);
        if !crossed && instant.saturating_duration_since(self.counted) < COUNT_EVERY {
            return None;
        }
        self.counted = instant;
        match self.counters.read() {
            Ok(counted) => {
                let since = instant.saturating_duration_since(self.began);
                self.meter.reading(since, counted, self.own);
            }
            // It is gone, or has no counters.
            Err(_) => self.meter.unreadable(),
        }
        if crossed { self.meter.finish().map(|busy| (last, busy)) } else { None }
    }

    /// What was used since the last slot, and an instant in that time.
    pub(super) fn finish(&mut self, timeline: &Timeline) -> Option<(UnixMs, Busy)> {
        let last = timeline.at(self.counted);
        self.counted = clock::now();
        self.meter.finish().map(|busy| (last, busy))
    }
}

/// What the interface counts for a probe in one direction. Connections are
/// estimated: they are few.
fn bytes(link_header: u64, spec: &Spec) -> u64 {
    const DNS_OCTETS: u64 = 60;
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
fn link_header(link: &Link) -> u64 {
    const ARPHRD_ETHER: u16 = 1;
    let facts =
        crate::link::classify::read_facts(Path::new("/sys"), &link.interface, link.kind.as_deref());
    if facts.hardware == Some(ARPHRD_ETHER) { 14 } else { 0 }
}
