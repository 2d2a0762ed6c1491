//! `fleet fit`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use hearth_proto::Technology;

use crate::models::fit::{
    Rates, beside, capacity, loss, model_burst_figures, model_rate_figures, rtt,
};
use crate::models::stats::{Burst, burst_figures, rate_figures};
use crate::models::trace::{self, Rows, csv_seconds, mahimahi_rates};
use crate::models::{Direction, Model};

const MAHIMAHI_STEP_MS: u32 = 100;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Recordings: Mahimahi capacity traces (.down, .up), and CSV with a row a second
    /// for downlink rates and ping summaries (.csv).
    #[arg(required = true)]
    traces: Vec<PathBuf>,
    /// CSV read for its ping summaries alone.
    #[arg(long)]
    pings: Vec<PathBuf>,
    /// The model's name.
    #[arg(long)]
    name: String,
    /// The technology it stands for.
    #[arg(long)]
    technology: Technology,
    /// Who recorded what, where it was published.
    #[arg(long)]
    source: String,
    /// What the source does not tell, and what was done about it.
    #[arg(long)]
    note: Vec<String>,
    /// Only rows of a CSV with this network mode.
    #[arg(long)]
    mode: Option<String>,
    /// Only ping summaries between which the cell stayed the same.
    #[arg(long)]
    steady_cell: bool,
    /// Without a recorded uplink: the downlink's rates times this.
    #[arg(long)]
    up_ratio: Option<f64>,
}

pub(super) fn run(args: &Args) -> anyhow::Result<()> {
    let rows = Rows { mode: args.mode.clone(), steady_cell: args.steady_cell };
    let (mut down, mut up, mut bursts) = (None, None, Vec::new());
    for path in &args.traces {
        let text = read(path)?;
        let at = || path.display().to_string();
        match path.extension().and_then(|e| e.to_str()) {
            Some("down") => extend(&mut down, mahimahi(&text).with_context(at)?, path)?,
            Some("up") => extend(&mut up, mahimahi(&text).with_context(at)?, path)?,
            Some("csv") => {
                let seconds = csv_seconds(&text, &rows).with_context(at)?;
                let rates = Rates {
                    bps: seconds.rates,
                    step_ms: 1000,
                    outage_bps: trace::PAUSE_BPS,
                    outage_steps: trace::PAUSE_ROWS + 1,
                };
                extend(&mut down, rates, path)?;
                add_bursts(&mut bursts, &seconds.bursts);
            }
            _ => bail!("{} is not accepted: a file ending in .down, .up or .csv", path.display()),
        }
    }
    for path in &args.pings {
        let seconds =
            csv_seconds(&read(path)?, &rows).with_context(|| path.display().to_string())?;
        add_bursts(&mut bursts, &seconds.bursts);
    }
    let Some(down) = down else {
        bail!("no recording of the downlink: a .down or a .csv is needed")
    };
    let down_fitted = capacity(&down).context("the downlink")?;
    let up_fitted = match (&up, args.up_ratio) {
        (Some(up), _) => capacity(up).context("the uplink")?,
        (None, Some(ratio)) => {
            let mut scaled = down_fitted.clone();
            scaled.quantiles_bps.iter_mut().for_each(|q| *q = (*q * ratio).round());
            scaled
        }
        (None, None) => bail!("no recording of the uplink: a .up or --up-ratio is needed"),
    };
    let mut model = Model {
        name: args.name.clone(),
        technology: args.technology,
        source: args.source.clone(),
        notes: args.note.clone(),
        down: down_fitted,
        up: up_fitted,
        rtt: rtt(&bursts)?,
        loss: loss(&bursts)?,
        fit: Vec::new(),
    };
    let recorded = |r: &Rates| rate_figures(&r.bps, r.step_ms, r.outage_bps, r.outage_steps);
    let mut fit =
        beside("down_", &recorded(&down), &model_rate_figures(&model, Direction::Down, 1));
    if let Some(up) = &up {
        fit.extend(beside("up_", &recorded(up), &model_rate_figures(&model, Direction::Up, 1)));
    }
    fit.extend(beside("", &burst_figures(&bursts), &model_burst_figures(&model, 1)));
    model.fit = fit;
    // What is written must be read back.
    let text = toml::to_string(&model)?;
    Model::parse(&args.name, &text)?;
    print!("{text}");
    Ok(())
}

fn read(path: &Path) -> anyhow::Result<String> {
    fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))
}

fn mahimahi(text: &str) -> anyhow::Result<Rates> {
    Ok(Rates {
        bps: mahimahi_rates(text, MAHIMAHI_STEP_MS)?,
        step_ms: MAHIMAHI_STEP_MS,
        // One opportunity in a step is the least there can be.
        outage_bps: 120e3 * 0.99,
        outage_steps: 2,
    })
}

fn extend(into: &mut Option<Rates>, more: Rates, path: &Path) -> anyhow::Result<()> {
    match into {
        None => *into = Some(more),
        Some(rates) if rates.step_ms == more.step_ms => rates.bps.extend(more.bps),
        Some(_) => bail!("{}: Mahimahi and CSV can't be mixed in one direction", path.display()),
    }
    Ok(())
}

/// Recordings were made at different distances from the server pinged: each one's
/// least round trip is moved to the first's.
fn add_bursts(into: &mut Vec<Burst>, more: &[Burst]) {
    let least = |b: &[Burst]| b.iter().map(|b| b.min_ms).fold(f64::INFINITY, f64::min);
    let shift = if into.is_empty() { 0.0 } else { least(into) - least(more) };
    into.extend(more.iter().map(|b| Burst {
        avg_ms: b.avg_ms + shift,
        min_ms: b.min_ms + shift,
        max_ms: b.max_ms + shift,
        lost: b.lost,
    }));
}
