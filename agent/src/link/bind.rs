//! Sockets that leave by one link and no other.
//!
//! `SO_BINDTODEVICE` does it, without privilege where the socket is not bound
//! yet. Two traps are closed before anything is sent. Over a device without a
//! route for the destination the kernel takes an IPv4 destination for an
//! on-link neighbour, which looks like loss: so the routes are asked first.
//! And packets for one of this machine's own addresses never leave by the
//! device.

use std::io;
use std::net::{IpAddr, SocketAddr};

use futures_util::TryStreamExt;
use hearth_proto::Cause;
use netlink_packet_route::address::AddressAttribute;
use netlink_packet_route::route::{
    RouteAttribute, RouteFlags, RouteMessage, RouteNextHopFlags, RouteType,
};
use nix::errno::Errno;
use nix::net::if_::if_nametoindex;
use rtnetlink::RouteMessageBuilder;
use rtnetlink::packet_core::ErrorMessage;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpSocket, UdpSocket};

use crate::link::InterfaceName;
use crate::link::discover::dump::gateway;
use crate::link::netlink::Netlink;

/// Why a probe could not be sent by its link. None of these says anything of
/// the path.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// The interface is gone.
    #[error("there is no interface {interface}")]
    NoInterface {
        /// Which.
        interface: InterfaceName,
    },
    /// Nothing leads there by this interface.
    #[error("no route to {destination} by {interface}")]
    NoRoute {
        /// By which interface.
        interface: InterfaceName,
        /// To where.
        destination: IpAddr,
    },
    /// The destination is one of this machine's own addresses.
    #[error("{destination} is on this machine: packets to it never leave by {interface}")]
    Local {
        /// By which interface.
        interface: InterfaceName,
        /// To where.
        destination: IpAddr,
    },
    /// The system does not let this program bind the socket.
    #[error("not permitted to bind a socket to {interface}: CAP_NET_RAW would allow it")]
    Permission {
        /// To which interface.
        interface: InterfaceName,
    },
    /// A system call failed.
    #[error("can't {doing} on {interface}")]
    System {
        /// What was tried.
        doing: &'static str,
        /// On which interface.
        interface: InterfaceName,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The kernel could not be asked for a route.
    #[error("can't ask for the route to {destination} by {interface}")]
    Netlink {
        /// By which interface.
        interface: InterfaceName,
        /// To where.
        destination: IpAddr,
        /// What the kernel said.
        #[source]
        source: rtnetlink::Error,
    },
}

impl BindError {
    /// The cause under which a probe that met this error counts.
    pub fn cause(&self) -> Cause {
        match self {
            Self::NoInterface { .. } | Self::NoRoute { .. } => Cause::NoRoute,
            _ => Cause::Local,
        }
    }
}

/// The way that packets for a destination take by an interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Way {
    /// The interface's index.
    pub index: u32,
    /// The next hop; `None` where the destination is a neighbour.
    pub gateway: Option<IpAddr>,
    /// The source that a socket must be bound to as well, where only a
    /// source-specific route leads there: left to itself the kernel may pick
    /// another link's address, and then finds no route.
    pub source: Option<IpAddr>,
}

/// Makes sockets that leave by one interface. Its clones share a connection.
#[derive(Debug, Clone)]
pub struct Binder {
    netlink: Netlink,
}

impl Binder {
    /// Uses this connection to ask for routes.
    pub fn new(netlink: Netlink) -> Self {
        Self { netlink }
    }

