//! What is bought and paid.

pub mod catalogue;
pub mod close_order;
pub mod place_order;
mod prepay;
pub mod pursue_refund;
pub mod read_order;
pub mod receive_notification;
pub mod refund_order;
mod settle;
mod settle_refund;
pub mod start_payment;
pub mod sync_order;
