//! The command line: what is asked for, and with which exit status it ends.
//!
//! One file per subcommand in `cli/`, each with its arguments and its `run`.

mod areas;
mod exclude;
mod explain;
mod export;
mod files;
mod home;
mod households;
mod keygen;
mod keys;
mod plan;
mod promise;
mod quickstart;
mod reflector;
pub(crate) mod report;
mod responsiveness;
mod run_now;
mod score;
mod serve;
pub(crate) mod span;
mod statement;
mod verify;

use std::future::Future;
use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing_subscriber::EnvFilter;

use crate::homes::NotAgreed;
use crate::render;
use crate::store::StoreError;

/// Exit status of a wrong command line (`EX_USAGE`).
const USAGE: u8 = 64;
/// Exit status of an input that is not accepted (`EX_DATAERR`).
const DATA: u8 = 65;
/// Exit status of a configuration that can't be used (`EX_CONFIG`).
const CONFIG: u8 = 78;
/// Exit status where something that is needed isn't free (`EX_UNAVAILABLE`).
const UNAVAILABLE: u8 = 69;
/// Exit status where a household has not agreed to what is asked (`EX_NOPERM`).
const NOT_AGREED: u8 = 77;
/// Exit status of a test that was ordered, waited for and not run to its end
/// (`EX_TEMPFAIL`): another order may find the line idle.
const NOT_RUN: u8 = 75;
/// Exit status of a statement that nothing speaks against, and that is not proven.
const UNPROVEN: u8 = 2;

/// Receives what agents measure and judges what works in a home.
#[derive(Debug, Parser)]
#[command(name = "hearth-collector", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Measure this machine's links now: collector, reflector, console and agent in one.
    Quickstart(quickstart::QuickstartArgs),
    /// Take in what agents send, until interrupted.
    Serve(serve::ServeArgs),
    /// Answer the agents' probes, until interrupted.
    Reflector(reflector::ReflectorArgs),
    /// Serve responsiveness and throughput tests, until interrupted.
    Responsiveness(responsiveness::ResponsivenessArgs),
    /// List the households known.
    Households(households::HouseholdsArgs),
    /// What is told of a home: its place, what it was sold, what it does and agrees to.
    Home(home::HomeArgs),
    /// What works in a household, and what each link measured.
    Profile(report::ProfileArgs),
    /// What did not work, on which link, for how long, and what another saved.
    Gaps(report::GapsArgs),
    /// Gaps of areas and of all homes, and what hit many of them at once.
    Areas(areas::AreasArgs),
    /// Whether what was promised to a household was kept, by which rule.
    Promises(report::ReportArgs),
    /// What a proposed promise would have come to, had it been made before.
    Promise(promise::PromiseArgs),
    /// A household's statement, in plain words.
    Statement(statement::StatementArgs),
    /// Check a statement's file: its signature, what it shows, and its records.
    ///
    /// Exit status: 0 where it holds: it is signed by the key given, shows what was
    /// signed, and every check asked for was made; 2 where nothing speaks against it but
    /// that is not shown, as without --key; 65 where a check fails, as it does for what is
    /// not signed.
    Verify(verify::VerifyArgs),
    /// Make a pair of keys to sign statements with.
    Keygen(keygen::KeygenArgs),
    /// The ledger itself: a letter a slot, per link and activity.
    Ledger(report::ReportArgs),
    /// Why the ledger says what it says of one moment, down to the samples.
    Explain(explain::ExplainArgs),
    /// Score given figures by one framework.
    Score(score::ScoreArgs),
    /// What households are asked to measure, and how much.
    Plan(plan::PlanArgs),
    /// Order one test of a household's link, now.
    RunNow(run_now::RunNowArgs),
    /// List the tests that were ordered, by whom, and what came of them.
    Orders(run_now::OrdersArgs),
    /// Times that count neither for nor against a household's links.
    Exclude(exclude::ExcludeArgs),
}

/// Where the store is.
#[derive(Debug, Clone, Args)]
pub(crate) struct DataArgs {
    /// Data folder [default: hearth in the user's data directory]
    #[arg(long, env = "HEARTH_DATA", value_name = "DIR")]
    data: Option<PathBuf>,
}

impl DataArgs {
    /// The folder given, else `$XDG_DATA_HOME/hearth`, else
    /// `~/.local/share/hearth`.
    pub(crate) fn folder(&self) -> Result<PathBuf, CliError> {
        let from = |name| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
        self.data
            .clone()
            .or_else(|| from("XDG_DATA_HOME").map(|d| d.join("hearth")))
            .or_else(|| from("HOME").map(|h| h.join(".local/share/hearth")))
            .ok_or_else(|| CliError::Usage("no home directory is set: give --data DIR".to_owned()))
    }
}

/// Who enters something, and where.
#[derive(Debug, Args)]
pub(crate) struct Who {
    /// Who enters it
    #[arg(long, value_parser = exclude::text, env = "USER")]
    pub(crate) by: String,
    #[command(flatten)]
    pub(crate) data: DataArgs,
}

