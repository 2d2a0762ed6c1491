//! Where Hearth is tried as a whole.
//!
