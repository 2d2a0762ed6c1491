//! The door for agents: from bytes on a stream to records made durable.
//!
//! Read in this order: `door` (who may come in), `validate` (what is
//! accepted; pure), `session` (one agent's stream) and `commit` (many
//! streams' batches in one transaction).
//!
//! Queues, each bounded: a session keeps at most `session::PENDING` batches
//! between the wire and the store, then stops reading, so that HTTP/2 holds the
//! agent back; all sessions together keep at most
//! [`CommitterConfig::queue_bytes`], then wait for one another.

mod commit;
mod door;
mod session;
mod validate;

pub use commit::{Committer, CommitterConfig};
pub use door::{Door, DoorError, TlsFiles};
pub use session::Ingest;

/// The most bytes one message may have; a batch of an agent has far fewer.
pub const MAX_MESSAGE_BYTES: usize = 4 << 20;
