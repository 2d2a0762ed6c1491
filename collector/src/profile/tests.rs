//! Profiles of scripted homes.

