//! The reader against python-dbusmock's ModemManager, which others wrote. Where it is
//! not installed for `python3`, `PYTHONPATH` may name a folder that it was unpacked to
//! (0.38, with Debian's python3-dbus and python3-gi).

use std::collections::HashMap;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use hearth_agent::link::radio::RadioReader;
use hearth_agent::link::radio::modem_manager::ModemManager;
use hearth_proto::{Layer, Technology};
use tokio::time::{sleep, timeout};
use zbus::{Connection, Variant, connection};

use crate::PATIENCE;
use crate::modem::{Bus, LTE, NR, ROOT};

const NAME: &str = "org.freedesktop.ModemManager1";
const MOCK: &str = "org.freedesktop.DBus.Mock";

/// Debian's own, whose modules for D-Bus are Debian's.
const PYTHON: &str = "/usr/bin/python3";

/// Why it can't be used, where it can't.
pub(crate) fn missing() -> Option<String> {
    let tried =
        Command::new(PYTHON).args(["-c", "import dbusmock.templates.modemmanager"]).output();
    let works = tried.is_ok_and(|tried| tried.status.success());
    (!works).then(|| {
        "python-dbusmock with a ModemManager template is not installed (Debian's python3-dbus \
         and python3-gi, and PYTHONPATH to python-dbusmock 0.38)"
            .to_owned()
    })
}

struct Mock(Child);

impl Drop for Mock {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

type Dict = HashMap<String, Variant<'static>>;

fn dict<const N: usize>(all: [(&str, Variant<'static>); N]) -> Dict {
    all.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

async fn tell<B>(bus: &Connection, path: &str, method: &str, body: &B) -> Result<zbus::Message>
where
    B: serde::Serialize + zbus::wire::Type,
{
    let told = bus.call_method(Some(NAME), path, Some(MOCK), method, body).await;
    told.with_context(|| method.to_owned())
}

pub(crate) async fn is_read() -> Result<()> {
    let bus = Bus::start()?;
    let child = Command::new(PYTHON)
        .args(["-m", "dbusmock", "--template", "modemmanager"])
        .env("DBUS_SYSTEM_BUS_ADDRESS", &bus.1)
        .stdout(Stdio::null())
        .spawn()?;
    let _mock = Mock(child);
    let asks = connection::Builder::address(bus.1.as_str()).build().await?;
    let modem = async {
        loop {
            // Until it has its name.
            match asks.call_method(Some(NAME), ROOT, Some(MOCK), "AddSimpleModem", &()).await {
                // Its path and its SIM's.
                Ok(answer) => return answer.body().deserialize::<(String, String)>(),
                Err(_) => sleep(Duration::from_millis(50)).await,
            }
        }
    };
    let (modem, _) = timeout(PATIENCE, modem).await.context("the mock does not start")??;

    // What the template leaves out.
    let ports: Variant<'_> = vec![("cdc-wdm0", 6_u32), ("wwan0", 2)].into();
    let of_modem = dict([("Ports", ports), ("CurrentBands", vec![33_u32, 378].into())]);
    tell(&asks, &modem, "AddProperties", &(format!("{NAME}.Modem"), of_modem)).await?;
    let home = dict([("RegistrationState", 1_u32.into())]);
    tell(&asks, &modem, "AddProperties", &(format!("{NAME}.Modem.Modem3gpp"), home)).await?;
    let figures = |all: Dict| Variant::from(all);
    let lte = figures(dict([("rsrp", (-95.0).into()), ("rsrq", (-11.0).into())]));
    let nr = figures(dict([("rsrp", (-101.5).into()), ("snr", 12.0.into())]));
    let signal = dict([("Rate", 5_u32.into()), ("Lte", lte), ("Nr5g", nr)]);
    let name = format!("{NAME}.Modem.Signal");
    tell(&asks, &modem, "AddProperties", &(&name, signal)).await?;
    tell(&asks, &modem, "AddMethod", &(&name, "Setup", "u", "", "")).await?;

    let mut reader = ModemManager::new(Some(bus.1.clone()));
    for (bits, technology, layers) in [
        (LTE, Technology::Lte, vec![Layer::Lte]),
        (LTE | NR, Technology::NrNsa, vec![Layer::Lte, Layer::Nr]),
        (NR, Technology::NrSa, vec![Layer::Nr]),
    ] {
        let now = dict([("AccessTechnologies", bits.into())]);
        tell(&asks, &modem, "UpdateProperties", &(format!("{NAME}.Modem"), now)).await?;
        let modems = reader.read().await?;
        let reading = modems.get("wwan0").with_context(|| format!("{modems:?}"))?;
        ensure!(reading.technology == Some(technology), "{reading:?}");
        ensure!(reading.cells.iter().map(|c| c.layer).eq(layers), "{reading:?}");
        ensure!(reading.roaming == Some(false), "{reading:?}");
        ensure!(reading.plmn.is_some_and(|plmn| plmn.to_string() == "00101"), "{reading:?}");
        for cell in &reading.cells {
            let power = if cell.layer == Layer::Lte { -950 } else { -1015 };
            ensure!(cell.rsrp_ddbm == Some(power), "{reading:?}");
        }
    }
    let away = dict([("RegistrationState", 5_u32.into())]);
    tell(&asks, &modem, "UpdateProperties", &(format!("{NAME}.Modem.Modem3gpp"), away)).await?;
    let modems = reader.read().await?;
    ensure!(modems.get("wwan0").is_some_and(|r| r.roaming == Some(true)), "{modems:?}");
    Ok(())
}
