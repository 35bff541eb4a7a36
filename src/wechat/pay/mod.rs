//! WeChat Pay API v3 for a merchant of its own (JSAPI, which mini programs use).
//!
//! [`Client`] signs, sends and verifies. Whatever could not be verified is an unknown outcome
//! ([`PayError::Unknown`]), never a success and never a refusal. What a payment or a refund means
//! for an order is not decided here.
//!
//! Source: pay-v3, sections 1 to 11 and 14.

mod answer;
pub mod bill;
mod certificates;
mod client;
mod error;
mod host;
mod keys;
mod loop_back;
mod merchant;
mod message;
mod notification;
mod opening;
mod order;
mod refund;
mod request_payment;
mod reserialised;
mod standing;
mod trail;
mod transaction;

pub use certificates::read as read_certificates;
pub use client::Client;
pub use error::{NotReached, PayError, UnknownReason};
pub use keys::{KeyKind, KeyRing, KeyStatus, PlatformKey};
pub use loop_back::{Answered, LoopBack, loop_back};
pub use merchant::{
    Merchant, MerchantPart, MerchantProblem, MerchantText, PUBLIC_KEY_ID_PREFIX, RequestToSign,
};
pub use message::{Refusal, SignedMessage, TIME_WINDOW_S, Verified};
pub use notification::{Notification, Opened, decrypt};
pub use opening::Opening;
pub use order::PrepayRequest;
pub use refund::RefundRequest;
pub use request_payment::RequestPayment;
pub use standing::Trouble;
pub use trail::{CallEnd, follow};
pub use transaction::{Malformed, TradeState, Transaction};
