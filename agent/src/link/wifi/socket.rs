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
const ENOENT: i32 = 2;

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
        let mut opened = Self::unresolved()?;
        opened.family = opened.resolve(message::NL80211).await?.ok_or(WifiError::NoFamily)?;
        Ok(opened)
    }

    fn unresolved() -> io::Result<Self> {
        let mut socket = TokioSocket::new(NETLINK_GENERIC)?;
        socket.socket_mut().bind_auto()?;
        socket.socket_mut().connect(&SocketAddr::new(0, 0))?;
        Ok(Self { socket, family: 0, sequence: 0 })
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
        let family = self.family;
        let mut reading = WifiReading::default();
        let mut is_station = false;
        let asked = self
            .ask(
                |n| message::get_interface(family, n, index),
                false,
                |attributes| {
                    is_station |= message::interface(attributes, &mut reading);
                },
            )
            .await;
        match asked {
            // Any other interface is unknown to nl80211.
            Err(error) if error.raw_os_error().is_some() => is_station = false,
            other => other?,
        }
        if !is_station {
            return Err(WifiError::NoStation { interface: interface.clone() });
        }
        let mut is_connected = false;
        self.ask(
            |n| message::get_stations(family, n, index),
            true,
            |attributes| {
                is_connected |= message::station(attributes, &mut reading);
            },
        )
        .await?;
        if is_connected {
            Ok(reading)
        } else {
            Err(WifiError::NotConnected { interface: interface.clone() })
        }
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
            loop {
                buffer.clear();
                self.socket.recv(&mut buffer).await?;
                for answer in message::answers(&buffer, sequence) {
                    match answer {
                        Answer::Attributes(attributes) => take(attributes),
                        Answer::Refused(errno) => return Err(io::Error::from_raw_os_error(errno)),
                        Answer::Done => return Ok(()),
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
mod tests {
    use super::*;

    /// `GENL_ID_CTRL`, which all kernels give the family that tells of the others.
    const CONTROL: u16 = 16;

    #[tokio::test]
    async fn the_kernel_tells_its_families_by_name() {
        let mut socket = Nl80211::unresolved().unwrap();
        for _ in 0..3 {
            assert_eq!(socket.resolve("nlctrl").await.unwrap(), Some(CONTROL));
            assert_eq!(socket.resolve("no-such-one").await.unwrap(), None);
        }
    }

    #[tokio::test]
    async fn what_is_no_station_is_told_from_no_wi_fi() {
        let lo: InterfaceName = "lo".parse().unwrap();
        let known = Nl80211::unresolved().unwrap().resolve(message::NL80211).await.unwrap();
        match (known, Nl80211::open().await) {
            (None, Err(error @ WifiError::NoFamily)) => {
                assert!(error.to_string().contains("no Wi-Fi"), "{error}");
            }
            (Some(family), Ok(mut socket)) => {
                assert_eq!(socket.family, family);
                let read = socket.read(&lo).await;
                assert!(matches!(read, Err(WifiError::NoStation { .. })), "{read:?}");
            }
            (known, other) => panic!("{known:?}: {:?}", other.err()),
        }
    }
}
