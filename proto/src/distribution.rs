//! A mergeable distribution of durations.
//!
//! Log-linear buckets, integers only, so that both ends agree bit for bit.
//! Values are microseconds. Under 512 µs each value has its bucket; above, every
//! octave is cut into 256, so a value is known to 1/256 of itself (0.4 %) and a
//! percentile, read from within its bucket, is off by no more. The least and
//! the greatest value are kept exactly.
//!
//! # Encoding
//! Varints (LEB128). An empty distribution is no bytes. Else: the version (1),
//! min, max − min, then for each bucket that holds something, in rising order,
//! a token `delta << 2 | c`: delta from the bucket before it (from min's bucket
//! at first, where it is 0), c the count if it is 1 to 3, or 0 and the count
//! less 4 follows. Decoding accepts only what encoding makes.

mod merger;

pub use merger::Merger;

const SUB_BITS: u32 = 8;
const SUB: u32 = 1 << SUB_BITS;
const VERSION: u64 = 1;

/// A distribution of durations in microseconds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Distribution {
    buckets: Vec<(u16, u32)>,
    count: u64,
    min_us: u32,
    max_us: u32,
}

/// Bytes that are not an encoded distribution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The bytes end within a number.
    #[error("distribution ends within a number")]
    Truncated,
    /// A number too large for its place.
    #[error("distribution has a number out of range")]
    OutOfRange,
    /// A version this program does not know.
    #[error("distribution version {0} is not known: 1")]
    Version(u64),
    /// Buckets that do not agree with min, max or their order.
    #[error("distribution buckets disagree with its bounds")]
    Inconsistent,
}

#[inline]
fn bucket(us: u32) -> u16 {
    let shift = (32 - us.leading_zeros()).saturating_sub(SUB_BITS + 1);
    ((shift << SUB_BITS) + (us >> shift)) as u16
}

/// The bucket's least value and its width, in microseconds.
#[inline]
fn span(bucket: u16) -> (u32, u32) {
    let b = u32::from(bucket);
    if b < 2 * SUB {
        return (b, 1);
    }
    let shift = (b >> SUB_BITS) - 1;
    ((b - (shift << SUB_BITS)) << shift, 1 << shift)
}

/// The nearest rank of a percentile `q` of so many values.
#[inline]
fn rank(q: f64, count: u64) -> u64 {
    ((q.clamp(0.0, 1.0) * count as f64).ceil() as u64).clamp(1, count)
}

/// The `nth` of a bucket's `n` values in microseconds, between the least and the
/// greatest of all.
#[inline]
fn placed(bucket: u16, nth: u64, n: u32, (min_us, max_us): (u32, u32)) -> f64 {
    let (lo, width) = span(bucket);
    let place = (nth as f64 - 0.5) / f64::from(n);
    let inside = if width == 1 { 0.0 } else { place * f64::from(width) };
    (f64::from(lo) + inside).clamp(f64::from(min_us), f64::from(max_us))
}

impl Distribution {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one value in microseconds.
    pub fn record(&mut self, us: u32) {
        self.add(bucket(us), 1);
        if self.count == 0 {
            (self.min_us, self.max_us) = (us, us);
        } else {
            self.min_us = self.min_us.min(us);
            self.max_us = self.max_us.max(us);
        }
        self.count += 1;
    }

    fn add(&mut self, bucket: u16, n: u32) {
        match self.buckets.binary_search_by_key(&bucket, |b| b.0) {
            Ok(i) => self.buckets[i].1 = self.buckets[i].1.saturating_add(n),
            Err(i) => self.buckets.insert(i, (bucket, n)),
        }
    }

