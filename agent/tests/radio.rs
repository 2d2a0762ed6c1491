//! Modems read from ModemManager's D-Bus interface on a private bus, and by fake
//! `ubus` and `uqmi`: technology, layers, roaming, changes while it runs, refusals,
//! and a modem or ModemManager that goes and comes back.

#[path = "modem/dbusmock.rs"]
mod dbusmock;
mod modem;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use hearth_agent::link::radio::follow::{Radios, follow};
use hearth_agent::link::radio::modem_manager::ModemManager;
use hearth_agent::link::radio::ubus::Ubus;
use hearth_agent::link::radio::{RadioError, RadioReader, RadioReading};
use hearth_proto::{Layer, Technology};
use libtest_mimic::{Arguments, Completion, Trial};
use modem::{Bus, LTE, NR, manager, plug, register, serve, unplug};
use tokio::sync::watch;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(20);

async fn read(reader: &mut ModemManager) -> Result<RadioReading> {
    let modems = reader.read().await?;
    ensure!(modems.len() == 1, "{modems:?}");
    Ok(modems.values().next().context("no modem")?.clone())
}

async fn technologies() -> Result<()> {
    for (bits, registration, technology, layers, roaming) in [
        (LTE, 1, Technology::Lte, vec![Layer::Lte], false),
        (LTE | NR, 1, Technology::NrNsa, vec![Layer::Lte, Layer::Nr], false),
        (NR, 5, Technology::NrSa, vec![Layer::Nr], true),
    ] {
        let bus = Bus::start()?;
        let manager = manager(&bus).await?;
        plug(&manager, bits, registration, false).await?;
        let mut reader = ModemManager::new(Some(bus.1.clone()));
        let first = read(&mut reader).await?;
        ensure!(first.cells.iter().all(|c| c.rsrp_ddbm.is_none()), "not refreshed yet: {first:?}");
        let reading = read(&mut reader).await?;
        ensure!(reading.technology == Some(technology), "{reading:?}");
        ensure!(reading.cells.iter().map(|c| c.layer).eq(layers), "{reading:?}");
        ensure!(reading.roaming == Some(roaming), "{reading:?}");
        ensure!(reading.plmn.is_some_and(|p| p.to_string() == "26201"), "{reading:?}");
        for cell in &reading.cells {
            let expected = match cell.layer {
                Layer::Lte => (Some(-950), None, Some(3), Some(0x18B_7207)),
                Layer::Nr => (Some(-1010), Some(120), Some(78), None),
            };
            let found = (cell.rsrp_ddbm, cell.sinr_ddb, cell.band, cell.cell);
            ensure!(found == expected, "{reading:?}");
        }
    }
    Ok(())
}

async fn until(seen: &mut watch::Receiver<Radios>, what: impl Fn(&Radios) -> bool) -> Result<()> {
    let waited = timeout(PATIENCE, seen.wait_for(what)).await;
    drop(waited.map_err(|_| anyhow!("it was not seen in time"))??);
    Ok(())
}

async fn followed() -> Result<()> {
    let bus = Bus::start()?;
    let first = manager(&bus).await?;
    plug(&first, LTE, 1, false).await?;
    let (sender, mut seen) = watch::channel(Radios::default());
    let task = tokio::spawn(follow(ModemManager::new(Some(bus.1.clone())), sender));
    let wwan0 = "wwan0".parse()?;
    let is = |radios: &Radios, t| radios.of(&wwan0).and_then(|r| r.technology) == Some(t);
    until(&mut seen, |r| is(r, Technology::Lte)).await.context("LTE")?;

    // Sooner than the next reading would come: it was told of it.
    serve(&first, LTE | NR).await?;
    let soon = timeout(Duration::from_secs(5), seen.wait_for(|r| is(r, Technology::NrNsa))).await;
    drop(soon.context("a change is seen within seconds")??);

    register(&first, 5).await?;
    until(&mut seen, |r| r.roaming(&wwan0) == Some(true)).await.context("roaming")?;

    unplug(&first).await?;
    until(&mut seen, |r| r.modems.as_ref().is_ok_and(|m| m.is_empty()))
        .await
        .context("unplugged")?;
    plug(&first, NR, 1, false).await?;
    until(&mut seen, |r| is(r, Technology::NrSa)).await.context("plugged in again")?;

    first.close().await?;
    until(&mut seen, |r| r.modems.is_err()).await.context("ModemManager ended")?;
    let second = manager(&bus).await?;
    plug(&second, LTE, 1, false).await?;
    until(&mut seen, |r| is(r, Technology::Lte)).await.context("ModemManager started again")?;
    drop(seen);
    timeout(PATIENCE, task).await.context("it ends when nobody watches")??;
    Ok(())
}

