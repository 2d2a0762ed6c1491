//! What may be shown of groups of homes: the one room that decides it, for areas'
//! reports and for replays of promises.
//!
//! What is shown are sums over homes, and a reader may add, subtract and divide them
//! at will. The rule is therefore not on the groups that are shown but on all that can
//! be reckoned from them: **nothing that is shown, and no sum of it times whatever
//! numbers, is over fewer than k homes.**
//!
//! - `showable`: sets of homes that may overlap, in one table or several. They are
//!   shown together only where every group of homes that they tell apart is empty or
//!   has k homes.
//! - `beside`: a table in which each home stands once (areas), beside such groups.
//!   There are too many pairs of an area and a group for each to have k homes; it is
//!   enough that no pair can be reckoned (`weak`).
//!
//! # What is not protected
//! - How many of a group were hit may be any number: of a group of which every home was
//!   hit, each home was. Counts also bound one another: where an area's homes are
//!   nearly all on fibre, its figures are nearly those of its homes on fibre.
//! - Reports of different spans, selections or audiences, or drawn up before and after
//!   a home came, left or changed its consent, may be subtracted from one another.
//! - Who knows figures of homes from elsewhere may take them off.

mod k;
mod sets;
mod table;
mod weak;

pub use k::{K, NoK};

pub(crate) use sets::{BySets, homes_in, showable, showable_bits};
pub(crate) use table::{Cell, beside};