    /// Adds all of `other`: merging windows loses nothing.
    pub fn merge(&mut self, other: &Self) {
        if other.count == 0 {
            return;
        }
        if self.count == 0 {
            self.clone_from(other);
            return;
        }
        let mut merged = Vec::with_capacity(self.buckets.len() + other.buckets.len());
        let (mut a, mut b) = (self.buckets.iter().peekable(), other.buckets.iter().peekable());
        loop {
            match (a.peek(), b.peek()) {
                (Some(x), Some(y)) if x.0 == y.0 => {
                    merged.push((x.0, x.1.saturating_add(y.1)));
                    a.next();
                    b.next();
                }
                (Some(x), Some(y)) if x.0 < y.0 => {
                    merged.push(**x);
                    a.next();
                }
                (_, Some(y)) => {
                    merged.push(**y);
                    b.next();
                }
                (Some(x), None) => {
                    merged.push(**x);
                    a.next();
                }
                (None, None) => break,
            }
        }
        self.buckets = merged;
        self.count += other.count;
        self.min_us = self.min_us.min(other.min_us);
        self.max_us = self.max_us.max(other.max_us);
    }

    /// All of `parts` in one, as [`Self::merge`] would, in one pass.
    pub fn merge_all<'d>(parts: impl IntoIterator<Item = &'d Self>) -> Self {
        let mut merger = Merger::new();
        parts.into_iter().for_each(|part| merger.add(part));
        merger.finish()
    }

    /// The buckets that hold something, rising: least value, width and count, in
    /// microseconds.
    pub fn buckets(&self) -> impl Iterator<Item = (u32, u32, u32)> + '_ {
        self.buckets.iter().map(|&(b, n)| {
            let (least, width) = span(b);
            (least, width, n)
        })
    }

    /// How many values it holds.
    #[inline]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Whether it holds none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The least value in microseconds, exact.
    #[inline]
    pub fn min_us(&self) -> Option<u32> {
        (self.count > 0).then_some(self.min_us)
    }

    /// The greatest value in microseconds, exact.
    #[inline]
    pub fn max_us(&self) -> Option<u32> {
        (self.count > 0).then_some(self.max_us)
    }

    /// The mean in microseconds, from bucket midpoints.
    pub fn mean_us(&self) -> Option<f64> {
        let total: f64 = self
            .buckets
            .iter()
            .map(|&(b, n)| {
                let (lo, width) = span(b);
                (f64::from(lo) + f64::from(width - 1) / 2.0) * f64::from(n)
            })
            .sum();
        (self.count > 0).then(|| total / self.count as f64)
    }

    /// The percentile `q` (0 to 1) in microseconds, by nearest rank, placed
    /// within its bucket by its rank there. `None` when it holds nothing.
    pub fn percentile_us(&self, q: f64) -> Option<f64> {
        if self.count == 0 {
            return None;
        }
        self.percentiles_us([q]).map(|[us]| us)
    }

    /// [`Self::percentile_us`] for several rising `q` in one pass.
    pub fn percentiles_us<const N: usize>(&self, rising: [f64; N]) -> Option<[f64; N]> {
        debug_assert!(rising.is_sorted(), "percentiles asked for must rise");
        if self.count == 0 {
            return None;
        }
        let mut found = [f64::from(self.max_us); N];
        let mut buckets = self.buckets.iter();
        let (mut b, mut n, mut before) = (0, 0_u32, 0_u64);
        for (us, q) in found.iter_mut().zip(rising) {
            let rank = rank(q, self.count);
            while before + u64::from(n) < rank {
                before += u64::from(n);
                let Some(&next) = buckets.next() else { return Some(found) };
                (b, n) = next;
            }
            *us = placed(b, rank - before, n, (self.min_us, self.max_us));
        }
        Some(found)
    }

    /// [`Self::percentile_us`] in milliseconds, or `None` when there are too few
    /// values for it: a percentile needs at least one value beyond it, so p95
    /// needs 20 and p99 needs 100; nothing is said of fewer than 5.
    pub fn supported_percentile_ms(&self, q: f64) -> Option<f64> {
        let beyond = self.count as f64 * (1.0 - q);
        if self.count < 5 || beyond < 1.0 - 1e-9 {
            return None;
        }
        self.percentile_us(q).map(|us| us / 1000.0)
    }

    /// Encoded as the module describes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        if self.count == 0 {
            return out;
        }
        put(&mut out, VERSION);
        put(&mut out, u64::from(self.min_us));
        put(&mut out, u64::from(self.max_us - self.min_us));
        let mut last = bucket(self.min_us);
        for &(b, n) in &self.buckets {
            let delta = u64::from(b - last) << 2;
            last = b;
            if n <= 3 {
                put(&mut out, delta | u64::from(n));
            } else {
                put(&mut out, delta);
                put(&mut out, u64::from(n - 4));
            }
        }
        out
    }

    /// The inverse of [`Self::encode`].
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        if bytes.is_empty() {
            return Ok(Self::default());
        }
        let mut rest = bytes;
        match take(&mut rest)? {
            VERSION => {}
            other => return Err(DecodeError::Version(other)),
        }
        let small = |v: u64| u32::try_from(v).map_err(|_| DecodeError::OutOfRange);
        let min_us = small(take(&mut rest)?)?;
        let max_us = min_us.checked_add(small(take(&mut rest)?)?).ok_or(DecodeError::OutOfRange)?;
        // Each number ends in a byte without the high bit; few buckets take two numbers.
        let numbers = rest.iter().filter(|b| **b < 0x80).count();
        let mut d = Self { buckets: Vec::with_capacity(numbers), count: 0, min_us, max_us };
        let mut last = u64::from(bucket(min_us));
        while !rest.is_empty() {
            let token = take(&mut rest)?;
            let delta = token >> 2;
            if (delta == 0) != d.buckets.is_empty() {
                return Err(DecodeError::Inconsistent);
            }
            last = last.checked_add(delta).ok_or(DecodeError::OutOfRange)?;
            let b = u16::try_from(last).map_err(|_| DecodeError::OutOfRange)?;
            let n = match token & 3 {
                0 => small(take(&mut rest)?)?.checked_add(4).ok_or(DecodeError::OutOfRange)?,
                n => n as u32,
            };
            d.buckets.push((b, n));
            d.count += u64::from(n);
        }
        let last = d.buckets.last().ok_or(DecodeError::Inconsistent)?;
        // One value has one place, and two different bounds need two values.
        let distinct = u64::from(min_us != max_us) + 1;
        if last.0 != bucket(max_us) || d.count < distinct {
            return Err(DecodeError::Inconsistent);
        }
        Ok(d)
    }
}

