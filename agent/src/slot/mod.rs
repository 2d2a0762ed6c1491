//! Samples into link-slots. Pure: time is passed in, as wall time that does not
//! jump; when the clock jumps, one [`SlotMaker`] ends and another begins.
//!
//! A sample belongs to the slot in which its probe was sent. A slot closes once
//! all its probes' outcomes are known and what is held of the link during it is
//! final. Slots follow each other without a hole from the maker's beginning to
//! its end; what they hold outside of that is unjudged.
//!
//! [`series`] sums up one kind of probe to one target.

mod series;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};

use hearth_proto::{
    Busy, DownCause, LinkName, LinkSlot, Outcome, Own, SeriesKey, SlotLength, UnixMs,
};

use crate::belief::{State, Transition};
use series::{Follower, Sum};

/// After a slot's end: the answer after a lost probe tells which way it was lost.
const GRACE_MS: i64 = 500;
/// A slot waits no longer for what should have come.
const MAX_HOLD_MS: i64 = 45_000;

/// Which series of a maker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SeriesId(usize);

/// STAMP's numbers of an answered probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Numbers {
    /// The probe's own.
    pub seq: u32,
    /// The reflector's, of its answer; `None` where there is none.
    pub reflector: Option<u32>,
}

#[derive(Debug, Default)]
struct Open {
    /// By series, and whether a cellular radio was idle before.
    sums: BTreeMap<(usize, bool), Sum>,
    busy: Option<Busy>,
    own: Own,
}

/// Makes one link's slots.
#[derive(Debug)]
pub struct SlotMaker {
    link: LinkName,
    length: SlotLength,
    begin: UnixMs,
    end: Option<UnixMs>,
    /// Where the next slot to close begins.
    next: UnixMs,
    open: BTreeMap<UnixMs, Open>,
    series: Vec<Follower>,
    /// What was held before the first of `transitions`.
    held: State,
    transitions: VecDeque<Transition>,
}

impl SlotMaker {
    /// From `begin` on, where `held` is what is held of the link.
    pub fn new(link: LinkName, length: SlotLength, begin: UnixMs, held: State) -> Self {
        Self {
            link,
            length,
            begin,
            end: None,
            next: length.start_of(begin),
            open: BTreeMap::new(),
            series: Vec::new(),
            held,
            transitions: VecDeque::new(),
        }
    }

    /// The series of this key, new or known.
    pub fn series(&mut self, key: &SeriesKey, payload_bytes: u32) -> SeriesId {
        let known = self.series.iter().position(|series| series.key == *key);
        SeriesId(known.unwrap_or_else(|| {
            self.series.push(Follower::new(key.clone(), payload_bytes));
            self.series.len() - 1
        }))
    }

    /// A probe was sent, or would have been. `number` is the caller's, rising
    /// within the series. `after_idle`: a cellular radio was idle before it, so that
    /// its time holds the promotion delay, and it is summed up apart.
    pub fn sent(&mut self, series: SeriesId, number: u64, at: UnixMs, after_idle: bool) {
        let at = at.max(self.begin);
        if let Some(series) = self.series.get_mut(series.0) {
            series.sent(number, at, after_idle);
        }
    }

    /// What came of it.
    pub fn outcome(
        &mut self,
        id: SeriesId,
        number: u64,
        outcome: Outcome,
        numbers: Option<Numbers>,
    ) {
        let Some(series) = self.series.get_mut(id.0) else { return };
        series.outcome(number, outcome, numbers);
        self.sum_up(id.0);
    }

    /// Adds to their slots the probes of a series up to the first whose outcome
    /// is not known yet.
    fn sum_up(&mut self, i: usize) {
        let Some(series) = self.series.get_mut(i) else { return };
        let (next, length) = (self.next, self.length);
        series.drain(
            &mut self.open,
            length,
            |open, at, known| {
                let start = length.start_of(at);
                // Too late for a slot that waited no longer.
                if start >= next {
                    let of = (i, known.after_idle);
                    open.entry(start).or_default().sums.entry(of).or_default().add(at, known);
                }
            },
            |open, (start, after_idle)| open.get_mut(&start)?.sums.get_mut(&(i, after_idle)),
        );
    }

    /// The probe's outcome will never be known: it was not sent.
    pub fn forget_outstanding(&mut self, series: SeriesId) {
        if let Some(of) = self.series.get_mut(series.0) {
            of.forget_outstanding();
            self.sum_up(series.0);
        }
    }

    /// The series' reflector counts anew from here on.
    pub fn new_session(&mut self, series: SeriesId) {
        if let Some(series) = self.series.get_mut(series.0) {
            series.new_session();
        }
    }

    /// What is held of the link changed.
    pub fn turned(&mut self, transition: Transition) {
        // Never before one already told, so that each instant has one state.
        let last = self.transitions.back().map_or(self.begin, |t| t.at);
        let at = transition.at.max(last);
        self.transitions.push_back(Transition { at, ..transition });
    }

