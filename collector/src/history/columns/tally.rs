//! What adds up of one series: counts, and the distribution of its times. Hours,
//! any stretch of slots and the whole span are tallies, and merging them loses
//! nothing.

use hearth_proto::{Cause, Directions, Distribution, LinkSlot, Merger, Series, UnixMs};

use crate::history::evidence::lost_while_up;
use crate::history::merge::judged_ms;

/// One series over some slots.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tally {
    /// Times in microseconds; none of probes that found a cellular radio idle.
    pub times: Distribution,
    /// Sum of `ipdv_mean_v1` · pairs, in microseconds.
    pub ipdv_us: u64,
    /// Pairs of consecutive answers.
    pub ipdv_pairs: u64,
    /// Sent.
    pub sent: u64,
    /// Answered, also by a path whose radio had been idle.
    pub answered: u64,
    /// Lost, also while the link was down.
    pub lost: u64,
    /// Of them, while it was not judged down.
    pub lost_up: u64,
    /// Failures, of any cause, while it was judged down.
    pub failed_while_down: u64,
    /// The longest run of failures in a slot without any while it was down.
    pub longest_failure_run: u32,
    /// Failures by cause, in the order of [`Cause::ALL`].
    pub causes: [u64; Cause::ALL.len()],
    /// Lost on the way there, of [`Self::directed`].
    pub lost_forward: u64,
    /// Lost on the way back.
    pub lost_back: u64,
    /// Answered or lost in slots that tell the directions apart and had no
    /// failures while down.
    pub directed: u64,
    /// Judged milliseconds of the slots it was in.
    pub judged_ms: u64,
    /// Slots it was in.
    pub slots: u64,
    /// The largest payload in bytes.
    pub payload_bytes: u32,
    /// The start of the first slot it was in, and the end of the last.
    pub extent: Option<(UnixMs, UnixMs)>,
}

impl Tally {
    /// `ipdv_mean_v1` over all pairs, in microseconds.
    pub fn ipdv_mean_us(&self) -> Option<f64> {
        (self.ipdv_pairs > 0).then(|| self.ipdv_us as f64 / self.ipdv_pairs as f64)
    }

    /// Adds all but the times of a slot's series; `begun` where a twin of it (the
    /// same probe, the radio idle) has been added of this slot.
    pub(super) fn count(&mut self, slot: &LinkSlot, series: &Series, begun: bool) {
        let (answered, lost) = (u64::from(series.answered()), u64::from(series.lost()));
        if !series.after_idle
            && let Some(ipdv) = series.ipdv
        {
            let us = u64::from(ipdv.mean_us) * u64::from(ipdv.pairs);
            self.ipdv_us = self.ipdv_us.saturating_add(us);
            self.ipdv_pairs += u64::from(ipdv.pairs);
        }
        self.sent += u64::from(series.sent);
        self.answered += answered;
        self.lost += lost;
        self.lost_up += u64::from(lost_while_up(series));
        self.failed_while_down += u64::from(series.failed_while_down);
        for (cause, n) in &series.failures {
            self.causes[*cause as usize] += u64::from(*n);
        }
        // Neither runs nor directions say which losses were in down time.
        if series.failed_while_down == 0 {
            self.longest_failure_run = self.longest_failure_run.max(series.longest_failure_run);
            if let Some(Directions { lost_forward, lost_back }) = series.directions {
                self.lost_forward += u64::from(lost_forward);
                self.lost_back += u64::from(lost_back);
                self.directed += answered + lost;
            }
        }
        if !begun {
            self.judged_ms += u64::from(judged_ms(slot));
            self.slots += 1;
        }
        self.payload_bytes = self.payload_bytes.max(series.payload_bytes);
        self.extend((slot.start, slot.start.plus(i64::from(slot.length.ms()))));
    }

    /// Adds all but the times of another, over other slots.
    pub(super) fn add_counts(&mut self, other: &Self) {
        self.ipdv_us = self.ipdv_us.saturating_add(other.ipdv_us);
        self.ipdv_pairs += other.ipdv_pairs;
        self.sent += other.sent;
        self.answered += other.answered;
        self.lost += other.lost;
        self.lost_up += other.lost_up;
        self.failed_while_down += other.failed_while_down;
        self.longest_failure_run = self.longest_failure_run.max(other.longest_failure_run);
        for (cause, n) in self.causes.iter_mut().zip(other.causes) {
            *cause += n;
        }
        self.lost_forward += other.lost_forward;
        self.lost_back += other.lost_back;
        self.directed += other.directed;
        self.judged_ms += other.judged_ms;
        self.slots += other.slots;
        self.payload_bytes = self.payload_bytes.max(other.payload_bytes);
        if let Some(extent) = other.extent {
            self.extend(extent);
        }
    }

    /// Adds another, over other slots.
    pub fn merge(&mut self, other: &Self) {
        self.times.merge(&other.times);
        self.add_counts(other);
    }

    fn extend(&mut self, (from, to): (UnixMs, UnixMs)) {
        let (first, last) = self.extent.unwrap_or((from, to));
        self.extent = Some((first.min(from), last.max(to)));
    }
}

/// A tally in the making: one per hour would merge its times again and again.
#[derive(Debug, Default)]
pub(super) struct Tallying {
    counts: Tally,
    times: Merger,
}

impl Tallying {
    pub(super) fn count(&mut self, slot: &LinkSlot, series: &Series, begun: bool) {
        self.counts.count(slot, series, begun);
    }

    pub(super) fn add_times(&mut self, times: &Distribution) {
        self.times.add(times);
    }

    pub(super) fn add(&mut self, tally: &Tally) {
        self.counts.add_counts(tally);
        self.times.add(&tally.times);
    }

    /// What was added, and begins anew.
    pub(super) fn take(&mut self) -> Tally {
        let counts = std::mem::take(&mut self.counts);
        Tally { times: self.times.take(), ..counts }
    }
}
