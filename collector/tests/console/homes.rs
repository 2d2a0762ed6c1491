//! Households to look at: a store filled with what their agents would have sent.

use hearth_collector::history::{Exclusion, Span};
use hearth_collector::store::exclusions::Exclusions as _;
use hearth_collector::store::sqlite::SqliteStore;
use hearth_collector::store::{Accepted, Batch, Hello, Store, Write};
use hearth_proto::convert::encode_record;
use hearth_proto::{
    AgentId, BootId, BudgetReport, Busy, Cause, DefaultRoute, Detail, Distribution, DownCause,
    Event, EventKind, Family, HouseholdId, Ipdv, LinkInfo, LinkName, LinkSlot, Own, ProbeKind,
    Purpose, Record, Role, Seq, Series, SeriesKey, SlotLength, Technology, UnixMs, Vantage,
};

use crate::measured::{WIFI, cells, tests};

/// 2025-11-24, 16:00 UTC: a whole minute.
pub(crate) const NOW: UnixMs = UnixMs(1_764_000_000_000);
pub(crate) const MINUTE: i64 = 60_000;

/// One link of a made-up home.
#[derive(Clone, Copy)]
pub(crate) struct Line {
    pub(crate) name: &'static str,
    pub(crate) technology: Technology,
    pub(crate) rtt_us: u32,
    pub(crate) spread_us: u32,
    /// Lost of 60.
    pub(crate) lost: u32,
    /// Minutes before now between which it is down, by probes.
    pub(crate) down: &'static [(i64, i64)],
    /// Minutes before now between which it is slow and lossy.
    pub(crate) slow: &'static [(i64, i64)],
}

pub(crate) const FTTP: Line = Line {
    name: "wan0",
    technology: Technology::Fttp,
    rtt_us: 12_000,
    spread_us: 800,
    lost: 0,
    down: &[],
    slow: &[],
};
pub(crate) const NR: Line =
    Line { name: "wwan0", technology: Technology::NrSa, rtt_us: 31_000, spread_us: 9_000, ..FTTP };
pub(crate) const LTE: Line =
    Line { name: "wwan1", technology: Technology::Lte, rtt_us: 58_000, spread_us: 22_000, ..FTTP };

