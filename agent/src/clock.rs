//! The clocks, for shells alone: pure code gets time passed in.

#![expect(clippy::disallowed_methods, reason = "the shell that reads the clocks for all others")]

use std::time::{Duration, Instant, SystemTime};

/// Monotonic time: every delay is a difference of two of these.
pub fn now() -> Instant {
    Instant::now()
}

/// Wall time since 1970, zero before.
pub fn since_unix() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

/// When something happened that the kernel stamped with wall time `at`. The age
/// is the difference of two wall readings microseconds apart in the common case;
/// one that can't be, since the clock was set between them, counts as none.
pub fn from_wall(at: Duration) -> Instant {
    const OLDEST: Duration = Duration::from_secs(1);
    let (wall, mono) = (since_unix(), now());
    match wall.checked_sub(at) {
        Some(age) if age <= OLDEST => mono.checked_sub(age).unwrap_or(mono),
        _ => mono,
    }
}
