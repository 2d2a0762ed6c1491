//! One thread that makes many streams' batches durable in one transaction: the
//! cost of a commit is shared by all that wait for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tracing::{error, info};

use crate::store::{Store, Write, Written};

/// Writes that may wait, beside the bound in bytes.
const QUEUE: usize = 1024;

/// How commits are grouped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommitterConfig {
    /// How long the first write of a group waits for others.
    pub linger: Duration,
    /// Records after which a group is committed without waiting longer.
    pub group_records: usize,
    /// Bytes of records of all streams that may wait; beyond, streams wait.
    pub queue_bytes: u32,
}

impl Default for CommitterConfig {
    fn default() -> Self {
        Self { linger: Duration::from_millis(2), group_records: 16_384, queue_bytes: 64 << 20 }
    }
}

/// Marks a stream one of whose writes was not made: the ones after it must not
/// be either, or the agent's mark would rise over what is not stored.
#[derive(Debug, Clone, Default)]
pub(super) struct Gate(Arc<AtomicBool>);

impl Gate {
    fn is_shut(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    fn shut(&self) {
        self.0.store(true, Ordering::Release);
    }
}

/// The write was not made; a resend may succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NotCommitted;

struct Job {
    write: Write,
    gate: Gate,
    reply: oneshot::Sender<Result<Written, NotCommitted>>,
    /// Given back once the write is made, or is not.
    room: OwnedSemaphorePermit,
}

enum Command {
    Write(Box<Job>),
    Finish,
}

/// The committing thread.
pub struct Committer {
    handle: CommitHandle,
    thread: JoinHandle<()>,
}

/// A way to the committing thread.
#[derive(Clone)]
pub struct CommitHandle {
    queue: mpsc::Sender<Command>,
    room: Arc<Semaphore>,
    max_room: u32,
}

impl Committer {
    /// Starts the thread.
    pub fn start(store: Arc<dyn Store>, config: CommitterConfig) -> std::io::Result<Self> {
        let (queue, commands) = mpsc::channel(QUEUE);
        let room = Arc::new(Semaphore::new(config.queue_bytes as usize));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        let thread = std::thread::Builder::new()
            .name("commit".to_owned())
            .spawn(move || runtime.block_on(serve(&*store, config, commands)))?;
        let handle = CommitHandle { queue, room, max_room: config.queue_bytes };
        Ok(Self { handle, thread })
    }

    /// A way to the thread.
    pub fn handle(&self) -> CommitHandle {
        self.handle.clone()
    }

    /// Commits what waits and ends the thread.
    pub async fn finish(self) {
        let Self { handle, thread } = self;
        let told = handle.queue.send(Command::Finish).await.is_ok();
        // Joining blocks, if only for one commit.
        let joined = tokio::task::spawn_blocking(move || thread.join()).await;
        if told && joined.is_ok_and(|r| r.is_ok()) {
            info!("commit thread ended: what was acknowledged is stored");
        } else {
            error!("commit thread was gone before the end");
        }
    }
}

impl CommitHandle {
    /// Returns when the thread is gone: nothing can be stored any more.
    pub(crate) async fn gone(&self) {
        self.queue.closed().await;
    }

    /// Queues `write`, of about `bytes`; waits while the queue is full. The
    /// receiver hears once it is durable; its sender is dropped if the thread ends.
    pub(super) async fn commit(
        &self,
        write: Write,
        bytes: usize,
        gate: &Gate,
    ) -> Result<oneshot::Receiver<Result<Written, NotCommitted>>, NotCommitted> {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX).clamp(1, self.max_room);
        let room = self.room.clone().acquire_many_owned(bytes).await.map_err(|_| NotCommitted)?;
        let (reply, answer) = oneshot::channel();
        let job = Box::new(Job { write, gate: gate.clone(), reply, room });
        self.queue.send(Command::Write(job)).await.map_err(|_| NotCommitted)?;
        Ok(answer)
    }
}

async fn serve(store: &dyn Store, config: CommitterConfig, mut commands: mpsc::Receiver<Command>) {
    let mut open = true;
    while open {
        let mut group = Vec::new();
        let mut records = 0;
        match commands.recv().await {
            Some(Command::Write(job)) => push(&mut group, &mut records, *job),
            Some(Command::Finish) | None => break,
        }
        let gathered = tokio::time::timeout(config.linger, async {
            while records < config.group_records {
                match commands.recv().await {
                    Some(Command::Write(job)) => push(&mut group, &mut records, *job),
                    Some(Command::Finish) | None => return false,
                }
            }
            true
        })
        .await;
        open = gathered.unwrap_or(true);
        commit(store, group);
    }
}

fn push(group: &mut Vec<Job>, records: &mut usize, job: Job) {
    if let Write::Batch(batch) = &job.write {
        *records += batch.records.len();
    }
    group.push(job);
}

fn commit(store: &dyn Store, group: Vec<Job>) {
    let mut writes = Vec::with_capacity(group.len());
    let mut waiting = Vec::with_capacity(group.len());
    for job in group {
        // A reply that nobody waits for any more is no failure.
        if job.gate.is_shut() {
            let _ = job.reply.send(Err(NotCommitted));
        } else {
            writes.push(job.write);
            waiting.push((job.gate, job.reply, job.room));
        }
    }
    if writes.is_empty() {
        return;
    }
    match store.commit(&writes) {
        Ok(written) => {
            for ((_, reply, _), written) in waiting.into_iter().zip(written) {
                let _ = reply.send(Ok(written));
            }
        }
        Err(e) => {
            error!(error = crate::error_chain(&e), writes = writes.len(), "nothing was stored");
            for (gate, reply, _) in waiting {
                gate.shut();
                let _ = reply.send(Err(NotCommitted));
            }
        }
    }
}

#[cfg(test)]
mod tests;
