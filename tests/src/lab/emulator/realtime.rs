//! Makes the calling thread wake on time, as far as the system permits.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::process::{Command, Stdio};

use nix::sys::prctl;
use nix::unistd::gettid;

/// Above ordinary threads, below the kernel's own.
const PRIORITY: &str = "20";

/// What was permitted, as long as this value lives.
#[derive(Debug)]
pub struct Granted {
    /// Processors that do not sleep deeply: it halves the time to wake in a
    /// virtual machine.
    pub awake: Option<File>,
    /// Timer slack of 1 ns.
    pub timer_slack: bool,
    /// `SCHED_FIFO`.
    pub fifo: bool,
}

/// Asks for a timer slack of 1 ns and for `SCHED_FIFO`. The latter goes through
/// `chrt` of util-linux, since no safe wrapper of the system call is at hand.
pub fn request() -> Granted {
    let timer_slack = prctl::set_timerslack(1).is_ok();
    let fifo = Command::new("chrt")
        .args(["-f", "-p", PRIORITY, &gettid().to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    Granted { awake: stay_awake(), timer_slack, fifo }
}

/// Asks for no latency on waking (of the kernel's power management); the request
/// holds until the file is closed.
fn stay_awake() -> Option<File> {
    let mut file = OpenOptions::new().write(true).open("/dev/cpu_dma_latency").ok()?;
    file.write_all(&0u32.to_ne_bytes()).ok()?;
    Some(file)
}
