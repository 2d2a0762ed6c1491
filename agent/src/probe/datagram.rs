//! A connected UDP socket whose arrivals bear the kernel's timestamps, and which
//! tells what ICMP says of its datagrams.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use hearth_proto::Cause;
use nix::cmsg_space;
use nix::errno::Errno;
use nix::libc::{self, sock_extended_err, sockaddr_in6};
use nix::sys::socket::sockopt;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, setsockopt};
use nix::sys::time::TimeSpec;
use tokio::io::Interest;
use tokio::net::UdpSocket;

use super::outlet::send_cause;
use crate::clock;

/// Datagrams leave with the greatest TTL unless a probe wants another, so that
/// the far end's reading of it counts hops.
const TTL: u32 = 255;

/// A connected UDP socket.
#[derive(Debug)]
pub struct Datagrams {
    socket: UdpSocket,
}

/// What came.
#[derive(Debug, Clone, Copy)]
pub enum Heard {
    /// A datagram of `len` octets, now in the buffer.
    Datagram {
        /// Its octets, at most the buffer's.
        len: usize,
        /// When the kernel had it.
        at: Instant,
    },
    /// What ICMP, or this machine in its stead, says of a datagram sent before,
    /// whose first `len` octets are now in the buffer.
    Trouble {
        /// How much of the datagram was quoted, maybe nothing.
        len: usize,
        /// What it says.
        trouble: Trouble,
        /// When the kernel had it.
        at: Instant,
    },
}

/// What ICMP says of a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// Nobody listens at that port.
    Refused {
        /// Who says so: the far end, or a firewall before it.
        by: Option<IpAddr>,
    },
    /// It can't be reached, or is forbidden.
    Unreachable {
        /// The router that says so.
        by: Option<IpAddr>,
    },
    /// Its TTL ended at a router on the way.
    TtlEnded {
        /// The router.
        by: Option<IpAddr>,
    },
    /// It did not leave this machine.
    Local,
}

impl Trouble {
    /// The cause under which a probe that met this counts.
    pub fn cause(self) -> Cause {
        match self {
            Self::Refused { .. } => Cause::Refused,
            Self::Unreachable { .. } | Self::TtlEnded { .. } => Cause::Unreachable,
            Self::Local => Cause::Local,
        }
    }
}

impl Datagrams {
    /// Asks the kernel for timestamps and errors on a connected socket.
    ///
    /// # Errors
    /// The system's, when it refuses an option.
    pub fn new(socket: UdpSocket) -> io::Result<Self> {
        setsockopt(&socket, sockopt::ReceiveTimestampns, &true)?;
        if socket.local_addr()?.is_ipv4() {
            setsockopt(&socket, sockopt::Ipv4RecvErr, &true)?;
        } else {
            setsockopt(&socket, sockopt::Ipv6RecvErr, &true)?;
        }
        let datagrams = Self { socket };
        datagrams.set_ttl(TTL)?;
        Ok(datagrams)
    }

