//! Who is it: login with a code from `wx.login`, and the session that follows.

mod login;
pub mod profile;
pub mod session;
pub mod token;
pub mod trouble;

pub use login::{LoggedIn, login};
