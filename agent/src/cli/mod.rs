//! What the commands take and print.
//!
//! [`args`] is the command line, [`main`] does what it says, [`links`] and
//! [`crate::measure`] make what is printed. Exit status, as in `sysexits.h`: 64
//! for bad usage, 78 for a bad configuration, 69 where something that is needed
//! isn't there; 1 for anything else, where nothing answered, and where
//! [`crate::doctor`] finds a problem.

pub mod args;
mod failure;
pub mod links;
mod run;

use std::io::{self, IsTerminal as _, Write};
use std::path::Path;
use std::process::ExitCode;

use clap::Parser;
use hearth_proto::Family;
use tokio::signal::unix::{SignalKind, signal};

use crate::config::LinkSettings;
use crate::doctor;
use crate::link::bind::Binder;
use crate::link::discover::dump;
use crate::link::netlink::Netlink;
use crate::link::radio::follow::Source;
use crate::measure::failed::Failed;
use crate::measure::{self, Stop, capacity, latency, path, phases, responsiveness};
use crate::probe::dns;
use crate::probe::outlet::Outlet;
use args::{
    CapacityArgs, Cli, Command, Common, DnsArgs, HttpArgs, LatencyArgs, Measure, PathArgs,
    ResponsivenessArgs,
};
use failure::{EX_CONFIG, EX_UNAVAILABLE, Failure, end};

/// The program.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return failure::usage(&error),
    };
    log_to_stderr(&cli.command);
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return end(Failure::from(error), is_json(&cli.command)),
    };
    match runtime.block_on(perform(&cli)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => end(failure, is_json(&cli.command)),
    }
}

/// Whether the result is to be JSON, and so why there is none.
fn is_json(command: &Command) -> bool {
    let common = match command {
        Command::Run => return false,
        Command::Status { json, .. } | Command::Links { json } | Command::Doctor { json } => {
            return *json;
        }
        Command::Measure(Measure::Latency(args)) => &args.common,
        Command::Measure(Measure::Http(args)) => &args.common,
        Command::Measure(Measure::Dns(args)) => &args.common,
        Command::Measure(Measure::Responsiveness(args)) => &args.common,
        Command::Measure(Measure::Capacity(args)) => &args.common,
        Command::Measure(Measure::Path(args)) => &args.common,
    };
    common.json
}

/// `HEARTH_LOG` says how much; a person who measures is not told what the agent
/// would log.
fn log_to_stderr(command: &Command) {
    let usual = if matches!(command, Command::Run) { "info" } else { "error" };
    let filter = tracing_subscriber::EnvFilter::try_from_env("HEARTH_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(usual));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        // Told on standard error, and a panic where that takes nothing: a full disk.
        .log_internal_errors(false)
        // A file or the journal is read by programs that take colours for text.
        .with_ansi(io::stderr().is_terminal())
        .init();
}

async fn perform(cli: &Cli) -> Result<(), Failure> {
    match &cli.command {
        Command::Run => run::run(&cli.config, stop_signal()?).await,
        Command::Status { socket, json } => {
            run::status(&cli.config, socket.as_deref(), *json).await
        }
        Command::Links { json } => {
            let settings = LinkSettings::load(&cli.config, std::env::vars())?;
            let netlink = Netlink::open()?;
            let machine = dump::machine(&netlink).await?;
            let mut report = links::report(&machine, &settings, links::Roots::default());
            report.add_radios(&settings, Source::of(settings.radio)).await;
            if *json { print_json(&report) } else { print(&report.to_string()) }
        }
        Command::Doctor { json } => {
            let report = doctor::examine(&cli.config, std::env::vars().collect()).await;
            let printed = if *json { print_json(&report) } else { print(&report.to_string()) };
            printed?;
            match (report.bad_configuration, report.has_problem()) {
                (true, _) => Err(Failure::Told(EX_CONFIG)),
                (_, true) => Err(Failure::Told(1)),
                _ => Ok(()),
            }
        }
        Command::Measure(Measure::Latency(args)) => measure_latency(args).await,
        Command::Measure(Measure::Http(args)) => measure_http(args).await,
        Command::Measure(Measure::Dns(args)) => measure_dns(args).await,
        Command::Measure(Measure::Responsiveness(args)) => measure_responsiveness(args).await,
        Command::Measure(Measure::Capacity(args)) => measure_capacity(args).await,
        Command::Measure(Measure::Path(args)) => measure_path(args).await,
    }
}

/// Completes on SIGTERM or SIGINT. A second one ends the program at once.
fn stop_signal() -> io::Result<impl Future<Output = ()> + Send> {
    let mut term = signal(SignalKind::terminate())?;
    let mut int = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
        tracing::info!("told to stop: closing slots and sending what is left");
        tokio::spawn(async move {
            tokio::select! {
                _ = term.recv() => {}
                _ = int.recv() => {}
            }
            tracing::warn!("told to stop again: what was not sent stays in the spool");
            std::process::exit(1);
        });
    })
}

async fn measure_latency(args: &LatencyArgs) -> Result<(), Failure> {
    let target = args.host_port().map_err(Failure::Usage)?;
    let outlet = outlet(&args.common)?;
    let what = latency::Latency {
        protocol: args.protocol,
        target: args.target.clone(),
        to: measure::look_up(&target, args.common.wanted(), &outlet).await?,
        outlet,
        count: args.count,
        interval: args.interval(),
        stamp: args.stamp().map_err(Failure::Usage)?,
    };
    let mut stop = stop_on_ctrl_c();
    let mut live = live(args.common.json);
    let report = latency::measure(&what, &mut live, &mut stop).await?;
    if args.common.json {
        print_json(&report)?;
    } else {
        latency::summarise(&report, &mut io::stdout())?;
    }
    if report.figures.count == 0 { Err(Failure::NoAnswer) } else { Ok(()) }
}

