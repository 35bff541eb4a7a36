//! What the operator sees and decides.

pub mod exceptions;
pub mod orders;
pub mod timeline;
pub mod users;