/// A made-up home.
pub(crate) struct House {
    pub(crate) id: &'static str,
    pub(crate) lines: &'static [Line],
    /// Its records begin so many minutes before now.
    pub(crate) first: i64,
    /// And end so many before now.
    pub(crate) last: i64,
    /// Minutes before now between which the agent has no power.
    pub(crate) off: &'static [(i64, i64)],
    /// What its agent says it can't measure.
    pub(crate) cannot: Option<(&'static str, &'static str, &'static str)>,
}

fn within(spans: &[(i64, i64)], ago: i64) -> bool {
    spans.iter().any(|&(from, to)| ago <= from && ago > to)
}

fn series(role: Role, probe: ProbeKind, line: &Line, ago: i64, down: bool, slow: bool) -> Series {
    let near = role == Role::Gateway;
    let lost = match (down, slow) {
        (true, _) => 60,
        (false, true) if !near => 9,
        _ if near => 0,
        _ => line.lost,
    };
    let base = if near { 900 } else { line.rtt_us * if slow { 9 } else { 1 } };
    let spread = if near { 120 } else { line.spread_us * if slow { 6 } else { 1 } };
    let answered = 60 - lost;
    let distribution: Distribution = (0..answered)
        .map(|i| base + (i.wrapping_mul(7919) + ago as u32 * 31) % spread.max(1))
        .collect();
    Series {
        key: SeriesKey { probe, role, family: Family::V4, target: String::new() },
        sent: 60,
        failures: if lost > 0 { vec![(Cause::Timeout, lost)] } else { Vec::new() },
        failed_while_down: if down { lost } else { 0 },
        longest_failure_run: if down { 60 } else { lost.min(2) },
        directions: None,
        ipdv: (answered > 1).then(|| Ipdv { mean_us: spread / 3, pairs: answered - 1 }),
        distribution,
        payload_bytes: 44,
        after_idle: false,
    }
}

fn slot(line: &Line, ago: i64) -> LinkSlot {
    let (down, slow) = (within(line.down, ago), within(line.slow, ago));
    LinkSlot {
        link: line.name.parse::<LinkName>().unwrap(),
        start: NOW.plus(-ago * MINUTE),
        length: SlotLength::MINUTE,
        down_ms: if down { 60_000 } else { 0 },
        unjudged_ms: 0,
        down_cause: down.then_some(DownCause::Probes),
        series: vec![
            series(Role::Reflector, ProbeKind::Stamp, line, ago, down, slow),
            series(Role::Gateway, ProbeKind::Icmp, line, ago, false, false),
        ],
        own: Own { rx_bytes: 9_800, tx_bytes: 9_700 },
        wifi: (line.technology == Technology::Wifi).then_some(WIFI),
        cells: cells(line, ago),
        busy: Some(Busy {
            rx_bytes: 9_000_000,
            tx_bytes: 2_000_000,
            rx_peak_bps: 62_000_000,
            tx_peak_bps: 34_000_000,
        }),
    }
}

fn info(line: &Line, metric: u32) -> LinkInfo {
    LinkInfo {
        link: line.name.parse().unwrap(),
        interface: line.name.to_owned(),
        technology: line.technology,
        technology_source: "configured".to_owned(),
        v4: Some(DefaultRoute { metric }),
        v6: None,
    }
}

fn events(house: &House) -> Vec<Event> {
    let at = NOW.plus(-house.first * MINUTE);
    let mut kinds = vec![(
        at,
        EventKind::Boot {
            version: "0.1.0".to_owned(),
            slot: SlotLength::MINUTE,
            vantage: Vantage::Router,
        },
    )];
    for (i, line) in house.lines.iter().enumerate() {
        kinds.push((at, EventKind::LinkAppeared(info(line, 100 * (i as u32 + 1)))));
        for &(from, to) in line.down {
            let link = line.name.parse::<LinkName>().unwrap();
            let down = Some(DownCause::Probes);
            kinds.push((
                NOW.plus(-from * MINUTE + 400),
                EventKind::LinkState { link: link.clone(), down },
            ));
            if to > 0 {
                let up = NOW.plus(-to * MINUTE + 200);
                kinds.push((up, EventKind::LinkState { link, down: None }));
            }
        }
    }
    let first: LinkName = house.lines[0].name.parse().unwrap();
    kinds.push((
        NOW.plus(-4 * MINUTE),
        EventKind::Budget(BudgetReport {
            link: first.clone(),
            month: "2025-11".to_owned(),
            limit_bytes: Some(50_000_000_000),
            detail: Detail::NoResponsiveness,
            spent: vec![
                (Purpose::Probes, Own { rx_bytes: 210_000_000, tx_bytes: 190_000_000 }),
                (Purpose::Responsiveness, Own { rx_bytes: 8_100_000_000, tx_bytes: 2_400_000_000 }),
            ],
            tests_run: 21,
            tests_skipped: 6,
        }),
    ));
    let hop = |last: u8| Some(std::net::IpAddr::from([192, 0, 2, last]));
    kinds.push((
        NOW.plus(-3 * MINUTE),
        EventKind::PathChanged {
            link: first,
            family: Family::V4,
            before: vec![hop(1), hop(9)],
            now: vec![hop(1), None],
        },
    ));
    for line in house.lines.iter().filter(|l| l.technology == Technology::NrSa) {
        kinds.push((
            NOW.plus(-2 * MINUTE),
            EventKind::RadioChanged {
                link: line.name.parse().unwrap(),
                technology: Technology::NrNsa,
                roaming: false,
                cells: cells(line, 2),
                source: "ModemManager".to_owned(),
            },
        ));
    }
    if let Some((what, why, remedy)) = house.cannot {
        kinds.push((
            NOW.plus(-30 * MINUTE),
            EventKind::CannotMeasure {
                link: None,
                what: what.to_owned(),
                why: why.to_owned(),
                remedy: remedy.to_owned(),
            },
        ));
    }
    kinds.sort_by_key(|k| k.0);
    let event = |(at, kind): (UnixMs, EventKind)| Event {
        at,
        at_boot_ms: u64::try_from(at.since(NOW.plus(-house.first * MINUTE))).unwrap(),
        kind,
    };
    kinds.into_iter().map(event).collect()
}

/// Enters maintenance of a house's links, long words and all.
pub(crate) fn exclude(store: &SqliteStore, id: &str) {
    let household: HouseholdId = id.parse().unwrap();
    for (from, to) in [(1_100, 1_050), (350, 320), (90, 70)] {
        let exclusion = Exclusion {
            link: (from == 350).then(|| "wan0".to_owned()),
            span: Span { from: NOW.plus(-from * MINUTE), to: NOW.plus(-to * MINUTE) },
            by: "the night shift of the network operations centre".to_owned(),
            why: "planned replacement of the street cabinet, as announced by letter".to_owned(),
        };
        store.exclude(&household, &exclusion, NOW).unwrap();
    }
}

/// Fills `store` with the house's records.
pub(crate) fn fill(store: &SqliteStore, house: &House) {
    let agent: AgentId = format!("agent-{}", house.id).parse().unwrap();
    let household: HouseholdId = house.id.parse().unwrap();
    let received = NOW.plus(-house.last * MINUTE);
    let mut records: Vec<Record> = events(house).into_iter().map(Record::Event).collect();
    records.extend(tests(house));
    for ago in (house.last + 1..=house.first).rev() {
        if !within(house.off, ago) {
            records.extend(house.lines.iter().map(|line| Record::Slot(slot(line, ago))));
        }
    }
    let hello = Write::Hello(Hello {
        agent: agent.clone(),
        household,
        version: "0.1.0".to_owned(),
        vantage: Vantage::Router,
        received,
    });
    store.commit(&[hello]).unwrap();
    let mut seq = 0;
    for chunk in records.chunks(1_000) {
        let records: Vec<Accepted> = chunk
            .iter()
            .map(|record| {
                seq += 1;
                Accepted { seq: Seq(seq), body: encode_record(record), record: record.clone() }
            })
            .collect();
        let up_to = Seq(seq);
        let batch = Batch {
            agent: agent.clone(),
            boot: BootId(7),
            records,
            refused: Vec::new(),
            up_to,
            received,
        };
        store.commit(&[Write::Batch(batch)]).unwrap();
    }
}

const ROUGH: &[(i64, i64)] = &[
    (1_400, 1_390),
    (1_300, 1_280),
    (1_250, 1_200),
    (1_000, 970),
    (900, 895),
    (800, 740),
    (690, 650),
    (400, 380),
    (300, 290),
    (110, 104),
    (60, 50),
];

/// A street in which each state is to be seen.
pub(crate) const STREET: [House; 7] = [
    House {
        id: "maple-17",
        lines: &[
            Line { down: &[(195, 180), (700, 696)], ..FTTP },
            Line { slow: &[(640, 610)], ..NR },
            Line { lost: 1, slow: &[(190, 150)], down: &[(35, 0)], ..LTE },
        ],
        first: 1_440,
        last: 0,
        off: &[(500, 430)],
        cannot: Some((
            "ICMP to the gateway",
            "the system gives this user no ICMP socket",
            "add the agent's group to net.ipv4.ping_group_range, or give it CAP_NET_RAW",
        )),
    },
    House { id: "rowan-9", lines: &[FTTP, NR], first: 300, last: 0, off: &[], cannot: None },
    House { id: "birch-2", lines: &[FTTP, LTE], first: 400, last: 12, off: &[], cannot: None },
    House {
        id: "cedar-5",
        lines: &[Line { down: &[(22, 0)], ..FTTP }, Line { down: &[(21, 0)], ..LTE }],
        first: 300,
        last: 0,
        off: &[],
        cannot: None,
    },
    House {
        id: "larch-30",
        lines: &[Line { slow: &[(17, 0)], ..FTTP }, Line { slow: &[(40, 0)], ..NR }],
        first: 300,
        last: 0,
        off: &[],
        cannot: Some(("<script>alert(1)</script>", "\"why\" & <b>how</b>", "'none'")),
    },
    House {
        id: "oak-8",
        lines: &[
            Line { down: ROUGH, ..FTTP },
            Line { down: ROUGH, slow: &[(900, 600)], ..NR },
            Line { down: &[(1_200, 1_190), (700, 640), (120, 100)], ..LTE },
            Line { name: "wlan0", technology: Technology::Wifi, slow: ROUGH, ..FTTP },
            Line { name: "ppp0", technology: Technology::Satellite, rtt_us: 600_000, ..LTE },
        ],
        first: 1_440,
        last: 0,
        off: &[(500, 430)],
        cannot: None,
    },
    House { id: "aspen-1", lines: &[NR], first: 6, last: 0, off: &[], cannot: None },
];
