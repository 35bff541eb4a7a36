//! The mini-program API: JSON over `https://api.weixin.qq.com`, errors by `errcode` under status 200.
//!
//! Source: the protocol notes on login, open data, access tokens and the mini-program APIs.

mod answer;
pub mod api;
pub mod cloud_function;
pub mod cloud_id;
pub mod content_check;
pub mod free;
pub mod link;
pub mod login;
pub mod open_data;
pub mod phone_number;
pub mod session_key;
pub mod token;
pub mod wxacode;
