//! Programs that the lab starts: their output goes to a file, they are ended
//! when dropped.
#![expect(clippy::disallowed_methods, reason = "waiting for a program to end takes real time")]

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// How often an ending program is looked at.
const GLANCE: Duration = Duration::from_millis(10);
/// Lines of a log that are shown when its program fails.
const TAIL: usize = 20;

/// A running program.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
}

/// Lets time pass, while all of some programs run.
///
/// # Errors
/// What has ended, and the end of what it said.
pub fn pass<'p>(
    time: Duration,
    programs: impl IntoIterator<Item = &'p mut Process>,
) -> anyhow::Result<()> {
    let until = Instant::now() + time;
    let mut programs: Vec<_> = programs.into_iter().collect();
    loop {
        programs.iter_mut().try_for_each(|program| program.check())?;
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(());
        }
        std::thread::park_timeout(left.min(GLANCE));
    }
}

impl Process {
    /// Starts a program; its output is appended to `<folder>/<name>.log`.
    pub fn start(name: &str, mut command: Command, folder: &Path) -> anyhow::Result<Self> {
        let log = folder.join(format!("{name}.log"));
        let file = File::options().create(true).append(true).open(&log);
        let file = file.with_context(|| format!("log {}", log.display()))?;
        let child = command
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .spawn()
            .with_context(|| format!("starting {name}"))?;
        Ok(Self { name: name.to_owned(), child, log })
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// An error with the end of its log if it has ended by itself.
    pub fn check(&mut self) -> anyhow::Result<()> {
        if let Some(status) = self.child.try_wait()? {
            anyhow::bail!("{} ended: {status}\n{}", self.name, self.tail());
        }
        Ok(())
    }

    /// The last lines of its log.
    pub fn tail(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(TAIL)..].join("\n")
    }

    /// Ends it at once, as a power cut does.
    pub fn cut(mut self) -> anyhow::Result<()> {
        self.child.kill().with_context(|| format!("killing {}", self.name))?;
        self.child.wait()?;
        Ok(())
    }

    /// Asks it to end (SIGTERM) and waits, `patience` at most; then it is killed
    /// and that is an error.
    pub fn end(mut self, patience: Duration) -> anyhow::Result<ExitStatus> {
        kill(Pid::from_raw(self.child.id().cast_signed()), Signal::SIGTERM)
            .with_context(|| format!("ending {}", self.name))?;
        let deadline = Instant::now() + patience;
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            if Instant::now() >= deadline {
                let tail = self.tail();
                let name = self.name.clone();
                self.cut()?;
                anyhow::bail!("{name} did not end within {patience:?}\n{tail}");
            }
            std::thread::park_timeout(GLANCE);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}
