//! `reflector`: answers the agents' probes, beside the collector or near the edge.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;

use clap::Args;

use super::{CliError, Interrupt, run_async};
use crate::reflector::{self, Counters};
use crate::serve::Companion;

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
}

pub(super) fn run(args: &ReflectorArgs) -> Result<(), CliError> {
    run_async(async {
        let sockets = bind(&args.listen)?;
        let interrupt = Interrupt::listen()?;
        reflector::run(sockets, Arc::default(), interrupt.came())
            .await
            .map_err(|source| CliError::Io { doing: "answering probes".to_owned(), source })
    })
}

/// A reflector that lives as long as the collector beside it.
pub(super) fn companion(listen: &[SocketAddr]) -> Result<Companion, CliError> {
    let sockets = bind(listen)?;
    let counters = Arc::new(Counters::default());
    Ok(Companion::new("reflector", move |shutdown| async move {
        reflector::run(sockets, counters, async move { shutdown.begun().await }).await?;
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
