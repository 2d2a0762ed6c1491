//! Which way the household's own traffic takes.

use std::time::Duration;

use hearth_proto::LinkName;

use super::{Task, lock};
use crate::run::progress::News;
use crate::run::switch_over::{Moved, SwitchOvers};

impl Task {
    /// Tells what is known of the household's traffic by this link, and records where
    /// that shows that it took another.
    pub(super) async fn follow_traffic(
        &self,
        tell: impl FnOnce(&mut SwitchOvers, u32, &LinkName) -> Option<Moved>,
    ) {
        let moved =
            tell(&mut lock(&self.shared.switch_overs), self.timeline.epoch, &self.link.name);
        if let Some(moved) = moved {
            let (from, to) = (moved.from.clone(), moved.to.clone());
            let after = Duration::from_millis(moved.answered_after_ms.into());
            self.shared.recorder.tell(News::Moved { from, to, after });
            self.shared.recorder.event(moved.at, moved.into()).await;
        }
    }
}
