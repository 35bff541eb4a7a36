//! Migrations: each applied to a database with rows from before it, their names, what they leave
//! behind, and the rules that the database itself keeps.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on must fail where it stands"
)]

mod behind;
mod database;
mod file;
mod guard;
mod refund;
mod schema;
mod sealed;
mod step;
