//! The operator's routes.

pub mod collection;
pub mod document;
pub mod event;
pub mod exception;
pub mod health;
pub mod notification;
pub mod order;
pub mod product;
pub mod reconciliation;
pub mod refund;
pub mod session_key;
pub mod shipment;
pub mod user;
