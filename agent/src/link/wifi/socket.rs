//! Asks the kernel for a station's reading.

use std::io;
use std::time::Duration;

use netlink_sys::protocols::NETLINK_GENERIC;
use netlink_sys::{AsyncSocket, AsyncSocketExt, SocketAddr, TokioSocket};
use tokio::time::timeout;

use super::WifiReading;
use super::message::{self, Answer};
use crate::link::InterfaceName;

/// A driver asks its firmware, which takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(2);
/// More than the kernel puts into one answer.
const BUFFER: usize = 32 * 1024;
/// A dump that changed while it was told is asked for so often.
const DUMPS: usize = 3;
const ENOENT: i32 = 2;
const ENODEV: i32 = 19;

/// Why Wi-Fi can't be read.
#[derive(Debug, thiserror::Error)]
pub enum WifiError {
    /// The kernel has no nl80211: no Wi-Fi driver is loaded.
    #[error("this machine has no Wi-Fi: no driver has brought nl80211 to the kernel")]
    NoFamily,
    /// The interface is gone, or is no Wi-Fi station's.
    #[error("{interface} is no Wi-Fi station")]
    NoStation {
        /// Which.
        interface: InterfaceName,
    },
    /// It is not associated to an access point.
    #[error("{interface} is not connected to an access point")]
    NotConnected {
        /// Which.
        interface: InterfaceName,
    },
    /// The kernel refused, or did not answer.
    #[error("the kernel does not answer about Wi-Fi")]
    Netlink(#[from] io::Error),
}

/// A generic netlink socket that knows nl80211.
pub struct Nl80211 {
    socket: TokioSocket,
    family: u16,
    sequence: u32,
}

impl Nl80211 {
    /// Opens it, in the network namespace of the calling thread.
    ///
    /// # Errors
    /// Where there is no nl80211, or no socket.
    pub async fn open() -> Result<Self, WifiError> {
        Self::unresolved(NETLINK_GENERIC, 0)?.resolved().await
    }

    /// A socket to the kernel, which is at port 0, or to whoever else is at `port`.
    fn unresolved(protocol: isize, port: u32) -> io::Result<Self> {
        let mut socket = TokioSocket::new(protocol)?;
        socket.socket_mut().bind_auto()?;
        socket.socket_mut().connect(&SocketAddr::new(port, 0))?;
        Ok(Self { socket, family: 0, sequence: 0 })
    }

    async fn resolved(mut self) -> Result<Self, WifiError> {
        self.family = self.resolve(message::NL80211).await?.ok_or(WifiError::NoFamily)?;
        Ok(self)
    }

    /// The number of a generic netlink family; `None`: the kernel has it not.
    async fn resolve(&mut self, name: &str) -> io::Result<Option<u16>> {
        let mut family = None;
        let asked = self
            .ask(
                |n| message::get_family(name, n),
                false,
                |attributes| family = family.or(message::family(attributes)),
            )
            .await;
        match asked {
            Err(error) if error.raw_os_error() == Some(ENOENT) => Ok(None),
            other => other.map(|()| family),
        }
    }

    /// Reads a station's interface.
    ///
    /// # Errors
    /// Where it is none, is not connected, or the kernel does not answer.
    pub async fn read(&mut self, interface: &InterfaceName) -> Result<WifiReading, WifiError> {
        let index = nix::net::if_::if_nametoindex(interface.as_str())
            .map_err(|_| WifiError::NoStation { interface: interface.clone() })?;
        let mut reading = WifiReading::default();
        if !self.channel(index, &mut reading).await? {
            return Err(WifiError::NoStation { interface: interface.clone() });
        }
        let mut told = self.access_point(index, reading).await;
        for _ in 1..DUMPS {
            match &told {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                    told = self.access_point(index, reading).await;
                }
                _ => break,
            }
        }
        match told {
            Ok(Some(reading)) => Ok(reading),
            Ok(None) => Err(WifiError::NotConnected { interface: interface.clone() }),
            Err(error) if error.raw_os_error() == Some(ENODEV) => {
                Err(WifiError::NoStation { interface: interface.clone() })
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Takes an interface's channel; whether it is a station's.
    async fn channel(&mut self, index: u32, into: &mut WifiReading) -> io::Result<bool> {
        let family = self.family;
        let mut is_station = false;
        let asked = self
            .ask(
                |n| message::get_interface(family, n, index),
                false,
                |attributes| is_station = message::interface(attributes, into),
            )
            .await;
        match asked {
            // Any other interface is unknown to nl80211.
            Err(error) if error.raw_os_error().is_some() => Ok(false),
            other => other.map(|()| is_station),
        }
    }

    /// The reading with what is told of the access point; `None`: there is none.
    async fn access_point(
        &mut self,
        index: u32,
        mut reading: WifiReading,
    ) -> io::Result<Option<WifiReading>> {
        let family = self.family;
        let mut is_connected = false;
        self.ask(
            |n| message::get_stations(family, n, index),
            true,
            |attributes| is_connected |= message::station(attributes, &mut reading),
        )
        .await?;
        Ok(is_connected.then_some(reading))
    }

    /// Sends a request and takes its answers: one, or all up to their end.
    async fn ask(
        &mut self,
        request: impl FnOnce(u32) -> Vec<u8>,
        many: bool,
        mut take: impl FnMut(&[u8]),
    ) -> io::Result<()> {
        self.sequence = self.sequence.wrapping_add(1);
        let sequence = self.sequence;
        self.socket.send(&request(sequence)).await?;
        let mut buffer = Vec::with_capacity(BUFFER);
        let receive = async {
            let mut changed = false;
            loop {
                buffer.clear();
                self.socket.recv(&mut buffer).await?;
                for answer in message::answers(&buffer, sequence) {
                    match answer {
                        Answer::Attributes(attributes) => take(attributes),
                        Answer::Refused(errno) => return Err(io::Error::from_raw_os_error(errno)),
                        Answer::Inconsistent => {
                            changed = true;
                            continue;
                        }
                        Answer::Done if changed => return Err(io::ErrorKind::Interrupted.into()),
                        Answer::Done => return Ok(()),
                        Answer::Broken => return Err(io::ErrorKind::InvalidData.into()),
                    }
                    if !many {
                        return Ok(());
                    }
                }
            }
        };
        timeout(PATIENCE, receive).await.unwrap_or(Err(io::ErrorKind::TimedOut.into()))
    }
}

#[cfg(test)]
#[path = "socket_tests.rs"]
mod tests;
