//! HTTP: what stands between a socket and a use case.
//!
//! The shell (`server`, `gate`, `problem`, the extractors, the limits) holds what is true of every
//! route: one shape of error, a request id, bounds on size, time and number, one log line. Handlers
//! parse, make one call and map the answer; they decide nothing.

mod address;
mod body;
mod bounds;
mod code_image;
mod condition;
mod connection;
mod console;
mod gate;
mod guard;
mod if_match;
mod json;
mod key;
mod lane;
mod limit;
mod pace;
mod path;
mod payload;
mod precedence;
mod query;
mod server;
mod shell;
mod upload;

pub mod admin;
pub mod callback;
pub mod docs;
pub mod document;
pub mod file;
pub mod internal;
pub mod openapi;
pub mod problem;
pub mod routes;
pub mod v1;

pub use address::ClientAddress;
pub use body::{BODY_LIMIT, Body, OptionalBody};
pub use bounds::Bounds;
pub use guard::{Admin, Internal, bearer_token};
pub use if_match::IfMatch;
pub use key::{IdempotencyKey, OptionalKey};
pub use limit::Limits;
pub use path::{PathId, PathPart};
pub use payload::RawBody;
pub use query::Query;
pub use server::{Running, start};
pub use shell::Shell;
