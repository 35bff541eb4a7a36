//! What is bought and paid.

pub mod catalogue;
pub mod close_order;
mod inquiry;
pub mod place_order;
mod prepay;
pub mod read_order;
pub mod receive_notification;
mod settle;
pub mod start_payment;
pub mod sync_order;
