//! What a shop is, free of any wire, database or clock: values, the machines of order,
//! payment attempt and refund, and the decisions about money.
//!
//! Nothing here does I/O or reads the time by itself: state, event and `now` come in, the new
//! state and the wanted effects go out. That is what makes every decision a table that a test can
//! print in full.

pub mod access_token;
pub mod allowance;
pub mod attempt;
pub mod china;
pub mod clock;
pub mod collection;
pub mod content_check;
pub mod entropy;
pub mod exception;
pub mod fen;
pub mod file;
pub mod id;
pub mod link;
pub mod media_url;
pub mod moment;
pub mod name;
pub mod open_data;
pub mod order;
pub mod outbox;
pub mod page;
pub mod phone_number;
pub mod planned;
pub mod product;
pub mod reconciliation;
pub mod refund;
pub mod schedule;
pub mod settlement;
pub mod shipment;
pub mod subscribe;
pub mod text;
pub mod user;
pub mod webhook_url;
pub mod wxacode;
