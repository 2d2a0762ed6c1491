//! Time on a core, which other work on the machine lengthens little.

use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

/// Time that this thread has had of a core.
pub(crate) fn on_core() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map_or(Duration::ZERO, Duration::from)
}
