//! One kind of probe to one target: its probes in the order of sending, and
//! their sums by slot.

use std::collections::VecDeque;

use hearth_proto::{
    Cause, Directions, Distribution, Ipdv, Outcome, Series, SeriesKey, SlotLength, UnixMs,
};

use super::Numbers;
use crate::direction::Finder;

#[derive(Debug)]
struct Probe {
    number: u64,
    at: UnixMs,
    after_idle: bool,
    outcome: Option<(Outcome, Option<Numbers>)>,
}

/// Follows a series over all slots.
#[derive(Debug)]
pub(super) struct Follower {
    pub(super) key: SeriesKey,
    payload_bytes: u32,
    /// From the oldest whose outcome is not known on.
    queue: VecDeque<Probe>,
    /// Knows lost probes by their slot, and whether a radio was idle before. One for
    /// both: the reflector's numbers are of all.
    finder: Finder<(UnixMs, bool)>,
}

/// A probe whose outcome is known, as are those of all before it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    outcome: Outcome,
    pub(super) after_idle: bool,
}

impl Follower {
    pub(super) fn new(key: SeriesKey, payload_bytes: u32) -> Self {
        Self { key, payload_bytes, queue: VecDeque::new(), finder: Finder::default() }
    }

    pub(super) fn sent(&mut self, number: u64, at: UnixMs, after_idle: bool) {
        self.queue.push_back(Probe { number, at, after_idle, outcome: None });
    }

    pub(super) fn outcome(&mut self, number: u64, outcome: Outcome, numbers: Option<Numbers>) {
        if let Some(probe) = self.queue.iter_mut().find(|probe| probe.number == number) {
            probe.outcome = Some((outcome, numbers));
        }
    }

    /// When the oldest probe was sent that is not summed up yet.
    pub(super) fn oldest(&self) -> Option<UnixMs> {
        self.queue.front().map(|probe| probe.at)
    }

    pub(super) fn forget_outstanding(&mut self) {
        self.queue.retain(|probe| probe.outcome.is_some());
    }

    pub(super) fn new_session(&mut self) {
        self.finder.renew();
    }

    /// Gives the probes at the front whose outcome is known to `take`. `sum` finds
    /// the sum of a slot that is still open, for what becomes known of the
    /// direction of earlier losses.
    pub(super) fn drain<O>(
        &mut self,
        open: &mut O,
        length: SlotLength,
        take: impl Fn(&mut O, UnixMs, Known),
        sum: impl for<'a> Fn(&'a mut O, (UnixMs, bool)) -> Option<&'a mut Sum>,
    ) {
        while let Some((at, after_idle, outcome, numbers)) = self.pop_known() {
            take(open, at, Known { outcome, after_idle });
            let Some(numbers) = numbers else { continue };
            match (outcome, numbers.reflector) {
                (Outcome::Failed(cause), _) if cause.is_loss() => {
                    self.finder.lost((length.start_of(at), after_idle));
                }
                (Outcome::Answered { .. }, Some(reflector)) => {
                    let told = self.finder.answered(numbers.seq, reflector);
                    for of in told.forward {
                        if let Some(sum) = sum(open, of) {
                            sum.forward += 1;
                        }
                    }
                    for of in told.back {
                        if let Some(sum) = sum(open, of) {
                            sum.back += 1;
                        }
                    }
                }
                _ => {}
            }
        }
    }

    fn pop_known(&mut self) -> Option<(UnixMs, bool, Outcome, Option<Numbers>)> {
        let (outcome, numbers) = self.queue.front()?.outcome?;
        let probe = self.queue.pop_front()?;
        Some((probe.at, probe.after_idle, outcome, numbers))
    }
}

/// One series within one slot.
#[derive(Debug, Default)]
pub(super) struct Sum {
    sent: u32,
    failures: Vec<(Cause, u32)>,
    failed_at: Vec<UnixMs>,
    run: u32,
    longest_run: u32,
    previous_us: Option<u32>,
    steps_us: u64,
    pairs: u32,
    distribution: Distribution,
    forward: u32,
    back: u32,
}

impl Sum {
    pub(super) fn add(&mut self, at: UnixMs, known: Known) {
        self.sent += 1;
        match known.outcome {
            Outcome::Answered { us } => {
                self.run = 0;
                self.distribution.record(us);
                if let Some(previous) = self.previous_us.replace(us) {
                    self.steps_us += u64::from(us.abs_diff(previous));
                    self.pairs += 1;
                }
            }
            Outcome::Failed(cause) => {
                self.run += 1;
                self.longest_run = self.longest_run.max(self.run);
                self.previous_us = None;
                self.failed_at.push(at);
                match self.failures.iter_mut().find(|(known, _)| *known == cause) {
                    Some((_, n)) => *n += 1,
                    None => self.failures.push((cause, 1)),
                }
            }
        }
    }

    pub(super) fn finish(
        self,
        of: &Follower,
        after_idle: bool,
        is_down: impl Fn(UnixMs) -> bool,
    ) -> Series {
        let failed_while_down = self.failed_at.iter().filter(|at| is_down(**at)).count();
        Series {
            key: of.key.clone(),
            sent: self.sent,
            failures: self.failures,
            failed_while_down: failed_while_down as u32,
            longest_failure_run: self.longest_run,
            directions: of
                .finder
                .is_stateful()
                .then_some(Directions { lost_forward: self.forward, lost_back: self.back }),
            ipdv: (self.pairs > 0).then(|| Ipdv {
                mean_us: (self.steps_us as f64 / f64::from(self.pairs)).round() as u32,
                pairs: self.pairs,
            }),
            distribution: self.distribution,
            payload_bytes: of.payload_bytes,
            after_idle,
        }
    }
}