async fn refused() -> Result<()> {
    let bus = Bus::start()?;
    let mut reader = ModemManager::new(Some(bus.1.clone()));
    let nobody = reader.read().await;
    ensure!(matches!(nobody, Err(RadioError::NotThere { .. })), "{nobody:?}");
    let manager = manager(&bus).await?;
    plug(&manager, LTE, 1, true).await?;
    for _ in 0..2 {
        let reading = read(&mut reader).await?;
        ensure!(reading.technology == Some(Technology::Lte), "{reading:?}");
        ensure!(reading.cells[0].rsrp_ddbm.is_none(), "{reading:?}");
        let [lack] = &reading.lacks[..] else { return Err(anyhow!("{reading:?}")) };
        ensure!(lack.what == "signal" && lack.remedy.contains("Device.Control"), "{lack:?}");
    }
    Ok(())
}

fn program(folder: &Path, name: &str, script: &str) -> Result<()> {
    let path = folder.join(name);
    fs::write(&path, format!("#!/bin/sh\n{script}\n"))?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
    Ok(())
}

async fn uqmi() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let root = folder.path();
    fs::create_dir_all(root.join("class/net/wwan0/device/usbmisc/cdc-wdm0"))?;
    let reader = || Ubus::new(Some(root.to_owned()), root.to_owned());
    let missing = reader().read().await;
    ensure!(matches!(missing, Err(RadioError::NotThere { .. })), "{missing:?}");

    program(root, "ubus", r#"echo '{"interface":[{"proto":"qmi","l3_device":"wwan0"}]}'"#)?;
    // An older one: it knows no system info and then says how it is used.
    let log = root.join("log").display().to_string();
    let script = format!(
        "echo \"$@\" >> {log}\ncase \"$*\" in *system-info*) exit 1;; esac\n\
         echo '{{\"type\":\"lte\",\"rsrp\":-95,\"rsrq\":-11,\"snr\":92}}'\n\
         echo '{{\"registration\":\"registered\",\"plmn_mcc\":310,\"plmn_mnc\":410,\"roaming\":true}}'"
    );
    program(root, "uqmi", &script)?;
    let mut asked = reader();
    for _ in 0..2 {
        let modems = asked.read().await?;
        let reading = modems.get("wwan0").context("no wwan0")?;
        ensure!(reading.technology == Some(Technology::Lte), "{reading:?}");
        ensure!(
            reading.roaming == Some(true) && reading.cells[0].sinr_ddb == Some(92),
            "{reading:?}"
        );
    }
    let log = fs::read_to_string(root.join("log"))?;
    ensure!(log.lines().count() == 3, "the longer command is tried once: {log}");
    ensure!(log.lines().all(|line| line.starts_with("-s -d /dev/cdc-wdm0 ")), "{log}");

    program(root, "uqmi", "echo '\"Failed to connect to service\"'; exit 1")?;
    let failed = reader().read().await;
    let Err(RadioError::Failed { why, .. }) = &failed else { return Err(anyhow!("{failed:?}")) };
    ensure!(why.contains("Failed to connect"), "{why}");
    Ok(())
}

fn main() {
    let arguments = Arguments::from_args();
    let no_bus = modem::no_bus();
    let no_mock = no_bus.clone().or_else(dbusmock::missing);
    let trials = vec![
        trial("technologies_layers_and_roaming", no_bus.as_ref(), technologies),
        trial("a_modem_and_its_manager_are_followed", no_bus.as_ref(), followed),
        trial("refusals_name_their_remedy", no_bus.as_ref(), refused),
        trial("another_mock_is_read_alike", no_mock.as_ref(), dbusmock::is_read),
        trial("uqmi_is_read_and_sparingly", None, uqmi),
    ];
    libtest_mimic::run(&arguments, trials).exit();
}

fn trial<F>(name: &str, skip: Option<&String>, test: fn() -> F) -> Trial
where
    F: Future<Output = Result<()>> + 'static,
{
    let skip = skip.cloned();
    Trial::ignorable_test(name, move || {
        if let Some(reason) = skip {
            return Ok(Completion::ignored_with(format!("skipped: {reason}")));
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(test()).map_err(|error| format!("{error:#}"))?;
        Ok(Completion::Completed)
    })
}
