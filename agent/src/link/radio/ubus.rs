//! OpenWrt's own: `ubus` says which interfaces are uqmi's, `uqmi` asks the modem.
//!
//! Starting programs is dear on a router: one per modem each half a minute, one
//! more each ten minutes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::process::Command;
use tokio::time::timeout;

use super::uqmi::{self, SOURCE};
use super::{Modems, RadioError, RadioReader};
use crate::clock;
use crate::link::InterfaceName;

const EVERY: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_secs(600);
const PATIENCE: Duration = Duration::from_secs(5);

/// Asks by the system's helper programs.
#[derive(Debug)]
pub struct Ubus {
    /// Where the programs are, unless where the system finds them.
    programs: Option<PathBuf>,
    sysfs: PathBuf,
    found: Option<(Instant, Vec<InterfaceName>)>,
    /// An older uqmi that does not know all commands.
    plain: bool,
}

impl Ubus {
    /// With the programs in `programs`; `None`: where the system finds them. sysfs
    /// is mounted at `sysfs`.
    pub fn new(programs: Option<PathBuf>, sysfs: PathBuf) -> Self {
        Self { programs, sysfs, found: None, plain: false }
    }

    /// Whether it has found the system's interfaces: there is something to ask.
    pub fn is_used(&self) -> bool {
        self.found.is_some()
    }

    async fn run(&self, program: &str, arguments: &[&str]) -> Result<(bool, String), RadioError> {
        let path = match &self.programs {
            Some(folder) => folder.join(program),
            None => PathBuf::from(program),
        };
        let failed = |why: String| RadioError::Failed { source_name: SOURCE, why };
        let mut command = Command::new(path);
        command.args(arguments).stdin(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
        let output = match timeout(PATIENCE, command.output()).await {
            Err(_) => return Err(failed(format!("{program} did not end in {PATIENCE:?}"))),
            Ok(Err(error)) if error.kind() == std::io::ErrorKind::NotFound => {
                let why = format!("no program {program}");
                return Err(RadioError::NotThere { source_name: SOURCE, why });
            }
            Ok(Err(error)) => return Err(failed(format!("{program}: {error}"))),
            Ok(Ok(output)) => output,
        };
        Ok((output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned()))
    }

    async fn interfaces(&mut self) -> Result<Vec<InterfaceName>, RadioError> {
        let now = clock::now();
        if let Some((at, found)) = &self.found
            && now.saturating_duration_since(*at) < LOOK_EVERY
        {
            return Ok(found.clone());
        }
        let (_, dump) = self.run("ubus", &["call", "network.interface", "dump"]).await?;
        let found = uqmi::interfaces(&dump).ok_or_else(|| {
            let why = "ubus does not list the network's interfaces".into();
            RadioError::Failed { source_name: SOURCE, why }
        })?;
        self.found = Some((now, found.clone()));
        Ok(found)
    }

    async fn one(&mut self, device: &Path) -> Result<String, RadioError> {
        let device = device.to_string_lossy();
        let base = ["-s", "-d", &device, "--get-signal-info", "--get-serving-system"];
        if !self.plain {
            let all: Vec<&str> = base.into_iter().chain(["--get-system-info"]).collect();
            let (fine, printed) = self.run("uqmi", &all).await?;
            if fine || uqmi::reading(&printed).is_some() {
                return Ok(printed);
            }
        }
        let (_, printed) = self.run("uqmi", &base).await?;
        self.plain |= uqmi::reading(&printed).is_some();
        Ok(printed)
    }
}

/// The control device of an interface: `/sys/class/net/wwan0/device/usbmisc/cdc-wdm0`.
fn device(sysfs: &Path, interface: &InterfaceName) -> Option<PathBuf> {
    let base = sysfs.join("class/net").join(interface.as_str()).join("device");
    let entry = ["usbmisc", "usb"].into_iter().find_map(|class| {
        std::fs::read_dir(base.join(class))
            .ok()?
            .flatten()
            .find(|entry| entry.file_name().to_string_lossy().starts_with("cdc-wdm"))
    })?;
    Some(Path::new("/dev").join(entry.file_name()))
}

impl RadioReader for Ubus {
    fn every(&self) -> Duration {
        EVERY
    }

    async fn read(&mut self) -> Result<Modems, RadioError> {
        let mut read = BTreeMap::new();
        let mut failed = None;
        for interface in self.interfaces().await? {
            let Some(device) = device(&self.sysfs, &interface) else { continue };
            let printed = match self.one(&device).await {
                Ok(printed) => printed,
                Err(error @ RadioError::NotThere { .. }) => return Err(error),
                // One modem that hangs does not take the others' readings.
                Err(error) => {
                    failed.get_or_insert(error);
                    continue;
                }
            };
            if let Some(reading) = uqmi::reading(&printed) {
                read.insert(interface, reading);
            } else {
                let said: String = printed.trim().chars().take(80).collect();
                let why = format!("uqmi on {} said {said:?}", device.display());
                failed.get_or_insert(RadioError::Failed { source_name: SOURCE, why });
            }
        }
        match failed {
            Some(error) if read.is_empty() => Err(error),
            _ => Ok(read),
        }
    }

    async fn changed(&mut self) {
        std::future::pending::<()>().await;
    }
}
