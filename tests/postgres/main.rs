//! The private `PostgreSQL` cluster, with real servers and real processes that are really killed.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "helpers of tests: a failed step is a failed test; the part a process plays comes by environment"
)]

mod databases;
mod lifecycle;
mod machine;
mod part;
mod room;
mod sharing;
