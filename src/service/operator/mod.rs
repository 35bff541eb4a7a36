//! What the operator sees and decides.

pub mod exceptions;
