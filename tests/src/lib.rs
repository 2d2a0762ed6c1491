//! Where Hearth is tried as a whole.
//!
//! - [`models`]: links as random processes, fitted to recordings.
//! - [`fleet`]: virtual households, drawn from them, over the real wire.

pub mod fleet;
pub mod models;
