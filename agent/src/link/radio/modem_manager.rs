//! ModemManager, asked over the system's D-Bus.
//!
//! One call gives all modems with their properties. Only what is no property is
//! asked for by itself: the serving cells, where the modem tells them, else the
//! location. The connection is kept; when it breaks the next reading makes another.

use std::collections::{HashMap, HashSet};
use std::num::NonZeroUsize;
use std::time::Duration;

use futures_util::StreamExt;
use zbus::{Connection, DBusError, MatchRule, MessageStream, OwnedObjectPath, connection};

use super::modem::{
    self, Interfaces, LOCATION, MODEM, MODEM_3GPP, Properties, SIGNAL, SOURCE, get,
};
use super::{Lack, Modems, RadioError, RadioReader, RadioReading};
use crate::link::InterfaceName;

const NAME: &str = "org.freedesktop.ModemManager1";
const PATH: &str = "/org/freedesktop/ModemManager1";
const BEARER: &str = "org.freedesktop.ModemManager1.Bearer";
const PROPERTIES: &str = "org.freedesktop.DBus.Properties";
const OBJECT_MANAGER: &str = "org.freedesktop.DBus.ObjectManager";
const EVERY: Duration = Duration::from_secs(10);
/// A modem that starts again is slow to answer.
const PATIENCE: Duration = Duration::from_secs(8);
/// Signals that may wait; beyond, the oldest go: one is enough to look again.
const QUEUE: NonZeroUsize = NonZeroUsize::new(16).unwrap();
const DEVICE_CONTROL: &str = "let the agent's user ask ModemManager: a polkit rule that allows \
                              org.freedesktop.ModemManager1.Device.Control";
const LOCATION_RIGHT: &str = "let the agent's user ask ModemManager: a polkit rule that allows \
                              org.freedesktop.ModemManager1.Location";

/// A client of ModemManager.
#[derive(Debug)]
pub struct ModemManager {
    /// Where the bus is, unless where the system has it.
    address: Option<String>,
    bus: Option<Bus>,
    /// Modems that refused, by what was asked: not asked again while they are there.
    refused: HashMap<(OwnedObjectPath, &'static str), Option<Lack>>,
    bearers: HashMap<OwnedObjectPath, InterfaceName>,
}

#[derive(Debug)]
struct Bus {
    connection: Connection,
    signals: MessageStream,
    owners: MessageStream,
}

impl ModemManager {
    /// On the bus at `address`; `None`: on the system's, as
    /// `DBUS_SYSTEM_BUS_ADDRESS` or the usual place says.
    pub fn new(address: Option<String>) -> Self {
        Self { address, bus: None, refused: HashMap::new(), bearers: HashMap::new() }
    }

    async fn bus(&mut self) -> zbus::Result<Connection> {
        if let Some(bus) = &self.bus {
            return Ok(bus.connection.clone());
        }
        let builder = match &self.address {
            Some(address) => connection::Builder::address(address.as_str()),
            None => connection::Builder::system(),
        };
        let connection = builder.method_timeout(PATIENCE).build().await?;
        let ours = MatchRule::builder()
            .msg_type(zbus::message::Type::Signal)
            .sender(NAME)
            .path_namespace(PATH)
            .build()?;
        let owner = MatchRule::builder()
            .msg_type(zbus::message::Type::Signal)
            .sender("org.freedesktop.DBus")
            .member("NameOwnerChanged")
            .arg(0, NAME)
            .build()?;
        let signals = MessageStream::for_match_rule(ours, &connection, Some(QUEUE)).await?;
        let owners = MessageStream::for_match_rule(owner, &connection, Some(QUEUE)).await?;
        self.bus = Some(Bus { connection: connection.clone(), signals, owners });
        Ok(connection)
    }

