//! `serve`: the collector, until SIGINT or SIGTERM.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use tokio::net::TcpListener;
use tracing::{info, warn};

use super::report::{JudgeArgs, now};
use super::run_now::LimitArgs;
use super::{CliError, DataArgs, Interrupt, reflector, responsiveness, run_async};
use crate::api::Noc;
use crate::areas::K;
use crate::console::ConsoleState;
use crate::ingest::{CommitterConfig, Door, DoorError, TlsFiles};
use crate::lock::Alone;
use crate::plans::Tokens;
use crate::serve::{Companion, Listeners, ServeConfig};
use crate::store::sqlite::SqliteStore;

/// How long a stop may go on storing what has arrived.
const DRAIN: Duration = Duration::from_secs(5);

#[derive(Debug, Args)]
pub(super) struct ServeArgs {
    #[command(flatten)]
    data: DataArgs,
    /// Where agents connect; any but loopback needs the three certificate options
    #[arg(long, env = "HEARTH_LISTEN", value_name = "ADDR:PORT", default_value = "127.0.0.1:8620")]
    listen: SocketAddr,
    /// The collector's certificate (PEM)
    #[arg(long, value_name = "FILE", requires_all = ["tls_key", "client_ca"])]
    tls_cert: Option<PathBuf>,
    /// Its private key (PEM)
    #[arg(long, value_name = "FILE", requires_all = ["tls_cert", "client_ca"])]
    tls_key: Option<PathBuf>,
    /// The authority that signs the agents' certificates (PEM)
    #[arg(long, value_name = "FILE", requires_all = ["tls_cert", "tls_key"])]
    client_ca: Option<PathBuf>,
    /// Instead of --listen: an address without certificates, for a lab's own network only
    #[arg(long, value_name = "ADDR:PORT", conflicts_with_all = ["listen", "tls_cert"])]
    insecure_listen: Option<SocketAddr>,
    /// UDP address to answer probes at too; may be given again, as for IPv6
    #[arg(long, value_name = "ADDR:PORT", value_delimiter = ',')]
    reflector: Vec<SocketAddr>,
    #[command(flatten)]
    responsiveness: responsiveness::CompanionArgs,
    #[command(flatten)]
    authentication: reflector::Authentication,
    /// Where the console's pages are, on loopback only: for others put a proxy
    /// that knows its users before it
    #[arg(
        long,
        env = "HEARTH_CONSOLE",
        value_name = "ADDR:PORT",
        default_value = "127.0.0.1:8622"
    )]
    console: SocketAddr,
    /// Serve no console
    #[arg(long, conflicts_with = "console")]
    no_console: bool,
    /// Let those order tests over the API whose tokens are in this file, one
    /// `name:token` a line; without it nobody may
    #[arg(long, env = "HEARTH_NOC_TOKEN_FILE", value_name = "FILE", conflicts_with = "no_console")]
    noc_token_file: Option<PathBuf>,
    /// The fewest homes that any figure on areas is over, 2 to 1000
    #[arg(long, value_name = "HOMES", default_value_t, env = "HEARTH_AREA_K")]
    area_k: K,
    #[command(flatten)]
    limits: LimitArgs,
    #[command(flatten)]
    judge: JudgeArgs,
}

impl ServeArgs {
    fn door(&self) -> Result<Door, CliError> {
        if let Some(addr) = self.insecure_listen {
            warn!(%addr, "agents are let in without certificates: for a lab's own network only");
            return Ok(Door::insecure(addr));
        }
        let tls = match (&self.tls_cert, &self.tls_key, &self.client_ca) {
            (Some(cert), Some(key), Some(client_ca)) => Some(TlsFiles {
                cert: cert.clone(),
                key: key.clone(),
                client_ca: client_ca.clone(),
            }),
            _ => None,
        };
        Door::new(self.listen, tls.as_ref()).map_err(|e| match e {
            DoorError::Open(_) => CliError::Usage(e.to_string()),
            DoorError::File { .. } => CliError::Config(crate::error_chain(&e)),
        })
    }
}

pub(super) fn run(args: &ServeArgs) -> Result<(), CliError> {
    run_async(serve(args))
}

async fn console(args: &ServeArgs, store: Arc<SqliteStore>) -> Result<Companion, CliError> {
    let addr = args.console;
    if !addr.ip().is_loopback() {
        return Err(CliError::Usage(format!(
            "--console {addr} is not accepted: a loopback address; whoever reaches the console \
             reads all households, so put a proxy that knows its users before it"
        )));
    }
    let listener = TcpListener::bind(addr).await.map_err(|source| CliError::Io {
        doing: format!("listening on {addr} for the console (--console sets another)"),
        source,
    })?;
    let catalogue = Arc::new(args.judge.catalogue()?);
    let load = |file: &PathBuf| Tokens::load(file).map(Arc::new);
    let tokens = args.noc_token_file.as_ref().map(load).transpose();
    let tokens = tokens.map_err(|e| CliError::Config(crate::error_chain(&e)))?;
    let state = ConsoleState::new(store, catalogue, args.judge.zone(), now)
        .with_areas_k(args.area_k)
        .with_noc(Noc { tokens, limits: args.limits.limits() });
    Ok(Companion::new("console", move |shutdown| async move {
        Ok(crate::console::run(listener, state, async move { shutdown.begun().await }).await?)
    }))
}

async fn serve(args: &ServeArgs) -> Result<(), CliError> {
    if args.reflector.is_empty() && args.authentication.has_key() {
        let why = "--key-file is for the reflector beside the collector: give --reflector too";
        return Err(CliError::Usage(why.to_owned()));
    }
    let door = args.door()?;
    let folder = args.data.folder()?;
    let store = Arc::new(SqliteStore::open(&folder)?);
    let _alone = Alone::over(&folder)?;
    let interrupt = Interrupt::listen()?;
    let addr = door.addr();
    let refused = |source| CliError::Io { doing: format!("listening on {addr}"), source };
    let ingest = TcpListener::bind(addr).await.map_err(refused)?;
    let bound = ingest.local_addr().map_err(refused)?;
    let mut companions = Vec::new();
    if !args.reflector.is_empty() {
        companions.push(reflector::companion(&args.reflector, &args.authentication)?);
    }
    let own = args.tls_cert.as_deref().zip(args.tls_key.as_deref());
    companions.extend(responsiveness::companion(&args.responsiveness, own)?);
    if !args.no_console {
        companions.push(console(args, store.clone()).await?);
    }
    // Said once everything that was asked for is there.
    info!(addr = %bound, mutual_tls = door.is_mutual(), data = %folder.display(), "taking in records");
    let config = ServeConfig { store, door, commits: CommitterConfig::default(), drain: DRAIN };
    Ok(crate::serve::run(config, Listeners { ingest }, companions, interrupt.came()).await?)
}
