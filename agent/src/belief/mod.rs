//! Whether a link works: belief from probes' outcomes, and certainty from the
//! system. Pure: time is passed in, as wall time that does not jump.
//!
//! After the idea published as Trinocular (SIGCOMM 2013). Far targets are asked
//! in rounds, at least a second long: a faster pace must not make an outage of
//! two packets lost in a row. A round in which any of them answered speaks for
//! the link; one in which none did speaks against it once every one of them has
//! been asked since the failures began: one silent target is the target's fault.
//! Rounds count in the order of sending, and a change is dated to the probe that
//! first shows it, also where that was sent late in a round that spoke for the
//! link.
//!
//! Read this file first (what it is told, and asked), then `evidence` (what is
//! kept of that) and `judge` (what a round says); [`baseline`] learns how often a
//! working link answers.

mod baseline;
mod evidence;
mod judge;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};

use hearth_proto::{DownCause, Outcome, UnixMs};

pub use baseline::Baseline;
use evidence::{Round, Target, Word};

const LEAST: f64 = 0.01;
const MOST: f64 = 0.99;
/// For so long doubt asks for a probe a second.
const URGENT_MS: i64 = 30_000;
/// What is held without anybody being asked is held so long at most.
const AWAIT_MS: i64 = 10_000;
/// The least length of a round.
const LEAST_ROUND_MS: i64 = 1000;
/// Rounds that may await their outcomes. More would mean that outcomes never
/// come: then the oldest counts as it stands.
const MAX_ROUNDS: usize = 256;

/// What is held of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Nothing yet, or nobody beyond the home to ask.
    Unjudged,
    /// It works.
    Up,
    /// It does not.
    Down(DownCause),
}

/// From `at` on, this is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transition {
    /// When the first probe that shows it was sent, or the system's notice came.
    pub at: UnixMs,
    /// What is held.
    pub state: State,
}

/// A far target of one link in one IP version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TargetId(u32);

/// The belief that one link works.
#[derive(Debug)]
pub struct Belief {
    round_ms: i64,
    reply_if_up: f64,
    b: f64,
    state: State,
    /// Down by the system's word.
    hard: bool,
    targets: BTreeMap<TargetId, Target>,
    next_target: u32,
    rounds: VecDeque<Round>,
    /// The last round applied; later news of it or of older ones changes nothing.
    applied: i64,
    /// The first loss since the last round that spoke for the link.
    falling: Option<UnixMs>,
    /// When the last probe was sent that any target answered.
    last_answered: Option<UnixMs>,
    /// The first answer since the last round that spoke against it.
    rising: Option<UnixMs>,
    doubt_since: Option<UnixMs>,
    /// Since when nobody is asked, though somebody should be at once.
    awaited_since: Option<UnixMs>,
    /// Rounds since the last tally: (spoke for the link, spoke at all).
    tally: (u32, u32),
    run: u32,
}

impl Belief {
    /// Of a link that has carrier, address and route, and was not asked yet, whose
    /// steady probes are `round_ms` apart. `reply_if_up` is its [`Baseline`]'s.
    pub fn new(round_ms: i64, reply_if_up: f64) -> Self {
        Self {
            round_ms: round_ms.max(LEAST_ROUND_MS),
            reply_if_up,
            b: MOST,
            state: State::Unjudged,
            hard: false,
            targets: BTreeMap::new(),
            next_target: 0,
            rounds: VecDeque::new(),
            applied: i64::MIN,
            falling: None,
            last_answered: None,
            rising: None,
            doubt_since: None,
            awaited_since: None,
            tally: (0, 0),
            run: 0,
        }
    }

    /// What is held.
    pub fn state(&self) -> State {
        self.state
    }

    /// The probability that the link works.
    pub fn probability(&self) -> f64 {
        self.b
    }

    /// A far target that will be asked from now on.
    pub fn add_target(&mut self) -> TargetId {
        self.awaited_since = None;
        let id = TargetId(self.next_target);
        self.next_target += 1;
        self.targets.insert(id, Target::default());
        id
    }

    /// The target is not asked any more. Once nobody is left to ask, the link is
    /// unjudged, unless the system holds it down, or `more` will be asked at once.
    pub fn remove_target(&mut self, id: TargetId, at: UnixMs, more: bool) -> Option<Transition> {
        self.targets.remove(&id);
        for round in &mut self.rounds {
            round.lost.remove(&id);
        }
        if self.targets.is_empty() && more && !self.hard {
            self.awaited_since.get_or_insert(at);
        }
        if self.targets.is_empty() && !more && !self.hard {
            self.forget_rounds();
            self.b = MOST;
            return self.turn(State::Unjudged, at);
        }
        None
    }

    /// A probe to a far target was sent.
    pub fn sent(&mut self, at: UnixMs) {
        if let Some(round) = self.round(at) {
            round.outstanding += 1;
        }
    }

    /// What came of a probe sent at `sent_at`.
    pub fn outcome(&mut self, target: TargetId, sent_at: UnixMs, outcome: Outcome) {
        let word = match outcome {
            Outcome::Answered { .. } => Word::Answered,
            Outcome::Failed(cause) if cause.proves_the_path() => Word::Answered,
            Outcome::Failed(cause) if cause.is_loss() => Word::Lost,
            // A name, a route, ourselves: it never left.
            Outcome::Failed(_) => Word::Nothing,
        };
        if let Some(known) = self.targets.get_mut(&target) {
            known.unusable = word == Word::Nothing;
            match word {
                Word::Answered => {
                    let refused = matches!(outcome, Outcome::Failed(_)).then_some(sent_at);
                    let refused = refused.max(known.refused.filter(|_| refused.is_some()));
                    *known = Target { refused, ..Target::default() };
                }
                Word::Lost => {
                    let (first, last) = known.silent.unwrap_or((sent_at, sent_at));
                    known.silent = Some((first.min(sent_at), last.max(sent_at)));
                }
                Word::Nothing => {}
            }
        }
        if word == Word::Answered {
            self.last_answered = self.last_answered.max(Some(sent_at));
        }
        let known = self.targets.contains_key(&target);
        let Some(round) = self.round(sent_at) else { return };
        round.outstanding = round.outstanding.saturating_sub(1);
        match word {
            Word::Answered => {
                round.answered = Some(round.answered.map_or(sent_at, |at| at.min(sent_at)));
            }
            Word::Lost if known => {
                round.lost.entry(target).or_insert(sent_at);
            }
            _ => {}
        }
    }

