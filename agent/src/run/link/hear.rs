//! What the probers say: to the belief, the slots and whoever watches.

use super::{Out, Task};
use crate::run::prober::{self, Report};
use crate::run::progress::News;

impl Task {
    pub(super) async fn heard(&mut self, report: Report) {
        match report {
            Report::Sent { prober, number, at, after_idle } => {
                let at = self.timeline.at(at);
                let Some(running) = self.probers.iter_mut().find(|p| p.id == prober) else {
                    return;
                };
                let Some((_, maker)) = self.makers.back_mut() else { return };
                let series = maker.series(&running.spec.key, running.spec.payload_bytes);
                // Within a prober numbers rise; another's of the same key go on
                // from there.
                maker.sent(series, unique(prober, number), at, after_idle);
                if running.spec.far {
                    running.target.get_or_insert_with(|| self.belief.add_target());
                }
                if running.target.is_some() {
                    self.belief.sent(at);
                }
                self.out.insert((prober, number), Out { epoch: self.timeline.epoch, at });
                self.usage.sent(&running.spec);
            }
            Report::Done { prober, number, outcome, numbers } => {
                let Some(running) = self.probers.iter().find(|p| p.id == prober) else { return };
                let Some(out) = self.out.remove(&(prober, number)) else { return };
                let result = prober::outcome(outcome);
                if outcome.is_ok() {
                    self.usage.answered(&running.spec);
                }
                if out.epoch == self.timeline.epoch
                    && let Some(target) = running.target
                {
                    self.belief.outcome(target, out.at, result);
                }
                let maker = self.makers.iter_mut().find(|(of, _)| of.epoch == out.epoch);
                if let Some((_, maker)) = maker {
                    let series = maker.series(&running.spec.key, running.spec.payload_bytes);
                    maker.outcome(series, unique(prober, number), result, numbers);
                }
                self.board.probed(&running.spec.key, out.at, outcome);
                self.shared.recorder.tell(News::Probed {
                    link: self.link.name.clone(),
                    series: running.spec.key.clone(),
                    outcome,
                });
            }
            Report::Far { prober, far } => {
                let more = self.probers.iter().any(|p| p.id != prober && p.spec.far);
                let Some(running) = self.probers.iter_mut().find(|p| p.id == prober) else {
                    return;
                };
                if far {
                    running.target.get_or_insert_with(|| self.belief.add_target());
                } else if let Some(target) = running.target.take() {
                    let now = self.now();
                    let transition = self.belief.remove_target(target, now, more);
                    self.turned(transition).await;
                }
            }
            Report::Session { prober } => {
                let Some(running) = self.probers.iter().find(|p| p.id == prober) else { return };
                for (_, maker) in &mut self.makers {
                    let series = maker.series(&running.spec.key, running.spec.payload_bytes);
                    maker.new_session(series);
                }
            }
            Report::Cannot(cannot) => self.shared.recorder.cannot(self.now(), cannot).await,
        }
    }
}

/// A probe's number among those of all probers of a series.
fn unique(prober: u32, number: u64) -> u64 {
    (u64::from(prober) << 40) | (number & ((1 << 40) - 1))
}
