//! Slots as agents send them, read straight into the domain.
//!
//! A month of a home is a million series, and the general way makes each twice:
//! first as on the wire, then in the domain. Here a series goes from its bytes to
//! its place at once. Whatever an encoder would not have written (a field that this
//! program does not know, a message in parts, a value that is refused) is left to
//! the general way: it has the say, and the words for what is wrong.

use prost::Message;

use super::{MAX_SERIES, RecordError};
use crate::slot::{LinkSlot, Series};
use crate::wire;

/// A field's value.
#[derive(Clone, Copy)]
enum Value<'b> {
    Number(u64),
    Bytes(&'b [u8]),
}

use Value::{Bytes, Number};

/// A message's fields in their order; `None`: not as expected.
struct Fields<'b>(&'b [u8]);

impl<'b> Iterator for Fields<'b> {
    type Item = Option<(u64, Value<'b>)>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        (!self.0.is_empty()).then(|| self.field())
    }
}

impl<'b> Fields<'b> {
    #[inline]
    fn field(&mut self) -> Option<(u64, Value<'b>)> {
        let key = self.number()?;
        let value = match key & 7 {
            0 => Number(self.number()?),
            2 => {
                let length = usize::try_from(self.number()?).ok()?;
                let (bytes, rest) = self.0.split_at_checked(length)?;
                self.0 = rest;
                Bytes(bytes)
            }
            _ => return None,
        };
        Some((key >> 3, value))
    }

    #[inline]
    fn number(&mut self) -> Option<u64> {
        let (&first, rest) = self.0.split_first()?;
        self.0 = rest;
        let mut number = u64::from(first & 0x7f);
        let (mut last, mut shift) = (first, 7);
        while last >= 0x80 {
            // A number of ten bytes is a negative one, which no field here has.
            let (&next, rest) = self.0.split_first().filter(|_| shift < 63)?;
            self.0 = rest;
            number |= u64::from(next & 0x7f) << shift;
            (last, shift) = (next, shift + 7);
        }
        Some(number)
    }
}

fn text(bytes: &[u8]) -> Option<String> {
    std::str::from_utf8(bytes).ok().map(str::to_owned)
}

/// A message that comes once.
fn once<M: Message + Default>(field: &mut Option<M>, bytes: &[u8]) -> Option<()> {
    field.is_none().then_some(())?;
    *field = Some(M::decode(bytes).ok()?);
    Some(())
}

fn small<T: TryFrom<u64>>(number: u64) -> Option<T> {
    T::try_from(number).ok()
}

/// A record that is a slot; `None`: see the general way.
pub(super) fn slot(record: &[u8]) -> Option<LinkSlot> {
    let mut fields = Fields(record);
    let (1, Bytes(record)) = fields.next()?? else { return None };
    if fields.next().is_some() {
        return None;
    }
    let mut s = wire::LinkSlot::default();
    let (mut all, mut n) = ([&[][..]; MAX_SERIES], 0);
    for field in Fields(record) {
        match field? {
            (1, Bytes(link)) => s.link = text(link)?,
            (2, Number(start)) => s.start_unix_ms = (start >> 1) as i64 ^ -((start & 1) as i64),
            (3, Number(ms)) => s.length_ms = small(ms)?,
            (4, Number(ms)) => s.down_ms = small(ms)?,
            (5, Number(ms)) => s.unjudged_ms = small(ms)?,
            (6, Number(cause)) => s.down_cause = small(cause)?,
            (7, Bytes(series)) => {
                *all.get_mut(n)? = series;
                n += 1;
            }
            (8, Bytes(busy)) => once(&mut s.busy, busy)?,
            (9, Bytes(own)) => once(&mut s.own, own)?,
            (10, Bytes(wifi)) => once(&mut s.wifi, wifi)?,
            (11, Bytes(cell)) => s.cells.push(wire::Cell::decode(cell).ok()?),
            _ => return None,
        }
    }
    let unusual = || RecordError::Malformed(String::new());
    let all = all[..n].iter().map(|bytes| series(bytes).ok_or_else(unusual));
    LinkSlot::checked(s, all).ok()
}

fn series(bytes: &[u8]) -> Option<Series> {
    let mut s = wire::Series::default();
    let mut distribution: &[u8] = &[];
    for field in Fields(bytes) {
        match field? {
            (1, Number(probe)) => s.probe = small(probe)?,
            (2, Number(role)) => s.role = small(role)?,
            (3, Number(family)) => s.family = small(family)?,
            (4, Bytes(target)) => s.target = text(target)?,
            (5, Number(n)) => s.sent = small(n)?,
            (6, Bytes(failure)) => s.failures.push(wire::FailureCount::decode(failure).ok()?),
            (7, Number(n)) => s.failed_while_down = small(n)?,
            (8, Number(n)) => s.longest_failure_run = small(n)?,
            (9, Bytes(directions)) => once(&mut s.directions, directions)?,
            (10, Number(us)) => s.ipdv_mean_us = small(us)?,
            (11, Number(n)) => s.ipdv_pairs = small(n)?,
            (12, Bytes(bytes)) => distribution = bytes,
            (13, Number(n)) => s.payload_bytes = small(n)?,
            (14, Number(yes)) => s.after_idle = yes != 0,
            _ => return None,
        }
    }
    Series::checked(s, distribution).ok()
}
