//! Many distributions merged into one.

use std::ops::RangeInclusive;

use super::{Distribution, bucket, placed, rank};

/// Merges the distributions of thousands of slots: every bucket has its place, so
/// adding one costs its own size and nothing else.
#[derive(Debug, Clone)]
pub struct Merger {
    counts: Vec<u32>,
    /// Which of them are over 0, 64 a word: times lie close together, and most
    /// buckets between the least and the greatest hold nothing.
    held: Vec<u64>,
    count: u64,
    min_us: u32,
    max_us: u32,
}

impl Default for Merger {
    fn default() -> Self {
        Self::new()
    }
}

impl Merger {
    /// Of nothing yet.
    pub fn new() -> Self {
        let buckets = usize::from(bucket(u32::MAX)) + 1;
        Self {
            counts: vec![0; buckets],
            held: vec![0; buckets.div_ceil(64)],
            count: 0,
            min_us: u32::MAX,
            max_us: 0,
        }
    }

    /// Adds one more.
    pub fn add(&mut self, part: &Distribution) {
        if part.count == 0 {
            return;
        }
        for &(b, n) in &part.buckets {
            let count = &mut self.counts[usize::from(b)];
            *count = count.saturating_add(n);
            self.held[usize::from(b / 64)] |= 1 << (b % 64);
        }
        self.count += part.count;
        self.min_us = self.min_us.min(part.min_us);
        self.max_us = self.max_us.max(part.max_us);
    }

    /// The words of `held` that are not 0 lie in it.
    fn words(&self) -> RangeInclusive<usize> {
        usize::from(bucket(self.min_us) / 64)..=usize::from(bucket(self.max_us) / 64)
    }

    /// The buckets that hold something, rising.
    fn buckets(&self) -> impl Iterator<Item = (u16, u32)> {
        let words = self.words();
        words.clone().zip(&self.held[words]).flat_map(move |(word, held)| {
            let mut left = *held;
            std::iter::from_fn(move || {
                let bit = left.trailing_zeros() as usize;
                left &= left.checked_sub(1)?;
                let b = word * 64 + bit;
                Some((b as u16, self.counts[b]))
            })
        })
    }

    fn begin_anew(&mut self) {
        for word in self.words() {
            let mut left = std::mem::take(&mut self.held[word]);
            while left != 0 {
                self.counts[word * 64 + left.trailing_zeros() as usize] = 0;
                left &= left - 1;
            }
        }
        (self.count, self.min_us, self.max_us) = (0, u32::MAX, 0);
    }

    /// All that was added.
    pub fn finish(&self) -> Distribution {
        if self.count == 0 {
            return Distribution::default();
        }
        let held = self.held[self.words()].iter().map(|held| held.count_ones() as usize).sum();
        let mut buckets = Vec::with_capacity(held);
        buckets.extend(self.buckets());
        Distribution { buckets, count: self.count, min_us: self.min_us, max_us: self.max_us }
    }

    /// All that was added, and begins anew: cheaper than another merger.
    pub fn take(&mut self) -> Distribution {
        let taken = self.finish();
        if self.count > 0 {
            self.begin_anew();
        }
        taken
    }

    /// [`Distribution::percentile_us`] of all that was added, and begins anew: nothing is
    /// allocated, and no bucket beyond the percentile is looked at.
    pub fn take_percentile_us(&mut self, q: f64) -> Option<f64> {
        if self.count == 0 {
            return None;
        }
        let (bounds, rank) = ((self.min_us, self.max_us), rank(q, self.count));
        let mut before = 0;
        let found = self.buckets().find_map(|(b, n)| {
            let until = before + u64::from(n);
            let nth = rank - before;
            before = until;
            (until >= rank).then(|| placed(b, nth, n, bounds))
        });
        self.begin_anew();
        Some(found.unwrap_or(f64::from(bounds.1)))
    }
}
