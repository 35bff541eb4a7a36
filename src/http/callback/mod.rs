//! What WeChat calls. Its own small answers, never a problem document.

pub mod pay;
