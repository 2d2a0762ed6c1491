//! What the system knows of its own clock's error: the kernel's discipline, as
//! NTP and PTP daemons keep it (adjtimex). The only place here that asks.

use std::time::Duration;

use rtime_clock::adjtime::{Timex, adjtimex};

/// The kernel's state of a clock that is not synchronised (`TIME_ERROR`).
const TIME_ERROR: i32 = 5;
/// The same among the status flags (`STA_UNSYNC`).
const STA_UNSYNC: i32 = 0x40;

/// The most that this machine's clock is off UTC, or none where it is not known to
/// be synchronised.
pub fn bound() -> Option<Duration> {
    // A zeroed request asks and sets nothing.
    let mut timex = Timex::new();
    let state = adjtimex(&mut timex).ok()?;
    judge(state, timex.0.status, timex.0.maxerror)
}

/// `max_error` is in microseconds, as wide as the system's `long`.
fn judge(state: i32, status: i32, max_error: impl Into<i64>) -> Option<Duration> {
    if state == TIME_ERROR || status & STA_UNSYNC != 0 {
        return None;
    }
    u64::try_from(max_error.into()).ok().map(Duration::from_micros)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_disciplined_clock_has_a_bound() {
        assert_eq!(judge(0, 0x2001, 1_500_i64), Some(Duration::from_micros(1_500)));
        assert_eq!(judge(TIME_ERROR, 0x2001, 1_500_i64), None);
        assert_eq!(judge(0, STA_UNSYNC, 16_000_000_i64), None);
        assert_eq!(judge(0, 0, -1_i64), None);
    }

    #[test]
    fn the_system_can_be_asked() {
        let mut timex = Timex::new();
        let state = adjtimex(&mut timex).expect("asking needs no permission");
        let told = judge(state, timex.0.status, timex.0.maxerror);
        assert_eq!(bound().is_some(), told.is_some());
    }
}