    /// Whether packets for `destination` can leave by `interface`: nothing is
    /// sent. Two or three questions to the kernel, some tens of microseconds.
    ///
    /// # Errors
    /// [`BindError`], most often `NoRoute` or `Local`.
    pub async fn check(
        &self,
        interface: &InterfaceName,
        destination: IpAddr,
    ) -> Result<Way, BindError> {
        let index = if_nametoindex(interface.as_str())
            .map_err(|_| BindError::NoInterface { interface: interface.clone() })?;
        let fail =
            |source| BindError::Netlink { interface: interface.clone(), destination, source };
        let no_route = || BindError::NoRoute { interface: interface.clone(), destination };

        let anywhere = self.ask(destination, None, None).await.map_err(fail)?;
        if anywhere.is_some_and(|route| route.header.kind == RouteType::Local) {
            return Err(BindError::Local { interface: interface.clone(), destination });
        }
        if let Some(route) = self.ask(destination, Some(index), None).await.map_err(fail)? {
            return way(&route, index).ok_or_else(no_route);
        }
        // Source-specific routes are found only from their sources.
        if destination.is_ipv6() {
            for source in self.sources(index).await.map_err(fail)? {
                let route = self.ask(destination, Some(index), Some(source)).await.map_err(fail)?;
                if let Some(way) = route.and_then(|route| way(&route, index)) {
                    return Ok(Way { source: Some(source), ..way });
                }
            }
        }
        Err(no_route())
    }

    /// A UDP socket on `interface`, connected to `destination`, so that it takes
    /// only the answers and learns of refusals.
    ///
    /// # Errors
    /// [`BindError`].
    pub async fn udp(
        &self,
        interface: &InterfaceName,
        destination: SocketAddr,
    ) -> Result<UdpSocket, BindError> {
        let way = self.check(interface, destination.ip()).await?;
        let socket = device_socket(interface, destination.ip(), Type::DGRAM)?;
        bind_to_source(&socket, interface, way)?;
        socket.connect(&on_link(destination, way.index).into()).map_err(|source| {
            if is_no_route(source.raw_os_error()) {
                let interface = interface.clone();
                return BindError::NoRoute { interface, destination: destination.ip() };
            }
            system(interface, "connect a socket", source)
        })?;
        UdpSocket::from_std(socket.into())
            .map_err(|source| system(interface, "use a socket", source))
    }

    /// A TCP socket on `interface`, not connected yet, so that the caller times
    /// that, and the address to connect it to.
    ///
    /// # Errors
    /// [`BindError`].
    pub async fn tcp(
        &self,
        interface: &InterfaceName,
        destination: SocketAddr,
    ) -> Result<(TcpSocket, SocketAddr), BindError> {
        let way = self.check(interface, destination.ip()).await?;
        let socket = device_socket(interface, destination.ip(), Type::STREAM)?;
        bind_to_source(&socket, interface, way)?;
        Ok((TcpSocket::from_std_stream(socket.into()), on_link(destination, way.index)))
    }

