//! The lab: a home with several emulated links, and what is true about it.
//!
//! Read in this order:
//! - [`emulator`]: what a link does to packets, and the ledger of what it did.
//! - [`netns`], [`ping`], [`net`]: namespaces, and the home, links and core made
//!   of them.
//! - [`traces`], [`scenario`]: recorded or generated capacity, and the files
//!   that say what a home has and what befalls it.
//! - [`traffic`], [`requests`], [`programs`], [`process`]: what runs in the home and the core.
//! - [`home`]: a home with one line, whose agent tests it when told to.
//! - [`run`]: plays a scenario; [`interrupt`] ends it early.
//! - [`truth`], [`measured`]: what was so, and what Hearth says of it.
//! - [`verify`], [`report`]: the two held against each other.

pub mod emulator;
pub mod home;
pub mod interrupt;
mod intervals;
pub mod measured;
pub mod net;
pub mod netns;
pub mod ping;
pub mod process;
pub mod programs;
pub mod report;
pub mod requests;
pub mod run;
pub mod scenario;
pub mod traces;
pub mod traffic;
pub mod truth;
pub mod verify;

use std::path::Path;

/// Why the lab can't run here, none if it can: it needs root for namespaces
/// and `/dev/net/tun` for the emulated links.
pub fn unavailable() -> Option<&'static str> {
    let root = nix::unistd::geteuid().is_root();
    let tun = Path::new("/dev/net/tun").exists();
    (!root || !tun).then_some("needs root and /dev/net/tun")
}
