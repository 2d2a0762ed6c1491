//! What is known of targets and rounds.

use std::collections::BTreeMap;

use hearth_proto::UnixMs;

use super::TargetId;

/// Silence so soon before or after a refusal is a refusal not sent.
const REFUSAL_COVERS_MS: i64 = 10_000;

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Target {
    /// The first loss since its last answer, and the latest.
    pub(super) silent: Option<(UnixMs, UnixMs)>,
    pub(super) mute: bool,
    /// When the last probe was sent that it refused.
    pub(super) refused: Option<UnixMs>,
    /// Its probes can't leave: it says nothing.
    pub(super) unusable: bool,
}

impl Target {
    /// Whether its silence at `at` means something. A host limits how often it
    /// says that nobody listens there, by default once a second, and to all
    /// probes of this home together.
    pub(super) fn listened_to(&self, at: UnixMs) -> bool {
        let refusing = self.refused.is_some_and(|r| at.since(r).abs() < REFUSAL_COVERS_MS);
        !self.mute && !refusing
    }
}

#[derive(Debug)]
pub(super) struct Round {
    pub(super) index: i64,
    pub(super) first_sent: UnixMs,
    pub(super) outstanding: u32,
    pub(super) answered: Option<UnixMs>,
    /// First loss of each target.
    pub(super) lost: BTreeMap<TargetId, UnixMs>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    Answered,
    Lost,
    Nothing,
}
