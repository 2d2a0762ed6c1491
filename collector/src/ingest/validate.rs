//! What of a batch is accepted. Pure: bytes in, records and refusals out.

use hearth_proto::convert::{MAX_BATCH_RECORDS, MAX_TEXT, decode_record};
use hearth_proto::{AgentId, BootId, Seq, UnixMs, Vantage, wire};

use crate::store::{Accepted, Batch, Hello, RefusalClass};

/// A defect of a message as a whole, which no well-made agent sends: the stream
/// ends, and what it carried stays in the agent's spool.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum MessageError {
    #[error("hello.{field} is not accepted: {why}")]
    Hello { field: &'static str, why: String },
    #[error("batch has {0} records: 1 to {MAX_BATCH_RECORDS} are accepted")]
    Size(usize),
}

/// Who the agent is.
pub(super) fn hello(hello: wire::Hello, received: UnixMs) -> Result<Hello, MessageError> {
    let refused = |field, why: String| MessageError::Hello { field, why };
    let vantage = match wire::Vantage::try_from(hello.vantage) {
        Ok(wire::Vantage::Router) => Vantage::Router,
        Ok(wire::Vantage::Device) => Vantage::Device,
        _ => {
            let why = format!("{}: 1 (router) or 2 (device) is", hello.vantage);
            return Err(refused("vantage", why));
        }
    };
    if hello.version.chars().count() > MAX_TEXT || hello.version.chars().any(char::is_control) {
        let why = format!("at most {MAX_TEXT} characters, none of them control characters, are");
        return Err(refused("version", why));
    }
    Ok(Hello {
        agent: AgentId::try_from(hello.agent).map_err(|e| refused("agent", e.to_string()))?,
        household: hello
            .household
            .parse()
            .map_err(|e: hearth_proto::ids::IdError| refused("household", e.to_string()))?,
        version: hello.version,
        vantage,
        received,
    })
}

/// The batch to be stored, and the refusals to be told: each record is judged
/// alone.
pub(super) fn batch(
    agent: &AgentId,
    batch: wire::ReportBatch,
    received: UnixMs,
) -> Result<(Batch, Vec<wire::Refusal>), MessageError> {
    let size = batch.records.len();
    if !(1..=MAX_BATCH_RECORDS).contains(&size) {
        return Err(MessageError::Size(size));
    }
    let mut records = Vec::with_capacity(size);
    let mut refused = Vec::new();
    let mut told = Vec::new();
    let mut highest = 0;
    for envelope in batch.records {
        let seq = envelope.seq;
        // SQLite's integers, like most, are signed.
        let refusal = if seq <= highest || i64::try_from(seq).is_err() {
            let reason = format!("seq {seq} is not accepted: above {highest}, below 2^63");
            Some((RefusalClass::seq(), reason))
        } else {
            highest = seq;
            match decode_record(&envelope.record) {
                Ok(record) => {
                    let body = envelope.record.to_vec();
                    records.push(Accepted { seq: Seq(seq), body, record });
                    None
                }
                Err(e) => Some((RefusalClass::from(&e), e.to_string())),
            }
        };
        if let Some((class, reason)) = refusal {
            refused.push((Seq(seq), class));
            told.push(wire::Refusal { seq, reason });
        }
    }
    let batch = Batch {
        agent: agent.clone(),
        boot: BootId(batch.boot),
        records,
        refused,
        up_to: Seq(highest),
        received,
    };
    Ok((batch, told))
}
