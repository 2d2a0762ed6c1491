//! The local socket: whoever connects is told once, as one JSON object, and the
//! connection closes. Nothing is read from it.

use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::run::status::{RunStatus, StatusReader};

/// Who asks at once; more wait.
const ASKERS: usize = 8;
/// How long telling may take, and asking.
const PATIENCE: Duration = Duration::from_secs(5);
/// The owner and the group may ask: what it tells is the household's.
const MODE: u32 = 0o660;
/// The most that an agent tells.
const MOST_BYTES: u64 = 4 << 20;

/// Why the socket can't be made, or does not answer.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// Another agent answers there.
    #[error("another agent answers at {path}")]
    InUse {
        /// Where.
        path: PathBuf,
    },
    /// Something else has that name.
    #[error("{path} is there and is no socket: name another as status_socket")]
    NoSocket {
        /// Where.
        path: PathBuf,
    },
    /// The system refused to make it.
    #[error("can't make the socket {path}")]
    Make {
        /// Where.
        path: PathBuf,
        /// What it said.
        #[source]
        source: io::Error,
    },
    /// Nobody answers.
    #[error(
        "no agent answers at {path}: start `hearth-agent run`, or name the socket of the one \
         that runs with --socket"
    )]
    Nobody {
        /// Where.
        path: PathBuf,
    },
    /// It is another user's.
    #[error("not permitted to ask at {path}: ask as the user that the agent runs as, or as root")]
    Permission {
        /// Where.
        path: PathBuf,
    },
    /// The answer did not come, or broke off.
    #[error("the agent at {path} did not answer")]
    Answer {
        /// Where.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The answer is another program's, or another version's.
    #[error("what answers at {path} is no agent of this version")]
    NotAnAgent {
        /// Where.
        path: PathBuf,
        /// Why not.
        #[source]
        source: serde_json::Error,
    },
}

/// The socket, there until it is dropped.
#[derive(Debug)]
pub struct Socket {
    listener: UnixListener,
    path: PathBuf,
}

impl Socket {
    /// Makes it; one that a killed agent left behind is replaced.
    ///
    /// # Errors
    /// When another agent answers there, or the system refuses.
    pub async fn open(path: &Path) -> Result<Self, SocketError> {
        let failed = |source| SocketError::Make { path: path.to_owned(), source };
        match std::fs::symlink_metadata(path) {
            Ok(found) if !found.file_type().is_socket() => {
                return Err(SocketError::NoSocket { path: path.to_owned() });
            }
            Ok(_) if UnixStream::connect(path).await.is_ok() => {
                return Err(SocketError::InUse { path: path.to_owned() });
            }
            Ok(_) => std::fs::remove_file(path).map_err(failed)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error)),
        }
        let listener = UnixListener::bind(path).map_err(failed)?;
        let socket = Self { listener, path: path.to_owned() };
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(MODE)).map_err(failed)?;
        Ok(socket)
    }

    /// Tells whoever asks, until the run ends.
    pub async fn serve(self, reader: StatusReader) {
        let askers = Arc::new(Semaphore::new(ASKERS));
        loop {
            let Ok(turn) = Arc::clone(&askers).acquire_owned().await else { return };
            let stream = match self.listener.accept().await {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::debug!(%error, "status socket: nobody could be taken in");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            };
            let Ok(status) = reader.read().await else { return };
            tokio::spawn(async move {
                if !matches!(timeout(PATIENCE, tell(stream, &status)).await, Ok(Ok(()))) {
                    tracing::debug!("status socket: whoever asked did not listen");
                }
                drop(turn);
            });
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // Another agent may have the name by now only if this one was gone.
        let _ = std::fs::remove_file(&self.path);
    }
}

async fn tell(mut stream: UnixStream, status: &RunStatus) -> io::Result<()> {
    let text = serde_json::to_vec(status).map_err(io::Error::from)?;
    stream.write_all(&text).await?;
    stream.shutdown().await
}

/// Asks the agent whose socket is at `path`.
///
/// # Errors
/// When none answers, or not in time.
pub async fn ask(path: &Path) -> Result<RunStatus, SocketError> {
    let path = || path.to_owned();
    let stream = match UnixStream::connect(path()).await {
        Ok(stream) => stream,
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            return Err(SocketError::Permission { path: path() });
        }
        Err(_) => return Err(SocketError::Nobody { path: path() }),
    };
    let mut text = Vec::new();
    let mut bounded = stream.take(MOST_BYTES);
    let read = timeout(PATIENCE, bounded.read_to_end(&mut text)).await;
    let read = read.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
    read.map_err(|source| SocketError::Answer { path: path(), source })?;
    serde_json::from_slice(&text).map_err(|source| SocketError::NotAnAgent { path: path(), source })
}
