//! `reflector`: answers the agents' probes, beside the collector or near the edge.

use std::net::{SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use super::{CliError, Interrupt, run_async};
use crate::reflector::{self, Counters, Policy};
use crate::serve::Companion;
use hearth_proto::stamp::Key;

#[derive(Debug, Args)]
pub(super) struct ReflectorArgs {
    /// UDP address to answer at; may be given again, as for IPv6
    #[arg(
        long,
        env = "HEARTH_REFLECTOR_LISTEN",
        value_name = "ADDR:PORT",
        value_delimiter = ',',
        default_value = "127.0.0.1:8620"
    )]
    listen: Vec<SocketAddr>,
    #[command(flatten)]
    authentication: Authentication,
}

/// Who is answered.
#[derive(Debug, Args)]
pub(super) struct Authentication {
    /// Answer only probes with an HMAC of this key: a file of 32 to 128 hexadecimal
    /// digits that not everyone may read
    #[arg(long, env = "HEARTH_REFLECTOR_KEY_FILE", value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// Answer probes without an HMAC too
    #[arg(long, requires = "key_file")]
    allow_unauthenticated: bool,
}

impl Authentication {
    /// Whether a key is named.
    pub(super) fn has_key(&self) -> bool {
        self.key_file.is_some()
    }

    fn policy(&self) -> Result<Policy, CliError> {
        let key = self.key_file.as_deref().map(Key::read).transpose();
        let key = key.map_err(|error| CliError::Config(crate::error_chain(&error)))?;
        Ok(Policy { key, open: self.allow_unauthenticated })
    }
}

pub(super) fn run(args: &ReflectorArgs) -> Result<(), CliError> {
    run_async(async {
        let policy = args.authentication.policy()?;
        let sockets = bind(&args.listen)?;
        let interrupt = Interrupt::listen()?;
        reflector::run(sockets, policy, Arc::default(), interrupt.came())
            .await
            .map_err(|source| CliError::Io { doing: "answering probes".to_owned(), source })
    })
}

/// A reflector that lives as long as the collector beside it.
pub(super) fn companion(
    listen: &[SocketAddr],
    authentication: &Authentication,
) -> Result<Companion, CliError> {
    let policy = authentication.policy()?;
    let sockets = bind(listen)?;
    let counters = Arc::new(Counters::default());
    Ok(Companion::new("reflector", move |shutdown| async move {
        reflector::run(sockets, policy, counters, async move { shutdown.begun().await }).await?;
        Ok(())
    }))
}

fn bind(listen: &[SocketAddr]) -> Result<Vec<UdpSocket>, CliError> {
    listen
        .iter()
        .map(|addr| {
            reflector::bind(*addr).map_err(|source| CliError::Io {
                doing: format!("answering at {addr} (UDP)"),
                source,
            })
        })
        .collect()
}
