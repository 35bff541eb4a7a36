//! What is bought and paid.

mod call_log;
pub mod catalogue;
pub mod close_due;
pub mod close_order;
pub mod delivery;
mod inquiry;
pub mod order_response;
pub mod place_order;
mod prepay;
pub mod read_notifications;
pub mod read_order;
pub mod receive_notification;
mod recorded;
pub mod recorder;
pub mod replay_notification;
mod report;
pub mod rest;
mod settle;
pub mod settle_due;
pub mod start_payment;
pub mod sync_order;
mod verdict;