    /// A probe's outcome will never be known.
    pub fn forgotten(&mut self, sent_at: UnixMs) {
        if let Some(round) = self.round(sent_at) {
            round.outstanding = round.outstanding.saturating_sub(1);
        }
    }

    /// The system says that the link can't work, or (`None`) that nothing is
    /// against it any more: then what is held stays until targets answer, if any
    /// are asked now or (`more`) will be at once.
    pub fn system(
        &mut self,
        cause: Option<DownCause>,
        at: UnixMs,
        more: bool,
    ) -> Option<Transition> {
        match cause {
            Some(cause) => {
                self.hard = true;
                self.awaited_since = None;
                self.b = LEAST;
                self.forget_rounds();
                self.turn(State::Down(cause), at)
            }
            None if self.hard => {
                self.hard = false;
                self.forget_rounds();
                self.applied = self.applied.max(at.0.div_euclid(self.round_ms) - 1);
                if self.targets.is_empty() && !more {
                    self.b = MOST;
                    self.turn(State::Unjudged, at)
                } else {
                    if self.targets.is_empty() {
                        self.awaited_since = Some(at);
                    }
                    None
                }
            }
            None => None,
        }
    }

    /// Applies the rounds whose outcome is known at `now`.
    pub fn advance(&mut self, now: UnixMs) -> Vec<Transition> {
        let mut transitions = Vec::new();
        if let Some(since) = self.awaited_since.filter(|since| now.since(*since) >= AWAIT_MS) {
            self.awaited_since = None;
            self.b = MOST;
            transitions.extend(self.turn(State::Unjudged, since));
        }
        while let Some(round) = self.rounds.front() {
            let over = now.0 >= (round.index + 1) * self.round_ms;
            if !(over && round.outstanding == 0) && self.rounds.len() <= MAX_ROUNDS {
                break;
            }
            let Some(round) = self.rounds.pop_front() else { break };
            self.applied = round.index;
            transitions.extend(self.apply(&round));
        }
        let doubt = self.falling.is_some() && !matches!(self.state, State::Down(_))
            || self.rising.is_some() && matches!(self.state, State::Down(_))
            || self.state == State::Unjudged && !self.targets.is_empty();
        self.doubt_since = if doubt { self.doubt_since.or(Some(now)) } else { None };
        transitions
    }

    /// Whether all far targets should be asked once a second.
    pub fn is_urgent(&self, now: UnixMs) -> bool {
        self.doubt_since.is_some_and(|since| now.since(since) < URGENT_MS)
    }

    /// Up to when what is held is final at `now`: no later outcome dates a
    /// change before.
    pub fn settled_until(&self, now: UnixMs) -> UnixMs {
        let doubt = match self.state {
            State::Down(_) => self.rising,
            State::Up => [self.falling, self.silence()].into_iter().flatten().min(),
            State::Unjudged => {
                [self.rising, self.falling, self.silence()].into_iter().flatten().min()
            }
        };
        let pending = self.rounds.front().map(|round| round.first_sent);
        [doubt, pending, self.awaited_since].into_iter().flatten().fold(now, UnixMs::min)
    }

    /// The wall clock jumped: what is out is forgotten, what is held stays.
    pub fn clock_stepped(&mut self) {
        self.forget_rounds();
        self.applied = i64::MIN;
        self.awaited_since = None;
        self.last_answered = None;
        for target in self.targets.values_mut() {
            (target.silent, target.refused) = (None, None);
        }
    }

    /// Rounds since the last call, for the [`Baseline`]: those that spoke for a
    /// link held up, and those that spoke at all. A run of failures that ended
    /// the link's being up does not count: it was down.
    pub fn take_tally(&mut self) -> (u32, u32) {
        std::mem::take(&mut self.tally)
    }

    /// What the baseline has learned since.
    pub fn set_reply_if_up(&mut self, p: f64) {
        self.reply_if_up = p;
    }

    fn forget_rounds(&mut self) {
        if let Some(last) = self.rounds.back() {
            self.applied = self.applied.max(last.index);
        }
        self.rounds.clear();
        (self.falling, self.rising, self.run) = (None, None, 0);
    }

    fn round(&mut self, at: UnixMs) -> Option<&mut Round> {
        let index = at.0.div_euclid(self.round_ms);
        if self.hard || index <= self.applied {
            return None;
        }
        let place = self.rounds.partition_point(|round| round.index < index);
        if self.rounds.get(place).is_none_or(|round| round.index != index) {
            let round = Round {
                index,
                first_sent: at,
                outstanding: 0,
                answered: None,
                lost: BTreeMap::new(),
            };
            self.rounds.insert(place, round);
        }
        let round = self.rounds.get_mut(place)?;
        round.first_sent = round.first_sent.min(at);
        Some(round)
    }

    fn turn(&mut self, state: State, at: UnixMs) -> Option<Transition> {
        if self.state == state {
            return None;
        }
        self.state = state;
        Some(Transition { at, state })
    }
}
