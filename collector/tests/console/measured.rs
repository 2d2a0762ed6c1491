//! What is measured now and then: radios and tests.

use hearth_proto::{
    Cause, Cell, Confidence, DirectionFigures, Distribution, Family, Figures, Layer, OrderId, Own,
    Record, SkipReason, Technology, TestKind, TestOutcome, TestResult, Wifi,
};

use crate::homes::{House, Line, MINUTE, NOW};

pub(crate) const WIFI: Wifi = Wifi {
    samples: 6,
    signal_dbm: -61,
    signal_worst_dbm: -74,
    rx_kbps: Some(866_700),
    tx_kbps: Some(650_000),
    frequency_mhz: 5_180,
    width_mhz: Some(80),
    tx_packets: 4_000,
    tx_retries: 310,
    tx_failed: 2,
};

/// 5G falls back to an anchor with both layers for half an hour.
pub(crate) fn cells(line: &Line, ago: i64) -> Vec<Cell> {
    let cell = |layer, band, rsrp| Cell {
        layer,
        samples: 6,
        rsrp_ddbm: Some(rsrp + (ago % 9) as i32 * 5),
        rsrq_ddb: Some(-110),
        sinr_ddb: Some(134),
        band: Some(band),
        cell: Some(26_385_408),
        pci: Some(214),
        plmn: None,
        roaming: false,
    };
    match line.technology {
        Technology::Lte => vec![cell(Layer::Lte, 20, -1012)],
        Technology::NrSa if ago < 60 => {
            vec![cell(Layer::Lte, 3, -987), cell(Layer::Nr, 78, -923)]
        }
        Technology::NrSa => vec![cell(Layer::Nr, 78, -934)],
        _ => Vec::new(),
    }
}

pub(crate) fn direction(bps: u64, rtt_us: u32, estimate: bool) -> DirectionFigures {
    DirectionFigures {
        goodput_bps: bps,
        low_bps: estimate.then_some(bps / 10 * 8),
        high_bps: None,
        confidence: Confidence::High,
        bytes: bps / 8 * 5,
        measured_ms: 5_000,
        flows: 8,
        rpm: (!estimate).then_some((60_000_000 / rtt_us, Confidence::Medium)),
        tcp_f: Distribution::new(),
        tls_f: Distribution::new(),
        http_f: (0..200).map(|i| rtt_us + i * 400).collect(),
        http_l: Distribution::new(),
    }
}

/// Every second hour a test of each link; what came of it goes round.
pub(crate) fn tests(house: &House) -> Vec<Record> {
    let mut tests = Vec::new();
    for (n, ago) in (5..house.first).step_by(115).enumerate() {
        for line in house.lines {
            let metered = line.technology.is_mobile();
            let outcome = match n % 5 {
                1 => TestOutcome::Skipped { reason: SkipReason::Busy, detail: String::new() },
                3 if metered => TestOutcome::Skipped {
                    reason: SkipReason::Budget,
                    detail: "2.1 MB of it are left".to_owned(),
                },
                4 => TestOutcome::Failed {
                    cause: Cause::Name,
                    why: "probe.example: <no> such name".to_owned(),
                },
                _ => TestOutcome::Done(Box::new(Figures {
                    down: Some(direction(
                        287_000_000 / (1 + u64::from(metered) * 5),
                        60_000,
                        metered,
                    )),
                    up: Some(direction(
                        94_000_000 / (1 + u64::from(metered) * 5),
                        110_000,
                        metered,
                    )),
                    idle_rtt: (0..40).map(|i| line.rtt_us + i * 10).collect(),
                })),
            };
            tests.push(Record::Test(TestResult {
                link: line.name.parse().unwrap(),
                kind: if metered { TestKind::Capacity } else { TestKind::Responsiveness },
                family: Some(Family::V4),
                server: "probe.example:8621".to_owned(),
                start: NOW.plus(-ago * MINUTE),
                start_boot_ms: 0,
                duration_ms: 14_000,
                order: (n == 2).then_some(OrderId(41)),
                cost: Own { rx_bytes: 1_200_000, tx_bytes: 610_000 },
                outcome,
            }));
        }
    }
    tests
}
