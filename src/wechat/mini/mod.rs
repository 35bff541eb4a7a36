//! The mini-program API: JSON over `https://api.weixin.qq.com`, errors by `errcode` under status 200.
//!
//! Source: the protocol notes on login and on open data.

pub mod login;
pub mod open_data;
