//! Plays one scenario and prints what was measured beside what was true.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser;
use hearth_tests::lab::programs::{BIN_DIR_VARIABLE, Programs};
use hearth_tests::lab::scenario::file::{TraceOverride, load};
use hearth_tests::lab::verify::Tolerance;
use hearth_tests::lab::{interrupt, report, run, unavailable, verify};

/// Builds a home of emulated links, runs agent and collector in it, and prints
/// what they measured beside what was true. Needs root, /dev/net/tun, and ip
/// (Debian: iproute2).
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// The scenario, such as tests/scenarios/fttp-outage.toml
    scenario: PathBuf,
    /// Drive a link's direction by this trace; may be repeated
    #[arg(long, value_name = "LINK.up|down=FILE")]
    trace: Vec<TraceOverride>,
    /// Folder with hearth-agent and hearth-collector; built by cargo if absent
    #[arg(long, env = BIN_DIR_VARIABLE)]
    bin_dir: Option<PathBuf>,
    /// Keep data, configuration and logs in this folder
    #[arg(long)]
    keep: Option<PathBuf>,
    /// Print truth, measurements and deviations as JSON
    #[arg(long)]
    json: bool,
}

fn main() -> anyhow::Result<ExitCode> {
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "info".into()),
        )
        .with_writer(std::io::stderr)
        .init();
    let arguments = Arguments::parse();
    if let Some(reason) = unavailable() {
        println!("skipped: {reason}");
        return Ok(ExitCode::SUCCESS);
    }
    let scenario = load(&arguments.scenario, &arguments.trace)?;
    let programs = Programs::find(arguments.bin_dir.as_deref())?;
    let interrupted = interrupt::watch()?;
    let temporary = tempfile::tempdir().context("temporary folder")?;
    let folder = arguments.keep.as_deref().unwrap_or(temporary.path());
    let folder = std::path::absolute(folder)?;
    std::fs::create_dir_all(&folder).with_context(|| format!("folder {}", folder.display()))?;
    let outcome = run::play(&scenario, &programs, &folder, &interrupted)?;
    let deviations = verify::deviations(&outcome.truth, &outcome.measured, Tolerance::BUSY);
    if arguments.json {
        let all = serde_json::json!({
            "truth": outcome.truth,
            "measured": outcome.measured,
            "deviations": deviations,
        });
        println!("{}", serde_json::to_string_pretty(&all)?);
    } else {
        print!("{}", report::text(&outcome.truth, &outcome.measured));
        if deviations.is_empty() {
            println!("\nmeasured agrees with true");
        }
        for deviation in &deviations {
            println!("\ndeviation: {deviation}");
        }
    }
    Ok(if deviations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
