//! What carries one link through the air: takes what the modems' follower and the
//! Wi-Fi reader say, and decides what of it becomes a sample, an event, or a word
//! on what can't be measured.

use std::path::Path;
use std::time::{Duration, Instant};

use hearth_proto::{EventKind, Technology};
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::{MissedTickBehavior, interval};

use super::recorder::Cannot;
use crate::clock;
use crate::link::InterfaceName;
use crate::link::classify::{classify, read_facts};
use crate::link::discover::Link;
use crate::link::radio::changes::Changes;
use crate::link::radio::follow::Radios;
use crate::link::radio::{RadioError, RadioReading};
use crate::link::wifi::WifiReading;
use crate::link::wifi::socket::{Nl80211, WifiError};
use crate::link::wifi::sum::{WifiMeter, WifiSample};

/// How often a Wi-Fi station is read.
const WIFI_EVERY: Duration = Duration::from_secs(5);

/// One link's radio.
pub(super) struct Radio {
    radios: watch::Receiver<Radios>,
    /// The last reading of the modems that was taken.
    number: u64,
    changes: Changes,
    began: Instant,
    is_modem: bool,
    meter: WifiMeter,
    wifi: Option<Station>,
}

struct Station {
    seen: watch::Receiver<Option<WifiReading>>,
    task: AbortHandle,
}

impl Drop for Station {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What a reading of the modem comes to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Read {
    pub(super) reading: Option<RadioReading>,
    pub(super) event: Option<EventKind>,
    pub(super) cannot: Vec<Cannot>,
}

impl Radio {
    pub(super) fn new(radios: watch::Receiver<Radios>, link: &Link, now: Instant) -> Self {
        let facts = read_facts(Path::new("/sys"), &link.interface, link.kind.as_deref());
        Self {
            radios,
            number: 0,
            changes: Changes::default(),
            began: now,
            // The system's word: a line that is configured as a mobile one may be
            // an Ethernet port to a router with the modem in it.
            is_modem: classify(&facts, None).technology == Technology::Wwan,
            meter: WifiMeter::default(),
            wifi: facts.wifi.then(|| Station::follow(link.interface.clone())),
        }
    }

    /// A new reading of the Wi-Fi station.
    pub(super) fn wifi(&mut self) -> Option<WifiSample> {
        let seen = &mut self.wifi.as_mut()?.seen;
        if !seen.has_changed().unwrap_or(false) {
            return None;
        }
        let reading = *seen.borrow_and_update();
        if reading.is_none() {
            self.meter.lost();
        }
        let since = clock::now().saturating_duration_since(self.began);
        reading.map(|reading| self.meter.read(reading, since))
    }

    /// A new reading of the modem.
    pub(super) fn modem(&mut self, link: &Link) -> Option<Read> {
        let since = clock::now().saturating_duration_since(self.began);
        let radios = self.radios.borrow();
        if radios.number == self.number {
            return None;
        }
        self.number = radios.number;
        let cannot = |what: &str, why: String, remedy: &str| Cannot {
            link: Some(link.name.clone()),
            what: what.to_owned(),
            why,
            remedy: remedy.to_owned(),
        };
        let reading = match &radios.modems {
            Ok(modems) => modems.get(&link.interface),
            // What failed once may not fail again; what is not there is told where
            // there is a modem to be read.
            Err(error) if self.is_modem && !matches!(**error, RadioError::Failed { .. }) => {
                let told = cannot("radio", error.to_string(), error.remedy());
                return Some(Read { cannot: vec![told], ..Read::default() });
            }
            Err(_) => None,
        };
        let reading = reading?.clone();
        let lacks = reading.lacks.iter();
        let cannot = lacks.map(|lack| cannot(lack.what, lack.why.clone(), lack.remedy)).collect();
        let event = self.changes.read(&reading, since).then(|| {
            let roaming = reading.roaming.unwrap_or_default();
            EventKind::RadioChanged {
                link: link.name.clone(),
                technology: reading.technology.unwrap_or_default(),
                roaming,
                cells: reading.cells.iter().map(|c| c.record(reading.plmn, roaming)).collect(),
                source: reading.source.to_owned(),
            }
        });
        Some(Read { reading: Some(reading), event, cannot })
    }
}

impl Station {
    fn follow(interface: InterfaceName) -> Self {
        let (sender, seen) = watch::channel(None);
        let task = tokio::spawn(read_wifi(interface, sender, WIFI_EVERY)).abort_handle();
        Self { seen, task }
    }
}

async fn read_wifi(
    interface: InterfaceName,
    sender: watch::Sender<Option<WifiReading>>,
    every: Duration,
) {
    let mut ticks = interval(every);
    // A late reading is as good as one on time, two at once are no better.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut socket = None;
    let mut failed = false;
    loop {
        ticks.tick().await;
        let read = async {
            let socket = match &mut socket {
                Some(socket) => socket,
                None => socket.insert(Nl80211::open().await?),
            };
            socket.read(&interface).await
        };
        let reading = match read.await {
            Ok(reading) => Some(reading),
            Err(WifiError::NotConnected { .. }) => None,
            Err(error) => {
                // Once: it is asked again, with a new socket.
                if !std::mem::replace(&mut failed, true) {
                    let error = crate::chain::chain(&error);
                    tracing::warn!(%interface, error, "the Wi-Fi can't be read");
                }
                socket = None;
                None
            }
        };
        failed &= reading.is_none();
        sender.send_replace(reading);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl Write for Log {
        fn write(&mut self, text: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(text);
            Ok(text.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn where_there_is_no_wi_fi_that_is_said_once() {
        let log = Log::default();
        let to = log.clone();
        let told = tracing_subscriber::fmt().with_writer(move || to.clone()).finish();
        let _told = tracing::subscriber::set_default(told);
        let (sender, mut seen) = watch::channel(None);
        let lo = "lo".parse().unwrap();
        tokio::spawn(read_wifi(lo, sender, Duration::from_millis(1)));
        for _ in 0..20 {
            seen.changed().await.unwrap();
            assert_eq!(*seen.borrow_and_update(), None);
        }
        let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        assert_eq!(log.lines().count(), 1, "{log}");
        assert!(log.contains("no Wi-Fi"), "{log}");
    }
}
