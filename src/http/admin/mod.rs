//! The operator's routes.

pub mod health;
pub mod notification;
pub mod product;
