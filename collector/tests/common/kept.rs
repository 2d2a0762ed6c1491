//! Records straight into a store, as if an agent had sent them.

use hearth_collector::store::sqlite::SqliteStore;
use hearth_collector::store::{Accepted, Batch, Hello, Store as _, Write};
use hearth_proto::convert::encode_record;
use hearth_proto::{
    BootId, Cause, DefaultRoute, DownCause, Event, EventKind, Family, LinkInfo, LinkSlot, Own,
    ProbeKind, Record, Role, Series, SeriesKey, SlotLength, Technology, UnixMs, Vantage,
};

/// What one agent of a household tells in one run, kept by the store.
pub fn keep(
    store: &SqliteStore,
    (household, agent): (&str, &str),
    vantage: Vantage,
    records: impl IntoIterator<Item = Record>,
    received: UnixMs,
) {
    let hello = Hello {
        agent: agent.parse().unwrap(),
        household: household.parse().unwrap(),
        version: "0.1.0".to_owned(),
        vantage,
        received,
    };
    let records: Vec<Accepted> = records
        .into_iter()
        .zip(1..)
        .map(|(record, seq)| Accepted {
            seq: hearth_proto::Seq(seq),
            body: encode_record(&record),
            record,
        })
        .collect();
    let up_to = records.last().unwrap().seq;
    let agent = hello.agent.clone();
    let batch = Batch { agent, boot: BootId(1), records, refused: Vec::new(), up_to, received };
    store.commit(&[Write::Hello(hello), Write::Batch(batch)]).unwrap();
}

/// A link is there from `at` on.
pub fn appeared(at: UnixMs, link: &str, technology: Technology, metric: u32) -> Record {
    let info = LinkInfo {
        link: link.parse().unwrap(),
        interface: link.to_owned(),
        technology,
        technology_source: "configured".to_owned(),
        v4: Some(DefaultRoute { metric }),
        v6: None,
    };
    Record::Event(Event { at, at_boot_ms: 0, kind: EventKind::LinkAppeared(info) })
}

/// A slot of `eth0` with sixty STAMP probes, all answered in 20 ms or, `down`, none.
pub fn plain_slot(start: UnixMs, length: SlotLength, down: bool) -> Record {
    let lost = if down { 60 } else { 0 };
    let series = Series {
        key: SeriesKey {
            probe: ProbeKind::Stamp,
            role: Role::Reflector,
            family: Family::V4,
            target: String::new(),
        },
        sent: 60,
        failures: if down { vec![(Cause::Timeout, lost)] } else { Vec::new() },
        failed_while_down: lost,
        longest_failure_run: lost,
        directions: None,
        ipdv: None,
        distribution: (lost..60).map(|us| 20_000 + us).collect(),
        payload_bytes: 44,
        after_idle: false,
    };
    Record::Slot(LinkSlot {
        link: "eth0".parse().unwrap(),
        start,
        length,
        down_ms: if down { length.ms() } else { 0 },
        unjudged_ms: 0,
        down_cause: down.then_some(DownCause::Probes),
        series: vec![series],
        own: Own::default(),
        wifi: None,
        cells: Vec::new(),
        busy: None,
    })
}
