//! Telling somebody else's server: messages signed after the Standard Webhooks convention, sent to
//! the one address of the settings.
//!
//! Bytes go out here and an outcome comes back; what is told, in which order and how often is the
//! business of [`crate::service`]. Nothing here knows SQL, orders or the settings, and no address but
//! the configured one is ever asked: redirects are not followed.
//!
//! Source: the Standard Webhooks specification, version 1.

mod send;
mod sign;

pub use send::{Limits, Outcome, Sender, SetupError};
pub use sign::{Message, Signer};
