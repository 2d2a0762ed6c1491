//! An agent at work within the test.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Result, anyhow};
use hearth_agent::run::{Ended, News, RunError, run};
use tempfile::TempDir;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

pub(crate) type Heard = mpsc::UnboundedReceiver<News>;

pub(crate) struct Agent {
    /// What it tells.
    pub(crate) news: Heard,
    pub(crate) spool: PathBuf,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<Ended, RunError>>,
    state: TempDir,
}

impl Agent {
    /// Of a home, with a collector that is not there, slots of a second, and `more` of
    /// configuration.
    pub(crate) fn start(more: &str) -> Result<Self> {
        let state = tempfile::tempdir()?;
        let mut text = String::from(
            "household = \"home-1\"\nagent = \"a\"\ncollector = \"http://127.0.0.1:9\"\n\
             slot_ms = 1000\n",
        );
        writeln!(text, "state_dir = \"{}\"\n{more}", state.path().display())?;
        let config = hearth_agent::config::parse(&text, Path::new("agent.toml"), [])?;
        let spool = config.spool_path.clone();
        let (sender, news) = mpsc::unbounded_channel();
        let (stop, stopped) = oneshot::channel::<()>();
        let tell = move |one: News| {
            // Nobody may be left to hear the last of it.
            let _ = sender.send(one);
        };
        let task = tokio::spawn(run(config, Arc::new(tell), async {
            let _ = stopped.await;
        }));
        Ok(Self { news, spool, stop, task, state })
    }

    /// Stops it. Its folder goes with the second.
    pub(crate) async fn stop(self) -> Result<(Ended, TempDir)> {
        self.stop.send(()).map_err(|()| anyhow!("the agent ended by itself"))?;
        Ok((self.task.await??, self.state))
    }
}
