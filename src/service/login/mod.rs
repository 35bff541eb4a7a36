//! Who is it: login with a code from `wx.login`, and the session that follows.

mod introspect;
mod log_in;
pub mod profile;
pub mod session;
pub mod token;
pub mod trouble;

pub use introspect::{Introspected, introspect};
pub use log_in::{LoggedIn, log_in};
