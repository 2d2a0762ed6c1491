//! The thread that owns the spool's core: takes commands, keeps the clock.

use std::ops::RangeInclusive;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use hearth_proto::{BootId, Record, Seq, UnixMs};
use tokio::sync::{mpsc, oneshot, watch};
use tracing::debug;

use super::state::{Core, Now};
use super::{Batch, Position, SpoolError, SpoolLimits, SpoolStats};

/// What a handle asks for.
#[derive(Debug)]
pub(super) enum Command {
    Append(Vec<Record>, Option<u32>),
    Next {
        after: Option<Position>,
        max_records: usize,
        max_bytes: usize,
        reply: oneshot::Sender<Result<Option<Batch>, SpoolError>>,
    },
    Ack {
        boot: BootId,
        up_to: Seq,
        reply: oneshot::Sender<Result<(), SpoolError>>,
    },
    Mend {
        by_ms: i64,
        clocks: RangeInclusive<u32>,
        reply: oneshot::Sender<Result<u64, SpoolError>>,
    },
    Stats(oneshot::Sender<SpoolStats>),
    Flush(oneshot::Sender<Result<(), SpoolError>>),
    Close(oneshot::Sender<Result<SpoolStats, SpoolError>>),
}

struct Clock {
    opened: Instant,
}

#[expect(clippy::disallowed_methods, reason = "the spool's thread times its own writes")]
impl Clock {
    fn start() -> Self {
        Self { opened: Instant::now() }
    }

    fn now(&self) -> Now {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Now { ms: self.opened.elapsed().as_millis() as u64, wall: UnixMs(wall.as_millis() as i64) }
    }

    fn until(&self, ms: u64) -> Duration {
        Duration::from_millis(ms).saturating_sub(self.opened.elapsed())
    }
}

/// Opens the spool, then serves `queue` from a thread of its own.
pub(super) fn start(
    path: &Path,
    limits: SpoolLimits,
    boot: BootId,
    queue: mpsc::Receiver<Command>,
    grown: watch::Sender<u64>,
) -> Result<(), SpoolError> {
    let clock = Clock::start();
    let core = Core::new(path, limits, boot, clock.now())?;
    // A runtime of its own: a bounded queue with a deadline, on one thread.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .map_err(SpoolError::Thread)?;
    std::thread::Builder::new()
        .name("spool".to_owned())
        .spawn(move || runtime.block_on(serve(core, clock, queue, grown)))
        .map_err(SpoolError::Thread)?;
    Ok(())
}

async fn serve(
    mut core: Core,
    clock: Clock,
    mut queue: mpsc::Receiver<Command>,
    grown: watch::Sender<u64>,
) {
    loop {
        let command = if let Some(due) = core.due_ms() {
            let Ok(command) = tokio::time::timeout(clock.until(due), queue.recv()).await else {
                let _ = core.flush(clock.now());
                continue;
            };
            command
        } else {
            queue.recv().await
        };
        // A reply that nobody waits for any more is no failure.
        match command {
            Some(Command::Append(records, dated_by)) => {
                if let Some(of) = dated_by {
                    core.dated_by(of);
                }
                core.append(&records, clock.now());
                grown.send_modify(|n| *n += records.len() as u64);
            }
            Some(Command::Next { after, max_records, max_bytes, reply }) => {
                let _ = reply.send(core.next(after, max_records, max_bytes, clock.now()));
            }
            Some(Command::Ack { boot, up_to, reply }) => {
                let _ = reply.send(core.ack(boot, up_to, clock.now()));
            }
            Some(Command::Mend { by_ms, clocks, reply }) => {
                let _ = reply.send(core.mend(by_ms, &clocks, clock.now()));
            }
            Some(Command::Stats(reply)) => {
                let _ = reply.send(core.stats());
            }
            Some(Command::Flush(reply)) => {
                let _ = reply.send(core.flush(clock.now()));
            }
            Some(Command::Close(reply)) => {
                let flushed = core.flush(clock.now());
                let stats = core.stats();
                // File and queue are closed before the caller hears that they are.
                drop(core);
                drop(queue);
                let _ = reply.send(flushed.map(|()| stats));
                return;
            }
            None => {
                let _ = core.flush(clock.now());
                debug!("spool closed: no handle left");
                return;
            }
        }
    }
}
