//! Message push: what WeChat tells a server by itself, from the raw request to a typed message.
//!
//! A [`Knock`] is a request as it came. It is verified and opened under the [`PushKeys`] of its mini
//! program, in the plain form, the compatible one or the safe one, and what is inside is read into a
//! [`PushMessage`], whether it is JSON or XML. What is not known here is a message all the same.
//!
//! XML is read without a document type and without entities but the five of XML itself; depth and size
//! are bounded. Source: mini-program-apis, sections 3 to 6.

mod document;
mod event;
mod keys;
mod knock;
mod message;
mod query;
mod xml;

pub use document::DocumentError;
pub use event::{MediaCheck, PushEvent, SubscribeAnswer, SubscribeSent, TradeOrder, TradeSettlement};
pub use keys::{PushKeyError, PushKeys};
pub use knock::{Knock, Refusal, TIME_WINDOW_S};
pub use message::PushMessage;
pub use query::PushQuery;
