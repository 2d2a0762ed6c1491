//! Many distributions merged into one.

use super::{Distribution, bucket, placed, rank};

/// Merges the distributions of thousands of slots: every bucket has its place, so
/// adding one costs its own size and nothing else.
#[derive(Debug, Clone)]
pub struct Merger {
    counts: Vec<u32>,
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
        Self { counts: vec![0; buckets], count: 0, min_us: u32::MAX, max_us: 0 }
    }

    /// Adds one more.
    pub fn add(&mut self, part: &Distribution) {
        if part.count == 0 {
            return;
        }
        for &(b, n) in &part.buckets {
            let count = &mut self.counts[usize::from(b)];
            *count = count.saturating_add(n);
        }
        self.count += part.count;
        self.min_us = self.min_us.min(part.min_us);
        self.max_us = self.max_us.max(part.max_us);
    }

    /// All that was added.
    pub fn finish(&self) -> Distribution {
        if self.count == 0 {
            return Distribution::default();
        }
        let (first, last) = (bucket(self.min_us), bucket(self.max_us));
        let held = &self.counts[usize::from(first)..=usize::from(last)];
        let held = (first..).zip(held).filter(|(_, n)| **n > 0);
        Distribution {
            buckets: held.map(|(b, n)| (b, *n)).collect(),
            count: self.count,
            min_us: self.min_us,
            max_us: self.max_us,
        }
    }

    /// All that was added, and begins anew: cheaper than another merger.
    pub fn take(&mut self) -> Distribution {
        let taken = self.finish();
        for &(b, _) in &taken.buckets {
            self.counts[usize::from(b)] = 0;
        }
        (self.count, self.min_us, self.max_us) = (0, u32::MAX, 0);
        taken
    }

    /// [`Distribution::percentile_us`] of all that was added, and begins anew: nothing is
    /// allocated, and no bucket beyond the percentile is looked at.
    pub fn take_percentile_us(&mut self, q: f64) -> Option<f64> {
        if self.count == 0 {
            return None;
        }
        let (bounds, rank) = ((self.min_us, self.max_us), rank(q, self.count));
        let (first, last) = (bucket(self.min_us), bucket(self.max_us));
        let held = &mut self.counts[usize::from(first)..=usize::from(last)];
        let mut before = 0;
        let found = (first..).zip(&*held).find_map(|(b, n)| {
            let until = before + u64::from(*n);
            let nth = rank - before;
            before = until;
            (until >= rank).then(|| placed(b, nth, *n, bounds))
        });
        held.fill(0);
        (self.count, self.min_us, self.max_us) = (0, u32::MAX, 0);
        Some(found.unwrap_or(f64::from(bounds.1)))
    }
}
