//! A run's state in words, for a person. Pure.

use std::fmt::Write as _;

use hearth_proto::{Cause, Detail, DownCause, Own, Role, UnixMs};

use crate::run::affords;
use crate::run::status::{LinkStatus, ProbeStatus, RunStatus, TestStatus};

/// All of it, in lines.
pub fn show(status: &RunStatus) -> String {
    let mut out = String::new();
    // Writing to a string does not fail.
    let _ = whole(&mut out, status);
    out
}

fn whole(out: &mut String, run: &RunStatus) -> std::fmt::Result {
    writeln!(
        out,
        "hearth-agent {} as {} in household {}, up {}",
        run.version,
        run.agent,
        run.household,
        span(run.uptime_ms),
    )?;
    let uplink = &run.uplink;
    let state = match (&uplink.trouble, uplink.connected) {
        (_, true) => "connected".to_owned(),
        (Some(trouble), false) => format!("not connected: {trouble}"),
        (None, false) => "not connected yet".to_owned(),
    };
    write!(out, "collector  {state}; {} records acknowledged", uplink.acknowledged)?;
    if uplink.refused > 0 {
        write!(out, ", {} of them refused", uplink.refused)?;
    }
    match uplink.collector_ahead_ms {
        Some(ms) if ms.abs() > 1000 => {
            let way = if ms > 0 { "ahead of" } else { "behind" };
            writeln!(out, "; its clock is {} {way} this one", span(ms.unsigned_abs()))?;
        }
        _ => writeln!(out)?,
    }
    let spool = &run.spool;
    write!(
        out,
        "spool      {} slots and {} other records waiting, {} of {}",
        spool.slots,
        spool.events,
        bytes(spool.bytes),
        bytes(spool.max_bytes),
    )?;
    if spool.dropped_slots + spool.dropped_events > 0 {
        write!(
            out,
            "; {} slots and {} other records let go for want of room",
            spool.dropped_slots, spool.dropped_events,
        )?;
    }
    writeln!(out)?;
    match run.plan {
        Some(version) => writeln!(out, "plan       the collector's, version {version}")?,
        None => writeln!(out, "plan       as configured here; the collector has sent none")?,
    }
    if run.links.is_empty() {
        writeln!(out, "\nno link: no interface of this machine has a default route")?;
    }
    for link in &run.links {
        one(out, link, run.now)?;
    }
    Ok(())
}

fn one(out: &mut String, link: &LinkStatus, now: UnixMs) -> std::fmt::Result {
    let state = match (link.up, link.down) {
        (Some(true), _) => "up".to_owned(),
        (_, Some(cause)) => format!("DOWN, {}", down(cause)),
        _ => "nobody could judge it yet".to_owned(),
    };
    write!(out, "\n{} ({}): {state}", link.link, link.interface)?;
    if link.metered {
        write!(out, ", metered")?;
    }
    if link.roaming == Some(true) {
        write!(out, ", roaming")?;
    }
    writeln!(out)?;
    for probe in &link.probes {
        writeln!(out, "  {:<24} {}", name(probe), answer(probe, now))?;
    }
    budget(out, link)?;
    if let Some(kind) = link.testing {
        writeln!(out, "  a {kind} test runs now")?;
    } else if let Some(next) = link.next_test {
        let wait = next.due.since(now);
        let when = if wait > 0 {
            format!("in {}", span(wait as u64))
        } else {
            "once the line is idle".into()
        };
        let unless = if affords(link.budget.detail, next.kind) {
            ""
        } else {
            ", if the budget affords it by then"
        };
        writeln!(out, "  next test: {}, {when}{unless}", next.kind)?;
    }
    for test in &link.tests {
        writeln!(out, "  last {} test, {}: {}", test.kind, ago(test.start, now), found(test))?;
    }
    Ok(())
}

fn budget(out: &mut String, link: &LinkStatus) -> std::fmt::Result {
    let sum = |own: &Own| own.rx_bytes + own.tx_bytes;
    let budget = &link.budget;
    let spent: u64 = budget.spent.iter().map(|(_, own)| sum(own)).sum();
    write!(out, "  cost in {}: {}", budget.month, bytes(spent))?;
    match budget.limit_bytes {
        Some(limit) => write!(out, " of {}", bytes(limit))?,
        None => write!(out, ", no bound")?,
    }
    let parts = budget.spent.iter().filter(|(_, own)| sum(own) > 0);
    let parts: Vec<_> =
        parts.map(|(purpose, own)| format!("{} {}", purpose.name(), bytes(sum(own)))).collect();
    if !parts.is_empty() {
        write!(out, " ({})", parts.join(", "))?;
    }
    writeln!(out)?;
    if budget.detail != Detail::Full {
        writeln!(out, "  less is measured: {}", detail(budget.detail))?;
    }
    let all = budget.tests_run + budget.tests_skipped;
    if all > 0 {
        writeln!(
            out,
            "  tests in {}: {} run, {} skipped or failed",
            budget.month, budget.tests_run, budget.tests_skipped
        )?;
    }
    Ok(())
}

fn name(probe: &ProbeStatus) -> String {
    let whom = match probe.role {
        Role::Gateway => "gateway",
        Role::FirstHop => "first hop",
        Role::Reflector => "reflector",
        Role::Resolver if probe.target.is_empty() => "resolver",
        Role::Resolver | Role::Target => &probe.target,
    };
    let version = match probe.family {
        hearth_proto::Family::V4 => "IPv4",
        hearth_proto::Family::V6 => "IPv6",
    };
    format!("{whom} {} {version}", probe.probe)
}

