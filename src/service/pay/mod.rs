//! What is bought and paid.

pub mod catalogue;
pub mod close_due;
pub mod close_order;
pub mod delivery;
mod deny_refund;
mod inquiry;
pub mod order_response;
pub mod place_order;
mod prepay;
pub mod pursue_refund;
pub mod read_notifications;
pub mod read_order;
pub mod receive_notification;
pub mod reconcile;
mod recorded;
pub mod recorder;
pub mod refund_order;
pub mod refund_response;
pub mod replay_notification;
mod report;
pub mod rest;
mod settle;
pub mod settle_due;
mod settle_refund;
pub mod start_payment;
pub mod sync_order;
mod verdict;
