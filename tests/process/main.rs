//! The built binary as a process: what it prints, how it starts, how it ends, and what is left of it.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test program: whatever is not as it should be ends the test; no async thread waits here"
)]

mod bills;
mod collector;
mod death;
mod dev;
mod dev_start;
mod doctor;
mod migrate;
mod notification;
mod program;
mod reconcile;
mod serve;
mod simulator;
mod verb;
mod wire;
