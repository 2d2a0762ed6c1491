//! Tests and orders in words and in JSON.
#![expect(clippy::format_push_string, reason = "a few short lines, built once")]

use hearth_proto::{
    Cause, Confidence, DirectionFigures, Figures, SkipReason, TestOutcome, TestResult, UnixMs,
};
use serde_json::json;

use super::figures::value;
use crate::plans::{OrderEntry, OrderState};
use crate::report::figure::Unit;

/// Why a test was not run, for a person.
pub fn skip_words(reason: SkipReason) -> &'static str {
    match reason {
        SkipReason::Busy => "not run: the home used the line",
        SkipReason::GaveWay => "given up: the home began to use the line",
        SkipReason::Budget => "not run: the month's data budget does not cover it",
        SkipReason::Roaming => "not run: the link roams",
        SkipReason::LinkDown => "not run: the link was down",
        SkipReason::Expired => "not run: the order came too late",
        SkipReason::Rate => "not run: more orders than the agent accepts",
        SkipReason::NoServer => "not run: no test server, or no such link",
        SkipReason::Refused => "not run: the test server had no room for it",
        SkipReason::Stopped => "not run, or not to its end: the agent stopped",
    }
}

/// Why a test failed, for a person.
pub fn cause_words(cause: Cause) -> &'static str {
    match cause {
        Cause::Timeout => "failed: no answer in time",
        Cause::Refused => "failed: the server refused",
        Cause::Unreachable => "failed: the server can't be reached",
        Cause::NoRoute => "failed: no route or address on the link",
        Cause::Local => "failed: it could not be sent from here",
        Cause::Name => "failed: the server's name did not resolve",
        Cause::Protocol => "failed: the server's answer breaks the protocol",
        Cause::Status => "failed: the server answered with an error",
    }
}

fn direction(name: &str, d: &DirectionFigures) -> String {
    let mut text = format!("{name} {}", value(d.goodput_bps as f64, Unit::Bps));
    match (d.low_bps, d.high_bps) {
        (Some(low), Some(high)) => {
            text += &format!(
                " (between {} and {})",
                value(low as f64, Unit::Bps),
                value(high as f64, Unit::Bps)
            );
        }
        (Some(low), None) => text += &format!(" (at least {})", value(low as f64, Unit::Bps)),
        _ => {}
    }
    if let (Some(p50), Some(p95)) =
        (d.loaded_rtt().supported_percentile_ms(0.5), d.loaded_rtt().supported_percentile_ms(0.95))
    {
        text += &format!(", loaded RTT p50 {}, p95 {}", value(p50, Unit::Ms), value(p95, Unit::Ms));
        // Never without them: a mean of two rates hides a long queue.
        if let Some((rpm, confidence)) = d.rpm {
            text += &format!(", {rpm} RPM{}", doubt(confidence));
        }
    }
    text
}

/// A low confidence, in words to follow a figure.
pub(crate) fn doubt(confidence: Confidence) -> &'static str {
    match confidence {
        Confidence::Low => " (low confidence)",
        Confidence::Medium | Confidence::High => "",
    }
}

/// A test's outcome in one line.
pub fn test_outcome(test: &TestResult) -> String {
    let more = |words: &str, detail: &str| match detail {
        "" => words.to_owned(),
        detail => format!("{words} ({detail})"),
    };
    let bytes = test.cost.rx_bytes.saturating_add(test.cost.tx_bytes);
    let cost = value(bytes as f64, Unit::Bytes);
    let paid = |text: String| if bytes > 0 { format!("{text}; cost {cost}") } else { text };
    match &test.outcome {
        TestOutcome::Done(figures) => {
            let Figures { down, up, .. } = figures.as_ref();
            let found = [
                down.as_ref().map(|d| direction("down", d)),
                up.as_ref().map(|d| direction("up", d)),
            ];
            let found: Vec<String> = found.into_iter().flatten().collect();
            format!("{} on {}; cost {cost}", found.join("; "), test.link)
        }
        TestOutcome::Skipped { reason, detail } => paid(more(skip_words(*reason), detail)),
        TestOutcome::Failed { cause, why } => paid(more(cause_words(*cause), why)),
    }
}

