//! weir: the backend behind a WeChat mini program. One binary and one PostgreSQL give login,
//! payment and data.
//!
//! # Rooms, and which way imports run
//!
//! ```text
//! main -> cli -> app -> { http, worker } -> service -> { wechat, webhook, file, store } -> domain
//!                                     error beside service; config read only by cli, app and each room's own section
//! simulator: stands alone. dev: used by cli and tests.
//! ```
//!
//! `tests/architecture.rs` holds every file to this; `ARCHITECTURE.md` says why.

pub mod app;
pub mod cli;
pub mod config;
pub mod dev;
pub mod domain;
pub mod error;
pub mod file;
pub mod http;
pub mod service;
pub mod simulator;
pub mod store;
pub mod telemetry;
pub mod webhook;
pub mod wechat;
pub mod worker;
