//! Everything that speaks WeChat's wire: the mini-program API and WeChat Pay v3, as a client, and
//! message push, as its receiver.
//!
//! Bytes and headers go in and out here; what they mean for an order is decided in
//! [`crate::domain`]. Nothing here knows SQL, the web server or the settings. Two things are kept
//! strictly: nothing signed is believed before its signature is checked over the raw bytes, and no
//! secret (nor the query of a call, which carries some) reaches an error, a log or a `Debug` output.
//!
//! Source: the protocol notes on login and on WeChat Pay v3.

pub mod crypto;
pub mod error;
pub mod mini;
pub mod pay;
pub mod push;
pub mod secret;
pub mod send;
mod wire;
