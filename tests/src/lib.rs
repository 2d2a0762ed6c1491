//! Where Hearth is tried as a whole.
//!
//! - [`lab`]: a home of emulated links with ground truth, in network namespaces.
//! - [`models`]: links as random processes, fitted to recordings.
//! - [`fleet`]: virtual households, drawn from them, over the real wire.

pub mod fleet;
pub mod lab;
pub mod models;
