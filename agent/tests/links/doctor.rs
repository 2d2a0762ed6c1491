//! The doctor at typical failings, in a home with three ways out.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use hearth_agent::doctor::{Finding, Level, Report, examine};
use hearth_proto::Family;
use tokio::net::TcpListener;

use crate::bind::{Home, far};
use crate::services;

struct Case {
    home: Home,
    folder: tempfile::TempDir,
}

impl Case {
    async fn new() -> Result<Self> {
        Ok(Self { home: Home::new().await?, folder: tempfile::tempdir()? })
    }

    async fn examine(&self, more: &str) -> Result<Report> {
        let path: PathBuf = self.folder.path().join("agent.toml");
        let ip = far(Family::V4).ip();
        let (stamp, dns, http) = (services::STAMP, services::DNS, services::HTTP);
        // Later keys stand in tables, which come last.
        let text = format!(
            "household = \"home-1\"\nstate_dir = \"{}\"\n{}",
            self.folder.path().display(),
            more.replace("@STAMP", &format!("{ip}:{stamp}"))
                .replace("@DNS", &format!("{ip}:{dns}"))
                .replace("@HTTP", &format!("{ip}:{http}")),
        );
        std::fs::write(&path, text)?;
        Ok(examine(&path, Vec::new()).await)
    }
}

fn of<'r>(report: &'r Report, check: &str, link: &str) -> Result<&'r Finding> {
    let is =
        |f: &&Finding| f.check == check && f.link.as_ref().map_or("", |name| name.as_str()) == link;
    report.findings.iter().find(is).with_context(|| format!("no {check} by {link:?} in\n{report}"))
}

const WELL: &str = "reflector = \"@STAMP\"\nresolvers = [\"@DNS\"]\ntargets = [\"@HTTP\"]\n";

pub(crate) async fn failings() -> Result<()> {
    let case = Case::new().await?;
    let collector = TcpListener::bind("127.0.0.1:0").await?;
    let closed = format!("collector = \"http://{}\"\n", collector.local_addr()?);
    drop(collector);

    let report = case.examine(&format!("{closed}{WELL}")).await?;
    for link in ["wan0", "wan1", "wan2"] {
        for check in ["link", "resolver", "reflector", "target", "budget"] {
            let finding = of(&report, check, link)?;
            ensure!(finding.level == Level::Ok, "{finding:?}");
        }
    }
    ensure!(of(&report, "own bytes", "")?.level == Level::Ok, "{report}");
    let finding = of(&report, "collector", "")?;
    ensure!(
        finding.level == Level::Problem && finding.remedy.contains("is it running"),
        "{report}"
    );
    ensure!(of(&report, "agent", "")?.level == Level::Warning, "{report}");
    ensure!(of(&report, "policy routes", "")?.why.contains("none but"), "{report}");
    ensure!(report.has_problem() && !report.bad_configuration, "{report}");
    println!("{report}");

    // A rule that forbids one link what the others may.
    let forbid = "rule add to 203.0.113.1 oif wan1 unreachable priority 90";
    let output = std::process::Command::new("ip").args(forbid.split(' ')).output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    case.home.ip.down("wan2").await?;
    let wrong = WELL.replace("@STAMP", "203.0.113.1:9");
    let report = case.examine(&format!("{closed}{wrong}")).await?;
    let finding = of(&report, "target", "wan1")?;
    ensure!(finding.why.contains("no route to 203.0.113.1 by wan1"), "{report}");
    ensure!(finding.remedy.contains("ip rule"), "{report}");
    ensure!(of(&report, "policy routes", "")?.why.starts_with("1: "), "{report}");
    let finding = of(&report, "reflector", "wan0")?;
    ensure!(finding.level == Level::Problem && finding.why.contains("refused"), "{report}");
    // Without its routes it is no link any more.
    ensure!(of(&report, "link", "wan2").is_err(), "{report}");

    let named = "[[link]]\ninterface = \"wan2\"\n";
    let report = case.examine(&format!("{closed}{WELL}{named}")).await?;
    ensure!(of(&report, "link", "wan2")?.why == "wan2 has no carrier", "{report}");

    let report = case.examine("collector = \"http://192.0.2.1\"\nslot_ms = 7\n").await?;
    ensure!(report.bad_configuration, "{report}");
    ensure!(of(&report, "link", "wan0")?.level == Level::Ok, "{report}");

    // A link by IPv6 alone does not lead to a reflector by IPv4.
    let flush = "-4 addr flush dev wan0";
    let output = std::process::Command::new("ip").args(flush.split(' ')).output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let report = case.examine(&format!("{closed}{WELL}")).await?;
    let finding = of(&report, "reflector", "wan0")?;
    ensure!(
        finding.level == Level::Problem && finding.why.contains("no address of an IP version"),
        "{report}"
    );
    Ok(())
}

pub(crate) async fn no_links() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let report = examine(&folder.path().join("none.toml"), Vec::new()).await;
    let finding = of(&report, "link", "")?;
    ensure!(finding.level == Level::Problem && finding.why.contains("default route"), "{report}");
    Ok(())
}
