//! `fleet fit | trace | month`: models from recordings, traces from models,
//! households to collectors.

mod fit;
mod month;
mod size;

use std::io::{self, BufWriter, Write};
use std::path::Path;

use anyhow::Context as _;
use clap::{Parser, Subcommand};

use crate::models::{Direction, Model};

/// Link models and virtual households.
#[derive(Debug, Parser)]
#[command(name = "fleet", version)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Fit a link model to recordings and write it, with the goodness of fit, as TOML.
    Fit(fit::Args),
    /// Write a Mahimahi trace drawn from a model.
    Trace(TraceArgs),
    /// Make some days of a virtual household and send them to a collector.
    Month(month::Args),
}

#[derive(Debug, clap::Args)]
struct TraceArgs {
    /// A built-in model's name, or a model file ending in .toml.
    model: String,
    /// Which direction, seen from the home.
    #[arg(long, default_value = "down")]
    direction: Direction,
    /// How long.
    #[arg(long, default_value_t = 60)]
    seconds: u32,
    /// The same seed gives the same trace.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// Runs a command.
pub fn run(cli: Cli) -> anyhow::Result<()> {
    match cli.command {
        Command::Fit(args) => fit::run(&args),
        Command::Trace(args) => trace(&args),
        Command::Month(args) => month::run(&args),
    }
}

/// A model by its built-in name or its file.
fn model(name: &str) -> anyhow::Result<Model> {
    if Path::new(name).extension().is_none_or(|e| e != "toml") {
        return Ok(Model::built_in(name)?);
    }
    let text = std::fs::read_to_string(name).with_context(|| format!("reading {name}"))?;
    Ok(Model::parse(name, &text)?)
}

fn trace(args: &TraceArgs) -> anyhow::Result<()> {
    let duration_ms = u64::from(args.seconds) * 1000;
    let trace = model(&args.model)?.mahimahi_trace(args.direction, args.seed, duration_ms);
    let mut out = BufWriter::new(io::stdout().lock());
    for ms in trace {
        writeln!(out, "{ms}")?;
    }
    out.flush()?;
    Ok(())
}
