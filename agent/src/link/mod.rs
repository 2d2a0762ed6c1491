//! Links: one way out of the home each. Everything that is Linux's own about
//! them (netlink, sysfs, `SO_BINDTODEVICE`) stays in this folder.
//!
//! Read [`discover`] first (which links there are, and what happens to them),
//! then [`classify`] (what technology a link is), [`bind`] (sockets that leave
//! by one link and no other), [`counters`] (what the interface carried),
//! [`spending`] (what of it is the agent's own) with [`meter`] (what a TCP connection
//! costs) and [`sock_diag`] (what the kernel counted of it), [`resolvers`] (which DNS
//! servers belong to a link) and [`names`] (what the system asks them), [`radio`] and [`wifi`] (what carries it through the air).

pub mod bind;
pub mod classify;
pub mod counters;
pub mod discover;
mod interface;
pub mod meter;
pub mod names;
pub mod netlink;
pub mod radio;
pub mod resolvers;
pub mod sock_diag;
pub mod spending;
pub mod wifi;

pub use interface::{InterfaceName, InterfaceNameError};