async fn measure_http(args: &HttpArgs) -> Result<(), Failure> {
    let what = phases::Http {
        url: args.url.clone(),
        ca_pem: authority(args.ca.as_deref())?,
        outlet: outlet(&args.common)?,
        wanted: args.common.wanted(),
    };
    let pace = phases::Pace::of(args.pace.count, args.pace.interval);
    let (mut stop, mut live) = (stop_on_ctrl_c(), live(args.common.json));
    let report = phases::http(&what, pace, &mut live, &mut stop).await?;
    show(&report, args.common.json)
}

async fn measure_dns(args: &DnsArgs) -> Result<(), Failure> {
    let what = phases::Dns {
        name: args.name.clone(),
        server: args.server,
        family: if args.aaaa || args.common.family() == Some(Family::V6) {
            Family::V6
        } else {
            Family::V4
        },
        by: if args.tcp { dns::Transport::Tcp } else { dns::Transport::Udp },
        outlet: outlet(&args.common)?,
        wanted: args.common.wanted(),
    };
    let pace = phases::Pace::of(args.pace.count, args.pace.interval);
    let (mut stop, mut live) = (stop_on_ctrl_c(), live(args.common.json));
    let report = phases::dns(&what, pace, &mut live, &mut stop).await?;
    show(&report, args.common.json)
}

async fn measure_responsiveness(args: &ResponsivenessArgs) -> Result<(), Failure> {
    let ca_pem = authority(args.ca.as_deref())?;
    let outlet = outlet(&args.common)?;
    let what = responsiveness::Responsiveness::of(args, outlet, ca_pem);
    let mut live = live(args.common.json);
    let report = responsiveness::measure(&what, &mut live, stop_on_ctrl_c()).await?;
    if args.common.json {
        print_json(&report)?;
    } else {
        responsiveness::summarise(&report, &mut io::stdout())?;
    }
    ended(report.error.as_ref(), report.has_figures())
}

/// How a heavier test ends, its report printed.
fn ended(error: Option<&Failed>, has_figures: bool) -> Result<(), Failure> {
    match error {
        None => Ok(()),
        // The server is not there, or what it takes to reach it.
        Some(failed) if !has_figures || failed.is_from_here() => Err(Failure::Told(EX_UNAVAILABLE)),
        Some(_) => Err(Failure::NoAnswer),
    }
}

async fn measure_capacity(args: &CapacityArgs) -> Result<(), Failure> {
    let ca_pem = authority(args.ca.as_deref())?.map(Into::into);
    let what = capacity::Capacity {
        server: args.server.clone(),
        ca_pem,
        outlet: outlet(&args.common)?,
        resolvers: phases::servers(args.common.interface.as_ref()).into(),
        family: args.common.family(),
    };
    let (mut stop, mut live) = (stop_on_ctrl_c(), live(args.common.json));
    let report = capacity::capacity(&what, &mut live, &mut stop).await?;
    if args.common.json {
        print_json(&report)?;
    } else {
        capacity::summarise(&report, &mut io::stdout())?;
    }
    ended(report.error.as_ref(), report.has_figures())
}

async fn measure_path(args: &PathArgs) -> Result<(), Failure> {
    let target = args.host_port().map_err(Failure::Usage)?;
    let outlet = outlet(&args.common)?;
    let what = path::Path {
        target: args.target.clone(),
        to: measure::look_up(&target, args.common.wanted(), &outlet).await?,
        outlet,
        max_ttl: args.max_ttl,
        count: args.count,
        interval: std::time::Duration::from_millis(args.interval.into()),
    };
    let (mut stop, mut live) = (stop_on_ctrl_c(), live(args.common.json));
    let report = path::measure(&what, &mut live, &mut stop).await?;
    if args.common.json {
        print_json(&report)?;
    } else {
        path::summarise(&report, &mut io::stdout())?;
    }
    let answered = report.hops.iter().any(|hop| hop.best_ms.is_some());
    if answered { Ok(()) } else { Err(Failure::NoAnswer) }
}

fn show(report: &phases::Report, json: bool) -> Result<(), Failure> {
    if json {
        print_json(report)?;
    } else {
        phases::summarise(report, &mut io::stdout())?;
    }
    if report.count == 0 { Err(Failure::NoAnswer) } else { Ok(()) }
}

/// A further authority to trust, in PEM.
fn authority(file: Option<&Path>) -> Result<Option<Vec<u8>>, Failure> {
    let Some(file) = file else { return Ok(None) };
    std::fs::read(file)
        .map(Some)
        .map_err(|error| Failure::Usage(format!("--ca {} can't be read: {error}", file.display())))
}

fn outlet(common: &Common) -> Result<Outlet, Failure> {
    Ok(match &common.interface {
        Some(interface) => {
            Outlet::Link { binder: Binder::new(Netlink::open()?), interface: interface.clone() }
        }
        None => Outlet::System,
    })
}

/// Lines for a person as answers come. JSON stands alone on standard output: beside it
/// they go where errors go, if somebody looks on there.
fn live(json: bool) -> Box<dyn Write> {
    match json {
        false => Box::new(io::stdout()),
        true if io::stderr().is_terminal() => Box::new(io::stderr()),
        true => Box::new(io::sink()),
    }
}

fn stop_on_ctrl_c() -> Stop {
    let (sender, stop) = Stop::new();
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            let _ = sender.send(true);
        }
    });
    stop
}

fn print_json(value: &impl serde::Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string(value).map_err(io::Error::from)?;
    print(&format!("{text}\n"))
}

fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    Ok(out.write_all(text.as_bytes()).and_then(|()| out.flush())?)
}
