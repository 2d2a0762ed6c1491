//! The only door between the wire and the domain. Out is total; in refuses what
//! is malformed, oversized or out of range, naming the field, the value and what
//! is accepted.

mod enums;
mod event;
mod plan;
mod quick;
mod radio;
mod slot;
mod trial;

pub use plan::MAX_LINK_PLANS;
use prost::Message;

use crate::event::Record;
use crate::ids::IdError;
use crate::wire;

/// The most octets an encoded record may have.
pub const MAX_RECORD_BYTES: usize = 16 * 1024;
/// The most records one batch may have.
pub const MAX_BATCH_RECORDS: usize = 4096;
/// The most series one slot may have.
pub const MAX_SERIES: usize = 64;
/// The most characters a free text may have (a target, a reason).
pub const MAX_TEXT: usize = 256;

/// Why a record is refused. Sending it again would not help.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// More octets than [`MAX_RECORD_BYTES`].
    #[error("record has {0} bytes: at most {MAX_RECORD_BYTES} are accepted")]
    Oversized(usize),
    /// Not a protobuf message of the kind.
    #[error("record is malformed: {0}")]
    Malformed(String),
    /// Neither a slot, a test nor an event.
    #[error("record is of no kind this program knows: a slot, a test or an event is accepted")]
    UnknownKind,
    /// A field's value is not accepted.
    #[error("{field} {value} is not accepted: {accepted}")]
    Field {
        /// The field's path within the record.
        field: String,
        /// The value, shortened.
        value: String,
        /// What would have been accepted.
        accepted: String,
    },
}

impl RecordError {
    fn field(field: &str, value: impl std::fmt::Debug, accepted: impl Into<String>) -> Self {
        let mut value = format!("{value:?}");
        if value.chars().count() > 80 {
            value = value.chars().take(79).chain(['…']).collect();
        }
        Self::Field { field: field.to_owned(), value, accepted: accepted.into() }
    }

    /// Puts `parent` before the field's path.
    fn within(self, parent: &str) -> Self {
        match self {
            Self::Field { field, value, accepted } => {
                Self::Field { field: format!("{parent}.{field}"), value, accepted }
            }
            other => other,
        }
    }
}

/// A record in its wire form, ready for an envelope.
pub fn encode_record(record: &Record) -> Vec<u8> {
    let record = match record {
        Record::Slot(s) => wire::record::Record::Slot(s.into()),
        Record::Test(t) => wire::record::Record::Test(t.into()),
        Record::Event(e) => wire::record::Record::Event(e.into()),
    };
    wire::Record { record: Some(record) }.encode_to_vec()
}

/// A record from its wire form.
pub fn decode_record(bytes: &[u8]) -> Result<Record, RecordError> {
    if bytes.len() > MAX_RECORD_BYTES {
        return Err(RecordError::Oversized(bytes.len()));
    }
    if let Some(slot) = quick::slot(bytes) {
        return Ok(Record::Slot(slot));
    }
    decode_any(bytes)
}

/// A record of any kind, whoever wrote it.
fn decode_any(bytes: &[u8]) -> Result<Record, RecordError> {
    let record =
        wire::Record::decode(bytes).map_err(|e| RecordError::Malformed(e.to_string()))?.record;
    match record {
        Some(wire::record::Record::Slot(s)) => {
            s.try_into().map(Record::Slot).map_err(|e: RecordError| e.within("slot"))
        }
        Some(wire::record::Record::Test(t)) => {
            t.try_into().map(Record::Test).map_err(|e: RecordError| e.within("test"))
        }
        Some(wire::record::Record::Event(e)) => {
            e.try_into().map(Record::Event).map_err(|e: RecordError| e.within("event"))
        }
        None => Err(RecordError::UnknownKind),
    }
}

/// A text as it may be sent: what is too long is cut, and control characters are
/// spaces, since the far end would refuse the whole record for them.
fn sent(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_TEXT).collect()
}

fn text(field: &str, value: String) -> Result<String, RecordError> {
    // Nearly all are short and plain.
    if value.len() <= MAX_TEXT && value.bytes().all(|b| matches!(b, b' '..=b'~')) {
        return Ok(value);
    }
    if value.chars().count() > MAX_TEXT || value.chars().any(char::is_control) {
        return Err(RecordError::field(
            field,
            value,
            format!("at most {MAX_TEXT} characters, none of them control characters"),
        ));
    }
    Ok(value)
}

fn id<T>(field: &str, value: String) -> Result<T, RecordError>
where
    T: TryFrom<String, Error = IdError>,
{
    T::try_from(value).map_err(|e| RecordError::field(field, &e.value, e.to_string()))
}

/// Wall times from 2020 to 2100: outside, the sender's clock was not yet set.
fn wall(field: &str, ms: i64) -> Result<crate::time::UnixMs, RecordError> {
    if (1_577_836_800_000..4_102_444_800_000).contains(&ms) {
        Ok(crate::time::UnixMs(ms))
    } else {
        Err(RecordError::field(field, ms, "milliseconds since 1970, from 2020 to 2100"))
    }
}

#[cfg(test)]
mod event_tests;
#[cfg(test)]
mod tests;
