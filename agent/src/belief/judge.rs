//! What a round says of the link, and when that turns what is held.

use hearth_proto::{DownCause, UnixMs};

use super::evidence::Round;
use super::{Belief, LEAST, MOST, State, Transition};

/// `P(reply|down)`.
const REPLY_IF_DOWN: f64 = 0.01;
/// Below, the link is down.
const DOWN_UNDER: f64 = 0.1;
/// Above, the link is up.
const UP_OVER: f64 = 0.9;
/// A target silent for so long while others answer speaks against nothing.
const MUTE_AFTER_MS: i64 = 30_000;

impl Belief {
    pub(super) fn apply(&mut self, round: &Round) -> Option<Transition> {
        if let Some(at) = round.answered {
            self.find_mutes(at);
            self.falling = None;
            let rising = *self.rising.get_or_insert(at);
            self.update(true);
            if self.state == State::Up {
                self.tally.0 += 1;
                self.tally.1 += 1 + std::mem::take(&mut self.run);
            }
            return if self.b > UP_OVER { self.turn(State::Up, rising) } else { None };
        }
        let first = round
            .lost
            .iter()
            .filter(|(id, at)| self.targets.get(id).is_some_and(|target| target.listened_to(**at)))
            .map(|(_, at)| *at)
            .min()?;
        self.rising = None;
        // Losses late in a round that spoke for the link belong to this run.
        let first = self.silence().map_or(first, |at| at.min(first));
        let falling = *self.falling.get_or_insert(first);
        let all_failed = self.targets.values().all(|target| {
            let silent = |(_, last)| last >= falling && target.listened_to(last);
            target.mute || target.unusable || target.silent.is_some_and(silent)
        });
        if !all_failed {
            return None;
        }
        self.update(false);
        self.run += 1;
        if self.b < DOWN_UNDER {
            self.run = 0;
            return self.turn(State::Down(DownCause::Probes), falling);
        }
        None
    }

    /// The first loss since any target answered.
    pub(super) fn silence(&self) -> Option<UnixMs> {
        let listened = self.targets.values().filter(|target| !target.mute);
        let losses = listened.filter_map(|target| Some(target.silent?.0));
        losses.filter(|at| Some(*at) > self.last_answered).min()
    }

    /// Targets silent for long while another answers.
    fn find_mutes(&mut self, answered: UnixMs) {
        for target in self.targets.values_mut() {
            if let Some((first, _)) = target.silent {
                target.mute |= answered.since(first) >= MUTE_AFTER_MS;
            }
        }
    }

    fn update(&mut self, replied: bool) {
        let p = |reply: f64| if replied { reply } else { 1.0 - reply };
        let up = self.b * p(self.reply_if_up);
        let down = (1.0 - self.b) * p(REPLY_IF_DOWN);
        self.b = (up / (up + down)).clamp(LEAST, MOST);
    }
}
