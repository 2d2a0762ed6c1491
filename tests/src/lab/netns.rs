//! Network namespaces through iproute2, removed when dropped.
//!
//! Names begin with `hl<pid>-`, so that a later run can tell whose they were
//! and remove what a killed run left behind.

use std::ffi::OsStr;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use nix::sched::{CloneFlags, setns};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// What every name of the lab begins with.
const PREFIX: &str = "hl";
const RUN_DIR: &str = "/run/netns";

/// Why the network of the lab can't be set up.
#[derive(Debug, thiserror::Error)]
pub enum NetnsError {
    /// `ip` isn't there.
    #[error("ip: can't be run; it is in the Debian package iproute2")]
    NoIp(#[source] std::io::Error),
    /// `ip` refused.
    #[error("ip {what}: {message}")]
    Ip {
        /// What it was asked.
        what: String,
        /// What it said.
        message: String,
    },
    /// A namespace can't be entered.
    #[error("namespace {name}: {action} failed")]
    Enter {
        /// Its name.
        name: String,
        /// What was tried.
        action: &'static str,
        /// Why it failed.
        source: std::io::Error,
    },
    /// A kernel setting can't be written.
    #[error("namespace {name}: sysctl {key} = {value:?} failed")]
    Sysctl {
        /// Namespace.
        name: String,
        /// The setting.
        key: String,
        /// Its wanted value.
        value: String,
        /// Why it failed.
        source: std::io::Error,
    },
}

/// A namespace that exists as long as this value.
#[derive(Debug)]
pub struct Netns {
    name: String,
}

impl Netns {
    /// Makes `hl<pid>-<run>-<role>` with its loopback up.
    pub fn create(run: u32, role: &str) -> Result<Self, NetnsError> {
        let name = format!("{PREFIX}{}-{run}-{role}", std::process::id());
        ip(["netns", "add", &name])?;
        let netns = Self { name };
        netns.batch("link set lo up\n")?;
        Ok(netns)
    }

    /// The namespace's name, as `ip netns` knows it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A command that runs in the namespace. Its process id is the program's
    /// own: `ip netns exec` replaces itself.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name]).arg(program);
        // Hearth's programs take variables of this prefix for their configuration.
        command.env_remove(super::programs::BIN_DIR_VARIABLE);
        command
    }

    /// Runs `ip` commands in the namespace, one a line; stops at the first that
    /// fails.
    pub fn batch(&self, lines: &str) -> Result<(), NetnsError> {
        let mut child = Command::new("ip")
            .args(["-n", &self.name, "-batch", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(NetnsError::NoIp)?;
        let written =
            child.stdin.take().map_or(Ok(()), |mut pipe| pipe.write_all(lines.as_bytes()));
        let output = child.wait_with_output().map_err(NetnsError::NoIp)?;
        if output.status.success() && written.is_ok() {
            return Ok(());
        }
        Err(NetnsError::Ip {
            what: format!("-n {} -batch:\n{lines}", self.name),
            message: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        })
    }

    /// Runs `ip` with JSON output in the namespace.
    pub fn json(&self, arguments: &[&str]) -> Result<serde_json::Value, NetnsError> {
        let mut all = vec!["-n", &self.name, "-j"];
        all.extend(arguments);
        let text = ip(&all)?;
        serde_json::from_str(&text)
            .map_err(|error| NetnsError::Ip { what: all.join(" "), message: error.to_string() })
    }

    /// Runs `work` on a thread inside the namespace. What it opens (sockets,
    /// devices) stays there.
    pub fn enter<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T, NetnsError> {
        let failed =
            |action| move |source| NetnsError::Enter { name: self.name.clone(), action, source };
        std::thread::scope(|scope| {
            let thread = std::thread::Builder::new()
                .spawn_scoped(scope, || {
                    self.enter_this_thread()?;
                    Ok(work())
                })
                .map_err(failed("starting a thread"))?;
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// Moves the calling thread into the namespace, for good.
    pub fn enter_this_thread(&self) -> Result<(), NetnsError> {
        let failed =
            |action| move |source| NetnsError::Enter { name: self.name.clone(), action, source };
        let file = File::open(format!("{RUN_DIR}/{}", self.name)).map_err(failed("open"))?;
        setns(file, CloneFlags::CLONE_NEWNET).map_err(|error| failed("setns")(error.into()))
    }

    /// Writes `/proc/sys/net/<key>`.
    pub fn sysctl(&self, key: &str, value: &str) -> Result<(), NetnsError> {
        self.sysctls(&[(key, value)])
    }

    /// Writes several settings, in order.
    pub fn sysctls(&self, settings: &[(&str, &str)]) -> Result<(), NetnsError> {
        self.enter(|| {
            for (key, value) in settings {
                std::fs::write(format!("/proc/sys/net/{key}"), value).map_err(|source| {
                    NetnsError::Sysctl {
                        name: self.name.clone(),
                        key: (*key).to_owned(),
                        value: (*value).to_owned(),
                        source,
                    }
                })?;
            }
            Ok(())
        })?
    }
}

impl Drop for Netns {
    fn drop(&mut self) {
        if let Err(error) = remove(&self.name) {
            tracing::warn!(name = self.name, %error, "namespace left behind");
        }
    }
}

/// Removes namespaces of lab runs whose process is gone, and ends what still
/// runs in them. Returns their names.
pub fn remove_leftovers() -> Result<Vec<String>, NetnsError> {
    let mut removed = Vec::new();
    for name in ip(["netns", "list"])?.lines().filter_map(|line| line.split(' ').next()) {
        let owner = name
            .strip_prefix(PREFIX)
            .and_then(|rest| rest.split_once('-'))
            .and_then(|(pid, _)| pid.parse::<u32>().ok());
        if owner.is_some_and(|pid| !Path::new(&format!("/proc/{pid}")).exists()) {
            match remove(name) {
                // Another run may be removing the same.
                Err(error) if Path::new(RUN_DIR).join(name).exists() => return Err(error),
                _ => removed.push(name.to_owned()),
            }
        }
    }
    Ok(removed)
}

/// Ends what runs in the namespace, then removes it.
fn remove(name: &str) -> Result<(), NetnsError> {
    for pid in ip(["netns", "pids", name])?.lines().filter_map(|line| line.trim().parse().ok()) {
        // Threads of this very process may still be inside; they end on their own.
        if pid != std::process::id().cast_signed() {
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
    }
    ip(["netns", "del", name]).map(drop)
}

fn ip<I, S>(arguments: I) -> Result<String, NetnsError>
where
    I: IntoIterator<Item = S>,
    S: AsRef<OsStr>,
{
    let arguments: Vec<S> = arguments.into_iter().collect();
    let output = Command::new("ip")
        .args(&arguments)
        .stdin(Stdio::null())
        .output()
        .map_err(NetnsError::NoIp)?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let words: Vec<_> =
        arguments.iter().map(|word| word.as_ref().to_string_lossy().into_owned()).collect();
    Err(NetnsError::Ip {
        what: words.join(" "),
        message: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
    })
}
