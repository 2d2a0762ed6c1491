//! What agent and collector must agree on, bit for bit.
