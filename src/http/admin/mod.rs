//! The operator's routes.

pub mod health;
pub mod product;
pub mod refund;
