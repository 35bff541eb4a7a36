//! Subscribe messages: sent for services and at events of orders, and counted by what people allow.

mod grant;
mod key;
mod order;
mod push;
mod refusal;
mod send;
