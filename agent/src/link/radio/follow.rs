//! Reads the modems at a steady pace, and at once when something changed, and
//! gives what was read to all who watch.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::modem_manager::ModemManager;
use super::ubus::Ubus;
use super::{Modems, RadioError, RadioReader, RadioReading};
use crate::config::RadioSource;
use crate::link::InterfaceName;

/// Between two readings, however much changes.
const LEAST: Duration = Duration::from_secs(1);
/// Where there is nobody to ask.
const RARELY: Duration = Duration::from_secs(60);

/// What is known of the radios now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Radios {
    /// Rises with each reading; 0: none yet.
    pub number: u64,
    /// The last reading, or why there is none. Before the first: no modems.
    pub modems: Result<Arc<Modems>, Arc<RadioError>>,
}

impl Default for Radios {
    fn default() -> Self {
        Self { number: 0, modems: Ok(Arc::default()) }
    }
}

impl Radios {
    /// The reading of the modem behind an interface.
    pub fn of(&self, interface: &InterfaceName) -> Option<&RadioReading> {
        self.modems.as_ref().ok()?.get(interface)
    }

    /// Whether the modem behind an interface roams; `None`: no modem, or not known.
    pub fn roaming(&self, interface: &InterfaceName) -> Option<bool> {
        self.of(interface)?.roaming
    }
}

/// Follows a source for as long as anybody watches.
pub async fn follow(mut reader: impl RadioReader, seen: watch::Sender<Radios>) {
    let mut number = 0;
    loop {
        number += 1;
        let read = reader.read().await;
        let pause = match read {
            Err(RadioError::NotThere { .. }) => RARELY,
            _ => reader.every(),
        };
        seen.send_replace(Radios { number, modems: read.map(Arc::new).map_err(Arc::new) });
        tokio::select! {
            () = seen.closed() => return,
            () = sleep(LEAST) => {}
        }
        tokio::select! {
            () = seen.closed() => return,
            // What comes while nobody listens is told with the next reading.
            _ = timeout(pause.saturating_sub(LEAST), reader.changed()) => {}
        }
    }
}

/// The source that the configuration names.
#[derive(Debug)]
pub enum Source {
    /// ModemManager alone.
    ModemManager(ModemManager),
    /// ubus and uqmi alone.
    Ubus(Ubus),
    /// ModemManager while it is there, else ubus and uqmi.
    Either(ModemManager, Ubus),
}

impl Source {
    /// `None` where the radios are not to be read.
    pub fn of(configured: RadioSource) -> Option<Self> {
        let modem_manager = || ModemManager::new(None);
        let ubus = || Ubus::new(None, PathBuf::from("/sys"));
        match configured {
            RadioSource::Off => None,
            RadioSource::ModemManager => Some(Self::ModemManager(modem_manager())),
            RadioSource::Ubus => Some(Self::Ubus(ubus())),
            RadioSource::Auto => Some(Self::Either(modem_manager(), ubus())),
        }
    }
}

impl RadioReader for Source {
    fn every(&self) -> Duration {
        match self {
            Self::ModemManager(reader) => reader.every(),
            Self::Ubus(reader) => reader.every(),
            Self::Either(first, second) => {
                if second.is_used() {
                    second.every()
                } else {
                    first.every()
                }
            }
        }
    }

    async fn read(&mut self) -> Result<Modems, RadioError> {
        match self {
            Self::ModemManager(reader) => reader.read().await,
            Self::Ubus(reader) => reader.read().await,
            Self::Either(first, second) => match first.read().await {
                Err(missing @ RadioError::NotThere { .. }) => match second.read().await {
                    Err(RadioError::NotThere { .. }) => Err(missing),
                    other => other,
                },
                other => other,
            },
        }
    }

    async fn changed(&mut self) {
        match self {
            Self::ModemManager(reader) | Self::Either(reader, _) => reader.changed().await,
            Self::Ubus(reader) => reader.changed().await,
        }
    }
}

/// Starts following; it ends when nobody watches any more.
pub fn start(configured: RadioSource) -> watch::Receiver<Radios> {
    let (sender, seen) = watch::channel(Radios::default());
    if let Some(source) = Source::of(configured) {
        tokio::spawn(follow(source, sender));
    }
    seen
}
