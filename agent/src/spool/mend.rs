//! Wall times put right once the clock was set. Pure.

use hearth_proto::Record;
use hearth_proto::convert::{decode_record, encode_record};

/// Moves a record taken by a clock that was then set by `by_ms`. A slot has to begin
/// on a multiple of its length: it moves to the one that holds its beginning, so that
/// it is told up to one length early, and never after what follows it.
pub(crate) fn mend(record: &mut Record, by_ms: i64) {
    match record {
        Record::Slot(slot) => slot.start = slot.length.start_of(slot.start.plus(by_ms)),
        Record::Test(test) => test.start = test.start.plus(by_ms),
        Record::Event(event) => event.at = event.at.plus(by_ms),
    }
}

/// The same of an encoded record; `None` where that would give no record.
pub(super) fn mend_body(body: &[u8], by_ms: i64) -> Option<Vec<u8>> {
    let mut record = decode_record(body).ok()?;
    mend(&mut record, by_ms);
    let mended = encode_record(&record);
    decode_record(&mended).is_ok().then_some(mended)
}
