//! The shell of the HTTP server, black box: a real server on a free port with a few routes of its
//! own, and a client that speaks bytes, since a polite client cannot be rude enough.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test program: whatever is not as it should be ends the test"
)]

mod connection;
mod docs;
mod error;
mod server;
mod wire;