impl FromIterator<u32> for Distribution {
    fn from_iter<I: IntoIterator<Item = u32>>(values: I) -> Self {
        let mut d = Self::new();
        for v in values {
            d.record(v);
        }
        d
    }
}

fn put(out: &mut Vec<u8>, mut v: u64) {
    while v >= 0x80 {
        out.push(v as u8 | 0x80);
        v >>= 7;
    }
    out.push(v as u8);
}

#[inline]
fn take(rest: &mut &[u8]) -> Result<u64, DecodeError> {
    match rest.split_first() {
        // Nearly all are of one byte.
        Some((&byte, tail)) if byte < 0x80 => {
            *rest = tail;
            Ok(u64::from(byte))
        }
        _ => take_long(rest),
    }
}

fn take_long(rest: &mut &[u8]) -> Result<u64, DecodeError> {
    let mut v = 0_u64;
    for i in 0..10 {
        let (&byte, tail) = rest.split_first().ok_or(DecodeError::Truncated)?;
        *rest = tail;
        let part = u64::from(byte & 0x7f);
        if i == 9 && part > 1 {
            return Err(DecodeError::OutOfRange);
        }
        v |= part << (7 * i);
        if byte & 0x80 == 0 {
            // One number has one form.
            return if i > 0 && byte == 0 { Err(DecodeError::OutOfRange) } else { Ok(v) };
        }
    }
    Err(DecodeError::OutOfRange)
}

#[cfg(test)]
mod tests;