fn answer(probe: &ProbeStatus, now: UnixMs) -> String {
    let what = match (probe.us, probe.failed) {
        (Some(us), _) => format!("{:.1} ms", us as f64 / 1000.0),
        (None, Some(cause)) => cause_in_words(cause).to_owned(),
        (None, None) => "not answered".to_owned(),
    };
    format!("{what}, {}", ago(probe.at, now))
}

fn found(test: &TestStatus) -> String {
    let cost = bytes(test.cost.rx_bytes + test.cost.tx_bytes);
    match test.outcome.as_str() {
        "done" => {
            let rate = |bps: Option<u64>, way: &str| {
                bps.map(|bps| format!("{:.1} Mbit/s {way}", bps as f64 / 1e6))
            };
            let rpm = test.rpm.map(|rpm| format!("{rpm} RPM"));
            let parts = [rate(test.down_bps, "down"), rate(test.up_bps, "up"), rpm];
            let parts: Vec<_> = parts.into_iter().flatten().collect();
            format!("{}; cost {cost}", parts.join(", "))
        }
        "failed" => format!("failed: {}; cost {cost}", test.detail),
        reason => format!("skipped ({reason}): {}", test.detail),
    }
}

fn cause_in_words(cause: Cause) -> &'static str {
    match cause {
        Cause::Timeout => "no answer",
        Cause::Refused => "refused",
        Cause::Unreachable => "unreachable",
        Cause::NoRoute => "no route",
        Cause::Local => "could not be sent",
        Cause::Name => "name not found",
        Cause::Protocol => "an answer that breaks the protocol",
        Cause::Status => "an error status",
    }
}

/// In words.
pub(crate) fn down(cause: DownCause) -> &'static str {
    match cause {
        DownCause::Probes => "nobody beyond the home answers",
        DownCause::Carrier => "no carrier",
        DownCause::Address => "no address",
        DownCause::Route => "no default route",
        DownCause::Interface => "the interface is gone",
    }
}

fn detail(detail: Detail) -> &'static str {
    match detail {
        Detail::Full => "nothing is left out",
        Detail::NoResponsiveness => "no responsiveness tests, to keep within the budget",
        Detail::NoTests => "no tests, to keep within the budget",
        Detail::RarePhases => "no tests, and DNS, TCP and HTTP ten times rarer",
        Detail::RareProbes => "no tests, and all probes beyond the home ten times rarer",
        Detail::Alive => {
            "one probe a minute, to know whether it is up: the budget is spent, or as good as"
        }
    }
}

fn ago(at: UnixMs, now: UnixMs) -> String {
    match now.since(at) {
        ms if ms < 1000 => "just now".to_owned(),
        ms => format!("{} ago", span(ms as u64)),
    }
}

/// The two largest units that say something.
fn span(ms: u64) -> String {
    let seconds = ms / 1000;
    let (days, hours) = (seconds / 86_400, seconds / 3600 % 24);
    let (minutes, rest) = (seconds / 60 % 60, seconds % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{rest} s"),
        (0, 0, m) => format!("{m} min {rest} s"),
        (0, h, m) => format!("{h} h {m} min"),
        (d, h, _) => format!("{d} d {h} h"),
    }
}

/// In SI units.
pub(crate) fn bytes(n: u64) -> String {
    match n {
        0..1_000 => format!("{n} B"),
        1_000..1_000_000 => format!("{:.1} kB", n as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", n as f64 / 1e6),
        _ => format!("{:.2} GB", n as f64 / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::sample::status;

    #[test]
    fn a_person_reads_what_it_is_doing() {
        let text = show(&status());
        for part in [
            "hearth-agent 0.1.0 as router-1 in household home-7, up 1 h 2 min",
            "collector  connected; 120 records acknowledged\n",
            "3 slots and 1 other records waiting, 4.1 kB of 67.1 MB; 2 slots and 0 other records let go",
            "fibre (eth1): up\n",
            "reflector stamp IPv4     12.3 ms, 1 s ago",
            "gateway icmp IPv4        no answer, 1 s ago",
            "next test: responsiveness, in 1 h 30 min\n",
            "last responsiveness test, 2 h 0 min ago: 100.0 Mbit/s down, 20.0 Mbit/s up, 850 RPM; cost 310.0 MB",
            "lte (wwan0): nobody could judge it yet, metered, roaming",
            "cost in 2026-11: 8.0 MB of 300.0 MB (probes 2.0 MB,",
            "less is measured: no tests, to keep within the budget",
            "tests in 2026-11: 5 run, 2 skipped or failed\n",
            "next test: capacity, in 2 h 0 min, if the budget affords it by then\n",
            "skipped (roaming): the network is not the subscriber's own",
        ] {
            assert!(text.contains(part), "{part:?} is not in\n{text}");
        }
    }

    #[test]
    fn trouble_is_told_in_words() {
        let mut run = status();
        run.uplink.connected = false;
        run.uplink.trouble = Some("collector can't be reached".into());
        run.uplink.collector_ahead_ms = Some(-7_200_000);
        run.links.truncate(1);
        run.links[0].up = Some(false);
        run.links[0].down = Some(DownCause::Carrier);
        let text = show(&run);
        assert!(text.contains("not connected: collector can't be reached"), "{text}");
        assert!(text.contains("its clock is 2 h 0 min behind this one"), "{text}");
        assert!(text.contains("fibre (eth1): DOWN, no carrier"), "{text}");
        run.links.clear();
        assert!(show(&run).contains("no link: no interface"), "{}", show(&run));
    }
}
