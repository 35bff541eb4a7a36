//! The simulator, driven over real sockets by a small client of its own.
//!
//! The client signs, verifies and decrypts with `aws-lc-rs` where the simulator uses `rsa` and
//! `aes-gcm`: the two libraries check each other. Nothing here sleeps; time is the simulator's clock.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on must fail where it stands"
)]

mod bill;
mod bill_fault;
mod bookkeeper;
mod cashier;
mod code;
mod content_check;
mod control;
mod error_fault;
mod fault;
mod forward;
mod harness;
mod key;
mod link;
mod login;
mod merchant;
mod notification;
mod open_data;
mod order;
mod receiver;
mod refund;
mod refund_notice;
mod restart;
#[path = "../fixtures/scan.rs"]
mod scan;
mod seed;
mod shipping;
mod signature;
mod subscribe;
mod token;
mod voucher;