    /// The route to `destination`, of `interface` if one is given; `None` where
    /// there is none.
    async fn ask(
        &self,
        destination: IpAddr,
        interface: Option<u32>,
        source: Option<IpAddr>,
    ) -> Result<Option<RouteMessage>, rtnetlink::Error> {
        let length = if destination.is_ipv4() { 32 } else { 128 };
        let mut question = RouteMessageBuilder::<IpAddr>::new()
            .destination_prefix(destination, length)
            .expect("the prefix is as long as the address");
        if let Some(index) = interface {
            question = question.output_interface(index);
            // The route itself and not what IPv4 would do without one, which is
            // to take the destination for a neighbour.
            question.get_mut().header.flags |= RouteFlags::FibMatch;
        }
        if let Some(source) = source {
            question = question
                .source_prefix(source, length)
                .expect("of the destination's version, and as long as the address");
        }
        let answers = self.netlink.handle().route().get(question.build()).execute();
        match std::pin::pin!(answers).try_next().await {
            Ok(route) => Ok(route),
            Err(rtnetlink::Error::NetlinkError(error)) if means_no_route(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn sources(&self, index: u32) -> Result<Vec<IpAddr>, rtnetlink::Error> {
        let all: Vec<_> = self.netlink.handle().address().get().execute().try_collect().await?;
        let mut sources: Vec<_> = all
            .iter()
            .flat_map(|message| message.attributes.iter().map(move |a| (message.header.index, a)))
            .filter_map(|(of, attribute)| match attribute {
                AddressAttribute::Address(ip @ IpAddr::V6(v6))
                    if !v6.is_loopback() && !v6.is_unicast_link_local() =>
                {
                    Some((of != index, *ip))
                }
                _ => None,
            })
            .collect();
        // The interface's own first.
        sources.sort();
        Ok(sources.into_iter().map(|(_, ip)| ip).collect())
    }
}

/// A non-blocking socket bound to `interface`, of the version of `like`. It does
/// not check that a route exists: [`Binder::check`] does.
///
/// # Errors
/// `NoInterface`, `Permission` or `System`.
pub fn device_socket(
    interface: &InterfaceName,
    like: IpAddr,
    kind: Type,
) -> Result<Socket, BindError> {
    let domain = if like.is_ipv4() { Domain::IPV4 } else { Domain::IPV6 };
    let protocol = if kind == Type::STREAM { Protocol::TCP } else { Protocol::UDP };
    let socket = Socket::new(domain, kind, Some(protocol))
        .map_err(|source| system(interface, "open a socket", source))?;
    socket.set_nonblocking(true).map_err(|source| system(interface, "prepare a socket", source))?;
    bind_to_device(&socket, interface)?;
    Ok(socket)
}

/// Binds a socket that was made elsewhere.
///
/// # Errors
/// `NoInterface`, `Permission` (it was bound to a device before, and the program
/// lacks `CAP_NET_RAW`) or `System`.
pub fn bind_to_device(socket: &Socket, interface: &InterfaceName) -> Result<(), BindError> {
    socket.bind_device(Some(interface.as_str().as_bytes())).map_err(|source| {
        match source.raw_os_error().map(Errno::from_raw) {
            Some(Errno::ENODEV) => BindError::NoInterface { interface: interface.clone() },
            Some(Errno::EPERM | Errno::EACCES) => {
                BindError::Permission { interface: interface.clone() }
            }
            _ => system(interface, "bind a socket", source),
        }
    })
}

fn bind_to_source(socket: &Socket, interface: &InterfaceName, way: Way) -> Result<(), BindError> {
    let Some(source) = way.source else { return Ok(()) };
    socket
        .bind(&SocketAddr::new(source, 0).into())
        .map_err(|error| system(interface, "bind a socket to its source", error))
}

fn system(interface: &InterfaceName, doing: &'static str, source: io::Error) -> BindError {
    BindError::System { doing, interface: interface.clone(), source }
}

/// The destination with the interface's index where it needs one: a link-local
/// address means nothing without its interface.
pub fn on_link(destination: SocketAddr, index: u32) -> SocketAddr {
    match destination {
        SocketAddr::V6(mut v6) if v6.ip().is_unicast_link_local() => {
            v6.set_scope_id(index);
            v6.into()
        }
        other => other,
    }
}

fn means_no_route(error: &ErrorMessage) -> bool {
    is_no_route(Some(-error.raw_code()))
}

/// No route at all, or one that says so: `blackhole` (EINVAL), `prohibit`
/// (EACCES), `throw` (EAGAIN); ENODEV where the interface is off.
fn is_no_route(code: Option<i32>) -> bool {
    matches!(
        code.map(Errno::from_raw),
        Some(
            Errno::ENETUNREACH
                | Errno::EHOSTUNREACH
                | Errno::ENETDOWN
                | Errno::ENODEV
                | Errno::EINVAL
                | Errno::EACCES
                | Errno::EAGAIN
        )
    )
}

/// The way that a route gives by an interface, if it leads by it.
fn way(route: &RouteMessage, index: u32) -> Option<Way> {
    if route.header.kind != RouteType::Unicast {
        return None;
    }
    let idle = RouteFlags::Dead | RouteFlags::Linkdown;
    let mut found = None;
    for attribute in &route.attributes {
        match attribute {
            RouteAttribute::Oif(out) if *out == index && !route.header.flags.intersects(idle) => {
                let gateway = route.attributes.iter().find_map(gateway);
                found = Some(Way { index, gateway, source: None });
            }
            RouteAttribute::MultiPath(hops) => {
                let idle = RouteNextHopFlags::Dead | RouteNextHopFlags::Linkdown;
                let hop = hops
                    .iter()
                    .find(|hop| hop.interface_index == index && !hop.flags.intersects(idle));
                if let Some(hop) = hop {
                    let gateway = hop.attributes.iter().find_map(gateway);
                    found = Some(Way { index, gateway, source: None });
                }
            }
            _ => {}
        }
    }
    found
}

#[cfg(test)]
#[path = "bind_tests.rs"]
mod tests;