    /// The TTL or hop limit that datagrams leave with.
    ///
    /// # Errors
    /// The system's.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        let socket = socket2::SockRef::from(&self.socket);
        if self.socket.local_addr()?.is_ipv4() {
            socket.set_ttl_v4(ttl)
        } else {
            socket.set_unicast_hops_v6(ttl)
        }
    }

    /// This end's address.
    ///
    /// # Errors
    /// The system's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Sends at once or not at all. The caller reads the clock right before.
    ///
    /// # Errors
    /// The cause under which the datagram counts: it never left.
    pub fn send(&self, datagram: &[u8]) -> Result<(), Cause> {
        let send =
            || nix::sys::socket::send(self.socket.as_raw_fd(), datagram, MsgFlags::MSG_DONTWAIT);
        // What ICMP said of an earlier datagram is told first, once; the error
        // queue says it better.
        let sent = match send() {
            Err(Errno::ECONNREFUSED | Errno::EHOSTUNREACH | Errno::ENETUNREACH | Errno::EPROTO) => {
                send()
            }
            other => other,
        };
        sent.map(drop).map_err(|errno| {
            let error = io::Error::from(errno);
            tracing::debug!(%error, "datagram not sent");
            send_cause(&error)
        })
    }

    /// The next datagram or trouble. Safe to drop and call again.
    ///
    /// # Errors
    /// Only when the runtime ends.
    pub async fn next(&self, buffer: &mut [u8]) -> io::Result<Heard> {
        loop {
            let ready = self.socket.ready(Interest::READABLE | Interest::ERROR).await?;
            if ready.is_error() {
                let trouble = self.socket.try_io(Interest::ERROR, || self.read_trouble(buffer));
                if let Ok(Some(heard)) = trouble {
                    return Ok(heard);
                }
            }
            if ready.is_readable() || ready.is_error() {
                // An error here was told, or will be, by the queue above.
                let datagram = self.socket.try_io(Interest::READABLE, || self.read(buffer));
                if let Ok(heard) = datagram {
                    return Ok(heard);
                }
            }
        }
    }

    fn read(&self, buffer: &mut [u8]) -> io::Result<Heard> {
        let mut control = cmsg_space!(TimeSpec);
        let mut parts = [IoSliceMut::new(buffer)];
        let message = recvmsg::<SockaddrStorage>(
            self.socket.as_raw_fd(),
            &mut parts,
            Some(&mut control),
            MsgFlags::MSG_DONTWAIT,
        )?;
        let at = message.cmsgs()?.find_map(|part| stamped(&part)).unwrap_or_else(clock::now);
        Ok(Heard::Datagram { len: message.bytes, at })
    }

    /// `None` where the queue held something that is no trouble.
    fn read_trouble(&self, buffer: &mut [u8]) -> io::Result<Option<Heard>> {
        let mut control = cmsg_space!(TimeSpec, sock_extended_err, sockaddr_in6);
        let mut parts = [IoSliceMut::new(buffer)];
        let message = recvmsg::<SockaddrStorage>(
            self.socket.as_raw_fd(),
            &mut parts,
            Some(&mut control),
            MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_ERRQUEUE,
        )?;
        let (mut at, mut trouble) = (None, None);
        for part in message.cmsgs()? {
            match part {
                ControlMessageOwned::Ipv4RecvErr(error, by) => {
                    let by = by.map(|a| Ipv4Addr::from(u32::from_be(a.sin_addr.s_addr)).into());
                    trouble = classify(&error, by);
                }
                ControlMessageOwned::Ipv6RecvErr(error, by) => {
                    let by = by.map(|a| Ipv6Addr::from(a.sin6_addr.s6_addr).into());
                    trouble = classify(&error, by);
                }
                other => at = at.or(stamped(&other)),
            }
        }
        let at = at.unwrap_or_else(clock::now);
        Ok(trouble.map(|trouble| Heard::Trouble { len: message.bytes, trouble, at }))
    }
}

fn stamped(part: &ControlMessageOwned) -> Option<Instant> {
    match part {
        ControlMessageOwned::ScmTimestampns(at) => Some(clock::from_wall(Duration::from(*at))),
        _ => None,
    }
}

fn classify(error: &sock_extended_err, by: Option<IpAddr>) -> Option<Trouble> {
    const V4_TIME_EXCEEDED: u8 = 11;
    const V6_TIME_EXCEEDED: u8 = 3;
    let ttl_ended = match error.ee_origin {
        libc::SO_EE_ORIGIN_LOCAL => return Some(Trouble::Local),
        libc::SO_EE_ORIGIN_ICMP => error.ee_type == V4_TIME_EXCEEDED,
        libc::SO_EE_ORIGIN_ICMP6 => error.ee_type == V6_TIME_EXCEEDED,
        // A transmit timestamp or a zero-copy notice: not asked for.
        _ => return None,
    };
    Some(if ttl_ended {
        Trouble::TtlEnded { by }
    } else if error.ee_errno == Errno::ECONNREFUSED as u32 {
        Trouble::Refused { by }
    } else {
        Trouble::Unreachable { by }
    })
}
