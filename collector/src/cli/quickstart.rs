//! `quickstart`: measure this machine's links, now.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use hearth_proto::HouseholdId;

use super::files::{beside, write};
use super::report::{JudgeArgs, now, style};
use super::span::duration;
use super::{CliError, DataArgs, Interrupt, print, print_json, run_async, tell};
use crate::console::statement_html;
use crate::quickstart::{self, Plan, ReflectorArg, TargetArg};
use crate::render;
use crate::statement::messages::Lang;
use crate::statement::seal::Sealed;

#[derive(Debug, Args)]
pub(super) struct QuickstartArgs {
    #[command(flatten)]
    data: DataArgs,
    /// Stop after so long, such as 60s or 10m [default: go on until Ctrl-C]
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    length: Option<Duration>,
    /// What to measure against: HOST (ICMP), HOST:PORT (TCP) or a URL (HTTP); may be given again
    #[arg(long = "target", value_name = "TARGET", value_parser = quickstart::target)]
    targets: Vec<TargetArg>,
    /// A reflector elsewhere, such as `hearth-collector reflector` or any STAMP reflector
    #[arg(long, value_name = "HOST[:PORT]", value_parser = quickstart::reflector)]
    reflector: Option<ReflectorArg>,
    /// Where the console's pages are; another port if this one is taken
    #[arg(
        long,
        env = "HEARTH_CONSOLE",
        value_name = "ADDR:PORT",
        default_value = "127.0.0.1:8622"
    )]
    console: SocketAddr,
    /// The household's id
    #[arg(long, default_value = "home")]
    household: HouseholdId,
    /// Where the statement's page is written
    #[arg(long, value_name = "FILE", default_value = "statement.html")]
    statement: PathBuf,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    judge: JudgeArgs,
}

pub(super) fn run(args: &QuickstartArgs) -> Result<(), CliError> {
    if !args.console.ip().is_loopback() {
        return Err(CliError::Usage(format!(
            "--console {} is not accepted: a loopback address",
            args.console
        )));
    }
    let plan = Plan {
        data: args.data.folder()?,
        household: args.household.clone(),
        length: args.length,
        targets: args.targets.clone(),
        reflector: args.reflector.clone(),
        console: args.console,
        catalogue: args.judge.catalogue()?,
        zone: args.judge.zone(),
        now,
    };
    check_statement(&args.statement)?;
    let report = run_async(async {
        let interrupt = Interrupt::listen()?;
        quickstart::run(plan, interrupt.came()).await.map_err(CliError::Quickstart)
    })?;
    let sealed = Sealed::plain(report.statement.clone(), Lang::EN);
    if args.json {
        print_json(&report)?;
    } else {
        let style = style(args.judge.zone());
        print(&format!(
            "{}\n{}\n{}",
            style.paragraph("", &sealed.sheet().gist),
            render::profile(&report.profile, &style),
            render::gaps(&report.gaps, &style)
        ))?;
    }
    write(&args.statement, statement_html(&sealed).as_bytes())?;
    tell(&format!("statement {}", args.statement.display()));
    Ok(())
}

/// Finds out before the measuring, not after it, whether the page can be
/// written.
fn check_statement(file: &Path) -> Result<(), CliError> {
    let beside = beside(file);
    let refused = |source| CliError::Io {
        doing: format!(
            "the statement can't be written to {} (--statement FILE names another place)",
            file.display()
        ),
        source,
    };
    if file.is_dir() {
        return Err(refused(std::io::ErrorKind::IsADirectory.into()));
    }
    std::fs::write(&beside, "").and_then(|()| std::fs::remove_file(&beside)).map_err(refused)
}
