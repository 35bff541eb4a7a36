//! The client against a scripted upstream on this machine: what is sent, to which host, how often,
//! and what is made of every way in which a network fails. What needs a WeChat with a memory is
//! tested against the simulator instead.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a script that cannot be played must fail the test"
)]

mod bill;
mod certificate;
mod login;
mod merchant;
mod pay;
mod refund;
mod script;
mod secrecy;