/// An order's state, with its result.
pub fn outcome(entry: &OrderEntry, state: OrderState) -> String {
    match &entry.result {
        // What failed or was not run is said with that word.
        Some(result) if !matches!(result.outcome, TestOutcome::Done(_)) => test_outcome(result),
        Some(result) => format!("{}: {}", state.name(), test_outcome(result)),
        None if state == OrderState::Expired && entry.sent.is_some() => {
            "expired: the agent was told, but no result came".to_owned()
        }
        None if state == OrderState::Expired => "expired: the agent was not connected".to_owned(),
        None => state.name().to_owned(),
    }
}

/// A test as JSON: figures with their units in their names.
pub fn test_json(test: &TestResult) -> serde_json::Value {
    let one = |d: &DirectionFigures| {
        json!({
            "goodput_bps": d.goodput_bps,
            "low_bps": d.low_bps,
            "high_bps": d.high_bps,
            "confidence": d.confidence,
            "bytes": d.bytes,
            "measured_ms": d.measured_ms,
            "flows": d.flows,
            "rpm_draft09": d.rpm.map(|r| r.0),
            "rpm_confidence": d.rpm.map(|r| r.1),
            "loaded_rtt_p50_ms": d.loaded_rtt().supported_percentile_ms(0.5),
            "loaded_rtt_p95_ms": d.loaded_rtt().supported_percentile_ms(0.95),
            "loaded_rtt_count": d.loaded_rtt().count(),
            "http_l_p50_ms": d.http_l.supported_percentile_ms(0.5),
            "http_l_p95_ms": d.http_l.supported_percentile_ms(0.95),
            "http_l_count": d.http_l.count(),
        })
    };
    let outcome = match &test.outcome {
        TestOutcome::Done(f) => json!({
            "outcome": "done",
            "down": f.down.as_ref().map(one),
            "up": f.up.as_ref().map(one),
            "idle_rtt_p50_ms": f.idle_rtt.supported_percentile_ms(0.5),
        }),
        TestOutcome::Skipped { reason, detail } => {
            json!({ "outcome": "skipped", "reason": reason, "detail": detail })
        }
        TestOutcome::Failed { cause, why } => {
            json!({ "outcome": "failed", "cause": cause, "detail": why })
        }
    };
    json!({
        "link": test.link,
        "kind": test.kind,
        "family": test.family,
        "server": test.server,
        "start": test.start,
        "duration_ms": test.duration_ms,
        "order": test.order,
        "rx_bytes": test.cost.rx_bytes,
        "tx_bytes": test.cost.tx_bytes,
        "result": outcome,
    })
}

/// An order as JSON, with what became of it.
pub fn order_json(entry: &OrderEntry, now: UnixMs) -> serde_json::Value {
    json!({
        "order": entry.id,
        "household": entry.household,
        "agent": entry.agent,
        "link": entry.link,
        "kind": entry.kind,
        "by": entry.by,
        "via": entry.via,
        "at": entry.at,
        "expires": entry.expires,
        "sent": entry.sent,
        "times_sent": entry.times_sent,
        "state": entry.state(now),
        "test": entry.result.as_ref().map(test_json),
    })
}

#[cfg(test)]
mod tests {
    use hearth_proto::{Own, TestKind};

    use super::*;

    #[test]
    fn what_failed_is_said_once_with_why_and_what_it_cost() {
        let entry = |outcome| {
            let result = TestResult {
                link: "wan".parse().unwrap(),
                kind: TestKind::Responsiveness,
                family: None,
                server: "probe.example".to_owned(),
                start: UnixMs(1),
                start_boot_ms: 1,
                duration_ms: 0,
                order: None,
                cost: Own { rx_bytes: 1_500_000, tx_bytes: 500_000 },
                outcome,
            };
            OrderEntry {
                id: hearth_proto::OrderId(1),
                household: "home-7".parse().unwrap(),
                agent: "router-1".parse().unwrap(),
                link: None,
                kind: TestKind::Responsiveness,
                by: "ann".to_owned(),
                via: crate::store::asks::Via::Cli,
                at: UnixMs(1),
                expires: UnixMs(2),
                sent: Some(UnixMs(1)),
                times_sent: 1,
                result: Some(result),
            }
        };
        let failed = TestOutcome::Failed { cause: Cause::Refused, why: "it broke".to_owned() };
        assert_eq!(
            outcome(&entry(failed), OrderState::Failed),
            "failed: the server refused (it broke); cost 2.0 MB"
        );
        let detail = String::new();
        let skipped = TestOutcome::Skipped { reason: SkipReason::GaveWay, detail };
        assert_eq!(
            outcome(&entry(skipped), OrderState::Skipped),
            "given up: the home began to use the line; cost 2.0 MB"
        );
    }
}