    async fn read_all(&mut self) -> zbus::Result<Modems> {
        let bus = self.bus().await?;
        let reply = bus
            .call_method(Some(NAME), PATH, Some(OBJECT_MANAGER), "GetManagedObjects", &())
            .await?;
        let objects: HashMap<OwnedObjectPath, Interfaces> = reply.body().deserialize()?;
        // Its object manager may list parents that are no modems.
        let modems: HashMap<_, _> =
            objects.into_iter().filter(|(_, of)| of.contains_key(MODEM)).collect();
        self.refused.retain(|(path, _), _| modems.contains_key(path));
        let mut found = Modems::new();
        let mut bearers = HashSet::new();
        for (path, interfaces) in &modems {
            let reading = self.read_one(&bus, path, interfaces).await;
            let mut names = modem::net_ports(&interfaces[MODEM]);
            for bearer in
                get::<Vec<OwnedObjectPath>>(&interfaces[MODEM], "Bearers").unwrap_or_default()
            {
                names.extend(self.bearer(&bus, &bearer).await);
                bearers.insert(bearer);
            }
            found.extend(names.into_iter().map(|name| (name, reading.clone())));
        }
        self.bearers.retain(|path, _| bearers.contains(path));
        Ok(found)
    }

    /// The interface of a connected bearer: with multiplexing or PPP it is none of
    /// the modem's ports.
    async fn bearer(&mut self, bus: &Connection, path: &OwnedObjectPath) -> Option<InterfaceName> {
        if let Some(known) = self.bearers.get(path) {
            return Some(known.clone());
        }
        let body = (BEARER, "Interface");
        let reply = bus.call_method(Some(NAME), path, Some(PROPERTIES), "Get", &body).await.ok()?;
        let value: zbus::OwnedVariant = reply.body().deserialize().ok()?;
        let name: InterfaceName = String::try_from(value).ok()?.parse().ok()?;
        self.bearers.insert(path.clone(), name.clone());
        Some(name)
    }

    async fn read_one(
        &mut self,
        bus: &Connection,
        path: &OwnedObjectPath,
        interfaces: &Interfaces,
    ) -> RadioReading {
        let mut reading = modem::reading(interfaces);
        // Without it the modem is never asked for its signal. It can't be undone
        // when the agent ends: others may have come to count on it.
        if let Some(signal) = interfaces.get(SIGNAL)
            && get::<u32>(signal, "Rate") == Some(0)
        {
            let rate = EVERY.as_secs() as u32;
            let _: Option<()> =
                self.ask(bus, path, (SIGNAL, "Setup"), &rate, "signal", &mut reading).await;
        }
        if reading.cells.is_empty() {
            return reading;
        }
        let cells: Option<Vec<Properties>> =
            self.ask(bus, path, (MODEM, "GetCellInfo"), &(), "serving cells", &mut reading).await;
        if let Some(cells) = cells {
            modem::cell_info(&mut reading, &cells, &interfaces[MODEM]);
        }
        let unknown = reading.cells.first().is_some_and(|cell| cell.cell.is_none());
        if unknown && interfaces.contains_key(LOCATION) {
            let places: Option<HashMap<u32, zbus::OwnedVariant>> =
                self.ask(bus, path, (LOCATION, "GetLocation"), &(), "cell", &mut reading).await;
            let text = places
                .and_then(|mut places| places.remove(&modem::LAC_CI))
                .and_then(|place| String::try_from(place).ok());
            modem::location(&mut reading, &text.unwrap_or_default());
        }
        reading
    }

    /// Asks a modem; one that can't or must not is not asked again.
    async fn ask<T: serde::de::DeserializeOwned + zbus::Type>(
        &mut self,
        bus: &Connection,
        path: &OwnedObjectPath,
        (interface, method): (&'static str, &'static str),
        body: &(impl serde::Serialize + zbus::wire::DynamicType + Sync),
        what: &'static str,
        reading: &mut RadioReading,
    ) -> Option<T> {
        let key = (path.clone(), method);
        if let Some(lack) = self.refused.get(&key) {
            reading.lacks.extend(lack.clone());
            return None;
        }
        let error = match bus.call_method(Some(NAME), path, Some(interface), method, body).await {
            Ok(reply) => return reply.body().deserialize().ok(),
            Err(error) => error,
        };
        let (name, why) = named(&error);
        let remedy = if interface == LOCATION { LOCATION_RIGHT } else { DEVICE_CONTROL };
        let lack = is_denied(&name).then_some(Lack { what, why, remedy });
        reading.lacks.extend(lack.clone());
        // Else it is not ready yet, or busy: asked again with the next reading.
        if lack.is_some() || is_lasting(&name) {
            self.refused.insert(key, lack);
        }
        None
    }

