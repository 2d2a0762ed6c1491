//! By which link a probe's sockets leave: bound to its device after asking
//! whether a route leads there, or left to the system where none is named.

use std::io;
use std::net::{IpAddr, SocketAddr};

use hearth_proto::Cause;
use nix::errno::Errno;
use tokio::net::{TcpSocket, UdpSocket};

use crate::link::InterfaceName;
use crate::link::bind::{BindError, Binder};

/// Where sockets leave.
#[derive(Debug, Clone)]
pub enum Outlet {
    /// By this interface and no other.
    Link {
        /// Asks for routes and binds.
        binder: Binder,
        /// Which.
        interface: InterfaceName,
    },
    /// As the system's routes have it.
    System,
}

/// Why no socket could be made for a destination.
#[derive(Debug, thiserror::Error)]
pub enum OutletError {
    /// By a link.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// By the system's routes.
    #[error("can't reach {destination} from here")]
    System {
        /// To where.
        destination: IpAddr,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

impl OutletError {
    /// The cause under which a probe that met this error counts.
    pub fn cause(&self) -> Cause {
        match self {
            Self::Bind(error) => error.cause(),
            Self::System { source, .. } => send_cause(source),
        }
    }
}

/// The cause under which a probe counts that the system refused to send.
pub fn send_cause(error: &io::Error) -> Cause {
    match error.raw_os_error().map(Errno::from_raw) {
        Some(
            Errno::ENETUNREACH
            | Errno::EHOSTUNREACH
            | Errno::ENETDOWN
            | Errno::EADDRNOTAVAIL
            | Errno::ENODEV
            | Errno::ENXIO,
        ) => Cause::NoRoute,
        _ => Cause::Local,
    }
}

impl Outlet {
    /// The interface, if one is named.
    pub fn interface(&self) -> Option<&InterfaceName> {
        match self {
            Self::Link { interface, .. } => Some(interface),
            Self::System => None,
        }
    }

    /// Whether packets for `destination` can leave.
    ///
    /// # Errors
    /// Why not. By the system's routes it is found out only on sending.
    pub async fn check(&self, destination: IpAddr) -> Result<(), OutletError> {
        match self {
            Self::Link { binder, interface } => {
                binder.check(interface, destination).await?;
                Ok(())
            }
            Self::System => Ok(()),
        }
    }

    /// Sends, unless nothing leads to `destination` any more: over a device that lost its
    /// route the kernel still takes packets, which looks like loss.
    ///
    /// # Errors
    /// The cause under which the probe counts that did not leave.
    pub async fn leave<T>(
        &self,
        destination: IpAddr,
        send: impl FnOnce() -> Result<T, Cause>,
    ) -> Result<T, Cause> {
        self.check(destination).await.map_err(|error| error.cause())?;
        send()
    }

    /// A UDP socket connected to `destination`.
    ///
    /// # Errors
    /// When nothing leads there, or the system refuses.
    pub async fn udp(&self, destination: SocketAddr) -> Result<UdpSocket, OutletError> {
        match self {
            Self::Link { binder, interface } => Ok(binder.udp(interface, destination).await?),
            Self::System => {
                let any: SocketAddr = match destination {
                    SocketAddr::V4(_) => ([0; 4], 0).into(),
                    SocketAddr::V6(_) => ([0_u16; 8], 0).into(),
                };
                let fail = |source| OutletError::System { destination: destination.ip(), source };
                let socket = UdpSocket::bind(any).await.map_err(fail)?;
                socket.connect(destination).await.map_err(fail)?;
                Ok(socket)
            }
        }
    }

    /// A TCP socket, not connected yet, and the address to connect it to.
    ///
    /// # Errors
    /// When nothing leads there, or the system refuses.
    pub async fn tcp(
        &self,
        destination: SocketAddr,
    ) -> Result<(TcpSocket, SocketAddr), OutletError> {
        match self {
            Self::Link { binder, interface } => Ok(binder.tcp(interface, destination).await?),
            Self::System => {
                let socket = match destination {
                    SocketAddr::V4(_) => TcpSocket::new_v4(),
                    SocketAddr::V6(_) => TcpSocket::new_v6(),
                };
                let fail = |source| OutletError::System { destination: destination.ip(), source };
                Ok((socket.map_err(fail)?, destination))
            }
        }
    }
}
