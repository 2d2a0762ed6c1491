//! A bus of one's own, and ModemManager's D-Bus interface on it with one modem, whose
//! data goes by `wwan0`.

#![expect(clippy::unused_async, reason = "a D-Bus interface's methods are async")]
#![allow(dead_code, reason = "each test program uses a part of it")]

use std::collections::HashMap;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};
use zbus::fdo::ObjectManager;
use zbus::{Connection, OwnedVariant, Variant, connection, interface};

pub(crate) const ROOT: &str = "/org/freedesktop/ModemManager1";
pub(crate) const MODEM: &str = "/org/freedesktop/ModemManager1/Modem/0";
pub(crate) const LTE: u32 = 1 << 14;
pub(crate) const NR: u32 = 1 << 15;

/// Why there is no bus to be had, where there is none.
pub(crate) fn no_bus() -> Option<String> {
    let bus = Command::new("dbus-daemon").arg("--version").output();
    bus.is_err().then(|| "no dbus-daemon: install Debian's dbus".to_owned())
}

/// A bus of its own, ended with the test.
pub(crate) struct Bus(Child, pub(crate) String);

impl Bus {
    pub(crate) fn start() -> Result<Self> {
        use std::io::BufRead as _;
        let mut child = Command::new("dbus-daemon")
            .args(["--session", "--nofork", "--print-address=1"])
            .stdout(Stdio::piped())
            .spawn()?;
        let mut address = String::new();
        let out = child.stdout.take().context("no output")?;
        std::io::BufReader::new(out).read_line(&mut address)?;
        Ok(Self(child, address.trim().to_owned()))
    }
}

impl Drop for Bus {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

type Dict = HashMap<String, OwnedVariant>;

fn dict<const N: usize>(all: [(&str, Variant<'static>); N]) -> Dict {
    all.into_iter().map(|(k, v)| (k.to_owned(), v.try_into_owned().expect("no fd"))).collect()
}

pub(crate) struct Modem {
    pub(crate) technologies: u32,
}

#[interface(name = "org.freedesktop.ModemManager1.Modem")]
impl Modem {
    #[zbus(property)]
    async fn access_technologies(&self) -> u32 {
        self.technologies
    }
    #[zbus(property)]
    async fn ports(&self) -> Vec<(String, u32)> {
        vec![("cdc-wdm0".into(), 6), ("wwan0".into(), 2)]
    }
    #[zbus(property)]
    async fn current_bands(&self) -> Vec<u32> {
        vec![33, 378]
    }
    async fn get_cell_info(&self) -> Vec<Dict> {
        let lte = dict([
            ("cell-type", 5_u32.into()),
            ("serving", true.into()),
            ("ci", "18B7207".into()),
            ("physical-ci", "1F".into()),
            ("earfcn", 1_300_u32.into()),
        ]);
        let nr = dict([
            ("cell-type", 6_u32.into()),
            ("serving", true.into()),
            ("physical-ci", "3E7".into()),
            ("nrarfcn", 630_000_u32.into()),
        ]);
        vec![lte, nr]
    }
}

pub(crate) struct Network {
    pub(crate) registration: u32,
}

#[interface(name = "org.freedesktop.ModemManager1.Modem.Modem3gpp")]
impl Network {
    #[zbus(property)]
    async fn registration_state(&self) -> u32 {
        self.registration
    }
    #[zbus(property)]
    async fn operator_code(&self) -> &'static str {
        "26201"
    }
}

/// It gives figures only once it was told to refresh them.
pub(crate) struct Signal {
    rate: u32,
    refuses: bool,
}

#[interface(name = "org.freedesktop.ModemManager1.Modem.Signal")]
impl Signal {
    #[zbus(property)]
    async fn rate(&self) -> u32 {
        self.rate
    }
    #[zbus(property)]
    async fn lte(&self) -> Dict {
        if self.rate == 0 {
            return Dict::new();
        }
        dict([("rsrp", (-95.0).into()), ("rsrq", (-11.0).into()), ("snr", f64::MIN.into())])
    }
    #[zbus(property)]
    async fn nr5g(&self) -> Dict {
        if self.rate == 0 {
            return Dict::new();
        }
        dict([("rsrp", (-101.0).into()), ("snr", 12.0.into())])
    }
    async fn setup(&mut self, rate: u32) -> zbus::fdo::Result<()> {
        if self.refuses {
            return Err(zbus::fdo::Error::AccessDenied("not authorized".into()));
        }
        self.rate = rate;
        Ok(())
    }
}

pub(crate) async fn manager(bus: &Bus) -> Result<Connection> {
    Ok(connection::Builder::address(bus.1.as_str())
        .serve_at(ROOT, ObjectManager)
        .name("org.freedesktop.ModemManager1")
        .build()
        .await?)
}

pub(crate) async fn plug(
    manager: &Connection,
    technologies: u32,
    registration: u32,
    refuses: bool,
) -> Result<()> {
    let server = manager.object_server();
    server.at(MODEM, Network { registration }).await?;
    server.at(MODEM, Signal { rate: 0, refuses }).await?;
    server.at(MODEM, Modem { technologies }).await?;
    Ok(())
}

pub(crate) async fn unplug(manager: &Connection) -> Result<()> {
    let server = manager.object_server();
    server.remove::<Modem, _>(MODEM).await?;
    server.remove::<Signal, _>(MODEM).await?;
    server.remove::<Network, _>(MODEM).await?;
    Ok(())
}

/// The modem is served by other layers from now on.
pub(crate) async fn serve(manager: &Connection, technologies: u32) -> Result<()> {
    let modem = manager.object_server().interface::<_, Modem>(MODEM).await?;
    modem.get_mut().await.technologies = technologies;
    Ok(modem.get().await.access_technologies_changed(modem.signal_emitter()).await?)
}

/// It is registered otherwise: 1 at home, 5 roaming.
pub(crate) async fn register(manager: &Connection, registration: u32) -> Result<()> {
    let network = manager.object_server().interface::<_, Network>(MODEM).await?;
    network.get_mut().await.registration = registration;
    Ok(network.get().await.registration_state_changed(network.signal_emitter()).await?)
}
