//! Which links this machine has, and what happens to them.
//!
//! [`machine`] holds what netlink says of every interface, [`dump`] asks for it,
//! [`follow`] (pure) decides which interfaces are links, keeps those once seen
//! and names what changed, and [`watch`] does it again whenever the kernel
//! notifies.

pub mod dump;
pub mod follow;
pub mod machine;
pub mod watch;

pub use follow::{FamilyState, Link, LinkChange, Links, Selection, diff, follow};
pub use machine::{Address, Interface, Machine, OperState, Route};
pub use watch::{Update, Watcher};

/// Why links could not be found or followed.
#[derive(Debug, thiserror::Error)]
pub enum DiscoverError {
    /// The system gave no netlink socket.
    #[error("can't open a netlink socket")]
    Open(#[source] std::io::Error),
    /// The kernel refused a list.
    #[error("can't list {what} over netlink")]
    List {
        /// Of what.
        what: &'static str,
        /// What the kernel said.
        #[source]
        source: rtnetlink::Error,
    },
}
