//! Tests.

use super::{RecordError, enums, id, sent, text, wall};
use crate::distribution::Distribution;
use crate::slot::Own;
use crate::trial::{DirectionFigures, Figures, OrderId, TestOutcome, TestResult};
use crate::wire;
use wire::test_result::Outcome;

impl From<&TestResult> for wire::TestResult {
    fn from(t: &TestResult) -> Self {
        let outcome = match &t.outcome {
            TestOutcome::Done(figures) => Outcome::Figures(figures.as_ref().into()),
            TestOutcome::Skipped { reason, detail } => {
                Outcome::Skip(wire::Skip { reason: enums::skip_out(*reason), detail: sent(detail) })
            }
            TestOutcome::Failed { cause, why } => Outcome::Failure(wire::TestFailure {
                cause: enums::cause_out(*cause),
                why: sent(why),
            }),
        };
        Self {
            link: t.link.to_string(),
            kind: enums::test_kind_out(t.kind),
            family: t.family.map_or(wire::Family::Unspecified as i32, enums::family_out),
            server: sent(&t.server),
            start_unix_ms: t.start.0,
            start_boot_ms: t.start_boot_ms,
            duration_ms: t.duration_ms,
            order: t.order.map(|o| o.0).unwrap_or_default(),
            rx_bytes: t.cost.rx_bytes,
            tx_bytes: t.cost.tx_bytes,
            outcome: Some(outcome),
        }
    }
}

impl From<&Figures> for wire::Figures {
    fn from(f: &Figures) -> Self {
        Self {
            down: f.down.as_ref().map(Into::into),
            up: f.up.as_ref().map(Into::into),
            idle_rtt: f.idle_rtt.encode(),
        }
    }
}

impl From<&DirectionFigures> for wire::DirectionFigures {
    fn from(d: &DirectionFigures) -> Self {
        Self {
            goodput_bps: d.goodput_bps,
            low_bps: d.low_bps.unwrap_or_default(),
            high_bps: d.high_bps.unwrap_or_default(),
            confidence: enums::confidence_out(d.confidence),
            bytes: d.bytes,
            measured_ms: d.measured_ms,
            flows: d.flows,
            rpm: d.rpm.map(|r| r.0).unwrap_or_default(),
            rpm_confidence: d
                .rpm
                .map_or(wire::Confidence::Unspecified as i32, |r| enums::confidence_out(r.1)),
            tcp_f: d.tcp_f.encode(),
            tls_f: d.tls_f.encode(),
            http_f: d.http_f.encode(),
            http_l: d.http_l.encode(),
        }
    }
}

impl TryFrom<wire::TestResult> for TestResult {
    type Error = RecordError;

    fn try_from(t: wire::TestResult) -> Result<Self, RecordError> {
        let outcome = match t.outcome {
            Some(Outcome::Figures(f)) => {
                TestOutcome::Done(Box::new(Figures::try_from(f).map_err(|e| e.within("figures"))?))
            }
            Some(Outcome::Skip(s)) => TestOutcome::Skipped {
                reason: enums::skip_in("skip.reason", s.reason)?,
                detail: text("skip.detail", s.detail)?,
            },
            Some(Outcome::Failure(f)) => TestOutcome::Failed {
                cause: enums::cause_in("failure.cause", f.cause)?,
                why: text("failure.why", f.why)?,
            },
            None => {
                return Err(RecordError::field("outcome", "", "figures, a skip or a failure"));
            }
        };
        let family = match t.family {
            f if f == wire::Family::Unspecified as i32 => None,
            f => Some(enums::family_in("family", f)?),
        };
        Ok(Self {
            link: id("link", t.link)?,
            kind: enums::test_kind_in("kind", t.kind)?,
            family,
            server: text("server", t.server)?,
            start: wall("start_unix_ms", t.start_unix_ms)?,
            start_boot_ms: t.start_boot_ms,
            duration_ms: t.duration_ms,
            order: (t.order > 0).then_some(OrderId(t.order)),
            cost: Own { rx_bytes: t.rx_bytes, tx_bytes: t.tx_bytes },
            outcome,
        })
    }
}

impl TryFrom<wire::Figures> for Figures {
    type Error = RecordError;

    fn try_from(f: wire::Figures) -> Result<Self, RecordError> {
        let one = |name, figures: Option<wire::DirectionFigures>| {
            figures
                .map(DirectionFigures::try_from)
                .transpose()
                .map_err(|e: RecordError| e.within(name))
        };
        Ok(Self {
            down: one("down", f.down)?,
            up: one("up", f.up)?,
            idle_rtt: distribution("idle_rtt", &f.idle_rtt)?,
        })
    }
}

impl TryFrom<wire::DirectionFigures> for DirectionFigures {
    type Error = RecordError;

    fn try_from(d: wire::DirectionFigures) -> Result<Self, RecordError> {
        let told = |bps: u64| (bps > 0).then_some(bps);
        if d.low_bps > d.goodput_bps || (d.high_bps > 0 && d.high_bps < d.goodput_bps) {
            return Err(RecordError::field(
                "goodput_bps",
                d.goodput_bps,
                format!("within its bounds, {} to {}", d.low_bps, d.high_bps),
            ));
        }
        let rpm = match d.rpm {
            0 => None,
            rpm => Some((rpm, enums::confidence_in("rpm_confidence", d.rpm_confidence)?)),
        };
        Ok(Self {
            goodput_bps: d.goodput_bps,
            low_bps: told(d.low_bps),
            high_bps: told(d.high_bps),
            confidence: enums::confidence_in("confidence", d.confidence)?,
            bytes: d.bytes,
            measured_ms: d.measured_ms,
            flows: d.flows,
            rpm,
            tcp_f: distribution("tcp_f", &d.tcp_f)?,
            tls_f: distribution("tls_f", &d.tls_f)?,
            http_f: distribution("http_f", &d.http_f)?,
            http_l: distribution("http_l", &d.http_l)?,
        })
    }
}

fn distribution(field: &str, bytes: &[u8]) -> Result<Distribution, RecordError> {
    Distribution::decode(bytes).map_err(|e| RecordError::field(field, e, "an encoded distribution"))
}
