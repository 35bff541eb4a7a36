//! Everything that makes weir run on a machine with nothing configured.

pub mod catalogue;
pub mod notebook;
pub mod postgres;
pub mod settings;
