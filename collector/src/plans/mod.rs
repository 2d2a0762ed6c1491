//! What is asked of agents: the plan that a household measures by, and single
//! tests, ordered now.
//!
//! Read in this order: `orders` (who may order how much, what became of an order;
//! pure), `desk` (which agent is to be told what; pure but for its lock), `watch`
//! (from the store to the desk, also what another process entered), `file` (a
//! person's plan) and `tokens` (who may order over the API).
//!
//! A plan or an order is entered in the store, by whichever process. The process
//! that serves agents looks for news twice a second, with one question however
//! many agents there are, and wakes the sessions that it concerns.
//!
//! An order goes to one agent, chosen when it is entered: the one named, else the
//! one that has the link named, else the one whose link the household's systems
//! prefer. It is handed over again on every new stream until a result with its
//! number comes or it expires; an agent runs each number once.

mod desk;
mod file;
mod orders;
mod tokens;
mod watch;

pub use desk::{Ask, Desk, Seat};
pub use file::{FileError, read as read_file};
pub use orders::{Addressed, Limits, OrderEntry, OrderState, Refusal};
pub use tokens::{TokenError, Tokens};
pub(crate) use watch::keep;
