//! `run` with those who may ask what it is doing, and `status`, which asks.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::{Failure, print, print_json};
use crate::config::{Config, DEFAULT_STATE_DIR};
use crate::run::status::StatusReader;
use crate::run::{Hooks, Unwatched, run_with};
use crate::status::socket::{self, Socket};
use crate::status::{scrape, text};

/// Measures until `shutdown`.
pub(super) async fn run(
    config: &Path,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), Failure> {
    let config = Config::load(config, std::env::vars())?;
    // Asked for: where it can't be had, the agent does not start as if it were.
    let metrics = match config.metrics {
        Some(address) => Some(scrape::open(address).await?),
        None => None,
    };
    let (ready, reader) = oneshot::channel();
    let answering = tokio::spawn(answer(config.status_socket.clone(), metrics, reader));
    let hooks = Hooks { status: Some(ready), ..Hooks::new(Arc::new(Unwatched)) };
    let ended = run_with(config, hooks, shutdown).await;
    answering.abort();
    // The socket goes with its task.
    let _ = answering.await;
    ended?;
    Ok(())
}

/// Answers whoever asks, once there is something to tell.
async fn answer(
    path: PathBuf,
    metrics: Option<TcpListener>,
    reader: oneshot::Receiver<StatusReader>,
) {
    let Ok(reader) = reader.await else { return };
    let scraped = async {
        if let Some(listener) = metrics {
            scrape::serve(listener, reader.clone()).await;
        }
    };
    let asked = async {
        match Socket::open(&path).await {
            Ok(socket) => socket.serve(reader.clone()).await,
            // It measures all the same.
            Err(error) => {
                let error = format!("{:#}", anyhow::Error::from(error));
                tracing::warn!(error, "`hearth-agent status` will not be answered");
            }
        }
    };
    tokio::join!(scraped, asked);
}

/// Shows what the running agent is doing.
pub(super) async fn status(
    config: &Path,
    socket: Option<&Path>,
    json: bool,
) -> Result<(), Failure> {
    let path = match socket {
        Some(path) => path.to_owned(),
        None => configured(config)?,
    };
    let status = socket::ask(&path).await?;
    if json { print_json(&status) } else { print(&text::show(&status)) }
}

/// The socket that the configuration names, or the usual one where there is none.
fn configured(config: &Path) -> Result<PathBuf, Failure> {
    match config.try_exists() {
        Ok(false) if std::env::var_os("HEARTH_STATUS_SOCKET").is_none() => {
            Ok(Path::new(DEFAULT_STATE_DIR).join("agent.sock"))
        }
        _ => Ok(Config::load(config, std::env::vars())?.status_socket),
    }
}