    /// The household's use of the link in the slot that holds `at`.
    pub fn busy(&mut self, at: UnixMs, busy: Busy) {
        let start = self.length.start_of(at);
        if start >= self.next {
            self.open.entry(start).or_default().busy = Some(busy);
        }
    }

    /// What the agent itself used of the link in the slot that holds `at`; added to
    /// what was told before.
    pub fn own(&mut self, at: UnixMs, own: Own) {
        let start = self.length.start_of(at);
        if start >= self.next {
            let sum = &mut self.open.entry(start).or_default().own;
            sum.rx_bytes = sum.rx_bytes.saturating_add(own.rx_bytes);
            sum.tx_bytes = sum.tx_bytes.saturating_add(own.tx_bytes);
        }
    }

    /// Nothing is sent from `at` on.
    pub fn end(&mut self, at: UnixMs) {
        self.end.get_or_insert(at.max(self.begin));
    }

    /// Whether all its slots are closed.
    pub fn is_done(&self) -> bool {
        self.end.is_some_and(|end| self.next >= end)
    }

    /// The slots that are final at `now`; what is held of the link is final up to
    /// `settled`.
    pub fn close(&mut self, now: UnixMs, settled: UnixMs) -> Vec<LinkSlot> {
        let mut closed = Vec::new();
        while !self.is_done() {
            let end = self.next.plus(i64::from(self.length.ms()));
            let last = self.end.map_or(end, |ended| ended.min(end));
            if now < last.plus(GRACE_MS) {
                break;
            }
            let waits = settled < last
                || self.series.iter().any(|s| s.oldest().is_some_and(|at| at < last));
            if waits && now < last.plus(MAX_HOLD_MS) {
                break;
            }
            closed.push(self.close_next());
        }
        closed
    }

    /// All slots up to the end, at once. Probes still out count as not sent.
    pub fn flush(&mut self, at: UnixMs) -> Vec<LinkSlot> {
        self.end(at);
        for i in 0..self.series.len() {
            self.forget_outstanding(SeriesId(i));
        }
        let mut closed = Vec::new();
        while !self.is_done() {
            closed.push(self.close_next());
        }
        closed
    }

    fn close_next(&mut self) -> LinkSlot {
        let start = self.next;
        let end = start.plus(i64::from(self.length.ms()));
        self.next = end;
        let open = self.open.remove(&start).unwrap_or_default();
        let held = self.held_within(start, end);
        let series = open
            .sums
            .into_iter()
            .filter_map(|((i, after_idle), sum)| {
                let follower = self.series.get(i)?;
                let is_down = |at: UnixMs| {
                    held.iter().any(|(from, to, state)| {
                        (*from..*to).contains(&at) && matches!(state, State::Down(_))
                    })
                };
                Some(sum.finish(follower, after_idle, is_down))
            })
            .collect();
        let (mut down_ms, mut unjudged_ms) = (0, 0);
        let mut by_cause: Vec<(DownCause, i64)> = Vec::new();
        for (from, to, state) in &held {
            let ms = to.since(*from);
            match state {
                State::Up => {}
                State::Unjudged => unjudged_ms += ms,
                State::Down(cause) => {
                    down_ms += ms;
                    match by_cause.iter_mut().find(|(known, _)| known == cause) {
                        Some((_, sum)) => *sum += ms,
                        None => by_cause.push((*cause, ms)),
                    }
                }
            }
        }
        self.forget_transitions(end);
        LinkSlot {
            link: self.link.clone(),
            start,
            length: self.length,
            down_ms: down_ms as u32,
            unjudged_ms: unjudged_ms as u32,
            // The longest; of equals the latest.
            down_cause: by_cause
                .iter()
                .filter(|(_, ms)| *ms > 0)
                .max_by_key(|(_, ms)| *ms)
                .map(|(cause, _)| *cause),
            series,
            busy: open.busy,
            own: open.own,
            wifi: None,
            cells: Vec::new(),
        }
    }

    /// What is held from `start` to `end`, in pieces without a hole.
    fn held_within(&self, start: UnixMs, end: UnixMs) -> Vec<(UnixMs, UnixMs, State)> {
        let begin = self.begin.clamp(start, end);
        let ended = self.end.unwrap_or(end).clamp(begin, end);
        let mut pieces = vec![(start, begin, State::Unjudged)];
        let (mut from, mut state) = (begin, self.held);
        for transition in &self.transitions {
            let at = transition.at.clamp(from, ended);
            pieces.push((from, at, state));
            (from, state) = (at, if transition.at < end { transition.state } else { state });
        }
        pieces.push((from, ended, state));
        pieces.push((ended, end, State::Unjudged));
        pieces.retain(|(from, to, _)| from < to);
        pieces
    }

    fn forget_transitions(&mut self, before: UnixMs) {
        while let Some(first) = self.transitions.front().filter(|t| t.at <= before) {
            self.held = first.state;
            self.transitions.pop_front();
        }
    }
}