    /// Whether a signal may mean another technology, network or modem. The signal
    /// strength changes all the time.
    fn matters(message: &zbus::Message) -> bool {
        let header = message.header();
        match header.member().map(zbus::names::MemberName::as_str) {
            Some("InterfacesAdded" | "InterfacesRemoved" | "StateChanged") => true,
            Some("PropertiesChanged") => {
                type Changed = (String, Properties, Vec<String>);
                let Ok((interface, changed, _)) = message.body().deserialize::<Changed>() else {
                    return false;
                };
                let one_of = |names: &[&str]| names.iter().any(|name| changed.contains_key(*name));
                match interface.as_str() {
                    MODEM => one_of(&["AccessTechnologies", "Ports", "Bearers"]),
                    MODEM_3GPP => one_of(&["RegistrationState", "OperatorCode"]),
                    _ => false,
                }
            }
            _ => false,
        }
    }
}

impl RadioReader for ModemManager {
    fn every(&self) -> Duration {
        EVERY
    }

    async fn read(&mut self) -> Result<Modems, RadioError> {
        let read = self.read_all().await;
        read.map_err(|error| {
            let (name, why) = named(&error);
            let not_there = ["ServiceUnknown", "NameHasNoOwner", "Spawn"];
            if is_denied(&name) {
                return RadioError::Denied { source_name: SOURCE, why, remedy: DEVICE_CONTROL };
            }
            if name.is_empty() {
                // The bus itself, not an answer: look for it anew.
                self.bus = None;
                return RadioError::NotThere { source_name: SOURCE, why };
            }
            if not_there.iter().any(|part| name.contains(part)) {
                return RadioError::NotThere { source_name: SOURCE, why };
            }
            RadioError::Failed { source_name: SOURCE, why }
        })
    }

    async fn changed(&mut self) {
        let Some(bus) = &mut self.bus else { return std::future::pending().await };
        loop {
            tokio::select! {
                signal = bus.signals.next() => match signal {
                    Some(Ok(message)) if Self::matters(&message) => return,
                    Some(_) => {}
                    None => break,
                },
                owner = bus.owners.next() => match owner {
                    Some(_) => {
                        // Another ModemManager knows nothing of the one before.
                        self.refused.clear();
                        self.bearers.clear();
                        return;
                    }
                    None => break,
                },
            }
        }
        self.bus = None;
    }
}

/// The error's D-Bus name, empty where the bus itself failed, and its words.
fn named(error: &zbus::Error) -> (String, String) {
    match error {
        zbus::Error::MethodError(name, text, _) => {
            (name.to_string(), text.clone().unwrap_or_else(|| name.to_string()))
        }
        // The standard errors, unless it is the bus that failed.
        zbus::Error::FDO(error) if !matches!(**error, zbus::fdo::Error::ZBus(_)) => {
            (error.name().to_string(), error.description().unwrap_or_default().to_owned())
        }
        other => (String::new(), other.to_string()),
    }
}

fn is_denied(name: &str) -> bool {
    name.ends_with(".Unauthorized") || name.ends_with(".AccessDenied")
}

/// What a modem or an older ModemManager will not learn.
fn is_lasting(name: &str) -> bool {
    [".Unsupported", ".UnknownMethod", ".UnknownInterface", ".NotSupported"]
        .iter()
        .any(|end| name.ends_with(end))
}
