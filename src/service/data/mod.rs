//! What WeChat encrypts and signs for a user: open data.

pub mod open_data;