/// Why a command did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    /// The command line asks for something that is not accepted.
    #[error("{0}")]
    Usage(String),
    /// A file or setting that it names can't be used.
    #[error("{0}")]
    Config(String),
    /// An input file's content is not accepted.
    #[error("{0}")]
    Data(String),
    /// A household has not agreed to what is asked.
    #[error(transparent)]
    NotAgreed(#[from] NotAgreed),
    /// A statement is not proven: what it says of it is printed.
    #[error("the statement is not proven")]
    Unproven,
    /// What became of an order whose test there is no result of.
    #[error("the ordered test gave no result: {0}")]
    NotRun(&'static str),
    /// The store can't answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The collector stopped by itself.
    #[error(transparent)]
    Serve(#[from] crate::serve::ServeError),
    /// The data folder is another's.
    #[error(transparent)]
    Lock(#[from] crate::lock::LockError),
    /// The quickstart could not go on.
    #[error("{0:#}")]
    Quickstart(anyhow::Error),
    /// The system refused.
    #[error("{doing}")]
    Io {
        /// What was being done.
        doing: String,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
}

impl CliError {
    fn status(&self) -> u8 {
        match self {
            Self::Usage(_) | Self::Store(StoreError::UnknownHousehold(_)) => USAGE,
            Self::Data(_) => DATA,
            Self::NotAgreed(_) => NOT_AGREED,
            Self::Unproven => UNPROVEN,
            Self::NotRun(_) => NOT_RUN,
            Self::Store(e) if needs_config(e) => CONFIG,
            Self::Config(_) | Self::Serve(crate::serve::ServeError::Tls(_)) => CONFIG,
            Self::Lock(_) => UNAVAILABLE,
            Self::Quickstart(e) if e.is::<crate::lock::LockError>() => UNAVAILABLE,
            Self::Quickstart(e) if e.downcast_ref::<StoreError>().is_some_and(needs_config) => {
                CONFIG
            }
            _ => 1,
        }
    }
}

/// Whether the folder named is at fault.
fn needs_config(error: &StoreError) -> bool {
    matches!(
        error,
        StoreError::Folder { .. } | StoreError::Missing { .. } | StoreError::Newer { .. }
    )
}

/// Prints to standard output.
pub(crate) fn print(text: &str) -> Result<(), CliError> {
    print_octets(text.as_bytes())
}

/// Prints a report as JSON: indented for a person at a terminal, without a blank for a
/// program, as half of an indented month is indentation.
pub(crate) fn print_json(report: &(impl serde::Serialize + ?Sized)) -> Result<(), CliError> {
    let indented = std::io::stdout().is_terminal();
    print(&if indented { render::json(report) } else { render::compact_json(report) })
}

/// Writes to standard output. Whoever stopped reading has had enough: that is
/// no failure.
fn print_octets(octets: &[u8]) -> Result<(), CliError> {
    let mut out = std::io::stdout().lock();
    match out.write_all(octets).and_then(|()| out.flush()) {
        Err(e) if e.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => other.map_err(|source| CliError::Io {
            doing: "writing to standard output".to_owned(),
            source,
        }),
    }
}

/// Says something beside the output.
pub(crate) fn tell(text: &str) {
    // Nobody reads it: no reason to fail.
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// SIGINT and SIGTERM, caught from when this was made: one that comes during the
/// start is not lost.
pub(crate) struct Interrupt {
    int: Signal,
    term: Signal,
}

impl Interrupt {
    pub(crate) fn listen() -> Result<Self, CliError> {
        let caught = |kind| {
            signal(kind)
                .map_err(|source| CliError::Io { doing: "waiting for signals".to_owned(), source })
        };
        Ok(Self { int: caught(SignalKind::interrupt())?, term: caught(SignalKind::terminate())? })
    }

    /// Returns once one has come.
    pub(crate) async fn came(mut self) {
        tokio::select! {
            _ = self.int.recv() => {}
            _ = self.term.recv() => {}
        }
    }
}

/// Runs `task` on a runtime of its own.
pub(crate) fn run_async<T>(task: impl Future<Output = Result<T, CliError>>) -> Result<T, CliError> {
    tokio::runtime::Runtime::new()
        .map_err(|source| CliError::Io { doing: "starting the runtime".to_owned(), source })?
        .block_on(task)
}

/// Parses the command line and does what it says.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(e) => {
            // Help and version are asked for, and go to standard output.
            let status = if e.use_stderr() { USAGE } else { 0 };
            let _ = e.print();
            return ExitCode::from(status);
        }
    };
    // Quickstart tells in plain lines what matters; its log is for when it fails.
    let usual = if matches!(cli.command, Command::Quickstart(_)) { "error" } else { "info" };
    let level = EnvFilter::try_from_env("HEARTH_LOG").unwrap_or_else(|_| EnvFilter::new(usual));
    tracing_subscriber::fmt()
        .with_env_filter(level)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        // Told on standard error, and a panic where that takes nothing: a full disk.
        .log_internal_errors(false)
        .init();
    let done = match cli.command {
        Command::Quickstart(args) => quickstart::run(&args),
        Command::Serve(args) => serve::run(&args),
        Command::Reflector(args) => reflector::run(&args),
        Command::Responsiveness(args) => responsiveness::run(&args),
        Command::Households(args) => households::run(&args),
        Command::Home(args) => home::run(args),
        Command::Profile(args) => report::profile(&args),
        Command::Gaps(args) => report::gaps(&args),
        Command::Areas(args) => areas::run(&args),
        Command::Promises(args) => report::promises(&args),
        Command::Promise(args) => promise::run(&args),
        Command::Statement(args) => statement::run(&args),
        Command::Verify(args) => verify::run(&args),
        Command::Keygen(args) => keygen::run(&args),
        Command::Ledger(args) => report::ledger(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Score(args) => score::run(&args),
        Command::Plan(args) => plan::run(args),
        Command::RunNow(args) => run_now::run(&args),
        Command::Orders(args) => run_now::orders(&args),
        Command::Exclude(args) => exclude::run(args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            tell(&format!("hearth-collector: {}", crate::error_chain(&e)));
            ExitCode::from(e.status())
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
