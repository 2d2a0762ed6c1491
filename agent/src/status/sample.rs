//! A run's state for the tests of this room.

use std::time::Duration;

use hearth_proto::{
    BootId, BudgetReport, Cause, Detail, Family, Own, Purpose, Role, TestKind, UnixMs,
};

use crate::run::status::{
    LinkStatus, NextTest, ProbeStatus, RunStatus, SpoolStatus, TestStatus, UplinkStatus,
};
use crate::run::times::Times;

/// 2026-11-24T12:00:00Z.
pub(crate) const NOW: UnixMs = UnixMs(1_795_521_600_000);

pub(crate) fn status() -> RunStatus {
    RunStatus {
        agent: "router-1".parse().unwrap(),
        household: "home-7".parse().unwrap(),
        boot: BootId(7),
        version: "0.1.0".into(),
        now: NOW,
        uptime_ms: 3_723_000,
        plan: Some(4),
        links: vec![fibre(), lte()],
        uplink: UplinkStatus {
            connected: true,
            acknowledged: 120,
            refused: 0,
            collector_ahead_ms: Some(-40),
            trouble: None,
        },
        spool: SpoolStatus {
            slots: 3,
            events: 1,
            bytes: 4096,
            max_bytes: 64 << 20,
            dropped_slots: 2,
            dropped_events: 0,
        },
    }
}

fn probe(probe: &str, role: Role, outcome: Result<u64, Cause>) -> ProbeStatus {
    let mut times = Times::default();
    times.record(outcome.ok().map(Duration::from_micros));
    ProbeStatus {
        probe: probe.into(),
        role,
        family: Family::V4,
        target: String::new(),
        at: NOW.plus(-1000),
        us: outcome.ok(),
        failed: outcome.err(),
        times,
    }
}

fn budget(link: &str, limit_bytes: Option<u64>, detail: Detail) -> BudgetReport {
    let own = Own { rx_bytes: 1_500_000, tx_bytes: 500_000 };
    BudgetReport {
        link: link.parse().unwrap(),
        month: "2026-11".into(),
        limit_bytes,
        detail,
        spent: Purpose::ALL.map(|purpose| (purpose, own)).to_vec(),
        tests_run: 5,
        tests_skipped: 2,
    }
}

fn fibre() -> LinkStatus {
    LinkStatus {
        link: "fibre".parse().unwrap(),
        interface: "eth1".into(),
        metered: false,
        up: Some(true),
        down: None,
        roaming: None,
        budget: budget("fibre", None, Detail::Full),
        budget_left_bytes: None,
        own: Own { rx_bytes: 9_000, tx_bytes: 8_000 },
        probes: vec![
            probe("stamp", Role::Reflector, Ok(12_300)),
            probe("icmp", Role::Gateway, Err(Cause::Timeout)),
        ],
        next_test: Some(NextTest { kind: TestKind::Responsiveness, due: NOW.plus(5_400_000) }),
        testing: None,
        tests: vec![TestStatus {
            kind: TestKind::Responsiveness,
            start: NOW.plus(-7_200_000),
            duration_ms: 21_000,
            cost: Own { rx_bytes: 250_000_000, tx_bytes: 60_000_000 },
            outcome: "done".into(),
            detail: String::new(),
            down_bps: Some(100_000_000),
            up_bps: Some(20_000_000),
            rpm: Some(850),
        }],
    }
}

fn lte() -> LinkStatus {
    LinkStatus {
        link: "lte".parse().unwrap(),
        interface: "wwan0".into(),
        metered: true,
        up: None,
        down: None,
        roaming: Some(true),
        budget: budget("lte", Some(300_000_000), Detail::NoTests),
        budget_left_bytes: Some(292_000_000),
        own: Own::default(),
        probes: Vec::new(),
        next_test: Some(NextTest { kind: TestKind::Capacity, due: NOW.plus(7_200_000) }),
        testing: None,
        tests: vec![TestStatus {
            kind: TestKind::Capacity,
            start: NOW.plus(-60_000),
            duration_ms: 0,
            cost: Own::default(),
            outcome: "roaming".into(),
            detail: "the network is not the subscriber's own".into(),
            down_bps: None,
            up_bps: None,
            rpm: None,
        }],
    }
}
